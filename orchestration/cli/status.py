"""`fourflow status`: is what people see fresh, tested and complete; exit code 0 only if so."""

from typing import Annotated, Any, Final

import typer
from rich.console import Console

from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, table
from orchestration.status_report import StatusReport, gather_status

_UNMAPPED_SHOWN: Final = 10


def status(json: Annotated[bool, JsonOption] = False) -> None:
    """Published snapshot, freshness a source, failed checks, held actions, queue, quarantine."""
    report = gather_status(load_settings())
    if json:
        print_json(report.as_json())
    else:
        _print(report)
    if not report.healthy:
        raise typer.Exit(1)


def _print(report: StatusReport) -> None:
    console = Console()
    facts = {"home": report.home, "healthy": "yes" if report.healthy else "no"}
    if report.publication:
        facts["published"] = report.publication["publication_id"]
        facts["snapshot"] = str(report.publication["snapshot_id"])
    if report.last_run:
        facts["last run"] = f"{report.last_run['status']} at {report.last_run['started_at']}"
    if report.writer:
        facts["being written by"] = report.writer
    for state, count in report.decisions.items():
        facts[f"decisions {state}"] = str(count)
    if report.held_because:
        facts["held"] = report.held_because
    if report.inbox["since"]:
        facts["inbox"] = (
            f"{report.inbox['accepted']:,} accepted, {report.inbox['refused']:,} refused, "
            f"{report.inbox['waiting']:,} waiting"
        )
    if report.unmapped:
        facts["unmapped values"] = f"{len(report.unmapped):,}"
    faults = [one for one in report.quality if one["passed_count"] < one["judged_count"]]
    if faults:
        facts["weakest source"] = (
            "{source}: {quality_check} {passed_count:,} of {judged_count:,}".format(**faults[0])
        )
    rows = [{"fact": name, "value": value} for name, value in facts.items()]
    console.print(table("Status", rows))
    _print_lists(console, report)
    for problem in report.problems:
        console.print(f"[bold red]problem[/] {problem}", highlight=False, soft_wrap=True)


def _print_lists(console: Console, report: StatusReport) -> None:
    source = ("source", "entity", "record_count", "last_received_at", "last_event_at")
    value = ("mapping", "source", "place", "source_value", "row_count", "last_known_at")
    lists: tuple[tuple[str, list[dict[str, Any]], tuple[str, ...] | None], ...] = (
        ("Held deliveries", report.held, None),
        ("Sources", report.sources, source),
        ("Quarantine", report.quarantine, None),
        ("Values that no mapping knows", report.unmapped[:_UNMAPPED_SHOWN], value),
        ("Warnings", report.warnings, ("name", "message")),
    )
    for title, rows, columns in lists:
        if rows:
            console.print(table(title, rows, columns=columns))
