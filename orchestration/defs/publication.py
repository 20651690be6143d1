"""Blocking checks in Python, then the one step that moves the published pointer."""

from functools import partial

import dagster as dg

from connectors.database import runs
from connectors.database.engine import open_database
from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from orchestration.allocation.consistency import inconsistencies
from orchestration.defs.allocation import ALLOCATED_KEYS, ALLOCATIONS
from orchestration.defs.decisions import LEDGER_KEYS
from orchestration.defs.learning import LEARNED_KEYS
from orchestration.defs.transform import dbt_models
from orchestration.enabled_sources import declared_sources
from orchestration.lake_checks import (
    LakeCheck,
    bronze_is_accounted_for,
    learned_tables_are_sane,
    promises_are_kept,
)
from orchestration.maintenance import maintain
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS
from orchestration.progress import RunProgress
from orchestration.publishing import SupersededError, publish
from orchestration.run_state import ensure_run, mark_red, note, summary_of, utc_now

UPKEEP = dg.AssetKey("lake_upkeep")
CONSERVATION = dg.AssetKey(["reports", "rpt_conservation"])
POSITIONS = dg.AssetKey(["ml", "replenishment_positions"])
PUBLISHED = dg.AssetKey("published_snapshot")
STEP = "publish"


def _verdict(
    context: dg.AssetCheckExecutionContext, settings: Settings, check: LakeCheck
) -> dg.AssetCheckResult:
    connection = connect_snapshot(settings)
    try:
        outcome = check(connection)
    finally:
        connection.close()
    if outcome.problems:
        failed = [
            {"name": outcome.name, "kind": "check", "message": problem}
            for problem in outcome.problems
        ]
        mark_red(open_database(settings), context.run.run_id, failed)
    return dg.AssetCheckResult(
        passed=not outcome.problems,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"problems": outcome.problems, **outcome.figures},
    )


@dg.asset_check(
    asset=CONSERVATION,
    blocking=True,
    description="Every committed bronze row is used, duplicate or quarantined; counted anew.",
)
def bronze_rows_are_accounted_for(
    context: dg.AssetCheckExecutionContext, fourflow: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Counts bronze itself, without dbt, and compares with the conservation report."""
    sources = declared_sources(fourflow)
    return _verdict(context, fourflow, partial(bronze_is_accounted_for, sources=sources))


@dg.asset_check(
    asset=POSITIONS,
    blocking=True,
    additional_deps=[key for key in LEARNED_KEYS if key != POSITIONS],
    description="Forecasts are finite and not negative, scores lie between 0 and 1.",
)
def learned_figures_are_sane(
    context: dg.AssetCheckExecutionContext, fourflow: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Refuses what no model should ever write."""
    return _verdict(context, fourflow, learned_tables_are_sane)


@dg.asset_check(
    asset=ALLOCATIONS,
    blocking=True,
    description="Open lines are allocated to the unit, and the books of stock add up.",
)
def allocated_stock_is_there(
    context: dg.AssetCheckExecutionContext, fourflow: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Adds up what the table says beside the orders, and the books of stock."""
    problems = [one.sentence for one in inconsistencies(open_database(fourflow))]
    return _verdict(context, fourflow, partial(promises_are_kept, in_the_books=problems))


@dg.asset(
    key=PUBLISHED,
    deps=[*dbt_models.keys, *LEARNED_KEYS, *ALLOCATED_KEYS, *LEDGER_KEYS],
    group_name="publication",
    description="The snapshot that dashboards, exports, rules and write-back read.",
    owners=[OWNERS["platform"]],
    freshness_policy=DAILY_FRESHNESS,
    pool=LAKE_POOL,
)
def published_snapshot(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> dg.MaterializeResult:
    """Move the pointer to the state that this run built and tested."""
    engine = open_database(fourflow)
    ensure_run(engine, context.run_id, context.run.tags.get("fourflow/trigger", "dagster"))
    progress.start(STEP)
    summary = summary_of(engine, context.run_id)
    try:
        publication = publish(
            fourflow,
            engine,
            run_id=context.run_id,
            checks=summary.get("checks", {}),
            now=utc_now(),
        )
    except SupersededError as error:
        note(engine, context.run_id, superseded=str(error))
        runs.finish_run(
            engine,
            context.run_id,
            "unchanged",
            failed_checks=[],
            summary=summary_of(engine, context.run_id),
        )
        progress.finish(STEP, "superseded by a newer run")
        return dg.MaterializeResult(metadata={"superseded": str(error)})
    runs.finish_run(
        engine,
        context.run_id,
        "published",
        failed_checks=[],
        summary=summary_of(engine, context.run_id),
        publication_id=publication.publication_id,
    )
    progress.finish(STEP, publication.publication_id)
    return dg.MaterializeResult(
        metadata={
            "publication_id": publication.publication_id,
            "snapshot_id": publication.snapshot_id,
        }
    )


@dg.asset(
    key=UPKEEP,
    deps=[PUBLISHED],
    group_name="publication",
    description="Snapshots that no kept publication needs are expired after every run.",
    owners=[OWNERS["platform"]],
    pool=LAKE_POOL,
)
def lake_upkeep(fourflow: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """Keep the catalogue small: every query of the next run reads it."""
    report = maintain(fourflow, open_database(fourflow), now=utc_now(), compact=False)
    return dg.MaterializeResult(metadata={"snapshots_expired": report.snapshots_expired})
