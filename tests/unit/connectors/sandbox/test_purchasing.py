"""Suppliers and purchase orders of the simulated retailer, told by a reader of its own."""

import csv
import dataclasses
import json
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.build import SandboxReport, build_sandbox
from connectors.sandbox.world import Scenario, WorldConfig

CONFIG = WorldConfig(
    end_date=date(2026, 11, 20), days=60, orders_per_day=120, scenario=Scenario.full()
)
ENTITIES = ("suppliers", "supplier_prices", "purchase_orders", "purchase_order_lines")
Row = dict[str, str]
Place = tuple[str, str, str]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> SandboxReport:
    return build_sandbox(CONFIG, tmp_path_factory.mktemp("sandbox"))


@pytest.fixture(scope="module")
def supply(report: SandboxReport) -> dict[str, Any]:
    return json.loads(report.truth_path.read_text(encoding="utf-8"))["supply"]


def told(folder: Path, pattern: str) -> list[Row]:
    """The rows of some files in the order of their days."""
    rows = []
    for path in sorted(folder.glob(pattern)):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [row for row in csv.DictReader(file) if None not in (*row, *row.values())]
    return rows


def newest(report: SandboxReport, entity: str, *key: str) -> dict[tuple[str, ...], Row]:
    rows = told(report.folder / "master_data", f"{entity}_2*.csv")
    return {tuple(row[name] for name in key): row for row in rows}


@pytest.fixture(scope="module")
def lines(report: SandboxReport) -> dict[tuple[str, ...], Row]:
    """The lines as they stand at the end, with what their order says."""
    orders = newest(report, "purchase_orders", "purchase_order")
    found = newest(report, "purchase_order_lines", "purchase_order", "line")
    return {key: {**orders[key[:1]], **row} for key, row in found.items()}


def test_rows_are_counted(report: SandboxReport):
    truth = json.loads(report.truth_path.read_text(encoding="utf-8"))
    written = [len(told(report.folder / "master_data", f"{name}_2*.csv")) for name in ENTITIES]
    assert all(written)
    assert truth["tools"]["master_data"]["rows"] == sum(written)


def test_every_article_has_one_first_supplier_who_asks_its_cost(report: SandboxReport):
    prices = newest(report, "supplier_prices", "sku", "priority").values()
    first = [row for row in prices if row["priority"] == "1"]
    cost = {row["sku"]: row["unit_cost"] for row in told(report.folder, "products/*.csv")}
    assert {row["sku"]: row["price"] for row in first} == cost
    assert len(first) == len(cost) == CONFIG.product_count
    of_sku = {row["sku"]: row for row in first}
    second = [row for row in prices if row["priority"] == "2"]
    assert 0.05 < len(second) / len(first) < 0.2
    for row in second:
        assert row["supplier"] != of_sku[row["sku"]]["supplier"]
        assert Decimal(row["price"]) > Decimal(of_sku[row["sku"]]["price"])
    names = [row["name"] for row in newest(report, "suppliers", "supplier").values()]
    assert len(set(names)) == len(names) == CONFIG.scenario.suppliers


def test_what_is_open_is_what_the_warehouses_say_is_inbound(
    report: SandboxReport, lines: dict[tuple[str, ...], Row], supply: dict[str, Any]
):
    still_open: Counter[tuple[str, str]] = Counter()
    for row in lines.values():
        assert (row["received_quantity"] == row["quantity"]) == bool(row["received_at"])
        if row["status"] != "cancelled" and not row["received_at"]:
            still_open[row["site"], row["sku"]] += int(row["quantity"])
    inbound = {
        (row["site"], row["sku"]): int(row["inbound"])
        for row in told(report.folder / "stock", f"{CONFIG.end_date}.csv")
        if int(row["inbound"])
    }
    assert dict(still_open) == inbound
    by_site: Counter[str] = Counter()
    for (site, _), pieces in still_open.items():
        by_site[site] += pieces
    assert dict(by_site) == {site: n for site, n in supply["open_units"].items() if n}
    # The planted shortages: what was on its way has been called off, and nothing else has.
    called_off = [row for row in lines.values() if row["status"] == "cancelled"]
    assert called_off
    assert {row["site"] for row in called_off} == {"wh_east"}


def test_what_came_is_in_the_books_on_its_day(
    report: SandboxReport, lines: dict[tuple[str, ...], Row]
):
    came: Counter[Place] = Counter()
    for row in lines.values():
        if row["received_at"]:
            # Goods for the store come by way of the eastern warehouse.
            site = "wh_east" if row["site"] == "store_sh01" else row["site"]
            came[site, row["sku"], row["received_at"][:10]] += int(row["quantity"])
    booked: Counter[Place] = Counter()
    for movement in {
        tuple(row.values()): row for row in told(report.folder, "stock_movements/*.csv")
    }.values():
        if movement["type"] == "RECEIPT":
            booked[movement["site"], movement["sku"], movement["moved_at"][:10]] += int(
                movement["quantity"]
            )
    assert len(came) > 500
    assert all(booked[place] >= pieces for place, pieces in came.items())
    # Beyond the orders: what a short day buys on the spot, and pieces that vanish as they come.
    assert sum(came.values()) > 0.9 * sum(booked.values())


def test_orders_stand_where_their_lines_do(
    lines: dict[tuple[str, ...], Row], supply: dict[str, Any]
):
    by_order: dict[str, list[Row]] = defaultdict(list)
    for (order, _), row in lines.items():
        by_order[order].append(row)
    for rows in by_order.values():
        came = sum(bool(row["received_at"]) for row in rows)
        expected = "received" if came == len(rows) else "partially_received" if came else "ordered"
        (status,) = {row["status"] for row in rows}
        assert status in (expected, "cancelled")
        assert not (status == "cancelled" and came)
        assert len({(row["site"], row["supplier"], row["ordered_at"][:10]) for row in rows}) == 1
        assert sorted(int(row["line"]) for row in rows) == list(range(1, len(rows) + 1))
    counted = Counter(rows[0]["status"] for rows in by_order.values())
    assert {name: n for name, n in supply["orders_by_status"].items() if n} == dict(counted)
    assert counted["partially_received"] > 0
    late = sum(
        bool(r["received_at"]) and r["received_at"][:10] > r["promised_on"] for r in lines.values()
    )
    assert supply["late_lines"] == late
    # Four of ten deliveries come later than promised, none sooner.
    received = [row for row in lines.values() if row["received_at"]]
    assert 0.3 < late / len(received) < 0.5
    assert all(row["received_at"][:10] >= row["promised_on"] for row in received)


def test_one_supplier_delivers_what_comes_back_most(report: SandboxReport, supply: dict[str, Any]):
    truth = json.loads(report.truth_path.read_text(encoding="utf-8"))
    first: dict[str, str] = {}
    offers: Counter[str] = Counter()
    for row in newest(report, "supplier_prices", "sku", "priority").values():
        offers[row["sku"]] += 1
        if row["priority"] == "1":
            first[row["sku"]] = row["supplier"]
    products = {row["sku"]: row["category"] for row in told(report.folder, "products/*.csv")}
    broken = {row["text"] for row in truth["planted"]["broken_rows"]}
    sku_of, sold = {}, Counter()
    for row in told(report.folder, "order_lines/*.csv"):
        key = (row["order_no"], row["line_no"])
        if ",".join(row.values()) not in broken and key not in sku_of:
            sku_of[key] = row["sku"]
            sold[row["sku"]] += 1
    refunds = {
        row["refund_no"]: sku_of[row["order_no"], row["line_no"]]
        for row in told(report.folder, "refunds/*.csv")
        if ",".join(row.values()) not in broken
    }
    alone: Counter[str] = Counter(first[sku] for sku in refunds.values() if offers[sku] == 1)
    assert {row["supplier_no"]: row["refunds"] for row in supply["suppliers"]} == {
        name["supplier_no"]: alone[name["supplier_no"]] for name in supply["suppliers"]
    }
    returned = Counter(refunds.values())

    def rate(*, poor: bool) -> float:
        mine = [
            sku
            for sku, category in products.items()
            if category == "kids_apparel" and (first[sku] == supply["poor_supplier"]) is poor
        ]
        return sum(returned[sku] for sku in mine) / sum(sold[sku] for sku in mine)

    assert rate(poor=True) > 1.3 * rate(poor=False)


@pytest.mark.parametrize("suppliers", [1, 3, 40])
def test_any_number_of_suppliers_delivers_everything(suppliers: int, tmp_path: Path):
    scenario = Scenario(suppliers=suppliers)
    config = dataclasses.replace(CONFIG, days=20, orders_per_day=30, scenario=scenario)
    built = build_sandbox(config, tmp_path)
    prices = newest(built, "supplier_prices", "sku", "priority").values()
    assert len({row["sku"] for row in prices if row["priority"] == "1"}) == config.product_count
    known = {key for (key,) in newest(built, "suppliers", "supplier")}
    assert len(known) == suppliers
    assert {row["supplier"] for row in prices} <= known
    assert any(row["priority"] == "2" for row in prices) is (suppliers > 1)


def test_suppliers_change_no_order_of_a_seed(tmp_path: Path):
    config = dataclasses.replace(CONFIG, days=10, orders_per_day=30)
    without = dataclasses.replace(config.scenario, suppliers=0)
    for name, scenario in (("with", config.scenario), ("without", without)):
        build_sandbox(dataclasses.replace(config, scenario=scenario), tmp_path / name)
    common = [path for path in (tmp_path / "without").rglob("*.*") if path.name != "truth.json"]
    assert len(common) > 50
    for path in common:
        beside = tmp_path / "with" / path.relative_to(tmp_path / "without")
        assert path.read_bytes() == beside.read_bytes()
