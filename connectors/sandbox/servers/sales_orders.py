"""The shops' orders as sales orders of an ERP: what purchases that suppliers send on are made for.

Odoo and ERPNext have the orders of buyers with an account, under numbers of their own and with the
shop's number beside it; where they go stands in the ERP alone. Not simulated: taxes, deliveries,
prices.
"""

from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import CANCELLED
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.clock import moment_of
from connectors.sandbox.stages.people import GIVEN_NAMES, SURNAMES
from connectors.sandbox.world import NEVER, Ints

Record = dict[str, Any]
_COMPANY: Final = [1, "Sandbox"]


def odoo_sales_orders(world: World, as_of: int, *, first_partner: int) -> list[Record]:
    """Records of `sale.order`; a partner's number is the account's after `first_partner`."""
    orders = world.orders
    found = []
    for n in _known(world, as_of):
        partner = [first_partner + int(orders.account[n]), _buyer(world, n)]
        found.append(
            {
                "id": n + 1,
                "name": _odoo_name(n),
                "client_order_ref": str(orders.number[n]),
                "origin": False,
                "state": "cancel" if _is_cancelled(world, n, as_of) else "sale",
                "partner_id": partner,
                "partner_shipping_id": partner,
                "company_id": _COMPANY,
                "write_date": _time(orders.created_at[n]),
            }
        )
    return found


def odoo_sales_lines(world: World, as_of: int) -> list[Record]:
    """Records of `sale.order.line`."""
    known = set(_known(world, as_of))
    lines = world.lines
    return [
        {
            "id": row + 1,
            "order_id": [int(order) + 1, _odoo_name(int(order))],
            "product_id": [sku + 1, world.products.skus[sku]],
            "product_uom_qty": float(lines.quantity[row]),
            "write_date": _time(world.orders.created_at[order]),
        }
        for row, (order, sku) in enumerate(zip(lines.order, lines.sku.tolist(), strict=True))
        if int(order) in known
    ]


def erpnext_sales_orders(world: World, as_of: int) -> list[Record]:
    """Documents of the type Sales Order, which ERPNext names customers and addresses by."""
    found = []
    for n in _known(world, as_of):
        buyer, is_cancelled = _buyer(world, n), _is_cancelled(world, n, as_of)
        found.append(
            {
                "name": f"SAL-ORD-2026-{n + 1:05d}",
                "po_no": str(world.orders.number[n]),
                "customer": buyer,
                "customer_address": f"{buyer}-Billing",
                "shipping_address_name": f"{buyer}-Shipping",
                "status": "Cancelled" if is_cancelled else "To Deliver and Bill",
                "docstatus": 2 if is_cancelled else 1,
            }
        )
    return found


def erpnext_sales_items(world: World, as_of: int) -> list[Record]:
    """Documents of the type Sales Order Item."""
    known = set(_known(world, as_of))
    lines = world.lines
    return [
        {
            "name": f"soi{row + 1:08d}",
            "parent": f"SAL-ORD-2026-{int(order) + 1:05d}",
            "item_code": world.products.skus[sku],
            "qty": float(lines.quantity[row]),
        }
        for row, (order, sku) in enumerate(zip(lines.order, lines.sku.tolist(), strict=True))
        if int(order) in known
    ]


def _known(world: World, as_of: int) -> list[int]:
    orders = world.orders
    placed = np.flatnonzero((orders.created_at <= as_of) & (orders.account >= 0))
    registered: Ints = world.accounts.registered_at[orders.account[placed]]
    found: list[int] = placed[registered <= as_of].tolist()
    return found


def _is_cancelled(world: World, n: int, as_of: int) -> bool:
    moment = int(world.state_times[CANCELLED][n])
    return moment != NEVER and moment <= as_of


def _buyer(world: World, n: int) -> str:
    account = world.orders.account[n]
    accounts = world.accounts
    return f"{SURNAMES[accounts.surname[account]]}{GIVEN_NAMES[accounts.given_name[account]]}"


def _odoo_name(n: int) -> str:
    return f"S{n + 1:05d}"


def _time(seconds: Any) -> str:
    return f"{moment_of(int(seconds)):%Y-%m-%d %H:%M:%S}"
