"""Pick lists of what was given back: what nobody was told is not told, the rest is called back.

A reservation that ends without leaving (its order was cancelled or edited, or a count found less)
may have been on a pick list. What of that still waits to be sent is given up here; what a warehouse
may know is a row of `pick_recalls`, on which a rule tells it not to pick.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine, select

from connectors.database.schema import decisions, stock_reservations
from orchestration.allocation import order_stock
from orchestration.allocation.explaining import Words
from orchestration.decisions.outbox import deliveries_of, give_up
from orchestration.decisions.states import UNSENT
from orchestration.learning.ml_tables import ML_TABLES

TABLE = "pick_recalls"
# A pick list that nobody called back in a month is no longer worked on.
LOOKS_BACK = timedelta(days=30)
_ACTION = "create_pick_list"
_REASONS = {
    order_stock.CANCELLED: Words(order_stock.CANCELLED, "订单已取消"),
    order_stock.GONE: Words(order_stock.GONE, "订单中已无此商品行"),
    order_stock.EDITED: Words(order_stock.EDITED, "订单改了商品或减少了数量"),
}
_FEWER = Words("a count found less than was reserved", "盘点数量少于预留数量")


def recall_picks(engine: Engine, *, now: datetime) -> pd.DataFrame:
    """Give up what is not sent of the pick lists of reservations given back, and list the others.

    Args:
        engine: the operational database.
        now: the present time.

    Returns:
        One row a pick list line that a warehouse may have been given and must not pick.
    """
    released = _released(engine, now - LOOKS_BACK)
    picks = list(_picks(engine, released)) if released else []
    waiting = {
        pick["pick_decision_id"]: f"not sent: {pick['reason_en']}"
        for pick in picks
        if pick["is_waiting"]
    }
    if waiting:
        give_up(engine, waiting, now=now, actor="allocation")
    rows = sorted(
        (pick for pick in picks if pick["is_sent"]), key=lambda pick: pick["pick_decision_id"]
    )
    return pd.DataFrame(rows, columns=list(ML_TABLES[TABLE])).astype(object)


def _released(engine: Engine, since: datetime) -> dict[str, Any]:
    """Reservations of order lines that were given back since then, by their id."""
    head = stock_reservations.c
    query = select(head.reservation_id, head.reason, head.updated_at).where(
        head.state == "released",
        head.updated_at >= since,
        head.reservation_id.startswith(order_stock.PREFIX, autoescape=True),
    )
    with engine.connect() as connection:
        return {row.reservation_id: row for row in connection.execute(query)}


def _picks(engine: Engine, released: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """The decisions to pick these reservations, as they were told and with what was sent of them.

    A decision is found by its subject, not by its rule: a retailer may have rules of their own.
    """
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    column = decisions.c.subject
    query = select(decisions.c.decision_id, column, decisions.c.explanation).where(
        decisions.c.mode == "act",
        column.contains(f'"reservation_id":"{order_stock.PREFIX}', autoescape=True),
    )
    with engine.connect() as connection:
        for row in connection.execute(query):
            reservation_id = json.loads(row.subject)["reservation_id"]
            if reservation_id in released:
                found[row.decision_id] = (reservation_id, row.explanation)
        deliveries = deliveries_of(connection, found, _ACTION)
    picks: dict[str, dict[str, Any]] = {}
    for delivery in deliveries:
        reservation_id, explanation = found[delivery.decision_id]
        order_key, line_no = order_stock.line_of_key(reservation_id)
        head = released[reservation_id]
        words = _REASONS.get(head.reason, _FEWER)
        told = delivery.payload["data"]["action"]["fields"]
        pick = picks.setdefault(
            delivery.decision_id,
            {
                "pick_decision_id": delivery.decision_id,
                "reservation_id": reservation_id,
                "business": explanation.get("business"),
                "channel": explanation.get("channel"),
                "order_key": order_key,
                "line_no": line_no,
                **{name: told[name] for name in ("order_no", "site", "sku", "quantity")},
                "released_at": head.updated_at,
                "reason_en": words.en,
                "reason_zh": words.zh,
                "is_waiting": False,
                "is_sent": False,
            },
        )
        pick["is_waiting"] |= delivery.state in UNSENT
        # After an attempt nobody knows that nothing arrived.
        pick["is_sent"] |= delivery.state in ("claimed", "delivered") or delivery.attempts > 0
    return picks.values()
