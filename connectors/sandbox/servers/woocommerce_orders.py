"""Orders and refunds as WooCommerce's REST v3 writes them: whole pages at once.

Money is a text with two places, but `price` of a line is a JSON double; prices include 13 % VAT.
Every time is told twice without a zone: as the site's own and, with `_gmt` in its name, as UTC.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import payment_numbers
from connectors.sandbox.platforms import (
    CANCELLED,
    CANCELLED_BEFORE_SHIPPING,
    COMPLETED,
    PAYMENT_METHODS,
    PROVINCE_NAMES,
    REFUND_REASONS,
    SAMPLE,
)
from connectors.sandbox.servers.clock import OFFSET
from connectors.sandbox.servers.texts import grouped, plain, time_texts, yuan_texts
from connectors.sandbox.servers.views import GRANTED, Shop, Snapshot, line_rows
from connectors.sandbox.stages.card_settling import charge_numbers
from connectors.sandbox.stages.people import GIVEN_NAMES, SURNAMES
from connectors.sandbox.world import NEVER, Flags, Ints

PENDING, PROCESSING, DONE, CLOSED, REFUNDED, TRASHED = range(6)
STATUS_WORDS: Final = ("pending", "processing", "completed", "cancelled", "refunded", "trash")
"""Words of the site; it has none for a parcel on its way."""

CURRENCY: Final = "CNY"
_VAT_PERCENT: Final = 13
_FIRST_PRODUCT: Final = 1_001
_FIRST_ITEM: Final = 50_001
_FIRST_REFUND_ITEM: Final = 900_000_001
_FIRST_REFUND: Final = 7_000_000_001
_METHOD_TITLES: Final = {"card": ("stripe", "Credit Card (Stripe)"), "alipay": ("alipay", "支付宝")}
# WooCommerce numbers the provinces from CN1 in this order.
_STATES: Final = (
    *("云南省", "北京市", "天津市", "河北省", "山西省", "内蒙古自治区", "辽宁省", "吉林省"),
    *("黑龙江省", "上海市", "江苏省", "浙江省", "安徽省", "福建省", "江西省", "山东省"),
    *("河南省", "湖北省", "湖南省", "广东省", "广西壮族自治区", "海南省", "重庆市", "四川省"),
    *("贵州省", "陕西省", "甘肃省", "青海省", "宁夏回族自治区", "澳门", "西藏自治区"),
    "新疆维吾尔自治区",
)


def status_codes(snapshot: Snapshot, orders: Ints) -> Ints:
    """The status of each order as a code of `STATUS_WORDS`.

    An order of which everything was given back is `refunded`; of those that nobody paid, every
    third was put into the trash when it was closed.
    """
    world, state = snapshot.world, snapshot.state[orders]
    free = world.orders.order_type[orders] == SAMPLE
    paid = snapshot.paid_at[orders] != NEVER
    codes = np.where(paid | free, PROCESSING, PENDING)
    codes = np.where(state == COMPLETED, DONE, codes)
    closed = state == CANCELLED
    codes = np.where(closed, CLOSED, codes)
    codes = np.where(closed & ~paid & (world.orders.number[orders] % 3 == 0), TRASHED, codes)
    all_back = paid & (snapshot.refunded[orders] >= snapshot.total[orders])
    return np.where(all_back, REFUNDED, codes)


def orders_page(shop: Shop, orders: Ints) -> list[dict[str, Any]]:
    """The orders of one page."""
    snapshot, world = shop.snapshot, shop.snapshot.world
    counts = plain(world.orders.line_count[orders])
    lines = line_rows(world.orders.first_line[orders], world.orders.line_count[orders])
    items = _Items(snapshot, lines)
    status = status_codes(snapshot, orders)
    completed = snapshot.state_times[COMPLETED][orders]
    numbers = plain(world.orders.number[orders])
    # A free order is paid as soon as it is there.
    free = world.orders.order_type[orders] == SAMPLE
    paid_at = np.where(free, world.orders.created_at[orders], snapshot.paid_at[orders])
    tax, discount_tax = (_sums(column, orders, snapshot) for column in (items.tax, items.tax_off))
    columns: dict[str, list[Any]] = {
        "id": numbers,
        "number": [str(number) for number in numbers],
        "order_key": [f"wc_order_{number:x}" for number in numbers],
        "status": [STATUS_WORDS[code] for code in plain(status)],
        **_times("date_created", world.orders.created_at[orders]),
        **_times("date_modified", shop.modified[orders]),
        **_times("date_paid", paid_at),
        **_times("date_completed", completed),
        "discount_total": yuan_texts(_sums(items.off, orders, snapshot) - discount_tax),
        "discount_tax": yuan_texts(discount_tax),
        "cart_tax": yuan_texts(tax),
        "total": yuan_texts(snapshot.total[orders]),
        "total_tax": yuan_texts(tax),
        **_buyers(snapshot, orders),
        **_payments(snapshot, orders),
        "line_items": grouped(items.rendered(), counts),
        "refunds": [
            [
                {"id": row["id"], "reason": row["reason"], "total": f"-{row['amount']}"}
                for row in refunds_of(snapshot, order)
            ]
            for order in plain(orders)
        ],
        "needs_payment": plain(status == PENDING),
        "is_editable": plain(status == PENDING),
    }
    return [
        {**_SAME_FOR_ALL, **dict(zip(columns, row, strict=True))}
        for row in zip(*columns.values(), strict=True)
    ]


_SAME_FOR_ALL: Final[dict[str, Any]] = {
    "parent_id": 0,
    "created_via": "checkout",
    "version": "9.4.2",
    "currency": CURRENCY,
    "currency_symbol": "¥",
    "prices_include_tax": True,
    "shipping_total": "0.00",
    "shipping_tax": "0.00",
    "customer_ip_address": "",
    "customer_user_agent": "",
    "customer_note": "",
    "cart_hash": "",
    "payment_url": "",
    "needs_processing": True,
    "meta_data": [],
    "tax_lines": [],
    "shipping_lines": [],
    "fee_lines": [],
    "coupon_lines": [],
}


def refunds_of(snapshot: Snapshot, order: int) -> list[dict[str, Any]]:
    """The refunds of an order, the newest first: what was granted at one time is one refund.

    The money of an order cancelled before shipping goes back as an amount that names no line.
    """
    if not snapshot.refunded[order]:
        return []
    table = snapshot.world.refunds
    rows, _ = snapshot.refunds_of(np.array([order]))
    granted_at = snapshot.refund_times[GRANTED][rows]
    found = []
    for at in sorted({time for time in plain(granted_at) if time != NEVER}, reverse=True):
        together = rows[granted_at == at]
        reason = int(table.reason[together[0]])
        named = np.empty(0, np.int64) if reason == CANCELLED_BEFORE_SHIPPING else together
        (amount,) = yuan_texts(table.amount[together].sum(keepdims=True))
        (local,), (gmt,) = _local(np.array([at])), _gmt(np.array([at]))
        found.append(
            {
                "id": _FIRST_REFUND + int(together[0]),
                "date_created": local,
                "date_created_gmt": gmt,
                "amount": amount,
                "reason": REFUND_REASONS[reason],
                "refunded_by": 1,
                "refunded_payment": True,
                "meta_data": [],
                "line_items": _refunded_items(snapshot, named),
                "shipping_lines": [],
                "tax_lines": [],
                "fee_lines": [],
            }
        )
    return found


class _Items:
    """Lines of orders; amounts in fen with tax unless said otherwise."""

    def __init__(self, snapshot: Snapshot, lines: Ints) -> None:
        self._snapshot, self._lines = snapshot, lines
        self._total, self._full = snapshot.line_amount[lines], snapshot.list_amount[lines]
        self.tax = self._total - _without_tax(self._total)
        self._full_tax = self._full - _without_tax(self._full)
        self.off = self._full - self._total
        self.tax_off = self._full_tax - self.tax

    def rendered(self) -> list[dict[str, Any]]:
        """`line_items`, one object a line."""
        world, lines = self._snapshot.world, self._lines
        return _rendered(
            self._snapshot,
            world.lines.sku[lines],
            ids=_FIRST_ITEM + lines,
            quantity=world.lines.quantity[lines],
            amounts=(self._full - self._full_tax, self._full_tax, self._total - self.tax, self.tax),
            meta=[[] for _ in range(len(lines))],
        )


def _refunded_items(snapshot: Snapshot, refunds: Ints) -> list[dict[str, Any]]:
    """Lines of a refund: negative, and the order's line is told only in the meta data."""
    world, table = snapshot.world, snapshot.world.refunds
    net = _without_tax(table.amount[refunds])
    tax = table.amount[refunds] - net
    lines = table.line[refunds]
    return _rendered(
        snapshot,
        world.lines.sku[lines],
        ids=_FIRST_REFUND_ITEM + refunds,
        quantity=-table.quantity[refunds],
        amounts=(-net, -tax, -net, -tax),
        meta=[
            [{"id": line, "key": "_refunded_item_id", "value": str(_FIRST_ITEM + line)}]
            for line in plain(lines)
        ],
    )


def _rendered(
    snapshot: Snapshot,
    sku: Ints,
    *,
    ids: Ints,
    quantity: Ints,
    amounts: Sequence[Ints],
    meta: list[list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    products = snapshot.world.products
    total = amounts[2]
    columns: dict[str, list[Any]] = {
        "id": plain(ids),
        "name": [products.names[code] for code in plain(sku)],
        "product_id": plain(_FIRST_PRODUCT + sku),
        "quantity": plain(quantity),
        "sku": [products.skus[code] for code in plain(sku)],
        **dict(
            zip(
                ("subtotal", "subtotal_tax", "total", "total_tax"),
                map(yuan_texts, amounts),
                strict=True,
            )
        ),
        "price": plain(total / 100 / np.where(quantity == 0, 1, quantity)),
        "meta_data": meta,
    }
    return [
        {"variation_id": 0, "tax_class": "", "taxes": [], "parent_name": None}
        | dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def _without_tax(amounts: Ints) -> Ints:
    """The share of each amount that is no VAT, rounded half up to the fen."""
    whole = 100 + _VAT_PERCENT
    return (2 * amounts * 100 + whole) // (2 * whole)


def _sums(of_lines: Ints, orders: Ints, snapshot: Snapshot) -> Ints:
    """The sum of each order's lines."""
    counts = snapshot.world.orders.line_count[orders]
    begins = np.cumsum(counts) - counts
    return np.add.reduceat(of_lines, begins) if len(of_lines) else of_lines


def _buyers(snapshot: Snapshot, orders: Ints) -> dict[str, list[Any]]:
    """Customer and addresses; every fifth buyer orders as a guest, customer 0."""
    world = snapshot.world
    account = world.orders.account[orders]
    numbers = world.accounts.buyer_number[account]
    provinces = [PROVINCE_NAMES[code] for code in plain(world.orders.province[orders])]
    states = [f"CN{_STATES.index(name) + 1}" for name in provinces]
    addresses = [
        {
            "first_name": GIVEN_NAMES[given],
            "last_name": SURNAMES[surname],
            "company": "",
            "address_1": "",
            "address_2": "",
            "city": "",
            "state": state,
            "postcode": "",
            "country": "CN",
            "phone": str(phone),
        }
        for given, surname, state, phone in zip(
            plain(world.accounts.given_name[account]),
            plain(world.accounts.surname[account]),
            states,
            plain(world.accounts.phone[account]),
            strict=True,
        )
    ]
    return {
        "customer_id": plain(np.where(_is_guest(numbers), 0, numbers)),
        "billing": [
            {**address, "email": f"buyer{number}@example.com"}
            for address, number in zip(addresses, plain(numbers), strict=True)
        ],
        "shipping": addresses,
    }


def _is_guest(numbers: Ints) -> Flags:
    guests: Flags = numbers % 5 == 0
    return guests


def _payments(snapshot: Snapshot, orders: Ints) -> dict[str, list[Any]]:
    """How each order was paid, and the provider's number of the payment."""
    world = snapshot.world
    free = plain(world.orders.order_type[orders] == SAMPLE)
    paid = snapshot.paid_at[orders] != NEVER
    methods = [PAYMENT_METHODS[code] for code in plain(world.journeys.method[orders])]
    titles = [
        ("", "") if is_free else _METHOD_TITLES.get(method, (method, method))
        for method, is_free in zip(methods, free, strict=True)
    ]
    numbers = np.full(len(orders), "", dtype=object)
    by_card = np.array([method == "card" for method in methods], dtype=np.bool_)
    numbers[paid & by_card] = charge_numbers(orders[paid & by_card])
    numbers[paid & ~by_card] = payment_numbers(world, orders[paid & ~by_card]).to_pylist()
    return {
        "payment_method": [name for name, _ in titles],
        "payment_method_title": [title for _, title in titles],
        "transaction_id": plain(numbers),
    }


def _times(name: str, seconds: Ints) -> dict[str, list[str | None]]:
    return {name: _local(seconds), f"{name}_gmt": _gmt(seconds)}


def _local(seconds: Ints) -> list[str | None]:
    return [text.replace(" ", "T") if text else None for text in time_texts(seconds)]


def _gmt(seconds: Ints) -> list[str | None]:
    return _local(np.where(seconds == NEVER, NEVER, seconds - OFFSET))
