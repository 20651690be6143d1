"""Spike guard: a day that will not come again must not fill the warehouse.

The usual day is the mean of the window without its tenth of highest days; a spike lies some
standard deviations above it. After a spike a forecast may exceed the pace without spikes (each cut
to its limit) by a factor and no more.
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from models_ml.frames import as_days, as_float, require_columns
from models_ml.replenishment.config import ReplenishmentConfig
from models_ml.replenishment.demand_over_days import DemandOverDays

HISTORY_COLUMNS = ("business", "sku", "business_date", "quantity")
TRIMMED_SHARE = 0.1


@dataclass(frozen=True)
class Pace:
    """Demand of a series without its spikes; arrays (n,)."""

    mean: np.ndarray
    """Units a day."""
    spread: np.ndarray
    """Standard deviation of a day."""
    has_spike: np.ndarray


def pace_without_spikes(daily: np.ndarray, config: ReplenishmentConfig) -> Pace:
    """Units of usual days.

    Args:
        daily: units of every series and day, float64 (n, days).
        config: settings.
    """
    kept = max(int(daily.shape[1] * (1 - TRIMMED_SHARE)), 1)
    usual = np.sort(daily, axis=1)[:, :kept]
    mean = usual.mean(axis=1)
    limit = mean + config.spike_deviations * np.sqrt(np.maximum(usual.var(axis=1), mean))
    limit = np.maximum(limit, config.spike_least_units)
    cut = np.minimum(daily, limit[:, None])
    return Pace(cut.mean(axis=1), cut.std(axis=1), (daily > limit[:, None]).any(axis=1))


def guard_against_spikes(
    demand: DemandOverDays, history: pd.DataFrame, *, origin: date, config: ReplenishmentConfig
) -> tuple[DemandOverDays, np.ndarray]:
    """Forecasts with those of spiked series limited, and which were, bool (n,).

    Args:
        demand: forecasts.
        history: units sold by business, sku and business_date; days without a row have none.
        origin: last day that is known.
        config: settings.

    Raises:
        FrameError: the history lacks a column or holds what is no number.
    """
    require_columns(history, HISTORY_COLUMNS, name="history")
    count = len(demand.keys)
    age = (np.datetime64(origin, "D") - as_days(history["business_date"])).astype(np.int64)
    places = demand.keys[["business", "sku"]].assign(series=np.arange(count))
    series = history[["business", "sku"]].merge(places, on=["business", "sku"], how="left")
    known = series["series"].fillna(-1).to_numpy(dtype=np.int64)
    counts = (known >= 0) & (age >= 0) & (age < config.spike_window_days)
    daily = np.zeros((count, config.spike_window_days))
    np.add.at(daily, (known[counts], age[counts]), as_float(history["quantity"])[counts])
    pace = pace_without_spikes(daily, config)
    days = np.arange(demand.expected.shape[1])
    most = config.spike_growth * pace.mean[:, None] * days
    is_over = pace.has_spike & (demand.expected[:, -1] > most[:, -1])
    if not is_over.any():
        return demand, is_over
    spread = np.maximum(pace.spread, np.sqrt(pace.mean))[:, None] * np.sqrt(days)
    guarded = replace(
        demand,
        expected=np.where(is_over[:, None], np.minimum(demand.expected, most), demand.expected),
        spread=np.where(is_over[:, None], np.minimum(demand.spread, spread), demand.spread),
    )
    return guarded, is_over
