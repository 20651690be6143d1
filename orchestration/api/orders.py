"""Orders of a publication, and the life of one."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from connectors.errors import ForbiddenError
from orchestration.api.answers import Order, OrderEvent, OrderLife, OrderPage
from orchestration.api.cursors import CursorText, PageSize
from orchestration.api.paging import Listing, Selection, read_page
from orchestration.api.problems import MissingError
from orchestration.api.reading import READ_ANSWERS, Reader, asked, reader_for

router = APIRouter(tags=["orders"])
_Reader = Annotated[Reader, Depends(reader_for("orders:read"))]
_ORDERS = Listing(
    table="fct_orders",
    subject="orders",
    columns=tuple(Order.model_fields),
    key=("order_key",),
    newest="created_at",
)
_COMPARISONS = {
    "business": "business = $business",
    "channel": "channel = $channel",
    "order_status": "order_status = $order_status",
    "refund_status": "refund_status = $refund_status",
    "order_no": "order_no = $order_no",
    "customer_key": "customer_key = $customer_key",
    "created_from": "created_on >= $created_from",
    "created_to": "created_on <= $created_to",
}


@dataclass(frozen=True)
class OrderFilter:
    """Which orders are asked for; business dates, both inclusive."""

    business: str | None = None
    channel: str | None = None
    order_status: str | None = None
    refund_status: str | None = None
    order_no: str | None = None
    customer_key: str | None = None
    created_from: date | None = None
    created_to: date | None = None


@router.get("/orders", response_model=OrderPage, responses=READ_ANSWERS)
def list_orders(
    reader: _Reader,
    wanted: Annotated[OrderFilter, Depends(asked(OrderFilter))],
    limit: PageSize = 100,
    cursor: CursorText = None,
) -> Response:
    """Orders, the newest first."""
    own = reader.access.customer_key
    if own and wanted.customer_key not in (None, own):
        raise ForbiddenError(f"This key may see orders of {own} only; leave customer_key out.")
    asked_for = {**vars(wanted), "customer_key": own or wanted.customer_key}
    selection = Selection(asked_for, _COMPARISONS)
    last = reader.turn_to(cursor)
    return reader.answer(lambda: read_page(reader, _ORDERS, selection, limit, last))


@router.get("/orders/{order_key:path}", response_model=OrderLife, responses=READ_ANSWERS)
def show_order(reader: _Reader, order_key: str) -> Response:
    """One order with what happened to it."""
    return reader.answer(lambda: _life(reader, order_key))


def _life(reader: Reader, order_key: str) -> dict[str, object]:
    selection = Selection(
        {"order_key": order_key, "customer_key": reader.access.customer_key},
        {"order_key": "order_key = $order_key", "customer_key": _COMPARISONS["customer_key"]},
    )
    found = read_page(reader, _ORDERS, selection, 1, None)["rows"]
    if not found:
        raise MissingError(
            f"There is no order {order_key[:100]} that this key may see in publication "
            f"{reader.publication.publication_id}."
        )
    return {"order": found[0], "timeline": _timeline(reader, order_key)}


def _timeline(reader: Reader, order_key: str) -> list[dict[str, object]]:
    """Events of an order that the key may see: that was asked before."""
    known = reader.edition().columns("fct_order_events", "timelines")
    shown = [name for name in OrderEvent.model_fields if name in known]
    if not shown:
        return []
    order = [name for name in ("event_at", "event", "reference") if name in known]
    return reader.edition().rows(
        f"select {', '.join(shown)} from fct_order_events where order_key = $order_key "  # noqa: S608
        f"order by {', '.join(order or shown)}",
        {"order_key": order_key},
    )
