"""`fourflow baseline`: freeze the figures before go-live, and compare with them."""

import getpass
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.metrics.layer import MetricLayer
from orchestration.roi import baseline as roi
from orchestration.run_state import utc_now

app = typer.Typer(help="The baseline of the return on investment.", no_args_is_help=True)


@app.command("freeze")
def freeze_command(
    reason: Annotated[str, typer.Option(help="Why these days are the baseline; it is kept.")],
    *,
    author: Annotated[str, typer.Option(help="Who freezes it.", show_default="you")] = "",
    go_live: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of now; default: the next one."),
    ] = None,
    days: Annotated[int, typer.Option(help="Business dates before it.")] = roi.DEFAULT_DAYS,
    minutes: Annotated[float, typer.Option(help="Minutes that a touch takes a person.")] = 3,
    hourly_rate: Annotated[float, typer.Option(help="What an hour costs.")] = 60,
    currency: Annotated[str, typer.Option(help="Currency of the rate.")] = "CNY",
    replace: Annotated[bool, typer.Option("--replace", help="Replace the one there is.")] = False,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Measure the days before go-live and freeze them, with date and hash."""
    settings = load_settings()
    engine = open_database(settings)
    request = roi.FreezeRequest(
        author=author or getpass.getuser(),
        reason=reason,
        go_live=go_live.date() if go_live else None,
        days=days,
        touch_cost=roi.TouchCost(Decimal(str(minutes)), Decimal(str(hourly_rate)), currency),
        is_replacement=replace,
    )
    with open_published(settings, engine=engine) as lake:
        frozen = roi.freeze_baseline(
            settings, engine, lake, MetricLayer(settings), request, now=utc_now()
        )
    if json:
        print_json(asdict(frozen))
        return
    print_rows("Baseline", [asdict(one) for one in frozen.figures], empty="")
    typer.echo(f"Frozen for go-live {frozen.go_live}, hash {frozen.hash}.")


@app.command("compare")
def compare_command(json: Annotated[bool, JsonOption] = False) -> None:
    """Compare the days since go-live with the baseline."""
    settings = load_settings()
    engine = open_database(settings)
    frozen = _frozen()
    with open_published(settings, engine=engine) as lake:
        found = roi.compare_with_baseline(settings, engine, lake, MetricLayer(settings), frozen)
    rows = [_row(one) for one in found]
    if json:
        print_json({"hash": frozen.hash, "go_live": frozen.go_live, "figures": rows})
    else:
        print_rows(f"Since {frozen.go_live}, baseline {frozen.hash[:12]}", rows, empty="")


@app.command("verify")
def verify_command() -> None:
    """Measure the baseline again on the publication that it names; fails if anything differs."""
    settings = load_settings()
    engine = open_database(settings)
    frozen = _frozen()
    with open_published(settings, frozen.publication_id, engine=engine) as lake:
        different = roi.measured_again(settings, engine, lake, MetricLayer(settings))
    if different:
        names = ", ".join(f"{one.name} of {one.business}" for one in different)
        raise InputError(f"Measured again, these are different: {names}.")
    typer.echo(f"All {len(frozen.figures)} figures are as frozen, hash {frozen.hash}.")


def _frozen() -> roi.Baseline:
    frozen = roi.load_baseline(load_settings())
    if frozen is None:
        raise InputError("No baseline is frozen; run `fourflow baseline freeze` before go-live.")
    return frozen


def _row(one: roi.Comparison) -> dict[str, Any]:
    return {
        "business": one.business,
        "figure": one.measure.name,
        "baseline": one.before.value,
        "now": one.now.value,
        "verdict": one.verdict or one.reason,
        "saved": one.saved,
    }
