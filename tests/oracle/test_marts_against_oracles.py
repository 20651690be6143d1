"""Every important figure of the marts, computed a second time without the models."""

import csv
import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from connectors.lake.attach import connect_snapshot
from connectors.settings import PROJECT_ROOT
from orchestration.walkthrough import write_walkthrough
from tests.oracle import goods, online_retail, online_retail_customers, sandbox, scenario, tmall
from tests.oracle.conftest import Warehouse

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def invoices(real_data: Path) -> dict[str, online_retail.Invoice]:
    return online_retail.read_invoices(real_data / "online_retail_1" / "online_retail.parquet")


def test_every_figure_of_the_simulated_world_is_found(warehouse: Warehouse, full_world: Path):
    assert sandbox.differences(full_world / "truth.json", warehouse.query) == []


def test_what_stands_beside_the_shop_is_found(warehouse: Warehouse, full_world: Path):
    assert scenario.differences(full_world / "truth.json", warehouse.query) == []


def test_goods_are_where_the_simulated_retailer_has_them(warehouse: Warehouse, full_world: Path):
    assert goods.differences(full_world, warehouse.query) == []


def test_states_that_no_mapping_knows_are_those_that_were_planted(
    warehouse: Warehouse, full_world: Path
):
    planted = json.loads((full_world / "truth.json").read_text(encoding="utf-8"))["planted"]
    found = warehouse.query(
        "select source_value, row_count from rpt_unmapped_values "
        "where source = 'sandbox' and mapping = 'order_status_map'"
    )
    assert planted["unmapped_orders"]
    assert dict(found) == Counter(order["status"] for order in planted["unmapped_orders"])


def test_tmall_funnel_is_the_naive_walk(warehouse: Warehouse, real_data: Path):
    orders = tmall.read_orders(real_data / "tmall" / "raw" / "tmall_order_report.csv")
    walked = {
        (f"tmall:{number}", step, outcome)
        for number, steps in tmall.walk_funnel(orders).items()
        for step, outcome in steps
    }
    rows = warehouse.query(
        "select order_key, step_number, outcome from fct_order_funnel "
        "where funnel = 'created_paid_kept'"
    )
    assert set(rows) == walked
    assert len(rows) == len(walked)
    open_orders = sum(outcome == "open" for _, _, outcome in walked)
    assert 0 < open_orders < 3_923, "the last day's unpaid orders are open, older ones dropped"


def test_tmall_amounts_are_exact_per_order(warehouse: Warehouse, real_data: Path):
    orders = tmall.read_orders(real_data / "tmall" / "raw" / "tmall_order_report.csv")
    expected = {
        order.number: (order.total, order.refunded, order.net if order.paid_at else Decimal(0))
        for order in orders
    }
    rows = warehouse.query(
        "select order_no, gross_amount, refunded_amount, net_paid_amount from fct_orders "
        "where source = 'tmall'"
    )
    assert {row[0]: row[1:] for row in rows} == expected


def test_online_retail_documents_and_lines(
    warehouse: Warehouse, invoices: dict[str, online_retail.Invoice]
):
    rows = warehouse.query(
        "select order_no, order_type, gross_amount, line_count, epoch(created_at)::bigint "
        "from fct_orders where source = 'online_retail'"
    )
    expected = {
        (number, i.kind, i.amount, len(i.lines), int(i.created_at.timestamp()))
        for number, i in invoices.items()
    }
    assert len(rows) == 25_900
    assert set(rows) == expected
    lines = warehouse.query(
        "select split_part(order_key, ':', 2), line_no, sku, quantity, line_amount "
        "from fct_order_lines where source = 'online_retail'"
    )
    assert set(lines) == {
        (line.invoice, line.line_no, line.sku, line.quantity, line.amount)
        for invoice in invoices.values()
        for line in invoice.lines
    }
    assert sum(line[4] for line in lines) == Decimal("9726006.95")


def test_returned_units_come_from_the_newest_sale_of_a_stack(
    warehouse: Warehouse, invoices: dict[str, online_retail.Invoice]
):
    rows = warehouse.query(
        "select return_order_no, return_line_no, sale_order_no, sale_line_no, quantity "
        "from int_return_lines_matched"
    )
    assert {row[:4]: row[4] for row in rows} == dict(online_retail.match_returns(invoices))
    amounts: Counter = Counter()
    for number, amount in warehouse.query(
        "select return_order_no, amount from int_return_lines_matched"
    ):
        amounts[number] += amount
    returns = {n: -i.amount for n, i in invoices.items() if i.kind == "return"}
    assert dict(amounts) == returns


def test_rfm_is_the_one_by_sorting(
    warehouse: Warehouse, invoices: dict[str, online_retail.Invoice]
):
    grid_path = warehouse.settings.dbt_project_path / "seeds" / "rfm_segment_grid.csv"
    with grid_path.open(encoding="utf-8", newline="") as file:
        grid = {
            (int(row["recency_score"]), int(row["frequency_score"])): row["segment"]
            for row in csv.DictReader(file)
        }
    rows = warehouse.query(
        "select customer_key, rfm_recency, rfm_frequency, rfm_monetary, rfm_recency_score, "
        "rfm_frequency_score, rfm_monetary_score, rfm_segment from dim_customers "
        "where source = 'online_retail' and rfm_frequency is not null"
    )
    expected = {
        f"online_retail:-:{customer}": (
            rfm.recency,
            rfm.frequency,
            rfm.monetary,
            *rfm.scores,
            grid[rfm.scores[:2]],
        )
        for customer, rfm in online_retail.score_customers(invoices).items()
    }
    assert {row[0]: row[1:] for row in rows} == expected


def test_daily_demand_counts_units_sold(
    warehouse: Warehouse, invoices: dict[str, online_retail.Invoice]
):
    seed = warehouse.settings.dbt_project_path / "seeds" / "non_product_skus.csv"
    with seed.open(encoding="utf-8", newline="") as file:
        fees = {row["sku"] for row in csv.DictReader(file) if row["source"] == "online_retail"}
    expected: Counter = Counter()
    for invoice in invoices.values():
        if invoice.kind != "sale":
            continue
        day = online_retail.business_date(invoice.created_at)
        for line in invoice.lines:
            if line.quantity > 0 and line.sku not in fees:
                expected[line.sku, day] += line.quantity
    rows = warehouse.query(
        "select sku, business_date, quantity from fct_daily_demand where business = 'online_retail'"
    )
    assert {row[:2]: row[2] for row in rows} == dict(expected)


@pytest.fixture(scope="module")
def trade(
    warehouse: Warehouse, real_data: Path, invoices: dict[str, online_retail.Invoice]
) -> online_retail_customers.Trade:
    return online_retail_customers.read_trade(
        real_data / "online_retail_1" / "online_retail.parquet",
        warehouse.settings.dbt_project_path / "seeds" / "non_product_skus.csv",
        invoices,
    )


def test_segments_at_the_end_of_every_month_need_the_orders_alone(
    warehouse: Warehouse, trade: online_retail_customers.Trade
):
    expected = {}
    for day in online_retail_customers.month_ends(trade):
        expected.update(online_retail_customers.score_at(trade, day))
    rows = warehouse.query(
        "select as_of_date, person_key, rfm_recency, rfm_frequency, "
        "(rfm_monetary * 100)::bigint, rfm_recency_score, rfm_frequency_score, rfm_monetary_score "
        "from fct_person_segments where business = 'online_retail'"
    )
    assert {row[:2]: row[2:] for row in rows} == expected
    assert len({row[0] for row in rows}) == 13


def test_cohorts_are_those_of_pandas(warehouse: Warehouse, trade: online_retail_customers.Trade):
    rows = warehouse.query(
        "select cohort_month, months_since, cohort_person_count, active_person_count, "
        "order_count, (net_amount * 100)::bigint, is_complete "
        "from fct_customer_cohorts where business = 'online_retail'"
    )
    assert {row[:2]: row[2:6] for row in rows} == online_retail_customers.cohorts(trade)
    incomplete = {row[:2] for row in rows if not row[6]}
    assert len(incomplete) == 13, "December 2011 is not over for any of the thirteen cohorts"


def test_repurchases_are_those_of_a_walk_over_the_days(
    warehouse: Warehouse, trade: online_retail_customers.Trade
):
    rows = warehouse.query(
        "select window_days, sum(person_count), sum(repurchased_count), sum(open_count), "
        "sum(lapsed_count) from rpt_repurchases where business = 'online_retail' group by all"
    )
    assert {row[0]: row[1:] for row in rows} == {
        days: online_retail_customers.repurchases(trade, days) for days in (30, 60, 90, 180)
    }


def test_baskets_are_those_of_a_matrix_product(
    warehouse: Warehouse, trade: online_retail_customers.Trade
):
    rows = warehouse.query(
        "select antecedent_item, consequent_item, pair_count, antecedent_count, consequent_count, "
        "basket_count from fct_basket_pairs where business = 'online_retail'"
    )
    expected = online_retail_customers.basket_pairs(
        trade, max_items=100, min_count=5, min_support=Decimal("0.001")
    )
    assert {row[:2]: row[2:] for row in rows} == expected


def test_what_follows_is_what_a_walk_over_each_customer_finds(
    warehouse: Warehouse, trade: online_retail_customers.Trade
):
    antecedents = sorted(set(trade.items["StockCode"]))[::80]
    rows = warehouse.query(
        "select antecedent_item, consequent_item, follower_count, matured_follower_count, "
        "buyer_count, matured_buyer_count from fct_product_sequences "
        "where business = 'online_retail'"
    )
    assert {row[:2]: row[2:] for row in rows if row[0] in set(antecedents)} == (
        online_retail_customers.followers(
            trade, antecedents, within_days=90, max_items=200, min_count=5
        )
    )


def test_the_planted_rule_is_found_by_account_and_counted_by_person(
    warehouse: Warehouse, full_world: Path
):
    truth = json.loads((full_world / "truth.json").read_text(encoding="utf-8"))
    rule = truth["planted"]["follow_up"]

    def walk(owner: str, condition: str) -> tuple[int, int]:
        rows = warehouse.query(
            f"select {owner}, o.created_at, p.category from fct_orders o "
            "join fct_order_lines l using (order_key) "
            "join dim_products p on p.business = l.business and p.sku = l.sku "
            "join person_accounts a using (customer_key) "
            "where o.source = 'sandbox' and o.order_type = 'sale' and o.paid_at is not null "
            f"and {condition} order by o.created_at"
        )
        first: dict[str, datetime] = {}
        followed = set()
        for person, at, category in rows:
            if category == rule["first"]:
                first.setdefault(person, at)
        for person, at, category in rows:
            since = at - first.get(person, at)
            if category == rule["then"] and timedelta() < since <= timedelta(rule["within_days"]):
                followed.add(person)
        return len(first), len(followed)

    assert walk("customer_key", "true") == (rule["buyers"], rule["followed"])
    counted = warehouse.query(
        "select buyer_count, follower_count, matured_buyer_count from fct_product_sequences "
        "where business = 'fourflow_demo' and item_type = 'category' "
        f"and antecedent_item = '{rule['first']}' and consequent_item = '{rule['then']}'"
    )
    by_person = walk("person_key", "o.order_status != 'cancelled'")
    assert counted == [(*by_person, rule["matured_buyers"])]


def test_each_buyer_is_offered_the_strongest_of_what_they_lack(warehouse: Warehouse):
    """A walk over each person's purchases, with exact fractions."""
    (as_of,) = warehouse.query(
        "select as_of from int_business_clock where business = 'online_retail'"
    )[0]
    related: dict[str, list[tuple[Fraction, int, str]]] = {}
    for one, other, now, matured, buyers, ripe, theirs, people in warehouse.query(
        "select antecedent_item, consequent_item, follower_count, matured_follower_count, "
        "buyer_count, matured_buyer_count, consequent_buyer_count, person_count "
        "from fct_product_sequences where business = 'online_retail' and item_type = 'sku'"
    ):
        followers, base = (matured, ripe) if ripe >= 10 else (now, buyers)
        confidence = Fraction(followers, base)
        if one == other or followers < 10 or confidence < Fraction(12 * theirs, 10 * people):
            continue
        related.setdefault(one, []).append((-confidence, -followers, other))
    bought: dict[str, dict[str, datetime]] = {}
    for person, item, at in warehouse.query(
        "select person_key, item, created_at from fct_purchase_items "
        "where business = 'online_retail' and item_type = 'sku' and is_person_counted"
    ):
        items = bought.setdefault(person, {})
        items[item] = max(at, items.get(item, at))
    expected = {}
    for person, items in bought.items():
        offers = [
            (*strength, one)
            for one, at in items.items()
            if as_of - at < timedelta(30)
            for strength in sorted(related.get(one, ()))[:10]
            if as_of - items.get(strength[2], as_of - timedelta(90)) >= timedelta(90)
        ]
        if offers:
            _, followers, other, one = min(offers)
            expected[person] = (one, other, -followers, items[one])
    rows = warehouse.query(
        "select person_key, bought_item, offered_item, follower_count, purchased_at "
        "from fct_related_offers where business = 'online_retail' and item_type = 'sku'"
    )
    assert len(expected) > 100
    assert {row[0]: row[1:] for row in rows} == expected


def test_life_cycles_are_told_by_the_last_two_windows(warehouse: Warehouse):
    sold: dict[str, list[tuple[date, int]]] = {}
    for sku, day, quantity in warehouse.query(
        "select sku, business_date, quantity from fct_daily_demand "
        "where business = 'online_retail' order by business_date"
    ):
        sold.setdefault(sku, []).append((day, quantity))
    today, first = date(2011, 12, 9), date(2010, 12, 1)

    def stage(days: list[tuple[date, int]]) -> str:
        ages = [((today - day).days, quantity) for day, quantity in days]
        recent = sum(quantity for age, quantity in ages if age < 28)
        before = sum(quantity for age, quantity in ages if 28 <= age < 56)
        if ages[-1][0] >= 60:
            return "dormant"
        if ages[0][0] < 28 and (days[0][0] - first).days >= 28:
            return "new"
        if recent and recent * 4 >= before * 5:
            return "growing"
        return "declining" if not recent or recent * 4 < before * 3 else "mature"

    rows = warehouse.query(
        "select sku, life_cycle from fct_product_life_cycles where business = 'online_retail'"
    )
    assert dict(rows) == {sku: stage(days) for sku, days in sold.items()}


def test_the_walk_through_online_retail_is_what_the_command_writes(warehouse: Warehouse):
    lake = connect_snapshot(warehouse.settings)

    def rows(sql: str) -> list[dict[str, Any]]:
        result = lake.execute(sql)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    page = PROJECT_ROOT / "docs" / "walkthrough-online-retail.md"
    assert write_walkthrough(rows) == page.read_text(encoding="utf-8")
    lake.close()
