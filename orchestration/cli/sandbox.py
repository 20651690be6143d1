"""`fourflow sandbox`: serves the simulated retailer's platforms on this machine."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from connectors.errors import InputError
from connectors.sandbox.servers.app import PLATFORMS
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.run import HOST, bind, run_servers
from connectors.sandbox.world import Scenario, WorldConfig
from connectors.settings import load_settings

app = typer.Typer(help="A simulated retailer whose platforms answer over HTTP; never production.")


@app.callback()
def sandbox() -> None:
    """Keep `up` a command of its own."""


@app.command()
def up(
    days: Annotated[int, typer.Option(min=1, help="Business days to simulate.")] = 60,
    orders_per_day: Annotated[int, typer.Option(min=1, help="Orders a day.")] = 600,
    seed: Annotated[int, typer.Option(help="Same seed, same retailer.")] = 7,
    port: Annotated[int, typer.Option(help="Port of all platforms; 0 is any free one.")] = 8700,
    *,
    faults: Annotated[
        str,
        typer.Option(help="What goes wrong, such as drop=0.02,delay=0.1; all=0.02 is everything."),
    ] = "",
    full: Annotated[
        bool, typer.Option("--full/--plain", help="With fraud rings and planted rules, or without.")
    ] = False,
) -> None:
    """Serve the simulated platforms until Ctrl-C; the last business day is yesterday."""
    shares = _parse_faults(faults)
    zone = ZoneInfo(load_settings().business_time_zone)
    yesterday = datetime.now(UTC).astimezone(zone).date() - timedelta(days=1)
    config = WorldConfig(
        end_date=yesterday,
        days=days,
        orders_per_day=orders_per_day,
        seed=seed,
        scenario=Scenario.full() if full else Scenario(),
    )
    listening = bind(port)
    url = f"http://{HOST}:{listening.getsockname()[1]}"
    console = Console()
    console.print(f"simulating {days} days of {orders_per_day} orders up to {yesterday}")
    for name in PLATFORMS:
        console.print(f"{name:<14}{url}/{name}")
    console.print(f"credentials   {url}/control/credentials")
    console.print(f"RSA keys      {url}/control/keys")
    console.print("Ctrl-C stops it; only this machine can reach it.")
    run_servers(config, listening, faults=shares)


def _parse_faults(text: str) -> dict[str, float]:
    """The shares of `drop=0.02,delay=0.1`; `all=0.02` stands for every kind.

    Raises:
        InputError: an entry has no number or an unknown name.
    """
    shares: dict[str, float] = {}
    for entry in filter(None, text.split(",")):
        name, _, value = entry.partition("=")
        try:
            share = float(value)
        except ValueError:
            raise InputError(
                f"--faults has {entry}: write a name and a share, drop=0.02."
            ) from None
        shares |= Faults.shares(share) if name == "all" else {name: share}
    Faults.parsed(shares)
    return shares
