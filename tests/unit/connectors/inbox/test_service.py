"""The service: stored before acknowledged, the platform's own words, counts without content."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from connectors.errors import TransientError
from connectors.inbox.journal import Journal, JournalLimits
from connectors.inbox.protocol import InboxAccount
from connectors.inbox.segments import Message, read_segment, sealed_segments, waiting_messages
from connectors.inbox.serve import make_server
from connectors.inbox.service import ServiceLimits, make_app
from connectors.inbox.tally import Tally, read_counts
from tests.pushes import KINDS, PushWorld, SentPush

ACKNOWLEDGED = {
    "shopify": (200, b""),
    "woocommerce": (200, b""),
    "douyin": (200, b'{"code":0,"msg":"success"}'),
    "kuaidi100": (200, '{"result":true,"returnCode":"200","message":"成功"}'.encode()),
    "sf_express": (200, '{"return_code":"0000","return_msg":"成功"}'.encode()),
    "alipay": (200, b"success"),
    "wechat_pay": (204, b""),
    "stripe": (200, b""),
    "wechat_store": (200, b"success"),
}
REFUSED = {
    "shopify": b"forged",
    "woocommerce": b"forged",
    "douyin": b'{"code":401,"msg":"forged"}',
    "kuaidi100": b'{"result":false,"returnCode":"401","message":"forged"}',
    "sf_express": b'{"return_code":"1000","return_msg":"forged"}',
    "alipay": b"fail",
    "wechat_pay": b'{"code":"FAIL","message":"forged"}',
    "stripe": b"forged",
    "wechat_store": b"forged",
}


@contextmanager
def running(
    folder: Path,
    accounts: list[InboxAccount],
    *,
    capacity_bytes: int = 1 << 20,
    limits: ServiceLimits | None = None,
) -> Iterator[httpx.Client]:
    journal = Journal(folder, JournalLimits(seal_seconds=3_600, capacity_bytes=capacity_bytes))
    journal.start()
    app = make_app(accounts, journal, Tally(folder), limits)
    server = make_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def send(client: httpx.Client, sent: SentPush) -> httpx.Response:
    return client.post(sent.path, content=sent.body, headers=sent.headers)


def stored(folder: Path) -> list[Message]:
    return [message for path in sealed_segments(folder) for message in read_segment(path).messages]


@pytest.mark.parametrize("kind", KINDS)
def test_the_platform_hears_what_it_expects(tmp_path: Path, world: PushWorld, kind: str):
    with running(tmp_path, world.accounts()) as client:
        answer = send(client, world.push(kind, 1))
        assert (answer.status_code, answer.content) == ACKNOWLEDGED[kind]
        assert waiting_messages(tmp_path) == 1  # before the answer was there
        forged = send(client, world.push(kind, 2).forged())
        assert (forged.status_code, forged.content) == (401, REFUSED[kind])
    (message,) = stored(tmp_path)
    assert (message.source, message.account) == (kind, "main")


def test_only_wechat_store_tries_an_address_before_it_pushes(tmp_path: Path, world: PushWorld):
    secrets = next(a.secrets for a in world.accounts() if a.kind == "wechat_store")
    signed = sorted([secrets["push_token"], "1714036504", "1514711492"])
    query = {
        "timestamp": "1714036504",
        "nonce": "1514711492",
        "echostr": "4375120948345356249",
        "signature": hashlib.sha1("".join(signed).encode()).hexdigest(),
    }
    with running(tmp_path, world.accounts()) as client:
        taken = client.get("/inbox/wechat_store/main", params=query)
        assert (taken.status_code, taken.content) == (200, b"4375120948345356249")
        forged = client.get("/inbox/wechat_store/main", params=query | {"nonce": "1"})
        assert (forged.status_code, forged.content) == (401, b"forged")
        for place in ("shopify/main", "nobody/main"):
            assert client.get(f"/inbox/{place}", params=query).status_code == 405
    assert read_counts(tmp_path)["refused"] == {"wechat_store/main/forged": 1}
    assert stored(tmp_path) == []


def test_the_same_push_again_is_acknowledged_and_keeps_its_key(tmp_path: Path, world: PushWorld):
    with running(tmp_path, world.accounts()) as client:
        for _ in range(3):
            assert send(client, world.push("shopify", 1)).status_code == 200
    assert len({message.dedupe_key for message in stored(tmp_path)}) == 1
    assert read_counts(tmp_path)["accepted"] == {"shopify/main": 3}


def test_nothing_is_acknowledged_that_is_not_stored(
    tmp_path: Path, world: PushWorld, monkeypatch: pytest.MonkeyPatch
):
    async def fail(self: Journal, messages: object) -> None:
        raise TransientError("The disk is full.")

    monkeypatch.setattr(Journal, "append", fail)
    with running(tmp_path, world.accounts()) as client:
        answer = send(client, world.push("alipay", 1))
    assert (answer.status_code, answer.content) == (503, b"fail")
    assert read_counts(tmp_path)["refused"] == {"alipay/main/not_stored": 1}


def test_a_full_inbox_puts_pushes_off(tmp_path: Path, world: PushWorld):
    with running(tmp_path, world.accounts(), capacity_bytes=100) as client:
        assert send(client, world.push("stripe", 1)).status_code == 503


def test_a_woocommerce_ping_is_acknowledged_and_not_stored(tmp_path: Path, world: PushWorld):
    with running(tmp_path, world.accounts()) as client:
        assert send(client, SentPush("woocommerce", b"webhook_id=9")).status_code == 200
    assert stored(tmp_path) == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_push_that_is_too_large_is_refused(tmp_path: Path, world: PushWorld, announced: bool):
    body = b"x" * 2_000
    with running(tmp_path, world.accounts(), limits=ServiceLimits(body_bytes=1_000)) as client:
        content = body if announced else iter([body[:900], body[900:]])
        answer = client.post("/inbox/shopify/main", content=content)
    assert answer.status_code == 413
    assert read_counts(tmp_path)["refused"] == {"shopify/main/too_large": 1}


def test_too_many_at_once_are_put_off(tmp_path: Path, world: PushWorld):
    limits = ServiceLimits(reading_bytes=10)
    with running(tmp_path, world.accounts(), limits=limits) as client:
        assert send(client, world.push("shopify", 1)).status_code == 503


def test_an_unknown_address_is_not_found_and_counted_without_its_name(
    tmp_path: Path, world: PushWorld
):
    with running(tmp_path, world.accounts()) as client:
        for n in range(5):
            assert client.post(f"/inbox/shopify/guess{n}", content=b"{}").status_code == 404
        assert client.get("/inbox/shopify/main").status_code == 405
        assert client.get("/health").text == "ok"
    counts = read_counts(tmp_path)
    assert counts["refused"] == {"(unknown)/(unknown)/unknown_account": 5}
    assert "guess" not in json.dumps(counts)


def test_an_account_whose_key_is_unreadable_says_so_and_leaves_the_others(
    tmp_path: Path, world: PushWorld
):
    broken = InboxAccount("alipay", "broken", "alipay", {"alipay_public_key": "no key"})
    sent = world.push("alipay", 1)
    with running(tmp_path, [*world.accounts(), broken]) as client:
        assert client.post("/inbox/alipay/broken", content=sent.body).status_code == 500
        assert send(client, sent).status_code == 200
    (refusal,) = read_counts(tmp_path)["refusals"]
    assert "not a readable RSA key" in refusal["sentence"]


def test_counts_survive_a_restart_and_hold_no_content(tmp_path: Path, world: PushWorld):
    for number in range(2):
        with running(tmp_path, world.accounts()) as client:
            send(client, world.push("wechat_pay", number))
            send(client, world.push("wechat_pay", number).forged())
    text = (tmp_path / "counts.json").read_text(encoding="utf-8")
    counts = json.loads(text)
    assert counts["accepted"] == {"wechat_pay/main": 2}
    assert counts["refused"] == {"wechat_pay/main/forged": 2}
    assert len(counts["refusals"]) == 2
    secrets = [secret for account in world.accounts() for secret in account.secrets.values()]
    assert not any(secret in text for secret in secrets if len(secret) > 20)
    assert "ciphertext" not in text


def test_the_refusals_that_are_kept_are_bounded(tmp_path: Path, world: PushWorld):
    with running(tmp_path, world.accounts()) as client:
        for n in range(150):
            send(client, world.push("stripe", n, at=0))
    counts = read_counts(tmp_path)
    assert counts["refused"] == {"stripe/main/stale": 150}
    assert len(counts["refusals"]) == 100


def test_nothing_of_a_push_is_logged(
    tmp_path: Path, world: PushWorld, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(0)
    with running(tmp_path, world.accounts()) as client:
        for kind in KINDS:
            send(client, world.push(kind, 1))
            send(client, world.push(kind, 1).forged())
    own = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("connectors"))
    assert "T1" not in own
    assert "token" not in own
