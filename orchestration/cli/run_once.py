"""`fourflow run`: one pass of the pipeline, and the table of what it did."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from connectors.configuration import (
    FILES,
    ConfiguredSource,
    load_configuration,
    remember_files,
)
from connectors.errors import InputError
from connectors.settings import CONFIGURATION_NAME, Settings, load_settings
from connectors.sources.mapping import load_source
from orchestration.cli.printing import JsonOption, print_json, table
from orchestration.demo_shop import is_demo, ready_to_read
from orchestration.progress import console_progress
from orchestration.runs import RunReport, run_pipeline


def offered_sources(settings: Settings, options: list[str]) -> list[str]:
    """Names of the sources that `--source` options name; paths among them are remembered.

    `NAME=PATH` gives files their path, `NAME` alone means a source that is configured.

    Raises:
        InputError: the name is unknown, the path is missing, or the source is not one of files.
    """
    configuration = load_configuration(settings)
    paths: dict[str, Path] = {}
    names: list[str] = []
    for option in options:
        name, _, path = option.partition("=")
        configured = configuration.sources.get(name)
        if path:
            paths[name] = _existing_path(settings, name, configured, path)
        elif configured is None:
            load_source(settings, name)
            raise InputError(f"Source {name} has no path yet; write --source {name}=PATH once.")
        names.append(name)
    remember_files(settings, paths)
    return names


def _existing_path(
    settings: Settings, name: str, configured: ConfiguredSource | None, path: str
) -> Path:
    if configured is not None and configured.connector != FILES:
        raise InputError(
            f"Source {name} is the platform {configured.connector} in fourflow.yml; give the "
            "files a source of their own."
        )
    load_source(settings, configured.mapping if configured and configured.mapping else name)
    location = Path(path).expanduser()
    if not location.exists():
        raise InputError(f"There is no file or folder {path} for source {name}; correct the path.")
    return location


def refuse_demo_home(settings: Settings) -> None:
    """A real shop's records must not mix with the demo's.

    Raises:
        InputError: home holds the demo, and the configuration is another one.
    """
    own = settings.root / CONFIGURATION_NAME
    if is_demo(settings) and settings.configuration_path not in (None, own):
        raise InputError(
            f"{settings.root} holds the demo, and {settings.configuration_path} is about "
            "something else; delete that folder or set FOURFLOW_HOME to another one."
        )


def run_command(
    source: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH of a file or folder; remembered for later runs."),
    ] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Rebuild incremental models from bronze.")
    ] = False,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """One pass: ingest, transform, learn, check, publish, decide, deliver."""
    settings = load_settings()
    refuse_demo_home(settings)
    offered = offered_sources(settings, source or [])
    configured = load_configuration(settings).sources
    if not configured:
        raise InputError(
            "No source is registered; write fourflow.yml with `fourflow init`, or start with "
            "`fourflow run --source NAME=PATH` or `fourflow demo`."
        )
    with ready_to_read(settings) as ready:
        report = run_with_display(ready, full_refresh=full_refresh, quiet=json)
    if json:
        print_json(report.as_json())
    else:
        print_report(report)
    if not report.succeeded or nothing_useful(report, offered or list(configured)):
        raise typer.Exit(1)


def run_with_display(
    settings: Settings, *, full_refresh: bool = False, quiet: bool = False, trigger: str = "manual"
) -> RunReport:
    """Run with a live display on standard error, or silently."""
    if quiet:
        return run_pipeline(settings, full_refresh=full_refresh, trigger=trigger)
    with console_progress(Console(stderr=True)) as progress:
        return run_pipeline(settings, full_refresh=full_refresh, trigger=trigger, progress=progress)


def nothing_useful(report: RunReport, sources: list[str]) -> bool:
    """Whether not one of these sources could be read at all."""
    facts = [report.summary.get(f"source:{name}", {}) for name in sources]
    return all(fact.get("problems") and not fact.get("usable", False) for fact in facts)


def print_report(report: RunReport) -> None:
    """The run's tables: sources, funnel, checks, publication, decisions, and what went wrong."""
    console = Console()
    if report.sources:
        columns = ("source", "received", "used", "duplicates", "quarantined")
        console.print(table("Records", report.sources, columns=columns))
    if report.funnel:
        console.print(table("Funnel", _funnel_rows(report.funnel)))
    console.print(table("Run", _run_rows(report)))
    for problem in report.problems:
        console.print(f"[yellow]source[/] {problem}", highlight=False, soft_wrap=True)
    for check in report.summary.get("checks", {}).get("warnings", []):
        console.print(
            f"[yellow]warning[/] {check['name']}: {check['message']}",
            highlight=False,
            soft_wrap=True,
        )
    for check in report.failed_checks:
        console.print(
            f"[bold red]failed[/] {check['name']}: {check['message']}",
            highlight=False,
            soft_wrap=True,
        )
    if report.status == "red":
        console.print(
            "[bold red]red[/] The publication did not move: dashboards keep the figures of "
            f"{report.publication_id or 'nothing yet'}, and decisions are held.",
            soft_wrap=True,
        )
    elif report.error:
        console.print(f"[bold red]error[/] {report.error}", highlight=False, soft_wrap=True)


def _funnel_rows(funnel: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    previous: dict[str, int] = {}
    for step in funnel:
        entered = previous.get(step["business"])
        is_step = step["step_kind"] == "step"
        # As on the pages: orders that still have time count neither as reached nor as lost.
        decided = step["reached"] + step["dropped"]
        rate = f"{step['reached'] / decided:.1%}" if entered and decided and is_step else ""
        rows.append(
            {
                "business": step["business"],
                "step": step["step_name"],
                "reached": step["reached"],
                "conversion": rate,
                "still_open": step["open"],
                "dropped": step["dropped"],
            }
        )
        if is_step:
            previous[step["business"]] = step["reached"]
    return rows


def _run_rows(report: RunReport) -> list[dict[str, Any]]:
    checks = report.summary.get("checks", {})
    decisions = report.summary.get("decisions", {})
    deliveries = report.summary.get("deliveries", {})
    facts = {
        "status": report.status,
        "publication": report.publication_id or "none",
        "checks": f"{checks.get('passed', 0)} passed, {checks.get('warned', 0)} warn, "
        f"{checks.get('failed', 0)} failed",
        "decisions made": str(decisions.get("created", 0)),
        "deliveries confirmed": str(deliveries.get("delivered", 0)),
        "deliveries held": str(deliveries.get("held", 0)),
        "seconds": f"{report.seconds:.1f}",
    }
    return [{"fact": name, "value": value} for name, value in facts.items()]
