"""Scores the marts against the simulated retailer's truth file: every figure, exactly."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Query = Callable[[str], list[tuple]]
Difference = tuple[str, Any, Any]


def differences(truth_path: Path, query: Query) -> list[Difference]:
    """(what, truth, lake) for every figure that does not agree."""
    truth = json.loads(truth_path.read_text(encoding="utf-8"))
    compared = (
        *_entities(truth, query),
        *_orders(truth, query),
        *_channel_days(truth, query),
        *_funnel(truth, query),
        *_words(truth, query),
        *_stock(truth, query),
        *_planted(truth, query),
    )
    return [(what, expected, found) for what, expected, found in compared if expected != found]


def demo_differences(truth_path: Path, query: Query) -> list[Difference]:
    """As `differences` for the demo, whose shops are read through served platforms.

    The platforms have words of their own, tell refunds and parcels in their own way and never send
    what the files send twice, so what is compared is what every channel agrees on: orders, lines,
    money, days, the funnel and the stock.
    """
    truth = json.loads(truth_path.read_text(encoding="utf-8"))
    compared = (
        *_entities(truth, query),
        *_channels(truth, query, "business = 'fourflow_demo'"),
        *_channel_days(truth, query),
        *_funnel(truth, query),
        *_stock(truth, query),
    )
    return [(what, expected, found) for what, expected, found in compared if expected != found]


def _entities(truth: dict, query: Query) -> Iterator[Difference]:
    found = {
        row[0]: row[1:]
        for row in query(
            "select entity, sum(received)::int, sum(used)::int, sum(duplicates)::int, "
            "sum(quarantined)::int from rpt_conservation where source = 'sandbox' group by entity"
        )
    }
    for entity, figures in truth["entities"].items():
        expected = tuple(
            figures[name] for name in ("rows", "versions", "duplicate_rows", "broken_rows")
        )
        yield f"records of {entity}", expected, found.get(entity, (0, 0, 0, 0))


def _orders(truth: dict, query: Query) -> Iterator[Difference]:
    statuses = {
        (channel, status): count
        for channel, status, count in query(
            # The platforms never say delivered: that comes from the carriers.
            "select channel, case order_status when 'delivered' then 'shipped' "
            "else order_status end as status, count(*) from fct_orders "
            "where source = 'sandbox' group by all"
        )
    }
    for channel, words in truth["orders_by_status"].items():
        for word, count in words.items():
            yield f"{channel} orders {word}", count, statuses.get((channel, word), 0)
    yield from _channels(truth, query, "source = 'sandbox'")


def _channels(truth: dict, query: Query, condition: str) -> Iterator[Difference]:
    figures = query(
        "select channel, count(*) filter (order_type = 'sale') as sale_orders, "
        "count(*) filter (order_type = 'sample') as sample_orders, "
        "sum(line_count)::int as lines, count(paid_at) as paid_orders, "
        "count(*) filter (refunded_amount > 0) as refunded_orders, "
        "sum(gross_amount)::varchar as total_amount, sum(paid_amount)::varchar as paid_amount, "
        "sum(refunded_amount)::varchar as refunded_amount "
        f"from fct_orders where {condition} group by channel"
    )
    names = (
        "sale_orders",
        "sample_orders",
        "lines",
        "paid_orders",
        "refunded_orders",
        "total_amount",
        "paid_amount",
        "refunded_amount",
    )
    found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in figures}
    for channel, expected in truth["channels"].items():
        for name in names:
            yield f"{channel} {name}", expected[name], found.get(channel, {}).get(name)


def _channel_days(truth: dict, query: Query) -> Iterator[Difference]:
    found = {
        row[:2]: row[2:]
        for row in query(
            "select business_date::varchar, channel, order_count, paid_order_count, unit_count, "
            "gross_amount::varchar from rpt_channel_daily where business = 'fourflow_demo'"
        )
    }
    for day in truth["channel_days"]:
        key = (day["date"], day["channel"])
        expected = (day["orders"], day["paid_orders"], day["units"], day["gross_amount"])
        yield f"day {key}", expected, found.get(key, (0, 0, 0, "0.00"))


def _funnel(truth: dict, query: Query) -> Iterator[Difference]:
    found = {
        row[:2]: row[2]
        for row in query(
            "select channel, step_name, sum(reached_count)::int from rpt_funnel_daily "
            "where business = 'fourflow_demo' group by all"
        )
    }
    for channel, steps in truth["funnel"].items():
        for step in ("created", "paid", "shipped", "delivered", "kept"):
            yield f"{channel} {step}", steps[step], found.get((channel, step), 0)


def _words(truth: dict, query: Query) -> Iterator[Difference]:
    for table, name in (("fct_parcels", "parcels_by_status"), ("fct_refunds", "refunds_by_status")):
        found = dict(
            query(
                f"select source_status, count(*) from {table} where source = 'sandbox' group by all"
            )
        )
        for word, count in truth[name].items():
            yield f"{table} {word}", count, found.get(word, 0)


def _stock(truth: dict, query: Query) -> Iterator[Difference]:
    names = ("skus", "on_hand", "reserved", "inbound", "stock_outs")
    found = {
        row[0]: dict(zip(names, row[1:], strict=True))
        for row in query(
            "select site, count(*)::int, sum(on_hand)::int, sum(reserved)::int, "
            "sum(inbound)::int, count(*) filter (on_hand = 0)::int from fct_stock_positions "
            "where business_date = (select max(business_date) from fct_stock_positions) "
            "group by site"
        )
    }
    for site, expected in truth["stock_last_day"].items():
        yield f"stock of {site}", expected, found.get(site)


def _planted(truth: dict, query: Query) -> Iterator[Difference]:
    orders = {
        row[0]: row[1:]
        for row in query(
            "select order_no, order_status, gross_amount::varchar, "
            "source_status from fct_orders where source = 'sandbox'"
        )
    }
    for order in truth["planted"]["edited_orders"]:
        found = orders.get(order["order_no"], (None, None))[1]
        yield f"edited order {order['order_no']}", order["final_amount"], found
    for order in truth["planted"]["unmapped_orders"]:
        status, amount, word = orders.get(order["order_no"], (None, None, None))
        expected = ("unknown", order["total_amount"], order["status"])
        yield f"unmapped order {order['order_no']}", expected, (status, amount, word)
    for order in truth["planted"]["late_orders"]:
        yield f"late order {order['order_no']}", True, order["order_no"] in orders
    for order in truth["planted"]["large_orders"]:
        found = orders.get(order["order_no"], (None, None))[1]
        yield f"large order {order['order_no']}", order["total_amount"], found
