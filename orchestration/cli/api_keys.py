"""`fourflow api-keys`: keys of the HTTP interface."""

import getpass
from datetime import timedelta
from typing import Annotated, Any, cast

import typer
from rich.console import Console

from connectors.database.engine import open_database
from connectors.errors import ForbiddenError, InputError
from connectors.settings import Settings, load_settings
from orchestration.access.policy import load_access_policy, policy_path
from orchestration.api.access import API_SCOPES, DEFAULT_RATE, Access, ApiScope
from orchestration.api.keys import KeyRecord, KeyRequest, create_key, list_keys, revoke_key
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.run_state import utc_now

_LIMITS = ("channels", "businesses", "regions", "sites", "hidden_columns")
app = typer.Typer(help="Keys of the HTTP interface.", no_args_is_help=True)


@app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="Who or what uses the key.")],
    *,
    scope: Annotated[
        list[str], typer.Option(help=f"What it may do, one each: {', '.join(API_SCOPES)}.")
    ],
    role: Annotated[
        str, typer.Option(help="Its role in access.yml; needed where there is one.")
    ] = "",
    principal: Annotated[
        str, typer.Option(help="Instead of a role: the e-mail of the person in access.yml.")
    ] = "",
    channel: Annotated[
        list[str] | None, typer.Option(help="Only rows of this channel, of those of its role.")
    ] = None,
    business: Annotated[
        list[str] | None, typer.Option(help="Only rows of this business, of those of its role.")
    ] = None,
    region: Annotated[
        list[str] | None, typer.Option(help="Only rows of this province, of those of its role.")
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option(help="Only rows of this site, of those of its role.")
    ] = None,
    hide: Annotated[
        list[str] | None, typer.Option(help="A column or metric it never sees, such as '*cost*'.")
    ] = None,
    person: Annotated[
        str, typer.Option(help="For whom it gives verdicts; needed with decisions:write.")
    ] = "",
    customer: Annotated[
        str, typer.Option(help="The one customer (customer_key) whose orders it sees and places.")
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
        regions=tuple(region) if region else None,
        sites=tuple(site) if site else None,
        hidden_columns=tuple(hide or ()),
        role=role.strip() or None,
        principal=principal.strip() or None,
        person=person.strip() or None,
        requests_per_minute=rate,
        customer_key=customer.strip() or None,
    )
    lasts = timedelta(days=days) if days else None
    request = KeyRequest(name, access, getpass.getuser(), lasts)
    settings = load_settings()
    _check_place(settings, access)
    made = create_key(open_database(settings), request, now=utc_now())
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


def _check_place(settings: Settings, access: Access) -> None:
    """A key has a place in the access policy, where there is one.

    Raises:
        InputError: it has none, or the policy does not know it.
    """
    if access.role or access.principal:
        try:
            access.viewer(lambda: load_access_policy(settings))
        except ForbiddenError as error:
            raise InputError(str(error)) from error
    elif policy_path(settings) is not None:
        raise InputError(
            f"There is an access policy ({policy_path(settings)}), so a key needs a place in it; "
            "give --role ROLE or --principal E-MAIL."
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
    if entry["customer_key"]:
        rows.append(f"customer: {entry['customer_key']}")
    until = entry["revoked_at"] or entry["expires_at"]
    return {
        "key_id": entry["key_id"],
        "name": entry["name"],
        "role": entry["principal"] or entry["role"] or "",
        "scopes": ", ".join(entry["scopes"]),
        "limits": "; ".join(rows) or "none",
        "is_good": entry["is_good"],
        "until": f"{until:%Y-%m-%d}" if until else "",
    }
