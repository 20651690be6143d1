"""`fourflow status`: is what people see fresh, tested and complete; exit code 0 only if so."""

from typing import Annotated

import typer
from rich.console import Console

from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, table
from orchestration.status_report import StatusReport, gather_status


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
    rows = [{"fact": name, "value": value} for name, value in facts.items()]
    console.print(table("Status", rows))
    if report.held:
        console.print(table("Held deliveries", report.held))
    if report.sources:
        columns = ("source", "entity", "record_count", "last_received_at", "last_event_at")
        console.print(table("Sources", report.sources, columns=columns))
    if report.quarantine:
        console.print(table("Quarantine", report.quarantine))
    if report.warnings:
        console.print(table("Warnings", report.warnings, columns=("name", "message")))
    for problem in report.problems:
        console.print(f"[bold red]problem[/] {problem}", highlight=False, soft_wrap=True)
