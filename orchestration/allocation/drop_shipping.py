"""Lines of articles that no site stocks: a supplier sends them, and its order tells when it has.

Which suppliers send to customers is the policy's to say. A line is asked for by a rule on
`drop_shipments`; the purchase order that comes of it bears the decision's key, so what its source
reads back says that the line is ordered, and what was received that it has been sent. A purchase
that is wanted no more is called back by a rule, too, before the line is asked for again.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
from sqlalchemy import Engine

from orchestration.allocation.drop_purchases import (
    OVER,
    Purchase,
    Reason,
    Standing,
    key_of,
    read_purchases,
)
from orchestration.allocation.explaining import Words
from orchestration.allocation.order_stock import OrderLine, records
from orchestration.allocation.policy import AllocationPolicy
from orchestration.decisions.outbox import give_up
from orchestration.learning.ml_tables import ML_TABLES

TABLE = "drop_shipments"
READS = (
    "fct_orders", "fct_order_lines", "fct_stock_availability", "dim_suppliers",
    "dim_supplier_prices", "int_business_clock",
)  # fmt: skip
STANDING = ("asked", "ordered", "sent", "to_recall", "recalling", "not_recalled")
"""States in which a purchase stands: the line is nobody else's to serve."""
_FOLLOWS = ("fct_orders", "fct_order_lines", "int_business_clock")
_BOUGHT = "fct_purchase_order_lines"
# What became of a purchase is told for a month.
_LOOKS_BACK = timedelta(days=30)

# What was never counted anywhere is stocked nowhere. Suppliers that send to customers and sell as
# few as the line asks for, in the policy's order and then the article's own.
_LINES = """
    select
        orders.business, orders.channel, orders.order_key, lines.line_no, orders.order_no,
        lines.sku, lines.quantity, coalesce(orders.paid_at, orders.created_at) as demanded_at,
        clock.as_of_date as business_date, prices.supplier_key, prices.supplier_no,
        coalesce(suppliers.name, prices.supplier_no) as supplier, prices.unit_price,
        cast(prices.unit_price * lines.quantity as decimal(18, 2)) as amount,
        prices.currency_code, coalesce(prices.lead_time_days, suppliers.lead_time_days)
            as lead_time_days
    from fct_orders as orders
    join fct_order_lines as lines using (order_key)
    join int_business_clock as clock on orders.business = clock.business
    join dim_supplier_prices as prices
        on orders.business = prices.business and lines.sku = prices.sku
    join dim_suppliers as suppliers on prices.supplier_key = suppliers.supplier_key
    where
        list_contains($suppliers, prices.supplier_key)
        and coalesce(suppliers.is_active, true)
        and coalesce(prices.valid_from <= clock.as_of_date, true)
        and coalesce(prices.valid_until >= clock.as_of_date, true)
        and coalesce(prices.minimum_order_quantity, 0) <= lines.quantity
        and orders.order_type in ('sale', 'sample', 'wholesale')
        and orders.order_status in ('paid', 'allocated')
        and orders.shipped_at is null
        and lines.is_product and lines.quantity > 0
        and not exists (
            from fct_stock_availability as stock
            where stock.business = orders.business and stock.sku = lines.sku
                and stock.counted_on is not null
        )
    qualify row_number() over (
        partition by orders.order_key, lines.line_no, prices.supplier_key
        order by prices.priority, prices.unit_price, prices.supplier_price_key
    ) = 1
    order by
        orders.order_key, lines.line_no, list_position($suppliers, prices.supplier_key),
        prices.priority, prices.unit_price, prices.supplier_price_key
"""
_ASKED = """
    select
        orders.order_key, orders.business, orders.channel, orders.order_no, orders.order_status,
        orders.shipped_at is not null
            or orders.order_status in ('shipped', 'delivered', 'completed') as has_left,
        coalesce(orders.paid_at, orders.created_at) as demanded_at,
        clock.as_of_date as business_date
    from fct_orders as orders
    join int_business_clock as clock on orders.business = clock.business
    where list_contains($keys, orders.order_key)
"""
_ASKED_LINES = """
    select order_key, line_no, sku, quantity
    from fct_order_lines
    where list_contains($keys, order_key) and is_product and quantity > 0
"""
_PURCHASES = """
    select
        decision_id, min(order_no) as purchase_order_no,
        coalesce(sum(received_quantity) filter (where purchase_order_status <> 'cancelled'), 0)
            as received,
        max(received_at) as received_at, max(promised_on) as promised_on,
        bool_and(purchase_order_status = 'cancelled') as is_cancelled,
        list_distinct(list(source)) as sources
    from fct_purchase_order_lines
    where list_contains($decisions, decision_id)
    group by decision_id
"""
_LEFT = Words("the order has left", "订单已发出")
_REASONS: Mapping[Reason, Words] = {
    "cancelled": Words("the order is cancelled", "订单已取消"),
    "gone": Words("the line is no longer in the order", "订单中已无此商品行"),
    "edited": Words(
        "the order asks for another article or quantity", "订单改了商品或数量"
    ),
    "refused": Words("the supplier has cancelled it", "供应商已取消"),
}  # fmt: skip


class _Lake(NamedTuple):
    """What the lake tells of the lines: who could send them, and what became of purchases."""

    offers: Mapping[OrderLine, list[Any]]
    orders: Mapping[str, Any]
    lines: Mapping[OrderLine, Any]
    purchases: Mapping[str, Any]


class _Told(NamedTuple):
    """A purchase, how far it has come, and why it is wanted no more."""

    purchase: Purchase
    standing: Standing
    wish: Reason | None


def drop_shipments(
    connection: duckdb.DuckDBPyConnection,
    there: set[str],
    engine: Engine,
    policy: AllocationPolicy,
    *,
    now: datetime,
    zone: str,
) -> pd.DataFrame:
    """One row a purchase of an order line that a supplier is to send, with how far that has come.

    What was decided for a line that is open no more and has not been told to anybody is given up.

    Args:
        connection: the lake.
        there: its tables.
        engine: the operational database, whose decisions say which lines were asked for.
        policy: says which suppliers send to customers.
        now: the present time.
        zone: the business time zone, whose days are told.
    """
    asked = read_purchases(engine) if there.issuperset(_FOLLOWS) else []
    lake = _read(connection, there, policy, asked)
    wishes = {one.decision_id: _wish(one, lake) for one in asked}
    overtaken = {
        one.decision_id: f"not sent: {(_REASONS[wish] if wish else _LEFT).en}"
        for one in asked
        if (wish := wishes[one.decision_id]) or _has_left(one, lake)
    }
    if overtaken:
        give_up(engine, overtaken, now=now, actor="allocation")
    told = [
        _Told(one, one.standing(wishes[one.decision_id], _cancelled_at(one, lake)),
              wishes[one.decision_id])
        for one in asked
        if one.line[0] in lake.orders and not _has_left(one, lake)
    ]  # fmt: skip
    by_line = {line: list(own) for line, own in groupby(told, key=lambda one: one.purchase.line)}
    rows = [
        row
        for line in sorted({*lake.offers, *by_line})
        for row in _rows(line, by_line.get(line, []), lake, now, ZoneInfo(zone))
    ]
    return pd.DataFrame(rows, columns=list(ML_TABLES[TABLE])).astype(object)


def supplied_lines(rows: pd.DataFrame) -> dict[OrderLine, date | None]:
    """Lines whose purchase stands, with the day that is expected: no stock is reserved for them."""
    return {
        (row.order_key, int(row.line_no)): _day(row.expected_on)
        for row in records(rows)
        if row.state in STANDING
    }


def _read(
    connection: duckdb.DuckDBPyConnection,
    there: set[str],
    policy: AllocationPolicy,
    asked: Iterable[Purchase],
) -> _Lake:
    offers: dict[OrderLine, list[Any]] = {}
    if policy.drop_ship_suppliers and there.issuperset(READS):
        found = connection.execute(_LINES, {"suppliers": list(policy.drop_ship_suppliers)}).df()
        for row in records(found):
            offers.setdefault((row.order_key, int(row.line_no)), []).append(row)
    keys = sorted({one.line[0] for one in asked})
    if not keys:
        return _Lake(offers, {}, {}, {})
    orders = connection.execute(_ASKED, {"keys": keys}).df()
    lines = connection.execute(_ASKED_LINES, {"keys": keys}).df()
    purchases = pd.DataFrame()
    if _BOUGHT in there:
        decision_ids = sorted(one.decision_id for one in asked)
        purchases = connection.execute(_PURCHASES, {"decisions": decision_ids}).df()
    return _Lake(
        offers,
        {row.order_key: row for row in records(orders)},
        {(row.order_key, int(row.line_no)): row for row in records(lines)},
        {row.decision_id: row for row in records(purchases)},
    )


def _has_left(one: Purchase, lake: _Lake) -> bool:
    order = lake.orders.get(one.line[0])
    return order is not None and bool(order.has_left)


def _wish(one: Purchase, lake: _Lake) -> Reason | None:
    """Why a purchase is wanted no more; None while it is, or where the order is not known."""
    order, line = lake.orders.get(one.line[0]), lake.lines.get(one.line)
    if order is None or order.has_left:
        return None
    if order.order_status == "cancelled":
        return "cancelled"
    if line is None:
        return "gone"
    if not one.asks_for(line.sku, int(line.quantity)):
        return "edited"
    known = lake.purchases.get(one.decision_id)
    return "refused" if known is not None and known.is_cancelled else None


def _cancelled_at(one: Purchase, lake: _Lake) -> frozenset[str]:
    known = lake.purchases.get(one.decision_id)
    return frozenset(known.sources) if known is not None and known.is_cancelled else frozenset()


def _rows(
    line: OrderLine, told: list[_Told], lake: _Lake, now: datetime, zone: ZoneInfo
) -> Iterable[dict[str, Any]]:
    """What is told of a line: its purchases, and what is to be ordered when none stands."""
    offers = lake.offers.get(line, [])
    stands = any(one.standing not in OVER for one in told)
    refused = {one.purchase.fields.get("supplier_no") for one in told if one.standing == "refused"}
    offer = next((one for one in offers if one.supplier_no not in refused), None)
    for one in told:
        if one.standing not in OVER:
            yield _standing_row(one, lake, zone)
        elif one.standing in ("recalled", "refused"):
            nobody_left = bool(offers) and offer is None and not stands and one is told[-1]
            row = _over_row(one, lake, zone, nobody_left=nobody_left)
            if nobody_left or row["over_at"] >= now - _LOOKS_BACK:
                yield row
    if offer is not None and not stands:
        attempt = 1
        if told:
            # What a person has said no to is not asked for again under another key.
            attempt = told[-1].purchase.attempt + (told[-1].standing != "declined")
        yield {
            **offer._asdict(),
            "drop_shipment_key": key_of(line, attempt),
            "attempt": attempt,
            "state": "to_order",
            "expected_on": _after(offer.business_date.date(), offer.lead_time_days),
            **_texts(_to_order(offer)),
        }


def _common(one: _Told, lake: _Lake) -> dict[str, Any]:
    """What the row of a purchase says of it, as it was asked for."""
    purchase, fields = one.purchase, one.purchase.fields
    order = lake.orders[purchase.line[0]]
    known = lake.purchases.get(purchase.decision_id)
    return {
        "drop_shipment_key": purchase.key,
        "attempt": purchase.attempt,
        "business": order.business,
        "channel": order.channel,
        "order_key": purchase.line[0],
        "line_no": purchase.line[1],
        "order_no": order.order_no,
        "sku": fields.get("sku"),
        "quantity": int(Decimal(fields.get("quantity", "0"))),
        "demanded_at": order.demanded_at,
        "supplier_key": purchase.explanation.get("supplier_key"),
        "supplier_no": fields.get("supplier_no"),
        "unit_price": Decimal(fields["unit_price"]) if fields.get("unit_price") else None,
        "amount": purchase.amount,
        "currency_code": purchase.currency_code,
        "decision_id": purchase.decision_id,
        "purchase_order_no": None if known is None else known.purchase_order_no,
        "business_date": order.business_date,
        "recall_decision_id": purchase.recall.decision_id if purchase.recall else None,
    }


def _standing_row(one: _Told, lake: _Lake, zone: ZoneInfo) -> dict[str, Any]:
    """A purchase that stands, and whether it is to be called back."""
    row, purchase = _common(one, lake), one.purchase
    known = lake.purchases.get(purchase.decision_id)
    offer = _offer_of(purchase, lake)
    name = _supplier(purchase, offer)
    asked_on = purchase.asked_at.astimezone(zone).date()
    if one.standing != "asked":
        reason = _reason_of(one)
        assert reason is not None  # noqa: S101 - nothing else is called back
        words = _REASONS[reason]
        return row | {
            "state": one.standing,
            "recall_key": purchase.recall_key,
            "recall_reason": reason,
            "reason_en": words.en,
            "reason_zh": words.zh,
            **_texts(_CALLED_BACK[one.standing](name, words)),
        }
    if known is not None and not known.is_cancelled:
        if known.received >= row["quantity"]:
            return row | {"state": "sent", **_texts(_sent(name, known, zone))}
        promised = {"expected_on": _day(known.promised_on)}
        return row | promised | {"state": "ordered", **_texts(_ordered(name, known))}
    lead_time = None if offer is None else offer.lead_time_days
    return row | {
        "state": "asked",
        "expected_on": _after(asked_on, lead_time),
        **_texts(_asked(name, row["quantity"], f"{asked_on:%Y-%m-%d}")),
    }


def _over_row(one: _Told, lake: _Lake, zone: ZoneInfo, *, nobody_left: bool) -> dict[str, Any]:
    """A purchase that was called back, and when (`over_at`)."""
    purchase, recall = one.purchase, one.purchase.recall
    assert recall is not None  # noqa: S101 - nothing else ends a purchase that somebody got
    reason = _REASONS[_reason_of(one) or "cancelled"]
    name = _supplier(purchase, _offer_of(purchase, lake))
    day = f"{recall.updated_at.astimezone(zone):%Y-%m-%d}"
    words = Words(
        f"{name} sends none: called back on {day}, because {reason.en}",
        f"{name} 不再直发：已于 {day} 撤回，因{reason.zh}",
    )
    if nobody_left:
        words = Words(
            f"{name} has cancelled it, and no other supplier that sends to customers has it",
            f"{name} 已取消，且无其他可直发的供应商",
        )
    return _common(one, lake) | {
        "state": "refused" if nobody_left else "recalled",
        "reason_en": reason.en,
        "reason_zh": reason.zh,
        "over_at": recall.updated_at,
        **_texts(words),
    }


def _reason_of(one: _Told) -> Reason | None:
    """Why it is or was called back: as its recall says, else as the lake tells today."""
    told = one.purchase.recall.reason if one.purchase.recall else None
    return next((known for known in _REASONS if known == told), one.wish)


def _offer_of(purchase: Purchase, lake: _Lake) -> Any:
    """What its supplier would ask for the line today; None when it would not sell it any more."""
    offers = lake.offers.get(purchase.line, [])
    number = purchase.fields.get("supplier_no")
    return next((one for one in offers if one.supplier_no == number), None)


def _supplier(purchase: Purchase, offer: Any) -> str:
    return str(purchase.fields.get("supplier_no") if offer is None else offer.supplier)


def _texts(words: Words) -> dict[str, str]:
    return {"explanation_en": words.en, "explanation_zh": words.zh}


def _day(moment: Any) -> date | None:
    return None if pd.isna(moment) else pd.Timestamp(moment).date()


def _after(day: date, days: Any) -> date | None:
    return None if pd.isna(days) else day + timedelta(days=int(days))


def _to_order(offer: Any) -> Words:
    quantity = int(offer.quantity)
    return Words(
        f"no site stocks it; {offer.supplier} can send {quantity} to the customer",
        f"各仓店均不备货；可由 {offer.supplier} 直发顾客 {quantity} 件",
    )


def _asked(name: str, quantity: int, day: str) -> Words:
    return Words(
        f"{name} was asked on {day} to send {quantity}; its order is not known",
        f"已于 {day} 请 {name} 直发 {quantity} 件，尚无采购单回执",
    )


def _ordered(name: str, purchase: Any) -> Words:
    day = _day(purchase.promised_on)
    by = Words("", "") if day is None else Words(f", promised for {day}", f"，承诺 {day}")
    return Words(
        f"{name} has purchase order {purchase.purchase_order_no}{by.en}",
        f"{name} 已有采购单 {purchase.purchase_order_no}{by.zh}",
    )


def _sent(name: str, purchase: Any, zone: ZoneInfo) -> Words:
    when = purchase.received_at
    day = "" if pd.isna(when) else f"{pd.Timestamp(when).astimezone(zone):%Y-%m-%d}"
    return Words(
        f"{name} has sent it: purchase order {purchase.purchase_order_no} was received"
        + (f" on {day}" if day else ""),
        f"{name} 已发出：采购单 {purchase.purchase_order_no} 已"
        + (f"于 {day} " if day else "")
        + "收货",
    )


_CALLED_BACK: Mapping[str, Callable[[str, Words], Words]] = {
    "to_recall": lambda name, reason: Words(
        f"{reason.en}: {name} is to be told not to send it",
        f"{reason.zh}，须通知 {name} 勿再发货",
    ),
    "recalling": lambda name, reason: Words(
        f"{reason.en}: {name} is being told not to send it",
        f"{reason.zh}，正在通知 {name} 勿再发货",
    ),
    "not_recalled": lambda name, reason: Words(
        f"{reason.en}, and the purchase from {name} could not be called back",
        f"{reason.zh}，但 {name} 的采购未能撤回",
    ),
}
