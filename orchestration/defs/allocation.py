"""Allocation as an asset: wiring only; the work is orchestration.allocation's.

It reserves stock, so it comes after every check of what it reads, and nothing is reserved on data
that did not pass: all that dbt tests, the count of bronze and the figures of the models.
"""

import dagster as dg

from connectors.database.engine import open_database
from connectors.settings import Settings
from orchestration.allocation.allocating import TABLE, allocate_orders
from orchestration.defs.learning import LEARNED_KEYS
from orchestration.defs.transform import dbt_models
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS
from orchestration.progress import RunProgress
from orchestration.run_state import ensure_run, note, utc_now

ALLOCATIONS = dg.AssetKey(["ml", TABLE])
STEP = "allocate orders"


@dg.asset(
    key=ALLOCATIONS,
    deps=[*dbt_models.keys, *LEARNED_KEYS],
    group_name="models",
    description="Open order lines: from which site they are served, or what they wait for.",
    owners=[OWNERS["operations"]],
    kinds={"python", "ducklake"},
    freshness_policy=DAILY_FRESHNESS,
    pool=LAKE_POOL,
)
def line_allocations(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> dg.MaterializeResult:
    """Reserve stock for lines that are paid; what is reserved already stays as it is."""
    engine = open_database(fourflow)
    ensure_run(engine, context.run_id, context.run.tags.get("fourflow/trigger", "dagster"))
    progress.start(STEP)
    allocated = allocate_orders(fourflow, now=utc_now())
    note(engine, context.run_id, **{f"model:{STEP}": allocated.notes})
    progress.finish(STEP, "; ".join(allocated.notes))
    return dg.MaterializeResult(metadata={"dagster/row_count": allocated.rows[TABLE]})
