"""`fourflow exceptions`: the queue by money at risk, taking a case and resolving it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from connectors.database.engine import open_database
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.run_state import utc_now
from orchestration.stewardship import exceptions
from orchestration.stewardship.exception_queue import (
    NOT_RESOLVED,
    STATES,
    ExceptionCase,
    Wanted,
    count_exceptions,
    list_exceptions,
)

app = typer.Typer(help="The queue of exceptions.", no_args_is_help=True)
_Key = Annotated[str, typer.Argument(help="The exception's key, or enough of its beginning.")]
_By = Annotated[str, typer.Option("--by", help="Who takes or resolved it.")]


@app.command("list")
def list_command(
    exception_class: Annotated[
        str | None, typer.Option("--class", help="Only this class, such as shortage.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner or person.")] = None,
    resolved: Annotated[bool, typer.Option(help="Also what was resolved.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, the dearest first.")] = 30,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List what is wrong, most money at risk first."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        wanted = Wanted(STATES if resolved else NOT_RESOLVED, exception_class, owner)
        cases = list_exceptions(engine, lake, wanted, limit=limit)
        groups = count_exceptions(engine, lake)
    if json:
        print_json([asdict(case) for case in cases])
        return
    rows = [
        {
            "exception": case.exception_key,
            "reason": case.reason,
            "at_risk": case.amount_at_risk,
            "currency": case.currency_code,
            "owner": case.taken_by or case.owner,
            "state": case.state,
            "due": f"{case.due_at:%m-%d %H:%M}{' late' if case.is_breached else ''}"
            if case.due_at
            else None,
            "options": ", ".join(f"{name} {cost}" for name, cost in case.options),
        }
        for case in cases
    ]
    number = sum(group.cases for group in groups if wanted.takes(group))
    print_rows(f"Exceptions ({number})", rows, empty="Nothing is wrong.")


@app.command("summary")
def summary_command(json: Annotated[bool, JsonOption] = False) -> None:
    """Count by class: open, late, money at risk, and mean hours from taking to resolving."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        rows = exceptions.summarise(engine, count_exceptions(engine, lake))
    if json:
        print_json(rows)
    else:
        print_rows("Exceptions by class", rows, empty="Nothing is wrong.")


@app.command("take")
def take_command(key: _Key, by: _By, json: Annotated[bool, JsonOption] = False) -> None:
    """Take care of an exception."""
    case = _done(exceptions.take, key, by)
    _say(case, f"{case.taken_by} takes care of {case.exception_key}.", json=json)


@app.command("resolve")
def resolve_command(
    key: _Key,
    by: _By,
    option: Annotated[str, typer.Option(help="Which of its options was done.")],
    note: Annotated[str | None, typer.Option(help="Anything else worth knowing.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Say how an exception was resolved."""
    case = _done(exceptions.resolve, key, by, resolution=option, note=note)
    _say(case, f"{case.exception_key} is resolved: {case.resolution}.", json=json)


@app.command("assign")
def assign_command(
    key: _Key,
    by: _By,
    to: Annotated[str, typer.Option(help="Who shall take care of it.")],
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Give an exception to somebody, whoever has it now."""
    case = _done(exceptions.assign, key, by, to=to)
    _say(case, f"{case.taken_by} takes care of {case.exception_key}.", json=json)


@app.command("hand-back")
def hand_back_command(key: _Key, by: _By, json: Annotated[bool, JsonOption] = False) -> None:
    """Undo taking: anybody may take the exception again."""
    case = _done(exceptions.hand_back, key, by)
    _say(case, f"{case.exception_key} is open; anybody may take it.", json=json)


@app.command("reopen")
def reopen_command(key: _Key, by: _By, json: Annotated[bool, JsonOption] = False) -> None:
    """Undo resolving: the exception is in the queue again."""
    case = _done(exceptions.reopen, key, by)
    _say(case, f"{case.exception_key} is in the queue again.", json=json)


def _done(
    act: Callable[..., ExceptionCase], key: str, person: str, **given: str | None
) -> ExceptionCase:
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        return act(engine, lake, key, person=person, now=utc_now(), **given)


def _say(case: ExceptionCase, sentence: str, *, json: bool) -> None:
    if json:
        print_json(asdict(case))
    else:
        typer.echo(sentence)
