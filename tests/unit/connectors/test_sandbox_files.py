"""The files of the simulated retailer, read by a naive reader, against the truth file."""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import InputError
from connectors.sandbox.build import SandboxReport, build_sandbox
from connectors.sandbox.platforms import ENTITY_COLUMNS
from connectors.sandbox.world import DefectRates, WorldConfig

END = date(2026, 6, 30)
RATES = DefectRates(
    duplicate_rows=0.01,
    late_orders=0.02,
    edited_orders=0.02,
    unmapped_status=0.01,
    broken_rows=0.001,
)
CONFIG = WorldConfig(end_date=END, days=20, orders_per_day=150, defects=RATES)

MONEY = {
    "orders": ("total_amount", "paid_amount"),
    "order_lines": ("unit_price", "line_amount"),
    "payments": ("amount",),
    "refunds": ("amount",),
    "products": ("unit_cost", "list_price"),
}
IDS = {
    "orders": ("order_no",),
    "order_lines": ("order_no", "line_no"),
    "payments": ("payment_no",),
    "refunds": ("refund_no",),
    "parcels": ("tracking_no",),
    "stock": ("business_date", "site", "sku"),
    "products": ("sku",),
    "customers": ("channel", "buyer_id"),
}
CANONICAL = {
    "WAIT_BUYER_PAY": "awaiting_payment",
    "WAIT_SELLER_SEND_GOODS": "paid",
    "WAIT_BUYER_CONFIRM_GOODS": "shipped",
    "TRADE_FINISHED": "completed",
    "TRADE_CLOSED": "cancelled",
    "TRADE_CLOSED_BY_TAOBAO": "cancelled",
    "TRADE_MYSTERY": "unknown",
    "1": "awaiting_payment",
    "105": "paid",
    "2": "allocated",
    "3": "shipped",
    "4": "cancelled",
    "5": "completed",
    "COMPLETED": "completed",
    "VOID": "cancelled",
    "PENDING": "awaiting_payment",
    "PAID": "paid",
    "FULFILLED": "shipped",
    "ARCHIVED": "completed",
    "CANCELLED": "cancelled",
}
Row = dict[str, str]


@dataclass
class Reading:
    """What a reader with nothing but the csv module makes of one entity's files."""

    rows: int = 0
    broken: int = 0
    duplicates: int = 0
    versions: list[tuple[str, Row]] = field(default_factory=list)
    newest: dict[tuple[str, ...], Row] = field(default_factory=dict)


def problem(entity: str, values: list[str]) -> str | None:
    """Why a row can't be used."""
    columns = ENTITY_COLUMNS[entity]
    if len(values) != len(columns):
        return "fields"
    row = dict(zip(columns, values, strict=True))
    if not row.get("order_no", "x") or "E+" in row.get("order_no", ""):
        return "order_no"
    try:
        for name in MONEY.get(entity, ()):
            Decimal(row[name] or "0")
        for name in columns:
            if name.endswith("_at") and row[name]:
                assert len(row[name]) == 19
                datetime.fromisoformat(row[name])
    except (InvalidOperation, ValueError):
        return "value"
    return None


def read(folder: Path, entity: str) -> Reading:
    reading, seen = Reading(), set()
    for path in sorted((folder / entity).iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            assert tuple(next(lines)) == ENTITY_COLUMNS[entity]
            for values in lines:
                reading.rows += 1
                if problem(entity, values):
                    reading.broken += 1
                elif tuple(values) in seen:
                    reading.duplicates += 1
                else:
                    seen.add(tuple(values))
                    row = dict(zip(ENTITY_COLUMNS[entity], values, strict=True))
                    reading.versions.append((path.stem, row))
                    key = tuple(row[name] for name in IDS[entity])
                    known = reading.newest.get(key)
                    if known is None or known.get("modified_at", "") <= row.get("modified_at", ""):
                        reading.newest[key] = row
    return reading


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> SandboxReport:
    return build_sandbox(CONFIG, tmp_path_factory.mktemp("sandbox"))


@pytest.fixture(scope="module")
def truth(report: SandboxReport) -> dict[str, Any]:
    return json.loads(report.truth_path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def readings(report: SandboxReport) -> dict[str, Reading]:
    return {entity: read(report.folder, entity) for entity in ENTITY_COLUMNS}


def fingerprints(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_same_configuration_gives_the_same_bytes(tmp_path: Path, report: SandboxReport) -> None:
    build_sandbox(CONFIG, tmp_path)
    assert fingerprints(tmp_path) == fingerprints(report.folder)


def test_another_seed_gives_another_world(tmp_path: Path, report: SandboxReport) -> None:
    build_sandbox(
        WorldConfig(end_date=END, days=20, orders_per_day=150, seed=8, defects=RATES), tmp_path
    )
    assert fingerprints(tmp_path) != fingerprints(report.folder)


@pytest.mark.parametrize("entity", ENTITY_COLUMNS)
def test_rows_are_versions_and_duplicates_and_broken_rows(
    entity: str, readings: dict[str, Reading], truth: dict[str, Any], report: SandboxReport
) -> None:
    reading = readings[entity]
    assert truth["entities"][entity] == {
        "rows": reading.rows,
        "versions": len(reading.versions),
        "duplicate_rows": reading.duplicates,
        "broken_rows": reading.broken,
        "records": len(reading.newest),
        "files": len(list((report.folder / entity).iterdir())),
    }
    assert report.rows_by_entity[entity] == reading.rows


def test_orders_by_status(readings: dict[str, Reading], truth: dict[str, Any]) -> None:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in readings["orders"].newest.values():
        found[row["channel"]][CANONICAL[row["status"]]] += 1
    for channel, counts in truth["orders_by_status"].items():
        assert {name: n for name, n in counts.items() if n} == dict(found[channel])


def test_channel_figures(readings: dict[str, Reading], truth: dict[str, Any]) -> None:
    refunded: Counter[str] = Counter()
    for row in readings["refunds"].newest.values():
        if row["status"] == "SUCCESS":
            refunded[row["order_no"]] += Decimal(row["amount"])  # type: ignore[assignment]
    orders = readings["orders"].newest.values()
    for channel, figures in truth["channels"].items():
        mine = [row for row in orders if row["channel"] == channel]
        assert figures["sale_orders"] == sum(row["order_type"] == "sale" for row in mine)
        assert figures["paid_orders"] == sum(bool(row["paid_at"]) for row in mine)
        total = sum(Decimal(row["total_amount"]) for row in mine)
        assert figures["total_amount"] == str(total)
        paid = sum(Decimal(row["paid_amount"] or "0") for row in mine)
        assert Decimal(figures["paid_amount"]) == paid
        back = sum(refunded[row["order_no"]] for row in mine)
        assert Decimal(figures["refunded_amount"]) == back


def test_channel_days(readings: dict[str, Reading], truth: dict[str, Any]) -> None:
    units: Counter[str] = Counter()
    for row in readings["order_lines"].newest.values():
        units[row["order_no"]] += int(row["quantity"])
    counts: Counter[tuple[str, str]] = Counter()
    pieces: Counter[tuple[str, str]] = Counter()
    gross: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in readings["orders"].newest.values():
        if row["order_type"] == "sale":
            cell = (row["created_at"][:10], row["channel"])
            counts[cell] += 1
            pieces[cell] += units[row["order_no"]]
            gross[cell] += Decimal(row["total_amount"])
    for figures in truth["channel_days"]:
        cell = (figures["date"], figures["channel"])
        assert (figures["orders"], figures["units"]) == (counts[cell], pieces[cell])
        assert Decimal(figures["gross_amount"]) == gross[cell]


def test_funnel(readings: dict[str, Reading], truth: dict[str, Any]) -> None:
    parcels = {row["order_no"]: row for row in readings["parcels"].newest.values()}
    refunded: dict[str, Decimal] = defaultdict(Decimal)
    for row in readings["refunds"].newest.values():
        if row["status"] == "SUCCESS":
            refunded[row["order_no"]] += Decimal(row["amount"])
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in readings["orders"].newest.values():
        if row["order_type"] != "sale":
            continue
        at_the_till = row["channel"] == "store_pos"
        parcel = parcels.get(row["order_no"], {})
        reached = found[row["channel"]]
        reached["created"] += 1
        if not row["paid_at"]:
            continue
        reached["paid"] += 1
        net = Decimal(row["paid_amount"]) - refunded[row["order_no"]]
        reached["paid_and_net_positive"] += net > 0
        if at_the_till or parcel.get("shipped_at"):
            reached["shipped"] += 1
            if at_the_till or parcel.get("delivered_at"):
                reached["delivered"] += 1
                reached["kept"] += net > 0
    assert truth["funnel"] == {channel: dict(counts) for channel, counts in found.items()}


def test_parcels_refunds_and_stock(readings: dict[str, Reading], truth: dict[str, Any]) -> None:
    for entity, name in (("parcels", "parcels_by_status"), ("refunds", "refunds_by_status")):
        found = Counter(row["status"] for row in readings[entity].newest.values())
        assert {word: n for word, n in truth[name].items() if n} == dict(found)
    for site, figures in truth["stock_last_day"].items():
        rows = [
            row
            for row in readings["stock"].newest.values()
            if row["site"] == site and row["business_date"] == END.isoformat()
        ]
        for name in ("on_hand", "reserved", "inbound"):
            assert figures[name] == sum(int(row[name]) for row in rows)


def test_every_amount_adds_up_and_has_two_decimals(readings: dict[str, Reading]) -> None:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in readings["order_lines"].newest.values():
        assert Decimal(row["line_amount"]) == int(row["quantity"]) * Decimal(row["unit_price"])
        sums[row["order_no"]] += Decimal(row["line_amount"])
    payments = {row["order_no"]: row["amount"] for row in readings["payments"].newest.values()}
    for row in readings["orders"].newest.values():
        assert Decimal(row["total_amount"]) == sums[row["order_no"]]
        if row["paid_at"]:
            assert payments.pop(row["order_no"]) == row["paid_amount"] == row["total_amount"]
    assert not payments
    for entity, names in MONEY.items():
        for _, row in readings[entity].versions:
            assert all(row[name] == "" or row[name][-3] == "." for name in names)


def test_no_time_is_after_the_end(readings: dict[str, Reading]) -> None:
    for reading in readings.values():
        for file_day, row in reading.versions:
            for name, value in row.items():
                if name.endswith("_at") and name != "promised_at":
                    assert value[:10] <= file_day <= END.isoformat()


def test_order_numbers_are_long_text(readings: dict[str, Reading]) -> None:
    for (number,), row in readings["orders"].newest.items():
        if row["channel"] == "store_pos":
            assert number.startswith("POS")
        else:
            digits = {"tmall_flagship": 18, "douyin_live": 19, "shopify_global": 13}
            assert len(number) == digits[row["channel"]]
            assert (2**53 < int(number) < 2**63) == (row["channel"] != "shopify_global")


def test_late_and_edited_and_unmapped_orders_are_as_listed(
    readings: dict[str, Reading], truth: dict[str, Any]
) -> None:
    planted = truth["planted"]
    first_file: dict[str, str] = {}
    amounts: dict[str, list[str]] = defaultdict(list)
    for file_day, row in readings["orders"].versions:
        first_file.setdefault(row["order_no"], file_day)
        amounts[row["order_no"]].append(row["total_amount"])
    late = {row["order_no"]: row["first_file"] for row in planted["late_orders"]}
    created = {
        number: row["created_at"][:10] for (number,), row in readings["orders"].newest.items()
    }
    assert late == {n: day for n, day in first_file.items() if day > created[n]}
    edited = {
        row["order_no"]: (row["first_amount"], row["final_amount"])
        for row in planted["edited_orders"]
    }
    assert edited == {n: (a[0], a[-1]) for n, a in amounts.items() if len(set(a)) > 1}
    mystery = {
        number
        for (number,), row in readings["orders"].newest.items()
        if row["status"] == "TRADE_MYSTERY"
    }
    assert mystery == {row["order_no"] for row in planted["unmapped_orders"]}
    assert min(len(late), len(edited), len(mystery)) >= 10


def test_broken_rows_are_as_listed_and_cost_no_true_order(
    report: SandboxReport, readings: dict[str, Reading], truth: dict[str, Any]
) -> None:
    broken = truth["planted"]["broken_rows"]
    assert len({row["reason"] for row in broken}) == 6
    assert len({(row["entity"], row["text"]) for row in broken}) == len(broken)
    for row in broken:
        lines = (report.folder / row["file"]).read_text(encoding="utf-8").splitlines()
        assert lines.count(row["text"]) == 1
        assert problem(row["entity"], row["text"].split(","))
        if row["entity"] == "orders":
            assert (row["text"].split(",")[0],) not in readings["orders"].newest


def test_duplicates_are_in_the_same_and_in_the_next_file(
    report: SandboxReport, truth: dict[str, Any]
) -> None:
    files = defaultdict(list)
    for path in sorted((report.folder / "orders").iterdir()):
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            files[line].append(path.stem)
    repeated = {line: days for line, days in files.items() if len(days) > 1}
    listed = Counter(truth["planted"]["duplicate_rows"]["orders"])
    assert Counter(line.split(",")[0] for line in repeated) == listed
    assert {len(set(days)) for days in repeated.values()} == {1, 2}


def test_large_orders_are_listed(readings: dict[str, Reading], truth: dict[str, Any]) -> None:
    listed = {row["order_no"]: row["total_amount"] for row in truth["planted"]["large_orders"]}
    found = {
        number: row["total_amount"]
        for (number,), row in readings["orders"].newest.items()
        if Decimal(row["total_amount"]) > 10_000
    }
    assert listed == found
    assert sum(row["is_above_50000"] for row in truth["planted"]["large_orders"]) >= 2


def test_a_world_without_defects_is_clean(tmp_path: Path) -> None:
    config = WorldConfig(end_date=END, days=3, orders_per_day=40, defects=DefectRates.none())
    truth = json.loads(build_sandbox(config, tmp_path).truth_path.read_text(encoding="utf-8"))
    for figures in truth["entities"].values():
        assert figures["rows"] == figures["versions"]
    assert truth["planted"]["broken_rows"] == []


@pytest.mark.parametrize("days", [1, 2, 4])
def test_the_smallest_worlds_can_be_built(days: int, tmp_path: Path) -> None:
    config = WorldConfig(end_date=END, days=days, orders_per_day=1)
    for seed in range(4):
        report = build_sandbox(
            WorldConfig(end_date=config.end_date, days=days, orders_per_day=1, seed=seed), tmp_path
        )
        assert report.order_count <= 20


def test_rebuilding_replaces_old_day_files_only(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "2020-01-01.csv").write_text("old", encoding="utf-8")
    (tmp_path / "orders" / "notes.txt").write_text("mine", encoding="utf-8")
    build_sandbox(WorldConfig(end_date=END, days=2, orders_per_day=20), tmp_path)
    assert not (tmp_path / "orders" / "2020-01-01.csv").exists()
    assert (tmp_path / "orders" / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match="can't be written"):
        build_sandbox(WorldConfig(end_date=END, days=1, orders_per_day=5), tmp_path / "taken")


def test_progress_is_reported_from_start_to_end(tmp_path: Path) -> None:
    shares: list[float] = []
    build_sandbox(
        WorldConfig(end_date=END, days=2, orders_per_day=10),
        tmp_path,
        on_progress=lambda _, share: shares.append(share),
    )
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
