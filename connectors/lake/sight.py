"""What one viewer may see of the lake: which rows, and which columns never."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, Self, get_args

RowDimension = Literal["business", "channel", "region", "site"]
ROW_DIMENSIONS: tuple[RowDimension, ...] = get_args(RowDimension)


@dataclass(frozen=True)
class Sight:
    """Rows and columns of one viewer; hashable, so that it can be part of the key of a cache.

    Attributes:
        rows: permitted values by dimension; a dimension that is not named is not restricted.
        hidden: patterns of hidden columns and metrics, `name` or `table.name`; `*` stands for
            anything.
    """

    rows: tuple[tuple[RowDimension, tuple[str, ...]], ...] = ()
    hidden: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, rows: Mapping[RowDimension, Iterable[str] | None], hidden: Iterable[str] = ()
    ) -> Self:
        """Sight of these rows (None: of all), the same one however the values are ordered."""
        kept = [
            (name, tuple(sorted(set(values))))
            for name in ROW_DIMENSIONS
            if (values := rows.get(name)) is not None
        ]
        return cls(tuple(kept), tuple(sorted({one.lower() for one in hidden})))

    @property
    def is_limited(self) -> bool:
        """Whether anything is hidden."""
        return bool(self.rows or self.hidden)

    def permitted(self) -> dict[RowDimension, tuple[str, ...]]:
        """Permitted values by dimension."""
        return dict(self.rows)

    def digest(self) -> str:
        """Changes when what is seen changes; two viewers who see the same have the same."""
        seen = json.dumps([self.rows, self.hidden], ensure_ascii=False)
        return hashlib.sha256(seen.encode()).hexdigest()

    def hides(self, name: str, table: str = "") -> bool:
        """Whether a column (of that table) or metric is never seen."""
        column, whole = name.lower(), f"{table}.{name}".lower()
        return any(fnmatchcase(whole if "." in one else column, one) for one in self.hidden)

    def narrowed(self, other: "Sight") -> "Sight":
        """What both see: rows that both permit, columns that neither hides."""
        rows: dict[RowDimension, Iterable[str] | None] = {**self.permitted()}
        for name, values in other.rows:
            mine = rows.get(name)
            rows[name] = values if mine is None else set(mine) & set(values)
        return Sight.of(rows, (*self.hidden, *other.hidden))

    def permits(self, facts: Iterable[Mapping[str, object]]) -> bool:
        """Whether facts about one thing place it among these rows, and none denies it."""
        told = list(facts)
        for name, values in self.rows:
            said = [one[name] for one in told if one.get(name) is not None]
            if not said or any(value not in values for value in said):
                return False
        return True


EVERYTHING = Sight()
