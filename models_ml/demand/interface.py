"""The two public functions of demand: judge a frame's past, forecast its future."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.engine import DemandForecast, Distribution, forecast_from
from models_ml.demand.report import Report, judge, outcome
from models_ml.demand.series import SeriesMatrix, read_series
from models_ml.frames import FrameError
from models_ml.splits import period_origins

QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def backtest(
    frame: pd.DataFrame,
    *,
    id: str,
    time: str,
    y: str,
    horizon: int,
    freq: str,
    origins: int | Iterable[Any],
    covariates: Sequence[str] = (),
    in_stock: str | None = None,
    quantiles: Sequence[float] = QUANTILES,
    config: DemandConfig | None = None,
) -> Report:
    """Forecast from several times in the past and say how wrong that was.

    At each origin everything is done again from data up to it: methods are judged on still earlier
    windows, mixed per velocity class, the boosted model fitted, quantiles calibrated.

    Args:
        frame: one row per series and period; see `models_ml.demand.series.read_series`.
        id: column that names the series.
        time: column of dates, timestamps or whole numbers.
        y: column of units wanted, >= 0.
        horizon: periods to forecast from each origin, >= 1.
        freq: h, D, B, W, M, Q, Y or a pandas alias of them.
        origins: the last known times to forecast from; or how many origins, a horizon apart, the
            newest one a horizon before the end.
        covariates: columns known in advance (price, promotion, holiday): their values in the judged
            periods are used.
        in_stock: boolean column; periods without stock are neither learnt from nor judged.
        quantiles: levels in `Report.predictions`, each between 0 and 1.
        config: settings; the defaults when None.

    Raises:
        FrameError: an unusable frame, an unknown origin, a horizon below 1, a level outside (0, 1).
    """
    history = read_series(
        frame, id=id, time=time, y=y, freq=freq, covariates=covariates, in_stock=in_stock
    )
    _check(horizon, quantiles)
    columns = _origin_columns(history, origins, horizon)
    return backtest_series(
        history,
        columns,
        horizon,
        names=(id, time, y),
        quantiles=quantiles,
        config=config or DemandConfig(),
    )


def backtest_series(
    history: SeriesMatrix,
    columns: Sequence[int],
    horizon: int,
    *,
    names: tuple[str, str, str],
    quantiles: Sequence[float],
    config: DemandConfig,
) -> Report:
    """The same on a matrix: judge the `horizon` periods after each of some numbers of columns.

    Args:
        history: all that is known.
        columns: known columns at every origin, at least one.
        horizon: periods to judge, >= 1.
        names: columns of `Report.predictions` for series, time and outcome.
        quantiles: levels in `Report.predictions`.
        config: settings.
    """
    parts: list[list[pd.DataFrame]] = [[], [], [], []]
    for column in columns:
        began = np.asarray(history.known[:, :column].any(axis=1))
        rows = history.rows(began)
        made = forecast_from(rows.upto(column), horizon, config=config)
        actual = outcome(rows, column, horizon)
        errors, covered = judge(made, actual, rows.upto(column), config=config)
        table = _long_frame(made, made.single, quantiles, names[0], names[1])
        table[names[2]] = actual.ravel()
        stamp = history.calendar.times(np.array([history.first + column - 1]))[0]
        for part, piece in zip(parts, (errors, covered, table, _weight_frame(made)), strict=True):
            part.append(piece.assign(origin=stamp))
    return Report(*(pd.concat(part, ignore_index=True) for part in parts))


def forecast(
    frame: pd.DataFrame,
    *,
    id: str,
    time: str,
    y: str,
    horizon: int,
    freq: str,
    covariates: Sequence[str] = (),
    in_stock: str | None = None,
    quantiles: Sequence[float] = QUANTILES,
    cumulative: bool = False,
    config: DemandConfig | None = None,
) -> pd.DataFrame:
    """Expected demand and quantiles of the coming periods of every series.

    Args:
        frame: as for `backtest`; rows after the last known period with an empty `y` carry coming
            covariates. A coming covariate that is not given keeps its last value. A series with
            only such rows is new: it is given the early pace of series with the same static
            covariates.
        id: column that names the series.
        time: column of dates, timestamps or whole numbers.
        y: column of units wanted, >= 0.
        horizon: periods to forecast, >= 1.
        freq: h, D, B, W, M, Q, Y or a pandas alias of them.
        covariates: columns known in advance.
        in_stock: boolean column; periods without stock are censored, not zero.
        quantiles: levels, each between 0 and 1.
        cumulative: forecast the sum of the first 1 ... horizon periods instead of single periods;
            its quantiles are calibrated on sums, which is what stock has to cover.
        config: settings; the defaults when None.

    Returns:
        One row per series and period, sorted by both: the frame's `id` and `time` columns, `mean`
        and a column `q` + level for every level (`q0.9`), all >= 0 and rising with the level.

    Raises:
        FrameError: an unusable frame, a horizon below 1, a level outside (0, 1).
    """
    settings = config or DemandConfig()
    history = read_series(
        frame, id=id, time=time, y=y, freq=freq, covariates=covariates, in_stock=in_stock,
        most_periods=settings.history_periods,
    )  # fmt: skip
    _check(horizon, quantiles)
    made = forecast_from(history, horizon, config=settings, every_method=False)
    return _long_frame(made, made.cumulative if cumulative else made.single, quantiles, id, time)


def _check(horizon: int, quantiles: Sequence[float]) -> None:
    if horizon < 1:
        raise FrameError(f"The horizon must be at least 1 period; it is {horizon}.")
    wrong = [level for level in quantiles if not 0 < level < 1]
    if wrong:
        raise FrameError(f"Quantile levels lie between 0 and 1; {wrong[0]} does not.")


def _origin_columns(history: SeriesMatrix, origins: int | Iterable[Any], horizon: int) -> list[int]:
    """Number of known columns at every origin, oldest first.

    Raises:
        FrameError: an origin before the second period or without a period after it, or no room.
    """
    if isinstance(origins, int | np.integer):
        found = period_origins(
            history.periods, horizon=horizon, folds=max(int(origins), 1), least_train=2
        )
        if origins < 1 or not found:
            raise FrameError(
                f"{origins} origins of {horizon} periods cannot be judged on a history of "
                f"{history.periods} periods; pass more history or a shorter horizon."
            )
        return found
    wanted = pd.Series(list(origins))
    if history.calendar.alias is not None:
        wanted = pd.to_datetime(wanted)
    columns = history.calendar.number(wanted) - history.first + 1
    outside = (columns < 2) | (columns >= history.periods)
    if outside.any() or not len(columns):
        raise FrameError(
            f"{int(outside.sum())} of {len(columns)} origins leave no history before or nothing to "
            "judge after them; name times between the first and the last period.",
            pd.DataFrame({"origin": wanted[outside]}),
        )
    return sorted({int(column) for column in columns})


def _long_frame(
    made: DemandForecast,
    shown: Distribution,
    quantiles: Sequence[float],
    key: str,
    time: str,
) -> pd.DataFrame:
    count, horizon = shown.expected.shape
    past = made.past
    times = past.calendar.times(past.last + 1 + np.arange(horizon))
    data = {
        key: np.repeat(past.ids, horizon),
        time: np.tile(times, count),
        "mean": shown.expected.ravel(),
    }
    below = np.zeros(shown.expected.shape)
    for level in sorted(quantiles):
        below = np.maximum(shown.quantile(level), below)
        data[f"q{level:g}"] = below.ravel()
    return pd.DataFrame(data)


def _weight_frame(made: DemandForecast) -> pd.DataFrame:
    rows = [
        {"velocity_class": VELOCITY_CLASSES[place], "method": method, "weight": weight}
        for place, mix in made.weights.items()
        for method, weight in mix.items()
    ]
    return pd.DataFrame(rows)
