"""The `fourflow` command: its sub-commands and the one place where errors become exit codes."""

import importlib
import logging
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from connectors.errors import FourflowError

# Name of each sub-command: the module that has it, and a group's or a function's name there.
_COMMANDS = {
    "demo": "demo:demo",
    "run": "run_once:run_command",
    "up": "up:up",
    "tracking-link": "tracking_link:tracking_link",
    "status": "status:status",
    "query": "query:query",
    "provenance": "provenance:provenance",
    "metric": "metric:metric",
    "restated": "restated:restated",
    "preview": "preview:preview_command",
    "walkthrough": "walkthrough:walkthrough",
    "docs": "docs:docs",
    "init": "init:init",
    "doctor": "doctor:doctor",
    "bench": "bench:bench",
    "connector": "connector:app",
    "rules": "rules:app",
    "decisions": "decisions:app",
    "baseline": "baseline:app",
    "api-keys": "api_keys:app",
    "exceptions": "exceptions:app",
    "reconciliation": "reconciliation:app",
    "staffing": "staffing:staffing",
    "people": "people:app",
    "forms": "forms:app",
    "quarantine": "quarantine:app",
    "reports": "reports:app",
    "check": "check:app",
    "models": "models:app",
    "export": "export:app",
    "inbox": "inbox:app",
    "sandbox": "sandbox:app",
}


class _ImportedWhenCalled(TyperGroup):
    """A group that imports a sub-command only when it is called; importing all takes seconds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = dict.fromkeys(_COMMANDS)  # their names, for help and "did you mean"

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The sub-command, imported now; None when there is none of that name."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        found: Any = getattr(importlib.import_module(f"orchestration.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(found)
            command = typer.main.get_command(alone)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="fourflow",
    cls=_ImportedWhenCalled,
    help="From inquiry to cash in the bank: ingest, transform, test, publish, decide, deliver.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


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
