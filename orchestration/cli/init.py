"""`fourflow init`: writes a commented `fourflow.yml` by asking."""

from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.prompt import Prompt

from connectors.configuration import Business, load_configuration
from connectors.declarations import describe_mistake, suggest
from connectors.errors import InputError
from connectors.settings import configuration_to_write, load_settings
from connectors.sinks.declared import Webhook
from connectors.sources.api.connector import Connector, find_connector, list_connectors
from orchestration.connecting.configuration_file import (
    Draft,
    PlatformDraft,
    is_secret,
    variable_name,
    write_configuration,
)


def init(
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: defaults, and what the options say.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    time_zone: Annotated[str | None, typer.Option(help="Business time zone.")] = None,
    currency: Annotated[str | None, typer.Option(help="Currency of the business.")] = None,
    platform: Annotated[
        list[str] | None, typer.Option(help="A platform to read; may be given several times.")
    ] = None,
) -> None:
    """Write a commented fourflow.yml here (or where FOURFLOW_CONFIG says) by asking."""
    path = configuration_to_write()
    if path.exists() and not force:
        raise InputError(f"{path} is there already; edit it, or write it anew with --force.")
    given = {"time_zone": time_zone, "currency": currency}
    business = _business({key: value for key, value in given.items() if value})
    for name in platform or []:
        _find(name)
    if yes:
        platforms = tuple(_platform_by_default(_find(name)) for name in platform or [])
        draft = Draft(business, platforms)
    else:
        draft = _ask(business, platform or [])
    write_configuration(path, draft, overwrite=force)
    console = Console()
    console.print(f"wrote {path}", soft_wrap=True)
    for problem in load_configuration(load_settings(config=str(path))).problems:
        console.print(f"[yellow]still to do[/] {problem}", highlight=False, soft_wrap=True)
    console.print("`fourflow doctor` checks it; `fourflow run` reads what it says.")


def _business(values: dict[str, str]) -> Business:
    try:
        return Business.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{describe_mistake(Business, error.errors()[0])}; correct it.") from error


def _find(name: str) -> Connector:
    known = list_connectors()
    if name not in known:
        raise InputError(f"There is no platform {name!r}; {suggest(name, known)}.")
    return find_connector(name)


def _ask(business: Business, platforms: list[str]) -> Draft:
    console = Console()
    business = _ask_business(console, business)
    names = platforms or _ask_platforms(console)
    drafts = tuple(_ask_platform(console, _find(name)) for name in names)
    url = Prompt.ask("Webhook that decisions are posted to (empty: none)", default="")
    webhook = None
    if url:
        variable = Prompt.ask("  variable with its signing secret", default="WEBHOOK_SECRET")
        webhook = _webhook(url, variable)
    return Draft(business, drafts, webhook)


def _webhook(url: str, variable: str) -> Webhook:
    try:
        return Webhook.model_validate({"url": url, "secret": {"env": variable}})
    except ValidationError as error:
        raise InputError(f"{describe_mistake(Webhook, error.errors()[0])}; correct it.") from error


def _ask_business(console: Console, default: Business) -> Business:
    while True:
        values = {
            "time_zone": Prompt.ask("Business time zone", default=default.time_zone),
            "currency": Prompt.ask("Currency", default=default.currency),
            "calendar": Prompt.ask("Country of public holidays", default=default.calendar),
        }
        try:
            return _business(values)
        except InputError as error:
            console.print(f"[red]{error}[/]", soft_wrap=True)


def _ask_platforms(console: Console) -> list[str]:
    known = list_connectors()
    for name in known:
        console.print(f"  {name:<14} {find_connector(name).title}", highlight=False)
    while True:
        answer = Prompt.ask("Platforms to read, with commas (empty: none yet)", default="")
        names = list(dict.fromkeys(name.strip() for name in answer.split(",") if name.strip()))
        unknown = [name for name in names if name not in known]
        if not unknown:
            return names
        console.print(f"[red]There is no {unknown[0]!r}; {suggest(unknown[0], known)}.[/]")


def _platform_by_default(connector: Connector) -> PlatformDraft:
    return PlatformDraft(connector.name, connector, {connector.name: {}})


def _ask_platform(console: Console, connector: Connector) -> PlatformDraft:
    console.print(f"[bold]{connector.title}[/]")
    account = Prompt.ask("  account (for shops the channel)", default=connector.name)
    values: dict[str, Any] = {}
    for name, key in connector.config.model_fields.items():
        variable = variable_name(connector.name, name)
        if is_secret(key.annotation):
            if key.is_required():
                variable = Prompt.ask(f"  variable that holds {name}", default=variable)
                values[name] = {"env": variable}
        elif key.is_required():
            answer = Prompt.ask(f"  {name} (empty: from the variable {variable})", default="")
            values[name] = answer or {"env": variable}
    return PlatformDraft(connector.name, connector, {account: values})
