"""Scores the goods marts against the simulated retailer: its truth and naive walks of its files."""

import csv
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from connectors.settings import PROJECT_ROOT
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
        *_parcels(truth, query),
        *_stuck(folder, query),
        *_fulfilment(folder, query),
        *_queue(folder, query),
    )
    return [(what, expected, found) for what, expected, found in compared if expected != found]


def told(folder: Path, entity: str) -> list[Row]:
    """The rows of an entity in the order of its files, each once, without the broken ones."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    broken = {row["text"] for row in truth["planted"]["broken_rows"]}
    rows: dict[tuple[str, ...], Row] = {}
    for path in sorted((folder / entity).glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                is_whole = None not in row and None not in row.values()
                if is_whole and ",".join(row.values()) not in broken:
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


def _parcels(truth: dict, query: Query) -> Iterator[Difference]:
    """Promises kept and broken by carrier; the late lane is late beyond the others."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for carrier, outcome, count in query(
        "select carrier, outcome, count(*) from fct_parcel_performance "
        "where business = 'fourflow_demo' and outcome <> 'not_shipped' group by 1, 2"
    ):
        found[carrier][outcome] = count
    for carrier, fates in truth["goods"]["parcels"].items():
        expected = {
            "in_time": fates["in_time"],
            "late": fates["late"],
            "overdue": fates["overdue"],
            "open": fates["open"],
            "returned": fates["refused"],
        }
        yield f"parcels of {carrier}", expected, found[carrier]
    lane = truth["planted"]["late_lane"]
    names = ", ".join(f"'{name}'" for name in lane["provinces"])
    (of_lane,) = query(
        f"select sum(late_count + overdue_count), sum(judged_count) from rpt_carrier_lanes "
        f"where carrier = '{lane['carrier']}' and province in ({names})"
    )
    (of_others,) = query(
        f"select sum(late_count + overdue_count), sum(judged_count) from rpt_carrier_lanes "
        f"where not (carrier = '{lane['carrier']}' and province in ({names}))"
    )
    stands_out = of_lane[0] * of_others[1] > 5 * of_others[0] * of_lane[1]
    yield "the late lane stands out", True, stands_out


def _stuck(folder: Path, query: Query) -> Iterator[Difference]:
    """No carrier scans in these files: in trouble for a day, or under way for a week."""
    newest = {row["tracking_no"]: row for row in _in_time(told(folder, "parcels"), "modified_at")}
    end = _end(folder)
    limits = {"EXCEPTION": timedelta(hours=24)}
    expected = {
        number
        for number, row in newest.items()
        if row["shipped_at"]
        and row["status"] not in ("DELIVERED", "RETURNED")
        and end - datetime.fromisoformat(row["shipped_at"])
        > limits.get(row["status"], timedelta(hours=168))
    }
    found = query(
        "select parcel_no from fct_parcel_performance where business = 'fourflow_demo' and is_stuck"
    )
    yield "stuck parcels", expected, {number for (number,) in found}


def _fulfilment(folder: Path, query: Query) -> Iterator[Difference]:
    """Freight, handling and kilograms of every order, walked line by line through the seeds."""
    tariffs = {(row["carrier"], row["distance_class"]): row for row in _seed("freight_tariffs")}
    services = {(row["carrier"], row["distance_class"]): row for row in _seed("carrier_services")}
    factors = {row["activity"]: Decimal(row["kg_co2e"]) for row in _seed("emission_factors")}
    (rates,) = _seed("handling_rates")
    kilograms = {
        row["sku"]: Decimal(row["weight_grams"] or 500) / 1000 for row in told(folder, "products")
    }
    lines = {(row["order_no"], row["line_no"]): row for row in told(folder, "order_lines")}.values()
    weight: dict[str, Decimal] = defaultdict(Decimal)
    units: Counter[str] = Counter()
    line_count: Counter[str] = Counter()
    for row in lines:
        weight[row["order_no"]] += int(row["quantity"]) * kilograms[row["sku"]]
        units[row["order_no"]] += int(row["quantity"])
        line_count[row["order_no"]] += 1
    ways = {
        row[0]: row[1:]
        for row in query(
            "select parcel_no, split_part(order_key, ':', 2), carrier, distance_class, "
            "distance_km from fct_parcel_performance "
            "where business = 'fourflow_demo' and shipped_at is not null"
        )
    }
    of_order: dict[str, list[str]] = defaultdict(list)
    for row in {row["tracking_no"]: row for row in told(folder, "parcels")}.values():
        of_order[row["order_no"]].append(row["tracking_no"])
    expected = {}
    for order, parcels in of_order.items():
        sent = [number for number in parcels if number in ways]
        if not sent:
            continue
        share = weight[order] / len(parcels)
        freight = carbon = Decimal(0)
        for number in sent:
            _, carrier, far, km = ways[number]
            tariff = tariffs.get((carrier, far)) or tariffs["*", far]
            service = services.get((carrier, far)) or services["*", far]
            over = max(share - Decimal(tariff["first_weight_kg"]), Decimal(0))
            steps = math.ceil(over / Decimal(tariff["step_weight_kg"]))
            freight += Decimal(tariff["first_amount"]) + steps * Decimal(tariff["step_amount"])
            carbon += share / 1000 * km * factors[service["transport_mode"]]
            carbon += Decimal(rates["parcel_packaging_kg"]) * factors["packaging"]
        handling = (
            Decimal(rates["order_amount"])
            + Decimal(rates["line_amount"]) * line_count[order]
            + Decimal(rates["unit_amount"]) * units[order]
            + Decimal(rates["parcel_packaging_amount"]) * len(sent)
        )
        expected[order] = (freight + handling, carbon)
    found = {
        row[0]: row[1:]
        for row in query(
            "select split_part(order_key, ':', 2), fulfilment_amount, kg_co2e "
            "from fct_order_fulfilment_costs where business = 'fourflow_demo' "
            "and order_key not like '%@%'"
        )
    }
    yield "orders with a cost", len(expected), len(found)
    wrong = {
        order: (figures, found.get(order))
        for order, figures in expected.items()
        if order not in found
        or figures[0] != found[order][0]
        or abs(figures[1] - found[order][1]) > Decimal("0.00001")
    }
    yield "costs and kilograms of orders", {}, dict(list(wrong.items())[:5])


def _queue(folder: Path, query: Query) -> Iterator[Difference]:
    """Who waits on the last evening: paid, not cancelled, nothing shipped."""
    shipped = {row["order_no"] for row in told(folder, "parcels") if row["shipped_at"]}
    newest = {row["order_no"]: row for row in _in_time(told(folder, "orders"), "modified_at")}
    closed = {"TRADE_CLOSED", "TRADE_CLOSED_BY_TAOBAO", "4", "CANCELLED", "VOID", "TRADE_MYSTERY"}
    waiting = [
        row
        for number, row in newest.items()
        if row["channel"] not in ("store_pos", "distributors")
        and (row["paid_at"] or row["order_type"] == "sample")
        and number not in shipped
        and row["status"] not in closed
    ]
    end = _end(folder)
    minutes = sum(
        int((end - datetime.fromisoformat(row["paid_at"] or row["created_at"])).total_seconds())
        // 60
        for row in waiting
    )
    found = query(
        "select sum(waiting_order_count)::int, sum(waited_minutes)::int from rpt_warehouse_queue "
        "where business = 'fourflow_demo' and business_date = "
        f"date '{(end - timedelta(days=1)).date()}'"
    )
    yield "orders that wait at the end", (len(waiting), minutes), found[0]


def _in_time(rows: list[Row], clock: str) -> list[Row]:
    """The rows by the time at which they became what they are: the newest of each comes last."""
    return sorted(rows, key=lambda row: row[clock])


def _end(folder: Path) -> datetime:
    """Midnight after the last day."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return datetime.fromisoformat(truth["config"]["end_date"]) + timedelta(days=1)


def _seed(name: str) -> list[Row]:
    path = PROJECT_ROOT / "dbt_project" / "seeds" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
