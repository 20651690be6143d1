"""What `fourflow status` knows: publication, freshness, checks, queue, held actions, quarantine."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine

from connectors.configuration import load_configuration
from connectors.database import runs
from connectors.database.engine import open_database
from connectors.database.publications import Publication, list_publications
from connectors.errors import FourflowError
from connectors.inbox.state import InboxState, inbox_state, waits_too_long
from connectors.lake.lock import is_locked, read_holder
from connectors.lake.reader import open_published
from connectors.settings import Settings
from orchestration.decisions.ledger import count_by_state
from orchestration.decisions.outbox import held_deliveries
from orchestration.enabled_sources import declared_sources
from orchestration.offers import unread_problems
from orchestration.run_state import utc_now
from orchestration.source_comparisons import newest as newest_comparisons
from orchestration.source_comparisons import problems_of

# The daily run moves the inbox at the latest.
_LONGEST_WAIT_HOURS = 26.0
_WEAKEST_CHECKS = """
    select source, quality_dimension, quality_check, passed_count, judged_count
    from rpt_source_quality
    where is_weakest
    order by passed_count * 1.0000000000 / judged_count, source
"""


@dataclass(frozen=True)
class StatusReport:
    """One look at the whole installation."""

    home: str
    healthy: bool
    problems: list[str]
    publication: dict[str, Any] | None
    publications: list[dict[str, Any]]
    last_run: dict[str, Any] | None
    failed_checks: list[dict[str, str]]
    warnings: list[dict[str, str]]
    decisions: dict[str, int]
    held_because: str
    held: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]
    unmapped: list[dict[str, Any]]
    quality: list[dict[str, Any]]
    writer: str
    inbox: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self)


def gather_status(settings: Settings) -> StatusReport:
    """Look at the operational database and the published snapshot; changes nothing."""
    engine = open_database(settings)
    problems: list[str] = []
    newest = list_publications(engine, limit=20)
    red = runs.data_is_red(engine)
    run = runs.latest_run(engine)
    if not newest:
        problems.append("Nothing is published yet; run `fourflow demo` or `fourflow run`.")
    if red:
        problems += [f"Blocking check {c.name} failed: {c.message}" for c in red.failed_checks]
    elif run and run.status == "failed":
        problems.append(f"The newest run {run.run_id[:8]} failed; run `fourflow run` to see why.")
    holds = held_deliveries(engine)
    problems += [
        f"{hold.reason[:1].upper()}{hold.reason[1:]}." for hold in holds if hold.cause == "volume"
    ]
    problems += _configuration_problems(settings)
    inbox = inbox_state(settings)
    problems += _inbox_problems(inbox)
    problems += problems_of(newest_comparisons(engine, now=utc_now()))
    published = _published_facts(settings, engine, problems) if newest else {}
    holder = read_holder(settings) if is_locked(settings) else None
    return StatusReport(
        home=str(settings.root),
        healthy=not problems,
        problems=problems,
        publication=_publication_facts(newest[0]) if newest else None,
        publications=[_publication_facts(publication) for publication in newest],
        last_run=_run_facts(run) if run else None,
        failed_checks=[asdict(check) for check in red.failed_checks] if red else [],
        warnings=list(run.summary.get("checks", {}).get("warnings", [])) if run else [],
        decisions={str(state): count for state, count in count_by_state(engine).items()},
        held_because=red.reason() if red else "",
        held=[asdict(hold) for hold in holds],
        sources=published.get("sources", []),
        quarantine=published.get("quarantine", []),
        unmapped=published.get("unmapped", []),
        quality=published.get("quality", []),
        writer=holder.describe() if holder else "",
        inbox=inbox.as_json(),
    )


def _configuration_problems(settings: Settings) -> list[str]:
    try:
        configuration = load_configuration(settings)
    except FourflowError as error:
        return [str(error)]
    unread = unread_problems(configuration, declared_sources(settings))
    return [
        problem
        for name, source in configuration.sources.items()
        for problem in unread.get(name, source.problems)
    ]


def _inbox_problems(inbox: InboxState) -> list[str]:
    found = []
    if inbox.damaged:
        found.append(
            f"{inbox.damaged} segments of the inbox are damaged: read the platforms of that time "
            "again, then remove the *.damaged files."
        )
    if waits_too_long(inbox, now=utc_now(), longest_hours=_LONGEST_WAIT_HOURS):
        found.append(
            f"Pushes have been waiting since {inbox.waiting_since:%Y-%m-%d %H:%M} UTC; run "
            "`fourflow run` to see why they were not moved."
        )
    return found


def _published_facts(
    settings: Settings, engine: Engine, problems: list[str]
) -> dict[str, list[dict[str, Any]]]:
    try:
        with open_published(settings, engine=engine) as lake:
            facts = {
                "sources": lake.rows("select * from rpt_source_freshness order by source, entity"),
                "quarantine": lake.rows(
                    "select * from rpt_quarantine_reasons order by record_count desc"
                ),
            }
            # A publication may be older than the table.
            if "rpt_unmapped_values" in lake.tables():
                facts["unmapped"] = lake.rows(
                    "select * from rpt_unmapped_values "
                    "order by row_count desc, mapping, source, place, source_value"
                )
            if "rpt_source_quality" in lake.tables():
                facts["quality"] = lake.rows(_WEAKEST_CHECKS)
            return facts
    except FourflowError as error:
        problems.append(str(error))
        return {}


def _publication_facts(publication: Publication) -> dict[str, Any]:
    facts = asdict(publication)
    facts["published_at"] = publication.published_at.isoformat(timespec="seconds")
    return facts


def _run_facts(run: runs.PipelineRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "trigger": run.trigger,
        "started_at": run.started_at.isoformat(timespec="seconds"),
        "finished_at": run.finished_at.isoformat(timespec="seconds") if run.finished_at else None,
    }
