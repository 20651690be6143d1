"""A world with everything, from its files to the marts: every figure as the truth has it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.lake.attach import connect_snapshot
from connectors.sandbox.build import build_sandbox
from connectors.sandbox.exports import TOOLS
from connectors.sandbox.world import Scenario, WorldConfig
from connectors.settings import Settings, load_settings
from connectors.sources.files.load import load_files
from tests.models import build_models, rows
from tests.oracle.sandbox import differences

pytestmark = pytest.mark.integration

MARTS = (
    "+fct_inquiries",
    "+fct_visits",
    "+fct_invoices",
    "+fct_receipts",
    "+fct_payment_allocations",
    "+rpt_conservation",
    "+rpt_channel_daily",
    "+rpt_funnel_daily",
    "+fct_stock_positions",
    "+fct_refunds",
    "+fct_parcels",
    "+fct_exchanges",
    "+fct_order_devices",
    "assert_allocations_stay_within_invoices_and_receipts",
    "assert_inquiries_tie_to_records",
    "assert_visits_tie_to_events",
)
"""What the oracle compares, with what each of them needs."""


@pytest.fixture(scope="module")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """A lake with all files of a world, and the truth file of that world."""
    folder = tmp_path_factory.mktemp("scenario")
    config = WorldConfig(
        end_date=date(2026, 11, 20),
        days=30,
        orders_per_day=60,
        product_count=60,
        scenario=Scenario.full(),
    )
    report = build_sandbox(config, folder / "files")
    settings = load_settings(home=folder / "home")
    settings.enabled_sources_path.parent.mkdir(parents=True)
    settings.enabled_sources_path.write_text(",".join(("sandbox", *TOOLS)), encoding="utf-8")
    load_files(settings, "sandbox", report.folder)
    for tool in TOOLS:
        load_files(settings, tool, report.folder / tool)
    build_models(settings, *MARTS)
    return settings, report.truth_path


def truth_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_shops_own_figures_are_the_truths(retailer: tuple[Settings, Path]):
    settings, truth_path = retailer
    lake = connect_snapshot(settings)
    try:
        lake.execute("set search_path = 'lake.marts,lake.reports,lake.intermediate'")
        found = differences(truth_path, lambda sql: lake.execute(sql).fetchall())
    finally:
        lake.close()
    assert found == []


def test_inquiries_and_visits_find_their_orders(retailer: tuple[Settings, Path]):
    settings, truth_path = retailer
    truth = truth_of(truth_path)
    inquiries = rows(
        settings,
        "select channel, count(*), count(*) filter (is_won), count(order_key), "
        "count(*) filter (first_replied_at is null), count(*) filter (is_out_of_order) "
        "from lake.marts.fct_inquiries group by 1",
    )
    assert sorted(inquiries) == sorted(
        (place, n["inquiries"], n["ordered"], n["ordered"], n["unanswered"], 0)
        for place, n in truth["inquiries"].items()
        if place != "all"
    )
    visits = rows(
        settings,
        "select traffic_medium, count(*), count(product_viewed_at), count(added_to_cart_at), "
        "count(checkout_started_at), count(purchased_at), count(order_key) "
        "from lake.marts.fct_visits group by 1",
    )
    assert sorted(visits) == sorted(
        (
            medium, n["visits"], n["view_item"], n["add_to_cart"], n["begin_checkout"],
            n["purchase"], n["purchase"],
        )
        for medium, n in truth["visits"]["by_medium"].items()
    )  # fmt: skip
    assert {
        (source, int(received))
        for source, received in rows(
            settings,
            "select source, sum(received) from lake.reports.rpt_conservation "
            "where source in ('inquiries', 'ga4') group by 1",
        )
    } == {(tool, truth["tools"][tool]["rows"]) for tool in TOOLS}


def test_receivables_are_the_ledgers(retailer: tuple[Settings, Path]):
    settings, truth_path = retailer
    ledger = truth_of(truth_path)["wholesale"]
    found = rows(
        settings,
        "select split_part(customer_key, ':', 3), (sum(amount) * 100)::bigint, "
        "(sum(open_amount) * 100)::bigint, "
        "coalesce((sum(open_amount) filter (due_on < date '2026-11-20') * 100)::bigint, 0) "
        "from lake.marts.fct_invoices group by 1",
    )
    assert sorted(found) == [
        (row["customer_no"], row["invoiced_fen"], row["receivable_fen"], row["overdue_fen"])
        for row in ledger["customers"]
    ]
    on_account = rows(
        settings,
        "select split_part(customer_key, ':', 3), (sum(unallocated_amount) * 100)::bigint "
        "from lake.marts.fct_receipts group by 1",
    )
    assert {name: fen for name, fen in on_account if fen} == {
        row["customer_no"]: row["on_account_fen"]
        for row in ledger["customers"]
        if row["on_account_fen"]
    }
    ((days, allocated),) = rows(
        settings,
        "select round(sum(collection_days * amount) / sum(amount), 2)::varchar, "
        "(sum(amount) * 100)::bigint from lake.marts.fct_payment_allocations",
    )
    assert float(days) == pytest.approx(float(ledger["collection_days"]["all"]), abs=0.01)
    assert allocated == ledger["allocated_fen"]
    # Orders of before the window are in no file; every other invoice has its order.
    ((with_order, wholesale),) = rows(
        settings,
        "select (select count(order_key) from lake.marts.fct_invoices), count(*) "
        "from lake.marts.fct_orders where order_type = 'wholesale' and order_status <> 'created'",
    )
    assert with_order == wholesale > 0


def test_a_ring_is_seen_by_what_it_shares(retailer: tuple[Settings, Path]):
    settings, truth_path = retailer
    rings = truth_of(truth_path)["fraud"]["rings"]
    members = {buyer for ring in rings for buyer in ring["buyer_ids"]}
    shared = rows(
        settings,
        "select distinct split_part(orders.customer_key, ':', 3) "
        "from lake.marts.fct_order_devices as devices "
        "inner join lake.marts.fct_orders as orders on devices.order_key = orders.order_key "
        "where devices.device_customer_count >= 4 and devices.address_customer_count >= 4",
    )
    assert {buyer for (buyer,) in shared} == members
    ((first, second),) = rows(
        settings,
        "select min(length(device_token)), count(*) filter (order_key is null) "
        "from lake.marts.fct_order_devices",
    )
    assert (first, second) == (64, 0)


def test_exchanges_stand_where_the_truth_has_them(retailer: tuple[Settings, Path]):
    settings, truth_path = retailer
    found = dict(
        rows(settings, "select source_status, count(*) from lake.marts.fct_exchanges group by 1")
    )
    truth = truth_of(truth_path)["exchanges"]
    assert found == {word: count for word, count in truth.items() if count}
    derived = rows(
        settings,
        "select count(*) from lake.marts.fct_exchanges where exchange_status <> "
        "case source_status when 'RECEIVED' then 'returned' else lower(source_status) end",
    )
    assert derived == [(0,)]
