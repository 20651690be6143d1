"""The `fourflow` command: its sub-commands and the one place where errors become exit codes."""

import logging
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

from connectors.errors import FourflowError
from orchestration.cli import (
    bench,
    connector,
    decisions,
    demo,
    doctor,
    inbox,
    init,
    quarantine,
    query,
    run_once,
    sandbox,
    status,
    up,
)

app = typer.Typer(
    name="fourflow",
    help="From inquiry to cash in the bank: ingest, transform, test, publish, decide, deliver.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

_COMMANDS: dict[str, Callable[..., Any]] = {
    "demo": demo.demo,
    "run": run_once.run_command,
    "up": up.up,
    "status": status.status,
    "query": query.query,
    "init": init.init,
    "doctor": doctor.doctor,
    "bench": bench.bench,
}
for _name, _function in _COMMANDS.items():
    app.command(_name)(_function)
app.add_typer(connector.app, name="connector")
app.add_typer(decisions.app, name="decisions")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(inbox.app, name="inbox")
app.add_typer(sandbox.app, name="sandbox")


@app.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what happens to stderr.")] = False,
) -> None:
    """Set up logging."""
    level = logging.INFO if verbose else logging.ERROR
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)  # records that a library's own logger lets through as well


def run() -> None:
    """Entry point: an error that Fourflow raised on purpose is one sentence and exit code 1."""
    try:
        app()
    except FourflowError as error:
        Console(stderr=True).print(f"[bold red]error[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
