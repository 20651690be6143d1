"""From a long frame of counts to a panel of series by days, and the checks on the way."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models_ml.frames import (
    FrameError,
    as_float,
    as_utc,
    require_columns,
    require_regular_times,
    require_unique,
    require_values,
)

_DAY = np.timedelta64(1, "D").astype("timedelta64[us]").astype(np.int64)
_HOUR = _DAY // 24
_NAME = "counts"


@dataclass(frozen=True)
class Panel:
    """Counts of S series at D times; before a series begins and after it ends trials are 0.

    Attributes:
        successes: (S, D) float64.
        trials: (S, D) float64.
        cycle: (D,) place in the week (daily counts) or day (finer ones); 0 throughout otherwise.
        day_type: (S, D) code of the day type, 0 where there is none.
    """

    successes: np.ndarray
    trials: np.ndarray
    cycle: np.ndarray
    day_type: np.ndarray


@dataclass(frozen=True)
class Placed:
    """A panel, and where each row of the frame stands in it."""

    panel: Panel
    row: np.ndarray
    """(n,) number of the series."""
    column: np.ndarray
    """(n,) number of the time."""


def place_counts(
    counts: pd.DataFrame, *, successes: str, trials: str, time: str, series: str, day_type: str
) -> Placed:
    """The panel of a frame with one row per series and time.

    Raises:
        FrameError: a column or value is missing, a series has a time twice, out of order or
            leaves some out, a count is negative or no whole number, successes exceed trials.
    """
    columns = [series, time, successes, trials, *([day_type] if day_type else [])]
    require_columns(counts, columns, name=_NAME)
    require_values(counts, columns[:4], name=_NAME)
    require_unique(counts, [series, time], name=_NAME)
    done, tried = as_float(counts[successes]), as_float(counts[trials])
    _require_counts(counts, done, tried, successes, trials)
    step = require_regular_times(counts, series=series, time=time, name=_NAME)
    instants = as_utc(counts[time]).astype(np.int64)
    first = instants.min() if len(instants) else 0
    column = (instants - first) // step
    row, labels = pd.factorize(counts[series], sort=True)
    shape = (len(labels), int(column.max()) + 1 if len(column) else 0)
    filled = [np.zeros(shape) for _ in range(2)]
    filled[0][row, column], filled[1][row, column] = done, tried
    kinds = np.zeros(shape, dtype=np.int64)
    if day_type:
        kinds[row, column] = pd.factorize(counts[day_type].astype("string"), sort=True)[0] + 1
    times = first + step * np.arange(shape[1])
    return Placed(Panel(filled[0], filled[1], _cycle(times, step), kinds), row, column)


def _require_counts(
    counts: pd.DataFrame, done: np.ndarray, tried: np.ndarray, successes: str, trials: str
) -> None:
    broken = {
        f"a negative count in {successes} or {trials}": (done < 0) | (tried < 0),
        f"a count that is no whole number in {successes} or {trials}": (
            (done != np.round(done)) | (tried != np.round(tried))
        ),
        f"more {successes} than {trials}": done > tried,
    }
    for fault, rows in broken.items():
        if rows.any():
            raise FrameError(
                f"The frame {_NAME} has {int(rows.sum())} row(s) with {fault}; correct them.",
                counts[rows],
            )


def _cycle(times: np.ndarray, step: int) -> np.ndarray:
    """Weekday of daily counts, hour of finer ones, else 0; (D,)."""
    place: np.ndarray = np.zeros(len(times), dtype=np.int64)
    if step == _DAY:
        place = times // _DAY % 7
    elif step < _DAY:
        place = times // _HOUR % 24
    return place
