"""What every step of learning does with what was learnt: keep, write and tell it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import duckdb
import pandas as pd

from connectors.settings import Settings
from orchestration.learning.inputs import TABLE as LEARNING_INPUTS
from orchestration.learning.inputs import LastTime
from orchestration.learning.ml_tables import empty_frame, write_ml_tables


@dataclass(frozen=True)
class Learned:
    """What a step wrote, and what a person should know about it."""

    rows: dict[str, int]
    notes: list[str] = field(default_factory=list)


def _stack(frames: Iterable[pd.DataFrame], table: str) -> pd.DataFrame:
    filled = [frame for frame in frames if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else empty_frame(table)


def kept_learning(before: LastTime, **counts: int) -> Learned:
    """What stands from the last time, where nothing that is learnt from has changed.

    Args:
        before: what was learnt then.
        **counts: rows of tables that are not written by this step alone.
    """
    rows = {table: len(frame) for table, frame in before.rows.items()}
    return Learned(rows | counts, before.notes())


def write_learnt(
    settings: Settings,
    before: LastTime,
    learnt: Mapping[str, list[pd.DataFrame]],
    notes: list[str],
    **tables: pd.DataFrame,
) -> Learned:
    """Write what was learnt and kept, beside what it was learnt from."""
    frames = {table: _stack(frames, table) for table, frames in learnt.items()} | tables
    written = write_ml_tables(settings, {**frames, LEARNING_INPUTS: before.inputs})
    return Learned({table: written[table] for table in frames}, notes)


def tables_there(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> set[str]:
    """Which of these tables the lake has: an installation may leave out marts that it lacks."""
    return {
        str(name)
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where list_contains($names, table_name)",
            {"names": list(names)},
        ).fetchall()
    }
