"""`fourflow forms`: the forms in force, what they ask, and entering one from a file."""

import getpass
import hashlib
import json as json_module
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.database.engine import open_database
from connectors.errors import InputError, NothingPublishedError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.access.viewer import OPEN_VIEWER
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.forms.definition import FormField
from orchestration.forms.entering import Entering, enter
from orchestration.forms.library import find_form, load_forms
from orchestration.forms.validation import Read
from orchestration.run_state import utc_now

app = typer.Typer(help="Forms that people fill in here.", no_args_is_help=True)
_Name = Annotated[str, typer.Argument(help="As `fourflow forms list` prints it.")]
_LONGEST = 4 * 1024 * 1024


@app.command("list")
def list_command(json: Annotated[bool, JsonOption] = False) -> None:
    """List the forms, shipped ones and those of the folder `forms/` beside fourflow.yml."""
    rows = [
        {
            "form": form.name,
            "version": form.version,
            "title": form.title.en,
            "becomes": form.target.kind,
            "owner": form.owner,
            "roles": ", ".join(form.roles),
        }
        for form in load_forms(load_settings()).values()
    ]
    if json:
        print_json(rows)
    else:
        print_rows("Forms", rows, empty="There are no forms.")


@app.command("show")
def show_command(name: _Name, json: Annotated[bool, JsonOption] = False) -> None:
    """Show what a form asks."""
    form = find_form(load_settings(), name, OPEN_VIEWER)
    if json:
        print_json(form.model_dump())
        return
    rows = [_told(one, "") for one in form.fields]
    rows += [_told(one, "lines") for one in form.line_fields]
    print_rows(f"{form.title.en} (version {form.version})", rows, empty="It asks nothing.")
    for check in form.checks:
        typer.echo(f"{check.must}: {check.message.en}")


@app.command("enter")
def enter_command(
    name: _Name,
    source: Annotated[
        str, typer.Option("--from", help="JSON file: each field with its value; `-`: stdin.")
    ],
    number: Annotated[
        str, typer.Option(help="Number of the entry; left out: of its content, so never twice.")
    ] = "",
    by: Annotated[str, typer.Option("--by", help="Who enters it.")] = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Fill in a form from a file; the same file again is the same entry."""
    settings = load_settings()
    form = find_form(settings, name, OPEN_VIEWER)
    filled = _filled(source)
    entering = Entering(filled, number or _number_of(filled), by or getpass.getuser(), utc_now())
    engine = open_database(settings)
    with ExitStack() as opened:
        read: Read = _nothing
        try:
            read = opened.enter_context(open_published(settings, engine=engine)).rows
        except NothingPublishedError:
            if form.target.kind == "order":
                raise
        receipt = enter(settings, engine, read, form, entering)
    if json:
        print_json(asdict(receipt))
        return
    amount = f", {receipt.amount} {receipt.currency_code}" if receipt.amount is not None else ""
    typer.echo(f"{form.title.en} {receipt.number} is entered{amount}. The next run brings it in.")


def _nothing(sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a lake without a publication answers."""
    del sql, params
    return []


def _filled(source: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read(_LONGEST + 1) if source == "-" else _read(Path(source))
        # Numbers stay as they were written: a binary fraction is none.
        found = json_module.loads(text, parse_float=str, parse_constant=str)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{source} can't be read as JSON ({error}); correct it.") from error
    if not isinstance(found, dict):
        raise InputError(f"{source} must be an object of fields and values; correct it.")
    return found


def _read(path: Path) -> str:
    if path.stat().st_size > _LONGEST:
        raise ValueError("it is larger than 4 MiB")
    return path.read_text(encoding="utf-8-sig")


def _number_of(filled: Mapping[str, Any]) -> str:
    """A number that only the same content has."""
    text = json_module.dumps(filled, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _told(one: FormField, place: str) -> dict[str, Any]:
    return {
        "field": one.name,
        "of": place,
        "label": one.label.en,
        "type": one.type,
        "required": one.required,
        "limits": " ".join(
            f"{word} {limit}"
            for word, limit in (("from", one.minimum), ("to", one.maximum))
            if limit is not None
        ),
        "choices": ", ".join(choice.value for choice in one.choices),
    }
