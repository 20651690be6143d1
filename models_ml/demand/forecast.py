"""The forecast of the coming days: one expected value and one interval a series and day."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from models_ml.demand.backtest import DemandBacktest, backtest_panel
from models_ml.demand.config import DemandConfig
from models_ml.demand.folds import active_series, velocity_classes
from models_ml.demand.intervals import (
    poisson_cumulative_spread,
    poisson_interval,
    series_scale,
)
from models_ml.demand.methods import available_methods
from models_ml.demand.panel import History, build_panel

FORECAST_COLUMNS = (
    "business",
    "sku",
    "origin_date",
    "forecast_date",
    "horizon_days",
    "expected_quantity",
    "lower_quantity",
    "upper_quantity",
    "method",
    "model_version",
    "scored_at",
    "cumulative_error_spread",
)


def forecast_demand(
    daily: pd.DataFrame,
    *,
    origin: date,
    scored_at: datetime,
    horizon_days: int = 28,
    config: DemandConfig | None = None,
    backtest: DemandBacktest | None = None,
) -> pd.DataFrame:
    """Expected units a day of every active series of one business.

    The method of each velocity class is the one the back-test chose. Series without a sale in the
    last `active_days` days have no rows: their demand is taken as zero.

    Args:
        daily: rows of `fct_daily_demand`: business, sku, business_date, quantity; one business;
            rows after `origin` are not looked at.
        origin: last complete business day; the first forecast is for the day after.
        scored_at: written into every row.
        horizon_days: days to forecast, >= 1.
        config: settings; those of `backtest` when one is given, else the defaults.
        backtest: the result of `backtest_demand` on the same data and origin, to save its time.

    Returns:
        One row per sku and day with FORECAST_COLUMNS, sorted by sku and day. `horizon_days` is
        the number of days after the origin. `lower_quantity` and `upper_quantity` bound the units
        of the single day with probability `interval_share`. `cumulative_error_spread` is the spread
        in units of the total demand of the days 1..horizon_days, read as a standard deviation (see
        `Spread.cumulative_spread`). Empty without sales.

    Raises:
        FrameError: see `build_panel`.
        ValueError: `horizon_days` below 1, or a back-test of other data.
    """
    if horizon_days < 1:
        raise ValueError("horizon_days must be at least 1.")
    settings = config or (backtest.config if backtest else DemandConfig())
    panel = build_panel(daily, origin=origin, config=settings)
    if not panel.business:
        return pd.DataFrame(columns=list(FORECAST_COLUMNS))
    judged = backtest or backtest_panel(panel, config=settings)
    if (judged.business, judged.window_end, judged.config) != (panel.business, origin, settings):
        raise ValueError("The back-test is of another business, origin or configuration; redo it.")
    past = panel.upto(origin)
    active = active_series(past, config=settings)
    past = past.rows(active)
    classes = velocity_classes(past, config=settings)
    expected, names = _expected(past, classes, judged.choice(), horizon_days, settings)
    lower, upper, cumulative = _uncertainty(past, classes, expected, judged, settings)
    frame = _long_frame(panel.skus[active], origin, names, expected.shape)
    frame["expected_quantity"] = expected.ravel()
    frame["lower_quantity"] = lower.ravel()
    frame["upper_quantity"] = upper.ravel()
    frame["cumulative_error_spread"] = cumulative.ravel()
    frame["business"] = panel.business
    frame["model_version"] = judged.model_version
    frame["scored_at"] = pd.Timestamp(scored_at)
    return frame[list(FORECAST_COLUMNS)]


def _expected(
    past: History,
    classes: np.ndarray,
    choice: dict[int, str],
    horizon_days: int,
    config: DemandConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Units (n, h) and method names (n,)."""
    expected = np.zeros((len(classes), horizon_days))
    names = np.array([choice[place] for place in classes.tolist()], dtype=object)
    for method in available_methods(config):
        rows = names == method.name
        if rows.any():
            # All series go in: shrinkage towards the business's profile looks at all of them.
            expected[rows] = method.forecast(past, horizon_days)[rows]
    return expected, names


def _uncertainty(
    past: History,
    classes: np.ndarray,
    expected: np.ndarray,
    backtest: DemandBacktest,
    config: DemandConfig,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    spread = backtest.spread()
    least = poisson_cumulative_spread(expected)
    if spread is None:
        lower, upper = poisson_interval(expected, share=config.interval_share)
        return lower, upper, least
    scale = series_scale(past, config=config)
    lower, upper = spread.interval(expected, scale, classes)
    cumulative = spread.cumulative_spread(scale, classes, expected.shape[1])
    return lower, upper, np.maximum(cumulative, least)


def _long_frame(
    skus: np.ndarray, origin: date, names: np.ndarray, shape: tuple[int, ...]
) -> pd.DataFrame:
    count, horizon = shape
    days = np.arange(1, horizon + 1)
    dates = np.array([origin + timedelta(days=int(day)) for day in days], dtype=object)
    return pd.DataFrame(
        {
            "sku": pd.Series(skus, dtype="str").repeat(horizon).to_numpy(),
            "origin_date": np.full(count * horizon, origin, dtype=object),
            "forecast_date": np.tile(dates, count),
            "horizon_days": np.tile(days, count),
            "method": np.repeat(names, horizon),
        }
    )
