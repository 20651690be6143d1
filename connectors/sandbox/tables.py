"""Tables of truth are dataclasses of columns of one length: rows of one, two of them as one."""

from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from connectors.sandbox.world import Flags, Ints

Table = TypeVar("Table")


def taken(table: Table, rows: Ints | Flags) -> Table:
    """The given rows (positions, or a flag for each row) as a table of the same kind."""
    kind: Any = type(table)
    made: Table = kind(**{field.name: getattr(table, field.name)[rows] for field in fields(kind)})
    return made


def stacked(first: Table, second: Table) -> Table:
    """The rows of the first table, then those of the second."""
    kind: Any = type(first)
    made: Table = kind(
        **{
            field.name: np.concatenate([getattr(first, field.name), getattr(second, field.name)])
            for field in fields(kind)
        }
    )
    return made
