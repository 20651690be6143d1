"""What hangs below an order in Shopify: lines, fulfillments, refunds, transactions, returns."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import payment_numbers, tracking_numbers
from connectors.sandbox.platforms import (
    CANCELLED_BEFORE_SHIPPING,
    PAYMENT_METHODS,
    REFUND_REASONS,
)
from connectors.sandbox.servers.shopify_query import Field
from connectors.sandbox.servers.shopify_tables import (
    connection,
    gid,
    money,
    single,
    typename,
)
from connectors.sandbox.servers.texts import plain, repeated, utc_texts
from connectors.sandbox.servers.views import (
    AGREED,
    ASKED,
    GRANTED,
    REFUSED,
    REFUSED_AFTER_RETURN,
    SENT_BACK,
    WITHDRAWN,
    Snapshot,
)
from connectors.sandbox.world import NEVER, Ints

_FIRST_LINE: Final = 14_000_000_000_000
_FIRST_VARIANT: Final = 44_000_000_000_000
_FIRST_PRODUCT: Final = 8_000_000_000_000
_FIRST_REFUND: Final = 900_000_000_000
_FIRST_REFUND_LINE: Final = 910_000_000_000
_FIRST_RETURN: Final = 920_000_000_000
_FIRST_FULFILLMENT: Final = 4_500_000_000_000
_FIRST_SALE: Final = 6_000_000_000_000
_FIRST_PAYBACK: Final = 6_500_000_000_000
_RETURN_WORDS: Final = {
    ASKED: "REQUESTED",
    AGREED: "OPEN",
    SENT_BACK: "OPEN",
    GRANTED: "CLOSED",
    REFUSED: "DECLINED",
    REFUSED_AFTER_RETURN: "DECLINED",
    WITHDRAWN: "CANCELED",
}


class _Rows:
    """Some rows of a table of the world; `_fields` says how each column is made."""

    def __init__(self, snapshot: Snapshot, rows: Ints) -> None:
        self.snapshot = snapshot
        self.world = snapshot.world
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def same(self, value: Any) -> list[Any]:
        """The same value for every row."""
        return repeated(value, len(self))


class LineItems(_Rows):
    """Order lines."""

    def column(self, field: Field) -> list[Any]:
        """The field's value of every line."""
        make = _LINE_FIELDS.get(field.name)
        return typename(field, len(self)) if make is None else make(self, field)

    @property
    def _sku(self) -> Ints:
        return self.world.lines.sku[self.rows]

    @property
    def _quantity(self) -> Ints:
        return self.world.lines.quantity[self.rows]

    def _left(self) -> Ints:
        left: Ints = self._quantity - self.snapshot.pieces_back[self.rows]
        return left

    def _unfulfilled(self) -> Ints:
        shipped = self.snapshot.shipped_at[self.world.lines.order[self.rows]] != NEVER
        return np.where(shipped, 0, self._left())

    def _discount(self) -> Ints:
        discount: Ints = self.snapshot.list_amount[self.rows] - self.snapshot.line_amount[self.rows]
        return discount

    def _title(self, _field: Field) -> list[str]:
        return [self.world.products.names[sku] for sku in plain(self._sku)]

    def _code(self, _field: Field) -> list[str]:
        return [self.world.products.skus[sku] for sku in plain(self._sku)]

    def _variant(self, field: Field) -> list[Any]:
        numbers = _FIRST_VARIANT + self._sku
        columns = {
            "id": gid("ProductVariant", numbers),
            "legacyResourceId": [str(number) for number in plain(numbers)],
            "sku": self._code(field),
        }
        return single(field, columns, len(self))

    def _product(self, field: Field) -> list[Any]:
        numbers = _FIRST_PRODUCT + self._sku
        columns = {
            "id": gid("Product", numbers),
            "legacyResourceId": [str(number) for number in plain(numbers)],
            "title": self._title(field),
        }
        return single(field, columns, len(self))

    def _allocations(self, field: Field) -> list[Any]:
        discount = self._discount()
        bags = [money(part, discount) for part in field.selection]
        keys = [part.key for part in field.selection]
        return [
            [dict(zip(keys, row, strict=True))] if amount else []
            for amount, row in zip(plain(discount), zip(*bags, strict=True), strict=True)
        ]


_LINE_FIELDS: Final[dict[str, Callable[[LineItems, Field], list[Any]]]] = {
    "id": lambda table, _: gid("LineItem", _FIRST_LINE + table.rows),
    "name": LineItems._title,
    "title": LineItems._title,
    "sku": LineItems._code,
    "quantity": lambda table, _: plain(table._quantity),
    "currentQuantity": lambda table, _: plain(table._left()),
    "refundableQuantity": lambda table, _: plain(table._left()),
    "unfulfilledQuantity": lambda table, _: plain(table._unfulfilled()),
    "variant": LineItems._variant,
    "product": LineItems._product,
    "originalUnitPriceSet": lambda t, field: money(
        field, t.snapshot.list_amount[t.rows] // t._quantity
    ),
    "discountedUnitPriceSet": lambda t, field: money(field, t.snapshot.unit_price[t.rows]),
    "originalTotalSet": lambda t, field: money(field, t.snapshot.list_amount[t.rows]),
    "discountedTotalSet": lambda t, field: money(field, t.snapshot.line_amount[t.rows]),
    "totalDiscountSet": lambda t, field: money(field, t._discount()),
    "discountAllocations": LineItems._allocations,
}


class Fulfillments(_Rows):
    """Parcels, by their orders."""

    def column(self, field: Field) -> list[Any]:
        """The field's value of every parcel."""
        make = _FULFILLMENT_FIELDS.get(field.name)
        return typename(field, len(self)) if make is None else make(self, field)

    def _seen(self, times: Ints) -> Ints:
        seen: Ints = self.snapshot.seen(times)[self.rows]
        return seen

    def _updated(self) -> Ints:
        journeys = self.world.journeys
        steps = [
            self._seen(times)
            for times in (
                journeys.shipped_at,
                journeys.out_for_delivery_at,
                journeys.delivered_at,
                journeys.stuck_at,
                journeys.refused_at,
            )
        ]
        updated: Ints = np.where(np.array(steps) == NEVER, 0, steps).max(axis=0, initial=0)
        return updated

    def _display(self, _field: Field) -> list[str]:
        journeys = self.world.journeys
        words = np.full(len(self), "IN_TRANSIT", dtype=object)
        for times, word in (
            (journeys.out_for_delivery_at, "OUT_FOR_DELIVERY"),
            (journeys.delivered_at, "DELIVERED"),
            (journeys.stuck_at, "DELAYED"),
            (journeys.refused_at, "FAILURE"),
        ):
            words[self._seen(times) != NEVER] = word
        return plain(words)

    def _tracking(self, field: Field) -> list[Any]:
        numbers = tracking_numbers(self.world, self.rows).to_pylist()
        columns = {
            "company": self.same("SF Express"),
            "number": numbers,
            "url": [f"https://www.sf-express.com/waybill/{number}" for number in numbers],
        }
        return [[row] for row in single(field, columns, len(self))]


_FULFILLMENT_FIELDS: Final[dict[str, Callable[[Fulfillments, Field], list[Any]]]] = {
    "id": lambda table, _: gid("Fulfillment", _FIRST_FULFILLMENT + table.rows),
    "legacyResourceId": lambda table, _: [
        str(number) for number in plain(_FIRST_FULFILLMENT + table.rows)
    ],
    "createdAt": lambda t, _: utc_texts(t._seen(t.world.journeys.shipped_at)),
    "updatedAt": lambda t, _: utc_texts(t._updated()),
    "inTransitAt": lambda t, _: utc_texts(t._seen(t.world.journeys.shipped_at)),
    "deliveredAt": lambda t, _: utc_texts(t._seen(t.world.journeys.delivered_at)),
    "estimatedDeliveryAt": lambda t, _: utc_texts(t.world.journeys.promised_at[t.rows]),
    "status": lambda table, _: table.same("SUCCESS"),
    "displayStatus": Fulfillments._display,
    "trackingInfo": Fulfillments._tracking,
}


def granted_refunds(snapshot: Snapshot, orders: Ints) -> tuple[Ints, Ints]:
    """The refunds of some orders, and how many each has.

    One refund is what was granted at one time, by its first row: a cancelled order's lines come
    back together.
    """
    rows, counts = snapshot.refunds_of(orders)
    granted_at = snapshot.refund_times[GRANTED][rows]
    owner = np.repeat(np.arange(len(counts)), counts)
    is_first = granted_at != NEVER
    same = (owner[1:] == owner[:-1]) & (granted_at[1:] == granted_at[:-1])
    is_first[1:] &= ~same
    return rows[is_first], np.bincount(owner[is_first], minlength=len(counts))


def _together(snapshot: Snapshot, firsts: Ints) -> tuple[Ints, Ints]:
    """All rows that were granted with each first row, and how many each has."""
    order = snapshot.world.refunds.order
    granted_at = snapshot.refund_times[GRANTED]
    groups = []
    for first in plain(firsts):
        last = first + 1
        while (
            last < len(order)
            and order[last] == order[first]
            and granted_at[last] == granted_at[first]
        ):
            last += 1
        groups.append(np.arange(first, last))
    counts = np.array([len(group) for group in groups], dtype=np.int64)
    rows = np.concatenate(groups) if groups else np.empty(0, dtype=np.int64)
    return rows, counts


class Refunds(_Rows):
    """Refunds, each by the first of its rows."""

    def column(self, field: Field) -> list[Any]:
        """The field's value of every refund."""
        make = _REFUND_FIELDS.get(field.name)
        return typename(field, len(self)) if make is None else make(self, field)

    def _granted(self, _field: Field) -> list[str | None]:
        return utc_texts(self.snapshot.refund_times[GRANTED][self.rows])

    def _note(self, _field: Field) -> list[str]:
        return [REFUND_REASONS[code] for code in plain(self.world.refunds.reason[self.rows])]

    def amounts(self) -> Ints:
        """Fen of each refund."""
        rows, counts = _together(self.snapshot, self.rows)
        begins = np.cumsum(counts) - counts
        amounts = self.world.refunds.amount[rows]
        return np.add.reduceat(amounts, begins) if len(amounts) else amounts

    def _lines(self, field: Field) -> list[Any]:
        rows, counts = _together(self.snapshot, self.rows)
        return connection(field, rows, counts, lambda kept: RefundLines(self.snapshot, kept))

    def _transactions(self, field: Field) -> list[Any]:
        counts = np.ones(len(self), dtype=np.int64)
        return connection(
            field, paybacks(self.rows), counts, lambda kept: Transactions(self.snapshot, kept)
        )


_REFUND_FIELDS: Final[dict[str, Callable[[Refunds, Field], list[Any]]]] = {
    "id": lambda table, _: gid("Refund", _FIRST_REFUND + table.rows),
    "legacyResourceId": lambda table, _: [
        str(number) for number in plain(_FIRST_REFUND + table.rows)
    ],
    "createdAt": Refunds._granted,
    "updatedAt": Refunds._granted,
    "note": Refunds._note,
    "totalRefundedSet": lambda table, field: money(field, table.amounts()),
    "refundLineItems": Refunds._lines,
    "transactions": Refunds._transactions,
}


class RefundLines(_Rows):
    """Refunded lines: the rows of the world's refunds."""

    def column(self, field: Field) -> list[Any]:
        """The field's value of every refunded line."""
        make = _REFUND_LINE_FIELDS.get(field.name)
        return typename(field, len(self)) if make is None else make(self, field)

    def _line(self, field: Field) -> list[Any]:
        table = LineItems(self.snapshot, self.world.refunds.line[self.rows])
        columns = [table.column(part) for part in field.selection]
        keys = [part.key for part in field.selection]
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]

    def _restock(self, _field: Field) -> list[str]:
        before = self.world.refunds.reason[self.rows] == CANCELLED_BEFORE_SHIPPING
        return plain(np.where(before, "CANCEL", "RETURN"))

    def _price(self) -> Ints:
        price: Ints = self.world.refunds.amount[self.rows] // self.world.refunds.quantity[self.rows]
        return price


_REFUND_LINE_FIELDS: Final[dict[str, Callable[[RefundLines, Field], list[Any]]]] = {
    "id": lambda table, _: gid("RefundLineItem", _FIRST_REFUND_LINE + table.rows),
    "quantity": lambda t, _: plain(t.world.refunds.quantity[t.rows]),
    "priceSet": lambda t, field: money(field, t._price()),
    "subtotalSet": lambda t, field: money(field, t.world.refunds.amount[t.rows]),
    "totalTaxSet": lambda t, field: money(field, 0 * t.rows),
    "lineItem": RefundLines._line,
    "restockType": RefundLines._restock,
    "restocked": lambda table, _: table.same(True),
}


def paybacks(refunds: Ints) -> Ints:
    """Refunds as rows of `Transactions`: below zero, to tell them from orders."""
    rows: Ints = -1 - refunds
    return rows


def transactions_of(snapshot: Snapshot, orders: Ints) -> tuple[Ints, Ints]:
    """The transactions of some orders (the sale, then each refund) and how many each has."""
    refunds, counts = granted_refunds(snapshot, orders)
    paid = (snapshot.paid_at[orders] != NEVER).astype(np.int64)
    places = np.concatenate(
        [np.arange(len(orders))[paid > 0], np.repeat(np.arange(len(orders)), counts)]
    )
    rows = np.concatenate([orders[paid > 0], paybacks(refunds)])
    by_order = np.argsort(places, kind="stable")
    return rows[by_order], counts + paid


class Transactions(_Rows):
    """Payments (rows are orders) and paybacks (rows are below zero, see `paybacks`)."""

    def column(self, field: Field) -> list[Any]:
        """The field's value of every transaction."""
        make = _TRANSACTION_FIELDS.get(field.name)
        return typename(field, len(self)) if make is None else make(self, field)

    @property
    def _is_sale(self) -> Any:
        return self.rows >= 0

    @property
    def _orders(self) -> Ints:
        refund = np.where(self._is_sale, 0, -1 - self.rows)
        order = np.append(self.world.refunds.order, 0)[refund]
        return np.where(self._is_sale, self.rows, order)

    def _amount(self) -> Ints:
        amounts = self.snapshot.total[self._orders].copy()
        back = ~self._is_sale
        amounts[back] = Refunds(self.snapshot, -1 - self.rows[back]).amounts()
        return amounts

    def _time(self, _field: Field) -> list[str | None]:
        times = self.snapshot.paid_at[self._orders].copy()
        back = ~self._is_sale
        times[back] = self.snapshot.refund_times[GRANTED][-1 - self.rows[back]]
        return utc_texts(times)

    def _gateway(self, _field: Field) -> list[str]:
        names = ["shopify_payments" if name == "card" else name for name in PAYMENT_METHODS]
        return [names[code] for code in plain(self.world.journeys.method[self._orders])]

    def _payment_id(self, _field: Field) -> list[str]:
        numbers: list[str] = payment_numbers(self.world, self._orders).to_pylist()
        return numbers


_TRANSACTION_FIELDS: Final[dict[str, Callable[[Transactions, Field], list[Any]]]] = {
    "id": lambda t, _: gid(
        "OrderTransaction",
        np.where(t._is_sale, _FIRST_SALE + t.rows, _FIRST_PAYBACK - 1 - t.rows),
    ),
    "kind": lambda t, _: plain(np.where(t._is_sale, "SALE", "REFUND")),
    "status": lambda table, _: table.same("SUCCESS"),
    "gateway": Transactions._gateway,
    "amountSet": lambda t, field: money(field, t._amount()),
    "createdAt": Transactions._time,
    "processedAt": Transactions._time,
    "paymentId": Transactions._payment_id,
    "test": lambda table, _: table.same(False),
}


class Returns(_Rows):
    """Returns that were asked for: the rows of the world's refunds after shipping."""

    def column(self, field: Field) -> list[Any]:
        """The field's value of every return."""
        make = _RETURN_FIELDS.get(field.name)
        return typename(field, len(self)) if make is None else make(self, field)

    def _status(self, _field: Field) -> list[str]:
        return [_RETURN_WORDS[stage] for stage in plain(self.snapshot.refund_stage[self.rows])]

    def _decline(self, field: Field) -> list[Any]:
        columns = {"note": self.same("商家拒绝"), "reason": self.same("OTHER")}
        objects = single(field, columns, len(self))
        words = self._status(field)
        return [
            value if word == "DECLINED" else None
            for value, word in zip(objects, words, strict=True)
        ]


_RETURN_FIELDS: Final[dict[str, Callable[[Returns, Field], list[Any]]]] = {
    "id": lambda table, _: gid("Return", _FIRST_RETURN + table.rows),
    "name": lambda table, _: [f"R{row}" for row in plain(table.rows)],
    "status": Returns._status,
    "totalQuantity": lambda t, _: plain(t.world.refunds.quantity[t.rows]),
    "createdAt": lambda t, _: utc_texts(t.world.refunds.requested_at[t.rows]),
    "closedAt": lambda t, _: utc_texts(t.snapshot.refund_times[GRANTED][t.rows]),
    "decline": Returns._decline,
}
