"""What others write into the simulated Odoo: purchase orders, transfers, invoices, activities.

Odoo takes no idempotency key: whatever is sent twice is there twice, which is how tests see it. A
confirmed purchase order is received when its planned day has come, and cancelled only before that
and while it is not locked. Checked: that fields exist, that required ones are there and that links
lead to a record. Not simulated: approval, posting, prices by quantity.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from connectors.errors import InputError
from connectors.sandbox.servers.clock import seconds_of
from connectors.sandbox.servers.odoo_models import DROPSHIP, Record, odoo_time
from connectors.sandbox.world import DAY

_FIRST_NUMBER: Final = 1_000_000
Find = Callable[[str], list[Record]]

# What may be written, and what of it must be.
_WRITABLE: Final[dict[str, tuple[set[str], set[str]]]] = {
    "purchase.order": (
        {
            "partner_id", "origin", "partner_ref", "date_planned", "picking_type_id",
            "order_line", "company_id", "currency_id", "dest_address_id",
        },
        {"partner_id"},
    ),
    "stock.picking": (
        {"picking_type_id", "location_id", "location_dest_id", "origin", "move_ids"},
        {"picking_type_id", "location_id", "location_dest_id"},
    ),
    "account.move": (
        {"move_type", "partner_id", "currency_id", "ref", "invoice_origin", "invoice_line_ids"},
        {"move_type"},
    ),
    "mail.activity": (
        {"res_model_id", "res_id", "summary", "note", "date_deadline"},
        {"res_model_id", "res_id"},
    ),
}  # fmt: skip
_CONFIRMED: Final = {
    ("purchase.order", "button_confirm"): "purchase",
    ("stock.picking", "action_confirm"): "confirmed",
}
_PREFIXES: Final = {"purchase.order": "P", "stock.picking": "WH/INT/", "account.move": "INV/"}


class Written:
    """Everything that was created, by model; `find` gives the records of a model."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._records: dict[str, list[Record]] = {model: [] for model in _WRITABLE}
        self._records["purchase.order.line"] = []

    def records(self, model: str, as_of: int) -> list[Record]:
        """What was written into a model, as it stands at a local time."""
        if model in ("purchase.order", "purchase.order.line"):
            return [_received(record, as_of) for record in self._records[model]]
        return self._records.get(model, [])

    def create(self, model: str, vals_list: Any, as_of: int) -> list[int]:
        """Create records; returns their numbers.

        Raises:
            InputError: Odoo would refuse; with its words.
        """
        if model not in _WRITABLE:
            raise InputError(f"You are not allowed to create '{model}' records.")
        if not isinstance(vals_list, list) or not vals_list:
            raise InputError("vals_list must be a list of values")
        return [self._create(model, values, as_of) for values in vals_list]

    def confirm(self, model: str, method: str, ids: Any, as_of: int) -> bool:
        """Confirm drafts; whatever is confirmed stays so.

        Raises:
            InputError: a record is not there.
        """
        state = _CONFIRMED[model, method]
        known = {record["id"]: record for record in self._records[model]}
        for number in ids or []:
            if number not in known:
                raise InputError(f"Record does not exist or has been deleted. ({model}({number},))")
            if known[number]["state"] == "draft":
                known[number].update(state=state, write_date=odoo_time(as_of))
                if model == "purchase.order":
                    known[number]["date_approve"] = odoo_time(as_of)
                    for line in self._lines(number):
                        line.update(state=state, write_date=odoo_time(as_of))
        return True

    def cancel(self, ids: Any, as_of: int, *, locks: bool) -> bool:
        """Cancel purchase orders; one that is cancelled stays so.

        Args:
            ids: which.
            as_of: local time.
            locks: whether confirmed orders are locked, as a setting of Odoo has it.

        Raises:
            InputError: Odoo would refuse; with its words.
        """
        orders = {record["id"]: record for record in self.records("purchase.order", as_of)}
        lines = self.records("purchase.order.line", as_of)
        for number in ids or []:
            if number not in orders:
                raise InputError(
                    f"Record does not exist or has been deleted. (purchase.order({number},))"
                )
            name = orders[number]["name"]
            if any(one["qty_received"] for one in lines if one["order_id"][0] == number):
                raise InputError(
                    f"Unable to cancel purchase order(s): {name} since they have receipts that "
                    "are already done."
                )
            if locks and orders[number]["state"] == "purchase":
                raise InputError(
                    f"Unable to cancel purchase order(s): {name}. You must first unlock them."
                )
        for record in self._records["purchase.order"]:
            if record["id"] in ids:
                record.update(state="cancel", write_date=odoo_time(as_of))
                for line in self._lines(record["id"]):
                    line.update(state="cancel", write_date=odoo_time(as_of))
        return True

    def described(self) -> dict[str, list[Record]]:
        """For tests: what was written, by model."""
        return self._records

    def _create(self, model: str, values: Mapping[str, Any], as_of: int) -> int:
        known, required = _WRITABLE[model]
        for name in values:
            if name not in known:
                raise InputError(f"Invalid field {name!r} in {model!r}")
        for name in sorted(required):
            if not values.get(name):
                raise InputError(f"Missing required value for the field '{name}' ({name})")
        number = _FIRST_NUMBER + len(self._records[model]) + 1
        written = odoo_time(as_of)
        made: Record = {
            "id": number,
            "name": f"{_PREFIXES.get(model, '')}{number}",
            "state": "draft",
            "active": True,
            "write_date": written,
            **{name: values.get(name, False) for name in known},
        }
        if model == "purchase.order":
            made |= self._purchase(number, values, as_of)
        elif model == "mail.activity":
            self._link("ir.model", values["res_model_id"])
            self._link("product.product", values["res_id"])
            del made["name"], made["state"]
        elif model == "stock.picking":
            made["picking_type_id"] = self._link("stock.picking.type", values["picking_type_id"])
            for name in ("location_id", "location_dest_id"):
                made[name] = self._link("stock.location", values[name])
            for move in _below(values.get("move_ids")):
                self._link("product.product", move.get("product_id"))
        elif values.get("partner_id"):
            made["partner_id"] = self._link("res.partner", values["partner_id"])
        self._records[model].append(made)
        return number

    def _purchase(self, number: int, values: Mapping[str, Any], as_of: int) -> Record:
        supplier = self._link("res.partner", values["partner_id"])
        planned = as_of + 7 * DAY
        if values.get("date_planned"):
            planned = _local(str(values["date_planned"]))
        name, written = f"P{number}", odoo_time(as_of)
        lines = _below(values.get("order_line"))
        total = 0.0
        for wanted in lines:
            product = self._link("product.product", wanted.get("product_id"))
            price = wanted.get("price_unit", self._price(product[0], supplier[0]))
            quantity = float(wanted.get("product_qty", 1))
            total += quantity * price
            self._records["purchase.order.line"].append({
                "id": _FIRST_NUMBER + len(self._records["purchase.order.line"]) + 1,
                "order_id": [number, name], "sequence": 10, "product_id": product,
                "name": product[1], "product_qty": quantity, "qty_received": 0.0,
                "price_unit": price, "price_subtotal": round(quantity * price, 2),
                "date_planned": odoo_time(planned), "state": "draft", "write_date": written,
                "sale_line_id": self._linked("sale.order.line", wanted.get("sale_line_id")),
                "order_id.write_date": written,
            })  # fmt: skip
        operation = values.get("picking_type_id")
        # Odoo keeps an address only where goods go to a customer, and forgets any other in silence.
        address = values.get("dest_address_id") if operation == DROPSHIP else None
        return {
            "name": name, "partner_id": supplier, "date_order": written, "date_approve": False,
            "date_planned": odoo_time(planned), "amount_untaxed": round(total, 2),
            "amount_total": round(total, 2), "locked": False, "company_id": [1, "Sandbox"],
            "currency_id": self._linked("res.currency", values.get("currency_id")) or [6, "CNY"],
            "picking_type_id": self._linked("stock.picking.type", operation),
            "dest_address_id": self._linked("res.partner", address),
        }  # fmt: skip

    def _linked(self, model: str, number: Any) -> list[Any] | bool:
        """A link as Odoo tells it; `false` where there is none."""
        return self._link(model, number) if number else False

    def _price(self, product: int, supplier: int) -> float:
        for offer in self._find("product.supplierinfo"):
            if (offer["product_id"] or [0])[0] == product and offer["partner_id"][0] == supplier:
                return float(offer["price"])
        return 0.0

    def _link(self, model: str, number: Any) -> list[Any]:
        for record in self._find(model):
            if record["id"] == number:
                return [number, record.get("display_name") or record.get("name") or str(number)]
        raise InputError(f"Record does not exist or has been deleted. ({model}({number},))")

    def _lines(self, order: int) -> list[Record]:
        lines = self._records["purchase.order.line"]
        return [line for line in lines if line["order_id"][0] == order]


def _received(record: Record, as_of: int) -> Record:
    """A confirmed order or line as it stands once its planned day has come."""
    planned = _local(record["date_planned"])
    if record["state"] != "purchase" or planned > as_of:
        return record
    told = {"write_date": max(record["write_date"], odoo_time(planned))}
    if "product_qty" in record:
        told |= {"qty_received": record["product_qty"], "order_id.write_date": told["write_date"]}
    return record | told


def _below(commands: Any) -> list[dict[str, Any]]:
    """The records of `[[0, 0, values], …]`."""
    found = []
    for command in commands or []:
        if not isinstance(command, list) or len(command) != 3 or command[0] != 0:
            raise InputError(f"Wrong command {command!r}: the sandbox only creates, [0, 0, values]")
        found.append(command[2])
    return found


def _local(text: str) -> int:
    """Local seconds of one of Odoo's times, which are naive UTC."""
    try:
        return seconds_of(text) + 8 * 3_600
    except ValueError as error:
        raise InputError(f"time data {text!r} does not match format '%Y-%m-%d %H:%M:%S'") from error
