"""Refunds as JD POP writes them: applications to cancel an order, and service orders of returns.

An application tells its amount in fen from the first day; a service order tells money only once it
has gone back, as a JSON number in yuan. Times of service orders are epoch milliseconds.
"""

from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import (
    CANCELLED_BEFORE_SHIPPING,
    REFUND_REASONS,
    REFUSED_AT_THE_DOOR,
)
from connectors.sandbox.servers.clock import OFFSET
from connectors.sandbox.servers.jd_orders import FIRST_SKU, Orders
from connectors.sandbox.servers.texts import plain, time_texts
from connectors.sandbox.servers.views import (
    AGREED,
    ASKED,
    GRANTED,
    NOT_ASKED,
    REFUSED,
    REFUSED_AFTER_RETURN,
    SENT_BACK,
    WITHDRAWN,
    Shop,
    Snapshot,
)
from connectors.sandbox.world import NEVER, Flags, Ints

APPLICATION_STATUS: Final = {
    NOT_ASKED: 0,
    ASKED: 0,
    AGREED: 1,
    SENT_BACK: 1,
    GRANTED: 3,
    REFUSED: 2,
    REFUSED_AFTER_RETURN: 2,
    WITHDRAWN: 11,
}
MONEY_WENT_BACK: Final = 13
_FIRST_APPLICATION: Final = 77_000_000_000
_FIRST_SERVICE: Final = 2_100_000_000
_FIRST_SERVICE_REFUND: Final = 9_000_000_000_000_000_001  # above 2^53


def refunds_of(shop: Shop, *, is_application: bool) -> Ints:
    """The channel's refunds of one kind that were asked for, the longest ago first."""
    snapshot = shop.snapshot
    rows = shop.refunds_between(None, None)
    cancels = (CANCELLED_BEFORE_SHIPPING, REFUSED_AT_THE_DOOR)
    applied: Flags = np.isin(snapshot.world.refunds.reason[rows], cancels)
    rows = rows[applied if is_application else ~applied]
    return rows[np.argsort(asked_at(snapshot, rows), kind="stable")]


def asked_at(snapshot: Snapshot, refunds: Ints) -> Ints:
    """When each was asked for."""
    times: Ints = snapshot.refund_times[ASKED][refunds]
    return times


def checked_at(snapshot: Snapshot, refunds: Ints) -> Ints:
    """When the shop first answered each, `NEVER` while it has not; a withdrawal is no answer."""
    answers = (AGREED, GRANTED, REFUSED, REFUSED_AFTER_RETURN)
    times: Ints = snapshot.refund_times[answers, :][:, refunds].min(axis=0, initial=NEVER)
    return times


def application_status(snapshot: Snapshot, refunds: Ints) -> Ints:
    """`status` of each application."""
    codes = np.array([APPLICATION_STATUS[stage] for stage in range(len(APPLICATION_STATUS) - 1)])
    statuses: Ints = codes[snapshot.refund_stage[refunds]]
    return statuses


def applications_page(shop: Shop, orders: Orders, refunds: Ints) -> list[dict[str, Any]]:
    """The applications of one page: of an order, without its articles."""
    snapshot = shop.snapshot
    table = snapshot.world.refunds
    accounts = plain(snapshot.world.orders.account[table.order[refunds]])
    checked = time_texts(checked_at(snapshot, refunds))
    columns: dict[str, list[Any]] = {
        "id": plain(_FIRST_APPLICATION + refunds),
        "orderId": orders.of_refunds(refunds, snapshot.as_of),
        "status": plain(application_status(snapshot, refunds)),
        "applyRefundSum": plain(table.amount[refunds]),
        "applyTime": time_texts(asked_at(snapshot, refunds)),
        "checkTime": checked,
        "checkUserName": ["sandbox" if time else None for time in checked],
        "buyerId": [f"jd_{orders.buyers[account]}" for account in accounts],
        "buyerName": ["**" for _ in accounts],
        "reason": [REFUND_REASONS[code] for code in plain(table.reason[refunds])],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def services_page(shop: Shop, orders: Orders, refunds: Ints) -> list[dict[str, Any]]:
    """The service orders of one page, each with its refund if there is one yet."""
    snapshot = shop.snapshot
    granted = snapshot.refund_times[GRANTED][refunds]
    bills = _service_bills(shop, orders, refunds)
    amounts = snapshot.world.refunds.amount[refunds]
    return [
        {"sameOrderServiceBill": bill}
        | (
            {
                "afsRefundId": _FIRST_SERVICE_REFUND + row,
                "refoundAmount": fen / 100,
                "completeTime": _milliseconds(time),
                "status": MONEY_WENT_BACK,
            }
            if time != NEVER
            else {}
        )
        for bill, row, fen, time in zip(
            bills, plain(refunds), plain(amounts), plain(granted), strict=True
        )
    ]


def _service_bills(shop: Shop, orders: Orders, refunds: Ints) -> list[dict[str, Any]]:
    snapshot = shop.snapshot
    world, table = snapshot.world, snapshot.world.refunds
    sku = world.lines.sku[table.line[refunds]]
    accounts = plain(world.orders.account[table.order[refunds]])
    columns: dict[str, list[Any]] = {
        "serviceId": plain(_FIRST_SERVICE + refunds),
        "afsApplyId": plain(_FIRST_SERVICE + refunds),
        "orderId": [int(number) for number in orders.of_refunds(refunds, snapshot.as_of)],
        "wareId": plain(FIRST_SKU + sku),
        "wareName": [world.products.names[code] for code in plain(sku)],
        "afsApplyTime": [_milliseconds(time) for time in plain(asked_at(snapshot, refunds))],
        "approveDate": [_milliseconds(time) for time in plain(checked_at(snapshot, refunds))],
        "applyReason": [REFUND_REASONS[code] for code in plain(table.reason[refunds])],
        "questionDesc": ["" for _ in accounts],
        "customerPin": [f"jd_{orders.buyers[account]}" for account in accounts],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _milliseconds(local: int) -> int | None:
    return None if local == NEVER else (local - OFFSET) * 1_000
