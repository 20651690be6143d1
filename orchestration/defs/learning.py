"""Model outputs as assets: wiring only; orchestration.learning reads and writes."""

from collections.abc import Callable, Iterator

import dagster as dg
from dagster_dbt import get_asset_key_for_model

from connectors.database.engine import open_database
from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from orchestration.defs.transform import dbt_models
from orchestration.learning.checks import check_models, check_names
from orchestration.learning.customer_values import (
    PURCHASES_OF,
    VALUE_TABLES,
    learn_customer_values,
)
from orchestration.learning.learnt import Learned
from orchestration.learning.training import (
    EXAMPLES,
    ORDER_RISK_TABLES,
    learn_demand,
    learn_order_risks,
    learn_returns,
)
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS
from orchestration.progress import RunProgress
from orchestration.replenishment.replenishing import plan_replenishment
from orchestration.run_state import ensure_run, note, utc_now

DEMAND = ("demand_forecasts", "demand_backtest", "demand_evaluations")
RETURNS = ("return_risk_scores", "return_risk_evaluations", "model_versions")
REPLENISHMENT = (
    "replenishment_positions",
    "replenishment_transfers",
    "work_orders",
    "component_requirements",
)
LEARNED_KEYS = [
    dg.AssetKey(["ml", name])
    for name in (*DEMAND, *RETURNS, *ORDER_RISK_TABLES, *VALUE_TABLES, *REPLENISHMENT)
]

_DESCRIPTIONS = {
    "demand_forecasts": "Expected units per SKU and day, 28 days ahead, with an interval.",
    "demand_backtest": "Errors of the chosen methods and the seasonal naive at earlier origins.",
    "demand_evaluations": "WAPE, bias and coverage beside their baselines.",
    "customer_values": "What each customer will probably buy and bring in 90 days.",
    "customer_value_evaluations": "The last days foretold without them, beside simple guesses.",
    "return_risk_scores": "Probability that a line comes back, with reasons.",
    "return_risk_evaluations": "Average precision and calibration beside base rate and baseline.",
    "order_risk_scores": "Probability that an open order is late or stays unpaid, with reasons.",
    "order_risk_days": "What each day's list was worth, champion beside challenger in shadow.",
    "order_risk_evaluations": "Average precision and calibration beside base rate and baseline.",
    "model_versions": "What was learnt from what, and why it is in use; the newest is.",
    "replenishment_positions": "Stock position against reorder point, what to buy and why.",
    "replenishment_transfers": "What other sites have to spare where that is cheaper than buying.",
    "work_orders": "What to make of which article, when it can start and what it waits for.",
    "component_requirements": "What each work order takes of which component, and since when.",
}


def _specs(names: tuple[str, ...], *upstream: dg.AssetKey) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            dg.AssetKey(["ml", name]),
            deps=list(upstream),
            group_name="models",
            description=_DESCRIPTIONS[name],
            owners=[OWNERS["science"]],
            kinds={"python", "ducklake"},
            freshness_policy=DAILY_FRESHNESS,
        )
        for name in names
    ]


def _learn(
    context: dg.AssetExecutionContext,
    settings: Settings,
    progress: RunProgress,
    step: str,
    work: Callable[..., Learned],
    *,
    checked: str | None = None,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    engine = open_database(settings)
    ensure_run(engine, context.run_id, context.run.tags.get("fourflow/trigger", "dagster"))
    progress.start(step)
    learned = work(settings, now=utc_now())
    note(engine, context.run_id, **{f"model:{step}": learned.notes})
    progress.finish(step, "; ".join(learned.notes))
    for table, rows in learned.rows.items():
        key = dg.AssetKey(["ml", table])
        if key in context.assets_def.keys:  # the registry belongs to the first who writes into it
            yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": rows})
    if checked is not None:
        yield from _checks(settings, checked)


def _check_specs(table: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(name, asset=dg.AssetKey(["ml", table])) for name in check_names(table)
    ]


def _checks(settings: Settings, table: str) -> Iterator[dg.AssetCheckResult]:
    connection = connect_snapshot(settings)
    try:
        outcome = check_models(connection, table)
    finally:
        connection.close()
    for name, problems in outcome.items():
        yield dg.AssetCheckResult(
            asset_key=dg.AssetKey(["ml", table]),
            check_name=name,
            passed=not problems,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"problems": problems},
        )


def _dbt(name: str) -> dg.AssetKey:
    return get_asset_key_for_model([dbt_models], name)


def _dbt_where_there(*names: str) -> list[dg.AssetKey]:
    """Keys of those of these models that the dbt project has."""
    own = {key.path[-1]: key for key in dbt_models.keys}
    return [own[name] for name in names if name in own]


@dg.multi_asset(
    name="learn_demand",
    specs=_specs(DEMAND, _dbt("fct_daily_demand"), _dbt("rpt_channel_daily")),
    check_specs=_check_specs("demand_forecasts"),
    pool=LAKE_POOL,
)
def demand(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Forecast every business's daily demand and judge the method by rolling origins."""
    yield from _learn(
        context, fourflow, progress, "forecast demand", learn_demand, checked="demand_forecasts"
    )


@dg.multi_asset(
    name="learn_returns",
    specs=_specs(RETURNS, _dbt("fct_return_risk_examples")),
    check_specs=_check_specs("return_risk_scores"),
    pool=LAKE_POOL,
)
def returns(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Score the risk that a line comes back; split by time, calibrated, beside its baseline."""
    yield from _learn(
        context,
        fourflow,
        progress,
        "score return risk",
        learn_returns,
        checked="return_risk_scores",
    )


@dg.multi_asset(
    name="learn_order_risks",
    # The registry is one table: whoever writes into it comes after the one before.
    specs=_specs(
        ORDER_RISK_TABLES,
        *_dbt_where_there(*EXAMPLES.values()),
        dg.AssetKey(["ml", "model_versions"]),
    ),
    check_specs=_check_specs("order_risk_scores"),
    pool=LAKE_POOL,
)
def risks_of_orders(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Score which parcels will be late and which orders stay unpaid; calibrated, with reasons."""
    yield from _learn(
        context,
        fourflow,
        progress,
        "score order risks",
        learn_order_risks,
        checked="order_risk_scores",
    )


@dg.multi_asset(
    name="learn_customer_values",
    specs=_specs(VALUE_TABLES, *_dbt_where_there(PURCHASES_OF), _dbt("int_business_clock")),
    check_specs=_check_specs("customer_values"),
    pool=LAKE_POOL,
)
def values_of_customers(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Say what customers will buy and bring; learnt mix of purchase processes, judged first."""
    yield from _learn(
        context,
        fourflow,
        progress,
        "value customers",
        learn_customer_values,
        checked="customer_values",
    )


@dg.multi_asset(
    name="plan_replenishment",
    specs=_specs(
        REPLENISHMENT,
        dg.AssetKey(["ml", "demand_forecasts"]),
        *map(
            _dbt,
            (
                "fct_stock_positions",
                "fct_stock_ledger",
                "fct_daily_demand",
                "fct_purchase_order_lines",
                "dim_products",
                "dim_sites",
                "dim_suppliers",
                "dim_supplier_prices",
                "bill_of_materials",
            ),
        ),
    ),
    pool=LAKE_POOL,
)
def replenishment(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Say what sites should give each other and what to buy until the next order can arrive."""
    yield from _learn(context, fourflow, progress, "plan replenishment", plan_replenishment)
