"""`fourflow inbox`: what platforms pushed, and moving it into bronze now."""

from typing import Annotated

import typer
from rich.console import Console

from connectors.inbox.move import move_to_bronze
from connectors.inbox.state import inbox_state
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows, table

app = typer.Typer(help="Pushes of platforms: received by `fourflow up`, moved by every run.")


@app.command()
def state(json: Annotated[bool, JsonOption] = False) -> None:
    """Counts of accepted, refused and waiting pushes, and the last refusals."""
    seen = inbox_state(load_settings())
    if json:
        print_json(seen.as_json())
        return
    facts = {
        "accepted pushes": seen.accepted,
        "refused pushes": seen.refused,
        "waiting messages": seen.waiting,
        "waiting bytes": seen.waiting_bytes,
        "damaged segments": seen.damaged,
    }
    title = f"Inbox since {seen.since}" if seen.since else "Inbox"
    console = Console()
    console.print(table(title, [{"fact": name, "value": value} for name, value in facts.items()]))
    print_rows("Last refusals", seen.refusals[-20:], empty="Nothing was refused.")


@app.command()
def move(json: Annotated[bool, JsonOption] = False) -> None:
    """Move what waits into bronze; every run does it as well."""
    report = move_to_bronze(load_settings())
    facts = {
        "landed": report.landed_count,
        "duplicates": report.duplicates,
        "moved_before": report.moved_before,
        "segments": report.segments,
        "damaged": report.damaged,
        "by_source": report.landed,
    }
    if json:
        print_json(facts)
        return
    Console(highlight=False).print(
        f"messages landed in bronze: {report.landed_count:,}; sent before: {report.duplicates:,}"
    )
