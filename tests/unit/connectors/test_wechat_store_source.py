"""What the WeChat Store connector makes of the platform's answers: tokens, spans, errors."""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from connectors.errors import ContractError, FourflowError, PermanentError, TransientError
from connectors.settings import Settings
from connectors.sources.api.reading import Page, Reading, Window
from connectors.sources.wechat_store import source as wechat_store
from connectors.sources.wechat_store.gateway import Gateway, WechatStoreAccount
from tests.connector_contract import landed, read, whatever_is_missing

NOW = datetime(2026, 6, 30, 4, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(minutes=30), NOW)
TOKEN = "/cgi-bin/stable_token"
ORDERS = "/channels/ec/order/list/get"
ORDER = "/channels/ec/order/get"
AFTER_SALES = "/channels/ec/aftersale/getaftersalelist"
AFTER_SALE = "/channels/ec/aftersale/getaftersaleorder"
SECRET = "very-secret-secret"
Answer = Callable[[dict[str, Any]], Mapping[str, Any] | httpx.Response]


def account(**changes: Any) -> WechatStoreAccount:
    keys = {"appid": "wx1", "secret": SECRET}
    pace = {"attempts": 2, "requests_per_second": 10_000, "pause_seconds": 0}
    return WechatStoreAccount.model_validate(keys | pace | changes)


class Store:
    """WeChat Store in this process: tokens like its own, orders with a time of their last change.

    Attributes:
        orders: number -> epoch second of its last change.
        answers: what a path is answered with instead.
        asked: path and parameters of every call, in turn.
        tokens: good tokens are `token-<n>`; this is the good one's number.
    """

    def __init__(self, orders: Mapping[str, int] | None = None, **answers: Answer) -> None:
        self.orders = dict(orders or {})
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.tokens = 1
        self.lifetime = 7_200
        self.calls_per_token = 0
        self._calls = 0
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, values = request.url.path, json.loads(request.content)
        with self._lock:
            self.asked.append((path, values))
            answer = self._answered(path, values, request.url.params.get("access_token"))
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, content=orjson.dumps(answer))

    def _answered(self, path: str, values: dict[str, Any], token: str | None) -> Any:
        name = path.rpartition("/")[2] if path != ORDERS else "list"
        if name in self.answers:
            return self.answers[name](values)
        if path == TOKEN:
            if values["force_refresh"] or self._is_used_up():
                self.tokens, self._calls = self.tokens + 1, 0
            return {"access_token": f"token-{self.tokens}", "expires_in": self.lifetime}
        if token != f"token-{self.tokens}" or self._is_used_up():
            return error(42001, "access_token expired rid: 1-2-3")
        self._calls += 1
        if path == ORDERS:
            return self._listed(values)
        if path == AFTER_SALES:
            return {"errcode": 0, "after_sale_order_id_list": [], "has_more": False}
        number = values["order_id"]
        if number not in self.orders:
            return error(100002, "order not exist")
        return {"errcode": 0, "order": order(number, self.orders[number])}

    def _is_used_up(self) -> bool:
        return bool(self.calls_per_token) and self._calls >= self.calls_per_token

    def _listed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Pages are places in the list, which is the worst that `next_key` may be."""
        span = values.get("update_time_range") or values["create_time_range"]
        inside = [
            number
            for number, second in sorted(self.orders.items(), key=lambda item: item[1])
            if span["start_time"] <= second <= span["end_time"]
        ]
        begin = int(values["next_key"] or 0)
        end = begin + values["page_size"]
        more = {"has_more": end < len(inside), "next_key": str(end)}
        return {"errcode": 0, "errmsg": "ok", "order_id_list": inside[begin:end], **more}

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)


def order(number: str, second: int) -> dict[str, Any]:
    return {"order_id": number, "status": 20, "update_time": second}


def error(code: int, message: str = "no reason") -> dict[str, Any]:
    return {"errcode": code, "errmsg": message}


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def read_pages(store: Store, window: Window = WINDOW, **changes: Any) -> list[Page]:
    config = account(**changes)
    reading = Reading("wechat_store", "shop", NOW, transport=httpx.MockTransport(store))
    with reading.client(config) as client:
        lister = wechat_store._Lister(Gateway(config, client), config, wechat_store._ORDERS)
        return list(wechat_store._records(lister, window, reading))


def numbers_of(pages: Iterable[Page]) -> list[str]:
    return [record["order_id"] for page in pages for record in page.records]


def test_it_comes_with_all_that_a_connector_needs(settings: Settings):
    assert whatever_is_missing(settings, wechat_store.CONNECTOR) == []


def test_orders_are_listed_by_number_and_asked_for_one_by_one():
    store = Store({str(n): seconds(WINDOW.start) + n for n in range(7)})
    pages = read_pages(store, workers=3)
    assert numbers_of(pages) == list("0123456")
    assert [page.cursor(record) for page in pages for record in page.records if page.cursor] == [
        str(second) for second in store.orders.values()
    ]
    ((_, listed),) = [call for call in store.asked if call[0] == ORDERS]
    span = {"start_time": seconds(WINDOW.start), "end_time": seconds(WINDOW.end)}
    assert listed == {"next_key": "", "page_size": 100, "update_time_range": span}
    asked = sorted(values["order_id"] for path, values in store.asked if path == ORDER)
    assert asked == list("0123456")


def test_a_span_of_several_pages_is_read_in_halves():
    store = Store({str(n): seconds(WINDOW.start) + 100 * n for n in range(18)})
    assert sorted(numbers_of(read_pages(store, page_size=4)), key=int) == list(store.orders)
    spans = [values["update_time_range"] for path, values in store.asked if path == ORDERS]
    assert all(values["next_key"] == "" for path, values in store.asked if path == ORDERS)
    assert len(spans) > 8


def test_nothing_is_missed_while_orders_change_between_pages():
    start = seconds(WINDOW.start)
    store = Store({str(n): start + 90 * n for n in range(18)})
    touched = iter(["17", "0", "8", "4", "1", "12", "2"])
    answer_list = store._listed

    def move_one_after_each(values: dict[str, Any]) -> dict[str, Any]:
        answer = answer_list(values)
        moved = next(touched, None)
        if moved is not None:
            store.orders[moved] = seconds(WINDOW.end) + 60
        return answer

    store._listed = move_one_after_each  # type: ignore[method-assign]
    seen = set(numbers_of(read_pages(store, page_size=3)))
    left = {number for number, second in store.orders.items() if second > seconds(WINDOW.end)}
    assert left == {"17", "0", "8", "4", "1", "12", "2"}
    assert set(store.orders) - left <= seen, "an order slipped past a page's edge"


def test_what_one_second_holds_is_paged_by_its_key():
    second = seconds(WINDOW.start) + 7
    store = Store({f"{n:02d}": second for n in range(10)})
    assert sorted(set(numbers_of(read_pages(store, page_size=3)))) == sorted(store.orders)
    keys = [values["next_key"] for path, values in store.asked if path == ORDERS]
    assert [key for key in keys if key][:3] == ["3", "6", "9"]


def test_a_span_that_wechat_will_not_list_is_read_in_halves():
    store = Store({str(n): seconds(WINDOW.start) + 200 * n for n in range(9)})
    answer_list = store._listed

    def refuse_long_spans(values: dict[str, Any]) -> dict[str, Any]:
        span = values["update_time_range"]
        is_long = span["end_time"] - span["start_time"] > 600
        return error(31042, "too many orders") if is_long else answer_list(values)

    store._listed = refuse_long_spans  # type: ignore[method-assign]
    assert numbers_of(read_pages(store)) == list(store.orders)
    store._listed = lambda _values: error(31042, "too many orders")  # type: ignore[method-assign]
    with pytest.raises(PermanentError, match="more in one second than WeChat lists"):
        read_pages(store)


def pages_for_ever(next_key: Callable[[int], str], numbers: Callable[[int], list[str]]) -> Store:
    count = iter(range(1_000_000))

    def answer(_values: dict[str, Any]) -> dict[str, Any]:
        n = next(count)
        more = {"has_more": True, "next_key": next_key(n)}
        return {"errcode": 0, "order_id_list": numbers(n), **more}

    return Store(list=answer, get=lambda values: {"order": order(values["order_id"], 1)})


@pytest.mark.parametrize(
    ("store", "sentence"),
    [
        (pages_for_ever(lambda _n: "same", lambda n: [str(n)]), "that it gave before"),
        (pages_for_ever(str, lambda _n: ["1", "2"]), "the records of the page before"),
        (pages_for_ever(str, lambda n: [str(n)]), "comes to no end in 20 pages"),
    ],
)
def test_pages_without_an_end_end_the_reading(
    store: Store, sentence: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wechat_store, "_MOST_PAGES", 20)
    second = Window(WINDOW.start, WINDOW.start + timedelta(seconds=1))
    with pytest.raises(TransientError, match=sentence) as raised:
        read_pages(store, second)
    assert "the cursor stays" in str(raised.value)


def test_a_first_reading_asks_by_creation_in_weeks_and_days_and_later_ones_by_change(
    settings: Settings,
):
    store = Store()
    config = account(start="2026-06-10")
    assert read(settings, wechat_store.CONNECTOR, config, store, now=NOW).problems == ()
    weeks = [v["create_time_range"] for path, v in store.asked if path == ORDERS]
    days = [v for path, v in store.asked if path == AFTER_SALES]
    assert [span["end_time"] - span["start_time"] for span in weeks[:-1]] == [7 * 86_400] * 2
    assert weeks[0]["start_time"] == seconds(datetime(2026, 6, 9, 16, tzinfo=UTC))
    assert weeks[-1]["end_time"] == seconds(NOW) - 60, "a minute behind the present"
    assert all(before["end_time"] == after["start_time"] for before, after in pairwise(weeks))
    assert all(v["end_create_time"] - v["begin_create_time"] <= 86_400 for v in days)
    assert all("page_size" not in v and "begin_update_time" not in v for v in days)
    assert len(days) == 21
    later = Store()
    read(settings, wechat_store.CONNECTOR, config, later, now=NOW + timedelta(hours=1))
    ((_, asked),) = [call for call in later.asked if call[0] == ORDERS]
    assert asked["update_time_range"] == {
        "start_time": seconds(NOW) - 60 - 600,
        "end_time": seconds(NOW) + 3_540,
    }
    ((_, asked),) = [call for call in later.asked if call[0] == AFTER_SALES]
    assert asked["begin_update_time"] == seconds(NOW) - 660


def test_both_entities_land_with_their_digits(settings: Settings):
    number = "3705115058471208928"
    at = seconds(NOW) - 600
    after_sale = {"after_sale_order_id": "9", "order_id": number, "update_time": at}
    store = Store(
        {number: at},
        get=lambda _v: httpx.Response(
            200,
            text=f'{{"errcode":0,"order":{{"order_id":{number},"order_detail":{{"x":10500}}}}}}',
        ),
        getaftersalelist=lambda v: {
            "after_sale_order_id_list": ["9"] if v["end_create_time"] > at else [],
            "has_more": False,
        },
        # Some pages of the documentation show it beside `errcode`.
        getaftersaleorder=lambda _v: {"errcode": 0, **after_sale},
    )
    config = account(start="2026-06-30")
    report = read(settings, wechat_store.CONNECTOR, config, store, now=NOW)
    assert report.problems == ()
    (payload,) = landed(settings, wechat_store.CONNECTOR, "orders")
    assert payload == f'{{"order_id":{number},"order_detail":{{"x":10500}}}}'
    (payload,) = landed(settings, wechat_store.CONNECTOR, "after_sales")
    assert json.loads(payload)["order_id"] == number


def test_an_order_that_is_listed_but_not_there_stops_nothing(settings: Settings):
    at = seconds(NOW) - 600
    store = Store({"1": at, "2": at})
    store.answers["list"] = lambda _v: {"order_id_list": ["1", "77", "2"], "has_more": False}
    report = read(settings, wechat_store.CONNECTOR, account(start="2026-06-30"), store, now=NOW)
    assert len(landed(settings, wechat_store.CONNECTOR, "orders")) == 2
    (problem,) = report.problems
    assert problem == (
        "wechat_store (shop) lists 1 orders that it then says are not there (77); look for them in "
        "the shop's back office."
    )
    assert all(entity.cursor for entity in report.entities)


def test_a_detail_that_fails_moves_no_cursor_and_lands_nothing(settings: Settings):
    at = seconds(NOW) - 600
    store = Store({"1": at, "2": at})
    answer = store._answered

    def fail_for_two(path: str, values: dict[str, Any], token: str | None) -> Any:
        is_two = path == ORDER and values["order_id"] == "2"
        return error(-1, "system error") if is_two else answer(path, values, token)

    store._answered = fail_for_two  # type: ignore[method-assign]
    report = read(settings, wechat_store.CONNECTOR, account(start="2026-06-30"), store, now=NOW)
    orders, after_sales = report.entities
    assert orders.cursor is None
    assert orders.is_transient
    assert after_sales.cursor
    assert report.record_count == 0


def test_one_token_serves_a_reading():
    store = Store({str(n): seconds(WINDOW.start) + n for n in range(20)})
    read_pages(store, workers=8)
    assert store.count(TOKEN) == 1
    assert store.asked[0] == (
        TOKEN,
        {
            "grant_type": "client_credential",
            "appid": "wx1",
            "secret": SECRET,
            "force_refresh": False,
        },
    )


def test_a_token_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch):
    now = [1_000.0]
    monkeypatch.setattr("connectors.sources.wechat_store.gateway.time.monotonic", lambda: now[0])
    store = Store({"1": seconds(WINDOW.start)})
    config = account()
    reading = Reading("wechat_store", "shop", NOW, transport=httpx.MockTransport(store))
    with reading.client(config) as client:
        gateway = Gateway(config, client)
        store.lifetime = 345  # what a token may have left when it is given
        ask = {"order_id": "1"}
        for passed, fetched in ((0, 1), (170, 1), (3, 2), (100, 2), (73, 3)):
            now[0] += passed
            gateway.call(ORDER, ask, dict)
            assert store.count(TOKEN) == fetched
        store.lifetime = 7_200
        now[0] += 173
        for passed, fetched in ((0, 4), (6_899, 4), (2, 5)):
            now[0] += passed
            gateway.call(ORDER, ask, dict)
            assert store.count(TOKEN) == fetched


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_refused_token_is_renewed_once_whatever_the_threads(code: int):
    store = Store({str(n): seconds(WINDOW.start) + n for n in range(40)})
    store.calls_per_token = 15
    answer = store._answered

    def with_code(path: str, values: dict[str, Any], token: str | None) -> Any:
        given = answer(path, values, token)
        return {**given, "errcode": code} if given.get("errcode") == 42001 else given

    store._answered = with_code  # type: ignore[method-assign]
    assert len(numbers_of(read_pages(store, workers=8))) == 40
    assert store.tokens == 3
    asked = [values["force_refresh"] for path, values in store.asked if path == TOKEN]
    assert asked == [False, False, False], "WeChat gives another token by itself"


def test_a_token_is_renewed_by_force_only_if_the_same_one_comes_again():
    store = Store({"1": seconds(WINDOW.start)})
    refused = {"token-1"}
    answer = store._answered
    store._answered = lambda path, values, token: (  # type: ignore[method-assign]
        error(40001, "invalid credential") if token in refused else answer(path, values, token)
    )
    assert numbers_of(read_pages(store)) == ["1"]
    forced = [values["force_refresh"] for path, values in store.asked if path == TOKEN]
    assert forced == [False, False, True]
    refused |= {f"token-{n}" for n in range(99)}
    store.asked.clear()
    with pytest.raises(PermanentError, match="although the token was fetched a moment ago"):
        read_pages(store)
    assert store.count(TOKEN) <= 3


def test_neither_token_nor_secret_is_ever_logged_or_told(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    store = Store({"1": seconds(WINDOW.start)})
    read_pages(store)
    store.answers["get"] = lambda _v: error(48001, "api unauthorized")
    with pytest.raises(PermanentError) as raised:
        read_pages(store)
    told = caplog.text + str(raised.value) + repr(account())
    assert "order/get" in caplog.text, "httpx tells each call"
    assert "token-1" not in told
    assert SECRET not in told


def failing(code: int, message: str = "no reason") -> Answer:
    return lambda _values: error(code, message)


@pytest.mark.parametrize(
    ("answers", "kind", "sentence"),
    [
        ({"stable_token": failing(40125, "invalid appsecret rid: 1")}, PermanentError, "`secret`"),
        ({"stable_token": failing(40001, "secret is wrong")}, PermanentError, "check `secret`"),
        ({"stable_token": failing(40013, "invalid appid")}, PermanentError, "check `appid`"),
        (
            {"stable_token": failing(40164, "invalid ip 203.0.113.7, not in whitelist rid: 9")},
            PermanentError,
            "(invalid ip 203.0.113.7, not in whitelist): add this machine's public address",
        ),
        ({"stable_token": failing(50004, "forbidden")}, PermanentError, "frozen"),
        ({"stable_token": lambda _v: {"errcode": 0}}, TransientError, "without a token"),
        ({"list": failing(48001, "api unauthorized")}, PermanentError, "permission for orders"),
        ({"list": failing(45009, "reach max api daily quota")}, PermanentError, "until midnight"),
        ({"list": failing(45011, "api minute-quota")}, TransientError, "too many calls"),
        ({"list": failing(-1, "system error")}, TransientError, "(system error); it will be"),
        ({"list": failing(47001, "data format error")}, ContractError, "no longer understands"),
        ({"list": failing(40097, "invalid args")}, ContractError, "set `page_size: 50`"),
        ({"list": failing(12345, "别的\n原因")}, PermanentError, "code 12345 (别的 原因)."),
        ({"list": lambda _v: {"errcode": "odd"}}, PermanentError, "code odd (no reason given)"),
        ({"list": lambda _v: httpx.Response(403)}, PermanentError, "to the shop's IP allow-list"),
        (
            {"list": lambda _v: httpx.Response(404, content=b"{}")},
            PermanentError,
            "status 404: check base_url",
        ),
        (
            {"list": lambda _v: httpx.Response(200, content=b"<html>mending</html>")},
            TransientError,
            "a web page instead of JSON",
        ),
        (
            {"list": lambda _v: httpx.Response(200, content=b'{"errcode": 0, "order_')},
            TransientError,
            "ends in the middle",
        ),
        ({"list": lambda _v: httpx.Response(200, content=b"[]")}, TransientError, "an object"),
        (
            {"list": lambda _v: {"order_id_list": {}, "has_more": 1}},
            TransientError,
            "no `next_key`",
        ),
        ({"get": lambda _v: {"errcode": 0, "order": None}}, TransientError, "without the `order`"),
        ({"get": lambda _v: {"order": order("2", 1)}}, TransientError, "without the `order`"),
    ],
)
def test_errors_say_what_to_do_in_one_sentence(
    answers: dict[str, Answer], kind: type[FourflowError], sentence: str
):
    with pytest.raises(kind) as raised:
        read_pages(Store({"1": seconds(WINDOW.start)}, **answers))
    text = str(raised.value)
    assert sentence in text
    assert text.startswith("wechat_store (shop)")
    assert text.endswith(".")
    assert not text.endswith("..")
    assert "\n" not in text
    assert "rid:" not in text


def test_what_passes_by_itself_is_asked_again():
    store = Store({"1": seconds(WINDOW.start)})
    answers = iter([error(-1), error(45011), httpx.Response(500)])
    answer = store._answered

    def sometimes(path: str, values: dict[str, Any], token: str | None) -> Any:
        return next(answers, None) or answer(path, values, token)

    store._answered = sometimes  # type: ignore[method-assign]
    assert numbers_of(read_pages(store, attempts=4)) == ["1"]


def test_a_check_is_one_listing():
    config = account()
    store = Store({str(n): seconds(NOW) - 7_200 for n in range(120)})
    reading = Reading("wechat_store", "shop", NOW, transport=httpx.MockTransport(store))
    told = wechat_store.CONNECTOR.check(config, reading)
    assert told == "WeChat Store answers for shop: 100 or more orders changed in a day."
    assert [path for path, _ in store.asked] == [TOKEN, ORDERS]


def test_more_than_a_hundred_orders_a_page_are_no_configuration():
    with pytest.raises(ValidationError, match="page_size"):
        account(page_size=101)
