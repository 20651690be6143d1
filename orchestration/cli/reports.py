"""`fourflow reports`: who gets which report by e-mail, and sending what is due."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from connectors.database import runs
from connectors.database.engine import open_database
from connectors.database.publications import find_publication
from connectors.database.report_subscriptions import (
    Attached,
    Language,
    ReportKind,
    Subscribed,
    Subscription,
    find_subscription,
    list_subscriptions,
)
from connectors.errors import FourflowError, NothingPublishedError
from connectors.settings import load_settings
from connectors.sinks.factory import is_live, sinks_from_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.decisions import outbox
from orchestration.reports import due
from orchestration.reports.sending import begin_subscription, compose, with_reports
from orchestration.run_state import utc_now

app = typer.Typer(help="Reports by e-mail.", no_args_is_help=True)
Every = Literal["day", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_Id = Annotated[str, typer.Argument(help="The subscription's id; its first characters are enough.")]


@app.command("list")
def list_command(
    person: Annotated[str | None, typer.Option(help="Only of this person.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List who gets what and when, and what became of the newest."""
    engine = open_database(load_settings())
    found = list_subscriptions(engine, person)
    newest = due.last_sent(engine, [one.subscription_id for one in found])
    if json:
        print_json([{**asdict(one), "newest": newest.get(one.subscription_id)} for one in found])
        return
    rows = []
    for one in found:
        day, state, reason = newest.get(one.subscription_id, ("", "", None))
        rows.append(
            {
                "subscription": one.subscription_id,
                "report": one.report,
                "to": one.email,
                "when": _when(one),
                "language": one.language,
                "attachment": one.attachment,
                "newest": f"{day} {state}".strip(),
                "because": reason,
            }
        )
    print_rows("Reports", rows, empty="Nobody gets a report.")


@app.command("subscribe")
def subscribe_command(
    *,
    email: Annotated[str, typer.Option(help="Whom it is sent to.")],
    report: Annotated[ReportKind, typer.Option(help="What is sent.")] = "today",
    view: Annotated[str, typer.Option(help="Name of the saved view, with --report view.")] = "",
    every: Annotated[Every, typer.Option(help="Each day, or a day of the week.")] = "day",
    hour: Annotated[int, typer.Option(min=0, max=23, help="From this hour on.")] = 8,
    language: Annotated[Language, typer.Option(help="In which language.")] = "en",
    attach: Annotated[Attached, typer.Option(help="The figures as a file.")] = "none",
    person: Annotated[
        str, typer.Option(help="Whose saved views, where no access policy is set up.")
    ] = "local",
    by: Annotated[str, typer.Option("--by", help="Who asks for it.")] = "command",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Send somebody a report from now on; asked twice, it is one."""
    settings = load_settings()
    wanted = Subscribed(
        person=person,
        email=email,
        report=report,
        hour=hour,
        weekday=None if every == "day" else _DAYS.index(every) + 1,
        view_id=view,
        language=language,
        attachment=attach,
    )
    kept = begin_subscription(settings, open_database(settings), wanted, by=by, now=utc_now())
    sentence = f"{kept.subscription_id}: {kept.report} to {kept.email}, {_when(kept)}."
    _tell(asdict(kept), sentence, as_json=json)


@app.command("unsubscribe")
def unsubscribe_command(
    subscription: _Id,
    by: Annotated[str, typer.Option("--by", help="Who asks for it.")] = "command",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """End a report; what of it still waits is taken back."""
    ended = due.end_subscription(open_database(load_settings()), subscription, by=by, now=utc_now())
    _tell(asdict(ended), f"{ended.subscription_id} is ended.", as_json=json)


@app.command("send")
def send_command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Make them up and send and record nothing.")
    ] = False,
    subscription: Annotated[
        str, typer.Option(help="With --dry-run: only this one, due or not.")
    ] = "",
    into: Annotated[
        Path | None, typer.Option(help="With --dry-run: write the mails' HTML to this folder.")
    ] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Send what is due now, as the schedule does; everything else that is due goes along."""
    settings = load_settings()
    engine, zone = open_database(settings), ZoneInfo(settings.business_time_zone)
    if dry_run:
        _rehearse(subscription, into, as_json=json)
        return
    publication = find_publication(engine, None)
    if publication is None:
        raise NothingPublishedError(
            f"Nothing is published in {settings.root}, so reports wait; run `fourflow run`."
        )
    red = runs.data_is_red(engine)
    made = due.record_due(engine, publication, now=utc_now(), zone=zone, on_red=red)
    sinks = with_reports(sinks_from_settings(settings), settings, engine)
    done = outbox.deliver(engine, sinks, now=utc_now(), worker_id="reports", red=red)
    where = "" if is_live(settings) else " (to dry-run.jsonl: this is no production)"
    sentence = f"{len(made)} reports became due; {done.delivered} deliveries were made{where}"
    sentence += f", {done.held} {done.held_because}." if red else f", {done.dead} failed."
    _tell({"due": made, **asdict(done)}, sentence, as_json=json)


def _rehearse(subscription: str, into: Path | None, *, as_json: bool) -> None:
    settings = load_settings()
    engine, zone = open_database(settings), ZoneInfo(settings.business_time_zone)
    if subscription:
        wanted = [find_subscription(engine, subscription)]
    else:
        found, now = list_subscriptions(engine), utc_now()
        wanted = [one for one in found if due.due_on(one, now=now, zone=zone)]
    told = []
    for one in wanted:
        facts: dict[str, Any] = {"subscription": one.subscription_id, "to": one.email}
        try:
            made = compose(settings, engine, one)
        except FourflowError as error:
            told.append({**facts, "error": str(error)})
            continue
        facts |= {"subject": made.report.subject, "role": made.viewer.role}
        facts |= {"rows": made.report.row_count, "publication": made.report.publication_id}
        facts["attachments"] = ", ".join(file["name"] for file in made.mail["attachments"])
        told.append(facts)
        if into is not None:
            into.mkdir(parents=True, exist_ok=True)
            page = into / f"{one.subscription_id}.html"
            page.write_text(made.mail["html"], encoding="utf-8")
    if as_json:
        print_json(told)
    else:
        print_rows("Would be sent", told, empty="No report is due.")


def _when(one: Subscription) -> str:
    day = "every day" if one.weekday is None else f"every {_DAYS[one.weekday - 1]}"
    return f"{day} from {one.hour:02}:00"


def _tell(facts: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
    else:
        Console(highlight=False).print(sentence, soft_wrap=True)
