"""Shopify's orders and everything below them as tables that make one column at a time.

A column is made only when its field is asked for. Money is a decimal text with its currency, times
end in Z, ids are global (`gid://shopify/Order/...`).
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import (
    CANCELLED,
    CANCELLED_BEFORE_SHIPPING,
    COMPLETED,
    PAYMENT_METHODS,
    PROVINCE_NAMES,
    SALE,
)
from connectors.sandbox.servers.shopify_children import (
    Fulfillments,
    LineItems,
    Refunds,
    Returns,
    Transactions,
    granted_refunds,
    transactions_of,
)
from connectors.sandbox.servers.shopify_query import Field
from connectors.sandbox.servers.shopify_tables import (
    CURRENCY,
    connection,
    gid,
    listed,
    money,
    single,
    typename,
)
from connectors.sandbox.servers.texts import plain, repeated, utc_texts
from connectors.sandbox.servers.views import NOT_ASKED, Shop, line_rows
from connectors.sandbox.world import NEVER, Ints

_FIRST_CUSTOMER: Final = 7_000_000_000_000
_FIRST_NAME: Final = 1_001


class Orders:
    """Some orders of the shop, in the order of a page."""

    def __init__(self, shop: Shop, orders: Ints) -> None:
        self._shop = shop
        self._snapshot = shop.snapshot
        self._world = shop.snapshot.world
        self.orders = orders

    def __len__(self) -> int:
        return len(self.orders)

    def column(self, field: Field) -> list[Any]:
        """The field's value of every order."""
        make = _FIELDS.get(field.name)
        if make is None:
            return typename(field, len(self))
        return make(self, field)

    def _numbers(self) -> list[int]:
        return plain(self._world.orders.number[self.orders])

    def _same(self, value: Any) -> list[Any]:
        return repeated(value, len(self))

    def gids(self) -> list[str]:
        """The global ids of the orders."""
        return gid("Order", self._world.orders.number[self.orders])

    def _legacy_id(self, _field: Field) -> list[str]:
        return [str(number) for number in self._numbers()]

    def _name(self, _field: Field) -> list[str]:
        return [f"#{_FIRST_NAME + place}" for place in plain(self._shop.places(self.orders))]

    def _created(self, _field: Field) -> list[str | None]:
        return utc_texts(self._world.orders.created_at[self.orders])

    def _updated(self, _field: Field) -> list[str | None]:
        return utc_texts(self._shop.modified[self.orders])

    def _cancelled(self, _field: Field) -> list[str | None]:
        return utc_texts(self._snapshot.state_times[CANCELLED][self.orders])

    def _closed_at(self, _field: Field) -> list[str | None]:
        return utc_texts(self._snapshot.state_times[COMPLETED][self.orders])

    def _closed(self, _field: Field) -> list[bool]:
        return plain(self._snapshot.state_times[COMPLETED][self.orders] != NEVER)

    def _cancel_reason(self, _field: Field) -> list[str | None]:
        cancelled = self._snapshot.state[self.orders] == CANCELLED
        paid = self._is_paid()
        return [
            None if not is_cancelled else "CUSTOMER" if is_paid else "DECLINED"
            for is_cancelled, is_paid in zip(plain(cancelled), plain(paid), strict=True)
        ]

    def _is_paid(self) -> Any:
        """Paid, or nothing to pay: an order of nothing is born paid."""
        sample = self._world.orders.order_type[self.orders] != SALE
        return (self._snapshot.paid_at[self.orders] != NEVER) | sample

    def _total(self) -> Ints:
        total: Ints = self._snapshot.total[self.orders]
        return total

    def _refunded(self) -> Ints:
        refunded: Ints = self._snapshot.refunded[self.orders]
        return refunded

    def _received(self) -> Ints:
        return np.where(self._is_paid(), self._total(), 0)

    def _full(self) -> Ints:
        """Fen before discounts."""
        counts = self._world.orders.line_count[self.orders]
        lines = line_rows(self._world.orders.first_line[self.orders], counts)
        amounts = self._snapshot.list_amount[lines]
        begins = np.cumsum(counts) - counts
        return np.add.reduceat(amounts, begins) if len(amounts) else amounts

    def _pieces(self) -> Ints:
        counts = self._world.orders.line_count[self.orders]
        lines = line_rows(self._world.orders.first_line[self.orders], counts)
        begins = np.cumsum(counts) - counts
        pieces = self._world.lines.quantity[lines]
        return np.add.reduceat(pieces, begins) if len(pieces) else pieces

    def _pieces_left(self) -> Ints:
        counts = self._world.orders.line_count[self.orders]
        lines = line_rows(self._world.orders.first_line[self.orders], counts)
        begins = np.cumsum(counts) - counts
        left = self._world.lines.quantity[lines] - self._snapshot.pieces_back[lines]
        return np.add.reduceat(left, begins) if len(left) else left

    def _financial(self, _field: Field) -> list[str]:
        refunded, total = self._refunded(), self._total()
        words = np.where(self._is_paid(), "PAID", "PENDING")
        closed = self._snapshot.state[self.orders] == CANCELLED
        words = np.where(closed & ~self._is_paid(), "EXPIRED", words)
        words = np.where(refunded > 0, "PARTIALLY_REFUNDED", words)
        return plain(np.where((refunded > 0) & (refunded >= total), "REFUNDED", words))

    def _fulfillment(self, _field: Field) -> list[str]:
        shipped = self._snapshot.shipped_at[self.orders] != NEVER
        return plain(np.where(shipped, "FULFILLED", "UNFULFILLED"))

    def _customer(self, field: Field) -> list[Any]:
        accounts = self._world.accounts.buyer_number[self._world.orders.account[self.orders]]
        numbers = _FIRST_CUSTOMER + accounts
        columns = {
            "id": gid("Customer", numbers),
            "legacyResourceId": [str(number) for number in plain(numbers)],
            # Protected customer data needs an approval that this app does not have.
            "displayName": self._same(""),
            "email": self._same(None),
            "phone": self._same(None),
        }
        return single(field, columns, len(self))

    def _address(self, field: Field) -> list[Any]:
        provinces = plain(self._world.orders.province[self.orders])
        columns = {
            "province": [PROVINCE_NAMES[code] for code in provinces],
            "provinceCode": self._same(None),
            "country": self._same("China"),
            "countryCodeV2": self._same("CN"),
        }
        return single(field, columns, len(self))

    def _gateways(self, _field: Field) -> list[list[str]]:
        methods = plain(self._world.journeys.method[self.orders])
        paid = plain(self._snapshot.paid_at[self.orders] != NEVER)
        return [
            [gateway_name(method)] if is_paid else []
            for method, is_paid in zip(methods, paid, strict=True)
        ]

    def _lines(self, field: Field) -> list[Any]:
        counts = self._world.orders.line_count[self.orders]
        rows = line_rows(self._world.orders.first_line[self.orders], counts)
        return connection(field, rows, counts, lambda kept: LineItems(self._snapshot, kept))

    def _fulfillments(self, field: Field) -> list[Any]:
        shipped = self._snapshot.shipped_at[self.orders] != NEVER
        return listed(
            field,
            self.orders[shipped],
            shipped.astype(np.int64),
            lambda kept: Fulfillments(self._snapshot, kept),
        )

    def _refunds(self, field: Field) -> list[Any]:
        rows, counts = granted_refunds(self._snapshot, self.orders)
        return listed(field, rows, counts, lambda kept: Refunds(self._snapshot, kept))

    def _transactions(self, field: Field) -> list[Any]:
        rows, counts = transactions_of(self._snapshot, self.orders)
        return listed(field, rows, counts, lambda kept: Transactions(self._snapshot, kept))

    def _returns(self, field: Field) -> list[Any]:
        table = self._world.refunds
        rows, counts = self._snapshot.refunds_of(self.orders)
        asked = self._snapshot.refund_stage[rows] != NOT_ASKED
        asked &= table.reason[rows] != CANCELLED_BEFORE_SHIPPING
        owner = np.repeat(np.arange(len(counts)), counts)[asked]
        counts = np.bincount(owner, minlength=len(counts))
        return connection(field, rows[asked], counts, lambda kept: Returns(self._snapshot, kept))


def gateway_name(method: int) -> str:
    """The gateway behind a payment method."""
    name = PAYMENT_METHODS[method]
    return "shopify_payments" if name == "card" else name


_FIELDS: Final[dict[str, Callable[[Orders, Field], list[Any]]]] = {
    "id": lambda table, _: table.gids(),
    "legacyResourceId": Orders._legacy_id,
    "name": Orders._name,
    "createdAt": Orders._created,
    "processedAt": Orders._created,
    "updatedAt": Orders._updated,
    "cancelledAt": Orders._cancelled,
    "closedAt": Orders._closed_at,
    "closed": Orders._closed,
    "cancelReason": Orders._cancel_reason,
    "test": lambda table, _: table._same(False),
    "confirmed": lambda table, _: table._same(True),
    "fullyPaid": lambda table, _: plain(table._is_paid()),
    "currencyCode": lambda table, _: table._same(CURRENCY),
    "presentmentCurrencyCode": lambda table, _: table._same(CURRENCY),
    "displayFinancialStatus": Orders._financial,
    "displayFulfillmentStatus": Orders._fulfillment,
    "totalPriceSet": lambda table, field: money(field, table._total()),
    "subtotalPriceSet": lambda table, field: money(field, table._total()),
    "currentTotalPriceSet": lambda t, field: money(field, t._total() - t._refunded()),
    "currentSubtotalPriceSet": lambda t, field: money(field, t._total() - t._refunded()),
    "totalRefundedSet": lambda table, field: money(field, table._refunded()),
    "totalReceivedSet": lambda table, field: money(field, table._received()),
    "totalOutstandingSet": lambda t, field: money(field, t._total() - t._received()),
    "totalShippingPriceSet": lambda table, field: money(field, 0 * table._total()),
    "totalTaxSet": lambda table, field: money(field, 0 * table._total()),
    "totalDiscountsSet": lambda t, field: money(field, t._full() - t._total()),
    "taxesIncluded": lambda table, _: table._same(True),
    "subtotalLineItemsQuantity": lambda table, _: plain(table._pieces()),
    "currentSubtotalLineItemsQuantity": lambda table, _: plain(table._pieces_left()),
    "customer": Orders._customer,
    "email": lambda table, _: table._same(None),
    "phone": lambda table, _: table._same(None),
    "note": lambda table, _: table._same(None),
    "tags": lambda table, _: table._same([]),
    "sourceName": lambda table, _: table._same("web"),
    "paymentGatewayNames": Orders._gateways,
    "shippingAddress": Orders._address,
    "lineItems": Orders._lines,
    "fulfillments": Orders._fulfillments,
    "refunds": Orders._refunds,
    "transactions": Orders._transactions,
    "returns": Orders._returns,
}
"""Fields of `Order`."""
