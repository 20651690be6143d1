"""Allocation as an asset: wiring only; the work is orchestration.allocation's.

It reserves stock, so it comes after every check of what it reads, and nothing is reserved on data
that did not pass: all that dbt tests, the count of bronze and the figures of the models.
"""

from collections.abc import Iterator

import dagster as dg

from connectors.database.engine import open_database
from connectors.settings import Settings
from orchestration.allocation import drop_shipping, recalls, store_distances
from orchestration.allocation.allocating import TABLE, TABLES_WRITTEN, allocate_orders
from orchestration.defs.learning import LEARNED_KEYS
from orchestration.defs.transform import dbt_models
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS
from orchestration.progress import RunProgress
from orchestration.run_state import ensure_run, note, utc_now

ALLOCATIONS = dg.AssetKey(["ml", TABLE])
ALLOCATED_KEYS = [dg.AssetKey(["ml", name]) for name in TABLES_WRITTEN]
STEP = "allocate orders"

_DESCRIPTIONS = {
    TABLE: "Open order lines: from which site they are served, or what they wait for.",
    drop_shipping.TABLE: "Open order lines that no site stocks, and how far a supplier has come.",
    recalls.TABLE: "Pick list lines that a warehouse has and must not pick any more.",
    store_distances.TABLE: "Paid orders with the nearest store, and whether it had all of them.",
}


@dg.multi_asset(
    name="allocate_orders",
    specs=[
        dg.AssetSpec(
            key,
            deps=[*dbt_models.keys, *LEARNED_KEYS],
            group_name="models",
            description=_DESCRIPTIONS[key.path[-1]],
            owners=[OWNERS["operations"]],
            kinds={"python", "ducklake"},
            freshness_policy=DAILY_FRESHNESS,
        )
        for key in ALLOCATED_KEYS
    ],
    pool=LAKE_POOL,
)
def allocation(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> Iterator[dg.MaterializeResult]:
    """Reserve stock for lines that are paid; what is reserved already stays as it is."""
    engine = open_database(fourflow)
    ensure_run(engine, context.run_id, context.run.tags.get("fourflow/trigger", "dagster"))
    progress.start(STEP)
    allocated = allocate_orders(fourflow, now=utc_now())
    note(engine, context.run_id, **{f"model:{STEP}": allocated.notes})
    progress.finish(STEP, "; ".join(allocated.notes))
    for table, rows in allocated.rows.items():
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey(["ml", table]), metadata={"dagster/row_count": rows}
        )
