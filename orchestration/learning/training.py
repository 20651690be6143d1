"""Demand, returns and risks of orders: the I/O around the pure functions of `models_ml`."""

from datetime import date, datetime

import duckdb
import pandas as pd

from connectors.lake.attach import connect_snapshot, newest_snapshot
from connectors.settings import Settings
from models_ml import order_risks
from models_ml.demand import backtest_demand, forecast_demand, wape
from models_ml.returns import NotEnoughData, TrainedReturnRisk, score, train
from orchestration.learning.inputs import last_time
from orchestration.learning.learnt import Learned, kept_learning, tables_there, write_learnt
from orchestration.learning.ml_tables import empty_frame, write_ml_tables
from orchestration.learning.registry import registered, registry_row, with_new_versions

HORIZON_DAYS = 28
DEMAND_TABLES = ("demand_forecasts", "demand_backtest", "demand_evaluations")
RETURN_TABLES = ("return_risk_scores", "return_risk_evaluations")
ORDER_RISK_TABLES = ("order_risk_scores", "order_risk_days", "order_risk_evaluations")
EXAMPLES = {risk.name: f"fct_{risk.name}_examples" for risk in order_risks.ORDER_RISKS}
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


def _origins(connection: duckdb.DuckDBPyConnection) -> dict[str, date]:
    """Of every business its last day that is complete on all channels."""
    return {str(business): day for business, day in connection.execute(_COMPLETE_DAYS).fetchall()}


_DEMAND = "select business, sku, business_date, quantity::double as quantity from fct_daily_demand"
# Sales of a day that is not complete teach nothing; late corrections of earlier days do.
_DEMAND_READ = f"""
    select sales.*, complete.origin
    from ({_DEMAND}) as sales
    join ({_COMPLETE_DAYS}) as complete
        on complete.business = sales.business and sales.business_date <= complete.origin
"""  # noqa: S608 (our own selects)
# A line that is dated in the future is not scored yet.
_RETURNS_READ = """
    select examples.*, examples.ordered_at > greatest($now, clock.as_of) as is_future
    from fct_return_risk_examples as examples
    join int_business_clock as clock using (business)
"""


def learn_demand(settings: Settings, *, now: datetime) -> Learned:
    """Forecast the daily demand of every business from its last complete day; back-test first.

    A business whose complete days are those of the last time keeps what was learnt then.
    """
    connection = connect_snapshot(settings)
    try:
        before = last_time(connection, "demand", DEMAND_TABLES, read=_DEMAND_READ, now=now)
        if before.is_current:
            return kept_learning(before)
        origins = _origins(connection)
        demand = connection.execute(
            f"{_DEMAND} where not list_contains($kept, business)", {"kept": list(before.kept)}
        ).df()
    finally:
        connection.close()
    learnt = {table: [rows] for table, rows in before.rows.items()}
    notes = before.notes()
    for business, daily in demand.groupby("business", sort=True):
        origin = origins.get(str(business))
        if origin is None:
            continue
        judged = backtest_demand(daily, origin=origin)
        forecast = forecast_demand(daily, origin=origin, scored_at=now, horizon_days=HORIZON_DAYS)
        table = judged.frame()
        learnt["demand_forecasts"].append(forecast)
        learnt["demand_backtest"].append(table)
        learnt["demand_evaluations"].append(judged.evaluations(evaluated_at=now))
        notes.append(_demand_note(str(business), table))
    return write_learnt(settings, before, learnt, notes or ["no demand to forecast"])


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
    """Train and score return risk, a business at a time, as of the business's clock.

    A business whose lines are those of the last time keeps what was learnt then.
    """
    connection = connect_snapshot(settings)
    try:
        before = last_time(
            connection,
            "returns",
            RETURN_TABLES,
            read=_RETURNS_READ,
            parameters={"now": now},
            now=now,
        )
        versions = registered(connection)
        if before.is_current:
            return kept_learning(before, model_versions=len(versions))
        examples = connection.execute(
            "select * from fct_return_risk_examples where not list_contains($kept, business)",
            {"kept": list(before.kept)},
        ).df()
        clocks = dict(
            connection.execute("select business, as_of from int_business_clock").fetchall()
        )
        snapshot_id = newest_snapshot(connection)
    finally:
        connection.close()
    learnt = {table: [rows] for table, rows in before.rows.items()}
    notes, new_versions = before.notes(), []
    for business, lines in examples.groupby("business", sort=True):
        model = train(lines, as_of=clocks[business])
        if isinstance(model, NotEnoughData):
            notes.append(f"{business}: {model.reason}")
            continue
        scored, left_out = _score_open_lines(model, lines, at=max(now, clocks[business]))
        learnt["return_risk_scores"].append(scored)
        learnt["return_risk_evaluations"].append(
            model.report.frame(
                model="return_risk",
                business=str(business),
                model_version=model.model.model_version,
                evaluated_at=now,
            )
        )
        new_versions.append(
            registry_row(
                model.model,
                name="return_risk",
                business=str(business),
                snapshot_id=snapshot_id,
                registered_at=now,
            )
        )
        notes.append(f"{business}: {model.report.summary()}{left_out}")
    return write_learnt(
        settings,
        before,
        learnt,
        notes or ["no sold lines to score"],
        model_versions=with_new_versions(versions, new_versions),
    )


def _score_open_lines(
    model: TrainedReturnRisk, lines: pd.DataFrame, *, at: datetime
) -> tuple[pd.DataFrame, str]:
    """Scores of the lines whose window is open, and a sentence on those dated in the future."""
    open_lines = lines[lines["is_returned"].isna()]
    is_future = open_lines["ordered_at"] > at
    left_out = int(is_future.sum())
    note = f" {left_out:,} lines are dated in the future and were not scored." if left_out else ""
    return score(model, open_lines[~is_future], scored_at=at), note


def learn_order_risks(settings: Settings, *, now: datetime) -> Learned:
    """Train and score late delivery, non-payment and fraud, a business at a time.

    Where too few frauds are known to train on, the watch alone speaks, of orders of an attack. The
    present of a business is the newest that its mart tells. A business whose looks are those of
    the last time keeps what was learnt then.
    """
    connection = connect_snapshot(settings)
    try:
        there = _risks_with_marts(connection)
        if not there:
            return Learned(
                write_ml_tables(settings, {t: empty_frame(t) for t in ORDER_RISK_TABLES})
            )
        read = " union all ".join(
            f"select business, '{risk.name}' as risk, hash(examples) as row_hash "  # noqa: S608
            f"from {EXAMPLES[risk.name]} as examples"
            for risk in there
        )
        before = last_time(connection, "order_risks", ORDER_RISK_TABLES, read=read, now=now)
        versions = registered(connection)
        if before.is_current:
            return kept_learning(before, model_versions=len(versions))
        examples = {
            risk: connection.execute(
                f"select * from {EXAMPLES[risk.name]} "  # noqa: S608 (our own names)
                "where not list_contains($kept, business)",
                {"kept": list(before.kept)},
            ).df()
            for risk in there
        }
        snapshot_id = newest_snapshot(connection)
    finally:
        connection.close()
    learnt = {table: [rows] for table, rows in before.rows.items()}
    notes, new_versions = before.notes(), []
    for risk, read_looks in examples.items():
        for business, rows in read_looks.groupby("business", sort=True):
            as_of = rows[["decided_at", "label_known_at"]].max().max()
            looks = order_risks.prepare(rows, risk)
            scored_at = max(now, as_of)
            model = order_risks.train(looks, risk, as_of=as_of)
            if isinstance(model, NotEnoughData):
                scores = order_risks.score_without_model(
                    looks, risk, business=str(business), scored_at=scored_at
                )
                learnt["order_risk_scores"].append(scores)
                notes.append(f"{business}, {_words(risk)}: {model.reason}{_watched(risk, scores)}")
                continue
            days = order_risks.days_of(model, as_of=as_of, time_zone=settings.business_time_zone)
            learnt["order_risk_scores"].append(
                order_risks.score(model, looks[looks["is_open"]], scored_at=scored_at)
            )
            learnt["order_risk_days"].append(days)
            learnt["order_risk_evaluations"].append(
                model.report.frame(
                    model=risk.name,
                    business=str(business),
                    model_version=model.model.model_version,
                    evaluated_at=now,
                )
            )
            new_versions.append(
                registry_row(
                    model.model,
                    name=risk.name,
                    business=str(business),
                    snapshot_id=snapshot_id,
                    registered_at=now,
                )
            )
            notes.append(f"{business}, {_words(risk)}: {model.report.summary()}{_shadow(days)}")
    return write_learnt(
        settings,
        before,
        learnt,
        notes or ["no parcels and no unpaid orders to score"],
        model_versions=with_new_versions(versions, new_versions),
    )


def _risks_with_marts(connection: duckdb.DuckDBPyConnection) -> list[order_risks.OrderRisk]:
    """The risks whose mart the dbt project has."""
    there = tables_there(connection, EXAMPLES.values())
    return [risk for risk in order_risks.ORDER_RISKS if EXAMPLES[risk.name] in there]


def _words(risk: order_risks.OrderRisk) -> str:
    return risk.name.replace("_", " ")


def _watched(risk: order_risks.OrderRisk, scores: pd.DataFrame) -> str:
    """A sentence on what was found without a model."""
    if risk.attack is None:
        return ""
    return f" Nothing is trained; the watch for attacks names {len(scores):,} open orders."


def _shadow(days: pd.DataFrame) -> str:
    """A sentence on champion and challenger on the orders that were answered lately."""
    answered = int(days["answered_count"].sum())
    if not answered or days["challenger"].isna().any():
        return ""
    ours, theirs = (
        float(days[name].sum()) / answered for name in ("squared_error", "challenger_squared_error")
    )
    return (
        f" On the {answered:,} orders answered in the last {len(days)} days the Brier score is "
        f"{ours:.4f}, that of the challenger in shadow ({days['challenger'].iloc[0]}) {theirs:.4f}."
    )
