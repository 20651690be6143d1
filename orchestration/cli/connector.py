"""`fourflow connector`: which platforms can be read, whether accounts work, and new ones."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from connectors.configuration import load_configuration
from connectors.settings import PROJECT_ROOT, load_settings
from orchestration.backfill import backfill_platform
from orchestration.cli.printing import JsonOption, print_json, print_rows, text
from orchestration.connecting.report import ConnectorFacts, check_sources, list_facts
from orchestration.connecting.scaffold import scaffold_connector
from orchestration.progress import console_progress

app = typer.Typer(help="Platforms that can be read.", no_args_is_help=True)


@app.command("list")
def list_command(json: Annotated[bool, JsonOption] = False) -> None:
    """List connectors: what they read, configured accounts, and how far each has been read."""
    settings = load_settings()
    facts = list_facts(settings, load_configuration(settings))
    if json:
        print_json([connector.as_json() for connector in facts])
    else:
        rows = [row for connector in facts for row in _rows(connector)]
        print_rows("Connectors", rows, empty="No connector is installed.")


def _rows(connector: ConnectorFacts) -> list[dict[str, Any]]:
    rows = []
    for account in connector.accounts:
        name = f"{account.source} ({account.account})" if account.account else account.source
        wrong = "; see `fourflow doctor`" if account.problems else ""
        rows.append(
            {
                "account": name + wrong,
                "last_load": text(account.loaded_at) or "never",
                "read_until": min(account.cursors.values(), default=""),
            }
        )
    rows = rows or [{"account": "", "last_load": "", "read_until": ""}]
    first = {
        "name": connector.name,
        "title": connector.title,
        "entities": ", ".join(connector.entities),
    }
    blank = dict.fromkeys(first, "")
    return [{**(first if number == 0 else blank), **row} for number, row in enumerate(rows)]


@app.command("check")
def check_command(
    name: Annotated[str, typer.Argument(help="A source in fourflow.yml, or a connector.")],
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Try credentials and reachability: one sentence an account; fails if one fails."""
    settings = load_settings()
    console = Console()
    verdicts = []
    for verdict in check_sources(settings, load_configuration(settings), name, account):
        verdicts.append(verdict)
        if not json:
            mark = "[green]ok[/]" if verdict.ok else "[bold red]failed[/]"
            console.print(mark, verdict.verdict, highlight=False, soft_wrap=True)
    if json:
        print_json([vars(verdict) for verdict in verdicts])
    if not all(verdict.ok for verdict in verdicts):
        raise typer.Exit(1)


@app.command("backfill")
def backfill_command(
    name: Annotated[str, typer.Argument(help="A source in fourflow.yml.")],
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First business date.")],
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First date not read any more; default: now."),
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    window_days: Annotated[int, typer.Option(min=1, help="Days read and landed at once.")] = 7,
) -> None:
    """Read a span of the past anew, window by window; cursors stay where they are."""
    settings = load_settings()
    source = load_configuration(settings).source(name)
    last = until.date() if until else None
    console = Console()
    with console_progress(Console(stderr=True)) as progress:
        outcome = backfill_platform(
            settings, source, since.date(), last, progress,
            account=account, window_days=window_days,
        )  # fmt: skip
    console.print(f"{outcome.record_count:,} records landed; `fourflow run` builds on them.")
    for problem in outcome.problems:
        console.print(f"[bold red]error[/] {problem}", highlight=False, soft_wrap=True)
    if outcome.problems:
        raise typer.Exit(1)


@app.command("new")
def new_command(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.")],
    title: Annotated[str, typer.Option(help="Name for people; default: from NAME.")] = "",
) -> None:
    """Write a new connector with README, mapping, models and contract test into this checkout."""
    console = Console()
    for path in scaffold_connector(PROJECT_ROOT, name, title):
        console.print(f"wrote {path.relative_to(PROJECT_ROOT)}", highlight=False, soft_wrap=True)
    console.print(
        f"Now: replace the calls in connectors/sources/{name}/source.py and the columns in "
        f"dbt_project/models/staging/{name}, keep "
        f"tests/unit/connectors/test_{name}_contract.py green, then map it to the canonical "
        "shapes (dbt_project/README.md, Add a source, from step 3).",
        highlight=False,
        soft_wrap=True,
    )
