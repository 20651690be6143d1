"""E-mail and chat against servers that run: what arrives, and which failures may be repeated."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from connectors.errors import InputError, PermanentError, TransientError, UnknownOutcomeError
from connectors.settings import Settings
from connectors.sinks.base import UnrepeatableSink
from connectors.sinks.chat import ChatSink
from connectors.sinks.email import EmailSink
from connectors.sinks.factory import sinks_from_settings

KEY = "email_" + "a" * 64


def payload(**fields: str) -> dict[str, Any]:
    return {
        "type": "decision.notify",
        "timestamp": "2026-11-21T12:00:00+00:00",
        "data": {
            "decision_id": "a" * 64, "rule_id": "shipped", "rule_version": 2,
            "message": {"en": "Order 1 left.\nSF123", "zh": "订单 1 已发货，单号 SF123"},
            "action": {"type": "notify", "to": "customer", "fields": fields},
        },
    }  # fmt: skip


class Mailbox:
    """A mail server that keeps what it takes, and refuses or hangs up on demand."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.answer = "250 OK"

    async def handle_RCPT(  # noqa: N802 - the server's hook
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.taken.append(envelope)
        if self.answer == "hang up":
            server.transport.close()
        return self.answer


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"smtp://127.0.0.1:{port}"
    controller.stop()


def sink_to(url: str) -> EmailSink:
    return EmailSink(url, "shop@example.com", "desk@example.com", timeout_seconds=5)


def test_message_arrives_with_both_languages_and_the_key(mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    box.answer = "250 2.0.0 Ok: queued as 4F8D21"
    receipt = sink_to(url).deliver(KEY, payload(email="li@example.com"))
    assert receipt.detail["answer"] == box.answer
    (envelope,) = box.taken
    assert envelope.rcpt_tos == ["li@example.com"]
    text = envelope.content.decode()
    assert "Subject: Order 1 left. SF123" in text
    assert f"Message-ID: <{KEY}@fourflow>" in text
    assert receipt.detail["message_id"] == f"<{KEY}@fourflow>"
    sink_to(url).deliver(KEY, payload())
    assert box.taken[1].rcpt_tos == ["desk@example.com"]


@pytest.mark.parametrize(("answer", "error"), [
    ("451 try later", TransientError), ("554 spam", PermanentError),
    ("hang up", UnknownOutcomeError),
])  # fmt: skip
def test_answer_says_whether_it_may_be_sent_again(
    mailbox: tuple[Mailbox, str], answer: str, error: type[Exception]
) -> None:
    box, url = mailbox
    box.answer = answer
    with pytest.raises(error) as caught:
        sink_to(url).deliver(KEY, payload())
    assert isinstance(caught.value, UnknownOutcomeError) == (answer == "hang up")


def test_wrong_recipient_is_permanent_and_a_silent_server_is_not(
    mailbox: tuple[Mailbox, str],
) -> None:
    box, url = mailbox
    for wrong in ("nobody@example.com", "no address", "a@b\r\nBcc: c@d"):
        with pytest.raises(PermanentError):
            sink_to(url).deliver(KEY, payload(email=wrong))
    assert box.taken == []
    with pytest.raises(TransientError, match="could not be reached"):
        sink_to("smtp://127.0.0.1:9").deliver(KEY, payload())


class Robot(BaseHTTPRequestHandler):
    """A chat robot that takes JSON."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.mark.parametrize("status", [200, 500])
def test_chat_gets_the_message_or_its_fate_is_unknown(status: int) -> None:
    server = HTTPServer(("127.0.0.1", 0), Robot)
    server.taken, server.status = [], status  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    sink = ChatSink(f"json://127.0.0.1:{server.server_port}/robot")
    if status == 200:
        assert sink.deliver(KEY, payload()).outcome == "accepted"
    else:
        with pytest.raises(UnknownOutcomeError, match="did not confirm"):
            sink.deliver(KEY, payload())
    server.shutdown()
    server.server_close()
    (message,) = server.taken  # type: ignore[attr-defined]
    assert message["title"] == "Order 1 left. SF123"
    assert "订单 1 已发货" in message["message"]


def test_settings_switch_them_on_and_they_rehearse_unless_live(settings: Settings) -> None:
    values = {"email_url": "smtp://127.0.0.1:9", "email_from": "a@b.c", "email_to": "d@e.f",
              "chat_url": "json://127.0.0.1:9/"}  # fmt: skip
    rehearsed = sinks_from_settings(settings.model_copy(update=values))
    assert set(rehearsed) == {"jsonl", "email", "chat"}
    assert rehearsed["email"].deliver(KEY, payload()).outcome == "accepted"
    assert rehearsed["email"].deliver(KEY, payload()).outcome == "duplicate"
    assert "dry-run.jsonl" in [path.name for path in settings.outbox_path.parent.iterdir()]
    live = sinks_from_settings(settings.model_copy(update={**values, "live_sinks": "yes"}))
    assert isinstance(live["email"], UnrepeatableSink)
    assert isinstance(live["chat"], UnrepeatableSink)


@pytest.mark.parametrize(("values", "named"), [
    ({"email_url": "http://x"}, "FOURFLOW_EMAIL_URL"), ({"email_url": "smtp://h"}, "EMAIL_FROM"),
    ({"email_url": "smtp://h", "email_from": "a@b"}, "EMAIL_TO"),
    ({"chat_url": "nothing"}, "FOURFLOW_CHAT_URL"),
])  # fmt: skip
def test_unusable_settings_are_one_sentence(
    settings: Settings, values: dict[str, str], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        sinks_from_settings(settings.model_copy(update=values))
