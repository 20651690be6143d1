"""What the retailer's Odoo holds at a time: articles, quants, movements, purchases and partners.

The stock is that of the end of the last whole day, and movements are what each whole day amounts to
a site, article and reason; a purchase order is what one supplier (one for each category of goods)
delivers to one site on one day, ordered its lead time before.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import PROVINCE_NAMES, SITES
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.clock import moment_of
from connectors.sandbox.servers.sales_orders import odoo_sales_lines, odoo_sales_orders
from connectors.sandbox.stages.catalogue import CATEGORIES
from connectors.sandbox.stages.people import GIVEN_NAMES, SURNAMES
from connectors.sandbox.stages.weighing import weigh_products
from connectors.sandbox.world import DAY, HOUR

Record = dict[str, Any]
_CNY: Final = [6, "CNY"]
_COMPANY: Final = [1, "Sandbox"]
DROPSHIP: Final = 201
_FIRST_CUSTOMER: Final = 1_000
_FIRST_TEMPLATE: Final = 500
# Every third buyer of the simulated retailer buys on account.
_CREDIT_EVERY: Final = 3
_RECEIVING: Final = 9 * HOUR
_FIRST_SITE: Final = 10
# Where goods come from and go to outside the sites: id, name and what kind of place it is.
_PLACES: Final = {
    "supplier": [4, "Partners/Vendors"],
    "customer": [5, "Partners/Customers"],
    "inventory": [8, "Virtual Locations/Inventory adjustment"],
}

MODELS: Final[dict[str, dict[str, str]]] = {
    "product.product": {
        "id": "integer", "default_code": "char", "barcode": "char", "name": "char",
        "categ_id": "many2one", "standard_price": "float", "lst_price": "float",
        "currency_id": "many2one", "active": "boolean", "uom_id": "many2one",
        "product_tmpl_id": "many2one", "type": "selection", "weight": "float",
        "write_date": "datetime", "product_tmpl_id.write_date": "datetime",
    },
    "product.supplierinfo": {
        "id": "integer", "partner_id": "many2one", "product_id": "many2one",
        "product_tmpl_id": "many2one", "product_code": "char", "min_qty": "float",
        "price": "float", "currency_id": "many2one", "delay": "integer", "date_start": "date",
        "date_end": "date", "sequence": "integer", "write_date": "datetime",
    },
    "stock.quant": {
        "id": "integer", "product_id": "many2one", "location_id": "many2one",
        "warehouse_id": "many2one", "lot_id": "many2one", "owner_id": "many2one",
        "quantity": "float", "reserved_quantity": "float", "write_date": "datetime",
        "location_id.usage": "selection",
    },
    "stock.warehouse": {
        "id": "integer", "name": "char", "code": "char", "active": "boolean",
        "lot_stock_id": "many2one", "write_date": "datetime",
    },
    "stock.picking.type": {
        "id": "integer", "name": "char", "code": "selection", "warehouse_id": "many2one",
        "company_id": "many2one", "default_location_dest_id": "many2one",
        "write_date": "datetime", "default_location_dest_id.usage": "selection",
    },
    "stock.picking": {
        "id": "integer", "name": "char", "origin": "char", "state": "selection",
        "picking_type_id": "many2one", "location_id": "many2one",
        "location_dest_id": "many2one", "write_date": "datetime",
    },
    "stock.move": {
        "id": "integer", "product_id": "many2one", "product_uom_qty": "float",
        "uom_id": "many2one", "location_id": "many2one", "location_dest_id": "many2one",
        "write_date": "datetime",
    },
    "account.move": {
        "id": "integer", "name": "char", "ref": "char", "state": "selection",
        "move_type": "selection", "partner_id": "many2one", "invoice_origin": "char",
        "write_date": "datetime",
    },
    "mail.activity": {
        "id": "integer", "summary": "char", "note": "html", "res_id": "integer",
        "date_deadline": "date", "active": "boolean", "write_date": "datetime",
    },
    "ir.model": {"id": "integer", "model": "char", "name": "char", "write_date": "datetime"},
    "res.currency": {"id": "integer", "name": "char", "write_date": "datetime"},
    "stock.location": {
        "id": "integer", "complete_name": "char", "usage": "selection",
        "warehouse_id": "many2one", "active": "boolean", "write_date": "datetime",
    },
    "stock.move.line": {
        "id": "integer", "product_id": "many2one", "location_id": "many2one",
        "location_dest_id": "many2one", "quantity": "float", "date": "datetime",
        "reference": "char", "lot_id": "many2one", "state": "selection", "write_date": "datetime",
    },
    "purchase.order": {
        "id": "integer", "name": "char", "partner_id": "many2one", "partner_ref": "char",
        "origin": "char", "state": "selection", "date_order": "datetime",
        "date_approve": "datetime", "date_planned": "datetime", "amount_untaxed": "monetary",
        "amount_total": "monetary", "currency_id": "many2one", "picking_type_id": "many2one",
        "company_id": "many2one", "dest_address_id": "many2one", "locked": "boolean",
        "write_date": "datetime",
    },
    "purchase.order.line": {
        "id": "integer", "order_id": "many2one", "sequence": "integer", "product_id": "many2one",
        "name": "text", "product_qty": "float", "qty_received": "float", "price_unit": "float",
        "price_subtotal": "monetary", "date_planned": "datetime", "state": "selection",
        "sale_line_id": "many2one", "write_date": "datetime", "order_id.write_date": "datetime",
    },
    "sale.order": {
        "id": "integer", "name": "char", "client_order_ref": "char", "origin": "char",
        "state": "selection", "partner_id": "many2one", "partner_shipping_id": "many2one",
        "company_id": "many2one", "write_date": "datetime",
    },
    "sale.order.line": {
        "id": "integer", "order_id": "many2one", "product_id": "many2one",
        "product_uom_qty": "float", "write_date": "datetime",
    },
    "res.partner": {
        "id": "integer", "name": "char", "ref": "char", "vat": "char", "email": "char",
        "phone": "char", "city": "char", "state_id": "many2one", "country_id": "many2one",
        "active": "boolean", "create_date": "datetime", "supplier_rank": "integer",
        "customer_rank": "integer", "credit_limit": "float",
        "use_partner_credit_limit": "boolean", "credit": "monetary", "write_date": "datetime",
    },
}  # fmt: skip
"""The fields of every model with their types; those with a dot can only be asked in domains."""


def records_of(world: World, as_of: int, model: str) -> list[Record]:
    """The records of a model at a local time, by id."""
    makers: dict[str, Callable[[World, int], list[Record]]] = {
        "product.product": _products,
        "product.supplierinfo": _supplier_prices,
        "stock.quant": _quants,
        "stock.warehouse": _warehouses,
        "stock.location": _locations,
        "stock.move.line": _move_lines,
        "purchase.order": lambda *asked: _purchases(*asked)[0],
        "purchase.order.line": lambda *asked: _purchases(*asked)[1],
        "res.partner": _partners,
        "sale.order": lambda *asked: odoo_sales_orders(*asked, first_partner=_FIRST_CUSTOMER),
        "sale.order.line": odoo_sales_lines,
        "stock.picking.type": _operations,
        "ir.model": lambda world, _: [
            {"id": 310, "model": "product.product", "name": "Product", "write_date": _begun(world)}
        ],
        "res.currency": lambda world, _: [
            {"id": _CNY[0], "name": _CNY[1], "write_date": _begun(world)}
        ],
    }
    if model not in makers:  # only what others write
        return []
    return makers[model](world, as_of)


def _products(world: World, _as_of: int) -> list[Record]:
    products = world.products
    made = odoo_time(world.config.start_second)
    grams = weigh_products(world.config, products).tolist()
    return [
        {
            "id": n + 1,
            "default_code": products.skus[n],
            "barcode": False,
            "name": products.names[n],
            "categ_id": _category(world, n),
            "standard_price": _yuan(products.unit_cost[n]),
            "lst_price": _yuan(products.list_price[n]),
            "currency_id": _CNY,
            "active": n % 10 != 9,
            "uom_id": [1, "Units"],
            "product_tmpl_id": [_FIRST_TEMPLATE + n, products.names[n]],
            "type": "consu",
            "weight": max(grams[n], 0) / 1_000,
            "write_date": made,
            "product_tmpl_id.write_date": made,
        }
        for n in range(len(products))
    ]


def _supplier_prices(world: World, _as_of: int) -> list[Record]:
    products = world.products
    return [
        {
            "id": n + 1,
            "partner_id": _supplier(world, n),
            "product_id": _product(world, n),
            "product_tmpl_id": [_FIRST_TEMPLATE + n, products.names[n]],
            "product_code": False,
            "min_qty": float(products.pack_size[n]),
            "price": _yuan(products.unit_cost[n]),
            "currency_id": _CNY,
            "delay": int(products.lead_time_days[n]),
            "date_start": False,
            "date_end": False,
            "sequence": 1,
            "write_date": odoo_time(world.config.start_second),
        }
        for n in range(len(products))
    ]


def _quants(world: World, as_of: int) -> list[Record]:
    """What lies in each site; Odoo deletes a quant that is empty."""
    stock, day = world.stock, _whole_days(world, as_of) - 1
    if day < 0:
        return []
    counted = odoo_time(world.config.start_second + (day + 1) * DAY - 1)
    return [
        {
            "id": site * len(world.products) + n + 1,
            "product_id": _product(world, n),
            "location_id": _shelf(site),
            "warehouse_id": [1 + site, SITES[site]],
            "lot_id": False,
            "owner_id": False,
            "quantity": float(stock.on_hand[day, site, n]),
            "reserved_quantity": float(stock.reserved[day, site, n]),
            "write_date": counted,
            "location_id.usage": "internal",
        }
        for site, n in np.argwhere(stock.carried & (stock.on_hand[day] > 0)).tolist()
    ]


def _warehouses(world: World, _as_of: int) -> list[Record]:
    made = odoo_time(world.config.start_second)
    return [
        {
            "id": 1 + site,
            "name": name,
            "code": name[:5],
            "active": True,
            "lot_stock_id": _shelf(site),
            "write_date": made,
        }
        for site, name in enumerate(SITES)
    ]


def _operations(world: World, _as_of: int) -> list[Record]:
    """Each site receives (numbered as its orders say) and moves goods within the firm.

    One more is for what suppliers send to customers, which passes no site.
    """
    kinds = (("incoming", "Receipts", 1), ("internal", "Internal Transfers", 101))
    common = {"company_id": _COMPANY, "write_date": _begun(world)}
    at_sites = [
        {
            "id": first + site,
            "name": label,
            "display_name": f"{name}: {label}",
            "code": code,
            "warehouse_id": [1 + site, name],
            "default_location_dest_id": _shelf(site),
            "default_location_dest_id.usage": "internal",
            **common,
        }
        for code, label, first in kinds
        for site, name in enumerate(SITES)
    ]
    dropship = {
        "id": DROPSHIP,
        "name": "Dropship",
        "code": "dropship",
        "warehouse_id": False,
        "default_location_dest_id": _PLACES["customer"],
        "default_location_dest_id.usage": "customer",
        **common,
    }
    return [*at_sites, dropship]


def _begun(world: World) -> str:
    return odoo_time(world.config.start_second)


def _locations(world: World, _as_of: int) -> list[Record]:
    made = odoo_time(world.config.start_second)
    places = [
        *((*place, usage, False) for usage, place in _PLACES.items()),
        *((*_shelf(site), "internal", [1 + site, name]) for site, name in enumerate(SITES)),
    ]
    return [
        {
            "id": number,
            "complete_name": name,
            "usage": usage,
            "warehouse_id": warehouse,
            "active": True,
            "write_date": made,
        }
        for number, name, usage, warehouse in places
    ]


def _move_lines(world: World, as_of: int) -> list[Record]:
    """What a site and article received, issued, took back and corrected on a whole day, summed."""
    stock, days = world.stock, _whole_days(world, as_of)
    shape = (days, *stock.opening.shape)
    opening = np.zeros(shape, dtype=np.int64)
    opening[:1] = stock.opening
    kinds = (
        ("Opening", "inventory", opening),
        ("Receipt", "supplier", stock.received[:days]),
        ("Delivery", "customer", -stock.issued[:days]),
        ("Return", "customer", stock.restocked[:days]),
        ("Count", "inventory", stock.adjusted[:days]),
    )
    lines: list[Record] = []
    for kind, (name, place, moved) in enumerate(kinds):
        for at in np.argwhere(moved).tolist():
            line = _move_line(world, at, int(moved[tuple(at)]), _PLACES[place])
            line["id"] += kind * stock.on_hand.size
            lines.append(line | {"reference": f"{name} {at[0]}"})
    return lines


def _move_line(world: World, at: list[int], moved: int, place: list[Any]) -> Record:
    """A movement between a site and a place outside; a negative one leaves the site."""
    day, site, n = at
    ends = [place, _shelf(site)] if moved > 0 else [_shelf(site), place]
    return {
        "id": (day * len(SITES) + site) * len(world.products) + n + 1,
        "product_id": _product(world, n),
        "location_id": ends[0],
        "location_dest_id": ends[1],
        "quantity": float(abs(moved)),
        "date": odoo_time(world.config.start_second + day * DAY + _RECEIVING),
        "lot_id": False,
        "state": "done",
        "write_date": odoo_time(world.config.start_second + (day + 1) * DAY - 1),
    }


def _purchases(world: World, as_of: int) -> tuple[list[Record], list[Record]]:
    """Orders and lines whose order was placed by then; those delivered by then are received."""
    received, products = world.stock.received, world.products
    orders: dict[tuple[int, int, int], Record] = {}
    lines: list[Record] = []
    for number, (day, site, n) in enumerate(np.argwhere(received > 0).tolist(), start=1):
        category = int(products.category[n])
        arrives = world.config.start_second + day * DAY + _RECEIVING
        ordered = arrives - 7 * DAY
        if ordered > as_of:
            continue
        has_arrived = arrives <= as_of
        changed = odoo_time(arrives if has_arrived else ordered)
        key = (day, site, category)
        order = orders.setdefault(
            key,
            {
                "id": (day * len(SITES) + site) * len(CATEGORIES) + category + 1,
                "name": f"P{day:04d}{site}{category}",
                "partner_id": _supplier(world, n),
                "partner_ref": False,
                "origin": False,
                "state": "purchase",
                "date_order": odoo_time(ordered),
                "date_approve": odoo_time(ordered),
                "date_planned": odoo_time(arrives),
                "amount_untaxed": 0,
                "currency_id": _CNY,
                "picking_type_id": [1 + site, f"{SITES[site]}: Receipts"],
                "company_id": _COMPANY,
                "dest_address_id": False,
                "locked": False,
                "write_date": changed,
            },
        )
        quantity = int(received[day, site, n])
        fen = quantity * int(products.unit_cost[n])
        order["amount_untaxed"] += fen
        lines.append(
            {
                "id": number,
                "order_id": [order["id"], order["name"]],
                "sequence": 10,
                "product_id": _product(world, n),
                "name": products.names[n],
                "product_qty": float(quantity),
                "qty_received": float(quantity) if has_arrived else 0.0,
                "price_unit": _yuan(products.unit_cost[n]),
                "price_subtotal": _yuan(fen),
                "date_planned": odoo_time(arrives),
                "state": "purchase",
                "sale_line_id": False,
                "write_date": changed,
                "order_id.write_date": changed,
            }
        )
    for order in orders.values():
        order["amount_untaxed"] = order["amount_total"] = _yuan(order["amount_untaxed"])
    return sorted(orders.values(), key=lambda order: int(order["id"])), lines


def _partners(world: World, as_of: int) -> list[Record]:
    accounts = world.accounts
    made = world.config.start_second
    suppliers = [
        _partner(category + 1, f"Supplier of {CATEGORIES[category].slug}", made, supplier_rank=1)
        for category in range(len(CATEGORIES))
    ]
    customers = [
        _partner(
            _FIRST_CUSTOMER + n,
            SURNAMES[accounts.surname[n]] + GIVEN_NAMES[accounts.given_name[n]],
            int(accounts.registered_at[n]),
            customer_rank=1,
            phone=str(accounts.phone[n]),
            state_id=[1 + int(accounts.province[n]), PROVINCE_NAMES[accounts.province[n]]],
            use_partner_credit_limit=n % _CREDIT_EVERY == 0,
            credit_limit=float(10_000 + 500 * (n % 7)) if n % _CREDIT_EVERY == 0 else 0.0,
        )
        for n in np.flatnonzero(accounts.registered_at <= as_of).tolist()
    ]
    return [*suppliers, *customers]


def _partner(number: int, name: str, made: int, **others: Any) -> Record:
    usual = {
        "ref": False, "vat": False, "email": False, "phone": False, "city": False,
        "state_id": False, "country_id": [48, "China"], "active": True, "supplier_rank": 0,
        "customer_rank": 0, "credit_limit": 0.0, "use_partner_credit_limit": False, "credit": 0.0,
    }  # fmt: skip
    clocks = {"create_date": odoo_time(made), "write_date": odoo_time(made)}
    return {"id": number, "name": name, **usual, **clocks, **others}


def _shelf(site: int) -> list[Any]:
    return [_FIRST_SITE + site, f"{SITES[site]}/Stock"]


def _product(world: World, n: int) -> list[Any]:
    return [n + 1, f"[{world.products.skus[n]}] {world.products.names[n]}"]


def _category(world: World, n: int) -> list[Any]:
    category = int(world.products.category[n])
    return [category + 1, CATEGORIES[category].slug]


def _supplier(world: World, n: int) -> list[Any]:
    category = int(world.products.category[n])
    return [category + 1, f"Supplier of {CATEGORIES[category].slug}"]


def _whole_days(world: World, as_of: int) -> int:
    return min((as_of + 1 - world.config.start_second) // DAY, world.config.days)


def _yuan(fen: Any) -> float:
    return int(fen) / 100


def odoo_time(seconds: int) -> str:
    """A local second as Odoo writes it: naive UTC."""
    moment: datetime = moment_of(seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}"
