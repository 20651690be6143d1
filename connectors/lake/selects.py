"""Reads a select before it runs for a viewer of limited sight: what it names, what it may not do.

Only the statement's shape is judged here. That no foreign row is found does not rest on it: the
viewer's lake holds nothing else (`connectors.lake.permitted`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from connectors.errors import ForbiddenError
from connectors.settings import LAKE_NAME

# Whatever is no plain reading of tables: other statements, the engine's own state, the file system.
_NEVER = tuple(
    getattr(exp, name)
    for name in (
        "Command", "Describe", "Show", "Summarize", "Pragma", "Create", "Insert", "Update",
        "Delete", "Merge", "Drop", "Alter", "Attach", "Detach", "Copy", "Set", "Into", "Use",
        "ReadCSV", "ReadParquet", "Install", "Export",
    )
    if hasattr(exp, name)
)  # fmt: skip
_SERIES = {"range", "generate_series"}
_TELLING_FUNCTIONS = {"getenv", "current_setting", "getvariable", "query", "query_table", "glob"}
_TELLING_STARTS = (
    "read_", "parquet_", "sniff_", "pragma_", "duckdb_", "ducklake_", "sqlite_", "postgres_",
    "pg_", "which_secret", "current_database", "current_schema",
)  # fmt: skip


@dataclass(frozen=True)
class TableName:
    """A table as a statement names it, in lower case; no schema when it names none."""

    schema: str
    name: str


@dataclass(frozen=True)
class Statement:
    """A checked select.

    Attributes:
        tree: as it was parsed; never changed.
        tables: what it reads, the names of its own subqueries among them.
        own: names of its own subqueries (CTEs).
    """

    tree: exp.Query
    tables: frozenset[TableName]
    own: frozenset[str]


@lru_cache(maxsize=2048)
def read_select(sql: str) -> Statement:
    """Parse and check a statement.

    Raises:
        ForbiddenError: it is no single select of the lake's own tables.
    """
    try:
        found = [one for one in sqlglot.parse(sql, dialect="duckdb") if one is not None]
    except SqlglotError as error:
        raise ForbiddenError("This question can't be checked for a limited view.") from error
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise ForbiddenError("A limited view takes one select and nothing else.")
    tree = found[0]
    for node in tree.walk():
        _check(node)
    return Statement(
        tree=tree,
        tables=frozenset(_tables(tree)),
        own=frozenset(one.alias.lower() for one in tree.find_all(exp.CTE)),
    )


def _check(node: exp.Expr) -> None:
    if isinstance(node, _NEVER):
        raise ForbiddenError("A limited view takes one select and nothing else.")
    if isinstance(node, exp.Anonymous):
        name = str(node.name).lower()
        if name in _TELLING_FUNCTIONS or name.startswith(_TELLING_STARTS):
            raise ForbiddenError(f"The function {name} is not part of a limited view.")
    if isinstance(node, exp.Func) and node.key in {"currentdatabase", "currentschema"}:
        raise ForbiddenError(f"The function {node.key} is not part of a limited view.")


def _tables(tree: exp.Query) -> Iterator[TableName]:
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            if isinstance(table.this, exp.GenerateSeries) or table.this.name.lower() in _SERIES:
                continue
            raise ForbiddenError("A limited view reads tables only.")
        if table.args.get("version") or table.args.get("when"):
            raise ForbiddenError("A limited view shows one publication only.")
        catalogue, schema = table.catalog.lower(), table.db.lower()
        if catalogue not in ("", LAKE_NAME) or table.name.lower() in ("", LAKE_NAME):
            raise ForbiddenError("A limited view reads tables of the lake only.")
        yield TableName(schema, table.name.lower())


def outputs_of(statement: Statement, hides: Callable[[str], bool]) -> frozenset[str] | None:
    """Names of the result's columns that are made of hidden ones; None: all of them are.

    Judged by names alone, whatever table they belong to: rather one column too many than a sum of
    nothing shown as zero.

    Raises:
        ForbiddenError: hidden columns decide which rows count.
    """
    made_of: dict[str, set[str]] = {}
    for node in statement.tree.walk():
        if isinstance(node, exp.Where | exp.Having | exp.Qualify):
            _refuse_hidden(node, hides)
        elif isinstance(node, exp.Join) and isinstance(node.args.get("on"), exp.Expr):
            _refuse_hidden(node.args["on"], hides)
        elif isinstance(node, exp.TableAlias) and node.columns and _names(node.parent, hides):
            return None
    for query in statement.tree.find_all(exp.Select):
        for projection in query.expressions:
            made_of.setdefault(projection.alias_or_name.lower(), set()).update(_columns(projection))
    for union in statement.tree.find_all(exp.SetOperation):
        if not _pair_branches(union, made_of):
            return None
    hidden = {name for name in made_of if hides(name)}
    hidden |= {part for parts in made_of.values() for part in parts if hides(part)}
    while True:
        more = {name for name, parts in made_of.items() if parts & hidden} - hidden
        if not more:
            return frozenset(hidden)
        hidden |= more


def _refuse_hidden(node: exp.Expr, hides: Callable[[str], bool]) -> None:
    found = _names(node, hides)
    if found:
        raise ForbiddenError(
            f"{', '.join(found)} is hidden from your role, and this question depends on it."
        )


def _names(node: exp.Expr | None, hides: Callable[[str], bool]) -> list[str]:
    return [] if node is None else sorted({name for name in _columns(node) if hides(name)})


def _columns(node: exp.Expr) -> Iterable[str]:
    return {column.name.lower() for column in node.find_all(exp.Column)}


def _pair_branches(union: exp.SetOperation, made_of: dict[str, set[str]]) -> bool:
    """Give the first branch's names what the other branches have in their place."""
    first, *others = _branches(union)
    names = [one.alias_or_name.lower() for one in first.expressions]
    for other in others:
        if other.is_star or first.is_star:
            # Stars pass names through; a differing order of columns can't be followed.
            if not (other.is_star and first.is_star):
                return False
            continue
        if len(other.expressions) != len(names):
            return False
        for name, projection in zip(names, other.expressions, strict=True):
            made_of.setdefault(name, set()).update(_columns(projection))
    return True


def _branches(query: exp.Expr) -> list[exp.Select]:
    if isinstance(query, exp.SetOperation):
        return [*_branches(query.left), *_branches(query.right)]
    inner = query.unnest() if isinstance(query, exp.Subquery) else query
    if isinstance(inner, exp.SetOperation):
        return _branches(inner)
    return [inner] if isinstance(inner, exp.Select) else []
