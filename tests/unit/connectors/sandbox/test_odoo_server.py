"""The simulated Odoo: domains, keys, pages and what its records add up to."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.servers import odoo
from connectors.sandbox.servers.odoo_models import records_of
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.world import WorldConfig

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=20, orders_per_day=100, product_count=60)
HEADERS = {"authorization": "bearer sandbox-odoo-key", "content-type": "application/json"}


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(CONFIG)


@pytest.fixture
def retail(world: World) -> Retail:
    return Retail(world)


@pytest.fixture
def client(retail: Retail, serve: Callable[..., Any]) -> Any:
    return serve("odoo", odoo.routes(retail))


def ask(client: Any, model: str, method: str = "search_read", **arguments: Any) -> Any:
    answer = client.post(f"/odoo/json/2/{model}/{method}", json=arguments, headers=HEADERS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_pages_after_an_id_hold_every_record_once(client: Any, retail: Retail):
    seen: list[int] = []
    while page := ask(
        client, "res.partner", domain=[["id", ">", seen[-1] if seen else 0]], fields=["name"],
        order="id asc", limit=37,
    ):  # fmt: skip
        seen += [record["id"] for record in page]
    expected = [r["id"] for r in records_of(retail.world, retail.as_of, "res.partner")]
    assert seen == expected
    assert ask(client, "res.partner", "search_count", domain=[]) == len(expected)


def test_archived_records_are_told_only_when_asked_for(client: Any, retail: Retail):
    usual = ask(client, "product.product", fields=["default_code"])
    context = {"active_test": False}
    everything = ask(client, "product.product", fields=["default_code"], context=context)
    assert len(everything) == len(retail.world.products) > len(usual)


def test_domains_are_polish(client: Any):
    def numbers(*domain: Any) -> set[int]:
        found = ask(client, "product.product", domain=list(domain), fields=["id"])
        return {record["id"] for record in found}

    low, high = ["id", "<=", 3], ["id", ">", 12]
    assert numbers("|", low, ["id", "=", 5]) == {1, 2, 3, 5}
    assert numbers(low, ["id", "!=", 2]) == {1, 3}
    assert numbers("!", high) == numbers(["id", "<=", 12])
    assert numbers("|", "&", low, ["id", ">", 1], ["id", "in", [5]], ["id", "<", 9]) == {2, 3, 5}


def test_the_stock_is_the_worlds(client: Any, retail: Retail):
    quants = ask(client, "stock.quant", fields=["quantity", "reserved_quantity"])
    stock = retail.world.stock
    assert sum(q["quantity"] for q in quants) == stock.on_hand[-1][stock.carried].sum()
    assert all(quant["quantity"] > 0 for quant in quants)


def test_a_purchase_order_amounts_to_its_lines(client: Any):
    orders = ask(client, "purchase.order", fields=["amount_total"])
    lines = ask(client, "purchase.order.line", fields=["order_id", "price_subtotal"])
    totals: dict[int, float] = {}
    for line in lines:
        totals[line["order_id"][0]] = totals.get(line["order_id"][0], 0) + line["price_subtotal"]
    assert len(orders) > 10
    assert {o["id"]: o["amount_total"] for o in orders} == pytest.approx(totals)


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "words"),
    [
        ("product.product/search_read", {"authorization": "bearer no"}, {}, 401, "Invalid apikey"),
        ("product.product/search_read", {"x-odoo-database": "no"}, {}, 401, "Invalid database"),
        ("no.model/search_read", {}, {}, 404, "is unknown"),
        ("product.product/unlink", {}, {}, 404, "no method"),
        ("product.product/search_read", {}, {"fields": ["no"]}, 500, "Invalid field 'no'"),
        ("product.product/search_read", {}, {"domain": [["no", "=", 1]]}, 500, "Invalid field"),
        ("product.product/search_read", {}, {"domain": ["|"]}, 422, "malformed"),
        ("product.product/search_read", {}, {"page": 1}, 422, "unexpected keyword"),
    ],
)
def test_mistakes_are_refused_as_odoo_does(
    client: Any, path: str, headers: dict[str, str], body: Any, status: int, words: str
):
    answer = client.post(f"/odoo/json/2/{path}", json=body, headers=HEADERS | headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"name", "message", "arguments", "context", "debug"}
    assert words in answer.json()["message"]
