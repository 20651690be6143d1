"""Buys, moves, invoices and reminds in Odoo: JSON-2, as the Odoo source reads it.

Odoo takes no idempotency key and every call is a transaction of its own, so the key goes into a
field that can be searched (`origin`, an invoice's `ref`, an activity's note) and is looked for
before anything is repeated. The source reads the order back with that same key.

What a supplier sends to a customer is bought for a line of the sales order that Odoo has of it, on
the operation that ends at customers. Of the address only the record's number is passed on.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from html import escape
from typing import Any, Final

import orjson

from connectors.errors import PermanentError, TransientError
from connectors.sinks.base import Receipt
from connectors.sinks.documents import (
    Document,
    DropRecall,
    DropShipment,
    Invoice,
    PurchaseOrder,
    Task,
    Transfer,
    note_of,
    title_of,
)
from connectors.sinks.platform import Order, Platform, client_of
from connectors.sinks.texts import decided_at
from connectors.sources.odoo.gateway import Gateway, OdooAccount

# Where a document goes and in which field its key stands.
_PLACES: Final[dict[type[Document], tuple[str, str]]] = {
    PurchaseOrder: ("purchase.order", "origin"),
    DropShipment: ("purchase.order", "origin"),
    Transfer: ("stock.picking", "origin"),
    Invoice: ("account.move", "ref"),
    Task: ("mail.activity", "note"),
}
_UNCONFIRMED: Final = ("draft", "sent")
_CANCELLED: Final = "cancel"


class OdooTarget:
    """One database."""

    def __init__(self, name: str, account: OdooAccount) -> None:
        self._gateway = Gateway(account, client_of("odoo", name, account))

    def accepts(self, document: Document) -> bool:
        """Purchase orders, also for suppliers to send on, transfers, invoices and tasks."""
        return type(document) in _PLACES or isinstance(document, DropRecall)

    def find(self, order: Order) -> Receipt | None:
        """The record that bears the key; one that was left unconfirmed is confirmed."""
        if isinstance(order.document, DropRecall):
            purchases = self._purchases_of(order.document)
            is_done = bool(purchases) and all(one["state"] == _CANCELLED for one in purchases)
            return Receipt("duplicate", _recalled(purchases)) if is_done else None
        model, field = _PLACES[type(order.document)]
        told = ["id", field, *(["name", "state"] if model != "mail.activity" else [])]
        found = self._gateway.call(
            model,
            "search_read",
            {
                # Whoever merges orders in Odoo joins their origins: so the key is only part of it.
                "domain": [[field, "like", order.key]],
                "fields": told,
                "order": "id asc",
                "context": {"active_test": False, "tz": "UTC"},
            },
        )
        same = [record for record in found if _bears(record[field], order.key)]
        if not same:
            return None
        return Receipt("duplicate", self._confirmed(order, model, same[0]["id"]))

    def deliver(self, order: Order) -> Receipt:
        """Create the record with its key, then confirm it where that is asked for."""
        if isinstance(order.document, DropRecall):
            return self._recall(order.document)
        model, field = _PLACES[type(order.document)]
        values = self._values(order) | {field: order.key}
        if model == "mail.activity":
            values[field] = f"<p>{escape(note_of(order.payload, order.key))}</p>"
        created = self._gateway.call(model, "create", {"vals_list": [values]})
        return Receipt("accepted", self._confirmed(order, model, created[0]))

    def _confirmed(self, order: Order, model: str, number: int) -> dict[str, Any]:
        """The record as it stands, after what the document asks for beyond a draft."""
        detail: dict[str, Any] = {"model": model, "id": number}
        if model == "mail.activity":
            return detail
        record = self._record(model, number)
        document = order.document
        step = None
        if record["state"] in _UNCONFIRMED and isinstance(document, Transfer):
            step = "action_confirm"
        elif isinstance(document, DropShipment) or (
            isinstance(document, PurchaseOrder) and not document.is_request
        ):
            step = "button_confirm" if record["state"] in _UNCONFIRMED else None
        if step:
            self._gateway.call(model, step, {"ids": [number]})
            record = self._record(model, number)
        return {**detail, "name": record["name"] or None, "state": record["state"]}

    def _record(self, model: str, number: int) -> dict[str, Any]:
        found = self._gateway.call(
            model,
            "search_read",
            {"domain": [["id", "=", number]], "fields": ["name", "state"], "limit": 1},
        )
        if not found:
            raise PermanentError(
                f"{self._gateway.client.place} no longer has {model} {number}, which it had just "
                "made; look for who deleted it."
            )
        return dict(found[0])

    def _values(self, order: Order) -> dict[str, Any]:
        document = order.document
        if isinstance(document, PurchaseOrder):
            return self._purchase(document)
        if isinstance(document, DropShipment):
            return self._drop_shipment(document)
        if isinstance(document, Transfer):
            return self._transfer(document)
        if isinstance(document, Invoice):
            return self._invoice(document, title_of(order.payload))
        assert isinstance(document, Task)  # noqa: S101 - `accepts` lets nothing else through
        return self._activity(document, order)

    def _purchase(self, document: PurchaseOrder) -> dict[str, Any]:
        product = self._product(document.sku)
        line: dict[str, Any] = {
            "product_id": product["id"],
            "product_qty": _number(document.quantity),
        }
        if document.unit_price is not None:
            line["price_unit"] = _number(document.unit_price)
        values: dict[str, Any] = {
            "partner_id": self._supplier(document, product),
            "picking_type_id": self._operation(document.site, "incoming"),
            "order_line": [[0, 0, line]],
        }
        if document.due_on is not None:
            values["date_planned"] = line["date_planned"] = _midday(document.due_on)
        return values

    def _drop_shipment(self, document: DropShipment) -> dict[str, Any]:
        """Bought for the line of the sales order that it serves, sent to that order's address."""
        no = document.order_no
        sold = self._one(
            "sale.order",
            [["state", "!=", _CANCELLED],
             "|", "|", ["name", "=", no], ["client_order_ref", "=", no], ["origin", "=", no]],
            f"sales order {no} that isn't cancelled",
            ["partner_shipping_id", "company_id"],
        )  # fmt: skip
        company, product = sold["company_id"][0], self._product(document.sku)
        operation = self._one(
            "stock.picking.type",
            [["default_location_dest_id.usage", "=", "customer"],
             ["code", "in", ["dropship", "incoming"]], ["company_id", "=", company]],
            "operation that takes goods from suppliers to customers (its app Dropshipping)",
        )  # fmt: skip
        line: dict[str, Any] = {
            "product_id": product["id"],
            "product_qty": _number(document.quantity),
            "sale_line_id": self._sales_line(sold["id"], product["id"], document),
        }
        if document.unit_price is not None:
            line["price_unit"] = _number(document.unit_price)
        values: dict[str, Any] = {
            "partner_id": self._partner(document.supplier_no),
            "company_id": company,
            "picking_type_id": operation["id"],
            "dest_address_id": sold["partner_shipping_id"][0],
            "order_line": [[0, 0, line]],
        }
        if document.currency_code is not None:
            values["currency_id"] = self._currency(document.currency_code)
        return values

    def _sales_line(self, order: int, product: int, document: DropShipment) -> int:
        """The line of a sales order that asks for the article; of several, that of the quantity."""
        found = self._gateway.call(
            "sale.order.line",
            "search_read",
            {
                "domain": [["order_id", "=", order], ["product_id", "=", product]],
                "fields": ["product_uom_qty"],
                "order": "id asc",
            },
        )
        if not found:
            raise PermanentError(
                f"{self._gateway.client.place} has no line of {document.sku} in sales order "
                f"{document.order_no}; correct it in Odoo or in the action's fields."
            )
        # The gateway keeps the digits of a number as they came.
        exact = [
            line
            for line in found
            if Decimal(orjson.dumps(line["product_uom_qty"]).decode()) == document.quantity
        ]
        return int((exact or found)[0]["id"])

    def _purchases_of(self, document: DropRecall) -> list[dict[str, Any]]:
        found = self._gateway.call(
            "purchase.order",
            "search_read",
            {
                "domain": [["origin", "like", document.purchase_decision_id]],
                "fields": ["name", "origin", "state"],
                "order": "id asc",
                "context": {"active_test": False, "tz": "UTC"},
            },
        )
        return [dict(record) for record in found if document.bears(record["origin"])]

    def _recall(self, document: DropRecall) -> Receipt:
        """Cancel what was bought, while Odoo lets it be cancelled."""
        purchases = self._purchases_of(document)
        standing = [one for one in purchases if one["state"] != _CANCELLED]
        for one in standing:
            if len(str(one["origin"]).replace(",", " ").split()) > 1:
                raise PermanentError(
                    f"{self._gateway.client.place} has it in {one['name']} together with what "
                    "others ordered; take its line out there."
                )
            try:
                self._gateway.call("purchase.order", "button_cancel", {"ids": [one["id"]]})
            except PermanentError as error:
                raise PermanentError(
                    f"{one['name']} can't be cancelled any more, so its supplier or a buyer has "
                    f"to be asked. {error}"
                ) from error
        if not standing:
            return Receipt("duplicate" if purchases else "accepted", _recalled(purchases))
        after = self._purchases_of(document)
        if any(one["state"] != _CANCELLED for one in after):
            raise TransientError(
                f"{self._gateway.client.place} has not cancelled {after[0]['name']} yet; it will "
                "be tried again."
            )
        return Receipt("accepted", _recalled(after))

    def _currency(self, code: str) -> int:
        return int(self._one("res.currency", [["name", "=", code]], code)["id"])

    def _transfer(self, document: Transfer) -> dict[str, Any]:
        product = self._product(document.sku)
        ends = {
            "location_id": self._stock_location(document.from_site),
            "location_dest_id": self._stock_location(document.to_site),
        }
        known = self._gateway.call("stock.move", "fields_get", {"attributes": ["type"]})
        unit = "uom_id" if "product_uom" not in known else "product_uom"
        move = {
            "product_id": product["id"],
            "product_uom_qty": _number(document.quantity),
            unit: product["uom_id"][0],
            **ends,
        }
        if "name" in known:
            move["name"] = document.sku
        operation = self._operation(document.from_site, "internal")
        return {"picking_type_id": operation, **ends, "move_ids": [[0, 0, move]]}

    def _invoice(self, document: Invoice, words: str) -> dict[str, Any]:
        line = {"name": words, "quantity": 1, "price_unit": _number(document.amount)}
        return {
            "move_type": "out_invoice",
            "partner_id": self._partner(document.customer_no),
            "currency_id": self._currency(document.currency_code),
            "invoice_origin": document.order_no,
            "invoice_line_ids": [[0, 0, line]],
        }

    def _activity(self, document: Task, order: Order) -> dict[str, Any]:
        model = self._one("ir.model", [["model", "=", "product.product"]], "articles")
        due = document.due_on or decided_at(order.payload).date()
        return {
            "res_model_id": model["id"],
            "res_id": self._product(document.sku)["id"],
            "summary": title_of(order.payload),
            "date_deadline": due.isoformat(),
        }

    def _supplier(self, document: PurchaseOrder, product: dict[str, Any]) -> int:
        """The one that the action names, else the article's first in Odoo's own price list."""
        if document.supplier_no is not None:
            return self._partner(document.supplier_no)
        found = self._gateway.call(
            "product.supplierinfo",
            "search_read",
            {
                "domain": [
                    "|",
                    ["product_id", "=", product["id"]],
                    "&",
                    ["product_id", "=", False],
                    ["product_tmpl_id", "=", product["product_tmpl_id"][0]],
                ],
                "fields": ["partner_id"],
                "order": "sequence asc",
                "limit": 1,
            },
        )
        if not found:
            raise PermanentError(
                f"{self._gateway.client.place} knows no supplier of {document.sku}; give the "
                "article one in Odoo, or the action a field supplier_no."
            )
        return int(found[0]["partner_id"][0])

    def _partner(self, number: str) -> int:
        if not number.isdigit():
            raise PermanentError(
                f"{number!r} is not the number of a partner in Odoo; correct the action's field."
            )
        return int(self._one("res.partner", [["id", "=", int(number)]], f"partner {number}")["id"])

    def _product(self, sku: str) -> dict[str, Any]:
        return self._one(
            "product.product",
            [["default_code", "=", sku]],
            f"article {sku}",
            ["uom_id", "product_tmpl_id"],
        )

    def _warehouse(self, site: str) -> dict[str, Any]:
        return self._one(
            "stock.warehouse", [["name", "=", site]], f"warehouse {site}", ["lot_stock_id"]
        )

    def _stock_location(self, site: str) -> int:
        return int(self._warehouse(site)["lot_stock_id"][0])

    def _operation(self, site: str, code: str) -> int:
        warehouse = self._warehouse(site)["id"]
        domain = [["warehouse_id", "=", warehouse], ["code", "=", code]]
        return int(self._one("stock.picking.type", domain, f"{code} operation of {site}")["id"])

    def _one(
        self, model: str, domain: list[Any], what: str, fields: list[str] | None = None
    ) -> dict[str, Any]:
        """The only record that is meant; two of one name would be a guess."""
        asked = {"domain": domain, "fields": ["id", *(fields or [])], "limit": 2}
        found = self._gateway.call(model, "search_read", asked)
        if len(found) != 1:
            number = "no" if not found else "more than one"
            raise PermanentError(
                f"{self._gateway.client.place} has {number} {what}; correct it in Odoo or in the "
                "action's fields."
            )
        return dict(found[0])


def _recalled(purchases: list[dict[str, Any]]) -> dict[str, Any]:
    """What a receipt says of purchases that were called back; none was ever made, if empty."""
    names = [str(one["name"]) for one in purchases]
    return {
        "model": "purchase.order",
        "name": ", ".join(names) or None,
        "state": _CANCELLED if names else "none",
    }


def _bears(text: Any, key: str) -> bool:
    """Whether a key stands in a field as a whole word: `key_2` is another action's."""
    words = str(text or "").replace(",", " ").replace("<", " ").replace(">", " ").split()
    return key in words


def _number(value: Any) -> float:
    """Odoo's interface takes binary floats only; it rounds them to the field's own digits."""
    return float(value)


def _midday(day: date) -> str:
    return f"{datetime(day.year, day.month, day.day, 4, tzinfo=UTC):%Y-%m-%d %H:%M:%S}"


PLATFORM: Final = Platform("odoo", OdooAccount, OdooTarget)
