"""What a world has beyond its plain trade, against its truth: told by a reader of its own."""

import csv
import dataclasses
import json
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from connectors.errors import InputError
from connectors.sandbox.build import SandboxReport, build_sandbox
from connectors.sandbox.platforms import SALE
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.stages.catalogue import CATEGORIES
from connectors.sandbox.stages.following import find_follow_ups
from connectors.sandbox.world import NEVER, Scenario, WorldConfig

END = date(2026, 11, 20)
CONFIG = WorldConfig(
    end_date=END, days=150, orders_per_day=80, product_count=100, scenario=Scenario.full()
)
Row = dict[str, str]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> SandboxReport:
    return build_sandbox(CONFIG, tmp_path_factory.mktemp("sandbox"))


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(CONFIG)


@pytest.fixture(scope="module")
def truth(report: SandboxReport) -> dict[str, Any]:
    return json.loads(report.truth_path.read_text(encoding="utf-8"))


def told(report: SandboxReport, entity: str) -> list[Row]:
    """The rows of an entity as they were told, without those told twice and the broken ones."""
    rows = {}
    for path in sorted((report.folder / entity).glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if None not in row and None not in row.values():
                    rows[tuple(row.values())] = row
    return list(rows.values())


def newest(report: SandboxReport, entity: str, key: str) -> dict[str, Row]:
    return {row[key]: row for row in told(report, entity)}


def test_rows_are_counted(report: SandboxReport, truth: dict[str, Any]):
    counted = {
        entity: sum(
            len(path.read_text(encoding="utf-8").splitlines()) - 1
            for path in (report.folder / entity).glob("*.csv")
        )
        for entity in truth["entities"]
    }
    assert counted == {name: figures["rows"] for name, figures in truth["entities"].items()}
    assert len(told(report, "inquiries")) == truth["tools"]["inquiries"]["versions"]
    assert truth["tools"]["inquiries"]["duplicate_rows"] > 0


def test_one_inquiry_in_twenty_becomes_an_order(report: SandboxReport, truth: dict[str, Any]):
    inquiries = newest(report, "inquiries", "inquiry_id").values()
    orders = newest(report, "orders", "order_no")
    decided_before = datetime.fromisoformat(f"{END}T00:00:00") + timedelta(days=1 - 7)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in inquiries:
        asked_at = datetime.fromisoformat(row["asked_at"])
        for place in (row["channel"], "all"):
            count = found[place]
            count["inquiries"] += 1
            count["unanswered"] += not row["first_replied_at"]
            count["ordered"] += bool(row["order_no"])
            count["decided"] += asked_at < decided_before
            count["decided_ordered"] += asked_at < decided_before and bool(row["order_no"])
            count["open"] += asked_at >= decided_before and not row["order_no"]
        if row["order_no"]:
            ordered_at = datetime.fromisoformat(orders[row["order_no"]]["created_at"])
            assert timedelta(0) < ordered_at - asked_at < timedelta(days=7)
    assert truth["inquiries"] == {place: dict(count) for place, count in found.items()}
    everywhere = truth["inquiries"]["all"]
    assert 0.045 < everywhere["decided_ordered"] / everywhere["decided"] < 0.055


def test_who_asks_is_who_orders(report: SandboxReport):
    orders = newest(report, "orders", "order_no")
    asked = [row for row in told(report, "inquiries") if row["order_no"]]
    shops = [row for row in asked if row["channel"] != "wecom"]
    assert {row["customer"] == orders[row["order_no"]]["buyer_id"] for row in shops} == {True}
    # In WeCom the same people have another name, and buy on every channel.
    known = [row for row in asked if row["channel"] == "wecom"]
    assert all(row["customer"].startswith("wmFF") for row in known)
    assert {orders[row["order_no"]]["channel"] for row in known} >= {
        "tmall_flagship",
        "douyin_live",
        "store_pos",
    }


def test_surveys_say_what_the_truth_says_and_late_parcels_cost_points(
    report: SandboxReport, truth: dict[str, Any]
):
    parcels: dict[str, list[Row]] = defaultdict(list)
    for parcel in newest(report, "parcels", "tracking_no").values():
        parcels[parcel["order_no"]].append(parcel)
    orders = newest(report, "orders", "order_no")
    words = {"非常不满意": 1, "不满意": 2, "一般": 3, "满意": 4, "非常满意": 5}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in told(report, "surveys"):
        part = "partner"
        if row["respondent_kind"] == "customer" and row["order_no"]:
            mine = parcels[row["order_no"]]
            assert max(p["delivered_at"] for p in mine) <= row["answered_at"]
            assert orders[row["order_no"]]["buyer_id"] == row["respondent"]
            late = any(p["delivered_at"] > p["promised_at"] for p in mine)
            part = "customer_late" if late else "customer_on_time"
        elif row["respondent_kind"] == "customer":
            part = "customer_not_named"
        score = words[row["score"]] if row["score"] in words else int(row["score"])
        assert 0 <= score <= int(row["scale_max"])
        if row["question"] == "satisfaction":
            found[part].update(responses=1, satisfied=score >= 4)
        else:
            found[part].update(promoters=score >= 9, detractors=score <= 6)
    assert truth["surveys"] == {part: dict(figures) for part, figures in found.items()}
    on_time, late = truth["surveys"]["customer_on_time"], truth["surveys"]["customer_late"]
    # Satisfied are 40 of 100 after a late parcel, 50 after a slow and 85 after a quick one.
    share = late["satisfied"] / late["responses"]
    assert abs(share - 0.4) < 4 * (0.24 / late["responses"]) ** 0.5
    assert on_time["satisfied"] / on_time["responses"] - share > 0.15


def test_an_inquiry_is_told_again_when_it_is_ordered_later(report: SandboxReport):
    versions: dict[str, list[str]] = defaultdict(list)
    for row in told(report, "inquiries"):
        versions[row["inquiry_id"]].append(row["order_no"])
    later = [names for names in versions.values() if len(names) > 1 and names[-1]]
    assert len(later) > 20
    assert all(names[0] == "" for names in later)


def test_visits_end_in_orders_of_the_web_shop(report: SandboxReport, truth: dict[str, Any]):
    events = [
        event
        for path in sorted((report.folder / "ga4").glob("*.parquet"))
        for event in pq.read_table(path).to_pylist()
    ]
    names = Counter(event["event_name"] for event in events)
    steps = ("view_item", "add_to_cart", "begin_checkout", "purchase")
    assert {name: names[name] for name in steps} == {
        name: truth["visits"]["all"][name] for name in steps
    }
    assert len(events) == truth["tools"]["ga4"]["rows"] == truth["visits"]["events"]
    sessions = {
        (event["user_pseudo_id"], event["event_params"][0]["value"]["int_value"])
        for event in events
    }
    assert len(sessions) == truth["visits"]["all"]["visits"]
    assert 0.03 < names["purchase"] / len(sessions) < 0.05
    orders = newest(report, "orders", "order_no")
    for event in events:
        if event["event_name"] == "purchase":
            order = orders[event["ecommerce"]["transaction_id"]]
            assert order["channel"] == "shopify_global"
            assert order["buyer_id"] == event["user_id"]
            # The store's clock is Shanghai's, analytics counts from 1970 in UTC.
            seconds = event["event_timestamp"] // 1_000_000 + 8 * 3_600
            assert (
                str(datetime.fromisoformat("1970-01-01T00:00:00") + timedelta(seconds=seconds))
                == order["created_at"]
            )


def test_formula_is_followed_by_diapers(world: World, truth: dict[str, Any]):
    slugs = [category.slug for category in CATEGORIES]
    bought: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    lines, orders = world.lines, world.orders
    for order, sku in zip(lines.order.tolist(), lines.sku.tolist(), strict=True):
        account = int(orders.account[order])
        is_paid = world.journeys.paid_at[order] != NEVER
        if account >= 0 and orders.order_type[order] == SALE and is_paid:
            slug = slugs[world.products.category[sku]]
            bought[account][slug].append(int(orders.created_at[order]))
    days = 90 * 86_400
    buyers = {a: min(b["infant_formula"]) for a, b in bought.items() if b["infant_formula"]}
    followed = {
        account
        for account, first in buyers.items()
        if any(first < at <= first + days for at in bought[account]["diapers"])
    }
    matured = {a for a, first in buyers.items() if first <= world.config.end_second - days}
    planted = truth["planted"]["follow_up"]
    assert planted["buyers"] == len(buyers)
    assert planted["followed"] == len(followed)
    assert planted["matured_buyers"] == len(matured) > 50
    assert planted["matured_followed"] == len(matured & followed)


def test_six_in_ten_follow_and_without_the_rule_others_do():
    config = dataclasses.replace(CONFIG, days=200, orders_per_day=600)
    assert matured_share(config) == pytest.approx(0.6, abs=0.03)
    plain = dataclasses.replace(config, scenario=Scenario())
    assert abs(matured_share(plain) - 0.6) > 0.1


def matured_share(config: WorldConfig) -> float:
    """Share of the buyers of formula that followed, of those whose 90 days are over."""
    world = simulate(config)
    found = find_follow_ups(
        world.products, len(world.accounts), world.orders, world.lines, world.journeys.paid_at
    )
    matured = found.first_at <= config.end_second - 90 * 86_400
    assert matured.sum() > 800
    return float((found.followed_at[matured] != NEVER).mean())


def test_added_orders_are_orders_like_others(world: World):
    orders, lines = world.orders, world.lines
    assert (np.diff(orders.created_at) >= 0).all()
    assert len(np.unique(orders.number[orders.channel == 0])) == (orders.channel == 0).sum()
    assert (np.diff(orders.number[orders.channel == 1]) > 0).all()
    assert (lines.order == np.repeat(np.arange(len(orders)), orders.line_count)).all()
    assert (lines.order[orders.first_line] == np.arange(len(orders))).all()
    total = np.zeros(len(orders), dtype=np.int64)
    np.add.at(total, lines.order, lines.quantity * lines.unit_price)
    assert (total == orders.total).all()
    assert (orders.total[world.plan.large_orders] > 1_000_000).all()


def test_a_price_holds_from_its_day_on(report: SandboxReport, world: World, truth: dict[str, Any]):
    changes = {row["sku"]: row for row in truth["planted"]["price_changes"]}
    assert 3 <= len(changes) <= 20
    versions: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in told(report, "products"):
        versions[row["sku"]].append((row["modified_at"][:10], row["list_price"]))
    assert {sku for sku, rows in versions.items() if len(rows) > 1} == set(changes)
    for sku, change in changes.items():
        start = str(CONFIG.start_date)
        assert versions[sku] == [(start, change["from"]), (change["changed_on"], change["to"])]
    products, lines = world.products, world.lines
    at = world.orders.created_at[lines.order]
    of_changed = np.flatnonzero(products.repriced_at[lines.sku] != NEVER)
    for line in of_changed[:500].tolist():
        sku = lines.sku[line]
        is_new = at[line] >= products.repriced_at[sku]
        price = products.list_price[sku] if is_new else products.earlier_price[sku]
        assert lines.unit_price[line] == price * lines.discount_percent[line] // 100


def test_double_eleven_is_the_peak(world: World, truth: dict[str, Any]):
    assert truth["planted"]["double_eleven_days"] == ["2026-11-11"]
    assert "2026-11-11" in truth["planted"]["promotion_days"]
    per_day = np.bincount(world.orders.day, minlength=CONFIG.days)
    peak = (date(2026, 11, 11) - CONFIG.start_date).days
    assert per_day[peak] == per_day.max()
    assert per_day[peak] > 2.5 * np.median(per_day)


def test_receivables_are_what_was_invoiced_and_not_settled(
    report: SandboxReport, truth: dict[str, Any]
):
    invoices = newest(report, "invoices", "invoice_no")
    receipts = newest(report, "receipts", "receipt_no")
    settled: dict[str, Decimal] = defaultdict(Decimal)
    used: dict[str, Decimal] = defaultdict(Decimal)
    days = weight = Decimal(0)
    for row in told(report, "payment_allocations"):
        amount, invoice = Decimal(row["amount"]), invoices[row["invoice_no"]]
        assert amount > 0
        settled[row["invoice_no"]] += amount
        used[row["receipt_no"]] += amount
        issued = date.fromisoformat(invoice["issued_on"])
        arrived = date.fromisoformat(receipts[row["receipt_no"]]["arrived_at"][:10])
        if issued <= END - timedelta(days=100):
            days += (arrived - issued).days * amount
            weight += amount
    assert all(settled[number] <= Decimal(row["amount"]) for number, row in invoices.items())
    assert all(used[number] <= Decimal(row["amount"]) for number, row in receipts.items())
    receivable: dict[str, Decimal] = defaultdict(Decimal)
    for number, row in invoices.items():
        receivable[row["customer_no"]] += Decimal(row["amount"]) - settled[number]
    ledger = truth["wholesale"]
    assert {row["customer_no"]: row["receivable_fen"] for row in ledger["customers"]} == {
        customer: int(amount * 100) for customer, amount in receivable.items()
    }
    mature = Decimal(ledger["collection_days"]["mature"])
    assert abs(mature - days / weight) < Decimal("0.6")
    assert 41 < mature < 49


def test_some_distributors_pay_late_and_one_not_at_all(truth: dict[str, Any]):
    customers = truth["wholesale"]["customers"]
    slow = [row for row in customers if row["pays_slowly"]]
    assert len(slow) == 4
    (stopped,) = (row for row in customers if row["has_stopped_paying"])
    assert stopped["overdue_fen"] > 0.2 * stopped["invoiced_fen"] > 0
    good = [row for row in customers if not row["pays_slowly"]]
    assert sum(r["overdue_fen"] for r in good) < 0.1 * sum(r["invoiced_fen"] for r in good)


def test_wholesale_orders_stand_beside_the_shops(report: SandboxReport, truth: dict[str, Any]):
    orders = newest(report, "orders", "order_no")
    wholesale = {n: row for n, row in orders.items() if row["order_type"] == "wholesale"}
    assert len(wholesale) == truth["wholesale"]["orders"] > 100
    assert {row["channel"] for row in wholesale.values()} == {"distributors"}
    assert {row["status"] for row in wholesale.values()} == {"CONFIRMED", "SHIPPED", "DELIVERED"}
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in told(report, "order_lines"):
        if row["order_no"] in wholesale:
            sums[row["order_no"]] += Decimal(row["line_amount"])
    assert all(Decimal(row["total_amount"]) == sums[number] for number, row in wholesale.items())
    invoiced = {row["order_no"]: row["amount"] for row in told(report, "invoices")}
    shipped = {n: r["total_amount"] for n, r in wholesale.items() if r["status"] != "CONFIRMED"}
    assert {number: invoiced[number] for number in shipped} == shipped


def test_what_is_told_beside_the_shop_changes_nothing_in_it():
    plain = WorldConfig(end_date=END, days=20, orders_per_day=40)
    beside = Scenario(
        inquiry_conversion=0.05,
        visit_conversion=0.04,
        distributors=5,
        survey_share=0.3,
        suppliers=9,
    )
    first, second = simulate(plain), simulate(dataclasses.replace(plain, scenario=beside))
    for table in ("orders", "lines", "journeys", "refunds", "stock"):
        for field in dataclasses.fields(getattr(first, table)):
            one, other = (getattr(getattr(w, table), field.name) for w in (first, second))
            assert np.array_equal(one, other), field.name


def test_the_same_scenario_gives_the_same_bytes(tmp_path: Path):
    config = WorldConfig(end_date=END, days=12, orders_per_day=60, scenario=Scenario.full())
    for name in ("one", "other"):
        build_sandbox(config, tmp_path / name)
    written = {path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")}
    assert written == {p.relative_to(tmp_path / "other") for p in (tmp_path / "other").rglob("*.*")}
    for path in written:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "other" / path).read_bytes()


def test_a_plain_world_takes_the_files_of_a_full_one_away(tmp_path: Path):
    config = WorldConfig(end_date=END, days=3, orders_per_day=30, scenario=Scenario.full())
    build_sandbox(config, tmp_path)
    assert list(tmp_path.rglob("*.parquet"))
    build_sandbox(WorldConfig(end_date=END, days=3, orders_per_day=30), tmp_path)
    left = {path.parent.name for path in tmp_path.rglob("*") if path.is_file()}
    assert not left & {"surveys", "inquiries", "ga4", "invoices", "receipts", "payment_allocations"}
    assert not left & {"master_data"}
    assert not left & {"settlement_lines", "other"}
    assert not list(tmp_path.rglob("*wholesale*"))


@pytest.mark.parametrize(("days", "orders_per_day"), [(1, 1), (4, 1), (2, 500)])
def test_the_smallest_full_worlds_can_be_built(days: int, orders_per_day: int, tmp_path: Path):
    for seed in range(3):
        config = WorldConfig(
            end_date=END,
            days=days,
            orders_per_day=orders_per_day,
            seed=seed,
            scenario=Scenario.full(),
        )
        build_sandbox(config, tmp_path)
        for path in tmp_path.rglob("*.*"):
            written_on = path.stem.removesuffix(".wholesale").rsplit("_", 1)[-1]
            if path.name != "truth.json":
                assert config.start_date <= date.fromisoformat(written_on) <= END


@pytest.mark.parametrize(
    "wrong", [{"inquiry_conversion": 1.5}, {"double_eleven_factor": 0.5}, {"distributors": -1}]
)
def test_an_impossible_scenario_is_refused(wrong: dict[str, Any]):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Scenario(**wrong)


def test_a_ring_shares_devices_and_an_address_and_claims_empty_boxes(
    report: SandboxReport, world: World, truth: dict[str, Any]
):
    orders = newest(report, "orders", "order_no")
    claims = {r["order_no"] for r in told(report, "refunds") if r["reason"] == "空包"}
    devices = newest(report, "order_devices", "order_no")
    listed = truth["fraud"]["rings"]
    assert len(listed) >= 2
    of_rings: set[str] = set()
    for ring in listed:
        mine = {n for n, row in orders.items() if row["buyer_id"] in ring["buyer_ids"]}
        of_rings |= mine
        assert len(ring["buyer_ids"]) == 5
        assert len(mine) == ring["orders"] > 10
        assert len(mine & claims) == ring["empty_box_orders"] > 0.4 * len(mine)
        assert len({devices[number]["device_id"] for number in mine}) == 2
        assert len({devices[number]["address_id"] for number in mine}) == 1
    assert len(claims - of_rings) == truth["fraud"]["honest_empty_box_orders"]
    # Honest people share too, but an order's device rarely has as many buyers as a ring's.
    buyers: dict[str, set[str]] = defaultdict(set)
    for number, row in devices.items():
        buyers[row["device_id"]].add(orders[number]["buyer_id"])
    honest = [names for row, names in buyers.items() if not names & _members(listed)]
    assert sum(len(names) > 1 for names in honest) > 5
    assert max(map(len, honest)) < 5


def _members(rings: list[dict[str, Any]]) -> set[str]:
    return {name for ring in rings for name in ring["buyer_ids"]}


def test_an_empty_box_brings_nothing_back(world: World):
    refunds = world.refunds
    empty = refunds.reason == 7
    assert empty.sum() > 20
    assert not refunds.restocks[empty].any()
    assert len(np.unique(refunds.line)) == len(refunds)
    assert (np.diff(refunds.line) > 0).all()
    assert (world.refunded <= world.paid).all()
    assert (world.journeys.delivered_at[refunds.order[empty]] < refunds.requested_at[empty]).all()


def test_exchanges_move_stock_and_no_money(
    report: SandboxReport, world: World, truth: dict[str, Any]
):
    exchanges, stock = world.exchanges, world.stock
    assert not np.isin(exchanges.line, world.refunds.line).any()
    rows = newest(report, "exchanges", "exchange_no").values()
    counted = Counter(row["status"] for row in rows)
    assert {name: n for name, n in truth["exchanges"].items() if n} == dict(counted)
    assert counted["COMPLETED"] > 50
    for row in rows:
        times = [row[n] for n in ("requested_at", "returned_at", "shipped_at", "delivered_at")]
        happened = [time for time in times if time]
        assert happened == sorted(happened) == times[: len(happened)]
        assert bool(row["tracking_no"]) == bool(row["shipped_at"])
    yesterday = np.concatenate([stock.opening[None], stock.on_hand[:-1]])
    moved = stock.received + stock.restocked + stock.adjusted - stock.issued
    assert (stock.on_hand == yesterday + moved).all()
    granted = world.refunds.restocks & ~world.refunds.rejected
    granted &= world.refunds.decided_at != NEVER
    again = (exchanges.received_at != NEVER) & exchanges.restocks
    assert stock.restocked.sum() == world.refunds.quantity[granted].sum() + again.sum()


def test_split_orders_have_two_parcels_and_one_journey(
    report: SandboxReport, world: World, truth: dict[str, Any]
):
    of_order: dict[str, list[Row]] = defaultdict(list)
    for row in newest(report, "parcels", "tracking_no").values():
        of_order[row["order_no"]].append(row)
    twice = [parcels for parcels in of_order.values() if len(parcels) == 2]
    assert len(twice) == truth["split_parcels"]["second_parcels"] > 100
    assert max(map(len, of_order.values())) == 2
    for parcels in twice:
        first, second = sorted(parcels, key=lambda row: int(row["tracking_no"][2:]))
        if second["shipped_at"]:
            assert first["shipped_at"] <= second["shipped_at"]
        if first["delivered_at"]:
            assert second["delivered_at"] <= first["delivered_at"]
    assert (world.second_parcels.shipped_at > world.second_parcels.labelled_at).all()


def test_the_rings_are_no_more_than_asked_for(world: World):
    orders = world.orders
    known = orders.account >= 0
    mine = known & (world.ring[orders.account] >= 0)
    assert 0.002 < mine.mean() < 0.02
    assert (world.ring >= 0).sum() % 5 == 0


def test_books_tie_with_counts_but_for_what_is_planted(
    report: SandboxReport, truth: dict[str, Any]
):
    moved: Counter[tuple[str, str, str]] = Counter()
    for row in told(report, "stock_movements"):
        moved[row["site"], row["sku"], row["moved_at"][:10]] += int(row["quantity"])
    planted: Counter[tuple[str, str, str]] = Counter()
    for loss in truth["goods"]["losses"]:
        planted[loss["site"], loss["sku"], loss["lost_on"]] += loss["pieces"]
        if loss["booked_on"]:
            planted[loss["site"], loss["sku"], loss["booked_on"]] -= loss["pieces"]
    for back in truth["goods"]["unbooked_returns"]:
        planted[back["site"], back["sku"], back["returned_on"]] -= back["pieces"]
    found: Counter[tuple[str, str, str]] = Counter()
    before: dict[tuple[str, str], int] = {}
    for row in sorted(told(report, "stock"), key=lambda row: row["business_date"]):
        place, on_hand = (row["site"], row["sku"]), int(row["on_hand"])
        key = (*place, row["business_date"])
        if place in before:
            found[key] = moved[key] - (on_hand - before[place])
        before[place] = on_hand
    assert {key: n for key, n in found.items() if n} == {k: n for k, n in planted.items() if n}
    assert {bool(loss["booked_on"]) for loss in truth["goods"]["losses"]} == {True, False}
    assert len(truth["goods"]["unbooked_returns"]) > 5
    weights = [row["weight_grams"] for row in told(report, "products")]
    assert 0 < weights.count("") < len(weights) / 5
