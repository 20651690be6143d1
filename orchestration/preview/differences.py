"""What two snapshots of a lake hold differently, table by table and column by column."""

# ruff: noqa: S608 - names of tables and columns come from the catalogue, and are quoted

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

# When the lake learnt of a row, and the hash of what it was computed of.
_NOT_CONTENT = ("known_at", "received_at", "load_id", "row_hash")
_MOST_VALUES = 60  # a column with more kinds of changes is no list of tiers
_MOVES_SHOWN = 10
_MOST_TEXT = 40


@dataclass(frozen=True)
class Relation:
    """A table that a build writes; the key tells its rows apart, none is known when empty."""

    name: str
    schema: str
    key: tuple[str, ...]


@dataclass(frozen=True)
class Move:
    """How many rows of a table went from one value of a column to another."""

    table: str
    column: str
    before: str
    after: str
    row_count: int


@dataclass(frozen=True)
class TableDifference:
    """What became of a table's rows.

    Attributes:
        table: its name.
        rows_before: how many it had; None when it did not exist.
        rows_after: how many it has; None when it is gone.
        added: rows that only the later one has (by key; whole rows without a key).
        removed: rows that only the earlier one has.
        changed: rows of the same key with other values; None without a key.
        columns: names of the columns with other values, and in how many rows.
        columns_added: columns that are new.
        columns_removed: columns that are gone.
        moves: from which value to which, for columns with few values.
    """

    table: str
    rows_before: int | None
    rows_after: int | None
    added: int = 0
    removed: int = 0
    changed: int | None = None
    columns: tuple[tuple[str, int], ...] = ()
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether anything differs."""
        return bool(
            self.rows_before != self.rows_after
            or self.added
            or self.removed
            or self.changed
            or self.columns_added
            or self.columns_removed
        )


@dataclass(frozen=True)
class Sides:
    """Two databases that a connection has attached, by name."""

    connection: duckdb.DuckDBPyConnection
    before: str
    after: str

    def types(self, database: str, relation: Relation) -> dict[str, str]:
        """The columns of a table and their types; none where it does not exist."""
        return {
            str(name): str(kind)
            for name, kind in self.connection.execute(
                "select column_name, data_type from duckdb_columns() where database_name = ? "
                "and schema_name = ? and table_name = ? order by column_index",
                [database, relation.schema, relation.name],
            ).fetchall()
        }

    def count(self, rows: str) -> int:
        """How many rows a table or a subquery has."""
        found = self.connection.execute(f"select count(*) from {rows}").fetchone()
        return int(found[0]) if found else 0


def compare_table(sides: Sides, relation: Relation) -> TableDifference:
    """Compare a table of two attached databases, by its key or by whole rows.

    Args:
        sides: where both are.
        relation: the table.
    """
    old, new = (sides.types(name, relation) for name in (sides.before, sides.after))
    told = TableDifference(
        relation.name,
        rows_before=sides.count(_place(sides.before, relation)) if old else None,
        rows_after=sides.count(_place(sides.after, relation)) if new else None,
        columns_added=tuple(name for name in new if name not in old) if old else (),
        columns_removed=tuple(name for name in old if name not in new) if new else (),
    )
    common = [name for name in new if name in old]
    if not old or not new:
        return told
    key = [name for name in relation.key if name in common]
    content = [name for name in common if name not in key and name not in _NOT_CONTENT]
    if not key or len(key) != len(relation.key):
        return _by_whole_rows(sides, relation, told, content)
    return _by_key(sides, relation, told, {name: new[name] for name in content})


def _by_whole_rows(
    sides: Sides, relation: Relation, told: TableDifference, content: Sequence[str]
) -> TableDifference:
    listed = ", ".join(map(_quoted, content))
    old, new = (
        f"select {listed} from {_place(name, relation)}" for name in (sides.before, sides.after)
    )
    return replace(
        told,
        added=sides.count(f"({new} except all {old})"),
        removed=sides.count(f"({old} except all {new})"),
    )


def _by_key(
    sides: Sides, relation: Relation, told: TableDifference, content: Mapping[str, str]
) -> TableDifference:
    same_key = " and ".join(
        f"b.{_quoted(name)} is not distinct from a.{_quoted(name)}" for name in relation.key
    )
    joined = (
        f"from {_place(sides.before, relation)} as b "
        f"full join {_place(sides.after, relation)} as a on {same_key}"
    )
    first = _quoted(relation.key[0])
    both = f"b.{first} is not null and a.{first} is not null"
    differs = [f"b.{_quoted(name)} is distinct from a.{_quoted(name)}" for name in content]
    anything = " or ".join(differs) or "false"
    counted = [f"b.{first} is null", f"a.{first} is null", f"{both} and ({anything})"]
    counted += [f"{both} and {one}" for one in differs]
    filters = ", ".join(f"count(*) filter (where {one})" for one in counted)
    row = sides.connection.execute(f"select {filters} {joined}").fetchone()
    added, removed, changed, *by_column = map(int, row or (0,) * len(counted))
    moved = [(name, n) for name, n in zip(content, by_column, strict=True) if n]
    return replace(
        told,
        added=added,
        removed=removed,
        changed=changed,
        columns=tuple(sorted(moved, key=lambda one: (-one[1], one[0]))),
        moves=tuple(
            move
            for name, _ in moved
            if content[name] in ("VARCHAR", "BOOLEAN")
            for move in _moves(sides, relation, name, f"{joined} where {both}")
        ),
    )


def _moves(sides: Sides, relation: Relation, name: str, joined: str) -> list[Move]:
    column = _quoted(name)
    found = sides.connection.execute(
        f"select b.{column}::varchar, a.{column}::varchar, count(*) {joined} "
        f"and b.{column} is distinct from a.{column} group by 1, 2 order by 3 desc, 1, 2 "
        f"limit {_MOST_VALUES + 1}"
    ).fetchall()
    longest = max((len(str(value)) for *values, _ in found for value in values), default=0)
    if len(found) > _MOST_VALUES or longest > _MOST_TEXT:
        return []
    return [
        Move(relation.name, name, "" if b is None else b, "" if a is None else a, int(n))
        for b, a, n in found[:_MOVES_SHOWN]
    ]


def _place(database: str, relation: Relation) -> str:
    return ".".join(map(_quoted, (database, relation.schema, relation.name)))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
