"""`fourflow api-keys`: keys of the HTTP interface."""

import getpass
from datetime import timedelta
from typing import Annotated, Any, cast

import typer
from rich.console import Console

from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.api.access import API_SCOPES, DEFAULT_RATE, Access, ApiScope
from orchestration.api.keys import KeyRecord, KeyRequest, create_key, list_keys, revoke_key
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.run_state import utc_now

_LIMITS = ("channels", "businesses", "hidden_columns")
app = typer.Typer(help="Keys of the HTTP interface.", no_args_is_help=True)


@app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="Who or what uses the key.")],
    *,
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do, one each: {', '.join(API_SCOPES)}.")
    ],
    channel: Annotated[
        list[str] | None, typer.Option(help="Only rows of this channel; default: of all.")
    ] = None,
    business: Annotated[
        list[str] | None, typer.Option(help="Only rows of this business; default: of all.")
    ] = None,
    hide: Annotated[
        list[str] | None, typer.Option(help="A column or metric it never sees, such as '*cost*'.")
    ] = None,
    person: Annotated[
        str, typer.Option(help="For whom it gives verdicts; needed with decisions:write.")
    ] = "",
    rate: Annotated[int, typer.Option(min=1, help="Requests a minute.")] = DEFAULT_RATE,
    days: Annotated[int, typer.Option(min=0, help="Days until it ends; 0: never.")] = 365,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Make a key; it is shown once."""
    access = Access(
        key_id="",
        scopes=cast("tuple[ApiScope, ...]", tuple(dict.fromkeys(scope))),
        channels=tuple(channel) if channel else None,
        businesses=tuple(business) if business else None,
        hidden_columns=tuple(hide or ()),
        person=person.strip() or None,
        requests_per_minute=rate,
    )
    lasts = timedelta(days=days) if days else None
    request = KeyRequest(name, access, getpass.getuser(), lasts)
    made = create_key(open_database(load_settings()), request, now=utc_now())
    if json:
        print_json({"key_id": made.key_id, "key": made.key})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(made.key, markup=False)
    console.print(f"Keep it now, it is not shown again; its id is {made.key_id}.")


@app.command("list")
def list_command(json: Annotated[bool, JsonOption] = False) -> None:
    """List all keys that were ever made: what they may do and see, and until when."""
    found = [_entry(one) for one in list_keys(open_database(load_settings()))]
    if json:
        print_json(found)
    else:
        print_rows("API keys", [_readable(one) for one in found], empty="There is no API key yet.")


@app.command("revoke")
def revoke_command(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """End a key for good."""
    record = revoke_key(open_database(load_settings()), key_id.strip(), now=utc_now())
    if json:
        print_json(_entry(record))
    else:
        typer.echo(
            f"{record.name} ({key_id}) was revoked at {record.revoked_at:%Y-%m-%d %H:%M} UTC."
        )


def _entry(record: KeyRecord) -> dict[str, Any]:
    return {
        **vars(record.access),
        "name": record.name,
        "is_good": record.is_good(utc_now()),
        "created_at": record.created_at,
        "created_by": record.created_by,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
    }


def _readable(entry: dict[str, Any]) -> dict[str, Any]:
    rows = [f"{name}: {', '.join(entry[name])}" for name in _LIMITS if entry[name]]
    until = entry["revoked_at"] or entry["expires_at"]
    return {
        "key_id": entry["key_id"],
        "name": entry["name"],
        "scopes": ", ".join(entry["scopes"]),
        "limits": "; ".join(rows) or "none",
        "is_good": entry["is_good"],
        "until": f"{until:%Y-%m-%d}" if until else "",
    }
