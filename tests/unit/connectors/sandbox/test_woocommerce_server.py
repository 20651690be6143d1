"""The simulated WooCommerce site; requests are signed here, by code of the test's own."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.servers.credentials import Woocommerce
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.woocommerce import WoocommerceServer
from connectors.sandbox.shop_truth import shop_truth
from connectors.sandbox.world import DefectRates, WorldConfig
from tests.unit.connectors.sandbox.conftest import Clock

CONFIG = WorldConfig(
    end_date=date(2026, 6, 30),
    days=12,
    orders_per_day=700,
    product_count=60,
    defects=DefectRates(edited_orders=0.02),
)
SITE = Woocommerce()
ORDERS = "/woocommerce/wp-json/wc/v3/orders"
TLS = {"x-forwarded-proto": "https"}
Ask = Callable[..., httpx.Response]
_nonces = count()


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(CONFIG)


@pytest.fixture
def retail(world: World) -> Retail:
    return Retail(world)


@pytest.fixture
def ask(retail: Retail, clock: Clock, serve: Callable[..., Any]) -> Ask:
    """Asks with Basic authentication over TLS unless told otherwise."""
    client = serve("woocommerce", WoocommerceServer(retail, clock).routes())
    key = base64.b64encode(f"{SITE.consumer_key}:{SITE.consumer_secret}".encode()).decode()

    def send(
        path: str = ORDERS, headers: dict[str, str] | None = None, **parameters: Any
    ) -> httpx.Response:
        usual = {"authorization": f"Basic {key}", **TLS}
        answer: httpx.Response = client.get(
            path, params=parameters, headers=usual if headers is None else headers
        )
        return answer

    return send


def _signed(parameters: dict[str, str], **changes: str) -> dict[str, str]:
    values = {
        **parameters,
        "oauth_consumer_key": SITE.consumer_key,
        "oauth_nonce": f"n{next(_nonces)}",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
    } | changes
    secret = values.pop("secret", SITE.consumer_secret)
    normal = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(values.items())
    )
    text = f"GET&{quote(f'http://platform{ORDERS}', safe='')}&{quote(normal, safe='')}"
    digest = getattr(hashlib, values["oauth_signature_method"][5:].lower(), hashlib.sha256)
    made = hmac.new(f"{secret}&".encode(), text.encode(), digest).digest()
    return {**values, "oauth_signature": base64.b64encode(made).decode()}


def _all(ask: Ask, path: str = ORDERS, **filters: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number in count(1):
        answer = ask(path, per_page=100, page=number, **filters)
        rows += answer.json()
        if number >= int(answer.headers["x-wp-totalpages"]):
            assert len(rows) == int(answer.headers["x-wp-total"])
            break
    return rows


def _everything(ask: Ask) -> list[dict[str, Any]]:
    return _all(ask, status="any") + _all(ask, status="trash")


def _fen(amount: str) -> int:
    return int(Decimal(amount) * 100)


def test_orders_of_all_pages_are_the_truth(ask: Ask, retail: Retail) -> None:
    truth = shop_truth(retail.world, retail.plan, retail.as_of)["woocommerce"]
    rows = _everything(ask)
    lines = [line for row in rows for line in row["line_items"]]
    assert len({row["id"] for row in rows}) == len(rows) == truth["orders"] > 400
    assert sum(_fen(row["total"]) for row in rows) == truth["order_fen"]
    assert len(lines) == truth["lines"]
    assert sum(line["quantity"] for line in lines) == truth["pieces"]
    amounts = sum(_fen(line["total"]) + _fen(line["total_tax"]) for line in lines)
    assert amounts == truth["line_fen"]
    paid = [row for row in rows if row["date_paid_gmt"] and row["total"] != "0.00"]
    assert len(paid) == truth["payments"]
    assert sum(_fen(row["total"]) for row in paid) == truth["paid_fen"]
    assert all(row["transaction_id"] for row in paid)
    free = [row for row in rows if row["total"] == "0.00"]
    assert free
    assert all(row["date_paid_gmt"] and not row["transaction_id"] for row in free)
    for row in rows:
        goods = sum(
            _fen(line["subtotal"]) + _fen(line["subtotal_tax"]) for line in row["line_items"]
        )
        off = _fen(row["discount_total"]) + _fen(row["discount_tax"])
        assert _fen(row["total"]) == goods - off
        tax = sum(_fen(line["total_tax"]) for line in row["line_items"])
        assert _fen(row["total_tax"]) == tax


def test_refunds_are_the_truth_and_the_order_names_them(ask: Ask, retail: Retail) -> None:
    truth = shop_truth(retail.world, retail.plan, retail.as_of)["woocommerce"]
    found, nameless, line_count = 0, 0, 0
    for order in (row for row in _everything(ask) if row["refunds"]):
        refunds = _all(ask, f"{ORDERS}/{order['id']}/refunds")
        assert [(row["id"], f"-{row['amount']}") for row in refunds] == [
            (row["id"], row["total"]) for row in order["refunds"]
        ]
        lines = {str(line["id"]) for line in order["line_items"]}
        for refund in refunds:
            found += _fen(refund["amount"])
            nameless += not refund["line_items"]
            line_count += len(refund["line_items"])
            back = 0
            for line in refund["line_items"]:
                assert line["quantity"] < 0
                assert line["meta_data"][0]["value"] in lines
                back -= _fen(line["total"]) + _fen(line["total_tax"])
            assert back == (_fen(refund["amount"]) if refund["line_items"] else 0)
    assert found == truth["refund_fen"] == truth["refunded_fen"]
    assert nameless > 0
    assert nameless + line_count == truth["refunds"]


def test_statuses_are_the_sites_own_and_the_trash_is_apart(ask: Ask) -> None:
    words = {row["status"] for row in _all(ask, status="any")}
    assert words == {"pending", "processing", "completed", "cancelled", "refunded"}
    assert {row["status"] for row in _all(ask, status="trash")} == {"trash"}
    some = _all(ask, status="pending,refunded")
    assert {row["status"] for row in some} == {"pending", "refunded"}


def test_times_are_local_and_gmt_without_a_zone(ask: Ask) -> None:
    (order,) = ask(per_page=1).json()
    assert order["date_created"] > order["date_created_gmt"]
    assert len(order["date_created_gmt"]) == len("2026-06-30T15:59:59")
    after = {"modified_after": order["date_modified_gmt"], "orderby": "modified"}
    gmt = _all(ask, **after, dates_are_gmt="true")
    local = _all(ask, **{**after, "modified_after": order["date_modified"]})
    assert [row["id"] for row in gmt] == [row["id"] for row in local]
    # Both ends are excluded.
    assert order["id"] not in {row["id"] for row in gmt}


def test_pages_and_links_are_wordpresss(ask: Ask) -> None:
    whole = [row["id"] for row in _all(ask, order="asc")]
    assert whole == sorted(whole)
    assert [row["id"] for row in ask(order="asc").json()] == whole[:10]
    answer = ask(order="asc", per_page=7, page=3)
    assert [row["id"] for row in answer.json()] == whole[14:21]
    assert answer.headers["x-wp-totalpages"] == str(-(-len(whole) // 7))
    assert 'rel="prev"' in answer.headers["link"]
    assert 'rel="next"' in answer.headers["link"]
    skipped = ask(order="asc", per_page=7, page=3, offset=2)
    assert [row["id"] for row in skipped.json()] == whole[2:9]
    assert ask(page=10_000).json() == []
    assert [row["id"] for row in ask().json()] == whole[::-1][:10]


def test_one_order_is_found_by_its_id(ask: Ask) -> None:
    (order,) = ask(per_page=1).json()
    assert ask(f"{ORDERS}/{order['id']}").json() == order
    missing = ask(f"{ORDERS}/17")
    assert missing.status_code == 404
    assert missing.json()["code"] == "woocommerce_rest_shop_order_invalid_id"
    assert ask("/woocommerce/wp-json/wc/v3/magic").json()["code"] == "rest_no_route"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("per_page", "101"),
        ("per_page", "0"),
        ("page", "0"),
        ("offset", "-1"),
        ("orderby", "price"),
        ("order", "up"),
        ("status", "shipped"),
        ("modified_after", "yesterday"),
    ],
)
def test_wrong_parameters_are_named(ask: Ask, name: str, value: str) -> None:
    answer = ask(**{name: value})
    assert answer.status_code == 400
    assert answer.json()["code"] == "rest_invalid_param"
    assert list(answer.json()["data"]["params"]) == [name]


@pytest.mark.parametrize("method", ["HMAC-SHA256", "HMAC-SHA1"])
def test_a_signature_is_verified_over_every_parameter(ask: Ask, method: str) -> None:
    asked = {"search": "茶 ~", "after": "2026-06-20T00:00:00"}
    right = _signed(asked, oauth_signature_method=method)
    assert ask(headers={}, **right).status_code == 200
    moved = _signed(asked, oauth_signature_method=method) | {"after": "2026-06-21T00:00:00"}
    assert ask(headers={}, **moved).json()["message"].endswith("signature does not match.")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"secret": "cs_other"}, "signature does not match"),
        ({"oauth_consumer_key": "ck_other"}, "Consumer key is invalid"),
        ({"oauth_signature_method": "PLAINTEXT"}, "method is invalid"),
        ({"oauth_timestamp": str(int(time.time()) - 3_600)}, "Invalid timestamp"),
        ({"oauth_timestamp": ""}, "Missing OAuth parameter oauth_timestamp"),
    ],
)
def test_every_other_signature_is_refused(ask: Ask, changes: dict[str, str], told: str) -> None:
    answer = ask(headers={}, **_signed({}, **changes))
    assert answer.status_code == 401
    assert told in answer.json()["message"]


def test_a_signature_lives_a_quarter_of_an_hour_and_is_used_once(ask: Ask, clock: Clock) -> None:
    once = _signed({})
    assert ask(headers={}, **once).status_code == 200
    assert "already been used" in ask(headers={}, **once).json()["message"]
    clock.ahead = 16 * 60
    assert "Invalid timestamp" in ask(headers={}, **_signed({})).json()["message"]


def test_the_key_itself_is_taken_over_tls_only(ask: Ask, retail: Retail) -> None:
    key = {"consumer_key": SITE.consumer_key, "consumer_secret": SITE.consumer_secret}
    assert ask(headers=TLS, **key).status_code == 200
    assert ask(headers={}, **key).json()["code"] == "woocommerce_rest_cannot_view"
    wrong = ask(headers=TLS, **(key | {"consumer_secret": "cs_other"}))
    assert wrong.json()["message"] == "Consumer secret is invalid."
    assert ask(headers=TLS).status_code == 401
    assert ask(headers={**TLS, "authorization": "Basic !"}).status_code == 401
    retail.expired = {"woocommerce"}
    assert ask(headers=TLS, **key).status_code == 401
