"""After-sales as WeChat Store writes them: one per refund, of one article."""

from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import EMPTY_BOX, FIRST_RETURN_REASON, REFUND_REASONS
from connectors.sandbox.servers.texts import epochs, masked_phone, plain
from connectors.sandbox.servers.views import (
    AGREED,
    ASKED,
    GRANTED,
    REFUSED,
    REFUSED_AFTER_RETURN,
    SENT_BACK,
    WITHDRAWN,
    Shop,
    Snapshot,
)
from connectors.sandbox.servers.wechat_store_orders import Catalogue, product_id, sku_id
from connectors.sandbox.world import NEVER, Ints

REFUND, RETURN = "REFUND", "RETURN"
_FIRST_AFTERSALE: Final = 2_000_000_000_000_000_000
# Of a refund alone, and of a return.
_STATUS: Final = {
    ASKED: ("MERCHANT_PROCESSING", "MERCHANT_PROCESSING"),
    AGREED: ("MERCHANT_PROCESSING", "USER_WAIT_RETURN"),
    SENT_BACK: ("MERCHANT_PROCESSING", "MERCHANT_WAIT_RECEIPT"),
    GRANTED: ("MERCHANT_REFUND_SUCCESS", "MERCHANT_RETURN_SUCCESS"),
    REFUSED: ("MERCHANT_REJECT_REFUND", "MERCHANT_REJECT_RETURN"),
    REFUSED_AFTER_RETURN: ("MERCHANT_REJECT_REFUND", "MERCHANT_REJECT_RETURN"),
    WITHDRAWN: ("USER_CANCELD", "USER_CANCELD"),
}


def aftersale_id(row: int) -> str:
    """The number of the after-sale of a refund of the world."""
    return str(_FIRST_AFTERSALE + row)


def row_of_aftersale(number: str) -> int | None:
    """The refund of an after-sale's number."""
    is_number = number.isascii() and number.isdigit() and int(number) >= _FIRST_AFTERSALE
    return int(number) - _FIRST_AFTERSALE if is_number else None


def aftersale_page(shop: Shop, catalogue: Catalogue, refunds: Ints) -> list[dict[str, Any]]:
    """The after-sales as `after_sale_order` has them."""
    snapshot, world = shop.snapshot, shop.snapshot.world
    table = world.refunds
    order, sku = table.order[refunds], world.lines.sku[table.line[refunds]]
    accounts = world.orders.account[order]
    reason = table.reason[refunds]
    is_return = (reason >= FIRST_RETURN_REASON) & (reason != EMPTY_BOX)
    columns = {
        "after_sale_order_id": [aftersale_id(row) for row in plain(refunds)],
        "status": _statuses(snapshot, refunds, plain(is_return)),
        "openid": [catalogue.buyers[row] for row in plain(accounts)],
        "unionid": ["" for _ in refunds],
        "order_id": [str(number) for number in plain(world.orders.number[order])],
        "product_info": [
            {"product_id": product_id(code), "sku_id": sku_id(code), "count": count}
            for code, count in zip(plain(sku), plain(table.quantity[refunds]), strict=True)
        ],
        "details": [
            {"desc": "", "prove_imgs": [], "cancel_time": 0, "tel_number": masked_phone(phone)}
            for phone in plain(world.accounts.phone[accounts])
        ],
        "refund_info": [{"amount": fen} for fen in plain(table.amount[refunds])],
        "return_info": _returns(snapshot, refunds),
        "create_time": epochs(table.requested_at[refunds]),
        "update_time": epochs(snapshot.refund_modified[refunds]),
        "reason": [str(10_000_000 + code) for code in plain(reason)],
        "reason_text": [REFUND_REASONS[code] for code in plain(reason)],
        "type": [RETURN if back else REFUND for back in plain(is_return)],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _statuses(snapshot: Snapshot, refunds: Ints, is_return: list[bool]) -> list[str]:
    stages = plain(snapshot.refund_stage[refunds])
    return [_STATUS[stage][int(back)] for stage, back in zip(stages, is_return, strict=True)]


def _returns(snapshot: Snapshot, refunds: Ints) -> list[dict[str, str]]:
    sent_back = snapshot.refund_times[SENT_BACK][refunds] != NEVER
    return [
        {
            "waybill_id": f"RT{row:012d}" if back else "",
            "delivery_id": "SF" if back else "",
            "delivery_name": "顺丰速运" if back else "",
        }
        for row, back in zip(plain(refunds), plain(np.asarray(sent_back)), strict=True)
    ]
