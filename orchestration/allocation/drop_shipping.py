"""Lines of articles that no site stocks: a supplier sends them, and its order tells when it has.

Which suppliers send to customers is the policy's to say. A line is asked for once, by a rule on
`drop_shipments`; the purchase order that comes of it bears the decision's key, so what its source
reads back says that the line is ordered, and what was received that it has been sent.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
from sqlalchemy import Engine, select

from connectors.database.schema import decisions
from orchestration.allocation.explaining import Words
from orchestration.allocation.order_stock import records
from orchestration.allocation.policy import AllocationPolicy
from orchestration.decisions.outbox import deliveries_of, give_up
from orchestration.learning.ml_tables import ML_TABLES

TABLE = "drop_shipments"
READS = (
    "fct_orders", "fct_order_lines", "fct_stock_availability", "dim_suppliers",
    "dim_supplier_prices", "int_business_clock",
)  # fmt: skip
_ORDERS = "fct_purchase_order_lines"
_ACTION = "create_drop_shipment"
_NOT_ASKED = ("rejected", "expired", "held_out", "shadow")

# What was never counted anywhere is stocked nowhere. Of the suppliers that send to customers and
# sell as few as the line asks for, the policy's first goes first, then the article's own order.
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
        partition by orders.order_key, lines.line_no
        order by
            list_position($suppliers, prices.supplier_key), prices.priority, prices.unit_price,
            prices.supplier_price_key
    ) = 1
    order by orders.order_key, lines.line_no
"""
_PURCHASES = """
    select
        decision_id, min(order_no) as purchase_order_no, sum(received_quantity) as received,
        max(received_at) as received_at, max(promised_on) as promised_on
    from fct_purchase_order_lines
    where list_contains($decisions, decision_id) and purchase_order_status <> 'cancelled'
    group by decision_id
"""


def drop_shipments(
    connection: duckdb.DuckDBPyConnection,
    there: set[str],
    engine: Engine,
    policy: AllocationPolicy,
    *,
    now: datetime,
    zone: str,
) -> pd.DataFrame:
    """One row an open order line that a supplier is to send, with how far that has come.

    What was decided for a line that is open no more and has not been told to anybody is given up.

    Args:
        connection: the lake.
        there: its tables.
        engine: the operational database, whose decisions say which lines were asked for.
        policy: says which suppliers send to customers.
        now: the present time.
        zone: the business time zone, whose days are told.
    """
    columns = list(ML_TABLES[TABLE])
    if not policy.drop_ship_suppliers or not there.issuperset(READS):
        return pd.DataFrame(columns=columns).astype(object)
    lines = connection.execute(_LINES, {"suppliers": list(policy.drop_ship_suppliers)}).df()
    lines["drop_shipment_key"] = [f"{row.order_key}:{row.line_no}" for row in records(lines)]
    asked = _asked(engine)
    open_keys = set(lines["drop_shipment_key"])
    overtaken = {
        decision_id: "not sent: the order was cancelled, edited or has left"
        for key, (decision_id, _) in asked.items()
        if key not in open_keys
    }
    if overtaken:
        give_up(engine, overtaken, now=now, actor="allocation")
    purchases = _purchases(connection, there, [decision_id for decision_id, _ in asked.values()])
    rows = [_row(line, asked, purchases, ZoneInfo(zone)) for line in records(lines)]
    return pd.DataFrame(rows, columns=columns).astype(object)


def _asked(engine: Engine) -> dict[str, tuple[str, datetime]]:
    """By line, the decision that asks a supplier for it, and when that was made.

    A decision is found by its subject and action, not by its rule: retailers have rules of theirs.
    """
    query = select(decisions.c.decision_id, decisions.c.subject, decisions.c.created_at).where(
        decisions.c.mode == "act",
        decisions.c.state.not_in(_NOT_ASKED),
        decisions.c.subject.contains('"drop_shipment_key":"', autoescape=True),
    )
    with engine.connect() as connection:
        found = {row.decision_id: row for row in connection.execute(query)}
        sends = {row.decision_id for row in deliveries_of(connection, found, _ACTION)}
    return {
        json.loads(row.subject)["drop_shipment_key"]: (row.decision_id, row.created_at)
        for row in found.values()
        if row.decision_id in sends
    }


def _purchases(
    connection: duckdb.DuckDBPyConnection, there: set[str], decision_ids: Iterable[str]
) -> dict[str, Any]:
    """By decision, the purchase order that came of it as its source tells."""
    if _ORDERS not in there:
        return {}
    found = connection.execute(_PURCHASES, {"decisions": sorted(decision_ids)}).df()
    return {row.decision_id: row for row in records(found)}


def _row(
    line: Any,
    asked: Mapping[str, tuple[str, datetime]],
    purchases: Mapping[str, Any],
    zone: ZoneInfo,
) -> dict[str, Any]:
    decision_id, asked_at = asked.get(line.drop_shipment_key, (None, None))
    purchase = purchases.get(decision_id) if decision_id else None
    row: dict[str, Any] = {**line._asdict(), "decision_id": decision_id}
    if purchase is not None:
        row["purchase_order_no"] = purchase.purchase_order_no
        if purchase.received >= line.quantity:
            row["state"], words = "sent", _sent(line, purchase, zone)
        else:
            row["expected_on"] = _day(purchase.promised_on)
            row["state"], words = "ordered", _ordered(line, purchase)
    elif asked_at is not None:
        row["expected_on"] = _after(asked_at.astimezone(zone).date(), line.lead_time_days)
        row["state"], words = "asked", _told(line, f"{asked_at.astimezone(zone):%Y-%m-%d}")
    else:
        row["expected_on"] = _after(line.business_date.date(), line.lead_time_days)
        row["state"], words = "to_order", _to_order(line)
    return row | {"explanation_en": words.en, "explanation_zh": words.zh}


def _day(moment: Any) -> date | None:
    return None if pd.isna(moment) else pd.Timestamp(moment).date()


def _after(day: date, days: Any) -> date | None:
    return None if pd.isna(days) else day + timedelta(days=int(days))


def _to_order(line: Any) -> Words:
    quantity = int(line.quantity)
    return Words(
        f"no site stocks it; {line.supplier} can send {quantity} to the customer",
        f"各仓店均不备货；可由 {line.supplier} 直发顾客 {quantity} 件",
    )


def _told(line: Any, day: str) -> Words:
    return Words(
        f"{line.supplier} was asked on {day} to send {int(line.quantity)}; its order is not known",
        f"已于 {day} 请 {line.supplier} 直发 {int(line.quantity)} 件，尚无采购单回执",
    )


def _ordered(line: Any, purchase: Any) -> Words:
    day = _day(purchase.promised_on)
    by = Words("", "") if day is None else Words(f", promised for {day}", f"，承诺 {day}")
    return Words(
        f"{line.supplier} has purchase order {purchase.purchase_order_no}{by.en}",
        f"{line.supplier} 已有采购单 {purchase.purchase_order_no}{by.zh}",
    )


def _sent(line: Any, purchase: Any, zone: ZoneInfo) -> Words:
    when = purchase.received_at
    day = "" if pd.isna(when) else f"{pd.Timestamp(when).astimezone(zone):%Y-%m-%d}"
    return Words(
        f"{line.supplier} has sent it: purchase order {purchase.purchase_order_no} was received"
        + (f" on {day}" if day else ""),
        f"{line.supplier} 已发出：采购单 {purchase.purchase_order_no} 已"
        + (f"于 {day} " if day else "")
        + "收货",
    )
