"""Expected demand and its spread over the next so many days, for any number of days."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
import pandas as pd

from models_ml.frames import (
    FrameError,
    as_float,
    require_columns,
    require_unique,
    require_values,
)

FORECAST_COLUMNS = (
    "business",
    "sku",
    "origin_date",
    "horizon_days",
    "expected_quantity",
    "lower_quantity",
    "upper_quantity",
)
SPREAD_COLUMN = "cumulative_error_spread"
INTERVAL_Z = NormalDist().inv_cdf(0.9)
"""Half width of an 80 % interval in standard deviations."""


@dataclass(frozen=True)
class DemandOverDays:
    """Cumulative forecasts of every series; row 0..n-1 as in `keys`.

    Series must all have the same days 1..h. Beyond them the mean day goes on and the spread grows
    with the square root of time.
    """

    keys: pd.DataFrame
    """business, sku, origin_date (n rows)."""
    expected: np.ndarray
    """float64 (n, h + 1): units of the first 0..h days."""
    spread: np.ndarray
    """float64 (n, h + 1): standard deviation of the same sums, units."""

    @classmethod
    def from_forecasts(cls, forecasts: pd.DataFrame) -> Self:
        """Add up a frame of `demand_forecasts` of one origin a series.

        `cumulative_error_spread` is used where the frame has it. Without it the spread is taken
        from the daily interval (never below the Poisson one), as if days were independent.

        Raises:
            FrameError: a missing column or value, two rows for one day, or days missing.
        """
        require_columns(forecasts, FORECAST_COLUMNS, name="forecasts")
        require_values(forecasts, FORECAST_COLUMNS, name="forecasts")
        require_unique(forecasts, ["business", "sku", "horizon_days"], name="forecasts")
        ordered = forecasts.sort_values(["business", "sku", "horizon_days"], kind="stable")
        horizon = int(ordered["horizon_days"].max()) if len(ordered) else 1
        complete = len(ordered) % horizon == 0 and np.array_equal(
            ordered["horizon_days"].to_numpy(dtype=np.int64).reshape(-1, horizon),
            np.tile(np.arange(1, horizon + 1), (len(ordered) // horizon, 1)),
        )
        if not complete:
            raise FrameError(
                f"The frame forecasts has series without all of the days 1..{horizon}; "
                "forecast them again over one horizon."
            )
        daily = as_float(ordered["expected_quantity"]).reshape(-1, horizon)
        if SPREAD_COLUMN in ordered.columns:
            spread = as_float(ordered[SPREAD_COLUMN]).reshape(-1, horizon)
        else:
            width = as_float(ordered["upper_quantity"]) - as_float(ordered["lower_quantity"])
            by_interval = np.square(width / (2 * INTERVAL_Z)).reshape(-1, horizon)
            spread = np.sqrt(np.maximum(by_interval, daily).cumsum(axis=1))
        keys = ordered[["business", "sku", "origin_date"]].iloc[::horizon].reset_index(drop=True)
        nothing = np.zeros((len(keys), 1))
        return cls(
            keys,
            np.hstack([nothing, daily.cumsum(axis=1)]),
            np.hstack([nothing, spread]),
        )

    def expected_over(self, series: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Units expected in the first `days` days, float64 (m,).

        Args:
            series: places in `keys`, int (m,); -1 (no forecast) has no demand.
            days: whole days >= 0, int (m,).
        """
        if not len(self.keys):
            return np.zeros(len(series))
        last = self.expected.shape[1] - 1
        units = self.expected[series, np.minimum(days, last)]
        mean_day = self.expected[series, last] / last
        total: np.ndarray = units + np.maximum(days - last, 0) * mean_day
        return np.where(series >= 0, total, 0.0)

    def spread_over(self, series: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Standard deviation of the demand of the first `days` days in units, float64 (m,)."""
        if not len(self.keys):
            return np.zeros(len(series))
        last = self.spread.shape[1] - 1
        spread = self.spread[series, np.minimum(days, last)]
        grown: np.ndarray = spread * np.sqrt(np.maximum(days, last) / last)
        return np.where(series >= 0, grown, 0.0)
