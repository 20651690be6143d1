"""Scores the goods marts against the simulated retailer: its truth and naive walks of its files."""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.oracle.sandbox import Difference, Query

Row = dict[str, str]


def differences(folder: Path, query: Query) -> list[Difference]:
    """(what, truth, lake) for every figure of goods that does not agree."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    compared = (
        *_stock(truth, query),
        *_books(truth, query),
        *_layers(folder, query),
        *_oversold(folder, truth, query),
        *_inventory_days(folder, query),
    )
    return [(what, expected, found) for what, expected, found in compared if expected != found]


def told(folder: Path, entity: str) -> list[Row]:
    """The rows of an entity in the order of its files, each once."""
    rows: dict[tuple[str, ...], Row] = {}
    for path in sorted((folder / entity).glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if None not in row and None not in row.values():
                    rows.setdefault(tuple(row.values()), row)
    return list(rows.values())


def _stock(truth: dict, query: Query) -> Iterator[Difference]:
    """The last count of every article at every site, by name."""
    found: dict[str, dict[str, list[int]]] = {}
    for site, sku, *figures in query(
        "select site, sku, on_hand, reserved, inbound from fct_stock_positions "
        f"where source = 'sandbox' and business_date = date '{truth['config']['end_date']}'"
    ):
        found.setdefault(site, {})[sku] = figures
    yield "stock by site and SKU", truth["goods"]["last_day"], found


def _books(truth: dict, query: Query) -> Iterator[Difference]:
    """The books are off where something was planted, on its day, and nowhere else."""
    goods = truth["goods"]
    planted: Counter[tuple[str, str, str]] = Counter()
    for loss in goods["losses"]:
        planted[loss["site"], loss["sku"], loss["lost_on"]] += loss["pieces"]
        if loss["booked_on"]:
            planted[loss["site"], loss["sku"], loss["booked_on"]] -= loss["pieces"]
    for back in goods["unbooked_returns"]:
        planted[back["site"], back["sku"], back["returned_on"]] -= back["pieces"]
    found = query(
        "select site, sku, cast(business_date as varchar), new_difference_quantity::int "
        "from fct_stock_ledger where business = 'fourflow_demo' and new_difference_quantity <> 0"
    )
    yield (
        "differences of the books",
        {key: pieces for key, pieces in planted.items() if pieces},
        {row[:3]: row[3] for row in found},
    )
    open_pieces = sum(planted.values())
    ((missing, unnamed),) = query(
        "select sum(difference_quantity)::int, "
        "count(*) filter ((difference_quantity <> 0) = (difference_bucket = 'none')) "
        "from fct_stock_ledger where business = 'fourflow_demo' and is_last_count"
    )
    yield "pieces that the newest counts miss", (open_pieces, 0), (missing, unnamed)
    units = goods["units_by_type"]
    expected = {
        "receipt": units["RECEIPT"],
        "sale": units["SALE"],
        "customer_return": units["CUSTOMER_RETURN"],
        "transfer": units["TRANSFER_OUT"] + units["TRANSFER_IN"],
        "adjustment": units["COUNT"],
    }
    booked = query(
        "select sum(receipt_quantity)::int, sum(sale_quantity)::int, "
        "sum(customer_return_quantity)::int, sum(transfer_quantity)::int, "
        "sum(adjustment_quantity)::int from fct_stock_ledger where business = 'fourflow_demo'"
    )
    yield "units by type of movement", tuple(expected.values()), booked[0]


def _layers(folder: Path, query: Query) -> Iterator[Difference]:
    """Every unit that ever came stands in a queue; what was counted last is its end."""
    counts: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for row in told(folder, "stock"):
        counts[row["site"], row["sku"]].append((row["business_date"], int(row["on_hand"])))
    came: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    moved_first: Counter[tuple[str, str]] = Counter()
    first_day = min(day for days in counts.values() for day, _ in days)
    for row in told(folder, "stock_movements"):
        place, day, pieces = (row["site"], row["sku"]), row["moved_at"][:10], int(row["quantity"])
        if pieces > 0:
            came[place][day] += pieces
        if day == first_day:
            moved_first[place] += pieces
    expected = {}
    for place, days in counts.items():
        (opened_on, first), (_, last) = min(days), max(days)
        units = [("opening", opened_on)] * (first - moved_first[place])
        for day in sorted(came[place]):
            units += [("received", day)] * came[place][day]
        left = Counter(units[len(units) - last :] if last else [])
        missing = last - len(units)
        if missing > 0:
            left["unexplained", min(units)[1] if units else ""] += missing
        expected.update({(*place, *layer): pieces for layer, pieces in left.items()})
    found = query(
        "select site, sku, layer_type, cast(received_on as varchar), remaining_quantity::int "
        "from fct_stock_layers where business = 'fourflow_demo'"
    )
    yield "layers of the stock", expected, {row[:4]: row[4] for row in found}


def _oversold(folder: Path, truth: dict, query: Query) -> Iterator[Difference]:
    expected = {
        (site, sku): reserved - on_hand
        for site, skus in truth["goods"]["last_day"].items()
        for sku, (on_hand, reserved, _) in skus.items()
        if reserved > on_hand
    }
    found = query(
        "select site, sku, last_oversold_quantity from fct_oversells "
        "where business = 'fourflow_demo' and is_open"
    )
    yield "oversold at the end", expected, {row[:2]: row[2] for row in found}
    counted_less: Counter[tuple[str, str, str]] = Counter()
    for row in told(folder, "stock_movements"):
        if row["type"] == "COUNT":
            counted_less[row["site"], row["sku"], row["moved_at"][:10]] -= int(row["quantity"])
    short = {
        (row["site"], row["sku"], row["business_date"]): int(row["reserved"]) - int(row["on_hand"])
        for row in told(folder, "stock")
    }
    causes = query(
        "select site, sku, cast(started_on as varchar), cause = 'stock_count' "
        "from fct_oversells where business = 'fourflow_demo'"
    )
    yield (
        "oversells that a count caused",
        {row[:3]: counted_less[row[:3]] >= short[row[:3]] for row in causes},
        {row[:3]: row[3] for row in causes},
    )
    yield "a planted shortage oversells", True, any(is_count for *_, is_count in causes)


def _inventory_days(folder: Path, query: Query) -> Iterator[Difference]:
    """Stock-outs, average stock and cost of goods sold by site and day, from the files alone."""
    cost = {row["sku"]: Decimal(row["unit_cost"]) for row in told(folder, "products")}
    days: dict[tuple[str, str], list] = defaultdict(lambda: [0, 0, Decimal(0), 0, Decimal(0)])
    for row in told(folder, "stock"):
        figures = days[row["site"], row["business_date"]]
        on_hand, reserved = int(row["on_hand"]), int(row["reserved"])
        figures[0] += 1
        figures[1] += on_hand - reserved <= 0
        figures[2] += on_hand * cost[row["sku"]]
    for row in told(folder, "stock_movements"):
        if row["type"] in ("SALE", "CUSTOMER_RETURN"):
            figures = days[row["site"], row["moved_at"][:10]]
            figures[3] -= int(row["quantity"])
            figures[4] -= int(row["quantity"]) * cost[row["sku"]]
    found = query(
        "select site, cast(business_date as varchar), sum(sku_count)::int, "
        "sum(stock_out_sku_count)::int, sum(stock_value), sum(sold_quantity)::int, "
        "sum(cost_of_goods_sold) from rpt_inventory_daily where business = 'fourflow_demo' "
        "group by 1, 2"
    )
    yield (
        "inventory by site and day",
        {key: tuple(figures) for key, figures in days.items()},
        {row[:2]: row[2:] for row in found},
    )
