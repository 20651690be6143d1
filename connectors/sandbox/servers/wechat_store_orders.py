"""Orders as WeChat Store writes them, whole pages at once.

Amounts are fen, times epoch seconds with 0 for what has not happened, all numbers of records texts.
Names, phones and addresses are masked, as WeChat shows them to every application.
"""

from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import buyer_ids, payment_numbers
from connectors.sandbox.platforms import (
    ALLOCATED,
    AWAITING,
    CANCELLED,
    COMPLETED,
    PAID,
    PROVINCE_NAMES,
    SAMPLE,
    SHIPPED,
)
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.texts import epochs, grouped, masked_name, masked_phone, plain
from connectors.sandbox.servers.views import (
    AGREED,
    ASKED,
    GRANTED,
    SENT_BACK,
    Shop,
    Snapshot,
    line_rows,
    waybills,
)
from connectors.sandbox.stages.people import SURNAMES
from connectors.sandbox.world import NEVER, Ints

CLOSED_UNPAID, ALL_REFUNDED, UNKNOWN = 250, 200, 190
"""Two ways to end, and a state that stands in no list of today."""

_STATUS: Final = {
    AWAITING: 10,
    PAID: 20,
    ALLOCATED: 20,
    SHIPPED: 30,
    COMPLETED: 100,
    CANCELLED: ALL_REFUNDED,
}
_WECHAT_PAY, _FREE = 1, 3
_SHIPPED_BY_POST: Final = 1
_COMPANIES: Final = (("SF", "顺丰速运"), ("YTO", "圆通速递"), ("JD", "京东快递"))
_FIRST_PRODUCT: Final = 10_000_000_000_000
_FIRST_SKU: Final = 2_000_000_000_000


class Catalogue:
    """Texts per product and account that every page needs: made once."""

    def __init__(self, world: World) -> None:
        self.skus = world.products.skus
        self.names = world.products.names
        self.buyers: list[str] = buyer_ids(world).to_pylist()


def product_id(sku: int) -> str:
    """The number of an article's product."""
    return str(_FIRST_PRODUCT + sku)


def sku_id(sku: int) -> str:
    """The number of an article."""
    return str(_FIRST_SKU + sku)


def order_status(snapshot: Snapshot, orders: Ints) -> Ints:
    """`status` of each order; one that nobody ever paid or was to pay closes as 250."""
    codes = np.array([_STATUS[state] for state in range(len(_STATUS))])[snapshot.state[orders]]
    is_sample = snapshot.world.orders.order_type[orders] == SAMPLE
    is_unpaid = (snapshot.paid_at[orders] == NEVER) & ~is_sample
    codes = np.where((codes == ALL_REFUNDED) & is_unpaid, CLOSED_UNPAID, codes)
    return np.where(snapshot.is_unmapped[orders], UNKNOWN, codes)


def order_page(shop: Shop, catalogue: Catalogue, orders: Ints) -> list[dict[str, Any]]:
    """The orders as `order` has them."""
    snapshot, world = shop.snapshot, shop.snapshot.world
    counts = world.orders.line_count[orders]
    lines = line_rows(world.orders.first_line[orders], counts)
    products = grouped(_products(snapshot, catalogue, lines), plain(counts))
    listed = grouped(plain(snapshot.list_amount[lines]), plain(counts))
    columns = {
        "order_id": [str(number) for number in plain(world.orders.number[orders])],
        "status": plain(order_status(snapshot, orders)),
        "create_time": epochs(world.orders.created_at[orders]),
        "update_time": epochs(shop.modified[orders]),
        "openid": [catalogue.buyers[row] for row in plain(world.orders.account[orders])],
        "unionid": ["" for _ in products],
        "order_detail": [
            {
                "product_infos": of_order,
                "price_info": price,
                "pay_info": pay,
                "delivery_info": delivery,
                "ext_info": {
                    "customer_notes": "",
                    "merchant_notes": "",
                    "confirm_receipt_time": done,
                },
                "settle_info": {"predict_commission_fee": 0, "commission_fee": 0},
            }
            for of_order, price, pay, delivery, done in zip(
                products,
                _prices(snapshot, orders, [sum(amounts) for amounts in listed]),
                _payments(snapshot, orders),
                _deliveries(snapshot, orders, products),
                epochs(snapshot.state_times[COMPLETED][orders]),
                strict=True,
            )
        ],
        "aftersale_detail": [
            {"aftersale_order_list": [], "on_aftersale_order_cnt": open_ones}
            for open_ones in (
                sum(product["on_aftersale_sku_cnt"] > 0 for product in of_order)
                for of_order in products
            )
        ],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _products(snapshot: Snapshot, catalogue: Catalogue, lines: Ints) -> list[dict[str, Any]]:
    world = snapshot.world
    sku, quantity = world.lines.sku[lines], world.lines.quantity[lines]
    stage, pieces = snapshot.stage_of_line[lines], snapshot.pieces_back[lines]
    is_open = np.isin(stage, (ASKED, AGREED, SENT_BACK))
    paid = plain(snapshot.line_amount[lines])
    columns = {
        "product_id": [product_id(code) for code in plain(sku)],
        "sku_id": [sku_id(code) for code in plain(sku)],
        "sku_code": [catalogue.skus[code] for code in plain(sku)],
        "title": [catalogue.names[code] for code in plain(sku)],
        "sku_cnt": plain(quantity),
        "sale_price": plain(snapshot.list_amount[lines] // quantity),
        "market_price": plain(snapshot.list_amount[lines] // quantity),
        "real_price": paid,
        "estimate_price": paid,
        "merchant_discounted_price": plain(snapshot.discount[lines]),
        "on_aftersale_sku_cnt": plain(np.where(is_open, quantity, 0)),
        "finish_aftersale_sku_cnt": plain(np.where(stage == GRANTED, pieces, 0)),
        "product_unique_id": [str(number) for number in plain(lines)],
    }
    same = {"is_discounted": False, "is_change_price": False, "change_price": 0, "sku_attrs": []}
    return [
        {**same, **dict(zip(columns, row, strict=True))}
        for row in zip(*columns.values(), strict=True)
    ]


def _prices(snapshot: Snapshot, orders: Ints, listed: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "product_price": full,
            "order_price": paid,
            "freight": 0,
            "discounted_price": full - paid,
            "is_discounted": full > paid,
            "original_order_price": full,
            "estimate_product_price": paid,
            "change_down_price": 0,
            "merchant_receieve_price": paid,
            "merchant_discounted_price": full - paid,
            "finder_discounted_price": 0,
            "deduction_price": 0,
        }
        for full, paid in zip(listed, plain(snapshot.total[orders]), strict=True)
    ]


def _payments(snapshot: Snapshot, orders: Ints) -> list[dict[str, Any]]:
    """Through WeChat Pay, whatever the world says; samples are orders of nothing."""
    world = snapshot.world
    is_sample = world.orders.order_type[orders] == SAMPLE
    created, paid_at = world.orders.created_at[orders], snapshot.paid_at[orders]
    is_paid = paid_at != NEVER
    numbers = np.full(len(orders), "", dtype=object)
    numbers[is_paid] = payment_numbers(world, orders[is_paid]).to_pylist()
    columns = {
        "prepay_id": [f"wx{number}" for number in plain(world.orders.number[orders])],
        "prepay_time": epochs(created),
        "pay_time": epochs(np.where(is_sample, created, paid_at)),
        "transaction_id": plain(numbers),
        "payment_method": plain(np.where(is_sample, _FREE, _WECHAT_PAY)),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _deliveries(
    snapshot: Snapshot, orders: Ints, products: list[list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    world = snapshot.world
    columns = zip(
        _addresses(world, orders),
        products,
        waybills(snapshot, orders),
        plain(world.journeys.carrier[orders]),
        epochs(snapshot.shipped_at[orders]),
        strict=True,
    )
    return [
        {
            "address_info": address,
            "delivery_product_info": []
            if waybill is None
            else [_parcel(waybill, _COMPANIES[carrier], shipped, of_order)],
            "ship_done_time": shipped,
            "deliver_method": 0,
        }
        for address, of_order, waybill, carrier, shipped in columns
    ]


def _parcel(
    waybill: str, company: tuple[str, str], shipped: int, products: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "waybill_id": waybill,
        "delivery_id": company[0],
        "delivery_name": company[1],
        "delivery_time": shipped,
        "deliver_type": _SHIPPED_BY_POST,
        "product_infos": [
            {
                "product_id": product["product_id"],
                "sku_id": product["sku_id"],
                "product_cnt": product["sku_cnt"],
            }
            for product in products
        ],
    }


def _addresses(world: World, orders: Ints) -> list[dict[str, Any]]:
    account = world.orders.account[orders]
    return [
        {
            "user_name": masked_name(SURNAMES[surname]),
            "postal_code": "",
            "province_name": PROVINCE_NAMES[province],
            "city_name": "",
            "county_name": "",
            "detail_info": "***",
            "house_number": "",
            "tel_number": masked_phone(phone),
            "use_tel_number": 0,
        }
        for surname, province, phone in zip(
            plain(world.accounts.surname[account]),
            plain(world.orders.province[orders]),
            plain(world.accounts.phone[account]),
            strict=True,
        )
    ]
