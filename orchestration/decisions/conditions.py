"""Parses a rule's condition and lets through only what is on the allow-list.

A condition is one boolean SQL expression (DuckDB's dialect) over the columns of one table, with
`:named` parameters. Nothing in it can read another table, call a function with an effect, or look
at the clock; what reaches the engine is printed from the checked tree, never the text itself.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from connectors.errors import InputError

MAX_LENGTH = 4_000
_MAX_TOKENS = 500
_MAX_DEPTH = 40
_DIALECT = "duckdb"

_COMPARISONS = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Like,
    exp.ILike,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
)
_CONNECTORS = (exp.And, exp.Or, exp.Not)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg)
_FUNCTIONS = (
    exp.Abs,
    exp.Ceil,
    exp.Coalesce,
    exp.Contains,
    exp.DateDiff,
    exp.EndsWith,
    exp.Floor,
    exp.Greatest,
    exp.Least,
    exp.Length,
    exp.Lower,
    exp.Nullif,
    exp.Round,
    exp.StartsWith,
    exp.Trim,
    exp.Upper,
)
_LEAVES = (
    exp.Boolean,
    exp.Case,
    exp.Column,
    exp.Identifier,
    exp.If,
    exp.Interval,
    exp.Literal,
    exp.Null,
    exp.Paren,
    exp.Placeholder,
    exp.Var,
)
_ALLOWED = frozenset((*_COMPARISONS, *_CONNECTORS, *_ARITHMETIC, *_FUNCTIONS, *_LEAVES))
_BOOLEAN = (*_COMPARISONS, *_CONNECTORS, exp.Boolean, exp.Column)
_BOOLEAN_FUNCTIONS = (exp.Contains, exp.EndsWith, exp.StartsWith)
FUNCTION_NAMES = (
    "abs, ceil, coalesce, contains, date_diff, ends_with, floor, greatest, least, length, lower, "
    "nullif, round, starts_with, trim, upper"
)


class ConditionError(InputError):
    """A condition that is not allowed.

    Attributes:
        text: the whole condition.
        position: offset of the offending word in it; None when it has no place.
        problem: what is wrong, without the condition and the place.
    """

    def __init__(self, message: str, text: str, position: int | None, problem: str) -> None:
        super().__init__(message)
        self.text = text
        self.position = position
        self.problem = problem


@dataclass(frozen=True)
class Condition:
    """A checked condition: the SQL to run, and the columns and parameters that it uses."""

    sql: str
    columns: frozenset[str]
    parameters: frozenset[str]


def parse_condition(
    text: str,
    *,
    parameters: Collection[str],
    columns: Collection[str] | None = None,
    given: Mapping[str, str] | None = None,
) -> Condition:
    """Check a condition against the allow-list.

    Args:
        text: the condition as its author wrote it.
        parameters: names of the parameters that the rule declares.
        columns: columns of the rule's table; None leaves them unchecked (no table at hand).
        given: parameters whose value differs by row, with the column that has it.

    Raises:
        ConditionError: says what is not allowed, at which character, and what to do.
    """
    tokens = _tokenize(text)
    tree = _parse(text, tokens)
    checker = _Checker(text, tokens, frozenset(parameters), columns)
    checker.check(tree)
    by_row = given or {}
    tree = tree.transform(lambda node: _of_row(node, by_row), copy=False)
    return Condition(
        sql=tree.sql(dialect=_DIALECT, identify=True, comments=False),
        columns=frozenset(checker.columns),
        parameters=frozenset(checker.parameters - by_row.keys()),
    )


def _of_row(node: exp.Expr, given: Mapping[str, str]) -> exp.Expr:
    if isinstance(node, exp.Placeholder) and node.this in given:
        return exp.column(given[node.this], quoted=True)
    return node


def closest(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or nothing when none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _refuse(text: str, position: int | None, problem: str) -> ConditionError:
    """A refusal that says where; only an empty condition has no place."""
    shown = text if len(text) <= 120 else f"{text[:117]}..."
    where = "" if position is None else f" at character {position + 1}"
    message = f'The condition "{shown}" is not usable{where}: {problem}'
    return ConditionError(message, text, position, problem)


def _tokenize(text: str) -> list[Token]:
    if not text.strip():
        raise _refuse(text, None, "it is empty; write a comparison such as quantity > :minimum.")
    if len(text) > MAX_LENGTH:
        problem = f"it is longer than {MAX_LENGTH} characters; split the rule."
        raise _refuse(text, MAX_LENGTH, problem)
    try:
        tokens = sqlglot.Dialect.get_or_raise(_DIALECT).tokenize(text)
    except SqlglotError as error:
        problem = f"it cannot be read ({_first_line(error)})."
        raise _refuse(text, _open_quote(text), problem) from None
    if len(tokens) > _MAX_TOKENS:
        problem = f"it has more than {_MAX_TOKENS} words; split the rule."
        raise _refuse(text, tokens[_MAX_TOKENS].start, problem)
    _check_tokens(text, tokens)
    return tokens


def _check_tokens(text: str, tokens: list[Token]) -> None:
    """Refuse what is easier to see in the words than in the tree."""
    depth = run = 0
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            raise _refuse(text, token.start, "it must be one expression without a semicolon.")
        if token.comments:
            raise _refuse(text, token.start, "comments are not allowed in a condition.")
        if token.token_type in (TokenType.L_PAREN, TokenType.CASE):
            depth += 1
        elif token.token_type in (TokenType.R_PAREN, TokenType.END):
            depth -= 1
        run = run + 1 if token.token_type in (TokenType.NOT, TokenType.DASH) else 0
        if max(depth, run) > _MAX_DEPTH:
            raise _refuse(text, token.start, f"it is nested deeper than {_MAX_DEPTH} levels.")


def _with_dollars(text: str, tokens: list[Token]) -> str:
    """Parameters as $name: after a parenthesis the parser takes :name for an alias."""
    letters = list(text)
    for token, following in pairwise(tokens):
        if token.token_type is TokenType.COLON and following.start == token.end + 1:
            letters[token.start] = "$"
    return "".join(letters)


def _parse(text: str, tokens: list[Token]) -> exp.Expr:
    try:
        return sqlglot.parse_one(_with_dollars(text, tokens), dialect=_DIALECT, into=exp.Condition)
    except ParseError as error:
        detail = error.errors[0] if error.errors else {}
        column = detail.get("col")
        highlight = str(detail.get("highlight") or "").strip()
        near = f" near '{highlight}'" if highlight else ""
        start = _offset(text, detail.get("line"), column, len(highlight))
        start = len(text) - 1 if start is None else start
        raise _refuse(text, start, f"it is not a complete SQL expression{near}.") from None
    except Exception as error:
        # The compiled parser answers some nonsense with TypeError and the like (found by fuzzing).
        problem = f"it is not a SQL expression ({type(error).__name__})."
        raise _refuse(text, 0, problem) from error


class _Checker:
    """Walks the tree once and collects what the condition uses."""

    def __init__(
        self,
        text: str,
        tokens: list[Token],
        parameters: frozenset[str],
        columns: Collection[str] | None,
    ) -> None:
        self._text = text
        self._tokens = tokens
        self._known_parameters = parameters
        self._known_columns = None if columns is None else {name.lower() for name in columns}
        self.columns: set[str] = set()
        self.parameters: set[str] = set()

    def check(self, tree: exp.Expr) -> None:
        """Refuse everything that is not on the allow-list."""
        for node in tree.walk():
            if type(node) not in _ALLOWED:
                self._refuse_node(node)
            if isinstance(node, exp.Column):
                self._check_column(node)
            elif isinstance(node, exp.Placeholder):
                self._check_parameter(node)
            elif isinstance(node, exp.In) and not node.expressions:
                self._fail(node, "IN needs a list of values, not a table or a subquery.")
        self._check_boolean(tree)

    def _check_boolean(self, tree: exp.Expr) -> None:
        root = tree.unnest()
        if not isinstance(root, (*_BOOLEAN, *_BOOLEAN_FUNCTIONS)):
            self._fail(root, "its result is not true or false; compare it with something.")

    def _check_column(self, node: exp.Column) -> None:
        name = node.name.lower()
        if not isinstance(node.this, exp.Identifier):
            self._fail(node, "only plain column names are allowed.")
        if node.args.get("table") is not None:
            self._fail(node, f"write {name} without a table name; a rule reads one table.")
        if self._known_columns is not None and name not in self._known_columns:
            hint = closest(name, self._known_columns)
            self._fail(node, f"the table has no column {name}{hint or '.'}")
        self.columns.add(name)

    def _check_parameter(self, node: exp.Placeholder) -> None:
        name = node.this
        if not isinstance(name, str):
            self._fail(node, "a parameter needs a name, such as :minimum.")
        if name not in self._known_parameters:
            hint = closest(name, self._known_parameters)
            self._fail(node, f"the rule declares no parameter {name}{hint or '.'}")
        self.parameters.add(name)

    def _refuse_node(self, node: exp.Expr) -> None:
        if isinstance(node, exp.Query | exp.Subquery | exp.Exists | exp.Table):
            self._fail(node, "subqueries and other tables are not allowed.")
        if isinstance(node, exp.Func):
            name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
            self._fail(
                node, f"the function {name.lower()} is not allowed; there are {FUNCTION_NAMES}."
            )
        self._fail(node, f"{type(node).__name__.lower()} is not allowed in a condition.")

    def _fail(self, node: exp.Expr, problem: str) -> None:
        raise _refuse(self._text, self._position(node), problem)

    def _position(self, node: exp.Expr) -> int:
        """Offset of a node: of its first word, else of its name, else of what contains it."""
        starts = [int(part.meta["start"]) for part in node.walk() if "start" in part.meta]
        if isinstance(node, exp.Placeholder):
            starts += [
                token.start - 1
                for token, before in zip(self._tokens[1:], self._tokens, strict=False)
                if token.text == node.name and before.text in (":", "$")
            ]
        if isinstance(node, exp.Func):
            names = {node.sql_name().lower(), *(name.lower() for name in node.sql_names())}
            starts += [token.start for token in self._tokens if token.text.lower() in names]
        if starts:
            return min(starts)
        return self._position(node.parent) if node.parent else self._tokens[0].start


def _offset(text: str, line: object, column: object, width: int) -> int | None:
    """Offset of a word that the parser reports by line and by the column where it ends."""
    if not isinstance(line, int) or not isinstance(column, int):
        return None
    before = sum(len(part) for part in text.splitlines(keepends=True)[: line - 1])
    return max(0, before + column - max(width, 1))


def _open_quote(text: str) -> int:
    """Offset of the quote that nothing closes, else of the beginning."""
    opened: int | None = None
    for offset, character in enumerate(text):
        if opened is None and character in "'\"":
            opened = offset
        elif opened is not None and character == text[opened]:
            opened = None
    return opened or 0


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
