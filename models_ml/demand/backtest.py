"""Rolling-origin back-test: which method to use for which series, and how wrong it has been.

Nothing here is fitted on the days it judges: at each origin the method of a velocity class is the
one that was best on the *earlier* origins, and coverage is measured with intervals from earlier
origins too. The oldest origin therefore only serves the first choice (unless it is the only one).
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd

from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.folds import CHOSEN, FoldErrors, choose_methods, judge_origin
from models_ml.demand.intervals import Spread, fit_spread
from models_ml.demand.methods import SEASONAL_NAIVE
from models_ml.demand.panel import DemandPanel, build_panel
from models_ml.evaluations import EVALUATION_COLUMNS, Figure, evaluation_frame
from models_ml.splits import rolling_origins
from models_ml.versions import model_version

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


def wape(absolute_error: float, actual_quantity: float) -> float:
    """Weighted absolute percentage error: sum of errors over sum of demand; NaN without demand.

    Both sums are additive, so the figure of any group is the quotient of the group's sums.
    """
    return _quotient(absolute_error, actual_quantity)


def _quotient(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else float("nan")


@dataclass(frozen=True)
class DemandBacktest:
    """The whole back-test of one business."""

    business: str
    config: DemandConfig
    window_start: date
    window_end: date
    folds: tuple[FoldErrors, ...]
    """Oldest first; empty when the history is too short."""

    @property
    def model_version(self) -> str:
        """Name of configuration and data window."""
        return model_version(
            "demand", self.config, window_start=self.window_start, window_end=self.window_end
        )

    @property
    def judged_folds(self) -> tuple[int, ...]:
        """Places of the reported folds: all but the oldest, or the only one there is."""
        return tuple(range(1 if len(self.folds) > 1 else 0, len(self.folds)))

    def choice(self, before: int | None = None) -> dict[int, str]:
        """Best method of every velocity class on the folds before a place (all when None).

        Best is the lowest mean RMSSE over series: squared errors favour the mean, which is what
        stock needs, while absolute errors favour zero for slow sellers. A class nobody has judged
        takes the default method.
        """
        return choose_methods(self.folds[:before], config=self.config)

    def spread(self, before: int | None = None) -> Spread | None:
        """Error spread of the chosen methods on the folds before a place (all when None)."""
        folds = self.folds[:before]
        if not folds:
            return None
        choice = self.choice(before)
        return fit_spread(
            [(f.classes, f.actual, f.composed(choice), f.scale) for f in folds],
            share=self.config.interval_share,
        )

    def frame(self) -> pd.DataFrame:
        """Additive errors by fold for `seasonal_naive` and `chosen`, columns BACKTEST_COLUMNS.

        One row per method and fold. `absolute_error` sums |forecast - actual| and `bias_quantity`
        sums forecast - actual over series and days; WAPE of any group of rows is
        sum(absolute_error) / sum(actual_quantity).
        """
        by_class = self.by_class()
        chosen = by_class[by_class["method"].isin([SEASONAL_NAIVE, CHOSEN])]
        keys = ["business", "method", "fold", "origin_date", "horizon_days"]
        sums = ["series_count", "actual_quantity", "absolute_error", "bias_quantity"]
        return chosen.groupby(keys, as_index=False)[sums].sum()[list(BACKTEST_COLUMNS)]

    def by_class(self) -> pd.DataFrame:
        """One row per method (all of them and `chosen`), fold and velocity class, additive.

        Adds to `frame`: velocity_class, scaled_error (sum of the series' RMSSE), scaled_count and
        covered_days, judged_days (days inside the interval; only for `chosen`).
        """
        rows: list[dict[str, object]] = []
        for place in self.judged_folds:
            rows.extend(self._fold_rows(place))
        columns = [*BACKTEST_COLUMNS, "velocity_class", "scaled_error", "scaled_count",
                   "covered_days", "judged_days"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def _fold_rows(self, place: int) -> list[dict[str, object]]:
        before = place or None
        fold = self.folds[place].with_chosen(self.choice(before))
        covered = np.zeros(fold.actual.shape, dtype=bool)
        spread = self.spread(before)
        if spread is not None:
            lower, upper = spread.interval(fold.predicted[CHOSEN], fold.scale, fold.classes)
            covered = (fold.actual >= lower) & (fold.actual <= upper)
        return [
            {
                "business": self.business,
                **fold.sums(method, number),
                "covered_days": int(covered[rows].sum()) if method == CHOSEN else 0,
                "judged_days": int(covered[rows].size) if method == CHOSEN else 0,
            }
            for number in range(len(VELOCITY_CLASSES))
            if (rows := fold.classes == number).any()
            for method in fold.predicted
        ]

    def evaluations(self, *, evaluated_at: datetime) -> pd.DataFrame:
        """Rows of `model_evaluations`: WAPE, bias rate, RMSSE and interval coverage.

        Bias and error stand beside the seasonal naive's, coverage beside the share it promises.
        Empty without a back-test.
        """
        table = self.by_class()
        if table.empty:
            return pd.DataFrame(columns=list(EVALUATION_COLUMNS))
        sums = table.groupby("method").sum(numeric_only=True)
        by_method = sums.astype(float).to_dict(orient="index")
        ours, naive = by_method[CHOSEN], by_method[SEASONAL_NAIVE]
        rows: list[Figure] = [
            (
                metric,
                _quotient(ours[top], ours[bottom]),
                SEASONAL_NAIVE,
                _quotient(naive[top], naive[bottom]),
            )
            for metric, top, bottom in QUOTIENTS
        ]
        coverage = _quotient(ours["covered_days"], ours["judged_days"])
        rows.append(("interval_coverage", coverage, "promised_share", self.config.interval_share))
        first, last = self.folds[self.judged_folds[0]].origin.origin, self.window_end
        next_day = pd.Timedelta(days=1)
        return evaluation_frame(
            rows,
            model="demand",
            business=self.business,
            window=(
                pd.Timestamp(first, tz="UTC") + next_day,
                pd.Timestamp(last, tz="UTC") + next_day,
            ),
            row_count=int(ours["judged_days"]),
            model_version=self.model_version,
            evaluated_at=evaluated_at,
        )


QUOTIENTS = (
    ("wape", "absolute_error", "actual_quantity"),
    ("bias_rate", "bias_quantity", "actual_quantity"),
    ("rmsse", "scaled_error", "scaled_count"),
)


def backtest_demand(
    daily: pd.DataFrame, *, origin: date, config: DemandConfig | None = None
) -> DemandBacktest:
    """Judge every method at several origins before `origin`.

    Args:
        daily: see `build_panel`; one business; rows after `origin` are not looked at.
        origin: last complete business day.
        config: settings; the defaults when None.

    Raises:
        FrameError: see `build_panel`.
    """
    settings = config or DemandConfig()
    return backtest_panel(build_panel(daily, origin=origin, config=settings), config=settings)


def backtest_panel(panel: DemandPanel, *, config: DemandConfig) -> DemandBacktest:
    """The same on a panel that is already built."""
    origins = rolling_origins(
        panel.first_day,
        panel.last_day,
        horizon_days=config.horizon_days,
        folds=config.folds,
        min_train_days=config.min_train_days,
    )
    folds = (
        (judge_origin(panel, origin, config=config) for origin in origins) if panel.business else ()
    )
    kept = tuple(fold for fold in folds if len(fold.classes))
    return DemandBacktest(panel.business, config, panel.first_day, panel.last_day, kept)
