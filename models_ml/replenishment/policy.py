"""The weekly ordering policy: newsvendor on scenarios of what the shelf will hold and lack.

An order placed now is on the shelf `lead_weeks` whole weeks later. Until then sales are lost when
the shelf is empty, so what the order will meet is no sum of demands: every scenario plays the weeks
in between, and the order is the quantile of what the arrival week lacks beyond what is left. The
quantile is the critical ratio shortage / (shortage + holding) (Arrow, Harris & Marschak 1951): what
is left over keeps its worth and is only held a week longer, so looking one week past the lead time
is enough and no end of a horizon enters.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models_ml.frames import FrameError
from models_ml.replenishment.config import ScenarioConfig
from models_ml.replenishment.simulation import StockState
from models_ml.replenishment.weekly_demand import WeeklyDemand, weekly_demand


def policy(
    history: pd.DataFrame,
    *,
    in_stock: pd.DataFrame | None,
    on_hand: np.ndarray | pd.Series,
    pipeline: Sequence[np.ndarray | pd.Series],
    lead_weeks: int,
    holding: float,
    shortage: float,
    master: pd.DataFrame | None = None,
    config: ScenarioConfig | None = None,
) -> np.ndarray:
    """What to order of every series at the end of a week; called once a week.

    Args:
        history: units sold, one row a series and one column a week, oldest first. Columns that are
            dates give the week of the year; others are counted in years of 52 weeks.
        in_stock: booleans of the same series and (at least) the same weeks; a week without stock is
            unknown, not zero. None when there was always stock.
        on_hand: units on the shelf at the end of the last week, one a series.
        pipeline: units arriving in 1 ... `lead_weeks` weeks, each one a series.
        lead_weeks: whole weeks between order and arrival, >= 0: an order placed at the end of week
            t is on the shelf at the start of week t + lead_weeks + 1.
        holding: cost of a unit left at the end of a week, > 0.
        shortage: cost of a unit missed, > 0.
        master: categories of the series (store, department, ...), with the history's index or with
            columns of the index's names.
        config: settings; the defaults when None.

    Returns:
        Whole units to order, int64 (n,), in the order of `history`'s rows.

    Raises:
        FrameError: no series or weeks, two rows of one series, a negative or missing quantity, or
            frames and arrays that don't fit each other; carries the rows.
    """
    settings = config or ScenarioConfig()
    history = pd.DataFrame(history)
    in_stock = None if in_stock is None else pd.DataFrame(in_stock)
    units = _checked_history(history)
    known = _checked_flags(in_stock, history)
    state = _checked_state(on_hand, pipeline, lead_weeks, count=len(units))
    if not (holding > 0 and shortage > 0 and np.isfinite(holding + shortage)):
        raise FrameError(f"Costs must be above zero; holding is {holding}, shortage {shortage}.")
    weeks, coming = _weeks_of_year(history.columns, lead_weeks + 1)
    attributes = _attributes(history, master)
    demand = weekly_demand(units, known, weeks, coming, attributes=attributes, config=settings)
    return scenario_orders(
        demand, state, holding=holding, shortage=shortage, config=settings, seed=len(weeks)
    )


def scenario_orders(
    demand: WeeklyDemand,
    state: StockState,
    *,
    holding: float,
    shortage: float,
    config: ScenarioConfig,
    seed: int,
) -> np.ndarray:
    """Whole units with the least expected cost in the week they arrive, int64 (n,).

    Args:
        demand: distribution of the weeks up to and with the arrival week.
        state: stock and pipeline; the pipeline is one week shorter than `demand`.
        holding: cost of a unit left.
        shortage: cost of a unit missed.
        config: number of scenarios and seed.
        seed: added to the configured seed; the same call always gives the same orders.
    """
    drawn = demand.scenarios(config.scenarios, seed=config.seed + seed)
    shelf = np.repeat(state.on_hand[:, None], config.scenarios, axis=1)
    for coming, wanted in zip(state.pipeline, drawn, strict=False):
        shelf = np.maximum(shelf + coming[:, None] - wanted, 0.0)
    lacking = drawn[-1] - shelf
    ratio = shortage / (shortage + holding)
    place = min(int(np.ceil(ratio * config.scenarios)), config.scenarios) - 1
    orders = np.partition(lacking, place, axis=1)[:, place]
    return np.maximum(orders, 0.0).round().astype(np.int64)


def _checked_history(history: pd.DataFrame) -> np.ndarray:
    if history.empty:
        raise FrameError("The frame history has no series or no weeks; pass at least one of each.")
    repeated = history.index.duplicated(keep=False)
    if repeated.any():
        raise FrameError(
            f"The frame history has {int(repeated.sum())} rows of series that it holds twice; "
            "add them up.",
            history[repeated],
        )
    try:
        units = history.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FrameError("The frame history holds a value that is no number; remove it.") from error
    wrong = ~(units >= 0) | np.isinf(units)
    if wrong.any():
        rows = wrong.any(axis=1)
        raise FrameError(
            f"The frame history has {int(rows.sum())} series with a negative or missing quantity; "
            "pass units sold, zero where nothing was.",
            history[rows],
        )
    return units


def _checked_flags(in_stock: pd.DataFrame | None, history: pd.DataFrame) -> np.ndarray:
    """In-stock flags aligned to the history; an empty flag counts as in stock."""
    if in_stock is None:
        return np.ones(history.shape, dtype=bool)
    if in_stock.shape == history.shape and not history.columns.isin(in_stock.columns).all():
        flags = in_stock.set_axis(history.columns, axis=1)
    else:
        flags = in_stock
    lacking = history.index.difference(flags.index)
    weeks = history.columns.difference(flags.columns)
    if len(lacking) or len(weeks):
        raise FrameError(
            f"The frame in_stock lacks {len(lacking)} series and {len(weeks)} weeks of history; "
            "pass a flag for each.",
            history.loc[lacking],
        )
    aligned = flags.loc[history.index, history.columns]
    return aligned.astype("boolean").fillna(True).to_numpy(dtype=bool)


def _checked_state(
    on_hand: np.ndarray | pd.Series,
    pipeline: Sequence[np.ndarray | pd.Series],
    lead_weeks: int,
    *,
    count: int,
) -> StockState:
    if lead_weeks < 0 or len(pipeline) != lead_weeks:
        raise FrameError(
            f"The pipeline holds {len(pipeline)} weeks, but lead_weeks is {lead_weeks}; pass the "
            "units arriving in each of these weeks."
        )
    arrays = [np.asarray(values, dtype=np.float64) for values in (on_hand, *pipeline)]
    for name, values in zip(["on_hand", *["pipeline"] * lead_weeks], arrays, strict=True):
        if values.shape != (count,) or not (values >= 0).all() or np.isinf(values).any():
            raise FrameError(
                f"The array {name} must hold {count} quantities of at least 0, one a series; it "
                f"has shape {values.shape}.",
                pd.DataFrame({name: values.ravel()})[~(values.ravel() >= 0)],
            )
    return StockState(arrays[0], tuple(arrays[1:]))


def _weeks_of_year(columns: pd.Index, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """ISO week of every column and of the coming weeks; places in years of 52 without dates.

    Raises:
        FrameError: the dates are not in rising order, a week apart.
    """
    dates = _as_dates(columns)
    if dates is None:
        places = np.arange(len(columns) + ahead) % 52 + 1
        return places[: len(columns)], places[len(columns) :]
    steps = np.diff(dates.to_numpy()) / np.timedelta64(1, "D")
    wrong = np.flatnonzero(np.abs(steps - 7) > 3)
    if len(wrong):
        raise FrameError(
            f"The weeks of history must rise by 7 days; {dates[wrong[0] + 1].date()} follows "
            f"{dates[wrong[0]].date()}: sort the columns and add the missing weeks."
        )
    coming = dates[-1] + pd.to_timedelta(7 * np.arange(1, ahead + 1), unit="D")
    return tuple(d.isocalendar().week.to_numpy(dtype=np.int64) for d in (dates, coming))  # type: ignore[return-value]


def _as_dates(columns: pd.Index) -> pd.DatetimeIndex | None:
    if isinstance(columns, pd.DatetimeIndex):
        return columns
    if pd.api.types.is_numeric_dtype(columns):
        return None
    try:
        return pd.DatetimeIndex(pd.to_datetime(columns))
    except (TypeError, ValueError):
        return None


def _attributes(history: pd.DataFrame, master: pd.DataFrame | None) -> pd.DataFrame:
    """Categories of every series: the levels of the history's index and the master's columns.

    Raises:
        FrameError: the master cannot be matched or lacks a series.
    """
    levels = history.index.to_frame(index=False).reset_index(drop=True)
    if levels.shape[1] < 2:
        levels = levels.iloc[:, :0]
    if master is None:
        return levels
    names = [name for name in history.index.names if name is not None]
    keyed = master.set_index(names) if names and set(names) <= set(master.columns) else master
    keyed = keyed[~keyed.index.duplicated()]
    found = keyed.index.get_indexer(history.index)
    if (found < 0).any():
        raise FrameError(
            f"The frame master lacks {int((found < 0).sum())} series of history; give it the same "
            "index, or columns of the index's names.",
            history[found < 0],
        )
    extra = keyed.iloc[found].reset_index(drop=True)
    extra = extra.drop(columns=[c for c in levels.columns if c in extra.columns])
    return pd.concat([levels, extra], axis=1)
