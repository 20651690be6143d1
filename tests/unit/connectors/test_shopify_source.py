"""The Shopify connector against a shop that is made here: cursors, costs, bulk, errors, advice."""

import io
from collections.abc import Callable
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
from connectors.sources.api.client import ApiClient
from connectors.sources.api.reading import Page, Window
from connectors.sources.shopify import bulk as bulk_module
from connectors.sources.shopify.admin import ShopifyAccount
from connectors.sources.shopify.bulk import assemble
from connectors.sources.shopify.source import CONNECTOR
from tests.pages import EPOCH, check_account, read_pages

START = EPOCH - timedelta(hours=6)
TOKEN = "shpat_secret"
KEYS: dict[str, Any] = {
    "shop_domain": "shop.myshopify.com",
    "access_token": TOKEN,
    "bulk_poll_seconds": 0.001,
}
Answer = Callable[[httpx.Request], httpx.Response]
_MORE = {"hasNextPage": True, "endCursor": "1"}
_END = {"hasNextPage": False, "endCursor": None}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(ApiClient, "wait", lambda _client, seconds: waited.append(seconds))
    return waited


def _answer(data: Any, *, version: str = "2026-04", cost: Any = None, **more: Any) -> Any:
    content = {"data": data, **more}
    if cost:
        content["extensions"] = {"cost": cost}
    return httpx.Response(200, json=content, headers={"x-shopify-api-version": version})


def _order(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"gid://shopify/Order/{number}",
        "legacyResourceId": str(number),
        "updatedAt": f"2026-06-29T20:{number % 60:02}:00Z",
        "createdAt": "2026-06-29T19:00:00Z",
        "refunds": [],
        "lineItems": {"nodes": [], "pageInfo": _END},
        **more,
    }


class Shop:
    """Lists orders by cursor; the cursor is the place in the list."""

    def __init__(self, orders: list[dict[str, Any]]) -> None:
        self.orders = orders
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["x-shopify-access-token"] == TOKEN
        assert str(request.url) == "https://shop.myshopify.com/admin/api/2026-04/graphql.json"
        sent = orjson.loads(request.content)
        self.asked.append(sent)
        return self.page(sent["variables"])

    def page(self, variables: dict[str, Any]) -> httpx.Response:
        begin, size = int(variables["after"] or 0), variables["first"]
        nodes = self.orders[begin : begin + size]
        info = {
            "hasNextPage": begin + size < len(self.orders),
            "hasPreviousPage": begin > 0,
            "endCursor": str(begin + len(nodes)) if nodes else None,
        }
        return _answer({"orders": {"nodes": nodes, "pageInfo": info}})


def _read(shop: Answer, span: Window | None = None, **keys: Any) -> list[Page]:
    return read_pages(CONNECTOR, {**KEYS, **keys}, "orders", span or Window(START, EPOCH), shop)


def _numbers(pages: list[Page]) -> list[str]:
    return [record["legacyResourceId"] for page in pages for record in page.records]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 23])
def test_every_page_is_read_once_in_order(count: int) -> None:
    shop = Shop([_order(n) for n in range(count)])
    assert _numbers(_read(shop, page_size=5)) == [str(n) for n in range(count)]
    assert len(shop.asked) == max(1, -(-count // 5))


def test_a_reading_asks_for_a_closed_span_and_no_status() -> None:
    shop = Shop([])
    _read(shop)
    _read(shop, Window(START, EPOCH, is_first=True), bulk=False)
    later, first = (sent["variables"] for sent in shop.asked)
    assert later["search"] == (
        "updated_at:>='2026-06-29T18:00:00Z' AND updated_at:<='2026-06-30T00:00:00Z'"
    )
    assert (later["sort"], first["sort"]) == ("UPDATED_AT", "CREATED_AT")
    assert first["search"].startswith("created_at:>=")


def _stale(shop: Shop, place: int, old: int, times: int) -> Answer:
    """Sends the answer of call `old` instead of the right one at call `place`, `times` times."""
    sent: list[httpx.Response] = []
    left = [times]

    def answer(request: httpx.Request) -> httpx.Response:
        if len(sent) == place and left[0]:
            left[0] -= 1
            return sent[old]
        sent.append(shop(request))
        return httpx.Response(200, content=sent[-1].content, headers=sent[-1].headers)

    return answer


@pytest.mark.parametrize(("place", "old"), [(1, 0), (2, 1), (3, 0), (3, 1)])
def test_a_page_sent_again_is_asked_for_again(place: int, old: int) -> None:
    shop = Shop([_order(n) for n in range(23)])
    pages = _read(_stale(shop, place, old, 2), page_size=5)
    assert _numbers(pages) == [str(n) for n in range(23)]


def test_a_later_page_is_not_taken_for_the_first() -> None:
    shop = Shop([_order(n) for n in range(23)])
    later = shop.page({"after": "10", "first": 5})
    with pytest.raises(TransientError, match="answered page 1 of orders with another page"):
        _read(lambda _request: later, page_size=5)


def test_a_page_that_repeats_for_ever_ends_the_reading_with_one_sentence() -> None:
    shop = Shop([_order(n) for n in range(23)])
    with pytest.raises(TransientError, match="with the records of the page before it"):
        _read(_stale(shop, 2, 1, 10**6), page_size=5)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(0, 30), page_size=st.integers(1, 9))
def test_nothing_is_missed_while_orders_change_between_pages(
    data: st.DataObject, count: int, page_size: int
) -> None:
    """Whatever changes between two calls: this reading and the next have every newest version."""
    changed = {n: n for n in range(count)}
    clock = [count]

    def listing(first: int, last: int, after: str | None, size: int) -> httpx.Response:
        # Shopify's cursor is the place in the order of (time, id), not a page number.
        rows = sorted((at, n) for n, at in changed.items() if first <= at <= last)
        behind = [row for row in rows if after is None or list(row) > orjson.loads(after)]
        page = behind[:size]
        nodes = [_order(n, updatedAt=f"{at:09}") for at, n in page]
        info = {
            "hasNextPage": len(behind) > size,
            "hasPreviousPage": len(behind) < len(rows),
            "endCursor": orjson.dumps(page[-1]).decode() if page else None,
        }
        return _answer({"orders": {"nodes": nodes, "pageInfo": info}})

    def reading(first: int, last: int, *, quiet: bool) -> list[Page]:
        def answer(request: httpx.Request) -> httpx.Response:
            if not quiet:
                for n in data.draw(st.lists(st.sampled_from(sorted(changed) or [-1]), max_size=3)):
                    if n in changed:
                        clock[0] += 1
                        changed[n] = clock[0]
            asked = orjson.loads(request.content)["variables"]
            return listing(first, last, asked["after"], asked["first"])

        return _read(answer, page_size=page_size)

    pages = reading(0, count, quiet=False)
    pages += reading(count, clock[0], quiet=True)
    seen: dict[int, int] = {}
    for page in pages:
        for record in page.records:
            number = int(record["legacyResourceId"])
            seen[number] = max(seen.get(number, -1), int(record["updatedAt"]))
    assert seen == changed


def test_connections_below_an_order_are_completed() -> None:
    refund = {
        "id": "gid://shopify/Refund/7",
        "refundLineItems": {"nodes": ["a"], "pageInfo": _MORE},
        "transactions": {"nodes": ["t"], "pageInfo": _END},
    }
    order = _order(1, refunds=[refund])
    order["lineItems"] = {"nodes": ["l1"], "pageInfo": _MORE}
    order["returns"] = {"nodes": ["r1"], "pageInfo": _MORE}
    other = {"id": "gid://shopify/Refund/8", "refundLineItems": {"nodes": ["x"], "pageInfo": _MORE}}
    further = {
        "lineItems(first": ["l2", "l3"],
        "returns(first": ["r2"],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        sent = orjson.loads(request.content)
        if "FourflowOrders" in sent["query"]:
            return Shop([order]).page(sent["variables"])
        assert 'order(id: "gid://shopify/Order/1")' in sent["query"]
        for name, rest in further.items():
            if name in sent["query"]:
                place = 0 if 'after: "1"' in sent["query"] else 1
                more = {"hasNextPage": place + 1 < len(rest), "endCursor": str(place + 2)}
                page = {"nodes": [rest[place]], "pageInfo": more}
                return _answer({"order": {name.partition("(")[0]: page}})
        mine = {"id": refund["id"], "refundLineItems": {"nodes": ["b"], "pageInfo": _END}}
        return _answer({"order": {"refunds": [other, mine]}})

    (page,) = _read(answer)
    (record,) = page.records
    assert record["lineItems"]["nodes"] == ["l1", "l2", "l3"]
    assert record["returns"]["nodes"] == ["r1", "r2"]
    assert record["refunds"][0]["refundLineItems"]["nodes"] == ["a", "b"]


def test_points_are_waited_for_before_the_next_call(pauses: list[float]) -> None:
    shop = Shop([_order(n) for n in range(10)])

    def answer(request: httpx.Request) -> httpx.Response:
        content = orjson.loads(shop(request).content)
        status = {"maximumAvailable": 1000.0, "currentlyAvailable": 100, "restoreRate": 50.0}
        cost = {"requestedQueryCost": 600, "actualQueryCost": 90, "throttleStatus": status}
        return _answer(content["data"], cost=cost)

    _read(answer, page_size=5)
    # 500 points are missing, and 50 come back every second.
    assert [round(seconds) for seconds in pauses if seconds > 1] == [10]


def test_a_throttled_call_is_repeated_when_its_points_are_back(pauses: list[float]) -> None:
    shop = Shop([_order(1)])
    status = {"maximumAvailable": 1000.0, "currentlyAvailable": 400, "restoreRate": 100.0}
    cost = {"requestedQueryCost": 700, "actualQueryCost": None, "throttleStatus": status}
    errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    calls = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return _answer(None, cost=cost, errors=errors) if len(calls) == 1 else shop(request)

    assert _numbers(_read(answer)) == ["1"]
    assert round(max(pauses)) == 3
    with pytest.raises(RetryLaterError, match="too much at once"):
        _read(lambda _request: _answer(None, cost=cost, errors=errors))


def _error(message: str, code: str | None) -> Any:
    return _answer(None, errors=[{"message": message, "extensions": {"code": code}}])


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (httpx.Response(401, json={"errors": "Invalid token"}), PermanentError, "set a new `acc"),
        (httpx.Response(402, json={"errors": "Unavailable"}), PermanentError, "it is frozen"),
        (httpx.Response(403, json={"errors": "no"}), PermanentError, "scope `read_orders`"),
        (httpx.Response(404, json={"errors": "Not Found"}), PermanentError, "check `shop_domain`"),
        (httpx.Response(404, content=b"<html>"), PermanentError, "check `shop_domain`"),
        (httpx.Response(418, json={}), PermanentError, "see what the shop's admin says"),
        (_error("Access denied", "ACCESS_DENIED"), PermanentError, "`read_all_orders`"),
        (_error("Query cost is 1200", "MAX_COST_EXCEEDED"), PermanentError, "a smaller `page_size"),
        (_error("Field 'x' doesn't exist", "undefinedField"), ContractError, "api_version: 2026"),
        (_error("Something else", None), PermanentError, "Something else"),
        (_answer(None, errors="in words"), PermanentError, "in words"),
        (_answer({}, version="2026-07"), ContractError, "because 2026-04 is retired"),
        (_error("Internal error", "INTERNAL_SERVER_ERROR"), TransientError, "Internal error"),
        (_answer(None), TransientError, "without `data`"),
        (httpx.Response(200, content=b"<html>"), TransientError, "a web page instead of JSON"),
        (httpx.Response(200, content=b'{"data": {"or'), TransientError, "ends in the middle"),
        (_answer({"orders": None}), TransientError, "withheld orders"),
        (
            _answer({"orders": {"nodes": [_order(1)], "pageInfo": {"hasNextPage": True}}}),
            TransientError,
            "named no next page",
        ),
    ],
)
def test_every_refusal_is_one_sentence_of_the_right_kind(
    answer: httpx.Response, kind: type[FourflowError], advice: str
) -> None:
    with pytest.raises(kind) as caught:
        _read(lambda _request: answer)
    told = str(caught.value)
    assert advice in told
    assert type(caught.value) is kind
    assert told.startswith("shopify (shop) ")
    assert told.count(". ") == 0
    assert TOKEN not in told


def test_personal_data_that_is_withheld_is_null_and_no_error() -> None:
    order = _order(1, customer=None)
    errors = [
        {
            "message": "This app is not approved to access the Customer object.",
            "path": ["orders", "nodes", 0, "customer"],
            "extensions": {"code": "ACCESS_DENIED"},
        }
    ]
    data = {"orders": {"nodes": [order], "pageInfo": {**_END, "hasPreviousPage": False}}}
    assert _numbers(_read(lambda _request: _answer(data, errors=errors))) == ["1"]


def _lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


class Bulk:
    """A shop that runs one bulk operation."""

    def __init__(self, content: bytes, **operation: Any) -> None:
        self.content = content
        self.states = ["CREATED", "RUNNING", "COMPLETED"]
        self.started: list[str] = []
        self.operation = {
            "id": "gid://shopify/BulkOperation/5",
            "errorCode": None,
            "createdAt": "2026-06-29T23:00:00Z",
            "objectCount": str(content.count(b"\n")),
            "rootObjectCount": None,
            "fileSize": str(len(content)),
            "url": "https://storage.example/5.jsonl" if content else None,
            "query": "",
            **operation,
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            assert str(request.url) == self.operation["url"]
            assert "x-shopify-access-token" not in request.headers
            return httpx.Response(200, content=self.content)
        sent = orjson.loads(request.content)
        if "bulkOperationRunQuery" in sent["query"]:
            return self.start(sent["variables"]["query"])
        if "FourflowBulkState" in sent["query"]:
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return _answer({"node": {**self.operation, "status": state}})
        return self.more(sent["query"])

    def start(self, query: str) -> httpx.Response:
        self.started.append(query)
        self.operation["query"] = query
        told = {"bulkOperation": {"id": self.operation["id"]}, "userErrors": []}
        return _answer({"bulkOperationRunQuery": told})

    def more(self, query: str) -> httpx.Response:
        raise AssertionError(query)


FIRST = Window(START, EPOCH, is_first=True)
_ROWS = (
    _order(1, lineItems=None, refunds=[]),
    _order(2, lineItems=None, refunds=[{"id": "gid://shopify/Refund/7"}]),
    {"id": "gid://shopify/LineItem/21", "__parentId": "gid://shopify/Order/2"},
    {"id": "gid://shopify/LineItem/11", "__parentId": "gid://shopify/Order/1"},
    {"id": "gid://shopify/Return/12", "__parentId": "gid://shopify/Order/1"},
)


class BulkWithRefunds(Bulk):
    """Knows the lines of order 2's refund."""

    def more(self, query: str) -> httpx.Response:
        assert 'o0: order(id: "gid://shopify/Order/2")' in query
        done = {"nodes": ["refunded"], "pageInfo": _END}
        refund = {"id": "gid://shopify/Refund/7", "refundLineItems": done, "transactions": done}
        return _answer({"o0": {"refunds": [refund]}})


@pytest.mark.parametrize("bytes_a_bucket", [32 << 20, 40])
def test_a_first_reading_takes_the_file_of_a_bulk_operation(
    bytes_a_bucket: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_module, "_BYTES_A_BUCKET", bytes_a_bucket)
    shop = BulkWithRefunds(_lines(*_ROWS), rootObjectCount="2")
    pages = _read(shop, FIRST)
    orders = {order["legacyResourceId"]: order for page in pages for order in page.records}
    assert [line["id"][-2:] for line in orders["1"]["lineItems"]["nodes"]] == ["11"]
    assert [line["id"][-2:] for line in orders["2"]["lineItems"]["nodes"]] == ["21"]
    assert [back["id"][-2:] for back in orders["1"]["returns"]["nodes"]] == ["12"]
    assert orders["2"]["returns"]["nodes"] == []
    assert orders["2"]["refunds"][0]["refundLineItems"]["nodes"] == ["refunded"]
    assert "created_at:>='2026-06-29T18:00:00Z'" in shop.started[0]
    assert {page.reached for page in pages} == {None}


def test_a_shop_without_orders_leaves_no_file() -> None:
    assert _read(Bulk(b""), FIRST) == []


def test_an_operation_that_a_killed_reading_started_is_taken_up() -> None:
    class Running(Bulk):
        def start(self, query: str) -> httpx.Response:
            super().start(query)
            told = f"A bulk query operation is already in progress: {self.operation['id']}."
            error = {"field": ["query"], "message": told}
            return _answer(
                {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": [error]}}
            )

    shop = Running(_lines(_ROWS[0]))
    (page,) = _read(shop, FIRST)
    # Orders may have changed since it began: the next reading begins there.
    assert page.reached is not None
    assert page.reached.isoformat() == "2026-06-29T23:00:00+00:00"

    class Foreign(Running):
        def start(self, query: str) -> httpx.Response:
            answer = super().start(query)
            self.operation["query"] = "{ products }"
            return answer

    with pytest.raises(TransientError, match="is running another bulk operation"):
        _read(Foreign(_lines(_ROWS[0])), FIRST)


@pytest.mark.parametrize(
    ("shop", "kind", "words"),
    [
        (
            Bulk(_lines(_ROWS[0]), fileSize="99999"),
            TransientError,
            "bytes of a bulk result instead of 99,999",
        ),
        (Bulk(_lines(_ROWS[0]), rootObjectCount="2"), TransientError, "sent 1 orders in a bulk"),
        (Bulk(_lines(_ROWS[0]), url=None), TransientError, "has lost the file"),
    ],
)
def test_a_file_that_is_not_whole_is_not_taken(
    shop: Bulk, kind: type[FourflowError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        _read(shop, FIRST)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("ACCESS_DENIED", PermanentError, "give the app the scopes"),
        ("INTERNAL_SERVER_ERROR", TransientError, "as FAILED"),
    ],
)
def test_a_failed_operation_says_so(code: str, kind: type[FourflowError], words: str) -> None:
    shop = Bulk(b"", errorCode=code)
    shop.states = ["FAILED"]
    with pytest.raises(kind, match=words):
        _read(shop, FIRST)


def test_an_operation_that_does_not_end_is_left_to_the_next_reading() -> None:
    shop = Bulk(b"")
    shop.states = ["RUNNING"]
    with pytest.raises(TransientError, match="the next reading will take it up"):
        _read(shop, FIRST, bulk_hours=1e-6)


def test_a_refused_bulk_query_is_told_with_the_way_out() -> None:
    class Refusing(Bulk):
        def start(self, query: str) -> httpx.Response:
            error = {"field": ["query"], "message": "Bulk queries are off"}
            return _answer(
                {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": [error]}}
            )

    with pytest.raises(PermanentError, match="Bulk queries are off; set `bulk: false`"):
        _read(Refusing(b""), FIRST)


def test_children_find_their_parents_in_any_order() -> None:
    file = io.BytesIO(_lines(_ROWS[2], _ROWS[1]))
    (order,) = assemble(file, ("lineItems",))
    assert [line["id"] for line in order["lineItems"]["nodes"]] == ["gid://shopify/LineItem/21"]


def test_check_says_how_many_orders_changed() -> None:
    data = {"shop": {"name": "Shop & Co"}, "ordersCount": {"count": 12}}
    assert check_account(CONNECTOR, KEYS, lambda _request: _answer(data)) == (
        "Shopify answers for shop (Shop & Co): 12 orders changed in the last 30 minutes."
    )


def test_an_address_is_no_shop_domain() -> None:
    with pytest.raises(ValidationError, match="is a name such as"):
        ShopifyAccount.model_validate({**KEYS, "shop_domain": "https://shop.myshopify.com"})
