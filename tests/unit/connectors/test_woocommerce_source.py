"""The WooCommerce connector against a shop that is made here: paging, refunds, errors, advice."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.errors import ContractError, FourflowError, PermanentError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.reading import Page, Window
from connectors.sources.woocommerce.source import CONNECTOR
from tests.pages import EPOCH, check_account, read_pages

START = EPOCH - timedelta(hours=6)
SECRET = "cs_secret"
KEYS: dict[str, Any] = {
    "base_url": "https://shop.example",
    "consumer_key": "ck_key",
    "consumer_secret": SECRET,
    "page_size": 5,
}
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiClient, "wait", lambda _client, _seconds: None)


def _moment(second: int) -> str:
    return f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}"


class Shop:
    """Orders by number and second of their last change; those of `trash` are in the trash."""

    def __init__(self, changed: dict[int, int], trash: frozenset[int] = frozenset()) -> None:
        self.changed = changed
        self.trash = trash
        self.refunds: dict[int, list[dict[str, Any]]] = {}
        self.before_answer: Callable[[], None] = lambda: None
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        expected = base64.b64encode(f"ck_key:{SECRET}".encode()).decode()
        assert request.headers["authorization"] == f"Basic {expected}"
        self.before_answer()
        query = dict(request.url.params)
        self.asked.append({"path": request.url.path, **query})
        if request.url.path.endswith("/refunds"):
            rows = self.refunds[int(request.url.path.split("/")[-2])]
        else:
            rows = self._orders(query)
        size, begin = int(query["per_page"]), (int(query["page"]) - 1) * int(query["per_page"])
        return httpx.Response(
            200, json=rows[begin : begin + size], headers={"X-WP-Total": str(len(rows))}
        )

    def _orders(self, query: dict[str, str]) -> list[dict[str, Any]]:
        assert query["dates_are_gmt"] == "true"
        assert query["order"] == "asc"
        first = "modified_after" if "modified_after" in query else "after"
        low, high = query[first], query[first.replace("after", "before")]
        return [
            {
                "id": n,
                "date_modified_gmt": _moment(at),
                "refunds": [{"id": r["id"]} for r in self.refunds.get(n, [])],
            }
            for at, n in sorted((at, n) for n, at in self.changed.items())
            if low < _moment(at) < high and (n in self.trash) == (query["status"] == "trash")
        ]


def _read(shop: Answer, span: Window | None = None, **keys: Any) -> list[Page]:
    return read_pages(CONNECTOR, {**KEYS, **keys}, "orders", span or Window(START, EPOCH), shop)


def _numbers(pages: list[Page]) -> list[int]:
    return [record["id"] for page in pages for record in page.records]


@pytest.mark.parametrize("count", [0, 1, 5, 6, 23])
def test_every_page_is_read_the_last_one_first(count: int) -> None:
    shop = Shop({n: n for n in range(count)})
    assert sorted(_numbers(_read(shop))) == list(range(count))
    pages = [int(asked["page"]) for asked in shop.asked if asked["status"] == "any"]
    last = -(-count // 5)
    assert pages == ([1, *range(last, 0, -1)] if last > 1 else [1])


def test_orders_in_the_trash_are_read_too() -> None:
    shop = Shop({1: 1, 2: 2}, trash=frozenset({2}))
    assert sorted(_numbers(_read(shop))) == [1, 2]
    assert [asked["status"] for asked in shop.asked] == ["any", "trash"]


def test_both_ends_of_a_span_are_read_though_wordpress_excludes_them() -> None:
    end = int((EPOCH - START).total_seconds())
    assert sorted(_numbers(_read(Shop({1: 0, 2: end})))) == [1, 2]


def test_a_first_reading_asks_by_creation() -> None:
    shop = Shop({})
    _read(shop, Window(START, EPOCH, is_first=True))
    assert shop.asked[0]["orderby"] == "date"
    assert "modified_after" not in shop.asked[0]


def test_refunds_come_from_their_own_endpoint_for_refunded_orders_only() -> None:
    shop = Shop({1: 1, 2: 2})
    shop.refunds[2] = [{"id": n, "amount": "1.00"} for n in range(7)]
    records = {record["id"]: record for page in _read(shop) for record in page.records}
    assert [refund["id"] for refund in records[2]["refund_details"]] == list(range(7))
    assert records[1]["refund_details"] == []
    paths = [asked["path"] for asked in shop.asked if "refunds" in asked["path"]]
    assert paths == ["/wp-json/wc/v3/orders/2/refunds"] * 2


def test_refunds_that_a_cache_still_holds_back_are_asked_for_again() -> None:
    shop = Shop({1: 1})
    shop.refunds[1] = [{"id": n, "amount": "1.00"} for n in range(3)]
    stale = [2]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/refunds") and stale[0]:
            stale[0] -= 1
            return httpx.Response(200, json=[shop.refunds[1][0]], headers={"X-WP-Total": "1"})
        return shop(request)

    ((order,),) = [page.records for page in _read(answer)]
    assert [refund["id"] for refund in order["refund_details"]] == [0, 1, 2]
    stale[0] = 10**6
    with pytest.raises(TransientError, match="told 1 of 3 refunds of order 1"):
        _read(answer)


def test_a_refund_that_is_made_between_two_pages_doubles_none() -> None:
    shop = Shop({1: 1})
    shop.refunds[1] = [{"id": n, "amount": "1.00"} for n in range(7, 0, -1)]

    def refund_again() -> None:
        if shop.asked and shop.asked[-1]["path"].endswith("/refunds"):
            shop.before_answer = lambda: None
            shop.refunds[1].insert(0, {"id": 8, "amount": "1.00"})

    shop.before_answer = refund_again
    ((order,),) = [page.records for page in _read(shop)]
    found = [refund["id"] for refund in order["refund_details"]]
    assert sorted(found) == sorted(set(found)) == list(range(1, 9))


def test_without_tls_a_call_is_signed_anew_for_every_attempt() -> None:
    seen: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        seen.append(dict(request.url.params))
        if len(seen) == 1:
            return httpx.Response(500)
        return httpx.Response(200, json=[], headers={"X-WP-Total": "0"})

    _read(answer, base_url="http://localhost:8080/shop", key_in_query=True)
    for query in seen:
        signature = query.pop("oauth_signature")
        normal = "&".join(f"{k}={quote(v, safe='')}" for k, v in sorted(query.items()))
        address = quote("http://localhost:8080/shop/wp-json/wc/v3/orders", safe="")
        made = hmac.digest(
            f"{SECRET}&".encode(), f"GET&{address}&{quote(normal, safe='')}".encode(), "sha256"
        )
        assert signature == base64.b64encode(made).decode()
        assert SECRET not in str(query)
    assert len({query["oauth_nonce"] for query in seen}) == len(seen) == 3


def test_a_key_can_be_sent_in_the_address() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        assert request.url.params["consumer_secret"] == SECRET
        return httpx.Response(200, json=[], headers={"X-WP-Total": "0"})

    assert _read(answer, key_in_query=True) == []


def _repeating(shop: Shop, times: int) -> Answer:
    sent: list[httpx.Response] = []
    left = [times]

    def answer(request: httpx.Request) -> httpx.Response:
        if sent and left[0]:
            left[0] -= 1
            return httpx.Response(200, content=sent[-1].content, headers=sent[-1].headers)
        sent.append(shop(request))
        return sent[-1]

    return answer


def test_a_page_that_is_sent_again_is_asked_for_again() -> None:
    assert sorted(_numbers(_read(_repeating(Shop({n: n for n in range(23)}), 2)))) == list(
        range(23)
    )


def test_a_page_that_repeats_for_ever_ends_the_reading_with_one_sentence() -> None:
    with pytest.raises(TransientError, match="with the records of the page before it"):
        _read(_repeating(Shop({n: n for n in range(23)}), 10**6))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(0, 30))
def test_nothing_is_missed_while_orders_change_between_pages(
    data: st.DataObject, count: int
) -> None:
    """Whatever changes between two calls: this reading and the next have every newest version."""
    shop = Shop({n: n for n in range(count)})
    clock = [int((EPOCH - START).total_seconds()) + 5]

    def change() -> None:
        # Fewer than a page at once: one page can't become just what the page before it was.
        for n in data.draw(st.lists(st.sampled_from(sorted(shop.changed) or [-1]), max_size=1)):
            if n in shop.changed:
                clock[0] += 1
                shop.changed[n] = clock[0]

    shop.before_answer = change
    pages = _read(shop, page_size=7)
    shop.before_answer = lambda: None
    end = START + timedelta(seconds=clock[0])
    pages += _read(shop, Window(EPOCH - timedelta(minutes=10), end), page_size=7)
    seen: dict[int, str] = {}
    for page in pages:
        for record in page.records:
            seen[record["id"]] = max(seen.get(record["id"], ""), record["date_modified_gmt"])
    assert seen == {n: _moment(at) for n, at in shop.changed.items()}


def _refused(status: int, code: str = "", message: str = "no") -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": message})


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (_refused(401, "woocommerce_rest_cannot_view"), PermanentError, "check consumer_key and"),
        (_refused(403, "rest_forbidden"), PermanentError, "give the key read permission"),
        (httpx.Response(403, content=b"<html>blocked"), PermanentError, "let the shop's firewall"),
        (_refused(404, "rest_no_route"), PermanentError, "permalinks are not plain"),
        (_refused(400, "rest_invalid_param", "orderby"), ContractError, "update WooCommerce"),
        (_refused(410, "gone", "It is gone"), PermanentError, "It is gone"),
        (httpx.Response(301, headers={"location": "https://x"}), PermanentError, "final address"),
        (httpx.Response(200, json=[]), ContractError, "without x-wp-total"),
        (
            httpx.Response(200, content=b"<html>", headers={"X-WP-Total": "1"}),
            TransientError,
            "web",
        ),
        (httpx.Response(200, json={"a": 1}), TransientError, "not a list"),
        (httpx.Response(408, json={}), TransientError, "it will be tried again"),
        (httpx.Response(503, content=b"maintenance"), TransientError, "status 503"),
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
    assert told.startswith("woocommerce (shop) ")
    assert SECRET not in told


def test_a_secret_is_never_sent_without_encryption() -> None:
    with pytest.raises(ValidationError, match="must begin with https"):
        CONNECTOR.config.model_validate({**KEYS, "base_url": "http://shop.example"})
    assert CONNECTOR.config.model_validate({**KEYS, "base_url": "http://127.0.0.1:80/x"})


def test_check_says_how_many_orders_changed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["modified_after"] == "2026-06-29T23:30:00"
        return httpx.Response(200, json=[], headers={"X-WP-Total": "12"})

    assert check_account(CONNECTOR, KEYS, answer) == (
        "WooCommerce answers for shop: 12 orders changed in the last 30 minutes."
    )


def test_recorded_refunds_are_taken_as_they_are(reference: Path) -> None:
    recorded = json.loads(
        (reference / "fixtures" / "woocommerce" / "order_refunds_list.json").read_text("utf-8")
    )
    shop = Shop({723: 1})
    shop.refunds[723] = recorded
    (page,) = _read(shop)
    (order,) = page.records
    assert order["refund_details"] == recorded
    assert datetime.fromisoformat(recorded[0]["date_created_gmt"]).replace(tzinfo=UTC).year == 2017
