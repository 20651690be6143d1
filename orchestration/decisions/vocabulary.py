"""What a rule's tables, columns, values and conditions are called by people, in each language.

Words are data (`vocabulary.yml`); a condition is read from its checked tree, so that whatever the
allow-list of conditions lets through has words.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError

Language = Literal["en", "zh"]
Part = Literal["tables", "columns", "facts", "values", "people"]
_WORDS_FILE = Path(__file__).with_name("vocabulary.yml")
_YES_NO = ("is_", "has_", "was_", "can_", "may_")

_COMPARED: Mapping[type[exp.Expr], Mapping[Language, str]] = {
    exp.EQ: {"en": "{left} is {right}", "zh": "{left}为{right}"},
    exp.NEQ: {"en": "{left} is not {right}", "zh": "{left}不为{right}"},
    exp.NullSafeEQ: {"en": "{left} is {right}", "zh": "{left}为{right}"},
    exp.NullSafeNEQ: {"en": "{left} is not {right}", "zh": "{left}不为{right}"},
    exp.GT: {"en": "{left} is above {right}", "zh": "{left}高于 {right}"},
    exp.GTE: {"en": "{left} is at least {right}", "zh": "{left}不低于 {right}"},
    exp.LT: {"en": "{left} is below {right}", "zh": "{left}低于 {right}"},
    exp.LTE: {"en": "{left} is at most {right}", "zh": "{left}不高于 {right}"},
    exp.Like: {"en": "{left} is like {right}", "zh": "{left}形如{right}"},
    exp.ILike: {"en": "{left} is like {right}", "zh": "{left}形如{right}"},
    exp.Add: {"en": "{left} + {right}", "zh": "{left} + {right}"},
    exp.Sub: {"en": "{left} − {right}", "zh": "{left} − {right}"},
    exp.Mul: {"en": "{left} × {right}", "zh": "{left} × {right}"},
    exp.Div: {"en": "{left} ÷ {right}", "zh": "{left} ÷ {right}"},
    exp.IntDiv: {"en": "{left} ÷ {right}", "zh": "{left} ÷ {right}"},
    exp.Mod: {"en": "the rest of {left} ÷ {right}", "zh": "{left} ÷ {right} 的余数"},
}
_SAID: Mapping[str, Mapping[Language, str]] = {
    "and": {"en": " and ", "zh": "，且"},
    "or": {"en": " or ", "zh": "或"},
    "not": {"en": "not: {what}", "zh": "并非{what}"},
    "known": {"en": "{left} is known", "zh": "{left}已有"},
    "unknown": {"en": "there is no {left} yet", "zh": "尚无{left}"},
    "in": {"en": "{left} is {right}", "zh": "{left}为{right}"},
    "not_in": {"en": "{left} is neither {right}", "zh": "{left}不为{right}"},
    "or_of": {"en": " or ", "zh": "或"},
    "nor_of": {"en": " nor ", "zh": "或"},
    "between": {
        "en": "{left} is from {low} to {high}",
        "zh": "{left}在 {low} 至 {high} 之间",
    },
    "length": {"en": "the length of {left}", "zh": "{left}的位数"},
    "fact": {"en": "it {what}", "zh": "{what}"},
    "not_fact": {"en": "it is not so that it {what}", "zh": "并非{what}"},
}


def label(part: Part, name: str, language: Language) -> str:
    """The words for a name; the name read as words where the vocabulary lacks it."""
    found = _vocabulary()[part].get(name)
    return found[language] if found else name.replace("_", " ").strip()


@cache
def _vocabulary() -> Mapping[Part, Mapping[str, Mapping[str, str]]]:
    words: Mapping[Part, Mapping[str, Mapping[str, str]]] = yaml.safe_load(
        _WORDS_FILE.read_text(encoding="utf-8")
    )
    return words


def condition_words(condition: str, language: Language, value: Callable[[str], str | None]) -> str:
    """A condition of a rule in words.

    Args:
        condition: SQL as its author wrote it.
        language: of the words.
        value: the value of a parameter, as text; None when there is no such parameter.
    """
    try:
        tree = sqlglot.parse_one(condition, dialect="duckdb")
    except SqlglotError:  # what is wrong is told where the condition is written
        return condition
    return _Reader(language, value).read(tree)


class _Reader:
    def __init__(self, language: Language, value: Callable[[str], str | None]) -> None:
        self._language, self._value = language, value

    def _say(self, word: str, **values: str) -> str:
        return _SAID[word][self._language].format(**values)

    def read(self, node: exp.Expr) -> str:
        """A node and all below it."""
        if isinstance(node, exp.Binary) and type(node) in _COMPARED:
            said = _COMPARED[type(node)][self._language]
            return said.format(left=self.read(node.left), right=self.read(node.right))
        for kind, method in self._METHODS.items():
            if isinstance(node, kind):
                return str(method(self, node))
        return node.sql(dialect="duckdb")

    def _joined(self, node: exp.And | exp.Or) -> str:
        word = "and" if isinstance(node, exp.And) else "or"
        return f"{self.read(node.left)}{self._say(word)}{self.read(node.right)}"

    def _between(self, node: exp.Between) -> str:
        return self._say(
            "between",
            left=self.read(node.this),
            low=self.read(node.args["low"]),
            high=self.read(node.args["high"]),
        )

    def _bracketed(self, node: exp.Paren) -> str:
        inside = self.read(node.this)
        if isinstance(node.this, exp.Column | exp.Literal | exp.Placeholder):
            return inside
        is_reckoned = self._language == "en" or not isinstance(node.this, exp.Or | exp.And)
        return f"({inside})" if is_reckoned else f"（{inside}）"

    def _negated(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Paren):
            node = node.this
        if isinstance(node, exp.Is):
            return self._is(node, is_negated=True)
        if isinstance(node, exp.In):
            return self._in(node, is_negated=True)
        if isinstance(node, exp.Column):
            return self._fact(node.name, is_true=False)
        return self._say("not", what=self.read(node))

    def _is(self, node: exp.Is, *, is_negated: bool) -> str:
        right = node.expression
        if isinstance(right, exp.Not):
            is_negated, right = not is_negated, right.this
        if isinstance(right, exp.Boolean) and isinstance(node.this, exp.Column):
            return self._fact(node.this.name, is_true=bool(right.this) != is_negated)
        name = self.read(node.this)
        return self._say("known" if is_negated else "unknown", left=name)

    def _in(self, node: exp.In, *, is_negated: bool) -> str:
        between = self._say("nor_of" if is_negated else "or_of")
        listed = between.join(self.read(one) for one in node.expressions)
        word = "not_in" if is_negated and len(node.expressions) > 1 else "in"
        if is_negated and len(node.expressions) == 1:
            said = _COMPARED[exp.NEQ][self._language]
            return said.format(left=self.read(node.this), right=listed)
        return self._say(word, left=self.read(node.this), right=listed)

    def _fact(self, name: str, *, is_true: bool) -> str:
        known = _vocabulary()["facts"].get(name)
        if known:
            return known[self._language if is_true else f"not_{self._language}"]
        what = name.replace("_", " ")
        return self._say("fact" if is_true else "not_fact", what=what)

    def _column(self, node: exp.Column) -> str:
        stands_alone = not isinstance(node.parent, exp.Binary) or isinstance(
            node.parent, exp.And | exp.Or
        )
        is_fact = node.name in _vocabulary()["facts"]
        if is_fact or (stands_alone and node.name.startswith(_YES_NO)):
            return self._fact(node.name, is_true=True)
        return label("columns", node.name, self._language)

    def _parameter(self, node: exp.Placeholder | exp.Parameter) -> str:
        name = str(node.name or node.this)
        given = self._value(name)
        return name.replace("_", " ") if given is None else self._text(given)

    def _literal(self, node: exp.Literal) -> str:
        return self._text(node.name) if node.is_string else node.name

    def _function(self, node: exp.Func) -> str:
        if isinstance(node, exp.Length):
            return self._say("length", left=self.read(node.this))
        inside = [part for part in node.args.values() if isinstance(part, exp.Expr)]
        listed = ", ".join(self.read(part) for part in inside)
        return f"{node.sql_name().lower().replace('_', ' ')}({listed})"

    def _text(self, value: str) -> str:
        return label("values", value, self._language)

    # In this order: a class before those that it derives from.
    _METHODS: Mapping[type[exp.Expr] | tuple[type[exp.Expr], ...], Callable[..., str]] = {
        (exp.And, exp.Or): _joined,
        exp.Not: lambda self, node: self._negated(node.this),
        exp.Is: lambda self, node: self._is(node, is_negated=False),
        exp.In: lambda self, node: self._in(node, is_negated=False),
        exp.Between: _between,
        exp.Paren: _bracketed,
        exp.Neg: lambda self, node: f"−{self.read(node.this)}",
        exp.Column: _column,
        (exp.Placeholder, exp.Parameter): _parameter,
        exp.Literal: _literal,
        exp.Func: _function,
    }
