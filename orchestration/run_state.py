"""What a run tells the operational database about itself; used by assets, checks and the CLI."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select, update

from connectors.database import runs, schema
from connectors.database.engine import write_transaction
from orchestration.decisions import outbox


def utc_now() -> datetime:
    """The present moment; the only clock of the orchestration room."""
    return datetime.now(UTC)


def ensure_run(engine: Engine, run_id: str, trigger: str) -> None:
    """Note that this run is under way; harmless when it is noted already."""
    with engine.connect() as connection:
        known = connection.execute(
            select(schema.pipeline_runs.c.run_id).where(schema.pipeline_runs.c.run_id == run_id)
        ).first()
    if known is None:
        runs.start_run(engine, run_id, trigger)


def note(engine: Engine, run_id: str, **facts: Any) -> None:
    """Merge facts into the run's summary; lists are appended to."""
    table = schema.pipeline_runs
    with write_transaction(engine) as connection:
        row = connection.execute(select(table.c.summary).where(table.c.run_id == run_id)).first()
        summary: dict[str, Any] = dict(row[0] or {}) if row else {}
        for name, value in facts.items():
            if isinstance(value, list) and isinstance(summary.get(name), list):
                summary[name] = [*summary[name], *value]
            else:
                summary[name] = value
        connection.execute(update(table).where(table.c.run_id == run_id).values(summary=summary))


def summary_of(engine: Engine, run_id: str) -> dict[str, Any]:
    """The run's summary so far; empty when the run is unknown."""
    table = schema.pipeline_runs
    with engine.connect() as connection:
        row = connection.execute(select(table.c.summary).where(table.c.run_id == run_id)).first()
    return dict(row[0] or {}) if row else {}


def mark_red(engine: Engine, run_id: str, failed_checks: list[dict[str, str]]) -> None:
    """Record that this run's state failed blocking checks, and hold every undelivered decision."""
    summary = summary_of(engine, run_id)
    runs.finish_run(engine, run_id, "red", failed_checks=failed_checks, summary=summary)
    red = runs.data_is_red(engine)
    if red is not None:
        outbox.hold_all(engine, red.reason(), now=utc_now())
