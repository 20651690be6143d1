"""Judging forecasts at several origins: errors of every method, pinball loss, coverage."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models_ml.demand.combination import absolute_scale, error_scale
from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.engine import DemandForecast, Distribution, method_distribution
from models_ml.demand.local import SEASONAL_NAIVE
from models_ml.demand.series import SeriesMatrix

CHOSEN = "chosen"
JUDGED_LEVELS = (0.005, 0.025, 0.165, 0.25, 0.5, 0.75, 0.835, 0.975, 0.995)
"""Levels of the pinball loss: those of the M5 uncertainty competition."""
COVERED_SHARES = (0.5, 0.8, 0.95)
"""Shares of the central intervals whose coverage is measured."""
_SUMS = (
    "series_count", "actual_quantity", "absolute_error", "bias_quantity",
    "scaled_error", "scaled_count", "pinball_loss", "scaled_pinball", "pinball_count",
    "judged_periods",
)  # fmt: skip


def quotient(top: float, bottom: float) -> float:
    """Top over bottom, NaN when the bottom is not positive."""
    return top / bottom if bottom > 0 else float("nan")


def wape(absolute_error: float, actual_quantity: float) -> float:
    """Weighted absolute percentage error: sum of errors over sum of demand; NaN without demand.

    Both sums are additive, so the figure of any group is the quotient of the group's sums.
    """
    return quotient(absolute_error, actual_quantity)


@dataclass(frozen=True)
class Report:
    """The back-test of a frame: everything was forecast from data before the judged periods."""

    errors: pd.DataFrame
    """One row per method, origin and velocity class with additive sums; method `chosen` is the
    mix that the windows before that origin had chosen."""
    covered: pd.DataFrame
    """One row per origin, velocity class and promised share: judged periods, how many fell inside
    the interval (`inside`), and the sum of the randomised count (`inside_randomised`), which takes
    the atoms of whole numbers apart: an interval of counts can only cover too much."""
    predictions: pd.DataFrame
    """One row per series, origin and period: the frame's key columns, `origin`, the outcome,
    `mean` and the quantiles."""
    weights: pd.DataFrame
    """Weight of every method by origin and velocity class."""

    def by_method(self) -> pd.DataFrame:
        """WAPE, bias rate, mean RMSSE and mean scaled pinball loss of every method, best first."""
        return _figures(self.errors.groupby("method")[list(_SUMS)].sum()).sort_values("rmsse")

    def by_class(self) -> pd.DataFrame:
        """The same by velocity class and method."""
        return _figures(self.errors.groupby(["velocity_class", "method"])[list(_SUMS)].sum())

    def coverage(self) -> pd.DataFrame:
        """Share of periods inside each interval by velocity class, raw and randomised."""
        sums = self.covered.groupby(["velocity_class", "promised_share"])[
            ["judged_periods", "inside", "inside_randomised"]
        ].sum()
        return pd.DataFrame(
            {
                "judged_periods": sums["judged_periods"],
                "coverage": sums["inside"] / sums["judged_periods"],
                "coverage_randomised": sums["inside_randomised"] / sums["judged_periods"],
            }
        )

    def figure(self, name: str, method: str = CHOSEN) -> float:
        """One figure of one method over everything judged: a column of `by_method`."""
        return float(self.by_method()[name].to_dict()[method])

    @property
    def wape(self) -> float:
        """Sum of absolute errors over sum of demand."""
        return self.figure("wape")

    @property
    def bias(self) -> float:
        """Sum of (forecast - demand) over sum of demand."""
        return self.figure("bias")

    @property
    def rmsse(self) -> float:
        """Mean over series and origins of the root mean squared scaled error (M5)."""
        return self.figure("rmsse")

    @property
    def pinball(self) -> float:
        """Mean scaled pinball loss over series, origins and the judged levels (M5)."""
        return self.figure("scaled_pinball")


def _figures(sums: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame(index=sums.index)
    frame["wape"] = sums["absolute_error"] / sums["actual_quantity"]
    frame["bias"] = sums["bias_quantity"] / sums["actual_quantity"]
    frame["rmsse"] = sums["scaled_error"] / sums["scaled_count"]
    frame["scaled_pinball"] = sums["scaled_pinball"] / sums["pinball_count"]
    frame["pinball_rate"] = sums["pinball_loss"] / sums["actual_quantity"]
    return frame


def judge(
    forecast: DemandForecast, actual: np.ndarray, past: SeriesMatrix, *, config: DemandConfig
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Error sums and coverage of one origin; see `Report.errors` and `Report.covered`.

    Args:
        forecast: made from the origin.
        actual: what came, float64 (n, h), NaN where it is unknown or was cut off by a stock-out.
        past: the whole history before the origin, from which errors are scaled.
        config: settings.
    """
    said = {**forecast.said, CHOSEN: forecast.expected}
    scales = error_scale(past), absolute_scale(past)
    rows = []
    for method, expected in said.items():
        distribution = None
        if method == CHOSEN:
            distribution = forecast.single
        elif method == SEASONAL_NAIVE or config.judge_every_quantile:
            distribution = method_distribution(forecast, method, config)
        loss = pinball_loss(distribution, actual) if distribution else None
        rows.extend(
            _error_rows(
                method,
                expected=expected,
                actual=actual,
                classes=forecast.classes,
                scales=scales,
                loss=loss,
            )
        )
    return pd.DataFrame(rows), pd.DataFrame(_coverage_rows(forecast, actual, config))


def pinball_loss(distribution: Distribution, actual: np.ndarray) -> np.ndarray:
    """Mean pinball loss over JUDGED_LEVELS, float64 (n, h), NaN where the outcome is unknown."""
    total = np.zeros_like(actual)
    for level in JUDGED_LEVELS:
        error = actual - distribution.quantile(level)
        total += np.maximum(level * error, (level - 1) * error)
    return total / len(JUDGED_LEVELS)


def _error_rows(
    method: str,
    *,
    expected: np.ndarray,
    actual: np.ndarray,
    classes: np.ndarray,
    scales: tuple[np.ndarray, np.ndarray],
    loss: np.ndarray | None,
) -> list[dict[str, object]]:
    error = expected - actual
    judged = np.isfinite(actual)
    count = judged.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.nansum(error**2, axis=1) / count) / scales[0]
        scaled = np.full(len(root), np.nan) if loss is None else (
            np.nansum(loss, axis=1) / count / scales[1]
        )  # fmt: skip
    rows: list[dict[str, object]] = []
    for place, name in enumerate(VELOCITY_CLASSES):
        chosen = (classes == place) & (count > 0)
        if chosen.any():
            rows.append(
                {
                    "method": method,
                    "velocity_class": name,
                    "series_count": int(chosen.sum()),
                    "judged_periods": int(count[chosen].sum()),
                    "actual_quantity": float(np.nansum(actual[chosen])),
                    "absolute_error": float(np.nansum(np.abs(error[chosen]))),
                    "bias_quantity": float(np.nansum(error[chosen])),
                    "scaled_error": float(np.nansum(root[chosen])),
                    "scaled_count": int(np.isfinite(root[chosen]).sum()),
                    "pinball_loss": float("nan")
                    if loss is None
                    else float(np.nansum(loss[chosen])),
                    "scaled_pinball": float(np.nansum(scaled[chosen])),
                    "pinball_count": int(np.isfinite(scaled[chosen]).sum()),
                }
            )
    return rows


def _coverage_rows(
    forecast: DemandForecast, actual: np.ndarray, config: DemandConfig
) -> list[dict[str, object]]:
    shown = forecast.single
    place = shown.transform(np.nan_to_num(actual), seed=config.seed)
    judged = np.isfinite(actual)
    rows: list[dict[str, object]] = []
    for share in COVERED_SHARES:
        tail = (1 - share) / 2
        inside = (actual >= shown.quantile(tail)) & (actual <= shown.quantile(1 - tail))
        between = (place >= tail) & (place <= 1 - tail)
        for number, name in enumerate(VELOCITY_CLASSES):
            cells = judged & (forecast.classes == number)[:, None]
            if cells.any():
                rows.append(
                    {
                        "velocity_class": name,
                        "promised_share": share,
                        "judged_periods": int(cells.sum()),
                        "inside": int((inside & cells).sum()),
                        "inside_randomised": int((between & cells).sum()),
                    }
                )
    return rows


def outcome(history: SeriesMatrix, origin: int, horizon: int) -> np.ndarray:
    """What came in the periods after an origin, float64 (n, h); NaN where it is not known.

    A stock-out hides how much was wanted, so its periods are not judged.
    """
    actual = np.full((len(history.ids), horizon), np.nan)
    stop = min(origin + horizon, history.periods)
    window = slice(origin, stop)
    actual[:, : stop - origin] = np.where(
        history.known[:, window], history.units[:, window], np.nan
    )
    return actual
