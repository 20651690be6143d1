"""`fourflow demo`: a simulated retailer through the whole pipeline, then the dashboards."""

import contextlib
import getpass
import secrets
import shutil
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.sandbox.build import build_sandbox
from connectors.sandbox.webhook_receiver import serve_receiver
from connectors.sandbox.world import WorldConfig
from connectors.settings import NO_CONFIGURATION, Settings, load_settings
from orchestration.cli.run_once import print_report, run_with_display
from orchestration.cli.up import serve
from orchestration.demo_shop import (
    FILES_CHANNELS,
    demo_world,
    holds_world,
    is_demo,
    remember_world,
    served_platforms,
)
from orchestration.metrics.layer import MetricLayer
from orchestration.roi.baseline import (
    DEFAULT_DAYS,
    FreezeRequest,
    freeze_baseline,
    load_baseline,
)
from orchestration.run_state import utc_now


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
    config = demo_world(
        days=days, orders_per_day=orders_per_day, seed=seed, end_date=_yesterday(settings)
    )
    _prepare_home(settings, config)
    console = Console()
    report = build_sandbox(config, settings.sandbox_path, channels=FILES_CHANNELS)
    console.print(
        f"simulated {report.order_count:,} orders over {days} days; the till and the warehouse "
        f"wrote {report.row_count:,} rows in {report.file_count:,} files, platforms tell the rest"
    )
    with served_platforms(settings, config) as configured:
        with _receiver(configured) as receiving:
            outcome = run_with_display(receiving, trigger="demo")
        print_report(outcome)
        if not outcome.succeeded:
            raise typer.Exit(1)
        _freeze_baseline(configured, config)
        if serve_dashboards:
            serve(configured)
    if not serve_dashboards:
        console.print("`make up` serves the dashboards.")


def _freeze_baseline(settings: Settings, config: WorldConfig) -> None:
    """Freeze the weeks before the last four, so that the page ROI compares from the first day."""
    if config.days < 2 * DEFAULT_DAYS or load_baseline(settings) is not None:
        return
    request = FreezeRequest(
        author=getpass.getuser(),
        reason="demo: the four weeks before the last four",
        go_live=config.end_date - timedelta(days=DEFAULT_DAYS - 1),
    )
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        freeze_baseline(settings, engine, lake, MetricLayer(settings), request, now=utc_now())


def _yesterday(settings: Settings) -> date:
    return (datetime.now(UTC).astimezone(ZoneInfo(settings.business_time_zone))).date() - timedelta(
        days=1
    )


def _prepare_home(settings: Settings, config: WorldConfig) -> None:
    """Reuse the demo's home when it holds this very world, empty it when it holds another.

    Raises:
        InputError: home holds something that is not a demo.
    """
    if holds_world(settings, config):
        return
    if is_demo(settings):
        shutil.rmtree(settings.root)
    elif settings.lake_path.exists() or settings.database_path.exists():
        raise InputError(
            f"{settings.root} holds data that is not a demo's; set FOURFLOW_HOME to another folder."
        )
    remember_world(settings, config)


@contextlib.contextmanager
def _receiver(settings: Settings) -> Iterator[Settings]:
    """Settings whose webhook goes to a local receiver that checks every signature."""
    if settings.webhook_url:
        yield settings
        return
    secret = "whsec_" + b64encode(secrets.token_bytes(24)).decode("ascii")
    with serve_receiver(settings.root / "webhook" / "received.jsonl", secret) as url:
        yield settings.model_copy(
            update={"webhook_url": url, "webhook_secret": secret, "live_sinks": "yes"}
        )
