"""Two sources of one business: a shop's orders meet the warehouse's goods, parcels and stock."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from connectors.sandbox.build import build_sandbox
from connectors.sandbox.servers.serve import serve_sandbox
from connectors.sandbox.world import WorldConfig
from orchestration.learning.training import learn_demand
from orchestration.replenishment.replenishing import plan_replenishment
from tests.lean_project import lean_project
from tests.oracle.conftest import Warehouse
from tests.platforms import Read, current_records, read_account

pytestmark = [pytest.mark.integration]

WORLD = WorldConfig(
    end_date=date(2026, 6, 30), days=21, orders_per_day=80, product_count=40, seed=5
)
END = datetime(2026, 6, 30, 16, tzinfo=UTC)
SHOP = "tmall_flagship"
WAREHOUSE_KEEPS = ("parcels", "stock", "products")


@pytest.fixture(scope="module")
def retailer(
    new_warehouse: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    """The shop is read by API; the warehouse sends files and knows of no order but its number."""
    files = tmp_path_factory.mktemp("warehouse_files")
    build_sandbox(WORLD, files)
    for entity in files.iterdir():
        if entity.is_dir() and entity.name not in WAREHOUSE_KEEPS:
            shutil.rmtree(entity)
    marts = lean_project("fct_daily_demand", "fct_parcels", "rpt_funnel_daily")
    made = new_warehouse("one_business", dbt_project=marts)
    made.load("sandbox", files)
    with serve_sandbox(WORLD) as served:
        known = served.credentials()["taobao"]
        config = {
            "base_url": f"{served.url}/taobao/router/rest",
            **{name: known[name] for name in ("app_key", "app_secret", "session")},
            "requests_per_second": 10_000,
            "behind_seconds": 0,
            "start": "2026-06-01",
        }
        report = read_account(made.settings.root, Read("taobao", SHOP, config, END))
    assert report.problems == ()
    made.enable_own_sources()
    made.dbt("build", "--exclude-resource-type", "unit_test")
    return made


def trades_of(retailer: Warehouse) -> list[dict]:
    return current_records(retailer.settings, "taobao_orders", "tid", "modified")


def test_demand_of_the_shop_is_demand_of_the_business(retailer: Warehouse):
    expected: Counter = Counter()
    for trade in trades_of(retailer):
        if "pay_time" not in trade:
            continue
        for line in trade["orders"]["order"]:
            sku = line.get("outer_sku_id") or line["outer_iid"]
            expected[sku, date.fromisoformat(trade["created"][:10])] += int(line["num"])
    rows = retailer.query("select business, sku, business_date, quantity from fct_daily_demand")
    assert {row[0] for row in rows} == {"fourflow_demo"}
    assert {row[1:3]: row[3] for row in rows} == dict(expected)
    assert sum(expected.values()) > 100


def test_parcels_of_the_warehouse_find_the_orders_of_the_shop(retailer: Warehouse):
    rows = retailer.query(
        "select order_key, named.order_no, channel, parcels.delivered_at is not null "
        "from fct_parcels as parcels left join int_parcels_unioned as named "
        "using (source, tracking_no) where source = 'sandbox'"
    )
    shop = {str(trade["tid"]) for trade in trades_of(retailer)}
    of_shop = {row[1] for row in rows if row[1] in shop}
    assert len(of_shop) > 100
    for order_key, order_no, channel, _ in rows:
        if order_no in shop:
            assert (order_key, channel) == (f"taobao:{order_no}", SHOP)
        else:  # orders of shops that nobody reads here
            assert (order_key, channel) == (f"sandbox:{order_no}", None)
    arrived = {row[1] for row in rows if row[3]} & shop
    (delivered,) = retailer.query(
        "select count(*) from fct_orders where source = 'taobao' and delivered_at is not null"
    )
    assert 0 < delivered[0] <= len(arrived)


def test_stock_of_the_warehouse_is_planned_for_the_demand_of_the_shop(retailer: Warehouse):
    learn_demand(retailer.settings, now=END)
    plan_replenishment(retailer.settings, now=END)
    sold = {row[0] for row in retailer.query("select sku from fct_daily_demand group by sku")}
    rows = retailer.query(
        "select business, sku, sum(expected_review_demand), bool_or(unit_cost is not null) "
        "from replenishment_positions group by all"
    )
    planned = {sku: demand for _, sku, demand, _ in rows}
    assert {row[0] for row in rows} == {"fourflow_demo"}
    assert sold <= set(planned)
    assert all(planned[sku] > 0 for sku in sold), json.dumps(planned)
    assert all(row[3] for row in rows if row[1] in sold), "the warehouse's costs"


def test_pages_and_clock_see_one_retailer(retailer: Warehouse):
    assert retailer.query("select business from int_business_clock") == [("fourflow_demo",)]
    (clock,) = retailer.query(
        "select b.as_of = max(s.as_of) from int_business_clock as b, int_source_clock as s "
        "group by b.as_of"
    )
    assert clock == (True,)
    assert retailer.query("select distinct business, channel, funnel from rpt_funnel_daily") == [
        ("fourflow_demo", SHOP, "order_to_cash")
    ]
