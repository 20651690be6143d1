"""Runs of the pipeline: what started, how it ended, and whether the data is red because of it."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, Row, func, insert, select, update

from connectors.database.engine import write_transaction
from connectors.database.processes import ProcessIdentity, this_process
from connectors.database.schema import pipeline_runs, publications
from connectors.errors import InputError

RunStatus = Literal["running", "published", "unchanged", "failed", "red", "killed"]
_VERDICTS = ("published", "unchanged", "red")
_OTHER_HOST_GRACE = timedelta(hours=24)


@dataclass(frozen=True)
class FailedCheck:
    """A check that failed: its name, its kind (such as dbt_test) and what it found."""

    name: str
    kind: str
    message: str


@dataclass(frozen=True)
class PipelineRun:
    """One pass of the pipeline as the operational database knows it."""

    run_id: str
    started_at: datetime
    finished_at: datetime | None
    status: RunStatus
    trigger: str
    failed_checks: tuple[FailedCheck, ...]
    summary: Mapping[str, Any]
    publication_id: str | None
    pid: int
    host: str


@dataclass(frozen=True)
class RedState:
    """Why nothing may be delivered: the run whose blocking checks failed, and those checks."""

    run_id: str
    finished_at: datetime
    failed_checks: tuple[FailedCheck, ...]

    def reason(self) -> str:
        """One sentence that names the run and its failed checks."""
        names = ", ".join(check.name for check in self.failed_checks) or "unnamed checks"
        return f"held because run {self.run_id} failed its blocking checks: {names}"


def start_run(engine: Engine, run_id: str, trigger: str, *, now: datetime | None = None) -> None:
    """Record that this process begins a run."""
    process = this_process()
    with write_transaction(engine) as connection:
        connection.execute(
            insert(pipeline_runs).values(
                run_id=run_id,
                started_at=now or datetime.now(UTC),
                status="running",
                trigger=trigger,
                failed_checks=[],
                summary={},
                pid=process.pid,
                host=process.host,
                process_start=process.start,
            )
        )


def finish_run(
    engine: Engine,
    run_id: str,
    status: RunStatus,
    failed_checks: Sequence[FailedCheck | Mapping[str, str]] = (),
    summary: Mapping[str, Any] | None = None,
    *,
    publication_id: str | None = None,
    now: datetime | None = None,
) -> None:
    """Record how a run ended.

    Raises:
        InputError: no such run was started.
    """
    checks = [asdict(c) if isinstance(c, FailedCheck) else dict(c) for c in failed_checks]
    with write_transaction(engine) as connection:
        result = connection.execute(
            update(pipeline_runs)
            .where(pipeline_runs.c.run_id == run_id)
            .values(
                finished_at=now or datetime.now(UTC),
                status=status,
                failed_checks=checks,
                summary=dict(summary or {}),
                publication_id=publication_id,
            )
        )
        if result.rowcount == 0:
            raise InputError(f"There is no run {run_id} to finish; start it with start_run first.")


def latest_run(engine: Engine) -> PipelineRun | None:
    """The run that started last."""
    runs = list_runs(engine, limit=1)
    return runs[0] if runs else None


def list_runs(engine: Engine, limit: int = 50) -> list[PipelineRun]:
    """The newest runs, newest first."""
    query = (
        select(pipeline_runs)
        .order_by(pipeline_runs.c.started_at.desc(), pipeline_runs.c.run_id.desc())
        .limit(limit)
    )
    with engine.connect() as connection:
        return [_run(row) for row in connection.execute(query)]


def mark_dead_runs(engine: Engine, *, now: datetime | None = None) -> list[str]:
    """Mark runs whose process is gone as killed; returns their ids.

    A run on another host cannot be asked; it counts as killed a day after it started.
    """
    moment = now or datetime.now(UTC)
    host = socket.gethostname()
    running = select(pipeline_runs).where(pipeline_runs.c.status == "running")
    with write_transaction(engine) as connection:
        dead = [
            row.run_id
            for row in connection.execute(running)
            if (
                ProcessIdentity(row.host, row.pid, row.process_start).is_gone()
                if row.host == host
                else row.started_at < moment - _OTHER_HOST_GRACE
            )
        ]
        connection.execute(
            update(pipeline_runs)
            .where(pipeline_runs.c.run_id.in_(dead), pipeline_runs.c.status == "running")
            .values(status="killed", finished_at=moment)
        )
    return dead


def data_is_red(engine: Engine) -> RedState | None:
    """Why the data is red, or None: red when the newest run with a verdict failed its checks.

    A run that crashed or was killed gives no verdict, but what it published counts as green.
    """
    verdict = (
        select(pipeline_runs)
        .where(pipeline_runs.c.status.in_(_VERDICTS))
        .order_by(
            pipeline_runs.c.finished_at.desc(),
            pipeline_runs.c.started_at.desc(),
            pipeline_runs.c.run_id.desc(),
        )
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(verdict).one_or_none()
        published_at = connection.execute(select(func.max(publications.c.published_at))).scalar()
    if row is None or row.status != "red":
        return None
    run = _run(row)
    finished_at = run.finished_at or run.started_at
    if published_at is not None and published_at > finished_at:
        return None
    return RedState(run.run_id, finished_at, run.failed_checks)


def _run(row: Row[Any]) -> PipelineRun:
    values = dict(row._mapping)
    del values["process_start"]
    values["failed_checks"] = tuple(
        FailedCheck(
            name=str(check.get("name", "")),
            kind=str(check.get("kind", "")),
            message=str(check.get("message", "")),
        )
        for check in values["failed_checks"]
    )
    return PipelineRun(**values)
