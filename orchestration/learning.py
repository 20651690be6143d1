"""Reading for and writing of the models: the I/O around the pure functions of `models_ml`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pandas as pd

from connectors.lake.attach import connect_snapshot, newest_snapshot
from connectors.settings import Settings
from models_ml.demand import backtest_demand, forecast_demand, wape
from models_ml.replenishment.positions import replenishment_positions
from models_ml.returns import NotEnoughData, TrainedReturnRisk, score, train
from orchestration.ml_tables import empty_frame, write_ml_tables
from orchestration.model_registry import registered, registry_row, with_new_versions

HORIZON_DAYS = 28
_COMPLETE_DAYS = """
    select business, max(business_date) as origin
    from (
        select business, business_date
        from rpt_channel_daily
        group by business, business_date
        having bool_and(is_complete_day)
    )
    group by business
    order by business
"""


@dataclass(frozen=True)
class Learned:
    """What a step wrote, and what a person should know about it."""

    rows: dict[str, int]
    notes: list[str] = field(default_factory=list)


def _stack(frames: Iterable[pd.DataFrame], table: str) -> pd.DataFrame:
    filled = [frame for frame in frames if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else empty_frame(table)


def _origins(connection: duckdb.DuckDBPyConnection) -> dict[str, date]:
    """Of every business its last day that is complete on all channels."""
    return {str(business): day for business, day in connection.execute(_COMPLETE_DAYS).fetchall()}


def learn_demand(settings: Settings, *, now: datetime) -> Learned:
    """Forecast the daily demand of every business from its last complete day; back-test first."""
    connection = connect_snapshot(settings)
    try:
        origins = _origins(connection)
        demand = connection.execute(
            "select business, sku, business_date, quantity::double as quantity "
            "from fct_daily_demand"
        ).df()
    finally:
        connection.close()
    forecasts, backtests, evaluations, notes = [], [], [], []
    for business, daily in demand.groupby("business", sort=True):
        origin = origins.get(str(business))
        if origin is None:
            continue
        judged = backtest_demand(daily, origin=origin)
        forecast = forecast_demand(daily, origin=origin, scored_at=now, horizon_days=HORIZON_DAYS)
        table = judged.frame()
        forecasts.append(forecast)
        backtests.append(table)
        evaluations.append(judged.evaluations(evaluated_at=now))
        notes.append(_demand_note(str(business), table))
    frames = {
        "demand_forecasts": _stack(forecasts, "demand_forecasts"),
        "demand_backtest": _stack(backtests, "demand_backtest"),
        "demand_evaluations": _stack(evaluations, "demand_evaluations"),
    }
    return Learned(write_ml_tables(settings, frames), notes or ["no demand to forecast"])


def _demand_note(business: str, table: pd.DataFrame) -> str:
    if table.empty:
        return f"{business}: history too short for a back-test"
    sums = table.groupby("method")[["absolute_error", "actual_quantity"]].sum()
    figures = {
        str(method): wape(float(error), float(actual))
        for method, error, actual in sums.itertuples(name=None)
    }
    parts = ", ".join(f"{method} {value:.3f}" for method, value in sorted(figures.items()))
    return f"{business}: WAPE {parts}"


def learn_returns(settings: Settings, *, now: datetime) -> Learned:
    """Train and score return risk, a business at a time, as of the business's clock."""
    connection = connect_snapshot(settings)
    try:
        examples = connection.execute("select * from fct_return_risk_examples").df()
        clocks = dict(
            connection.execute("select business, as_of from int_business_clock").fetchall()
        )
        snapshot_id, versions = newest_snapshot(connection), registered(connection)
    finally:
        connection.close()
    scores, evaluations, notes, learnt = [], [], [], []
    for business, lines in examples.groupby("business", sort=True):
        model = train(lines, as_of=clocks[business])
        if isinstance(model, NotEnoughData):
            notes.append(f"{business}: {model.reason}")
            continue
        scored, left_out = _score_open_lines(model, lines, at=max(now, clocks[business]))
        scores.append(scored)
        evaluations.append(
            model.report.frame(
                model="return_risk",
                business=str(business),
                model_version=model.model.model_version,
                evaluated_at=now,
            )
        )
        learnt.append(
            registry_row(
                model.model,
                name="return_risk",
                business=str(business),
                snapshot_id=snapshot_id,
                registered_at=now,
            )
        )
        notes.append(f"{business}: {model.report.summary()}{left_out}")
    frames = {
        "return_risk_scores": _stack(scores, "return_risk_scores"),
        "return_risk_evaluations": _stack(evaluations, "return_risk_evaluations"),
        "model_versions": with_new_versions(versions, learnt),
    }
    return Learned(write_ml_tables(settings, frames), notes or ["no sold lines to score"])


def _score_open_lines(
    model: TrainedReturnRisk, lines: pd.DataFrame, *, at: datetime
) -> tuple[pd.DataFrame, str]:
    """Scores of the lines whose window is open, and a sentence on those dated in the future."""
    open_lines = lines[lines["is_returned"].isna()]
    is_future = open_lines["ordered_at"] > at
    left_out = int(is_future.sum())
    note = f" {left_out:,} lines are dated in the future and were not scored." if left_out else ""
    return score(model, open_lines[~is_future], scored_at=at), note


def plan_replenishment(settings: Settings, *, now: datetime) -> Learned:
    """Compare the newest stock count of every site with its reorder points."""
    del now
    connection = connect_snapshot(settings)
    try:
        stock = connection.execute(
            "select * from fct_stock_positions qualify business_date = "
            "max(business_date) over (partition by business, site)"
        ).df()
        forecasts = connection.execute("select * from lake.ml.demand_forecasts").df()
        products = connection.execute(
            "select * replace (unit_cost::varchar as unit_cost) from dim_products"
        ).df()
    finally:
        connection.close()
    if stock.empty:
        frames = {"replenishment_positions": empty_frame("replenishment_positions")}
        return Learned(
            write_ml_tables(settings, frames),
            ["no business reports stock, so nothing can be replenished; skipped"],
        )
    products["unit_cost"] = products["unit_cost"].map(Decimal, na_action="ignore")
    planned, notes = [], []
    for business, positions in stock.groupby("business", sort=True):
        frame = replenishment_positions(
            positions,
            forecasts[forecasts["business"] == business],
            products[products["business"] == business],
            business_date=positions["business_date"].max(),
        )
        below = int((frame["suggested_quantity"] > 0).sum())
        planned.append(frame)
        notes.append(f"{business}: {below:,} of {len(frame):,} positions to replenish")
    frames = {"replenishment_positions": _stack(planned, "replenishment_positions")}
    return Learned(write_ml_tables(settings, frames), notes)
