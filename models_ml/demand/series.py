"""From a long frame of any frequency to matrices of series x periods, checked, without a loop.

A series begins with its first row and must have every period from there to its last row: a gap is
not a zero, and only the caller knows which of the two it is. Rows of coming periods may follow with
an empty `y`: they carry covariates known in advance (prices, promotions, holidays).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from models_ml.frames import FrameError, as_float, require_columns, require_unique, require_values

SEASON_PERIODS = {"h": 24, "D": 7, "B": 5, "W": 52, "M": 12, "Q": 4, "Y": 1}
"""Periods of one season by kind of frequency."""
YEAR_PERIODS = {"h": 8766.0, "D": 365.25, "B": 261.0, "W": 52.18, "M": 12.0, "Q": 4.0, "Y": 1.0}
"""Periods of one year by kind of frequency."""


_UNITS = {
    "h": np.timedelta64(1, "h"),
    "D": np.timedelta64(1, "D"),
    "W": np.timedelta64(7, "D"),
}


@dataclass(frozen=True)
class Calendar:
    """How the values of the time column map to whole numbers of periods, and back."""

    freq: str
    """Kind of period: h, D, B, W, M, Q or Y."""
    alias: str | None
    """The pandas period alias; None when the time column holds whole numbers already."""
    anchor: pd.Timestamp | None = None
    """A time of the frame: coming times fall on the same weekday or day of the month."""

    @classmethod
    def read(cls, times: pd.Series, freq: str) -> "Calendar":
        """Understand a frequency such as D, W, W-MON, MS, ME, M, QS, Y or h.

        Raises:
            FrameError: the frequency is not known.
        """
        name = str(freq).strip()
        head = name.split("-", maxsplit=1)[0]
        kind = {"MS": "M", "ME": "M", "QS": "Q", "QE": "Q", "YS": "Y", "YE": "Y", "H": "h",
                "A": "Y", "d": "D", "w": "W"}.get(head, head)  # fmt: skip
        if kind not in SEASON_PERIODS:
            raise FrameError(
                f"The frequency {freq!r} is not known; pass one of h, D, B, W, M, Q, Y."
            )
        if pd.api.types.is_integer_dtype(times):
            return cls(kind, None)
        stamps = pd.to_datetime(times)
        alias = f"W-{_week_end(stamps)}" if kind == "W" else kind
        return cls(kind, alias, pd.Timestamp(stamps.max()))

    @property
    def season(self) -> int:
        """Periods of one season."""
        return SEASON_PERIODS[self.freq]

    def number(self, times: pd.Series | pd.Index) -> np.ndarray:
        """Whole number of every time, int64; NaT is refused earlier."""
        if self.alias is None:
            return np.asarray(times, dtype=np.int64)
        stamps = pd.DatetimeIndex(pd.to_datetime(times))
        if stamps.tz is not None:
            stamps = stamps.tz_localize(None)
        return stamps.to_period(self.alias).asi8.copy()

    def times(self, numbers: np.ndarray) -> np.ndarray:
        """The times of some numbers, in the manner of the frame's own times."""
        if self.alias is None or self.anchor is None:
            return np.asarray(numbers, dtype=np.int64)
        anchor = self.anchor
        steps = np.asarray(numbers) - self.number(pd.Index([anchor]))[0]
        if self.freq in _UNITS:
            stamps = anchor.to_datetime64() + steps * _UNITS[self.freq]
            return pd.DatetimeIndex(stamps).tz_localize(anchor.tz).to_numpy()
        periods = _periods(numbers, self.alias)
        starts = periods.to_timestamp()
        is_end = anchor.is_month_end and anchor.day > 1 and self.freq in ("M", "Q", "Y")
        stamps = periods.to_timestamp(how="end").normalize() if is_end else starts
        found: np.ndarray = stamps.tz_localize(anchor.tz).to_numpy()
        return found

    def year_phase(self, numbers: np.ndarray) -> np.ndarray:
        """Place of every period in its year, float64 in [0, 1)."""
        if self.alias is None:
            return np.asarray(numbers) / YEAR_PERIODS[self.freq] % 1.0
        starts = _periods(numbers, self.alias).to_timestamp()
        return np.asarray((starts.dayofyear - 1) / 366.0, dtype=np.float64)

    def season_phase(self, numbers: np.ndarray) -> np.ndarray:
        """Place of every period in its season, int64 in [0, season): weekday, ISO week, month."""
        if self.alias is None or self.freq not in ("W", "M"):
            return np.asarray(numbers, dtype=np.int64) % self.season
        starts = _periods(numbers, self.alias).to_timestamp()
        if self.freq == "M":
            return np.asarray(starts.month - 1, dtype=np.int64)
        weeks = (starts + pd.Timedelta(days=3)).isocalendar().week.to_numpy(dtype=np.int64)
        found: np.ndarray = np.minimum(weeks - 1, 51)
        return found


def _periods(numbers: np.ndarray, freq: str) -> pd.PeriodIndex:
    """The periods with these numbers."""
    return pd.PeriodIndex.from_ordinals(numbers, freq=freq)  # type: ignore[attr-defined, no-any-return]


def _week_end(stamps: pd.Series) -> str:
    """The weekday that closes the week, so that the stamps' own weekday opens it."""
    days = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
    return (
        days[(int(stamps.dropna().dt.dayofweek.mode().iloc[0]) - 1) % 7] if len(stamps) else "SUN"
    )


@dataclass(frozen=True)
class SeriesMatrix:
    """Demand of n series over d periods; column 0 is period `first`."""

    ids: np.ndarray
    """Object array (n,), in sorted order."""
    calendar: Calendar
    first: int
    """Number of column 0."""
    units: np.ndarray
    """float64 (n, d): units a period; zero where nothing is known."""
    known: np.ndarray
    """bool (n, d): the period was observed and is not censored by a stock-out."""
    sold_out: np.ndarray
    """bool (n, d): the series was out of stock, so demand was at least `units`."""
    covariates: dict[str, np.ndarray] = field(default_factory=dict)
    """Name -> float32 (n, d + coming), NaN where not given."""

    @property
    def periods(self) -> int:
        """Number of columns."""
        return int(self.units.shape[1])

    @property
    def last(self) -> int:
        """Number of the last column."""
        return self.first + self.periods - 1

    def numbers(self, start: int, stop: int) -> np.ndarray:
        """Period numbers of columns start ... stop - 1; columns past the end count on."""
        return self.first + np.arange(start, stop)

    def phases(self, start: int, stop: int) -> np.ndarray:
        """Season phases of columns start ... stop - 1."""
        return self.calendar.season_phase(self.numbers(start, stop))

    def upto(self, column: int) -> "SeriesMatrix":
        """What was known after `column` periods: only earlier columns; covariates stay."""
        return replace(
            self,
            units=self.units[:, :column],
            known=self.known[:, :column],
            sold_out=self.sold_out[:, :column],
        )

    def rows(self, chosen: np.ndarray) -> "SeriesMatrix":
        """Some of the series (mask or places)."""
        return replace(
            self,
            ids=self.ids[chosen],
            units=self.units[chosen],
            known=self.known[chosen],
            sold_out=self.sold_out[chosen],
            covariates={name: values[chosen] for name, values in self.covariates.items()},
        )


def read_series(
    frame: pd.DataFrame,
    *,
    id: str,
    time: str,
    y: str,
    freq: str,
    covariates: Sequence[str] = (),
    in_stock: str | None = None,
    most_periods: int | None = None,
) -> SeriesMatrix:
    """Check a long frame and lay it out as matrices.

    Args:
        frame: one row per series and period, each series in order of time without gaps. Rows after
            a series' last `y` may have an empty `y`: they only carry covariates.
        id: column that names the series.
        time: column of dates, timestamps or whole numbers.
        y: column of units, >= 0.
        freq: h, D, B, W, M, Q, Y or a pandas alias of them (W-MON, MS, ...).
        covariates: columns of numbers or booleans known in advance.
        in_stock: boolean column; false says that demand was cut off by a stock-out.
        most_periods: known periods to keep, the newest; all when None.

    Raises:
        FrameError: no rows, a missing column, an empty key, a duplicate key, a negative or infinite
            quantity, times out of order, or a gap; carries the rows.
    """
    wanted = [id, time, y, *covariates, *([in_stock] if in_stock else [])]
    require_columns(frame, wanted, name="demand")
    if frame.empty:
        raise FrameError("The frame demand has no rows; pass at least one series with one period.")
    require_values(frame, [id, time], name="demand")
    calendar = Calendar.read(frame[time], freq)
    codes, ids = _series_codes(frame[id])
    columns, first = _period_columns(frame[time], calendar)
    is_regular = _is_regular(codes, columns, len(ids))
    if not is_regular:
        require_unique(frame, [id, time], name="demand")
    given = _given_units(frame, y)
    if not is_regular:
        _refuse_disorder(frame, codes, columns, time=time, key=id, freq=str(freq))
    if not given.any():
        raise FrameError(f"The frame demand has no value of {y}; pass at least one known period.")
    last = int(columns[given].max())
    start = 0 if most_periods is None else max(last + 1 - most_periods, 0)
    shape = (len(ids), last + 1 - start)
    matrix, known = np.zeros(shape), np.zeros(shape, dtype=bool)
    sold_out = np.zeros(shape, dtype=bool)
    for part in _slices(len(frame)):
        inside = (columns[part] >= start) & (columns[part] <= last)
        place = codes[part][inside], columns[part][inside] - start
        matrix[place] = np.nan_to_num(as_float(frame[y].iloc[part])[inside])
        known[place] = given[part][inside]
        if in_stock:
            stocked = _stocked(frame[in_stock].iloc[part])
            sold_out[place] = (~stocked & given[part])[inside]
    return SeriesMatrix(
        ids,
        calendar,
        first + start,
        matrix,
        known & ~sold_out,
        sold_out,
        {name: _covariate(frame[name], codes, columns, len(ids), start) for name in covariates},
    )


ROWS_AT_ONCE = 4_000_000
"""Rows of a frame laid out at a time: what bounds the memory beside the frame itself."""


def _slices(rows: int) -> Iterator[slice]:
    """Consecutive parts of so many rows."""
    for start in range(0, rows, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, rows))


def _series_codes(keys: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Place of every row's series, int32, and the series in sorted order, object.

    Categories and text are numbered as they are stored: as Python objects, the ids of a frame of
    tens of millions of rows would fill the memory.
    """
    if isinstance(keys.dtype, pd.CategoricalDtype):
        used, codes = keys.cat.categories, keys.cat.codes.to_numpy()
        occurs = np.flatnonzero(np.bincount(codes, minlength=len(used)))
    else:
        is_text = isinstance(keys.dtype, pd.StringDtype)
        codes, used = pd.factorize(keys if is_text else keys.astype(object))
        occurs = np.arange(len(used))
    values = np.asarray(used, dtype=object)[occurs]
    order = np.argsort(values, kind="stable")
    renumbered = np.zeros(len(used), dtype=np.int32)
    renumbered[occurs[order]] = np.arange(len(order), dtype=np.int32)
    return renumbered[codes], values[order]


def _period_columns(times: pd.Series, calendar: Calendar) -> tuple[np.ndarray, int]:
    """Periods of every row after the earliest one, int32, and the number of the earliest."""
    parts = []
    for part in _slices(len(times)):
        places, values = pd.factorize(times.iloc[part])
        parts.append(calendar.number(pd.Index(values))[places])
    first = min(int(part.min()) for part in parts)
    return np.concatenate([(part - first).astype(np.int32) for part in parts]), first


def _is_regular(codes: np.ndarray, columns: np.ndarray, series: int) -> bool:
    """Whether every row is one period after the row before of its series; False if in doubt.

    Answers for a frame in order of series, or in order of time, without sorting it.
    """
    begins = np.diff(codes) != 0
    if np.count_nonzero(begins) == series - 1:
        return bool(np.all(begins | (np.diff(columns) == 1)))
    width = int(columns.max()) + 1
    if series * width > 4 * len(codes) or np.any(columns[1:] < columns[:-1]):
        return False
    filled = np.zeros((series, width), dtype=bool)
    filled[codes, columns] = True
    count = filled.sum(axis=1)
    spans = width - np.argmax(filled, axis=1) - np.argmax(filled[:, ::-1], axis=1)
    return int(count.sum()) == len(codes) and bool(np.all(count == spans))


def _stocked(values: pd.Series) -> np.ndarray:
    """Whether there was stock; an empty flag counts as in stock."""
    return values.astype("boolean").fillna(True).to_numpy(dtype=bool)


def _covariate(
    values: pd.Series, codes: np.ndarray, columns: np.ndarray, series: int, start: int
) -> np.ndarray:
    """A covariate from column `start` on as float32; text becomes the number of its category."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        pass
    elif pd.api.types.is_datetime64_any_dtype(values):
        raise FrameError(f"The covariate {values.name} holds times; pass numbers or categories.")
    else:
        try:
            values = pd.Series(as_float(values))
        except FrameError:
            values = pd.Series(pd.factorize(values.astype(object), sort=True)[0])
    wide = np.full((series, int(columns.max()) + 1 - start), np.nan, dtype=np.float32)
    for part in _slices(len(values)):
        inside = columns[part] >= start
        place = codes[part][inside], columns[part][inside] - start
        wide[place] = as_float(values.iloc[part])[inside]
    return wide


def _given_units(frame: pd.DataFrame, y: str) -> np.ndarray:
    """Which rows have a quantity, bool; a negative or infinite one is refused."""
    given, refused = np.zeros(len(frame), dtype=bool), np.zeros(len(frame), dtype=bool)
    for part in _slices(len(frame)):
        units = as_float(frame[y].iloc[part])
        given[part] = ~np.isnan(units)
        refused[part] = (units < 0) | np.isinf(units)
    if refused.any():
        raise FrameError(
            f"The frame demand has {int(refused.sum())} row(s) with a negative or infinite {y}; "
            "pass units wanted, before returns.",
            frame[refused],
        )
    return given


def _refuse_disorder(
    frame: pd.DataFrame, codes: np.ndarray, numbers: np.ndarray, *, time: str, key: str, freq: str
) -> None:
    """Refuse two rows of one period, times that go back and periods left out, within a series."""
    by_series = np.argsort(codes, kind="stable")
    step = np.diff(numbers[by_series])
    same = np.diff(codes[by_series]) == 0
    for wrong, fault in (
        (same & (step == 0), f"fall into the same {freq} period as the row before; add them up"),
        (same & (step < 0), f"come before the row above them; sort the frame by {key} and {time}"),
        (same & (step > 1), f"follow a gap of {freq} periods; add the missing rows (zero where "
         "nothing was sold)"),
    ):  # fmt: skip
        if wrong.any():
            rows = by_series[1:][wrong]
            raise FrameError(
                f"The frame demand has {len(rows)} row(s) whose {time} {fault}.", frame.iloc[rows]
            )
