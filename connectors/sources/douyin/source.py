"""Orders and after-sales of a Douyin shop through Doudian, its open platform.

Here: which calls, in which order. How a call is sent and what its errors mean is in `gateway.py`,
how it is signed in `signing.py`; what the fields mean is in the source's mapping YAML.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import dlt

from connectors.errors import ContractError
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.paging import Answer, Listing
from connectors.sources.api.reading import Page, Reading, Window
from connectors.sources.douyin.gateway import DouyinAccount, Gateway

_ORDERS: Final = "order.searchList"
_AFTER_SALES: Final = "afterSale.List"
_LONGEST_WINDOW: Final = timedelta(days=1)
_SHORTEST_WINDOW: Final = timedelta(seconds=2)


@dlt.source(name="douyin")
def douyin_source(account: DouyinAccount, reading: Reading) -> Any:
    """Orders with their lines and parcels, and after-sales, each with a cursor of its own.

    No status is asked for, so that every status comes, also one that nobody knows yet.
    """
    gateway = Gateway(account, reading.client(account))

    def orders(window: Window) -> Iterator[Page]:
        clock = "create_time" if window.is_first else "update_time"
        for part in window.split(_LONGEST_WINDOW):
            yield from _orders(gateway, account, part, clock)

    def refunds(window: Window) -> Iterator[Page]:
        for part in window.split(_LONGEST_WINDOW):
            yield from _after_sales(gateway, account, part)

    return [
        entity_resource("orders", account, reading, orders),
        entity_resource("refunds", account, reading, refunds),
    ]


def _orders(gateway: Gateway, account: DouyinAccount, window: Window, clock: str) -> Iterator[Page]:
    span = _span(window, f"{clock}_start", f"{clock}_end")
    asked = {"order_by": clock, "order_asc": True, **span}
    listing = _listing(gateway, account, _ORDERS, "shop_order_list", asked)
    for part in _within_reach(gateway, account, listing, window):
        if isinstance(part, Window):
            yield from _orders(gateway, account, part, clock)
        else:
            yield _page(_ORDERS, span, part, _order_updated)


def _after_sales(gateway: Gateway, account: DouyinAccount, window: Window) -> Iterator[Page]:
    span = _span(window, "update_start_time", "update_end_time")
    asked = {"order_by": ["update_time asc"], **span}
    listing = _listing(gateway, account, _AFTER_SALES, "items", asked)
    for part in _within_reach(gateway, account, listing, window):
        if isinstance(part, Window):
            yield from _after_sales(gateway, account, part)
        else:
            yield _page(_AFTER_SALES, span, part, _after_sale_updated)


def _span(window: Window, start: str, end: str) -> dict[str, int]:
    """Doudian counts whole seconds, and both ends belong to the span."""
    return {start: int(window.start.timestamp()), end: int(window.end.timestamp())}


def _listing(
    gateway: Gateway,
    account: DouyinAccount,
    method: str,
    group: str,
    asked: Mapping[str, object],
) -> Listing:
    identity = _order_identity if method == _ORDERS else _after_sale_identity

    def ask(number: int) -> Answer:
        data = gateway.call(method, {**asked, "page": number, "size": account.page_size})
        echoed = data.get("page")
        return Answer(
            rows=data.get(group) or [],
            total=int(data.get("total") or 0),
            number=int(echoed) if echoed is not None else None,
        )

    return Listing(
        place=gateway.client.place,
        what=method,
        ask=ask,
        identity=identity,
        size=account.page_size,
        first_number=0,
        attempts=account.attempts,
    )


def _within_reach(
    gateway: Gateway, account: DouyinAccount, listing: Listing, window: Window
) -> Iterator[tuple[int, Sequence[Any]] | Window]:
    """Pages of the window (number, records), or the shorter windows to read instead of it.

    Raises:
        ContractError: more records carry one and the same second than can be paged through.
    """
    first = listing.first()
    if first.total <= account.deepest_record:
        yield from listing.pages(first)
        return
    length = window.end - window.start
    if length < _SHORTEST_WINDOW:
        raise ContractError(
            f"{gateway.client.place} has {first.total:,} records of {listing.what} in the second "
            f"of {window.start:%Y-%m-%d %H:%M:%S} UTC, more than can be paged through; ask Doudian "
            "to raise the depth and set `deepest_record` to it."
        )
    yield from window.split(max(length / 2, timedelta(seconds=1)))


def _page(
    method: str,
    span: Mapping[str, int],
    numbered: tuple[int, Sequence[Any]],
    updated: Callable[[Any], str],
) -> Page:
    start, end = span.values()
    number, records = numbered
    return Page(f"{method} {start}..{end} page {number}", records, cursor=updated)


def _order_updated(record: Mapping[str, Any]) -> str:
    return str(record.get("update_time", ""))


def _after_sale_updated(record: Mapping[str, Any]) -> str:
    return str((record.get("aftersale_info") or {}).get("update_time", ""))


def _order_identity(record: Mapping[str, Any]) -> tuple[object, object]:
    return record.get("order_id"), record.get("update_time")


def _after_sale_identity(record: Mapping[str, Any]) -> tuple[object, object]:
    told = record.get("aftersale_info") or {}
    return told.get("aftersale_id"), told.get("update_time")


def _check(account: DouyinAccount, reading: Reading) -> str:
    window = Window(reading.now - timedelta(minutes=30), reading.now)
    with reading.client(account) as client:
        data = Gateway(account, client).call(
            _ORDERS,
            {
                "order_by": "update_time",
                "order_asc": True,
                "page": 0,
                "size": 1,
                **_span(window, "update_time_start", "update_time_end"),
            },
        )
    count = int(data.get("total") or 0)
    return f"Douyin answers for {reading.account}: {count:,} orders changed in the last 30 minutes."


CONNECTOR: Final = Connector(
    name="douyin",
    title="Douyin shop (Doudian)",
    config=DouyinAccount,
    entities=("orders", "refunds"),
    source=douyin_source,
    check=_check,
)
