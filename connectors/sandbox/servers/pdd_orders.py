"""Orders and after-sales as Pinduoduo writes them: whole pages at once.

Money is a JSON double in orders and a text in after-sales; times are local text in orders and epoch
seconds written as text in after-sales. Nothing says who bought.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import payment_numbers
from connectors.sandbox.platforms import (
    CANCELLED_BEFORE_SHIPPING,
    COMPLETED,
    PAID,
    PROVINCE_NAMES,
    REFUND_REASONS,
    REFUSED_AT_THE_DOOR,
)
from connectors.sandbox.servers.clock import OFFSET
from connectors.sandbox.servers.texts import (
    grouped,
    masked_name,
    masked_phone,
    plain,
    time_texts,
    yuan_texts,
)
from connectors.sandbox.servers.views import (
    AGREED,
    ASKED,
    GRANTED,
    NOT_ASKED,
    REFUSED,
    REFUSED_AFTER_RETURN,
    SENT_BACK,
    WITHDRAWN,
    Shop,
    Snapshot,
    line_rows,
    waybills,
)
from connectors.sandbox.stages.people import SURNAMES
from connectors.sandbox.world import DAY, NEVER, Ints

TO_SHIP, SHIPPED, RECEIVED, UNKNOWN, ANY = 1, 2, 3, 6, 5
"""`order_status`; 6 is in no documentation, 5 only asks for all."""

QUIET, IN_PROCESS, REFUNDED = 1, 2, 4
"""`refund_status` of an order: of all its after-sales together."""

AFTER_SALES_STATUS: Final = {
    NOT_ASKED: 0,
    ASKED: 2,
    AGREED: 7,
    SENT_BACK: 3,
    GRANTED: 10,
    REFUSED: 9,
    REFUSED_AFTER_RETURN: 12,
    WITHDRAWN: 11,
}
REFUND_ONLY, RETURN_AND_REFUND = 2, 3
"""`after_sales_type`."""

_COMPANIES: Final = (44, 85, 120)  # logistics_id of sf, yto, jd
_FIRST_GOODS: Final = 650_000_000_000
_FIRST_SKU: Final = 1_480_000_000_000
_FIRST_REFUND: Final = 80_000_000_000


def order_numbers(snapshot: Snapshot, orders: Ints) -> list[str]:
    """`order_sn`: the day of the order and its number."""
    created = time_texts(snapshot.world.orders.created_at[orders])
    numbers = plain(snapshot.world.orders.number[orders])
    return [
        f"{str(time)[2:10].replace('-', '')}-{number}"
        for time, number in zip(created, numbers, strict=True)
    ]


def dealt_at(snapshot: Snapshot, orders: Ints) -> Ints:
    """When each order became a deal (its group was complete), `NEVER` if it is none yet."""
    times: Ints = snapshot.state_times[PAID][orders]
    return times


def order_status(snapshot: Snapshot, orders: Ints) -> Ints:
    """`order_status`: what became of the goods; a refund does not change it."""
    received = snapshot.state_times[COMPLETED][orders] != NEVER
    shipped = snapshot.shipped_at[orders] != NEVER
    status = np.where(received, RECEIVED, np.where(shipped, SHIPPED, TO_SHIP))
    return np.where(snapshot.is_unmapped[orders], UNKNOWN, status)


def refund_status(snapshot: Snapshot, orders: Ints) -> Ints:
    """`refund_status`: in process if any after-sale is open, refunded if any was granted."""
    refunds = snapshot.world.refunds
    stage = snapshot.refund_stage
    is_open = np.zeros(len(snapshot.world.orders), dtype=np.bool_)
    granted = is_open.copy()
    is_open[refunds.order[np.isin(stage, (ASKED, AGREED, SENT_BACK))]] = True
    granted[refunds.order[stage == GRANTED]] = True
    status = np.where(is_open, IN_PROCESS, np.where(granted, REFUNDED, QUIET))
    return status[orders]


def orders_page(shop: Shop, orders: Ints) -> list[dict[str, Any]]:
    """The orders of one page."""
    snapshot, world = shop.snapshot, shop.snapshot.world
    counts = world.orders.line_count[orders]
    lines = line_rows(world.orders.first_line[orders], counts)
    prices = _prices(snapshot, lines)
    begins = np.cumsum(counts) - counts
    amounts = prices * world.lines.quantity[lines]
    goods = np.add.reduceat(amounts, begins) if len(amounts) else amounts
    total = snapshot.total[orders]
    dealt = dealt_at(snapshot, orders)
    status = order_status(snapshot, orders)
    columns: dict[str, list[Any]] = {
        "order_sn": order_numbers(snapshot, orders),
        "order_status": plain(status),
        "refund_status": plain(refund_status(snapshot, orders)),
        "after_sales_status": _after_sales_status(snapshot, lines, counts),
        "created_time": time_texts(world.orders.created_at[orders]),
        "confirm_time": time_texts(dealt),
        "pay_time": _or_empty(time_texts(snapshot.paid_at[orders])),
        "shipping_time": _or_empty(time_texts(snapshot.shipped_at[orders])),
        "receive_time": _or_empty(time_texts(snapshot.state_times[COMPLETED][orders])),
        "last_ship_time": time_texts(dealt + 2 * DAY),
        "updated_at": time_texts(shop.modified[orders]),
        "goods_amount": _doubles(goods),
        "discount_amount": _doubles(goods - total),
        "seller_discount": _doubles(goods - total),
        "pay_amount": _doubles(total),
        "pay_no": _payment_numbers(snapshot, orders),
        "tracking_number": _or_empty(waybills(snapshot, orders)),
        "logistics_id": _companies(snapshot, orders),
        "province": [PROVINCE_NAMES[code] for code in plain(world.orders.province[orders])],
        "item_list": grouped(_items(snapshot, lines, prices), plain(counts)),
        **_receivers(snapshot, orders, plain(status == TO_SHIP)),
    }
    return [
        {**_SAME_FOR_ALL, **dict(zip(columns, row, strict=True))}
        for row in zip(*columns.values(), strict=True)
    ]


_SAME_FOR_ALL: Final[dict[str, Any]] = {
    "confirm_status": 1,
    "group_status": 1,
    "pay_type": "ALIPAY",
    "trade_type": 0,
    "mkt_biz_type": 0,
    "is_pre_sale": 0,
    "is_lucky_flag": 1,
    "risk_control_status": 0,
    "free_sf": 0,
    "country": "中国",
    "platform_discount": 0.0,
    "postage": 0.0,
    "capital_free_discount": 0.0,
    "duo_duo_pay_reduction": 0.0,
    "order_change_amount": 0.0,
    "trade_in_national_subsidy_amount": 0.0,
    "service_fee_detail": [],
    "extra_delivery_list": [],
    "gift_list": [],
    "order_tag_list": [],
    "remark": "",
    "buyer_memo": "",
}


def refunds_page(snapshot: Snapshot, refunds: Ints) -> list[dict[str, Any]]:
    """The after-sales of one page: of one line each; what is not known yet is an empty text."""
    world, table = snapshot.world, snapshot.world.refunds
    order, line = table.order[refunds], table.line[refunds]
    sku = world.lines.sku[line]
    amounts = table.amount[refunds]
    returned = snapshot.refund_times[SENT_BACK][refunds] != NEVER
    columns: dict[str, list[Any]] = {
        "id": plain(_FIRST_REFUND + refunds),
        "order_sn": order_numbers(snapshot, order),
        "after_sales_status": plain(after_sales_status(snapshot, refunds)),
        "after_sales_type": plain(after_sales_type(snapshot, refunds)),
        "after_sale_reason": [REFUND_REASONS[code] for code in plain(table.reason[refunds])],
        "refund_amount": yuan_texts(amounts),
        "order_amount": yuan_texts(snapshot.total[order]),
        "discount_amount": ["0.00"] * len(refunds),
        "goods_price": yuan_texts(_prices(snapshot, line)),
        "goods_number": _texts(table.quantity[refunds]),
        "goods_id": plain(_FIRST_GOODS + sku),
        "sku_id": _texts(_FIRST_SKU + sku),
        "outer_id": [world.products.skus[code] for code in plain(sku)],
        "outer_goods_id": [world.products.skus[code] for code in plain(sku)],
        "goods_name": [world.products.names[code] for code in plain(sku)],
        "created_time": _texts(_epochs(table.requested_at[refunds])),
        "updated_time": _texts(_epochs(snapshot.refund_modified[refunds])),
        "confirm_time": _texts(_epochs(dealt_at(snapshot, order))),
        "tracking_number": [
            f"RT{row:012d}" if back else ""
            for row, back in zip(plain(refunds), plain(returned), strict=True)
        ],
    }
    same = {"speed_refund_flag": 0, "user_shipping_status": "0", "dispute_refund_status": 0}
    return [
        {**same, **dict(zip(columns, row, strict=True))}
        for row in zip(*columns.values(), strict=True)
    ]


def after_sales_status(snapshot: Snapshot, refunds: Ints) -> Ints:
    """`after_sales_status` of each after-sale that was asked for."""
    codes = np.array([AFTER_SALES_STATUS[stage] for stage in range(len(AFTER_SALES_STATUS) - 1)])
    statuses: Ints = codes[snapshot.refund_stage[refunds]]
    return statuses


def after_sales_type(snapshot: Snapshot, refunds: Ints) -> Ints:
    """`after_sales_type`: money only before shipping and at the door, else goods and money."""
    reason = snapshot.world.refunds.reason[refunds]
    only = np.isin(reason, (CANCELLED_BEFORE_SHIPPING, REFUSED_AT_THE_DOOR))
    return np.where(only, REFUND_ONLY, RETURN_AND_REFUND)


def _epochs(seconds: Ints) -> Ints:
    return seconds - OFFSET


def _texts(numbers: Ints) -> list[str]:
    return [str(number) for number in plain(numbers)]


def _doubles(fen: Ints) -> list[float]:
    """Yuan as the nearest double, the way JSON libraries print it."""
    return plain(fen / 100)


def _or_empty(texts: list[str | None]) -> list[str]:
    return [text or "" for text in texts]


def _prices(snapshot: Snapshot, lines: Ints) -> Ints:
    """Fen a piece: the list price where the order has one line, else what was agreed.

    The price of an only line is before the order's discount.
    """
    world = snapshot.world
    price = snapshot.unit_price[lines]
    alone = world.orders.line_count[world.lines.order[lines]] == 1
    full = np.maximum(world.lines.list_price[lines], price)
    return np.where(alone, full, price)


def _items(snapshot: Snapshot, lines: Ints, prices: Ints) -> list[dict[str, Any]]:
    world = snapshot.world
    sku = plain(world.lines.sku[lines])
    return [
        {
            "goods_id": str(_FIRST_GOODS + code),
            "sku_id": str(_FIRST_SKU + code),
            "outer_goods_id": world.products.skus[code],
            "outer_id": world.products.skus[code],
            "goods_name": world.products.names[code],
            "goods_spec": "默认",
            "goods_price": price,
            "goods_count": count,
        }
        for code, price, count in zip(
            sku, _doubles(prices), plain(world.lines.quantity[lines]), strict=True
        )
    ]


def _after_sales_status(snapshot: Snapshot, lines: Ints, counts: Ints) -> list[int]:
    """The status of the order's newest after-sale, 0 without any."""
    refund = snapshot.refund_of_line[lines]
    times = np.where(refund >= 0, np.append(snapshot.refund_modified, 0)[refund], 0)
    stages = plain(snapshot.stage_of_line[lines])
    pairs = grouped(list(zip(plain(times), stages, strict=True)), plain(counts))
    return [AFTER_SALES_STATUS[max(pair)[1]] for pair in pairs]


def _payment_numbers(snapshot: Snapshot, orders: Ints) -> list[str]:
    numbers = np.full(len(orders), "", dtype=object)
    paid = snapshot.paid_at[orders] != NEVER
    numbers[paid] = payment_numbers(snapshot.world, orders[paid]).to_pylist()
    return plain(numbers)


def _companies(snapshot: Snapshot, orders: Ints) -> list[int]:
    codes = np.array(_COMPANIES)[snapshot.world.journeys.carrier[orders]]
    return plain(np.where(snapshot.shipped_at[orders] != NEVER, codes, 0))


def _receivers(snapshot: Snapshot, orders: Ints, waits: list[bool]) -> dict[str, list[str]]:
    """Encrypted and masked until the order is shipped, empty after that."""
    world = snapshot.world
    account = world.orders.account[orders]
    names = [masked_name(SURNAMES[code]) for code in plain(world.accounts.surname[account])]
    phones = [masked_phone(phone) for phone in plain(world.accounts.phone[account])]

    def while_waiting(make: Callable[[int], str]) -> list[str]:
        return [make(place) if wait else "" for place, wait in enumerate(waits)]

    return {
        "receiver_name": while_waiting(lambda _: "~AgAAAAsandbox~0~"),
        "receiver_name_mask": while_waiting(names.__getitem__),
        "receiver_phone": while_waiting(lambda _: "$AgAAAAsandbox$0$"),
        "receiver_phone_mask": while_waiting(phones.__getitem__),
        "receiver_address": while_waiting(lambda _: "~AgAAAAsandbox~1~"),
        "receiver_address_mask": while_waiting(lambda _: "***"),
        "open_address_id": [f"adr{number:x}" for number in plain(account)],
    }
