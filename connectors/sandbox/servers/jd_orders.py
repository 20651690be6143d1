"""Orders as JD POP writes them: whole pages at once.

Money and counts are texts, times local texts, `0001-01-01 00:00:00` where something has not
happened. An order that JD has split is told three times: as it was, cancelled, and as two halves
that name it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import buyer_ids, tracking_numbers
from connectors.sandbox.platforms import (
    CANCELLED,
    CANCELLED_BEFORE_SHIPPING,
    COMPLETED,
    PROVINCE_NAMES,
    SHIPPED,
    UNMAPPED_WORD,
)
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.texts import plain, time_texts, yuan_texts
from connectors.sandbox.servers.views import Shop, Snapshot
from connectors.sandbox.stages.people import GIVEN_NAMES, SURNAMES
from connectors.sandbox.stages.splitting import released_at, split_at
from connectors.sandbox.world import NEVER, Flags, Ints

WHOLE, FIRST_HALF, SECOND_HALF = range(3)
"""What is told of an order: all of it, its first line, its other lines."""

TO_SHIP, SENT, FINISHED, CLOSED, HELD = (
    "WAIT_SELLER_STOCK_OUT",
    "WAIT_GOODS_RECEIVE_CONFIRM",
    "FINISHED_L",
    "TRADE_CANCELED",
    "LOCKED",
)
ASKABLE: Final = frozenset(
    (TO_SHIP, SENT, FINISHED, CLOSED, HELD, "WAIT_SELLER_DELIVERY", "PAUSE", "POP_ORDER_PAUSE")
)
"""The states that a search may name."""

_STATE_TEXTS: Final = {
    TO_SHIP: "等待出库",
    SENT: "等待确认收货",
    FINISHED: "完成",
    CLOSED: "取消",
    HELD: "锁定",
    UNMAPPED_WORD: "未知",
}
NOT_YET: Final = "0001-01-01 00:00:00"
FIRST_SKU: Final = 10_020_000_000_000
_FIRST_WARE: Final = 10_010_000_000_000
_COMPANIES: Final = ("467", "463", "2087")  # logisticsId of sf, yto, jd
_SHOP_COUPON: Final = "100-店铺优惠"
_BALANCE_EVERY, _BALANCE_PERCENT = 5, 30
_SECOND_PARCEL: Final = 9_000_000_000_000
_CIPHER: Final = "AQA~sandbox~"


@dataclass(frozen=True)
class Told:
    """Orders as a listing has them: one element per order that JD shows.

    Attributes:
        row: of the world's order.
        part: WHOLE, FIRST_HALF or SECOND_HALF.
        state: the state that a search finds it by.
        modified: local seconds.
    """

    row: Ints
    part: Ints
    state: list[str]
    modified: Ints

    def __len__(self) -> int:
        return len(self.row)

    def only(self, chosen: Flags | slice) -> "Told":
        """Some of them, in the same order."""
        places = np.arange(len(self))[chosen]
        states = [self.state[place] for place in plain(places)]
        return Told(self.row[places], self.part[places], states, self.modified[places])


class Orders:
    """What JD knows of the orders of a world, whatever the time: made once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.released_at = released_at(world)
        self.split_at = split_at(world)
        refunds = world.refunds
        self._locked_at = np.full(len(world.orders), NEVER)
        cancels = refunds.reason == CANCELLED_BEFORE_SHIPPING
        self._locked_at[refunds.order[cancels]] = refunds.requested_at[cancels]
        self.buyers: list[str] = buyer_ids(world).to_pylist()

    def created_between(self, shop: Shop, start: int, end: int) -> Told:
        """Orders of the span, oldest first; both ends belong to it."""
        return self._told(shop, shop.created_between(start, end))

    def modified_between(self, shop: Shop, start: int, end: int) -> Told:
        """Orders whose state or waybill changed in the span, the longest ago first."""
        rows = shop.created_between(None, end)
        modified = self._modified(shop, rows)
        inside = (modified >= start) & (modified <= end)
        rows, modified = rows[inside], modified[inside]
        return self._told(shop, rows[np.argsort(modified, kind="stable")])

    def of_refunds(self, refunds: Ints, as_of: int) -> list[str]:
        """The number of the order that each refund is of: the half that holds its line."""
        world = self._world
        order, line = world.refunds.order[refunds], world.refunds.line[refunds]
        half = np.where(line == world.orders.first_line[order], FIRST_HALF, SECOND_HALF)
        part = np.where(self.split_at[order] <= as_of, half, WHOLE)
        return order_ids(world, order, part)

    def _modified(self, shop: Shop, rows: Ints) -> Ints:
        """A split and a hold are changes of state; a refund by itself is none."""
        modified = shop.modified[rows]
        for times in (self.split_at, self._locked_at):
            seen = np.where(times[rows] <= shop.snapshot.as_of, times[rows], 0)
            modified = np.maximum(modified, seen)
        return modified

    def _told(self, shop: Shop, rows: Ints) -> Told:
        snapshot = shop.snapshot
        rows = rows[self.released_at[rows] <= snapshot.as_of]
        is_split = self.split_at[rows] <= snapshot.as_of
        counts = np.where(is_split, 3, 1)
        row = np.repeat(rows, counts)
        part = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        states = self._states(snapshot, row, is_original=np.repeat(is_split, counts) & (part == 0))
        return Told(row, part, states, np.repeat(self._modified(shop, rows), counts))

    def _states(self, snapshot: Snapshot, row: Ints, *, is_original: Flags) -> list[str]:
        times = snapshot.state_times
        words = np.full(len(row), TO_SHIP, dtype=object)
        words[self._locked_at[row] <= snapshot.as_of] = HELD
        words[times[SHIPPED][row] != NEVER] = SENT
        words[times[COMPLETED][row] != NEVER] = FINISHED
        words[(times[CANCELLED][row] != NEVER) | is_original] = CLOSED
        return plain(words)


def order_ids(world: World, row: Ints, part: Ints) -> list[str]:
    """The number of an order, with one digit more for each half."""
    return [
        f"{number}{half}" if half else str(number)
        for number, half in zip(plain(world.orders.number[row]), plain(part), strict=True)
    ]


class OrderPage:
    """The orders of one page; only the columns that were asked for are made."""

    def __init__(self, shop: Shop, orders: Orders, told: Told, *, is_encrypted: bool) -> None:
        self._shop = shop
        self._snapshot = shop.snapshot
        self._world = shop.snapshot.world
        self._orders = orders
        self._told = told
        self._is_encrypted = is_encrypted
        self._lines = [self._lines_of(row, part) for row, part in self._pairs()]

    def rows(self, fields: list[str]) -> list[dict[str, Any]]:
        """The orders with the asked fields; unknown fields are passed over."""
        columns = {name: _FIELDS[name](self) for name in fields if name in _FIELDS}
        if not columns:
            return [{} for _ in self._lines]
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    def _pairs(self) -> list[tuple[int, int]]:
        return list(zip(plain(self._told.row), plain(self._told.part), strict=True))

    def _lines_of(self, row: int, part: int) -> range:
        first = int(self._world.orders.first_line[row])
        after = first + int(self._world.orders.line_count[row])
        if part == WHOLE:
            return range(first, after)
        return range(first, first + 1) if part == FIRST_HALF else range(first + 1, after)

    def _summed(self, of_lines: Ints) -> Ints:
        return np.array([int(of_lines[lines].sum()) for lines in self._lines], dtype=np.int64)

    def _gross(self) -> Ints:
        return self._summed(self._snapshot.list_amount)

    def _net(self) -> Ints:
        return self._summed(self._snapshot.line_amount)

    def _balance(self) -> Ints:
        """Paid out of a balance with JD: whole yuan of some orders."""
        has = self._world.orders.number[self._told.row] % _BALANCE_EVERY == 0
        return np.where(has, self._net() * _BALANCE_PERCENT // 10_000 * 100, 0)

    def _order_id(self) -> list[str]:
        return order_ids(self._world, self._told.row, self._told.part)

    def _parent(self) -> list[str]:
        numbers = plain(self._world.orders.number[self._told.row])
        return [
            str(n) if part else "0" for n, (_, part) in zip(numbers, self._pairs(), strict=True)
        ]

    def _state(self) -> list[str]:
        """The word shown; of a few orders one that nobody knows, however they were found."""
        unknown = plain(self._snapshot.is_unmapped[self._told.row])
        return [
            UNMAPPED_WORD if hidden and state != CLOSED else state
            for hidden, state in zip(unknown, self._told.state, strict=True)
        ]

    def _state_text(self) -> list[str]:
        return [_STATE_TEXTS[word] for word in self._state()]

    def _times(self, seconds: Ints) -> list[str]:
        return [text or NOT_YET for text in time_texts(seconds)]

    def _is_sent(self) -> Flags:
        is_sent: Flags = self._snapshot.shipped_at[self._told.row] != NEVER
        original = (self._told.part == WHOLE) & (
            self._orders.split_at[self._told.row] <= self._snapshot.as_of
        )
        told: Flags = is_sent & ~original
        return told

    def _waybill(self) -> list[str]:
        """A second half goes out in a parcel of its own, of which the carriers know nothing."""
        numbers = tracking_numbers(self._world, self._told.row).to_pylist()
        second = plain(self._told.part == SECOND_HALF)
        own = [
            f"{number[:2]}{int(number[2:]) + _SECOND_PARCEL}" if other else number
            for number, other in zip(numbers, second, strict=True)
        ]
        return [
            number if sent else "" for number, sent in zip(own, plain(self._is_sent()), strict=True)
        ]

    def _company(self) -> list[str]:
        carriers = plain(self._world.journeys.carrier[self._told.row])
        sent = plain(self._is_sent())
        return [
            _COMPANIES[code] if known else "" for code, known in zip(carriers, sent, strict=True)
        ]

    def _buyer(self) -> list[str]:
        accounts = plain(self._world.orders.account[self._told.row])
        return [self._orders.buyers[account] for account in accounts]

    def _pin(self) -> list[str]:
        return [_CIPHER if self._is_encrypted else f"jd_{buyer}" for buyer in self._buyer()]

    def _consignee(self) -> list[dict[str, str]]:
        return [self._receiver(row) for row in plain(self._told.row)]

    def _receiver(self, row: int) -> dict[str, str]:
        orders, accounts = self._world.orders, self._world.accounts
        account = int(orders.account[row])
        province = PROVINCE_NAMES[int(orders.province[row])]
        name = (
            SURNAMES[int(accounts.surname[account])]
            + GIVEN_NAMES[int(accounts.given_name[account])]
        )
        private = {
            "fullname": name,
            "mobile": str(accounts.phone[account]),
            "telephone": "",
            "fullAddress": f"{province}***",
        }
        if self._is_encrypted:
            private = dict.fromkeys(private, _CIPHER)
        return {**private, "province": province, "city": "", "county": "", "town": ""}

    def _items(self) -> list[list[dict[str, str]]]:
        return [[self._item(line) for line in lines] for lines in self._lines]

    def _item(self, line: int) -> dict[str, str]:
        products = self._world.products
        sku = int(self._world.lines.sku[line])
        quantity = int(self._world.lines.quantity[line])
        (price,) = yuan_texts(np.array([self._snapshot.list_amount[line] // quantity]))
        return {
            "skuId": str(FIRST_SKU + sku),
            "wareId": str(_FIRST_WARE + sku),
            "outerSkuId": products.skus[sku],
            "productNo": products.skus[sku],
            "skuName": products.names[sku],
            "jdPrice": price,
            "itemTotal": str(quantity),
            "giftPoint": "0",
            "newStoreId": "0",
        }

    def _coupons(self) -> list[list[dict[str, str]]]:
        return [
            self._coupons_of(number, row, lines)
            for number, row, lines in zip(
                self._order_id(), plain(self._told.row), self._lines, strict=True
            )
        ]

    def _coupons_of(self, number: str, row: int, lines: range) -> list[dict[str, str]]:
        """One row a discounted line; one without a line where the discount is the order's."""
        discounts = {line: int(self._snapshot.discount[line]) for line in lines}
        if self._snapshot.terms.has_order_discount[row]:
            amounts = {"": sum(discounts.values())}
        else:
            amounts = {}
            for line, fen in discounts.items():
                sku = str(FIRST_SKU + int(self._world.lines.sku[line]))
                amounts[sku] = amounts.get(sku, 0) + fen
        return [
            {"orderId": number, "couponType": _SHOP_COUPON, "couponPrice": price}
            | ({"skuId": sku} if sku else {})
            for (sku, fen), price in zip(
                amounts.items(), yuan_texts(np.array(list(amounts.values()))), strict=True
            )
            if fen
        ]

    def _same(self, value: Any) -> list[Any]:
        return [value] * len(self._told)


_FIELDS: Final[dict[str, Callable[[OrderPage], list[Any]]]] = {
    "orderId": OrderPage._order_id,
    "venderId": lambda page: page._same("100156"),
    "orderType": lambda page: page._same("22"),
    "payType": lambda page: page._same("4-在线支付"),
    "orderTotalPrice": lambda page: yuan_texts(page._gross()),
    "orderSellerPrice": lambda page: yuan_texts(page._net()),
    "sellerDiscount": lambda page: yuan_texts(page._gross() - page._net()),
    "orderPayment": lambda page: yuan_texts(page._net() - page._balance()),
    "balanceUsed": lambda page: yuan_texts(page._balance()),
    "freightPrice": lambda page: page._same("0.00"),
    "orderState": OrderPage._state,
    "orderStateRemark": OrderPage._state_text,
    "orderStartTime": lambda page: page._times(page._world.orders.created_at[page._told.row]),
    "paymentConfirmTime": lambda page: page._times(page._snapshot.paid_at[page._told.row]),
    "orderEndTime": lambda page: page._times(page._snapshot.state_times[COMPLETED][page._told.row]),
    "modified": lambda page: page._times(page._told.modified),
    "logisticsId": OrderPage._company,
    "waybill": OrderPage._waybill,
    "pin": OrderPage._pin,
    "open_id_buyer": OrderPage._buyer,
    "consigneeInfo": OrderPage._consignee,
    "itemInfoList": OrderPage._items,
    "couponDetailList": OrderPage._coupons,
    "parentOrderId": OrderPage._parent,
    "directParentOrderId": OrderPage._parent,
    "orderRemark": lambda page: page._same(""),
    "venderRemark": lambda page: page._same(""),
    "orderSource": lambda page: page._same("移动端订单"),
    "storeOrder": lambda page: page._same(""),
}
