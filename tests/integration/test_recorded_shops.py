"""Recorded answers and exports of shops, read with the figures that they say of themselves."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.settings import PROJECT_ROOT, load_settings
from connectors.sources.api.landing import load_account
from connectors.sources.api.reading import Reading
from connectors.sources.shopify.source import CONNECTOR as SHOPIFY
from connectors.sources.woocommerce.source import CONNECTOR as WOOCOMMERCE
from tests.canonical import CanonicalRows

pytestmark = pytest.mark.integration

NOW = datetime(2026, 6, 30, tzinfo=UTC)
SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="module")
def fixtures(reference: Path) -> Path:
    return reference / "fixtures"


def _recorded(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


def _land(home: Path, connector: Any, keys: dict[str, Any], answer: Answer) -> None:
    reading = Reading(
        source=connector.name,
        account="shop",
        now=NOW,
        since=datetime(2000, 1, 1, tzinfo=UTC),
        transport=httpx.MockTransport(answer),
    )
    config = connector.config.model_validate({"requests_per_second": 1e6, **keys})
    report = load_account(load_settings(home=home), connector, config, reading)
    assert report.problems == ()


def _money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount}}


def _gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def _as_graphql(order: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A recorded order of REST under the names that GraphQL has for its fields."""
    total = _money(order["total_price"])
    return {
        "id": _gid("Order", order["id"]),
        "legacyResourceId": str(order["id"]),
        "name": order["name"],
        "createdAt": order["created_at"],
        "updatedAt": order["updated_at"],
        "test": order["test"],
        "currencyCode": order["currency"],
        "displayFinancialStatus": order["financial_status"].upper(),
        "displayFulfillmentStatus": (order.get("fulfillment_status") or "unfulfilled").upper(),
        "totalPriceSet": total,
        "customer": {"id": _gid("Customer", order["customer"]["id"])},
        "lineItems": {
            "nodes": [
                {
                    "id": _gid("LineItem", line["id"]),
                    "sku": line["sku"],
                    "quantity": line["quantity"],
                    "originalUnitPriceSet": _money(line["price"]),
                }
                for line in order.get("line_items", [])
            ]
        },
        "refunds": [],
        **more,
    }


def test_a_recorded_shopify_order_gives_its_own_figures(fixtures: Path, tmp_path: Path) -> None:
    folder = fixtures / "shopify"
    recorded = _recorded(folder / "order.json")["order"]
    refund = _recorded(folder / "refund.json")["refund"]
    transactions = _recorded(folder / "transactions.json")
    (other,) = _recorded(folder / "orders.json")["orders"]
    order = _as_graphql(
        recorded,
        transactions=[
            {
                "id": _gid("OrderTransaction", one["id"]),
                "kind": one["kind"].upper(),
                "status": one["status"].upper(),
                "amountSet": _money(one["amount"]),
                "test": one["test"],
            }
            for one in transactions
        ],
        fulfillments=[
            {
                "id": _gid("Fulfillment", one["id"]),
                "status": one["status"].upper(),
                "createdAt": one["created_at"],
                "trackingInfo": [{"number": one["tracking_number"]}],
            }
            for one in recorded["fulfillments"]
        ],
        refunds=[
            {
                "id": _gid("Refund", refund["id"]),
                "createdAt": refund["created_at"],
                "note": refund["note"],
                "totalRefundedSet": _money(refund["transactions"][0]["amount"]),
                "refundLineItems": {
                    "nodes": [
                        {
                            "quantity": line["quantity"],
                            "lineItem": {"id": _gid("LineItem", line["line_item_id"])},
                        }
                        for line in refund["refund_line_items"]
                    ],
                    "pageInfo": {"hasNextPage": False},
                },
                "transactions": {
                    "nodes": [
                        {"status": one["status"].upper(), "processedAt": one["created_at"]}
                        for one in refund["transactions"]
                    ],
                    "pageInfo": {"hasNextPage": False},
                },
            }
        ],
    )
    # The other recording is of the same order: another number keeps them apart.
    second = _as_graphql({**other, "id": other["id"] + 1})
    page = {"nodes": [order, second], "pageInfo": {"hasNextPage": False}}
    keys = {"shop_domain": "apple.myshopify.com", "access_token": "t", "bulk": False}
    _land(tmp_path, SHOPIFY, keys, lambda _: httpx.Response(200, json={"data": {"orders": page}}))
    rows = CanonicalRows(tmp_path, "shopify")
    rows.build()
    figures = rows.figures()
    assert figures["orders"] == 2
    assert figures["order_fen"] == 40_994 + 59_894
    assert (figures["lines"], figures["line_fen"]) == (3, 3 * 19_900)
    # An authorisation is no payment, and a fulfillment that failed is no parcel.
    assert (figures["payments"], figures["parcels"]) == (0, 0)
    assert figures["refunded_fen"] == 20_900
    numbers = rows.rows(
        "select line_no, quantity, amount from lake.intermediate.int_shopify__refunds order by 1"
    )
    # Two lines came back without saying what they were worth: the money is the order's.
    assert numbers == [
        (466157049, 1, Decimal(0)),
        (703073504, 1, Decimal(0)),
        (None, None, Decimal("209.00")),
    ]
    created = rows.rows("select min(created_at) from lake.intermediate.int_shopify__orders")
    assert created == [(datetime(2008, 1, 10, 16, tzinfo=UTC),)]


def test_every_recorded_shopify_status_is_mapped(fixtures: Path) -> None:
    def words(name: str, *columns: str) -> set[str]:
        path = fixtures / "shopify" / "fivetran_seeds" / f"shopify_{name}_data.csv"
        with path.open(encoding="utf-8-sig") as file:
            return {
                "/".join(row[column].upper() or "UNFULFILLED" for column in columns)
                for row in csv.DictReader(file)
            }

    def mapped(seed: str) -> set[str]:
        with (SEEDS / f"{seed}.csv").open(encoding="utf-8") as file:
            return {
                row["source_status"] for row in csv.DictReader(file) if row["source"] == "shopify"
            }

    orders = words("gql_order", "display_financial_status", "display_fulfillment_status")
    orders |= words("order", "financial_status", "fulfillment_status")
    assert len(orders) >= 4
    assert orders <= mapped("order_status_map")
    parcels = words("gql_fulfillment", "status") | words("fulfillment_event", "status")
    # What was cancelled or failed before it left is no parcel.
    assert parcels - {"CANCELLED", "ERROR", "FAILURE"} <= mapped("shipment_status_map")


def test_recorded_woocommerce_refunds_give_their_own_figures(
    fixtures: Path, tmp_path: Path
) -> None:
    refunds = json.loads((fixtures / "woocommerce" / "order_refunds_list.json").read_text("utf-8"))
    order = {
        "id": 723,
        "status": "completed",
        "currency": "USD",
        "total": "39.00",
        "customer_id": 0,
        "date_created_gmt": "2017-03-21T19:00:00",
        "date_paid_gmt": "2017-03-21T19:01:00",
        "date_modified_gmt": "2017-03-21T20:07:11",
        "refunds": [{"id": refund["id"]} for refund in refunds],
        "line_items": [
            {"id": 311, "product_id": 87, "quantity": 1, "subtotal": "39.00", "total": "39.00"}
        ],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/refunds"):
            found = refunds
        else:
            found = [order] if request.url.params["status"] == "any" else []
        return httpx.Response(200, json=found, headers={"X-WP-Total": str(len(found))})

    keys = {"base_url": "https://x", "consumer_key": "k", "consumer_secret": "s"}
    _land(tmp_path, WOOCOMMERCE, keys, answer)
    rows = CanonicalRows(tmp_path, "woocommerce")
    rows.build(
        "int_woocommerce__orders", "int_woocommerce__order_lines", "int_woocommerce__refunds"
    )
    found = rows.rows(
        "select line_no, quantity, amount, refunded_at "
        "from lake.intermediate.int_woocommerce__refunds order by refunded_at"
    )
    assert found == [
        (311, 1, Decimal("9.00"), datetime(2017, 3, 21, 19, 55, 37, tzinfo=UTC)),
        (None, None, Decimal("10.00"), datetime(2017, 3, 21, 20, 7, 11, tzinfo=UTC)),
    ]
