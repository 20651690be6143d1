"""`fourflow demo`: a simulated retailer through the whole pipeline, then the dashboards."""

import contextlib
import json
import secrets
import shutil
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from connectors.configuration import Business
from connectors.errors import InputError
from connectors.sandbox.build import build_sandbox
from connectors.sandbox.webhook_receiver import serve_receiver
from connectors.sandbox.world import WorldConfig
from connectors.settings import (
    CONFIGURATION_NAME,
    NO_CONFIGURATION,
    Settings,
    load_settings,
)
from orchestration.cli.run_once import print_report, run_with_display
from orchestration.cli.up import serve
from orchestration.configuration_file import Draft, FilesDraft, write_configuration

SOURCE = "sandbox"


def demo(
    days: Annotated[int, typer.Option(min=8, help="Business days to simulate.")] = 60,
    orders_per_day: Annotated[int, typer.Option(min=10, help="Orders a day.")] = 600,
    seed: Annotated[int, typer.Option(help="Same seed, same retailer.")] = 7,
    serve_dashboards: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Open the dashboards afterwards.")
    ] = True,
) -> None:
    """Simulate a retailer, run everything once on it, and serve the dashboards."""
    settings = load_settings(config=NO_CONFIGURATION)  # a real shop's file is not the demo's
    config = WorldConfig(
        days=days,
        orders_per_day=orders_per_day,
        seed=seed,
        end_date=_yesterday(settings),
    )
    _prepare_home(settings, config)
    console = Console()
    report = build_sandbox(config, settings.sandbox_path)
    console.print(
        f"simulated {report.order_count:,} orders over {days} days "
        f"({report.row_count:,} rows in {report.file_count:,} files)"
    )
    settings = _with_configuration(settings)
    with _receiver(settings) as receiving:
        outcome = run_with_display(receiving, trigger="demo")
    print_report(outcome)
    if not outcome.succeeded:
        raise typer.Exit(1)
    if serve_dashboards:
        serve(settings)
    else:
        console.print("`make up` serves the dashboards.")


def _yesterday(settings: Settings) -> date:
    return (datetime.now(UTC).astimezone(ZoneInfo(settings.business_time_zone))).date() - timedelta(
        days=1
    )


def _prepare_home(settings: Settings, config: WorldConfig) -> None:
    """Reuse the demo's home when it holds this very world, empty it when it holds another.

    Raises:
        InputError: home holds something that is not a demo.
    """
    marker = settings.root / "demo.json"
    wanted = {
        "days": config.days,
        "orders_per_day": config.orders_per_day,
        "seed": config.seed,
        "end_date": config.end_date.isoformat(),
    }
    if marker.exists():
        if json.loads(marker.read_text(encoding="utf-8")) == wanted:
            return
        shutil.rmtree(settings.root)
    elif settings.lake_path.exists() or settings.database_path.exists():
        raise InputError(
            f"{settings.root} holds data that is not a demo's; set FOURFLOW_HOME to another folder."
        )
    settings.root.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps(wanted), encoding="utf-8")


def _with_configuration(settings: Settings) -> Settings:
    """Settings that read the `fourflow.yml` in the demo's home, written when it is missing."""
    path = settings.root / CONFIGURATION_NAME
    if not path.exists():
        business = Business(
            time_zone=settings.business_time_zone,
            calendar=settings.business_calendar,
            currency=settings.business_currency,
        )
        sandbox = FilesDraft(SOURCE, settings.sandbox_path.name)  # in home, as the file itself
        write_configuration(path, Draft(business, (sandbox,)))
    return load_settings(config=str(path))


@contextlib.contextmanager
def _receiver(settings: Settings) -> Iterator[Settings]:
    """Settings whose webhook goes to a local receiver that checks every signature."""
    if settings.webhook_url:
        yield settings
        return
    secret = "whsec_" + b64encode(secrets.token_bytes(24)).decode("ascii")
    with serve_receiver(settings.root / "webhook" / "received.jsonl", secret) as url:
        yield settings.model_copy(update={"webhook_url": url, "webhook_secret": secret})
