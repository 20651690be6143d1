"""After-sales as Doudian writes them: one item per refund, referring to the child order."""

from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import (
    CANCELLED_BEFORE_SHIPPING,
    EMPTY_BOX,
    REFUND_REASONS,
    REFUSED_AT_THE_DOOR,
)
from connectors.sandbox.servers.douyin_orders import (
    AFTERSALE_STATUS,
    REFUND_STATUS,
    child_ids,
    order_status,
)
from connectors.sandbox.servers.texts import epochs, plain
from connectors.sandbox.servers.views import SENT_BACK, Snapshot
from connectors.sandbox.world import NEVER, Ints

RETURN_AND_REFUND, REFUND_AFTER_SHIPPING, REFUND_BEFORE_SHIPPING = 0, 1, 2
"""`aftersale_type` of the list; the order line numbers its types otherwise."""

_FIRST_AFTERSALE: Final = 140_000_000_000_000_000
_STATUS_TEXTS: Final = {
    6: "待商家处理",
    7: "待买家退货",
    11: "待商家收货",
    12: "售后成功",
    27: "商家拒绝",
    28: "售后关闭",
    29: "商家拒绝退款",
}


def aftersale_status(snapshot: Snapshot, refunds: Ints) -> Ints:
    """`aftersale_status` of each refund that was asked for."""
    codes = np.array([AFTERSALE_STATUS[stage] for stage in range(len(AFTERSALE_STATUS) - 1)])
    statuses: Ints = codes[snapshot.refund_stage[refunds]]
    return statuses


def aftersale_type(snapshot: Snapshot, refunds: Ints) -> Ints:
    """`aftersale_type` of each refund."""
    reason = snapshot.world.refunds.reason[refunds]
    nothing_back = np.isin(reason, (REFUSED_AT_THE_DOOR, EMPTY_BOX))
    after = np.where(nothing_back, REFUND_AFTER_SHIPPING, RETURN_AND_REFUND)
    return np.where(reason == CANCELLED_BEFORE_SHIPPING, REFUND_BEFORE_SHIPPING, after)


def aftersales_page(snapshot: Snapshot, refunds: Ints) -> list[dict[str, Any]]:
    """The after-sales of one page as `items` has them."""
    table = snapshot.world.refunds
    infos = _infos(snapshot, refunds)
    orders = _order_infos(snapshot, table.order[refunds], table.line[refunds])
    reasons = [REFUND_REASONS[code] for code in plain(table.reason[refunds])]
    return [
        {
            "aftersale_info": info,
            "order_info": order,
            "text_part": {
                "reason_text": reason,
                "aftersale_status_text": _STATUS_TEXTS[info["aftersale_status"]],
            },
            "seller_logs": [],
        }
        for info, order, reason in zip(infos, orders, reasons, strict=True)
    ]


def _infos(snapshot: Snapshot, refunds: Ints) -> list[dict[str, Any]]:
    table = snapshot.world.refunds
    stages = plain(snapshot.refund_stage[refunds])
    sent_back = snapshot.refund_times[SENT_BACK][refunds] != NEVER
    columns = {
        "aftersale_id": [str(_FIRST_AFTERSALE + row) for row in plain(refunds)],
        "aftersale_type": plain(aftersale_type(snapshot, refunds)),
        "aftersale_status": plain(aftersale_status(snapshot, refunds)),
        "related_id": child_ids(snapshot, table.line[refunds]),
        "apply_time": epochs(table.requested_at[refunds]),
        "update_time": epochs(snapshot.refund_modified[refunds]),
        "refund_amount": plain(table.amount[refunds]),
        "aftersale_num": plain(table.quantity[refunds]),
        "refund_status": [REFUND_STATUS[stage] for stage in stages],
        "got_pkg": plain(sent_back.astype(np.int64)),
        "return_logistics_code": [
            f"RT{row:012d}" if back else ""
            for row, back in zip(plain(refunds), plain(sent_back), strict=True)
        ],
    }
    return [
        {**_SAME_FOR_ALL, **dict(zip(columns, row, strict=True))}
        for row in zip(*columns.values(), strict=True)
    ]


_SAME_FOR_ALL: Final[dict[str, Any]] = {
    "status_deadline": 0,
    "refund_post_amount": 0,
    "refund_tax_amount": 0,
    "refund_type": 1,
    "arbitrate_status": 0,
    "return_promotion_amount": 0,
    "aftersale_order_type": 2,
}


def _order_infos(snapshot: Snapshot, orders: Ints, lines: Ints) -> list[dict[str, Any]]:
    world = snapshot.world
    columns = {
        "sku_order_id": child_ids(snapshot, lines),
        "order_status": plain(order_status(snapshot, orders)),
        "pay_amount": plain(snapshot.line_amount[lines]),
        "item_num": plain(world.lines.quantity[lines]),
        "create_time": epochs(world.orders.created_at[orders]),
        "shop_sku_code": [world.products.skus[sku] for sku in plain(world.lines.sku[lines])],
    }
    related = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    numbers = plain(world.orders.number[orders])
    return [
        {"shop_order_id": str(number), "related_order_info": [line]}
        for number, line in zip(numbers, related, strict=True)
    ]
