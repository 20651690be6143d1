"""The inbox as an asset, and the sensor that moves it soon after a push arrived."""

from collections.abc import Iterator

import dagster as dg

from connectors.database.engine import open_database
from connectors.errors import FourflowError
from connectors.inbox.move import InboxReport, move_to_bronze
from connectors.inbox.segments import seal_if_nobody_serves, sealed_segments, segment_name
from connectors.settings import Settings
from orchestration.forms import entering
from orchestration.order_entry import placing
from orchestration.policies import INBOX_KEY, LAKE_POOL, OWNERS, RETRY_TRANSIENT, as_failure
from orchestration.progress import RunProgress
from orchestration.run_state import ensure_run, note, utc_now

_STEP = "move the inbox"
_JOB = "job"
_MOVES_LOOKED_AT = 100
_EVERY_SECONDS = 60
_AGAIN_AFTER_SECONDS = 600
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.asset(
    key=INBOX_KEY,
    group_name="bronze",
    description="Pushes of platforms as received, each message once; bronze.<source>_pushes.",
    owners=[OWNERS["platform"]],
    kinds={"dlt", "ducklake"},
    pool=LAKE_POOL,
    retry_policy=RETRY_TRANSIENT,
    check_specs=[
        dg.AssetCheckSpec(
            "inbox_was_whole",
            asset=INBOX_KEY,
            description="Warns when the disk lost something of what was accepted.",
        )
    ],
)
def inbox_pushes(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Move everything that waits."""
    progress.start(_STEP)
    try:
        placing.hand_over_rest(fourflow, open_database(fourflow), now=utc_now())
        entering.hand_over_rest(fourflow, open_database(fourflow), now=utc_now())
        report = move_to_bronze(fourflow)
    except FourflowError as error:
        raise as_failure(error) from error
    progress.finish(_STEP, f"{report.landed_count:,} new messages")
    if report.segments and context.run.job_name == "pipeline":
        engine = open_database(fourflow)
        ensure_run(engine, context.run_id, context.run.tags.get("fourflow/trigger", "dagster"))
        note(engine, context.run_id, inbox=_facts(report))
    yield dg.MaterializeResult(
        asset_key=INBOX_KEY,
        metadata={
            "dagster/row_count": report.landed_count,
            _JOB: context.run.job_name,
            **_facts(report),
        },
    )
    yield dg.AssetCheckResult(
        asset_key=INBOX_KEY,
        check_name="inbox_was_whole",
        passed=not report.damaged,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"damaged segments": report.damaged},
    )


def last_move(instance: dg.DagsterInstance) -> str:
    """Run id of the newest move that landed pushes without building on them, else empty."""
    moves = instance.fetch_materializations(INBOX_KEY, limit=_MOVES_LOOKED_AT).records
    for move in moves:
        made = move.asset_materialization
        if made is None:
            continue
        facts = {name: value.value for name, value in made.metadata.items()}
        if facts.get(_JOB) == inbox_job.name and facts.get("dagster/row_count"):
            return str(move.run_id)
    return ""


def _facts(report: InboxReport) -> dict[str, int]:
    return {
        "landed": report.landed_count,
        "duplicates": report.duplicates,
        "damaged": report.damaged,
    }


inbox_job = dg.define_asset_job(
    "move_inbox",
    selection=dg.AssetSelection.assets(INBOX_KEY),
    description="Move what platforms pushed into bronze, without a build.",
)


@dg.sensor(
    name="inbox_waiting",
    job=inbox_job,
    minimum_interval_seconds=_EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts a move when pushes wait and none is under way.",
)
def inbox_waiting(
    context: dg.SensorEvaluationContext, fourflow: dg.ResourceParam[Settings]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """A run keyed by the newest segment; what waits still is tried again every ten minutes."""
    folder = fourflow.inbox_path
    if folder.is_dir():
        seal_if_nobody_serves(folder)
    waiting = sealed_segments(folder)
    if not waiting:
        yield dg.SkipReason("Nothing waits.")
        return
    filters = dg.RunsFilter(job_name=inbox_job.name, statuses=_UNDER_WAY)
    if context.instance.get_runs_count(filters):
        yield dg.SkipReason("A move is under way; it or the next one takes these pushes too.")
        return
    again = int(utc_now().timestamp()) // _AGAIN_AFTER_SECONDS
    yield dg.RunRequest(run_key=f"{segment_name(waiting[-1])}-{again}")
