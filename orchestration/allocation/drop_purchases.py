"""What the ledger says of purchases that suppliers send to customers: asked for, told, called back.

A line may be asked for several times, one after another, and each purchase bears its own decision.
It stands until its recall is confirmed, or nobody was ever told of it: so at most one of a line's
purchases stands, whatever happens in whatever order.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Engine, Row, select

from connectors.database.schema import decisions
from orchestration.allocation.order_stock import OrderLine
from orchestration.decisions.outbox import deliveries_of

PURCHASE = "create_drop_shipment"
RECALL = "recall_drop_shipment"
Reason = Literal["cancelled", "gone", "edited", "refused"]
Standing = Literal[
    "asked", "to_recall", "recalling", "not_recalled", "recalled", "refused", "lapsed", "declined"
]
OVER: frozenset[Standing] = frozenset({"recalled", "refused", "lapsed", "declined"})
_KEY = re.compile(r"(?P<order_key>.+):(?P<line_no>\d+)(?:/(?P<attempt>\d+))?")
_ARRIVED = ("confirmed", "measured")


@dataclass(frozen=True)
class Recall:
    """The decision to call a purchase back."""

    decision_id: str
    state: str
    state_reason: str | None
    reason: str | None
    updated_at: datetime

    def outcome(self, *, is_known_over: bool) -> Standing:
        """What it makes of its purchase.

        Args:
            is_known_over: the purchase's own source has it as cancelled.
        """
        if self.state in _ARRIVED or (is_known_over and self.state == "dead"):
            return "refused" if self.reason == "refused" else "recalled"
        if self.state == "dead":
            return "not_recalled"
        return "asked" if self.state == "rejected" else "recalling"


@dataclass(frozen=True)
class Purchase:
    """One purchase of a line, as the ledger has it.

    Attributes:
        line: which order line.
        attempt: 1 for the line's first purchase.
        fields: what its action told the targets.
        sinks: who may have got it; empty when nobody was told.
        is_in_flight: a worker is sending it at this moment.
        recall: the last decision to call it back that has not gone stale.
        lapsed_recalls: how many of them went stale unsent.
    """

    line: OrderLine
    attempt: int
    decision_id: str
    state: str
    asked_at: datetime
    explanation: Mapping[str, Any]
    fields: Mapping[str, str]
    amount: Decimal | None
    currency_code: str | None
    sinks: frozenset[str]
    is_in_flight: bool
    recall: Recall | None = None
    lapsed_recalls: int = 0

    @property
    def key(self) -> str:
        """The key of its row in `drop_shipments`."""
        return key_of(self.line, self.attempt)

    @property
    def recall_key(self) -> str:
        """What a decision to call it back is about."""
        number = self.lapsed_recalls + 1
        return self.decision_id + (f"/{number}" if number > 1 else "")

    def asks_for(self, sku: str, quantity: int) -> bool:
        """Whether that is what was asked for."""
        told = self.fields
        return told.get("sku") == sku and Decimal(told.get("quantity", "0")) == quantity

    def standing(self, wish: Reason | None, cancelled_at: frozenset[str] = frozenset()) -> Standing:
        """How far it has come, but for what its source tells of it.

        Args:
            wish: why it is not wanted any more; None while it is.
            cancelled_at: sources of which all purchase orders that bear it are cancelled.
        """
        if self.is_in_flight:
            return "asked"
        if not self.sinks and self.state == "rejected":
            return "declined"
        if not self.sinks:
            return "lapsed" if wish or self.state == "expired" else "asked"
        if self.recall is None:
            return "to_recall" if wish else "asked"
        is_over = bool(cancelled_at) and self.sinks <= cancelled_at
        return self.recall.outcome(is_known_over=is_over)


def key_of(line: OrderLine, attempt: int) -> str:
    """The key of a line's purchase; that of the first is the line's own."""
    return f"{line[0]}:{line[1]}" + (f"/{attempt}" if attempt > 1 else "")


def read_purchases(engine: Engine) -> list[Purchase]:
    """All purchases of lines, those of a line in the order in which they were asked for.

    A decision is found by its subject and action, not by its rule: retailers have rules of theirs.
    """
    with engine.connect() as connection:
        found = {
            row.decision_id: row
            for row in connection.execute(_about('"drop_shipment_key":"'))
            if _KEY.fullmatch(json.loads(row.subject)["drop_shipment_key"])
        }
        deliveries: dict[str, list[Row[Any]]] = {}
        for row in deliveries_of(connection, found, PURCHASE):
            deliveries.setdefault(row.decision_id, []).append(row)
        recalls = _recalls(connection.execute(_about('"recall_key":"')) if deliveries else ())
    purchases = [
        _purchase(found[one], rows, recalls.get(one, [])) for one, rows in deliveries.items()
    ]
    return sorted(purchases, key=lambda one: (one.line, one.attempt, one.asked_at))


def _about(subject: str) -> Any:
    return select(decisions).where(
        decisions.c.mode == "act", decisions.c.subject.contains(subject, autoescape=True)
    )


def _recalls(rows: Iterable[Row[Any]]) -> dict[str, list[Row[Any]]]:
    """By the purchase's decision, the decisions to call it back, oldest first."""
    found: dict[str, list[Row[Any]]] = {}
    for row in sorted(rows, key=lambda row: (row.created_at, row.decision_id)):
        purchase = json.loads(row.subject)["recall_key"].partition("/")[0]
        found.setdefault(purchase, []).append(row)
    return found


def _purchase(row: Row[Any], deliveries: list[Row[Any]], recalls: list[Row[Any]]) -> Purchase:
    parts = _KEY.fullmatch(json.loads(row.subject)["drop_shipment_key"])
    assert parts is not None  # noqa: S101 - `read_purchases` lets nothing else through
    standing = [one for one in recalls if one.state != "expired"]
    return Purchase(
        line=(parts["order_key"], int(parts["line_no"])),
        attempt=int(parts["attempt"] or 1),
        decision_id=row.decision_id,
        state=row.state,
        asked_at=row.created_at,
        explanation=row.explanation,
        fields=deliveries[0].payload["data"]["action"]["fields"],
        amount=row.amount,
        currency_code=row.currency_code,
        # After an attempt nobody knows that nothing arrived.
        sinks=frozenset(
            one.sink
            for one in deliveries
            if one.state in ("claimed", "delivered") or one.attempts > 0
        ),
        is_in_flight=any(one.state == "claimed" for one in deliveries),
        recall=_recall(standing[-1]) if standing else None,
        lapsed_recalls=len(recalls) - len(standing),
    )


def _recall(row: Row[Any]) -> Recall:
    return Recall(
        row.decision_id,
        row.state,
        row.state_reason,
        row.explanation.get("recall_reason"),
        row.updated_at,
    )
