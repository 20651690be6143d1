"""Goods, stock and its movements, purchase orders, suppliers and customers of an Odoo database.

Here: which models and fields are read, and how what is new is found. How a call is sent is in
`gateway.py`; what the fields mean is in the source's mapping YAML.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import dlt

from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.reading import Page, Reading, Window
from connectors.sources.odoo.gateway import Gateway, OdooAccount, Term

SNAPSHOT: Final = "snapshot_at"
"""Key that this connector adds to a quant: when all of them were counted together."""
_PARTNER: Final = (
    "name", "ref", "vat", "email", "phone", "mobile", "city", "state_id", "country_id", "active",
    "create_date",
)  # fmt: skip


@dataclass(frozen=True)
class _Entity:
    """One model: its fields as far as the version has them, and which records are meant.

    `clocks` are what moves when a record changes; without any, all records are read each time.
    """

    model: str
    fields: tuple[str, ...]
    domain: tuple[Term, ...] = ()
    clocks: tuple[str, ...] = ("write_date",)


_ENTITIES: Final = {
    "products": _Entity(
        "product.product",
        ("default_code", "barcode", "name", "categ_id", "standard_price", "lst_price",
         "currency_id", "active", "uom_id", "product_tmpl_id", "type", "weight"),
        # Name, price and category are the template's: they change without the article's own clock.
        clocks=("write_date", "product_tmpl_id.write_date"),
    ),
    "supplier_prices": _Entity(
        "product.supplierinfo",
        ("partner_id", "product_id", "product_tmpl_id", "product_code", "min_qty", "price",
         "currency_id", "delay", "date_start", "date_end", "sequence"),
    ),
    "stock": _Entity(
        "stock.quant",
        ("product_id", "location_id", "warehouse_id", "lot_id", "owner_id", "quantity",
         "reserved_quantity"),
        domain=(["location_id.usage", "=", "internal"],),
        # An emptied quant is deleted: only all of them together tell the stock.
        clocks=(),
    ),
    "warehouses": _Entity("stock.warehouse", ("name", "code", "active")),
    "locations": _Entity("stock.location", ("complete_name", "usage", "warehouse_id", "active")),
    "stock_movements": _Entity(
        "stock.move.line",
        ("product_id", "location_id", "location_dest_id", "quantity", "date", "reference",
         "lot_id", "state"),
        domain=(["state", "=", "done"],),
    ),
    "purchase_orders": _Entity(
        "purchase.order",
        ("name", "partner_id", "partner_ref", "origin", "state", "date_order", "date_approve",
         "date_planned", "amount_untaxed", "amount_total", "currency_id", "picking_type_id"),
    ),
    "purchase_order_lines": _Entity(
        "purchase.order.line",
        ("order_id", "sequence", "product_id", "name", "product_qty", "qty_received",
         "price_unit", "price_subtotal", "date_planned", "state"),
        clocks=("write_date", "order_id.write_date"),
    ),
    "suppliers": _Entity(
        "res.partner", (*_PARTNER, "supplier_rank"), domain=(["supplier_rank", ">", 0],)
    ),
    "customers": _Entity(
        "res.partner",
        (*_PARTNER, "customer_rank", "credit_limit", "use_partner_credit_limit", "credit"),
        domain=(["customer_rank", ">", 0],),
    ),
}  # fmt: skip


@dlt.source(name="odoo")
def odoo_source(account: OdooAccount, reading: Reading) -> Any:
    """Every entity with a cursor of its own."""
    gateway = Gateway(account, reading.client(account))
    return [
        entity_resource(name, account, reading, _Reader(gateway, name, wanted).pages)
        for name, wanted in _ENTITIES.items()
    ]


class _Reader:
    """Reads the records of one entity that changed in a window."""

    def __init__(self, gateway: Gateway, name: str, wanted: _Entity) -> None:
        self._gateway = gateway
        self._name = name
        self._wanted = wanted

    def pages(self, window: Window) -> Iterator[Page]:
        wanted = self._wanted
        fields = self._gateway.fields(wanted.model, ["id", *wanted.fields, "write_date"])
        domain = [*wanted.domain, *self._changed(window)]
        stamp = {} if wanted.clocks else {SNAPSHOT: datetime.now(UTC).isoformat()}
        for after, found in self._gateway.records(wanted.model, domain, fields):
            records = [record | stamp for record in found]
            yield Page(f"{self._name} after {after}", records, cursor=_written)

    def _changed(self, window: Window) -> list[Term]:
        """Changed in the window. A first reading takes all: a master record may be years old."""
        clocks = self._wanted.clocks
        if not clocks:
            return []
        # What changes meanwhile has a later clock than the end, and is the next reading's.
        terms: list[Term] = [["write_date", "<", _time(window.end)]]
        if window.is_first:
            return terms
        terms += ["|"] * (len(clocks) - 1)
        return [*terms, *([clock, ">=", _time(window.start)] for clock in clocks)]


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _written(record: Any) -> str:
    return str(record.get("write_date") or "")


def _check(account: OdooAccount, reading: Reading) -> str:
    with reading.client(account) as client:
        gateway = Gateway(account, client)
        for wanted in _ENTITIES.values():
            gateway.fields(wanted.model, ())
        count = gateway.count("product.product")
    return f"Odoo answers for {reading.account}: {count:,} articles, and its key may read the rest."


CONNECTOR: Final = Connector(
    name="odoo",
    title="Odoo (JSON-2)",
    config=OdooAccount,
    entities=tuple(_ENTITIES),
    source=odoo_source,
    check=_check,
)
