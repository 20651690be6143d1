"""Lines of trades as TOP writes them, and the words that trades, lines and refunds share.

One function per field, for a page at once; only the fields that were asked for are made.
"""

from collections.abc import Callable, Container, Iterable
from functools import cached_property
from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import buyer_ids
from connectors.sandbox.platforms import (
    CANCELLED,
    CLOSED_UNPAID_WORD,
    COMPLETED,
    SALE,
    STATUS_WORDS,
    TMALL,
    UNMAPPED_WORD,
)
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.texts import plain, repeated, time_texts, yuan_texts
from connectors.sandbox.servers.views import (
    AGREED,
    ASKED,
    GRANTED,
    NOT_ASKED,
    REFUSED,
    REFUSED_AFTER_RETURN,
    SENT_BACK,
    WITHDRAWN,
    Snapshot,
    waybills,
)
from connectors.sandbox.world import NEVER, Flags, Ints

SALE_TYPE: Final = "guarantee_trade"
STEP_TYPE: Final = "step"
SAMPLE_TYPE: Final = "nopaid"
"""Samples are trades without a payment: a type that the defaults of the lists leave out."""

_COMPANIES: Final = ("顺丰速运", "圆通速递", "京东快递")
SELLER: Final = "沙箱旗舰店"

TRADE_TYPES: Final = (SALE_TYPE, STEP_TYPE, SAMPLE_TYPE)
TRADE_WORDS: Final = (*STATUS_WORDS[TMALL], CLOSED_UNPAID_WORD, UNMAPPED_WORD)
REFUND_WORDS: Final = {
    NOT_ASKED: "NO_REFUND",
    ASKED: "WAIT_SELLER_AGREE",
    AGREED: "WAIT_BUYER_RETURN_GOODS",
    SENT_BACK: "WAIT_SELLER_CONFIRM_GOODS",
    GRANTED: "SUCCESS",
    REFUSED: "SELLER_REFUSE_BUYER",
    REFUSED_AFTER_RETURN: "SELLER_REFUSE_BUYER",
    WITHDRAWN: "CLOSED",
}
# A line of a larger trade has an id of its own; the only line has the trade's.
_FIRST_OID: Final = 1_285_300_000_000_000_000
_FIRST_ITEM: Final = 600_000_000_000
_FIRST_SKU: Final = 4_900_000_000_000
FIRST_REFUND: Final = 70_000_000_000_000_000


class Catalogue:
    """Texts per product and account that every page needs: made once."""

    def __init__(self, world: World) -> None:
        self.skus = world.products.skus
        self.names = world.products.names
        self.buyers: list[str] = buyer_ids(world).to_pylist()


def status_codes(snapshot: Snapshot, orders: Ints) -> Ints:
    """The trade status of each order as a position in `TRADE_WORDS`."""
    state = snapshot.state[orders]
    unpaid_close = (state == CANCELLED) & (snapshot.paid_at[orders] == NEVER)
    codes = np.where(unpaid_close, TRADE_WORDS.index(CLOSED_UNPAID_WORD), state)
    return np.where(snapshot.is_unmapped[orders], TRADE_WORDS.index(UNMAPPED_WORD), codes)


def type_codes(snapshot: Snapshot, orders: Ints) -> Ints:
    """The trade type of each order as a position in `TRADE_TYPES`."""
    is_sample = snapshot.world.orders.order_type[orders] != SALE
    codes = np.where(snapshot.terms.is_presale[orders], TRADE_TYPES.index(STEP_TYPE), 0)
    return np.where(is_sample, TRADE_TYPES.index(SAMPLE_TYPE), codes)


def is_of_type(snapshot: Snapshot, orders: Ints, types: Container[str]) -> Flags:
    """Whether each order's type is among some."""
    wanted = [code for code, name in enumerate(TRADE_TYPES) if name in types]
    found: Flags = np.isin(type_codes(snapshot, orders), wanted)
    return found


class LinePage:
    """The lines of one page of trades."""

    def __init__(self, snapshot: Snapshot, catalogue: Catalogue, lines: Ints) -> None:
        self._snapshot = snapshot
        self._catalogue = catalogue
        self.lines = lines
        self.order = snapshot.world.lines.order[lines]
        self._sku = snapshot.world.lines.sku[lines]

    def column(self, field: str) -> list[Any] | None:
        """The values of a field, None when there is no such field."""
        make = _LINE_FIELDS.get(field)
        return None if make is None else make(self)

    def oid(self) -> list[int]:
        """Line ids; the only line of a trade has the trade's id."""
        return plain(line_ids(self._snapshot, self.lines))

    def num_iid(self) -> list[int]:
        """Item ids."""
        return plain(_FIRST_ITEM + self._sku)

    def sku_id(self) -> list[str]:
        """SKU ids of the platform."""
        return [str(_FIRST_SKU + sku) for sku in self._sku.tolist()]

    def outer(self) -> list[str]:
        """The seller's own SKU codes."""
        return [self._catalogue.skus[sku] for sku in self._sku.tolist()]

    def title(self) -> list[str]:
        """Product names."""
        return [self._catalogue.names[sku] for sku in self._sku.tolist()]

    @cached_property
    def _list_price(self) -> Ints:
        price: Ints = self._snapshot.list_amount[self.lines] // self._quantity
        return price

    @cached_property
    def _quantity(self) -> Ints:
        return self._snapshot.world.lines.quantity[self.lines]

    @cached_property
    def _amount(self) -> Ints:
        return self._snapshot.line_amount[self.lines]

    def price(self) -> list[str]:
        """List prices."""
        return yuan_texts(self._list_price)

    def _num(self) -> list[int]:
        return plain(self._quantity)

    def _divided(self) -> list[str]:
        return yuan_texts(self._amount)

    def _payment(self) -> list[str]:
        """Before the line's share of a discount of the trade."""
        return yuan_texts(self._amount + self._share)

    @cached_property
    def _share(self) -> Ints:
        return self._snapshot.order_discount[self.lines]

    def _part_discount(self) -> list[str]:
        return yuan_texts(self._share)

    def _discount_fee(self) -> list[str]:
        return yuan_texts(self._snapshot.discount[self.lines] - self._share)

    def _zero(self) -> list[str]:
        return repeated("0.00", len(self.lines))

    def _refund_status(self) -> list[str]:
        return [REFUND_WORDS[stage] for stage in self._snapshot.stage_of_line[self.lines].tolist()]

    def _refund_id(self) -> list[int | None]:
        refund = self._snapshot.refund_of_line[self.lines]
        asked = self._snapshot.stage_of_line[self.lines] != NOT_ASKED
        return [
            FIRST_REFUND + row if known else None
            for row, known in zip(refund.tolist(), asked.tolist(), strict=True)
        ]

    def status(self) -> list[str]:
        """Line status: a line that was refunded whole is closed although the trade goes on."""
        codes = status_codes(self._snapshot, self.order)
        closed = self._snapshot.is_line_closed[self.lines]
        return [TRADE_WORDS[code] for code in plain(np.where(closed, CANCELLED, codes))]

    def _consign_time(self) -> list[str | None]:
        return time_texts(self._snapshot.shipped_at[self.order])

    def _company(self) -> list[str | None]:
        return _companies(self._snapshot, self.order)

    def _invoice_no(self) -> list[str | None]:
        return waybills(self._snapshot, self.order)

    def _end_time(self) -> list[str | None]:
        return time_texts(ended_at(self._snapshot, self.order))


_LINE_FIELDS: Final[dict[str, Callable[[LinePage], list[Any]]]] = {
    "oid": LinePage.oid,
    "oid_str": lambda page: [str(oid) for oid in page.oid()],
    "num_iid": LinePage.num_iid,
    "sku_id": LinePage.sku_id,
    "outer_iid": LinePage.outer,
    "outer_sku_id": LinePage.outer,
    "title": LinePage.title,
    "price": LinePage.price,
    "num": LinePage._num,
    "total_fee": LinePage._payment,
    "payment": LinePage._payment,
    "divide_order_fee": LinePage._divided,
    "discount_fee": LinePage._discount_fee,
    "adjust_fee": LinePage._zero,
    "part_mjz_discount": LinePage._part_discount,
    "refund_status": LinePage._refund_status,
    "refund_id": LinePage._refund_id,
    "status": LinePage.status,
    "consign_time": LinePage._consign_time,
    "logistics_company": LinePage._company,
    "invoice_no": LinePage._invoice_no,
    "end_time": LinePage._end_time,
    "store_code": lambda page: repeated("", len(page.lines)),
    "is_oversold": lambda page: repeated(False, len(page.lines)),
    "order_from": lambda page: repeated("WAP,WAP", len(page.lines)),
    "cid": lambda page: repeated(50_012_454, len(page.lines)),
}
"""Fields of `orders.order[]`."""


def line_ids(snapshot: Snapshot, lines: Ints) -> Ints:
    """The oid of each line."""
    orders = snapshot.world.orders
    order = snapshot.world.lines.order[lines]
    alone = orders.line_count[order] == 1
    return np.where(alone, orders.number[order], _FIRST_OID + 10 * lines)


def _companies(snapshot: Snapshot, orders: Ints) -> list[str | None]:
    """The carrier's Chinese name of each shipped order."""
    shipped = (snapshot.shipped_at[orders] != NEVER).tolist()
    carriers = snapshot.world.journeys.carrier[orders].tolist()
    return [
        _COMPANIES[code] if known else None for code, known in zip(carriers, shipped, strict=True)
    ]


def ended_at(snapshot: Snapshot, orders: Ints) -> Ints:
    """When each order was completed or closed."""
    ended: Ints = snapshot.state_times[[COMPLETED, CANCELLED]][:, orders].min(axis=0)
    return ended


def asked_line_fields(fields: Iterable[str]) -> list[str]:
    """The asked fields of the lines: `orders` is all of them, `orders.oid` one."""
    listed = list(fields)
    if "orders" in listed:
        return list(_LINE_FIELDS)
    prefix = "orders."
    return [field.removeprefix(prefix) for field in listed if field.startswith(prefix)]
