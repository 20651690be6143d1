"""Scores the goods marts against the simulated retailer: its truth and naive walks of its files."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.oracle.sandbox import Difference, Query

Row = dict[str, str]


def differences(folder: Path, query: Query) -> list[Difference]:
    """(what, truth, lake) for every figure of goods that does not agree."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    compared = (
        *_stock(truth, query),
        *_books(truth, query),
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
