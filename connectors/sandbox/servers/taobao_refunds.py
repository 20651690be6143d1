"""Refunds as TOP writes them: one function per field, for a page at once."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import COMPLETED, REFUND_REASONS
from connectors.sandbox.servers.taobao_lines import (
    FIRST_REFUND,
    REFUND_WORDS,
    SELLER,
    Catalogue,
    LinePage,
)
from connectors.sandbox.servers.texts import plain, records, repeated, time_texts, yuan_texts
from connectors.sandbox.servers.views import (
    GRANTED,
    REFUSED_AFTER_RETURN,
    SENT_BACK,
    Snapshot,
)
from connectors.sandbox.world import NEVER, Ints


class RefundPage:
    """One page of refunds."""

    def __init__(self, snapshot: Snapshot, catalogue: Catalogue, refunds: Ints) -> None:
        self._snapshot = snapshot
        self._refunds = refunds
        table = snapshot.world.refunds
        self._order = table.order[refunds]
        self._lines = LinePage(snapshot, catalogue, table.line[refunds])
        self._stage = snapshot.refund_stage[refunds]

    def rows(self, fields: list[str]) -> list[dict[str, Any]]:
        """The refunds with the asked fields; unknown fields are passed over."""
        known = {field: _REFUND_FIELDS[field] for field in fields if field in _REFUND_FIELDS}
        columns = {field: make(self) for field, make in known.items()}
        return records(columns) if columns else [{} for _ in self._refunds.tolist()]

    def _refund_id(self) -> list[int]:
        return plain(FIRST_REFUND + self._refunds)

    def _tid(self) -> list[int]:
        return plain(self._snapshot.world.orders.number[self._order])

    def _status(self) -> list[str]:
        return [REFUND_WORDS[stage] for stage in self._stage.tolist()]

    def _total_fee(self) -> list[str]:
        return yuan_texts(self._snapshot.total[self._order])

    @cached_property
    def _fee(self) -> Ints:
        return self._snapshot.world.refunds.amount[self._refunds]

    def _refund_fee(self) -> list[str]:
        return yuan_texts(self._fee)

    def _payment(self) -> list[str]:
        """What the seller keeps of the line."""
        return yuan_texts(self._snapshot.line_amount[self._lines.lines] - self._fee)

    def _received(self) -> Ints:
        return self._snapshot.seen(self._snapshot.world.journeys.delivered_at)[self._order]

    def _good_status(self) -> list[str]:
        back = np.isin(self._stage, (SENT_BACK, REFUSED_AFTER_RETURN))
        back |= (self._stage == GRANTED) & self._snapshot.world.refunds.restocks[self._refunds]
        received = self._received() != NEVER
        words = np.where(received, "BUYER_RECEIVED", "BUYER_NOT_RECEIVED")
        return plain(np.where(back, "BUYER_RETURNED_GOODS", words))

    def _has_return(self) -> list[bool]:
        return plain(self._snapshot.world.refunds.restocks[self._refunds])

    def _reason(self) -> list[str]:
        return [
            REFUND_REASONS[code]
            for code in self._snapshot.world.refunds.reason[self._refunds].tolist()
        ]

    def _created(self) -> list[str | None]:
        return time_texts(self._snapshot.world.refunds.requested_at[self._refunds])

    def _modified(self) -> list[str | None]:
        return time_texts(self._snapshot.refund_modified[self._refunds])

    def _phase(self) -> list[str]:
        ended = self._snapshot.state_times[COMPLETED][self._order]
        asked = self._snapshot.world.refunds.requested_at[self._refunds]
        return plain(np.where(asked > ended, "aftersale", "onsale"))

    def _num(self) -> list[int]:
        return plain(self._snapshot.world.refunds.quantity[self._refunds])


_REFUND_FIELDS: Final[dict[str, Callable[[RefundPage], list[Any]]]] = {
    "refund_id": RefundPage._refund_id,
    "tid": RefundPage._tid,
    "oid": lambda page: page._lines.oid(),
    "total_fee": RefundPage._total_fee,
    "refund_fee": RefundPage._refund_fee,
    "payment": RefundPage._payment,
    "status": RefundPage._status,
    "order_status": lambda page: page._lines.status(),
    "good_status": RefundPage._good_status,
    "has_good_return": RefundPage._has_return,
    "reason": RefundPage._reason,
    "desc": RefundPage._reason,
    "created": RefundPage._created,
    "modified": RefundPage._modified,
    "refund_phase": RefundPage._phase,
    "refund_version": lambda page: [
        seconds * 1_000 for seconds in page._snapshot.refund_modified[page._refunds].tolist()
    ],
    "num": RefundPage._num,
    "outer_id": lambda page: page._lines.outer(),
    "sku": lambda page: [f"{sku}|" for sku in page._lines.sku_id()],
    "title": lambda page: page._lines.title(),
    "price": lambda page: page._lines.price(),
    "num_iid": lambda page: page._lines.num_iid(),
    "seller_nick": lambda page: repeated(SELLER, len(page._order)),
}
"""Fields of `refunds.refund[]`."""
