"""When things run: the daily pass, new files, sources with a schedule, deliveries, upkeep.

`fourflow.yml` may say other times; a change of them counts from the next start.
"""

from collections.abc import Iterator

import dagster as dg

from connectors.configuration import ConfiguredSource, load_configuration
from connectors.database.engine import open_database
from connectors.settings import Settings, load_settings
from orchestration.defs.decisions import DELIVERIES
from orchestration.defs.inbox import last_move
from orchestration.maintenance import maintain
from orchestration.offers import DUE_TAG, offer_signature
from orchestration.policies import LAKE_POOL
from orchestration.progress import SilentProgress
from orchestration.run_state import utc_now
from orchestration.source_checks import DEFAULT_DAYS, compare_sources, complete_days
from orchestration.source_comparisons import keep, problems_of

_SETTINGS = load_settings()
_ZONE = _SETTINGS.business_time_zone
_CONFIGURATION = load_configuration(_SETTINGS)
_TIMES = _CONFIGURATION.schedules

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


@dg.op
def compare_with_sources(fourflow: dg.ResourceParam[Settings]) -> None:
    """Ask every source anew and keep what differs; fails when anything does."""
    configuration = load_configuration(fourflow)
    days = complete_days(fourflow, DEFAULT_DAYS)
    found = compare_sources(fourflow, configuration, days, SilentProgress())
    keep(open_database(fourflow), found)
    problems = problems_of(found)
    if problems:
        raise dg.Failure(description=" ".join(problems), allow_retries=False)


@dg.job(description="Is everything in the lake that the sources have: counts and amounts a day.")
def source_check_job() -> None:
    """One step: see orchestration.source_checks. It writes nothing to the lake."""
    compare_with_sources()


daily_schedule = dg.ScheduleDefinition(
    name="daily",
    job=pipeline_job,
    cron_schedule=_TIMES.daily,
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The full pass of the day, done before people come in.",
)

maintenance_schedule = dg.ScheduleDefinition(
    name="daily_maintenance",
    job=maintenance_job,
    cron_schedule=_TIMES.maintenance,
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

source_check_schedule = dg.ScheduleDefinition(
    name="daily_source_check",
    job=source_check_job,
    cron_schedule=_TIMES.source_check,
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Counts and amounts of the last days, at the sources and in the lake.",
)

delivery_schedule = dg.ScheduleDefinition(
    name="deliver_due",
    job=delivery_job,
    cron_schedule=_TIMES.deliveries,
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


@dg.schedule(
    name="micro_batch",
    job=pipeline_job,
    cron_schedule=_TIMES.micro_batch,
    execution_timezone=_ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every few minutes, if files or pushes have brought something new.",
)
def micro_batch(
    context: dg.ScheduleEvaluationContext, fourflow: dg.ResourceParam[Settings]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run keyed by what arrived: the same files and pushes never start two runs."""
    files = offer_signature(load_configuration(fourflow))
    pushes = last_move(context.instance)
    if not files and not pushes:
        yield dg.SkipReason(
            "No source of files is configured and nothing was pushed; `fourflow run --source "
            "NAME=PATH` adds a source."
        )
        return
    yield dg.RunRequest(run_key=f"offer-{files}-{pushes}")


def _schedule_of(source: ConfiguredSource) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=f"read_{source.name}",
        job=pipeline_job,
        cron_schedule=source.schedule or _TIMES.daily,
        execution_timezone=_ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        tags={"fourflow/trigger": "schedule", DUE_TAG: source.name},
        description=f"A pass that reads {source.name} only.",
    )


source_schedules = [
    _schedule_of(source) for source in _CONFIGURATION.sources.values() if source.schedule
]
