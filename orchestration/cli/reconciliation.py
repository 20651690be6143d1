"""`fourflow reconciliation`: days, what two books say differently, and who signed them off."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import typer

from connectors.database.engine import open_database
from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.run_state import utc_now
from orchestration.stewardship import sign_offs
from orchestration.stewardship.sign_offs import DayStanding

app = typer.Typer(help="Reconciliation by day, and its sign-off.", no_args_is_help=True)
_Day = Annotated[
    datetime, typer.Argument(help="The business date.", formats=["%Y-%m-%d"], metavar="DATE")
]
_Business = Annotated[
    str | None, typer.Option(help="Whose day; needed where several have been compared.")
]
_By = Annotated[str, typer.Option("--by", help="Who signs.")]


@app.command("days")
def days_command(
    business: Annotated[str | None, typer.Option(help="Only this business.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest days.")] = 28,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List days, the newest first: items, what is unknown, and who signed."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        found = [
            day
            for name in ([business] if business else sign_offs.compared_businesses(lake))
            for day in _newest(engine, lake, name, limit)
        ]
    if json:
        print_json([_told(day) for day in found])
        return
    rows = [
        {
            "business": day.business,
            "day": day.business_date,
            "items": day.item_count,
            "unknown": day.unknown_count,
            "state": day.state,
            "signed_by": ", ".join(one.person for one in day.sign_offs),
        }
        for day in found
    ]
    print_rows(f"Days ({len(rows)})", rows, empty="Nothing has been compared.")


@app.command("show")
def show_command(
    day: _Day, business: _Business = None, json: Annotated[bool, JsonOption] = False
) -> None:
    """Show a day's figures by bucket, its signatures, and what changed since."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        found = sign_offs.find_day(engine, lake, _one(lake, business), day.date())
    if json:
        print_json(_told(found))
        return
    lines = [asdict(one) for one in found.figures]
    print_rows(f"{found.business} {found.business_date}: {found.state}", lines, empty="")
    for one in found.sign_offs:
        typer.echo(
            f"Signed by {one.person} at {one.signed_at:%Y-%m-%d %H:%M} UTC on publication "
            f"{one.publication_id}{': ' + one.note if one.note else ''}"
        )
        if one.is_restated:
            print_rows("Changed since", sign_offs.changes(one, found.figures), empty="")


@app.command("sign")
def sign_command(
    day: _Day,
    by: _By,
    note: Annotated[str, typer.Option(help="Needed while items are unknown.")] = "",
    business: _Business = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Sign off a day with the figures of the newest publication."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        key = (_one(lake, business), day.date())
        done = sign_offs.sign_off(engine, lake, key, person=by, note=note, now=utc_now())
        publication = lake.publication.publication_id
    if json:
        print_json(_told(done))
    else:
        typer.echo(f"{by} signed {done.business_date} of {done.business} on {publication}.")


@app.command("withdraw")
def withdraw_command(
    day: _Day,
    by: _By,
    note: Annotated[str, typer.Option(help="Why.")],
    business: _Business = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Take your own signature back, with a reason."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        key = (_one(lake, business), day.date())
        done = sign_offs.withdraw(engine, lake, key, person=by, note=note, now=utc_now())
    if json:
        print_json(_told(done))
    else:
        typer.echo(f"{by} no longer signs {done.business_date} of {done.business}.")


def _one(lake: PublishedLake, business: str | None) -> str:
    if business:
        return business
    found = sign_offs.compared_businesses(lake)
    if len(found) == 1:
        return found[0]
    raise typer.BadParameter(
        f"say whose day with --business; compared are {', '.join(found) or 'none'}"
    )


def _newest(engine: Any, lake: PublishedLake, business: str, limit: int) -> list[DayStanding]:
    today = utc_now().date() + timedelta(days=1)  # the business's date may be ahead of UTC
    return sign_offs.list_days(engine, lake, business, start=date.min, end=today)[:limit]


def _told(day: DayStanding) -> dict[str, Any]:
    return asdict(day) | {"state": day.state}
