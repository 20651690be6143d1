"""The Douyin connector against a shop that is made here: paging, signing, errors, advice."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import (
    ContractError,
    FourflowError,
    PermanentError,
    RetryLaterError,
    TransientError,
)
from connectors.sources.api.client import ApiClient, Timings
from connectors.sources.api.reading import Page, Window
from connectors.sources.douyin.gateway import DouyinAccount, Gateway
from connectors.sources.douyin.source import CONNECTOR
from tests.pages import EPOCH, check_account, read_pages

START = EPOCH - timedelta(hours=6)
SECRET = "秘密<&>"
KEYS: dict[str, Any] = {"app_key": "3409", "app_secret": SECRET, "access_token": "token"}


@dataclass
class Shop:
    """Orders by number and second of their last change; lists them as Doudian does."""

    changed: dict[str, int]
    before_answer: Callable[["Shop"], None] = lambda _shop: None
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert _is_signed(request)
        self.before_answer(self)
        body = orjson.loads(request.content)
        self.bodies.append(body)
        clock = body.get("order_by", "update_time")
        if request.url.path == "/afterSale/List":
            assert body["order_by"] == ["update_time asc"]
            span = body["update_start_time"], body["update_end_time"]
        else:
            assert body["order_asc"] is True
            span = body[f"{clock}_start"], body[f"{clock}_end"]
        listed = sorted((at, no) for no, at in self.changed.items() if span[0] <= at <= span[1])
        first = body["page"] * body["size"]
        rows = listed[first : first + body["size"]]
        return _data(request, body, len(listed), rows)


def _data(
    request: httpx.Request, body: dict[str, Any], total: int, rows: list[tuple[int, str]]
) -> httpx.Response:
    if request.url.path == "/afterSale/List":
        group = "items"
        found = [{"aftersale_info": {"aftersale_id": no, "update_time": at}} for at, no in rows]
    else:
        group = "shop_order_list"
        found = [{"order_id": no, "update_time": at} for at, no in rows]
    data = {"total": total, "page": body["page"], "size": body["size"], group: found}
    return httpx.Response(200, json={"code": 10000, "msg": "success", "data": data})


def _is_signed(request: httpx.Request) -> bool:
    """Verified with nothing of the connector's: the signature covers the body's very bytes."""
    query = request.url.params
    text = (
        f"app_key{query['app_key']}method{query['method']}param_json".encode()
        + request.content
        + f"timestamp{query['timestamp']}v2".encode()
    )
    key = SECRET.encode()
    return query["sign"] == hmac.new(key, key + text + key, hashlib.sha256).hexdigest()


def _seconds(minutes: float) -> int:
    return int((START + timedelta(minutes=minutes)).timestamp())


def _shop(count: int, **options: Any) -> Shop:
    return Shop({f"{n:03}": _seconds(n) for n in range(count)}, **options)


def _read(
    shop: Callable[[httpx.Request], httpx.Response],
    entity: str = "orders",
    span: Window | None = None,
    **keys: Any,
) -> list[Page]:
    return read_pages(CONNECTOR, {**KEYS, **keys}, entity, span or Window(START, EPOCH), shop)


def _numbers(pages: list[Page]) -> list[str]:
    return [
        record.get("order_id") or record["aftersale_info"]["aftersale_id"]
        for page in pages
        for record in page.records
    ]


@pytest.mark.parametrize("entity", ["orders", "refunds"])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35])
def test_every_page_is_read_the_last_one_first(entity: str, count: int) -> None:
    shop = _shop(count)
    pages = _read(shop, entity, page_size=10)
    assert sorted(_numbers(pages)) == sorted(shop.changed)
    asked = [body["page"] for body in shop.bodies]
    last = max(count - 1, 0) // 10
    assert asked == ([0, *range(last, -1, -1)] if last else [0])


def test_a_first_reading_asks_by_creation_and_later_ones_by_update() -> None:
    shop = _shop(0)
    _read(shop, span=Window(START, EPOCH, is_first=True))
    _read(shop)
    assert [body["order_by"] for body in shop.bodies] == ["create_time", "update_time"]
    assert all("combine_status" not in body for body in shop.bodies)


def test_long_spans_are_asked_for_day_by_day() -> None:
    shop = _shop(0)
    _read(shop, span=Window(EPOCH - timedelta(days=3), EPOCH))
    spans = [body["update_time_end"] - body["update_time_start"] for body in shop.bodies]
    assert spans == [86_400] * 3


def test_a_span_with_more_records_than_can_be_paged_is_cut() -> None:
    shop = _shop(95)
    pages = _read(shop, page_size=10, deepest_record=20)
    assert sorted(set(_numbers(pages))) == sorted(shop.changed)
    assert max((body["page"] + 1) * body["size"] for body in shop.bodies) <= 20


def test_a_second_with_more_records_than_can_be_paged_is_said_to_be_one() -> None:
    shop = Shop({f"{n:03}": _seconds(1) for n in range(30)})
    with pytest.raises(ContractError, match=r"30 records of order\.searchList in the second of"):
        _read(shop, page_size=10, deepest_record=20)


def _repeating(shop: Shop, times: int) -> Callable[[httpx.Request], httpx.Response]:
    """Sends the answer before instead of the right one, `times` times from the second call on."""
    sent: list[httpx.Response] = []
    left = [times]

    def answer(request: httpx.Request) -> httpx.Response:
        if sent and left[0]:
            left[0] -= 1
            return httpx.Response(200, content=sent[-1].content)
        sent.append(shop(request))
        return sent[-1]

    return answer


def test_a_page_that_is_sent_again_is_asked_for_again() -> None:
    shop = _shop(35)
    pages = _read(_repeating(shop, 2), page_size=10)
    assert sorted(_numbers(pages)) == sorted(shop.changed)


def test_a_page_that_repeats_for_ever_ends_the_reading_with_one_sentence() -> None:
    with pytest.raises(FourflowError, match=r"answered page 0 of order.searchList when asked"):
        _read(_repeating(_shop(35), 10**6), page_size=10)


def test_a_page_that_is_shorter_than_its_total_is_not_taken() -> None:
    shop = _shop(35)

    def short(request: httpx.Request) -> httpx.Response:
        answer = shop(request).json()
        answer["data"]["shop_order_list"] = answer["data"]["shop_order_list"][:7]
        return httpx.Response(200, json=answer)

    with pytest.raises(TransientError, match="with 7 records although there are 35 in all"):
        _read(short, page_size=10)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(0, 40), page_size=st.integers(1, 12))
def test_nothing_is_missed_while_orders_change_between_pages(
    data: st.DataObject, count: int, page_size: int
) -> None:
    """Whatever changes between two calls: this reading and the next have every newest version."""
    shop = _shop(count)
    clock = [int(EPOCH.timestamp())]

    def change(shop: Shop) -> None:
        numbers = sorted(shop.changed)
        for number in data.draw(st.lists(st.sampled_from(numbers or [""]), max_size=4)):
            if number:
                clock[0] += 1
                shop.changed[number] = clock[0]

    shop.before_answer = change
    seen: dict[str, int] = {}
    pages = _read(shop, page_size=page_size)
    shop.before_answer = lambda _shop: None
    end = EPOCH + timedelta(seconds=clock[0] - int(EPOCH.timestamp()))
    pages += _read(shop, span=Window(EPOCH - timedelta(minutes=10), end), page_size=page_size)
    for page in pages:
        for record in page.records:
            number = record["order_id"]
            seen[number] = max(seen.get(number, 0), record["update_time"])
    assert seen == shop.changed


def _refusal(code: int, sub_code: str, words: str = "") -> Callable[[httpx.Request], Any]:
    content = {"code": code, "msg": "error", "sub_code": sub_code, "sub_msg": words, "data": None}
    return lambda _request: httpx.Response(200, json=content)


@pytest.mark.parametrize(
    ("code", "sub_code", "words", "advice"),
    [
        (40003, "isv.signature-invalid", "签名校验失败", "check app_key and app_secret"),
        (40003, "", "签名校验失败", "check app_key and app_secret"),
        (40003, "isv.access-token-expired", "access_token已过期", "set a new `access_token`"),
        (30001, "", "", "set a new `access_token`"),
        (30002, "isv.access-token-no-existed", "", "set a new `access_token`"),
        (30001, "dop.authorization-closed", "", "ask the shop to authorise the app again"),
        (30001, "isv.app-permissions-insufficient", "", "ask Doudian for the permission package"),
        (40003, "isv.timestamp-invalid", "时间戳不合法", "set this machine's clock"),
        (40003, "isv.app-id-invalid", "", "check app_key: Doudian does not know it"),
        (70000, "isp.api-service-off", "", "this call has been switched off"),
        (50002, "isv.business-failed:4000", "参数不对", "参数不对"),
        (12345, "", "", "error"),
    ],
)
def test_what_a_person_must_act_on_is_one_sentence(
    code: int, sub_code: str, words: str, advice: str
) -> None:
    with pytest.raises(PermanentError) as caught:
        _read(_refusal(code, sub_code, words))
    told = str(caught.value)
    assert advice in told
    assert str(code) in told
    assert told.startswith("douyin (shop) refused order.searchList")
    assert told.count(". ") == 0
    assert SECRET not in told


@pytest.mark.parametrize(
    ("code", "sub_code", "kind"),
    [
        (60000, "isv.traffic-limited", RetryLaterError),
        (80000, "isp.flow-control", RetryLaterError),
        (20000, "dop.service-error", TransientError),
        (20000, "isp.service-error", TransientError),
        (90000, "dop.unknown-error", TransientError),
    ],
)
def test_what_passes_by_itself_is_tried_again(
    code: int, sub_code: str, kind: type[FourflowError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ApiClient, "_sleep", lambda _client, _seconds: None)
    calls = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return _refusal(code, sub_code)(request) if len(calls) < 3 else _shop(3)(request)

    assert len(_numbers(_read(answer))) == 3
    with pytest.raises(kind):
        _read(_refusal(code, sub_code))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>busy</html>", "a web page instead of JSON"),
        (b'{"code":10000,"da', "ends in the middle"),
        (b'{"code":10000}', "without `data`"),
        (b"[]", "without a code"),
    ],
)
def test_an_answer_that_is_no_answer_is_tried_again(
    content: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ApiClient, "_sleep", lambda _client, _seconds: None)
    with pytest.raises(TransientError, match=words):
        _read(lambda _request: httpx.Response(200, content=content))


def test_a_self_built_app_fetches_its_token_once() -> None:
    shop = _shop(25)
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token/create":
            asked.append(orjson.loads(request.content))
            assert "access_token" not in request.url.params
            return httpx.Response(200, json={"code": 10000, "data": {"access_token": "fresh"}})
        assert request.url.params["access_token"] == "fresh"
        return shop(request)

    _read(answer, page_size=10, access_token=None, shop_id="4463798")
    assert asked == [{"grant_type": "authorization_self", "code": "", "shop_id": "4463798"}]


def test_an_account_without_any_way_in_is_refused() -> None:
    with pytest.raises(ValidationError, match="set `access_token`, or `shop_id`"):
        CONNECTOR.config.model_validate({"app_key": "1", "app_secret": "s"})


def test_check_says_how_many_orders_changed() -> None:
    shop = Shop({"1": int(EPOCH.timestamp()) - 60, "2": int(EPOCH.timestamp()) - 7200})
    assert check_account(CONNECTOR, KEYS, shop) == (
        "Douyin answers for shop: 1 orders changed in the last 30 minutes."
    )


def test_a_time_out_names_the_call() -> None:
    def late(_request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late")

    account = DouyinAccount.model_validate({**KEYS, "attempts": 1})
    client = ApiClient(
        source="douyin", account="shop", requests_per_second=1e6, timeout_seconds=1, attempts=1,
        timings=Timings(), transport=httpx.MockTransport(late),
    )  # fmt: skip
    with pytest.raises(TransientError, match=r"did not answer order\.searchList in time"):
        Gateway(account, client).call("order.searchList", {})
