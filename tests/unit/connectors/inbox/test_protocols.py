"""Each platform's pushes: true ones are read, all others refused, before anything is looked at."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import md5, sha1
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from connectors.errors import InputError
from connectors.inbox.protocol import (
    InboxAccount,
    Push,
    Reason,
    Received,
    RefusedError,
    json_elements,
)
from connectors.inbox.protocols.registry import PROTOCOLS, find_protocol
from connectors.inbox.protocols.wechat_pay import _decrypted
from tests.pushes import KINDS, SIGNED_TIME, PushWorld, SentPush

AT = 1_763_719_200
PLATFORMS_KEY = ("alipay", "wechat_pay")  # signed with it, the same for all accounts
NOW = datetime.fromtimestamp(AT, UTC)


def arrive(sent: SentPush, now: datetime = NOW) -> Push:
    headers = {name.lower(): value for name, value in sent.headers.items()}
    return Push(headers, dict(parse_qsl(sent.query)), sent.body, now)


def read(world: PushWorld, sent: SentPush, now: datetime = NOW) -> list[Received]:
    account = next(account for account in world.accounts() if account.kind == sent.kind)
    return PROTOCOLS[sent.kind].read(arrive(sent, now), account)


def refusal(world: PushWorld, sent: SentPush, now: datetime = NOW) -> Reason:
    with pytest.raises(RefusedError) as raised:
        read(world, sent, now)
    assert sent.body.decode() not in str(raised.value)
    return raised.value.reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_true_push_is_read_and_keyed_by_what_it_is(world: PushWorld, kind: str):
    (first,) = read(world, world.push(kind, 1, at=AT))
    (again,) = read(world, world.push(kind, 1, at=AT))
    (other,) = read(world, world.push(kind, 2, at=AT))
    assert first.read_error is None
    assert isinstance(json.loads(first.payload), dict)
    assert first.topic
    assert first.dedupe_key == again.dedupe_key != other.dedupe_key


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_push_is_refused(world: PushWorld, kind: str):
    assert refusal(world, world.push(kind, 1, at=AT).forged()) is Reason.FORGED


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sf_express"])
def test_a_push_without_signature_is_refused(world: PushWorld, kind: str):
    sent = world.push(kind, 1, at=AT)
    fields = [(k, v) for k, v in parse_qsl(sent.body.decode()) if k != "sign"]
    body = urlencode(fields).encode() if kind in ("alipay", "kuaidi100") else sent.body
    assert refusal(world, SentPush(kind, body)) is Reason.FORGED


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in PLATFORMS_KEY])
def test_another_accounts_secret_does_not_do(kind: str):
    mine, theirs = PushWorld("mine"), PushWorld("theirs")
    assert refusal(mine, theirs.push(kind, 1, at=AT)) is Reason.FORGED


@pytest.mark.parametrize("kind", SIGNED_TIME)
@pytest.mark.parametrize(("age", "is_taken"), [(299, True), (301, False), (-301, False)])
def test_a_signed_time_may_be_five_minutes_away(
    world: PushWorld, kind: str, age: int, is_taken: bool
):
    sent = world.push(kind, 1, at=AT - age)
    if is_taken:
        assert read(world, sent)
    else:
        assert refusal(world, sent) is Reason.STALE


def test_a_forged_old_push_counts_as_forged(world: PushWorld):
    for kind in SIGNED_TIME:
        assert refusal(world, world.push(kind, 1, at=AT - 999).forged()) is Reason.FORGED


def test_the_id_in_an_unsigned_header_does_not_make_a_duplicate(world: PushWorld):
    real, crafted = world.push("shopify", 1), world.push("shopify", 2)
    crafted.headers["X-Shopify-Webhook-Id"] = real.headers["X-Shopify-Webhook-Id"]
    assert read(world, real)[0].dedupe_key != read(world, crafted)[0].dedupe_key


@pytest.mark.parametrize(
    ("kind", "identity", "value"),
    [
        ("shopify", "shop_domain", "other.myshopify.com"),
        ("alipay", "app_id", "2021000000000002"),
        ("wechat_pay", "merchant_id", "1900000002"),
        ("wechat_store", "appid", "wx00000000000000cc"),
    ],
)
def test_a_push_meant_for_another_account_is_refused(
    world: PushWorld, kind: str, identity: str, value: str
):
    sent = world.push(kind, 1, at=AT)
    sent.headers["X-Shopify-Shop-Domain"] = "mine.myshopify.com"
    (account,) = (account for account in world.accounts() if account.kind == kind)
    other = InboxAccount(kind, "main", kind, {**account.secrets, identity: value})
    with pytest.raises(RefusedError) as raised:
        PROTOCOLS[kind].read(arrive(sent), other)
    assert raised.value.reason is Reason.WRONG_ACCOUNT


def test_woocommerce_ping_needs_no_signature_and_is_not_kept(world: PushWorld):
    assert read(world, SentPush("woocommerce", b"webhook_id=123")) == []
    assert refusal(world, SentPush("woocommerce", b"webhook_id=1&id=7")) is Reason.FORGED


def test_each_douyin_message_of_a_push_is_one(world: PushWorld):
    secret = world.accounts()[KINDS.index("douyin")].secrets
    text = '{"tag":"101","msg_id":"1","data":{"p_id": 6900000000000000001,"x":1.10}}'
    body = f' [ {text} ,\n{{"tag":"102","msg_id":"2"}}]'.encode()
    sign = md5(secret["app_key"].encode() + body + secret["app_secret"].encode()).hexdigest()
    first, second = read(world, SentPush("douyin", body, {"event-sign": sign}))
    assert first.payload == text
    assert (first.topic, second.topic) == ("101", "102")
    assert first.dedupe_key.startswith("1:")


@pytest.mark.parametrize("text", ["", "{}", "[1 2]", "[1,]", "[1", "[,1]"])
def test_what_is_no_array_has_no_elements(text: str):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own error is one
        json_elements(text)


def test_elements_keep_the_digits_they_were_written_with():
    assert json_elements(' [ 1.50 , {"a":[1,2]} ,"x]"] ') == ["1.50", '{"a":[1,2]}', '"x]"']
    assert json_elements("[]") == []


def test_a_signed_push_that_is_no_json_is_kept_with_the_reason(world: PushWorld):
    secret = world.accounts()[0].secrets["webhook_secret"].encode()
    for body, reason in ((b"{", "not JSON"), (b'{"a":"\xff"}', "not UTF-8")):
        sign = base64.b64encode(hmac.digest(secret, body, "sha256")).decode()
        (received,) = read(world, SentPush("shopify", body, {"X-Shopify-Hmac-Sha256": sign}))
        assert received.read_error is not None
        assert reason in received.read_error
        assert "raw" in json.loads(received.payload)


def test_wechat_pay_resource_is_decrypted_in_place(world: PushWorld):
    (received,) = read(world, world.push("wechat_pay", 7, at=AT))
    payload = json.loads(received.payload)
    assert payload["resource"] == {"mchid": "1900000001", "out_trade_no": "T7", "total": 8888}
    assert payload["original_type"] == "transaction"
    assert (received.topic, received.dedupe_key) == ("TRANSACTION.SUCCESS", "notification-7")
    assert received.sent_at == "2026-11-21T18:00:00+08:00"


def test_wechat_pay_with_a_wrong_apiv3_key_is_put_off_not_lost(world: PushWorld):
    (account,) = (account for account in world.accounts() if account.kind == "wechat_pay")
    wrong = InboxAccount("w", "main", "wechat_pay", {**account.secrets, "api_v3_key": "0" * 32})
    with pytest.raises(RefusedError, match="APIv3 key") as raised:
        PROTOCOLS["wechat_pay"].read(arrive(world.push("wechat_pay", 1, at=AT)), wrong)
    assert raised.value.reason is Reason.MISCONFIGURED


def test_an_unreadable_key_is_an_error_of_the_account(world: PushWorld):
    account = InboxAccount("a", "main", "alipay", {"alipay_public_key": "no key"})
    with pytest.raises(InputError, match="not a readable RSA key"):
        PROTOCOLS["alipay"].read(arrive(world.push("alipay", 1)), account)


def test_alipay_fields_keep_their_text_also_in_gbk(world: PushWorld):
    fields = {"notify_id": "n1", "subject": "丝绸 围巾", "charset": "GBK", "notify_type": "t"}
    text = "&".join(f"{key}={fields[key]}" for key in sorted(fields))
    signed = {**fields, "sign_type": "RSA2", "sign": world._rsa(text.encode())}
    (received,) = read(world, SentPush("alipay", urlencode(signed, encoding="gbk").encode()))
    assert json.loads(received.payload)["subject"] == "丝绸 围巾"


@pytest.mark.parametrize(
    "body", [b"charset=utf-7&a=b", b"a=1&a=2&sign=x", b"\xff", b"a=%ff&sign=x", b"novalue"]
)
def test_an_alipay_body_that_is_no_form_is_malformed(world: PushWorld, body: bytes):
    with pytest.raises(RefusedError) as raised:
        read(world, SentPush("alipay", body))
    assert raised.value.reason is Reason.MALFORMED


def test_sf_digest_must_fit_when_there_is_one(world: PushWorld):
    (account,) = (account for account in world.accounts() if account.kind == "sf_express")
    with_word = InboxAccount("sf", "main", "sf_express", {**account.secrets, "check_word": "w"})
    sent = world.push("sf_express", 1)
    assert PROTOCOLS["sf_express"].read(arrive(sent), with_word)
    wrong = SentPush("sf_express", sent.body, {"msgDigest": "x", "timestamp": "1"}, sent.query)
    with pytest.raises(RefusedError):
        PROTOCOLS["sf_express"].read(arrive(wrong), with_word)


def test_secrets_never_show(world: PushWorld):
    for account in world.accounts():
        assert not any(secret in repr(account) for secret in account.secrets.values())


def test_an_unknown_platform_is_named_with_the_nearest_one():
    with pytest.raises(InputError, match="shopify"):
        find_protocol("shopfy")


# What was recorded or published elsewhere.


def vector(reference: Path, identifier: str) -> dict[str, Any]:
    vectors = json.loads((reference / "fixtures/vectors/signature_vectors.json").read_text("utf-8"))
    return next(one for one in vectors if one["id"] == identifier)


Taken = Callable[[dict[str, Any]], tuple[SentPush, dict[str, str]]]


def _shopify(one: dict[str, Any]) -> tuple[SentPush, dict[str, str]]:
    headers = {"X-Shopify-Hmac-Sha256": one["expected"]}
    body = one["inputs"]["body"].encode()
    return SentPush("shopify", body, headers), {"webhook_secret": one["inputs"]["secret"]}


def _woo(one: dict[str, Any]) -> tuple[SentPush, dict[str, str]]:
    headers = {"X-WC-Webhook-Signature": one["expected"]}
    body = one["inputs"]["body"].encode()
    return SentPush("woocommerce", body, headers), {"webhook_secret": one["inputs"]["secret"]}


def _douyin(one: dict[str, Any]) -> tuple[SentPush, dict[str, str]]:
    body = one["inputs"]["body"]
    key, secret = one["string_to_sign"].split(body)
    headers = {"event-sign": one["expected"]}
    return SentPush("douyin", body.encode(), headers), {"app_key": key, "app_secret": secret}


def _stripe(one: dict[str, Any]) -> tuple[SentPush, dict[str, str]]:
    stamp, _, body = one["string_to_sign"].partition(".")
    headers = {"Stripe-Signature": f"t={stamp},v1={one['expected']}"}
    return SentPush("stripe", body.encode(), headers), {"webhook_secret": one["inputs"]["secret"]}


@pytest.mark.parametrize(
    ("identifier", "take"),
    [
        ("shopify-webhook", _shopify),
        ("woo-webhook", _woo),
        ("douyin-push-event-sign", _douyin),
        ("stripe-webhook", _stripe),
    ],
)
def test_the_reference_vectors_are_taken(reference: Path, identifier: str, take: Taken):
    sent, secrets = take(vector(reference, identifier))
    now = datetime.fromtimestamp(1_718_676_000, UTC)
    account = InboxAccount("s", "main", sent.kind, secrets)
    (received,) = PROTOCOLS[sent.kind].read(arrive(sent, now), account)
    assert received.read_error is None


def test_the_recorded_kuaidi100_push_is_taken(reference: Path):
    recorded = json.loads(
        (reference / "fixtures/kuaidi100/push_callback_form.json").read_text("utf-8")
    )
    body = urlencode({"sign": recorded["sign"], "param": recorded["param"]}).encode()
    account = InboxAccount("k", "main", "kuaidi100", {"push_salt": recorded["salt"]})
    (received,) = PROTOCOLS["kuaidi100"].read(arrive(SentPush("kuaidi100", body)), account)
    assert received.payload == recorded["param"]
    assert received.topic == "shutdown"


def test_the_alipay_vector_is_taken(reference: Path):
    one = vector(reference, "alipay-rsa2-notify")
    public_key = (reference / "fixtures/vectors/test_only_rsa2048_public.pem").read_text()
    body = urlencode({**one["inputs"], "sign": one["expected"]}).encode()
    account = InboxAccount("a", "main", "alipay", {"alipay_public_key": public_key})
    (received,) = PROTOCOLS["alipay"].read(arrive(SentPush("alipay", body)), account)
    assert received.dedupe_key == one["inputs"]["notify_id"]


def test_tencents_published_notification_decrypts(reference: Path):
    path = reference / "fixtures/wechatpay/notify_vector_tencent_sdk.json"
    recorded = json.loads(path.read_text("utf-8"))
    account = InboxAccount("w", "main", "wechat_pay", {"api_v3_key": recorded["apiv3_key_test"]})
    payload, read_error = _decrypted(json.loads(recorded["body_raw"]), account)
    assert read_error is None
    assert json.loads(payload)["original_type"] == "payscore"
    assert isinstance(json.loads(payload)["resource"], dict)


WECHAT_STORE = {
    "push_token": "AAAAA",
    "push_aes_key": "A" * 43,
    "appid": "wxba5fad812f8e6fb9",
}


def wechats_published_push() -> Push:
    """The example that WeChat's documentation of pushes has."""
    encrypted = (
        "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJG"
        "QqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrf"
        "MZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgR"
        "tWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
    )
    query = {
        "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
        "timestamp": "1714112445",
        "nonce": "415670741",
        "encrypt_type": "aes",
        "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
    }
    body = json.dumps({"ToUserName": "gh_97417a04a28d", "Encrypt": encrypted}).encode()
    return Push({}, query, body, datetime.fromtimestamp(1_714_112_450, UTC))


def test_wechats_published_push_is_taken():
    account = InboxAccount("w", "main", "wechat_store", WECHAT_STORE)
    (received,) = PROTOCOLS["wechat_store"].read(wechats_published_push(), account)
    assert (received.topic, received.sent_at) == ("debug_demo", "1714112445")
    assert json.loads(received.payload)["debug_str"] == "hello world"
    greeted = {"timestamp": "1714036504", "nonce": "1514711492", "echostr": "4375120948345356249"}
    signature = "f464b24fc39322e44b38aa78f5edd27bd1441696"
    answer = PROTOCOLS["wechat_store"].greet(greeted | {"signature": signature}, account)
    assert answer is not None
    assert answer.body == b"4375120948345356249"


def test_a_push_of_wechat_store_that_cannot_be_opened_comes_again():
    for key, reason in (("B" * 43, Reason.MISCONFIGURED), ("too short", None)):
        secrets = WECHAT_STORE | {"push_aes_key": key}
        account = InboxAccount("w", "main", "wechat_store", secrets)
        with pytest.raises(RefusedError if reason else InputError) as raised:
            PROTOCOLS["wechat_store"].read(wechats_published_push(), account)
        assert reason is None or raised.value.reason is reason
        assert "debug_demo" not in str(raised.value)


@pytest.mark.parametrize("encrypted", ["", "AAAA", "A" * 24, "A" * 21 + "===", "not Base64!"])
def test_what_is_signed_but_encrypted_by_nobody_is_refused(encrypted: str):
    account = InboxAccount("w", "main", "wechat_store", WECHAT_STORE)
    text = "".join(sorted(["AAAAA", "1714112445", "1", encrypted]))
    query = {
        "timestamp": "1714112445",
        "nonce": "1",
        "msg_signature": sha1(text.encode()).hexdigest(),
    }
    body = json.dumps({"Encrypt": encrypted}).encode()
    with pytest.raises(RefusedError) as raised:
        PROTOCOLS["wechat_store"].read(
            Push({}, query, body, wechats_published_push().received_at), account
        )
    assert raised.value.reason is Reason.MISCONFIGURED
