"""Reports by e-mail: once each, held on red, as the recipient may see it, sent by a real server."""

import base64
import csv
import io
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from openpyxl import load_workbook
from published_fixture import CHANNELS, LAST_DAY, make_red, publish
from starlette.applications import Starlette
from starlette.testclient import TestClient
from test_app_pages import open_page, texts
from test_roles import POLICY

from connectors.database import runs
from connectors.database.engine import open_database
from connectors.database.publications import find_publication
from connectors.database.report_subscriptions import (
    Subscribed,
    Subscription,
    list_subscriptions,
)
from connectors.database.saved_views import pin_view, save_view
from connectors.errors import ForbiddenError, InputError
from connectors.lake.attach import connect_writer
from connectors.lake.reader import open_published
from connectors.settings import Settings, load_settings
from connectors.sinks.base import Sink
from connectors.sinks.email import EmailSink
from connectors.sinks.factory import sinks_from_settings
from orchestration.access.log import list_access
from orchestration.decisions import ledger, outbox
from orchestration.reports import due
from orchestration.reports.sending import begin_subscription, compose, with_reports
from orchestration.reports.unsubscribing import unsubscribe_routes, unsubscribe_url

ZONE = ZoneInfo("Asia/Shanghai")
NINE = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # a Monday, nine o'clock in Shanghai
EARLIER = NINE - timedelta(days=30)
VIEW = {"metric": "order_count", "by": "channel,business", "grain": "none", "period": "all"}


class Inbox:
    """Keeps what a mail server takes."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, str]]:
    box = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


@pytest.fixture
def settings(published_home: Path, tmp_path: Path) -> Settings:
    """A copy of the published home, for its operational database."""
    folder = tmp_path / "home"
    shutil.copytree(published_home, folder)
    return load_settings(home=folder, config="none")


def wanted(**values: Any) -> Subscribed:
    usual = {"person": "local", "email": "li@example.cn", "report": "today", "hour": 8}
    return Subscribed(**{**usual, **values})


def begin(settings: Settings, **values: Any) -> Subscription:
    engine = open_database(settings)
    return begin_subscription(settings, engine, wanted(**values), by="test", now=EARLIER)


def send(settings: Settings, sinks: dict[str, Sink], now: datetime = NINE) -> Any:
    """What the schedule does."""
    engine = open_database(settings)
    publication, red = find_publication(engine, None), runs.data_is_red(engine)
    assert publication is not None
    due.record_due(engine, publication, now=now, zone=ZONE, on_red=red)
    reporting = with_reports(sinks, settings, engine)
    return outbox.deliver(engine, reporting, now=now, worker_id="test", red=red)


def mail_sinks(url: str) -> dict[str, Sink]:
    return {"email": EmailSink(url, "shop@example.com", "desk@example.com", timeout_seconds=10)}


def report_decisions(settings: Settings) -> list[ledger.Decision]:
    return ledger.list_decisions(open_database(settings), rule_id=due.RULE)


def files_of(message: EmailMessage) -> dict[str, bytes]:
    return {
        str(one.get_filename()): one.get_payload(decode=True)  # type: ignore[misc]
        for one in message.iter_attachments()
    }


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize(
    ("now", "hour", "weekday", "expected"),
    [
        (NINE, 8, None, date(2026, 11, 23)),
        (NINE, 9, None, date(2026, 11, 23)),
        (NINE, 10, None, date(2026, 11, 22)),  # yesterday's, not sent yet, is 23 hours late
        (NINE, 8, 1, date(2026, 11, 23)),
        (NINE, 10, 1, None),  # last Monday's is out of date
        (NINE, 8, 7, None),
        (NINE, 10, 7, date(2026, 11, 22)),
    ],
)
def test_report_is_due_from_its_hour_on_for_a_day(now, hour, weekday, expected):
    one = Subscription(**vars(wanted(hour=hour, weekday=weekday)), created_at=EARLIER)
    assert due.due_on(one, now=now, zone=ZONE) == expected


def test_report_is_not_due_for_a_time_before_it_was_asked_for():
    one = Subscription(**vars(wanted(hour=8)), created_at=NINE - timedelta(minutes=30))
    assert due.due_on(one, now=NINE, zone=ZONE) is None
    assert due.due_on(one, now=NINE + timedelta(days=1), zone=ZONE) == date(2026, 11, 24)


def test_report_run_twice_arrives_once_with_the_published_figures(settings, inbox):
    box, url = inbox
    begin(settings, attachment="xlsx")
    first, second = (send(settings, mail_sinks(url)) for _ in range(2))
    assert (first.dead, second.delivered) == (0, 0)
    again = send(settings, mail_sinks(url), NINE + timedelta(hours=3))
    assert again.delivered == 0
    (message,) = box.messages
    (decision,) = report_decisions(settings)
    assert (decision.state, decision.occurrence) == ("confirmed", "2026-11-23")
    with open_published(settings) as lake:
        counted = lake.rows(
            "select sum(order_count)::int as n from rpt_channel_daily where business_date = $day "
            "and business = 'fourflow_demo'", {"day": LAST_DAY},
        )[0]["n"]  # fmt: skip
    assert f"Orders {counted} (" in body(message, "plain")
    assert f">{counted}<" in body(message, "html")
    assert "Data as of" in body(message, "html")
    (content,) = files_of(message).values()
    sheet = load_workbook(io.BytesIO(content)).worksheets[0]
    figures = {row[0]: row[2] for row in sheet.iter_rows(min_row=5, values_only=True)}
    assert figures["Orders"] == counted
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (entry,) = [one for one in list_access(open_database(settings)) if one["event"] == "sent"]
    assert (entry["person"], entry["door"]) == ("li@example.cn", "reports")
    assert entry["publication_id"] == decision.publication_id
    next_day = send(settings, mail_sinks(url), NINE + timedelta(days=1))
    assert len(box.messages) == 2, next_day


def test_report_of_a_limited_person_has_nobody_elses_rows(settings, inbox):
    box, url = inbox
    engine = open_database(settings)
    (settings.root / "access.yml").write_text(POLICY, encoding="utf-8")
    views = {}
    for person in ("douyin@example.cn", "manager@example.cn"):
        views[person] = save_view(engine, person, "By channel", VIEW, now=EARLIER).view_id
    for email, view in views.items():
        for report in ("today", "view"):
            view_id = view if report == "view" else ""
            begin(settings, email=email, report=report, view_id=view_id, attachment="csv")
    send(settings, mail_sinks(url))
    mine = [one for one in box.messages if one["To"] == "douyin@example.cn"]
    boss = [one for one in box.messages if one["To"] == "manager@example.cn"]
    assert (len(mine), len(boss)) == (2, 2)

    def whole(messages: list[EmailMessage]) -> str:
        parts = [body(one, kind) for one in messages for kind in ("plain", "html")]
        parts += [file.decode() for one in messages for file in files_of(one).values()]
        return "\n".join(parts)

    foreign = ("Tmall", "tmall", "Online Retail", "Online shop", "online_retail", "store", "GBP")
    assert [word for word in foreign if word in whole(mine)] == []
    assert all(word in whole(boss) for word in ("Tmall", "Online Retail", "Douyin"))
    # The oracle: one channel's orders, counted without the semantic layer.
    with open_published(settings) as lake:
        counted = lake.rows(
            "select channel, sum(order_count)::int as n from rpt_channel_daily "
            "where business = 'fourflow_demo' group by channel"
        )
    known = {row["channel"]: row["n"] for row in counted}
    assert set(known) == set(CHANNELS["fourflow_demo"])
    (table,) = [file for one in mine for name, file in files_of(one).items() if "channel" in name]
    lines = list(csv.reader(io.StringIO(table.decode("utf-8-sig"))))[1:]
    assert [int(line[2]) for line in lines] == [known["douyin_live"]]


def test_region_limited_person_gets_figures_of_their_region_only(settings):
    engine = open_database(settings)
    with connect_writer(settings, purpose="test") as connection:
        connection.execute("alter table lake.marts.fct_orders add column province varchar")
        connection.execute(
            "update lake.marts.fct_orders set province = case when hash(order_key) % 3 = 0 "
            "then '浙江省' else '广东省' end"
        )
    publish(settings, "run-2")
    path = settings.root / "access.yml"
    path.write_text(POLICY.replace("  east:\n", '  east:\n    actions: ["*"]\n'), "utf-8")
    save_view(engine, "east@example.cn", "Orders", {**VIEW, "by": "-"}, now=EARLIER)
    one = begin(settings, email="east@example.cn", report="view", view_id="Orders")
    with open_published(settings) as lake:
        counted = lake.rows(
            "select count(*)::int as n from fct_orders where business = 'fourflow_demo' "
            "and created_on < $last group by province = '浙江省' order by province = '浙江省'",
            {"last": LAST_DAY},  # the newest day may not be over yet
        )
    others, mine = (row["n"] for row in counted)
    (section,) = compose(settings, engine, one).report.sections
    assert section.values == ((mine,),)
    assert f"{mine + others:,}" not in section.sentence
    summary = begin(settings, email="east@example.cn")
    sections = compose(settings, engine, summary).report.sections
    assert not any("Online" in cell for part in sections for row in part.rows for cell in row)


def test_red_data_holds_a_report_and_says_why(settings, inbox):
    box, url = inbox
    begin(settings)
    make_red(settings)
    report = send(settings, mail_sinks(url))
    assert box.messages == []
    assert "assert_nothing_lost" in str(report.held_because)
    (decision,) = report_decisions(settings)
    assert decision.state == "held"
    assert "failed its blocking checks: assert_nothing_lost" in str(decision.state_reason)
    late = send(settings, mail_sinks(url), NINE + timedelta(hours=26))
    assert box.messages == [], late
    states = {one.occurrence: one.state for one in report_decisions(settings)}
    assert states == {"2026-11-23": "expired", "2026-11-24": "held"}


def test_whoever_lost_their_role_gets_nothing_and_the_ledger_says_so(settings, inbox):
    box, url = inbox
    path = settings.root / "access.yml"
    path.write_text(POLICY, encoding="utf-8")
    begin(settings, email="douyin@example.cn")
    path.write_text(POLICY.replace("  - {email: douyin@example.cn, role: douyin}\n", ""), "utf-8")
    send(settings, mail_sinks(url))
    assert box.messages == []
    (decision,) = report_decisions(settings)
    assert decision.state == "dead"
    assert "douyin@example.cn is not among the people" in str(decision.state_reason)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"email": "nobody@example.cn"}, ForbiddenError, "is not among the people"),
        ({"email": "blind@example.cn"}, ForbiddenError, "may not download"),
        ({"email": "no address"}, InputError, "is no e-mail address"),
        ({"email": "manager@example.cn", "hour": 24}, InputError, "0 to 23"),
        ({"email": "manager@example.cn", "weekday": 8}, InputError, "1 \\(Monday\\) to 7"),
        ({"email": "manager@example.cn", "report": "view"}, InputError, "Name the saved view"),
        (
            {"email": "manager@example.cn", "report": "view", "view_id": "x"},
            InputError,
            "keeps no view 'x'",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_at_once(settings, values, error, words):
    (settings.root / "access.yml").write_text(POLICY, encoding="utf-8")
    with pytest.raises(error, match=words):
        begin(settings, **values)
    assert list_subscriptions(open_database(settings)) == []


def test_same_report_asked_twice_is_one(settings):
    assert begin(settings) == begin(settings)
    assert begin(settings, language="zh") != begin(settings)
    assert len(list_subscriptions(open_database(settings))) == 2


def test_outside_production_a_report_is_written_down_and_not_sent(settings, inbox):
    box, url = inbox
    begin(settings, language="zh")
    values = {"email_url": url, "email_from": "a@b.c", "email_to": "d@e.f"}
    send(settings, sinks_from_settings(settings.model_copy(update=values)))
    assert box.messages == []
    written = (settings.outbox_path.with_name("dry-run.jsonl")).read_text(encoding="utf-8")
    assert "每日简报" in written
    (decision,) = report_decisions(settings)
    assert decision.state == "confirmed"


def test_cockpit_in_chinese_has_every_pinned_view_and_no_english_header(settings):
    engine = open_database(settings)
    for name, choices in {"各渠道": VIEW, "合计": {**VIEW, "by": "-"}}.items():
        view = save_view(engine, "local", name, choices, now=EARLIER)
        pin_view(engine, "local", view.view_id, now=EARLIER)
    one = begin(settings, report="cockpit", language="zh", attachment="csv")
    made = compose(settings, engine, one)
    assert [section.title for section in made.report.sections] == ["各渠道", "合计"]
    assert made.report.sections[0].headers == ("渠道", "业务主体", "订单数") or re.fullmatch(
        r"[^a-zA-Z]+", "".join(made.report.sections[0].headers)
    )
    assert max(made.report.sections[0].bars) == 1.0
    first = base64.b64decode(made.mail["attachments"][0]["base64"]).decode("utf-8-sig")
    total = sum(int(line[2]) for line in list(csv.reader(io.StringIO(first)))[1:])
    assert made.report.sections[1].values == ((total,),)


def test_a_text_that_a_spreadsheet_would_run_stays_a_text(settings):
    engine = open_database(settings)
    save_view(engine, "local", "=1+1 <b>x</b>", VIEW, now=EARLIER)
    one = begin(settings, report="view", view_id="=1+1 <b>x</b>", attachment="xlsx")
    mail = compose(settings, engine, one).mail
    assert "<b>x</b>" not in mail["html"]
    book = load_workbook(io.BytesIO(base64.b64decode(mail["attachments"][0]["base64"])))
    assert book.worksheets[0]["A1"].data_type == "s"


def test_link_ends_a_report_only_when_its_button_is_pressed(settings, inbox):
    box, url = inbox
    one = begin(settings, language="zh")
    engine = open_database(settings)
    publication = find_publication(engine, None)
    assert publication is not None
    due.record_due(engine, publication, now=NINE, zone=ZONE)
    client = TestClient(Starlette(routes=[*unsubscribe_routes(settings)]))
    path = unsubscribe_url(settings, one.subscription_id).removeprefix(settings.public_url)
    assert "确定不再接收此报告吗" in client.get(path).text
    assert client.post(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 403
    assert client.post("/reports/unsubscribe/" + "x" * 400).status_code == 403
    assert len(list_subscriptions(engine)) == 1
    for _ in range(2):  # a mail program may ask twice
        answer = client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, "已退订" in answer.text) == (200, True)
    assert list_subscriptions(engine) == []
    send(settings, mail_sinks(url))
    assert box.messages == []
    (decision,) = report_decisions(settings)
    assert decision.state == "rejected"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_person_subscribes_and_ends_on_the_cockpit(monkeypatch, settings, language):
    app = open_page(monkeypatch, settings.root, "cockpit", lang=language)
    assert not app.exception
    (address,) = [one for one in app.text_input if one.label in ("E-mail address", "邮箱")]
    address.set_value("li@example.cn")
    (button,) = [one for one in app.button if one.label in ("Send it to me", "发送给我")]
    button.click().run()
    assert not app.exception
    engine = open_database(settings)
    (kept,) = list_subscriptions(engine)
    assert (kept.email, kept.report, kept.hour, kept.language) == (
        "li@example.cn", "today", 8, language,
    )  # fmt: skip
    assert any("li@example.cn" in text for text in texts(app))
    app.button(key=f"end_{kept.subscription_id}").click().run()
    assert not app.exception
    assert list_subscriptions(engine) == []


def test_report_of_a_page_that_is_not_theirs_any_more_is_refused(settings):
    (settings.root / "access.yml").write_text(POLICY, encoding="utf-8")
    engine = open_database(settings)
    one = begin(settings, email="manager@example.cn", report="cockpit")
    less = POLICY.replace('manager: {pages: ["*"]', "manager: {pages: [overview]")
    (settings.root / "access.yml").write_text(less, encoding="utf-8")
    with pytest.raises(ForbiddenError, match="may not open the page cockpit"):
        compose(settings, engine, one)
