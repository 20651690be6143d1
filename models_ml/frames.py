"""Checks on incoming frames, shared by every model of this room.

Belongs here: what makes a frame unusable and the one error that says so. A check never repairs
data: repairing is the work of the dbt models that build the frame.
"""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pandas as pd

SHOWN_ROWS = 20


class FrameError(ValueError):
    """A frame cannot be used; `rows` holds the offending rows (at most 20), the text says why."""

    def __init__(self, message: str, rows: pd.DataFrame | None = None) -> None:
        """Keep a sample of the offending rows beside the sentence."""
        super().__init__(message)
        self.rows = pd.DataFrame() if rows is None else rows.head(SHOWN_ROWS)


def require_columns(frame: pd.DataFrame, columns: Iterable[str], *, name: str) -> None:
    """Refuse a frame that lacks a column.

    Raises:
        FrameError: with the names of the missing columns.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise FrameError(f"The frame {name} lacks the column(s) {', '.join(missing)}; add them.")


def require_values(frame: pd.DataFrame, columns: Iterable[str], *, name: str) -> None:
    """Refuse a frame with an empty value in one of the columns.

    Raises:
        FrameError: with the rows that have the empty value.
    """
    for column in columns:
        empty = frame[column].isna().to_numpy()
        if empty.any():
            raise FrameError(
                f"The frame {name} has {int(empty.sum())} row(s) without {column}; remove them.",
                frame[empty],
            )


def require_unique(frame: pd.DataFrame, columns: list[str], *, name: str) -> None:
    """Refuse a frame in which two rows share a key.

    Raises:
        FrameError: with all the rows that share their key with another one.
    """
    repeated = frame.duplicated(columns, keep=False).to_numpy()
    if repeated.any():
        raise FrameError(
            f"The frame {name} has {int(repeated.sum())} rows that share their "
            f"{', '.join(columns)} with another row; keep one of each.",
            frame[repeated],
        )


def require_one_business(frame: pd.DataFrame, *, name: str) -> str:
    """The single business of a non-empty frame: models are never fitted across businesses.

    Raises:
        FrameError: the frame holds several businesses.
    """
    businesses = frame["business"].unique().tolist()
    if len(businesses) != 1:
        listed = ", ".join(sorted(map(str, businesses)))
        raise FrameError(
            f"The frame {name} holds several businesses ({listed}); pass one at a time."
        )
    return str(businesses[0])


def as_float(values: pd.Series) -> np.ndarray:
    """A column as float64 (n,): decimals, nullable integers and booleans too; null becomes NaN.

    Raises:
        FrameError: a value is not a number.
    """
    try:
        return pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        pass
    try:  # a column of Decimal objects
        return np.array(
            [np.nan if pd.isna(value) else float(value) for value in values], dtype=np.float64
        )
    except (TypeError, ValueError) as error:
        raise FrameError(f"The column {values.name} holds a value that is no number.") from error


def as_days(values: pd.Series) -> np.ndarray:
    """A column of dates (date objects, text or timestamps) as datetime64[D] (n,)."""
    return pd.to_datetime(values).to_numpy(dtype="datetime64[D]")


def as_utc(values: pd.Series) -> np.ndarray:
    """A column of instants as datetime64[us] (n,) in UTC; naive values are taken as UTC."""
    instants = pd.to_datetime(values, utc=True).dt.tz_localize(None)
    return instants.to_numpy(dtype="datetime64[us]")


def as_instant(moment: datetime) -> np.datetime64:
    """One instant as datetime64[us] in UTC; a naive one is taken as UTC."""
    stamp = pd.Timestamp(moment)
    aware = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    return np.datetime64(aware.tz_localize(None), "us")


def require_regular_times(frame: pd.DataFrame, *, series: str, time: str, name: str) -> int:
    """Refuse series whose times go backwards or leave some out; returns the step in microseconds.

    The step is the most frequent distance of two rows of one series; a day if there is none.

    Raises:
        FrameError: with the rows that come too early or after a gap.
    """
    instants = as_utc(frame[time]).astype(np.int64)
    number = pd.factorize(frame[series])[0]
    order = np.argsort(number, kind="stable")
    apart = np.diff(instants[order])[np.diff(number[order]) == 0]
    places = order[1:][np.diff(number[order]) == 0]
    if not len(apart):
        return int(np.timedelta64(1, "D") / np.timedelta64(1, "us"))
    if (apart <= 0).any():
        rows = places[apart <= 0]
        raise FrameError(
            f"The frame {name} has {len(rows)} row(s) whose {time} is not after that of the row "
            f"before it in its {series}; sort it by {time}.",
            frame.iloc[rows],
        )
    steps, counted = np.unique(apart, return_counts=True)
    step = int(steps[np.argmax(counted)])
    if (apart != step).any():
        rows = places[apart != step]
        raise FrameError(
            f"The frame {name} has {len(rows)} row(s) that don't follow the row before them in "
            f"their {series} by {pd.Timedelta(step, unit='us')}; add a row for each {time} left "
            "out.",
            frame.iloc[rows],
        )
    return step
