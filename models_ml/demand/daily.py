"""The pipeline's daily demand: from sparse sales of one business to the tables of the lake."""

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import pandas as pd

from models_ml.demand.config import DemandConfig
from models_ml.demand.engine import DemandForecast, forecast_from
from models_ml.demand.interface import backtest_series
from models_ml.demand.local import SEASONAL_NAIVE
from models_ml.demand.report import CHOSEN, Report, quotient
from models_ml.demand.series import Calendar, SeriesMatrix
from models_ml.evaluations import EVALUATION_COLUMNS, Figure, evaluation_frame
from models_ml.frames import (
    FrameError,
    as_days,
    as_float,
    require_columns,
    require_one_business,
    require_values,
)
from models_ml.splits import period_origins
from models_ml.versions import model_version

DAILY_COLUMNS = ("business", "sku", "business_date", "quantity")
BACKTEST_COLUMNS = (
    "business",
    "method",
    "fold",
    "origin_date",
    "horizon_days",
    "series_count",
    "actual_quantity",
    "absolute_error",
    "bias_quantity",
)
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
SPREAD_LEVEL = 0.95
SPREAD_Z = 1.6448536269514722
"""Normal quantile of SPREAD_LEVEL: where the spread of summed demand is measured."""


@dataclass(frozen=True)
class DailyConfig:
    """Settings of the pipeline's daily forecast."""

    horizon_days: int = 28
    """Days judged after every origin of the back-test."""
    folds: int = 3
    """Wanted origins of the back-test."""
    least_train_days: int = 14
    """Least history before the oldest origin, in days."""
    history_days: int = 730
    """Days of history used at most, counted back from the origin."""
    active_days: int = 182
    """A series without a sale in so many days gets no forecast: its demand is taken as zero."""
    interval_share: float = 0.8
    """Share of days that shall fall inside the interval."""
    model: DemandConfig = field(
        default_factory=lambda: DemandConfig(
            boosting_rows=60_000, boosting_rounds=50, judge_every_quantile=False
        )
    )
    """Settings of the model."""


@dataclass(frozen=True)
class DemandBacktest:
    """The back-test of one business; `report` is None when the history is too short."""

    business: str
    config: DailyConfig
    window_start: date
    window_end: date
    report: Report | None

    @property
    def model_version(self) -> str:
        """Name of configuration and data window."""
        return model_version(
            "demand", self.config, window_start=self.window_start, window_end=self.window_end
        )

    def frame(self) -> pd.DataFrame:
        """Additive errors by fold for `seasonal_naive` and `chosen`, columns BACKTEST_COLUMNS.

        One row per method and fold (1 is the oldest). `absolute_error` sums |forecast - actual| and
        `bias_quantity` sums forecast - actual over series and days; WAPE of any group of rows is
        sum(absolute_error) / sum(actual_quantity).
        """
        if self.report is None:
            return pd.DataFrame(columns=list(BACKTEST_COLUMNS))
        errors = self.report.errors
        shown = errors[errors["method"].isin([SEASONAL_NAIVE, CHOSEN])]
        sums = ["series_count", "actual_quantity", "absolute_error", "bias_quantity"]
        table = shown.groupby(["method", "origin"], as_index=False)[sums].sum()
        table["business"] = self.business
        table["fold"] = table["origin"].rank(method="dense").astype(int)
        table["origin_date"] = pd.to_datetime(table["origin"]).dt.date
        table["horizon_days"] = self.config.horizon_days
        return table[list(BACKTEST_COLUMNS)]

    def evaluations(self, *, evaluated_at: datetime) -> pd.DataFrame:
        """Rows of `model_evaluations`: WAPE, bias, RMSSE, pinball loss and interval coverage.

        Errors stand beside the seasonal naive's, coverage beside the share it promises. Empty
        without a back-test.
        """
        if self.report is None:
            return pd.DataFrame(columns=list(EVALUATION_COLUMNS))
        rows: list[Figure] = [
            (
                metric,
                self.report.figure(column),
                SEASONAL_NAIVE,
                self.report.figure(column, SEASONAL_NAIVE),
            )
            for metric, column in (
                ("wape", "wape"),
                ("bias_rate", "bias"),
                ("rmsse", "rmsse"),
                ("scaled_pinball", "scaled_pinball"),
            )
        ]
        covered = self.report.covered
        promised = covered[covered["promised_share"] == self.config.interval_share]
        judged = int(promised["judged_periods"].sum())
        coverage = quotient(float(promised["inside"].sum()), judged)
        rows.append(("interval_coverage", coverage, "promised_share", self.config.interval_share))
        first = pd.Timestamp(self.report.errors["origin"].min(), tz="UTC")
        next_day = pd.Timedelta(days=1)
        return evaluation_frame(
            rows,
            model="demand",
            business=self.business,
            window=(first + next_day, pd.Timestamp(self.window_end, tz="UTC") + next_day),
            row_count=judged,
            model_version=self.model_version,
            evaluated_at=evaluated_at,
        )


def backtest_demand(
    daily: pd.DataFrame, *, origin: date, config: DailyConfig | None = None
) -> DemandBacktest:
    """Judge the forecast at several origins before `origin`.

    Args:
        daily: rows of `fct_daily_demand`; see `daily_series`; rows after `origin` are not looked
            at.
        origin: last complete business day.
        config: settings; the defaults when None.

    Raises:
        FrameError: see `daily_series`.
    """
    settings = config or DailyConfig()
    business, history = daily_series(daily, origin=origin, history_days=settings.history_days)
    first = origin if history is None else _day(history.first)
    columns: list[int] = []
    if history is not None:
        columns = period_origins(
            history.periods,
            horizon=settings.horizon_days,
            folds=settings.folds,
            least_train=settings.least_train_days,
        )
    report = None
    if history is not None and columns:
        report = backtest_series(
            history.rows(_sold_lately(history, settings.active_days + settings.horizon_days)),
            columns,
            settings.horizon_days,
            names=("sku", "business_date", "quantity"),
            quantiles=(),
            config=settings.model,
        )
    return DemandBacktest(business, settings, first, origin, report)


def forecast_demand(
    daily: pd.DataFrame,
    *,
    origin: date,
    scored_at: datetime,
    horizon_days: int = 28,
    config: DailyConfig | None = None,
) -> pd.DataFrame:
    """Expected units a day of every active series of one business.

    Series without a sale in the last `active_days` days have no rows: their demand is taken as
    zero.

    Args:
        daily: rows of `fct_daily_demand`; see `daily_series`; rows after `origin` are not looked
            at.
        origin: last complete business day; the first forecast is for the day after.
        scored_at: written into every row.
        horizon_days: days to forecast, >= 1.
        config: settings; the defaults when None.

    Returns:
        One row per sku and day with FORECAST_COLUMNS, sorted by sku and day. `horizon_days` is the
        number of days after the origin. `lower_quantity` and `upper_quantity` bound the units of
        the single day with probability `interval_share`. `cumulative_error_spread` is the spread in
        units of the total demand of the days 1..horizon_days, read as a standard deviation: how far
        its calibrated 95 % quantile lies above the expectation over the normal one, never below
        that of Poisson demand. Empty without sales.

    Raises:
        FrameError: see `daily_series`.
        ValueError: `horizon_days` below 1.
    """
    if horizon_days < 1:
        raise ValueError("horizon_days must be at least 1.")
    settings = config or DailyConfig()
    business, history = daily_series(daily, origin=origin, history_days=settings.history_days)
    if history is None:
        return pd.DataFrame(columns=list(FORECAST_COLUMNS))
    active = history.rows(_sold_lately(history, settings.active_days))
    if not len(active.ids):
        return pd.DataFrame(columns=list(FORECAST_COLUMNS))
    made = forecast_from(active, horizon_days, config=settings.model)
    frame = _forecast_rows(made, settings)
    frame["business"], frame["origin_date"] = business, origin
    frame["model_version"] = model_version(
        "demand", settings, window_start=_day(history.first), window_end=origin
    )
    frame["scored_at"] = pd.Timestamp(scored_at)
    return frame[list(FORECAST_COLUMNS)]


def _forecast_rows(made: DemandForecast, config: DailyConfig) -> pd.DataFrame:
    expected = made.expected
    count, horizon = expected.shape
    tail = (1 - config.interval_share) / 2
    days = np.arange(1, horizon + 1)
    dates = np.array([_day(made.past.last + int(day)) for day in days], dtype=object)
    total = made.cumulative
    reach = (total.quantile(SPREAD_LEVEL) - total.expected) / SPREAD_Z
    return pd.DataFrame(
        {
            "sku": np.repeat(made.past.ids, horizon),
            "forecast_date": np.tile(dates, count),
            "horizon_days": np.tile(days, count),
            "expected_quantity": expected.ravel(),
            "lower_quantity": np.minimum(made.single.quantile(tail), expected).ravel(),
            "upper_quantity": np.maximum(made.single.quantile(1 - tail), expected).ravel(),
            "method": np.repeat(made.method_names(), horizon),
            "cumulative_error_spread": np.maximum(reach, np.sqrt(total.expected)).ravel(),
        }
    )


def daily_series(
    daily: pd.DataFrame, *, origin: date, history_days: int
) -> tuple[str, SeriesMatrix | None]:
    """The business and its dense matrix up to and with `origin`; None without sales.

    A series starts at its first sale; days without a row after that are days without demand.

    Args:
        daily: rows of `fct_daily_demand`: business, sku, business_date, quantity (units >= 0); one
            business; sparse, one row a sku and day.
        origin: last complete business day.
        history_days: most columns.

    Raises:
        FrameError: a missing column, several businesses, an empty key, a negative or missing
            quantity, or two rows for one sku and day; carries the rows.
    """
    require_columns(daily, DAILY_COLUMNS, name="daily")
    days = as_days(daily["business_date"])
    last = np.datetime64(origin, "D")
    daily, days = daily[days <= last], days[days <= last]
    if daily.empty:
        return "", None
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
    first = max(days.min(), last - np.timedelta64(history_days - 1, "D"))
    codes, skus = pd.factorize(daily["sku"].to_numpy(dtype=object), sort=True)
    _refuse_repeated(daily, codes, days)
    width = int((last - first).astype(int)) + 1
    columns = (days - first).astype(np.int64)
    inside = columns >= 0
    cells = codes[inside] * width + columns[inside]
    quantity = np.bincount(cells, weights=units[inside], minlength=len(skus) * width)
    started = np.full(len(skus), width)
    np.minimum.at(started, codes, np.where(units > 0, np.maximum(columns, 0), width))
    known = np.arange(width) >= started[:, None]
    return business, SeriesMatrix(
        np.asarray(skus, dtype=object),
        Calendar("D", "D", pd.Timestamp(origin)),
        int(first.astype(int)),
        quantity.reshape(len(skus), width),
        known,
        np.zeros_like(known),
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


def _sold_lately(history: SeriesMatrix, days: int) -> np.ndarray:
    return np.asarray((history.units[:, -days:] > 0).any(axis=1))


def _day(number: int) -> date:
    day: date = np.datetime64(number, "D").item()
    return day
