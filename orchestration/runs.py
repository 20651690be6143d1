"""One pass of the pipeline in this process: the same assets that Dagster schedules."""

import contextlib
import gc
import importlib
import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from connectors.configuration import load_configuration
from connectors.database import runs as run_log
from connectors.database.engine import open_database
from connectors.database.publications import find_publication
from connectors.errors import FourflowError, NothingPublishedError
from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import Settings
from orchestration.enabled_sources import declared_sources
from orchestration.instance import fail_ghost_runs, open_instance, process_tags
from orchestration.offers import unread_problems
from orchestration.progress import RunProgress, SilentProgress
from orchestration.run_state import ensure_run, note, summary_of

_FUNNEL_SQL = """
    select business, funnel, step_number, any_value(step_name) as step_name,
        any_value(step_kind) as step_kind,
        sum(reached_count)::bigint as reached, sum(open_count)::bigint as open,
        sum(dropped_count)::bigint as dropped
    from rpt_funnel_daily
    group by business, funnel, step_number
    order by business, funnel, step_number
"""
_SOURCES_SQL = """
    select source, sum(received)::bigint as received, sum(used)::bigint as used,
        sum(duplicates)::bigint as duplicates, sum(quarantined)::bigint as quarantined
    from rpt_conservation group by source order by source
"""


@dataclass(frozen=True)
class RunReport:
    """What one pass did; `as_json` is what `fourflow run --json` prints."""

    run_id: str
    status: str
    seconds: float
    publication_id: str | None
    failed_checks: list[dict[str, str]]
    error: str
    summary: dict[str, Any]
    sources: list[dict[str, Any]] = field(default_factory=list)
    funnel: list[dict[str, Any]] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Whether the run reached its end and nothing it tested was red."""
        return self.status in ("published", "unchanged")

    @property
    def problems(self) -> list[str]:
        """What the sources could not use, one sentence each."""
        return [
            problem
            for name, facts in self.summary.items()
            if name.startswith("source:")
            for problem in facts.get("problems", [])
        ]

    def as_json(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self) | {"problems": self.problems}


def run_pipeline(
    settings: Settings,
    *,
    full_refresh: bool = False,
    trigger: str = "manual",
    progress: RunProgress | None = None,
) -> RunReport:
    """Ingest, transform, learn, check, publish, decide, deliver.

    A failed blocking check is a result (status `red`), not an exception.

    Raises:
        InputError: `fourflow.yml` as a whole can't be used.
    """
    started = time.monotonic()
    run_id = str(uuid.uuid4())
    settings.export_to_environment(run_id=run_id)
    engine = open_database(settings)
    run_log.mark_dead_runs(engine)
    ensure_run(engine, run_id, trigger)
    _note_unread_sources(settings, engine, run_id)
    error = ""
    with open_instance(settings) as instance, _rarely_collecting():
        fail_ghost_runs(instance)
        _quiet_dagster()
        job = _pipeline_job()
        try:
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                raise_on_error=False,
                tags={"fourflow/trigger": trigger, **process_tags()},
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    "ops": {"dbt_build": {"config": {"full_refresh": full_refresh}}},
                },
                resources={"fourflow": settings, "progress": progress or SilentProgress()},
            )
        except FourflowError as failure:
            error = str(failure)
        else:
            error = "" if result.success else _first_failure(result)
    return _report(settings, run_id, error, time.monotonic() - started)


def _note_unread_sources(settings: Settings, engine: Engine, run_id: str) -> None:
    unread = unread_problems(load_configuration(settings), declared_sources(settings))
    for name, problems in unread.items():
        facts = {"records": 0, "usable": False, "problems": problems}
        note(engine, run_id, **{f"source:{name}": facts})


def _pipeline_job() -> dg.JobDefinition:
    definitions: dg.Definitions = importlib.import_module("orchestration.definitions").defs()
    return definitions.resolve_job_def("pipeline")


@contextlib.contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Look for garbage seldom: what dbt and Dagster know of the project stays until the end.

    Python's own threshold walked through those million objects for a tenth of a run's time.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _quiet_dagster() -> None:
    for name in ("dagster", "dlt", "dagster_dbt", "sqlfluff", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _first_failure(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            failure = data.user_failure_data
            if failure and failure.description:
                return str(failure.description)
            if data.error:
                cause = data.error.cause or data.error
                return " ".join(str(cause.message).split())[:600]
    return "the run failed; see `fourflow up` and its run page for the log."


def _report(settings: Settings, run_id: str, error: str, seconds: float) -> RunReport:
    engine = open_database(settings)
    run = next(r for r in run_log.list_runs(engine, limit=200) if r.run_id == run_id)
    if run.status == "running":
        run_log.finish_run(
            engine, run_id, "failed", failed_checks=[], summary=summary_of(engine, run_id)
        )
        run = next(r for r in run_log.list_runs(engine, limit=200) if r.run_id == run_id)
    sources: list[dict[str, Any]] = []
    funnel: list[dict[str, Any]] = []
    try:
        with open_published(settings, engine=engine) as lake:
            sources, funnel = _published_figures(lake)
    except NothingPublishedError:
        pass
    published = find_publication(engine, None)
    return RunReport(
        run_id=run_id,
        status=run.status,
        seconds=round(seconds, 1),
        publication_id=run.publication_id or (published.publication_id if published else None),
        failed_checks=[asdict(check) for check in run.failed_checks],
        error=error,
        summary=summary_of(engine, run_id),
        sources=sources,
        funnel=funnel,
    )


def _published_figures(
    lake: PublishedLake,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return lake.rows(_SOURCES_SQL), lake.rows(_FUNNEL_SQL)
