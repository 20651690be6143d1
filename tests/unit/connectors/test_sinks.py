"""Sinks: the same key has one effect; signatures hold; what went wrong tells whether to retry."""

import base64
import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from connectors.errors import (
    ContractError,
    InputError,
    PermanentError,
    RetryLaterError,
    TransientError,
)
from connectors.sandbox.webhook_receiver import (
    Faults,
    WebhookReceiver,
    run_receiver,
    serve_receiver,
)
from connectors.settings import Settings
from connectors.sinks.base import Sink
from connectors.sinks.factory import sinks_from_settings
from connectors.sinks.jsonl import JsonLinesSink
from connectors.sinks.webhook import WebhookSink

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(32)).decode()
PAYLOAD = {"type": "decision.alert", "data": {"amount": "10.00", "message": "大额订单"}}
APPEND_IN_A_PROCESS = """
import sys
from pathlib import Path
from connectors.sinks.jsonl import JsonLinesSink
sink = JsonLinesSink(Path(sys.argv[1]))
for number in range(30):
    sink.deliver(f"key-{number}", {"number": number})
"""


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def answering(status: int, **headers: str) -> WebhookSink:
    response = httpx.Response(status, headers=headers)
    transport = httpx.MockTransport(lambda _request: response)
    return WebhookSink(
        "https://user:hidden@host.example/p?token=hidden", SECRET, transport=transport
    )


def test_file_takes_each_key_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "decisions.jsonl"
    sink = JsonLinesSink(path)
    assert sink.deliver("a", PAYLOAD).outcome == "accepted"
    assert sink.deliver("a", PAYLOAD).outcome == "duplicate"
    assert sink.deliver("b", PAYLOAD).outcome == "accepted"
    assert JsonLinesSink(path).deliver("a", PAYLOAD).outcome == "duplicate"
    assert lines(path) == [{"key": "a", "payload": PAYLOAD}, {"key": "b", "payload": PAYLOAD}]


def test_file_sees_keys_that_others_append(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    mine, other = JsonLinesSink(path), JsonLinesSink(path)
    mine.deliver("a", PAYLOAD)
    other.deliver("b", PAYLOAD)
    assert mine.deliver("b", PAYLOAD).outcome == "duplicate"


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_half_written_line_is_replaced_by_a_whole_one(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "decisions.jsonl"
    sink = JsonLinesSink(path)
    sink.deliver("a", PAYLOAD)
    sink.deliver("b", PAYLOAD)
    path.write_bytes(path.read_bytes()[:-cut])
    assert JsonLinesSink(path).deliver("b", PAYLOAD).outcome == "accepted"
    assert [line["key"] for line in lines(path)] == ["a", "b"]


def test_file_moved_away_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    sink = JsonLinesSink(path)
    sink.deliver("a", PAYLOAD)
    path.rename(tmp_path / "archived.jsonl")
    assert sink.deliver("b", PAYLOAD).outcome == "accepted"
    assert [line["key"] for line in lines(path)] == ["b"]


def test_foreign_line_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text('{"something": "else"}\n', encoding="utf-8")
    with pytest.raises(ContractError, match="move the file away"):
        JsonLinesSink(path).deliver("a", PAYLOAD)


def test_folder_that_cannot_be_written_is_transient(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.mkdir()
    with pytest.raises(TransientError, match="Could not append"):
        JsonLinesSink(path).deliver("a", PAYLOAD)


def test_busy_file_is_transient(tmp_path: Path) -> None:
    from filelock import FileLock

    path = tmp_path / "decisions.jsonl"
    with FileLock(f"{path}.lock"), pytest.raises(TransientError, match="locked"):
        JsonLinesSink(path, lock_timeout_seconds=0.05).deliver("a", PAYLOAD)


def test_processes_append_each_key_once(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    command = [sys.executable, "-c", APPEND_IN_A_PROCESS, str(path)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert sorted(line["key"] for line in lines(path)) == sorted(f"key-{n}" for n in range(30))


def test_webhook_is_signed_and_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "received.jsonl"
    with serve_receiver(path, SECRET) as url:
        sink = WebhookSink(url, SECRET)
        assert sink.deliver("webhook_1", PAYLOAD).outcome == "accepted"
        assert sink.deliver("webhook_1", PAYLOAD).outcome == "duplicate"
    with serve_receiver(path, SECRET) as url:
        assert WebhookSink(url, SECRET).deliver("webhook_1", PAYLOAD).outcome == "duplicate"
    assert lines(path) == [{"id": "webhook_1", "body": PAYLOAD}]


def test_forged_webhook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "received.jsonl"
    receiver = WebhookReceiver(path, SECRET)
    with run_receiver(receiver) as url, pytest.raises(PermanentError, match="401"):
        WebhookSink(url, OTHER).deliver("webhook_1", PAYLOAD)
    assert not path.exists()
    assert receiver.counts["refused"] == 1


def signed(body: str, *, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    from datetime import UTC, datetime

    moment = datetime.now(UTC) - timedelta(seconds=age)
    return {
        "webhook-id": "m1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("m1", moment, body),
    }


def test_receiver_agrees_with_the_reference_library(tmp_path: Path) -> None:
    receiver = WebhookReceiver(tmp_path / "received.jsonl", SECRET)
    good = signed("{}")
    several = {**good, "webhook-signature": f"v1,AAAA {good['webhook-signature']}"}
    assert receiver.verify(good, b"{}") == "m1"
    assert receiver.verify(several, b"{}") == "m1"
    assert receiver.verify({k.title(): v for k, v in good.items()}, b"{}") == "m1"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "m2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "签名"},
    ],
)
def test_changed_header_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    receiver = WebhookReceiver(tmp_path / "received.jsonl", SECRET)
    assert receiver.verify({**signed("{}"), **change}, b"{}") is None


@pytest.mark.parametrize("age", [400, -400])
def test_stale_or_early_message_is_refused(tmp_path: Path, age: int) -> None:
    receiver = WebhookReceiver(tmp_path / "received.jsonl", SECRET)
    assert receiver.verify(signed("{}", age=age), b"{}") is None
    assert receiver.verify(signed("{}"), b"{ }") is None


def test_receiver_refuses_a_broken_secret(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="base64"):
        WebhookReceiver(tmp_path / "received.jsonl", "whsec_***")


@pytest.mark.parametrize(
    ("faults", "error", "stored"),
    [
        (Faults(drop=1), TransientError, 0),
        (Faults(server_error=1), TransientError, 0),
        (Faults(too_many=1), RetryLaterError, 0),
        (Faults(lost_acknowledgement=1), TransientError, 1),
    ],
)
def test_receiver_fails_on_demand(
    tmp_path: Path, faults: Faults, error: type[Exception], stored: int
) -> None:
    path = tmp_path / "received.jsonl"
    with serve_receiver(path, SECRET, faults) as url:
        sink = WebhookSink(url, SECRET)
        for _ in range(2):
            with pytest.raises(error):
                sink.deliver("webhook_1", PAYLOAD)
    assert (len(lines(path)) if path.exists() else 0) == stored


def test_delayed_answer_is_a_transient_time_out(tmp_path: Path) -> None:
    faults = Faults(delay=1, delay_seconds=0.5)
    serving = serve_receiver(tmp_path / "received.jsonl", SECRET, faults)
    with serving as url, pytest.raises(TransientError, match="in time"):
        WebhookSink(url, SECRET, timeout_seconds=0.05).deliver("webhook_1", PAYLOAD)


def test_nobody_listening_is_transient() -> None:
    with pytest.raises(TransientError, match="could not be reached"):
        WebhookSink("http://127.0.0.1:9/x", SECRET).deliver("webhook_1", PAYLOAD)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_status_that_may_pass_is_transient(status: int) -> None:
    with pytest.raises(TransientError, match=str(status)) as caught:
        answering(status).deliver("k", PAYLOAD)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 422])
def test_status_that_stays_is_permanent(status: int) -> None:
    with pytest.raises(PermanentError, match=str(status)) as caught:
        answering(status).deliver("k", PAYLOAD)
    assert "hidden" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0", 0), ("999999999", 3600), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_retry_after_is_obeyed_within_bounds(header: str, seconds: int) -> None:
    with pytest.raises(RetryLaterError) as caught:
        answering(503, **{"retry-after": header}).deliver("k", PAYLOAD)
    assert caught.value.retry_after == timedelta(seconds=seconds)


def test_unreadable_retry_after_is_an_ordinary_retry() -> None:
    with pytest.raises(TransientError) as caught:
        answering(503, **{"retry-after": "later"}).deliver("k", PAYLOAD)
    assert not isinstance(caught.value, RetryLaterError)


def test_repeated_attempt_sends_the_same_body() -> None:
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(200)

    sink = WebhookSink("https://host/", SECRET, transport=httpx.MockTransport(answer))
    sink.deliver("k", {"a": 1, "b": {"c": "单", "d": None}})
    sink.deliver("k", {"b": {"d": None, "c": "单"}, "a": 1})
    assert bodies[0] == bodies[1]


def test_one_sink_serves_many_threads(tmp_path: Path) -> None:
    path = tmp_path / "received.jsonl"
    with serve_receiver(path, SECRET) as url:
        sink = WebhookSink(url, SECRET)
        threads = [
            threading.Thread(target=sink.deliver, args=(f"k{n % 5}", PAYLOAD)) for n in range(10)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(line["id"] for line in lines(path)) == [f"k{n}" for n in range(5)]


def test_settings_switch_the_webhook_on(settings: Settings) -> None:
    assert list(sinks_from_settings(settings)) == ["jsonl"]
    values = {"webhook_url": "https://host/x", "webhook_secret": SECRET}
    sinks: dict[str, Sink] = sinks_from_settings(settings.model_copy(update=values))
    assert {name: sink.name for name, sink in sinks.items()} == {
        "jsonl": "jsonl",
        "webhook": "webhook",
    }


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"webhook_url": "https://host/x"}, "FOURFLOW_WEBHOOK_SECRET"),
        ({"webhook_url": "https://host/x", "webhook_secret": "whsec_c2hvcnQ="}, "WEBHOOK_SECRET"),
        ({"webhook_url": "https://host/x", "webhook_secret": "密"}, "WEBHOOK_SECRET"),
        ({"webhook_url": "host/x", "webhook_secret": SECRET}, "FOURFLOW_WEBHOOK_URL"),
        ({"webhook_url": "ftp://host/x", "webhook_secret": SECRET}, "FOURFLOW_WEBHOOK_URL"),
        (
            {"webhook_url": "http://host/", "webhook_secret": SECRET, "environment": "production"},
            "https",
        ),
    ],
)
def test_unusable_webhook_settings_are_one_sentence(
    settings: Settings, values: dict[str, str], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        sinks_from_settings(settings.model_copy(update=values))
