"""From a long frame of any frequency to matrices of series x periods, checked, without a loop.

A series begins with its first row and must have every period from there to its last row: a gap is
not a zero, and only the caller knows which of the two it is. Rows of coming periods may follow with
an empty `y`: they carry covariates known in advance (prices, promotions, holidays).
"""

from collections.abc import Sequence
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

    Raises:
        FrameError: no rows, a missing column, an empty key, a duplicate key, a negative or infinite
            quantity, times out of order, or a gap; carries the rows.
    """
    wanted = [id, time, y, *covariates, *([in_stock] if in_stock else [])]
    require_columns(frame, wanted, name="demand")
    if frame.empty:
        raise FrameError("The frame demand has no rows; pass at least one series with one period.")
    require_values(frame, [id, time], name="demand")
    require_unique(frame, [id, time], name="demand")
    calendar = Calendar.read(frame[time], freq)
    numbers = calendar.number(frame[time])
    codes, ids = pd.factorize(frame[id].astype(object), sort=True)
    units = as_float(frame[y])
    _refuse_bad_units(frame, units, y)
    _refuse_disorder(frame, codes, numbers, time=time, key=id, freq=str(freq))
    given = np.isfinite(units)
    if not given.any():
        raise FrameError(f"The frame demand has no value of {y}; pass at least one known period.")
    first, last = int(numbers.min()), int(numbers[given].max())
    shape = (len(ids), last - first + 1)
    columns = numbers - first
    past = columns < shape[1]
    place = (codes[past], columns[past])
    matrix, known = np.zeros(shape), np.zeros(shape, dtype=bool)
    matrix[place] = np.nan_to_num(units[past])
    known[place] = given[past]
    sold_out = np.zeros(shape, dtype=bool)
    if in_stock:
        sold_out[place] = ~_stocked(frame[in_stock])[past] & given[past]
    return SeriesMatrix(
        np.asarray(ids, dtype=object),
        calendar,
        first,
        matrix,
        known & ~sold_out,
        sold_out,
        {name: _covariate(frame[name], codes, columns, len(ids)) for name in covariates},
    )


def _stocked(values: pd.Series) -> np.ndarray:
    """Whether there was stock; an empty flag counts as in stock."""
    return values.astype("boolean").fillna(True).to_numpy(dtype=bool)


def _covariate(
    values: pd.Series, codes: np.ndarray, columns: np.ndarray, series: int
) -> np.ndarray:
    """A covariate as float32 (n, widest column + 1); text becomes the number of its category."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        numbers = as_float(values)
    elif pd.api.types.is_datetime64_any_dtype(values):
        raise FrameError(f"The covariate {values.name} holds times; pass numbers or categories.")
    else:
        try:
            numbers = as_float(values)
        except FrameError:
            numbers = pd.factorize(values.astype(object), sort=True)[0].astype(np.float64)
    wide = np.full((series, int(columns.max()) + 1), np.nan, dtype=np.float32)
    wide[codes, columns] = numbers
    return wide


def _refuse_bad_units(frame: pd.DataFrame, units: np.ndarray, y: str) -> None:
    refused = (units < 0) | np.isinf(units)
    if refused.any():
        raise FrameError(
            f"The frame demand has {int(refused.sum())} row(s) with a negative or infinite {y}; "
            "pass units wanted, before returns.",
            frame[refused],
        )


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
