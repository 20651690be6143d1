"""Orders and after-sales of a Pinduoduo shop through its open platform.

Here: which calls, in which order. How a call is sent and what its errors mean is in `gateway.py`,
how it is signed in `signing.py`; what the fields mean is in the source's mapping YAML.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import dlt

from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.paging import Answer, Listing
from connectors.sources.api.reading import Page, Reading, Window
from connectors.sources.pdd.gateway import Gateway, PddAccount

_DEALS: Final = "pdd.order.list.get"
_INCREMENT: Final = "pdd.order.number.list.increment.get"
_REFUNDS: Final = "pdd.refund.list.increment.get"
# The key of each answer's content, and of the list in it.
_KEYS: Final = {
    _DEALS: ("order_list_get_response", "order_list"),
    _INCREMENT: ("order_sn_increment_get_response", "order_sn_list"),
    _REFUNDS: ("refund_increment_get_response", "refund_list"),
}
_LONGEST_OF_DEALS: Final = timedelta(hours=24)
_LONGEST_INCREMENT: Final = timedelta(minutes=30)
# Every filter that must be sent, at the value that filters nothing.
_EVERY_ORDER: Final = {"order_status": 5, "refund_status": 5, "is_lucky_flag": 0}


@dlt.source(name="pdd")
def pdd_source(account: PddAccount, reading: Reading) -> Any:
    """Orders with their items, and after-sales, each with a cursor of its own."""
    gateway = Gateway(account, reading.client(account))

    def orders(window: Window) -> Iterator[Page]:
        kind = _DEALS if window.is_first else _INCREMENT
        for part in window.split(_LONGEST_OF_DEALS if window.is_first else _LONGEST_INCREMENT):
            yield from _orders(gateway, account, kind, part)

    def refunds(window: Window) -> Iterator[Page]:
        for part in window.split(_LONGEST_INCREMENT):
            yield from _refunds(gateway, account, part)

    return [
        entity_resource("orders", account, reading, orders),
        entity_resource("refunds", account, reading, refunds),
    ]


def _orders(gateway: Gateway, account: PddAccount, kind: str, window: Window) -> Iterator[Page]:
    clock = "confirm" if kind == _DEALS else "updated"
    span = _span(window, f"start_{clock}_at", f"end_{clock}_at")
    yield from _pages(gateway, account, kind, _EVERY_ORDER | span)


def _refunds(gateway: Gateway, account: PddAccount, window: Window) -> Iterator[Page]:
    everything = {"after_sales_type": 1, "after_sales_status": account.refund_status}
    span = _span(window, "start_updated_at", "end_updated_at")
    yield from _pages(gateway, account, _REFUNDS, everything | span)


def _span(window: Window, start: str, end: str) -> dict[str, int]:
    """Pinduoduo counts whole seconds, and both ends belong to the span."""
    first, last = int(window.start.timestamp()), int(window.end.timestamp()) - 1
    return {start: first, end: max(first, last)}


def _pages(
    gateway: Gateway, account: PddAccount, kind: str, asked: Mapping[str, int]
) -> Iterator[Page]:
    """All pages of one span, the last page first."""
    key, group = _KEYS[kind]
    clock, number = ("updated_time", "id") if kind == _REFUNDS else ("updated_at", "order_sn")

    def updated(record: Mapping[str, Any]) -> str:
        return str(record.get(clock, ""))

    def ask(page: int) -> Answer:
        parameters = {**asked, "page": page, "page_size": account.page_size}
        content = gateway.call(kind, key, {**parameters, "use_has_next": "false"})
        return Answer(rows=content.get(group) or [], total=int(content.get("total_count") or 0))

    listing = Listing(
        place=gateway.client.place,
        what=kind,
        ask=ask,
        identity=lambda record: (record.get(number), record.get(clock)),
        size=account.page_size,
        first_number=1,
        attempts=account.attempts,
    )
    start, end = list(asked.values())[-2:]
    for page, records in listing.pages(listing.first()):
        yield Page(f"{kind} {start}..{end} page {page}", records, cursor=updated)


def _check(account: PddAccount, reading: Reading) -> str:
    end = reading.now - timedelta(seconds=account.behind_seconds)
    span = _span(Window(end - _LONGEST_INCREMENT, end), "start_updated_at", "end_updated_at")
    with reading.client(account) as client:
        content = Gateway(account, client).call(
            _INCREMENT, _KEYS[_INCREMENT][0], _EVERY_ORDER | span | {"page": 1, "page_size": 1}
        )
    count = int(content.get("total_count") or 0)
    return f"Pinduoduo answers for {reading.account}: {count:,} orders changed in half an hour."


CONNECTOR: Final = Connector(
    name="pdd",
    title="Pinduoduo (PDD)",
    config=PddAccount,
    entities=("orders", "refunds"),
    source=pdd_source,
    check=_check,
)
