"""From sparse daily sales to a dense matrix of series x days, without a Python loop."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from models_ml.demand.config import DemandConfig
from models_ml.frames import (
    FrameError,
    as_days,
    as_float,
    require_columns,
    require_one_business,
    require_values,
)

DAILY_COLUMNS = ("business", "sku", "business_date", "quantity")


@dataclass(frozen=True)
class DemandPanel:
    """Daily units of every series of one business.

    A series starts at its first sale; days without a row after that are days without demand. Days
    on which the shop is closed need no list: their weekday factor becomes zero by itself.
    """

    business: str
    skus: np.ndarray
    """Object array (n,), sorted."""
    first_day: date
    """The day of column 0."""
    quantity: np.ndarray
    """float64 (n, d), units a day; zero before the series starts."""
    started: np.ndarray
    """int64 (n,), column of the series' first sale."""

    @property
    def last_day(self) -> date:
        """The day of the last column."""
        return self.first_day + timedelta(days=self.quantity.shape[1] - 1)

    def upto(self, day: date) -> "History":
        """What was known at the end of a day: columns up to it, all series (some not started)."""
        columns = (day - self.first_day).days + 1
        return History(self.quantity[:, :columns], self.started)

    def after(self, day: date, days: int) -> np.ndarray:
        """Units of the `days` days after a day, float64 (n, days)."""
        start = (day - self.first_day).days + 1
        return self.quantity[:, start : start + days]


@dataclass(frozen=True)
class History:
    """The past as a method sees it; the last column is the origin.

    `started` may lie beyond the last column: that series does not exist yet.
    """

    quantity: np.ndarray
    """float64 (n, d)."""
    started: np.ndarray
    """int64 (n,)."""

    @property
    def days(self) -> int:
        """Number of columns."""
        return int(self.quantity.shape[1])

    def phases(self) -> np.ndarray:
        """Weekday of every column relative to the origin, int64 (d,): 0 is the origin's own."""
        return (np.arange(self.days) - (self.days - 1)) % 7

    def rows(self, chosen: np.ndarray) -> "History":
        """The same past for some of the series (mask or places)."""
        return History(self.quantity[chosen], self.started[chosen])

    def exposure(self, weights: np.ndarray) -> np.ndarray:
        """Weight of the days since each series' start, by weekday: float64 (n, 7).

        Args:
            weights: float64 (d,), the weight of every column.
        """
        by_phase = np.zeros((self.days + 1, 7))
        by_phase[np.arange(self.days), self.phases()] = weights
        remaining = by_phase[::-1].cumsum(axis=0)[::-1]
        lived: np.ndarray = remaining[np.minimum(self.started, self.days)]
        return lived

    def totals(self, weights: np.ndarray) -> np.ndarray:
        """Weighted units by weekday, float64 (n, 7)."""
        by_phase = np.zeros((self.days, 7))
        by_phase[np.arange(self.days), self.phases()] = weights
        used = np.flatnonzero(weights)
        start = int(used[0]) if len(used) else self.days
        product: np.ndarray = self.quantity[:, start:] @ by_phase[start:]
        return product


def build_panel(daily: pd.DataFrame, *, origin: date, config: DemandConfig) -> DemandPanel:
    """The dense panel of one business up to and with `origin`; later rows are not looked at.

    Args:
        daily: rows of `fct_daily_demand`: business, sku, business_date, quantity (units >= 0);
            sparse, one row a sku and day.
        origin: last complete business day.
        config: `history_days` bounds the columns.

    Raises:
        FrameError: a missing column, several businesses, an empty key, a negative or missing
            quantity, or two rows for one sku and day; carries the rows.
    """
    require_columns(daily, DAILY_COLUMNS, name="daily")
    days = as_days(daily["business_date"])
    last = np.datetime64(origin, "D")
    past = days <= last
    daily, days = daily[past], days[past]
    if daily.empty:
        return DemandPanel("", np.empty(0, object), origin, np.zeros((0, 1)), np.empty(0, int))
    business = require_one_business(daily, name="daily")
    require_values(daily, DAILY_COLUMNS, name="daily")
    units = as_float(daily["quantity"])
    refused = ~(units >= 0) | np.isinf(units)
    if refused.any():
        raise FrameError(
            f"The frame daily has {int(refused.sum())} row(s) with a quantity below zero or none; "
            "pass units sold before returns.",
            daily[refused],
        )
    first = max(days.min(), last - np.timedelta64(config.history_days - 1, "D"))
    codes, skus = pd.factorize(daily["sku"].to_numpy(dtype=object), sort=True)
    width = int((last - first).astype(int)) + 1
    columns = (days - first).astype(np.int64)
    _refuse_repeated(daily, codes, days)
    inside = columns >= 0
    quantity = np.bincount(
        codes[inside] * width + columns[inside],
        weights=units[inside],
        minlength=len(skus) * width,
    ).reshape(len(skus), width)
    started = np.full(len(skus), width)
    np.minimum.at(started, codes, np.where(units > 0, columns, width))
    return DemandPanel(
        business,
        np.asarray(skus, dtype=object),
        pd.Timestamp(first).date(),
        quantity,
        np.maximum(started, 0),
    )


def _refuse_repeated(daily: pd.DataFrame, codes: np.ndarray, days: np.ndarray) -> None:
    numbers = (days - days.min()).astype(np.int64)
    key = pd.Series(codes * (numbers.max() + 1) + numbers)
    repeated = key.duplicated(keep=False).to_numpy()
    if repeated.any():
        raise FrameError(
            f"The frame daily has {int(repeated.sum())} rows that share sku and business_date "
            "with another row; add them up first.",
            daily[repeated],
        )
