"""Orders of a Shopify shop with their lines, payments, parcels, refunds and returns.

Here: which queries, in which order. Calls and errors are in `admin.py`, what is asked in
`queries.py`, bulk operations in `bulk.py`; what the fields mean is in the source's mapping YAML.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, timedelta
from typing import Any, Final

import dlt

from connectors.errors import TransientError
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.guards import PageGuard
from connectors.sources.api.reading import Page, Reading, Window
from connectors.sources.shopify import queries
from connectors.sources.shopify.admin import Admin, ShopifyAccount
from connectors.sources.shopify.bulk import Order, read_result, run_bulk

_ORDERS: Final = "orders"
_ORDERS_A_QUESTION: Final = 10
_RECORDS_A_PAGE: Final = 500


@dlt.source(name="shopify")
def shopify_source(account: ShopifyAccount, reading: Reading) -> Any:
    """Orders; a refund or a return moves its order's `updatedAt`, so one cursor is enough."""
    admin = Admin(account, reading.client(account))

    def orders(window: Window) -> Iterator[Page]:
        if window.is_first and account.bulk:
            return _bulk(admin, account, window)
        return _pages(admin, account, window)

    return [entity_resource("orders", account, reading, orders)]


def _bulk(admin: Admin, account: ShopifyAccount, window: Window) -> Iterator[Page]:
    # Without an end, so that a reading after a killed one asks the same and takes it up.
    search = f"created_at:>='{_time(window.start)}'"
    query = queries.bulk_orders(search, with_returns=account.with_returns)
    result = run_bulk(admin, account, query)
    reached = min(result.started_at, window.end) if result.was_taken_up else None
    connections = ("lineItems", "returns") if account.with_returns else ("lineItems",)
    for orders in read_result(admin, result, connections):
        for begin in range(0, len(orders), _RECORDS_A_PAGE):
            part = orders[begin : begin + _RECORDS_A_PAGE]
            _add_refunds(admin, part)
            yield Page(f"bulk {search}", part, cursor=_updated, reached=reached)


def _pages(admin: Admin, account: ShopifyAccount, window: Window) -> Iterator[Page]:
    clock = "created" if window.is_first else "updated"
    search = f"{clock}_at:>='{_time(window.start)}' AND {clock}_at:<='{_time(window.end)}'"
    query = queries.orders_page(with_returns=account.with_returns)
    variables = {
        "first": account.page_size,
        "after": None,
        "sort": f"{clock.upper()}_AT",
        "search": search,
    }
    guard = _CursorGuard(admin.client.place, f"{clock}At")
    while True:
        connection = admin.call(_ORDERS, query, variables, guard.check)["orders"]
        orders = connection["nodes"]
        guard.accept(orders)
        for order in orders:
            _complete(admin, order)
        if orders:
            yield Page(f"orders {search}", orders, cursor=_updated)
        if not connection["pageInfo"]["hasNextPage"]:
            return
        variables["after"] = connection["pageInfo"]["endCursor"]


class _CursorGuard:
    """Notices an answer that belongs to another page than the one asked for."""

    def __init__(self, place: str, clock: str) -> None:
        self._place = place
        self._clock = clock
        self._repeats = PageGuard(place, _ORDERS)
        self._number = 1
        self._reached = ""

    def check(self, data: dict[str, Any]) -> None:
        """Raise TransientError for an answer that can't be this page's."""
        connection = data.get("orders") or {}
        orders, info = connection.get("nodes"), connection.get("pageInfo") or {}
        if orders is None or any(order is None for order in orders):
            raise TransientError(
                f"{self._place} withheld orders of page {self._number}; it will be tried again."
            )
        self._repeats.check(self._number, _versions(orders))
        is_later = self._number == 1 and info.get("hasPreviousPage")
        is_earlier = bool(orders) and str(orders[0][self._clock]) < self._reached
        if is_later or is_earlier:
            raise TransientError(
                f"{self._place} answered page {self._number} of {_ORDERS} with another page; "
                "nothing was taken from it and the cursor stays, so try again later."
            )
        if info.get("hasNextPage") and not (orders and info.get("endCursor")):
            raise TransientError(
                f"{self._place} named no next page of {_ORDERS}; it will be tried again."
            )

    def accept(self, orders: list[Order]) -> None:
        """Remember a page that was taken."""
        self._repeats.accept(_versions(orders))
        self._number += 1
        self._reached = str(orders[-1][self._clock]) if orders else self._reached


def _versions(orders: Iterable[Order]) -> list[tuple[object, object]]:
    return [(order.get("id"), order.get("updatedAt")) for order in orders]


def _complete(admin: Admin, order: Order) -> None:
    """Fetch what did not fit on the first page of each of the order's connections."""
    gid = order["id"]
    for name, more in (("lineItems", queries.more_lines), ("returns", queries.more_returns)):
        if name in order:
            _follow(admin, order, name, gid, more)
    for refund in order.get("refunds") or []:
        for name, more in (
            ("refundLineItems", queries.more_refunded_lines),
            ("transactions", queries.more_paybacks),
        ):
            _follow(admin, refund, name, gid, more)


def _follow(
    admin: Admin,
    owner: dict[str, Any],
    name: str,
    order: str,
    more: Callable[[str, str], str],
) -> None:
    """Append all further pages of one connection of an order, or of one of its refunds."""
    connection = owner[name]
    info = connection.get("pageInfo") or {}
    while info.get("hasNextPage"):
        found = admin.call(f"more {name}", more(order, info["endCursor"]))["order"]
        if found is not None and owner["id"] != order:
            found = next((one for one in found["refunds"] if one["id"] == owner["id"]), None)
        if found is None:
            return  # deleted since: nothing more will be known of it
        page = found[name]
        before, info = info, page["pageInfo"]
        if info["hasNextPage"] and info["endCursor"] == before["endCursor"]:
            raise TransientError(
                f"{admin.client.place} answered the same {name} of {order} again; the cursor "
                "stays, so try again later."
            )
        connection["nodes"] += page["nodes"]


def _add_refunds(admin: Admin, orders: list[Order]) -> None:
    """Fetch the refunds' lines, which a bulk operation can't bring."""
    refunded = [order for order in orders if order.get("refunds")]
    for begin in range(0, len(refunded), _ORDERS_A_QUESTION):
        part = refunded[begin : begin + _ORDERS_A_QUESTION]
        data = admin.call("refunds", queries.refunds_of([order["id"] for order in part]))
        for number, order in enumerate(part):
            found = data.get(f"o{number}")
            if found is not None:
                order["refunds"] = found["refunds"]
                _complete(admin, order)


def _time(moment: Any) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _updated(order: Mapping[str, Any]) -> str:
    return str(order.get("updatedAt", ""))


def _check(account: ShopifyAccount, reading: Reading) -> str:
    search = f"updated_at:>='{_time(reading.now - timedelta(minutes=30))}'"
    with reading.client(account) as client:
        data = Admin(account, client).call("shop", queries.CHECK, {"search": search})
    name = (data.get("shop") or {}).get("name", account.shop_domain)
    count = int((data.get("ordersCount") or {}).get("count") or 0)
    return (
        f"Shopify answers for {reading.account} ({name}): {count:,} orders changed in the last "
        "30 minutes."
    )


CONNECTOR: Final = Connector(
    name="shopify",
    title="Shopify (GraphQL Admin API)",
    config=ShopifyAccount,
    entities=("orders",),
    source=shopify_source,
    check=_check,
)
