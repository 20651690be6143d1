"""Odoo against the sandbox: faults and kills lose nothing, and dbt has the world's stock."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.lake.attach import connect_snapshot
from connectors.lake.reader import PublishedLake
from connectors.sandbox.platforms import SITES
from connectors.sandbox.retailer import simulate
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.odoo_models import records_of
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import load_settings
from connectors.sinks.odoo import OdooTarget
from connectors.sinks.platform import PlatformSink
from connectors.sources.odoo.gateway import OdooAccount
from connectors.sources.odoo.source import CONNECTOR
from orchestration.decisions.outcomes import purchase_outcomes
from tests.models import build_models, rows
from tests.platform_accounts import config_of
from tests.platforms import Read, bronze_payloads, read_account, read_until_killed

pytestmark = pytest.mark.integration

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=12, orders_per_day=150, product_count=60)
FAULTS = Faults(
    drop=0.02,
    delay=0.02,
    too_many=0.02,
    server_error=0.02,
    throttled=0.01,
    unavailable=0.02,
    truncated=0.02,
    html=0.02,
    delay_seconds=0.02,
)
MODELS = {
    "products": ("product.product", lambda _r: True),
    "supplier_prices": ("product.supplierinfo", lambda _r: True),
    "warehouses": ("stock.warehouse", lambda _r: True),
    "locations": ("stock.location", lambda _r: True),
    "stock_movements": ("stock.move.line", lambda _r: True),
    "purchase_orders": ("purchase.order", lambda _r: True),
    "purchase_order_lines": ("purchase.order.line", lambda _r: True),
    "suppliers": ("res.partner", lambda r: r["supplier_rank"] > 0),
    "customers": ("res.partner", lambda r: r["customer_rank"] > 0),
}


DECISION = "0123456789abcdef" * 4


def order_from_a_decision(sandbox: ServedSandbox) -> str:
    """Order five of an article through the sink, to arrive within the world; the article."""
    sku = str(simulate(CONFIG).products.skus[3])
    account = OdooAccount.model_validate(config_of("odoo", sandbox))
    sink = PlatformSink("odoo", {"main": lambda: OdooTarget("main", account)})
    fields = {"sku": sku, "site": SITES[0], "quantity": "5", "due_on": "2026-06-29"}
    action = {"type": "create_purchase_order", "to": None, "fields": fields}
    sandbox.control(as_of="2026-06-26T12:00:00")
    receipt = sink.deliver(f"odoo_{DECISION}", {"data": {"action": action}})
    assert receipt.detail["state"] == "purchase"
    return sku


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as served:
        yield served


def test_faults_and_kills_lose_nothing_and_double_nothing(sandbox: ServedSandbox, tmp_path: Path):
    sku = order_from_a_decision(sandbox)

    def order(now: datetime) -> Read:
        keys = config_of("odoo", sandbox, attempts=10, page_size=20)
        return Read("odoo", "main", keys, now)

    settings = load_settings(home=tmp_path)
    noon = datetime(2026, 6, 27, 4, tzinfo=UTC)
    sandbox.control(as_of="2026-06-27T12:00:00", faults=FAULTS)
    assert read_until_killed(tmp_path, order(noon), pages=9) == -9
    assert list(bronze_payloads(settings, "odoo_products")) == []
    assert read_account(tmp_path, order(noon)).problems == ()
    sandbox.control(as_of="2026-06-30T23:59:59")
    later = datetime(2026, 6, 30, 16, 10, tzinfo=UTC)
    read_until_killed(tmp_path, order(later), landing_seconds=0.4)
    assert read_account(tmp_path, order(later)).problems == ()
    assert sum(n for name, n in sandbox.counters().items() if "odoo.fault" in name) >= 5

    world = simulate(CONFIG)
    for entity, (model, is_meant) in MODELS.items():
        newest = {r["id"]: r["write_date"] for r in bronze_payloads(settings, f"odoo_{entity}")}
        expected = {
            record["id"]: record["write_date"]
            for record in records_of(world, CONFIG.end_second, model)
            if is_meant(record)
        }
        ours = {r["id"] for r in sandbox.written()["odoo"].get(model, [])}
        assert {n: at for n, at in newest.items() if n not in ours} == expected, entity
        assert ours <= set(newest)

    settings.enabled_sources_path.parent.mkdir(parents=True, exist_ok=True)
    settings.enabled_sources_path.write_text("odoo", encoding="utf-8")
    classified = [f"+int_odoo__{entity}_classified" for entity in CONNECTOR.entities]
    marts = ("fct_stock_positions", "dim_products", "dim_suppliers", "dim_supplier_prices",
             "fct_purchase_order_lines", "fct_stock_movements", "dim_sites",
             "dim_credit_terms")  # fmt: skip
    build_models(settings, *(f"+{mart}" for mart in marts), *classified)
    assert rows(
        settings,
        "select count(*) from lake.staging.stg_odoo__stock where reject_reason is not null",
    ) == [(0,)]
    stock = world.stock
    found = rows(
        settings,
        "select site, sku, on_hand, reserved from lake.marts.fct_stock_positions where on_hand > 0 "
        "and business_date = (select max(business_date) from lake.marts.fct_stock_positions)",
    )
    quants = records_of(world, CONFIG.end_second, "stock.quant")
    expected_stock = Counter(
        (q["warehouse_id"][1], q["product_id"][1][1:].partition("]")[0], int(q["quantity"]),
         int(q["reserved_quantity"]))
        for q in quants
    )  # fmt: skip
    assert Counter(found) == expected_stock
    assert sum(row[2] for row in found) == int(stock.on_hand[-1][stock.carried].sum())
    # What moved since the beginning is what lies there at the end.
    left = rows(
        settings,
        "select site, sku, sum(quantity)::int from lake.marts.fct_stock_movements "
        "where movement_type != 'other' group by site, sku having sum(quantity) != 0",
    )
    assert Counter(left) == Counter(row[:3] for row in found)
    sites = rows(settings, "select site, site_type, is_listed from lake.marts.dim_sites order by 1")
    assert sites == [(site, "warehouse", True) for site in sorted(SITES)]
    goods = rows(
        settings,
        "select sku, unit_cost, lead_time_days, pack_size from lake.marts.dim_products order by 1",
    )
    products = world.products
    assert goods == sorted(
        (sku, Decimal(int(cost)) / 100, int(lead), int(pack))
        for sku, cost, lead, pack in zip(
            products.skus, products.unit_cost, products.lead_time_days, products.pack_size,
            strict=True,
        )
    )  # fmt: skip
    limits = rows(
        settings,
        "select sum(credit_limit), bool_and(length(name) = 64) "
        "from lake.intermediate.int_odoo__customers_classified where is_current",
    )
    partners = records_of(world, CONFIG.end_second, "res.partner")
    assert limits == [(sum(Decimal(partner["credit_limit"]) for partner in partners), True)]
    granted = rows(settings, "select count(*), sum(credit_limit) from lake.marts.dim_credit_terms")
    limited = [Decimal(p["credit_limit"]) for p in partners if p["use_partner_credit_limit"]]
    assert granted == [(len(limited), sum(limited))]
    suppliers = rows(
        settings, "select count(*), count(name), min(length(name_token)) "
        "from lake.marts.dim_suppliers",
    )  # fmt: skip
    assert suppliers == [(sum(p["supplier_rank"] > 0 for p in partners), 0, 64)]
    offers = rows(
        settings,
        "select supplier_no, sku, unit_price, minimum_order_quantity "
        "from lake.marts.dim_supplier_prices",
    )
    skus = {product["id"]: product["default_code"]
            for product in records_of(world, CONFIG.end_second, "product.product")}  # fmt: skip
    assert Counter(offers) == Counter(
        (str(r["partner_id"][0]), skus[r["product_id"][0]], Decimal(str(r["price"])),
         Decimal(str(r["min_qty"])))
        for r in records_of(world, CONFIG.end_second, "product.supplierinfo")
    )  # fmt: skip
    bought = rows(
        settings,
        "select order_no, sku, quantity, received_quantity, open_quantity, line_amount, site "
        "from lake.marts.fct_purchase_order_lines where purchase_order_status = 'ordered' "
        "and decision_id is null",
    )
    orders = {r["id"]: r for r in records_of(world, CONFIG.end_second, "purchase.order")}
    assert Counter(bought) == Counter(
        (r["order_id"][1], skus[r["product_id"][0]], Decimal(r["product_qty"]),
         Decimal(r["qty_received"]), Decimal(r["product_qty"]) - Decimal(r["qty_received"]),
         Decimal(str(r["price_subtotal"])),
         orders[r["order_id"][0]]["picking_type_id"][1].removesuffix(": Receipts"))
        for r in records_of(world, CONFIG.end_second, "purchase.order.line")
    )  # fmt: skip
    # The receipt of a decision: what its order has become, under the decision's own key.
    (order,) = sandbox.written()["odoo"]["purchase.order"]
    publication: Any = None
    with PublishedLake(publication, connect_snapshot(settings)) as lake:
        came = purchase_outcomes(lake, DECISION)
    assert [{name: line[name] for name in ("order_no", "sku", "site", "quantity",
             "received_quantity", "promised_on", "is_overdue")} for line in came] == [
        {"order_no": order["name"], "sku": sku, "site": SITES[0], "quantity": Decimal(5),
         "received_quantity": Decimal(5), "promised_on": date(2026, 6, 29), "is_overdue": False}
    ]  # fmt: skip
