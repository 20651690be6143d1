"""When things run: a daily pass, a micro-batch every five minutes, deliveries, upkeep."""

from collections.abc import Iterator

import dagster as dg

from connectors.database.engine import open_database
from connectors.settings import Settings, load_settings
from orchestration.defs.decisions import DELIVERIES
from orchestration.maintenance import maintain
from orchestration.policies import LAKE_POOL
from orchestration.registered_sources import offer_signature, registered_sources
from orchestration.run_state import utc_now

_ZONE = load_settings().business_time_zone

pipeline_job = dg.define_asset_job(
    "pipeline",
    selection=dg.AssetSelection.all(),
    description="ingest -> transform -> learn -> check -> publish -> decide -> deliver",
    tags={"fourflow/trigger": "schedule"},
)

delivery_job = dg.define_asset_job(
    "deliver",
    selection=dg.AssetSelection.assets(DELIVERIES),
    description="Deliver decisions that are due, such as retries, without a new build.",
)


@dg.op(pool=LAKE_POOL)
def keep_lake_small(fourflow: dg.ResourceParam[Settings]) -> None:
    """Expire, merge and clean up; publications inside their retention stay."""
    maintain(fourflow, open_database(fourflow), now=utc_now())


@dg.job(description="Compaction and expiry of the lake.")
def maintenance_job() -> None:
    """One step: see orchestration.maintenance."""
    keep_lake_small()


daily_schedule = dg.ScheduleDefinition(
    name="daily",
    job=pipeline_job,
    cron_schedule="0 5 * * *",
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The full pass of the day, done before people come in.",
)

maintenance_schedule = dg.ScheduleDefinition(
    name="daily_maintenance",
    job=maintenance_job,
    cron_schedule="30 3 * * *",
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

delivery_schedule = dg.ScheduleDefinition(
    name="deliver_due",
    job=delivery_job,
    cron_schedule="*/5 * * * *",
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.schedule(
    name="micro_batch",
    job=pipeline_job,
    cron_schedule="*/5 * * * *",
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every five minutes, if a registered source has something new.",
)
def micro_batch(
    fourflow: dg.ResourceParam[Settings],
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run keyed by what is on offer: the same files never start two runs."""
    if not registered_sources(fourflow):
        yield dg.SkipReason("No source is registered; `fourflow run --source NAME=PATH` adds one.")
        return
    yield dg.RunRequest(run_key=f"offer-{offer_signature(fourflow)}")
