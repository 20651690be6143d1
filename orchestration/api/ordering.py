"""Orders that a portal or a customer's own key asks about and places."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import duckdb
from fastapi import APIRouter, Depends
from starlette.responses import Response

from connectors.errors import ForbiddenError, InputError
from orchestration.access.log import AccessEntry, record_access
from orchestration.api.answers import (
    CancellationRequest,
    OrderCheck,
    PlacedLine,
    PlacedOrder,
    PlacingRequest,
)
from orchestration.api.answers import OrderRequest as OrderBody
from orchestration.api.problems import ConflictError, MissingError, described
from orchestration.api.reading import REFUSALS, Reader, cited, note, present_reader_for
from orchestration.order_entry.answering import (
    OrderAnswer,
    OrderRequest,
    RequestedLine,
    answer_order,
    is_known,
)
from orchestration.order_entry.placing import (
    Entry,
    LackingError,
    NumberUsedError,
    cancel_order,
    find_order,
    order_key_of,
    place_order,
)
from orchestration.order_entry.placing import PlacedOrder as Placed

router = APIRouter(tags=["orders"])
_Writer = Annotated[Reader, Depends(present_reader_for("orders:write"))]


@router.post("/orders/check", response_model=OrderCheck, responses=REFUSALS)
def check_order(reader: _Writer, body: OrderBody) -> Response:
    """What an order would meet now: credit, prices and stock; nothing is kept or reserved."""
    request = _request(reader, body)
    with _answerable(reader), reader.api.engine.connect() as connection:
        answer = answer_order(reader.edition().rows, connection, request, today=_today(reader))
    note(reader.request, "read", f"for {request.customer_key}", row_count=len(answer.lines))
    return reader.acknowledge(_told(reader, answer))


_PLACING = {**REFUSALS, **described(HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)}


@router.post("/orders", response_model=PlacedOrder, responses=_PLACING)
def place(reader: _Writer, body: PlacingRequest) -> Response:
    """Place an order on credit and reserve its stock; 409 says what lacks. Again is harmless."""
    request = _request(reader, body)
    api = reader.api
    order_key = order_key_of(request.customer_key, body.order_no)
    _audit(reader, f"order {order_key}", request.customer_key)
    entry = Entry(body.order_no, "portal", f"API key {reader.access.key_id}")
    with _answerable(reader), _conflicts():
        placed = place_order(
            api.settings, api.engine, reader.edition().rows, request, entry, now=api.now()
        )
    return reader.acknowledge(_placed(placed))


@router.post("/orders/cancel", response_model=PlacedOrder, responses=_PLACING)
def cancel(reader: _Writer, body: CancellationRequest) -> Response:
    """Take back an order that was entered here and has not left. Again is harmless."""
    api = reader.api
    missing = MissingError(
        f"No order {body.order_key[:100]} that this key may see was entered here."
    )
    try:
        placed = find_order(api.engine, body.order_key)
    except InputError as error:
        raise missing from error
    own = reader.access.customer_key
    with _answerable(reader):
        if own not in (None, placed.customer_key) or not is_known(
            reader.edition().rows, placed.customer_key
        ):
            raise missing
    _audit(reader, f"cancel {placed.order_key}", placed.customer_key)
    by = f"API key {reader.access.key_id}"
    try:
        cancelled = cancel_order(api.settings, api.engine, placed.order_key, by, now=api.now())
    except InputError as error:
        raise ConflictError(str(error)) from error
    return reader.acknowledge(_placed(cancelled))


@contextmanager
def _conflicts() -> Iterator[None]:
    try:
        yield
    except (LackingError, NumberUsedError) as error:
        raise ConflictError(str(error)) from error


def _audit(reader: Reader, subject: str, customer_key: str) -> None:
    entry = AccessEntry(
        person=reader.access.key_id,
        role=reader.viewer.role or None,
        door="api",
        event="wrote",
        subject=subject,
        detail=f"for {customer_key}",
        publication_id=reader.publication.publication_id,
    )
    record_access(reader.api.engine, entry, now=reader.api.now())


def _placed(order: Placed) -> dict[str, Any]:
    values = {**vars(order), "lines": order.record["lines"]}
    told = {name: values[name] for name in PlacedOrder.model_fields}
    told["lines"] = [
        {name: line[name] for name in PlacedLine.model_fields} for line in told["lines"]
    ]
    return told


def _request(reader: Reader, body: OrderBody) -> OrderRequest:
    """What is asked, for the customer that the key may order for.

    Raises:
        ForbiddenError: the key is of another customer.
        InputError: it is not said for whom.
    """
    own = reader.access.customer_key
    customer_key = body.customer_key or own
    if customer_key is None:
        raise InputError("It is not said who orders; give a customer_key.")
    if own is not None and customer_key != own:
        raise ForbiddenError(f"This key orders for {own} only; leave customer_key out.")
    lines = tuple(RequestedLine(**line.model_dump()) for line in body.lines)
    return OrderRequest(customer_key, lines, body.currency_code, may_price=own is None)


def _today(reader: Reader) -> date:
    zone = ZoneInfo(reader.api.settings.business_time_zone)
    return reader.api.now().astimezone(zone).date()


@contextmanager
def _answerable(reader: Reader) -> Iterator[None]:
    """Tell a publication that knows nothing of credit or stock from a failure of ours."""
    try:
        yield
    except duckdb.CatalogException as error:
        raise MissingError(
            f"Publication {reader.publication.publication_id} knows no customers, credit or stock "
            "to answer from; run fourflow with their sources."
        ) from error


def _told(reader: Reader, answer: OrderAnswer) -> dict[str, Any]:
    values = {**asdict(answer), "can_be_placed": answer.can_be_placed, **cited(reader.publication)}
    return {name: values[name] for name in OrderCheck.model_fields}
