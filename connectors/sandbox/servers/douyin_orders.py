"""Orders as Doudian writes them: parents with their child orders, whole pages at once.

Amounts are fen, times epoch seconds with 0 for what has not happened. Product and SKU ids are
integers above 2^53, order ids texts.
"""

from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import buyer_ids, payment_numbers
from connectors.sandbox.platforms import (
    ALLOCATED,
    AWAITING,
    CANCELLED,
    CANCELLED_BEFORE_SHIPPING,
    COMPLETED,
    DOUYIN,
    PAID,
    PAYMENT_METHODS,
    PROVINCE_NAMES,
    REFUSED_AT_THE_DOOR,
    SALE,
    SHIPPED,
    STATUS_WORDS,
)
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.texts import epochs, grouped, masked_name, masked_phone, plain
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

ORDER_STATUS: Final = tuple(int(word) for word in STATUS_WORDS[DOUYIN])
_STATUS_TEXTS: Final = {
    AWAITING: "待支付",
    PAID: "已支付",
    ALLOCATED: "备货中",
    SHIPPED: "已发货",
    COMPLETED: "已完成",
    CANCELLED: "已取消",
}
REFUNDED_BEFORE_SHIPPING, REFUNDED_AFTER_SHIPPING, REFUNDED_AFTER_DELIVERY = 21, 22, 39
"""`main_status` of an order that was refunded whole."""

PARTLY_PAID: Final = 103
"""`main_status` of a pre-sale whose deposit is paid; its `pay_time` is the deposit's."""

DEPOSIT_SALE: Final = 2
"""`trade_type` of a pre-sale."""

AFTERSALE_STATUS: Final = {
    NOT_ASKED: 0,
    ASKED: 6,
    AGREED: 7,
    SENT_BACK: 11,
    GRANTED: 12,
    REFUSED: 27,
    REFUSED_AFTER_RETURN: 29,
    WITHDRAWN: 28,
}
REFUND_STATUS: Final = {
    NOT_ASKED: 0,
    ASKED: 1,
    AGREED: 1,
    SENT_BACK: 1,
    GRANTED: 3,
    REFUSED: 4,
    REFUSED_AFTER_RETURN: 4,
    WITHDRAWN: 1,  # stays where it was when the buyer withdraws
}
_CANCELLED_ORDER_LINE: Final = 51
"""What the order line says of a refund before shipping where the after-sale says 12."""

_PAY_TYPES: Final = {"wechat_pay": 1, "alipay": 2}
_NO_PAYMENT_NEEDED: Final = 7
_COMPANIES: Final = ("shunfeng", "yuantong", "jd")
_FIRST_CHILD: Final = 6_950_000_000_000_000_000
_FIRST_PRODUCT: Final = 3_500_000_000_000_000_000
_FIRST_SKU: Final = 1_740_000_000_000_000
_FIRST_AUTHOR: Final = 70_000_000_000_000_000
_AUTHORS: Final = 5


class Catalogue:
    """Texts per product and account that every page needs: made once."""

    def __init__(self, world: World) -> None:
        self.skus = world.products.skus
        self.names = world.products.names
        self.buyers: list[str] = buyer_ids(world).to_pylist()


def order_status(snapshot: Snapshot, orders: Ints) -> Ints:
    """`order_status` of each order; 4 is any order that was closed, whether paid or not."""
    return np.array(ORDER_STATUS)[snapshot.state[orders]]


def main_status(snapshot: Snapshot, orders: Ints) -> Ints:
    """`main_status` of each order: tells what `order_status` 4 hides."""
    unpaid = snapshot.paid_at[orders] == NEVER
    refunded = (snapshot.state[orders] == CANCELLED) & ~unpaid
    delivered = snapshot.seen(snapshot.world.journeys.delivered_at)[orders] != NEVER
    shipped = snapshot.shipped_at[orders] != NEVER
    how = np.where(shipped, REFUNDED_AFTER_SHIPPING, REFUNDED_BEFORE_SHIPPING)
    how = np.where(delivered, REFUNDED_AFTER_DELIVERY, how)
    codes = np.where(refunded, how, order_status(snapshot, orders))
    waits = (snapshot.state[orders] == AWAITING) & (snapshot.deposit_paid_at[orders] != NEVER)
    return np.where(waits & unpaid, PARTLY_PAID, codes)


def child_ids(snapshot: Snapshot, lines: Ints) -> list[str]:
    """The child order of each line; the only line of an order has the parent's id."""
    orders = snapshot.world.orders
    order = snapshot.world.lines.order[lines]
    alone = orders.line_count[order] == 1
    ids = np.where(alone, orders.number[order], _FIRST_CHILD + 10 * lines)
    return [str(number) for number in plain(ids)]


def orders_page(shop: Shop, catalogue: Catalogue, orders: Ints) -> list[dict[str, Any]]:
    """The orders of one page as `shop_order_list` has them."""
    snapshot, world = shop.snapshot, shop.snapshot.world
    counts = world.orders.line_count[orders]
    lines = line_rows(world.orders.first_line[orders], counts)
    children = grouped(_children(snapshot, catalogue, lines), plain(counts))
    total = snapshot.total[orders]
    begins = np.cumsum(counts) - counts

    def summed(of_lines: Ints) -> Ints:
        values = of_lines[lines]
        return np.add.reduceat(values, begins) if len(values) else values

    full = summed(snapshot.list_amount)
    platform, author = summed(snapshot.platform_cost), summed(snapshot.author_cost)
    shop_cost = full - total - platform - author
    account = world.orders.account[orders]
    columns = {
        "order_id": [str(number) for number in plain(world.orders.number[orders])],
        "order_status": plain(order_status(snapshot, orders)),
        "order_status_desc": [_STATUS_TEXTS[code] for code in plain(snapshot.state[orders])],
        "main_status": plain(main_status(snapshot, orders)),
        "order_amount": plain(full),
        "pay_amount": plain(total),
        "promotion_amount": plain(full - total),
        "promotion_shop_amount": plain(shop_cost),
        "promotion_platform_amount": plain(platform),
        "promotion_talent_amount": plain(author),
        "shop_cost_amount": plain(shop_cost),
        "platform_cost_amount": plain(platform),
        "only_platform_cost_amount": plain(platform),
        "author_cost_amount": plain(author),
        "trade_type": plain(snapshot.terms.is_presale[orders] * DEPOSIT_SALE),
        "create_time": epochs(world.orders.created_at[orders]),
        "pay_time": epochs(_paid_at(snapshot, orders)),
        "update_time": epochs(shop.modified[orders]),
        "exp_ship_time": epochs(_expected_shipping(snapshot, orders)),
        "ship_time": epochs(snapshot.shipped_at[orders]),
        "finish_time": epochs(_finished_at(snapshot, orders)),
        "pay_type": _pay_types(snapshot, orders),
        "channel_payment_no": _payment_numbers(snapshot, orders),
        "doudian_open_id": [catalogue.buyers[number] for number in plain(account)],
        "mask_post_receiver": [
            masked_name(SURNAMES[code]) for code in plain(world.accounts.surname[account])
        ],
        "mask_post_tel": [masked_phone(phone) for phone in plain(world.accounts.phone[account])],
        "post_addr": [
            {"province": {"name": PROVINCE_NAMES[code]}, "encrypt_detail": "$$sandbox$$"}
            for code in plain(world.orders.province[orders])
        ],
        "logistics_info": _logistics(snapshot, orders),
        "sku_order_list": children,
    }
    return [
        {**_SAME_FOR_ALL, **dict(zip(columns, row, strict=True))}
        for row in zip(*columns.values(), strict=True)
    ]


_SAME_FOR_ALL: Final[dict[str, Any]] = {
    "shop_id": 4463798,
    "shop_name": "沙箱直播间",
    "order_type": 0,
    "biz": 2,
    "b_type": 2,
    "sub_b_type": 3,
    "post_amount": 0,
    "post_insurance_amount": 0,
    "modify_amount": 0,
    "modify_post_amount": 0,
    "promotion_pay_amount": 0,
    "promotion_redpack_amount": 0,
    "tax_amount": 0,
    "appointment_ship_time": 0,
    "encrypt_post_tel": "$$sandbox$$",
    "encrypt_post_receiver": "##sandbox##",
    "buyer_words": "",
    "seller_words": "",
}


def _children(snapshot: Snapshot, catalogue: Catalogue, lines: Ints) -> list[dict[str, Any]]:
    world = snapshot.world
    order, sku = world.lines.order[lines], world.lines.sku[lines]
    quantity, amount = world.lines.quantity[lines], snapshot.line_amount[lines]
    full = snapshot.list_amount[lines]
    author = plain(order % _AUTHORS)
    columns = {
        "order_id": child_ids(snapshot, lines),
        "parent_order_id": [str(number) for number in plain(world.orders.number[order])],
        "order_status": plain(order_status(snapshot, order)),
        "main_status": plain(main_status(snapshot, order)),
        "product_id": plain(_FIRST_PRODUCT + sku),
        "sku_id": plain(_FIRST_SKU + sku),
        "out_sku_id": plain(sku + 1),
        "code": [catalogue.skus[number] for number in plain(sku)],
        "product_name": [catalogue.names[number] for number in plain(sku)],
        "item_num": plain(quantity),
        "origin_amount": plain(full // quantity),
        "sum_amount": plain(full),
        "order_amount": plain(full),
        "pay_amount": plain(amount),
        "promotion_amount": plain(full - amount),
        "promotion_platform_amount": plain(snapshot.platform_cost[lines]),
        "promotion_talent_amount": plain(snapshot.author_cost[lines]),
        "create_time": epochs(world.orders.created_at[order]),
        "pay_time": epochs(_paid_at(snapshot, order)),
        "ship_time": epochs(snapshot.shipped_at[order]),
        "finish_time": epochs(_finished_at(snapshot, order)),
        "author_id": [_FIRST_AUTHOR + number for number in author],
        "author_name": [f"主播{number + 1}" for number in author],
        "room_id": plain(_FIRST_AUTHOR + world.orders.day[order]),
        "after_sale_info": _after_sale_infos(snapshot, lines),
    }
    return [
        {**_SAME_FOR_CHILDREN, **dict(zip(columns, row, strict=True))}
        for row in zip(*columns.values(), strict=True)
    ]


_SAME_FOR_CHILDREN: Final[dict[str, Any]] = {
    "order_level": 3,
    "out_product_id": 0,
    "given_product_type": "",
    "theme_type": "3",
    "content_id": "0",
    "inventory_type": 1,
    "inventory_list": [],
}


def _after_sale_infos(snapshot: Snapshot, lines: Ints) -> list[dict[str, int]]:
    """The line's view of its after-sale: other type codes than the after-sale's own."""
    refund = snapshot.refund_of_line[lines]
    reasons = np.append(snapshot.world.refunds.reason, -1)[refund]
    infos = []
    for stage, reason in zip(plain(snapshot.stage_of_line[lines]), plain(reasons), strict=True):
        if stage == NOT_ASKED:
            infos.append({"after_sale_status": 0, "after_sale_type": 0, "refund_status": 0})
            continue
        before = reason == CANCELLED_BEFORE_SHIPPING
        status = _CANCELLED_ORDER_LINE if before and stage == GRANTED else AFTERSALE_STATUS[stage]
        kind = 2 if before else 1 if reason == REFUSED_AT_THE_DOOR else 0
        infos.append(
            {
                "after_sale_status": status,
                "after_sale_type": kind,
                "refund_status": REFUND_STATUS[stage],
            }
        )
    return infos


def _paid_at(snapshot: Snapshot, orders: Ints) -> Ints:
    """The time of the payment, or of the deposit while only that is paid."""
    paid_at = snapshot.paid_at[orders]
    return np.where(paid_at == NEVER, snapshot.deposit_paid_at[orders], paid_at)


def _expected_shipping(snapshot: Snapshot, orders: Ints) -> Ints:
    paid = snapshot.paid_at[orders]
    return np.where(paid == NEVER, NEVER, np.where(paid == NEVER, 0, paid) + 2 * DAY)


def _finished_at(snapshot: Snapshot, orders: Ints) -> Ints:
    finished: Ints = snapshot.state_times[COMPLETED][orders]
    return finished


def _pay_types(snapshot: Snapshot, orders: Ints) -> list[int]:
    world = snapshot.world
    codes = np.array([_PAY_TYPES.get(method, 4) for method in PAYMENT_METHODS])
    types = codes[world.journeys.method[orders]]
    return plain(np.where(world.orders.order_type[orders] == SALE, types, _NO_PAYMENT_NEEDED))


def _payment_numbers(snapshot: Snapshot, orders: Ints) -> list[str]:
    numbers = np.full(len(orders), "", dtype=object)
    paid = snapshot.paid_at[orders] != NEVER
    numbers[paid] = payment_numbers(snapshot.world, orders[paid]).to_pylist()
    return plain(numbers)


def _logistics(snapshot: Snapshot, orders: Ints) -> list[list[dict[str, Any]]]:
    companies = plain(snapshot.world.journeys.carrier[orders])
    shipped = epochs(snapshot.shipped_at[orders])
    return [
        []
        if number is None
        else [
            {
                "tracking_no": number,
                "company": _COMPANIES[company],
                "ship_time": time,
                "delivery_id": number,
                "product_info": [],
            }
        ]
        for number, company, time in zip(
            waybills(snapshot, orders), companies, shipped, strict=True
        )
    ]
