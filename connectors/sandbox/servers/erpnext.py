"""ERPNext's REST interface (Frappe): documents that a shop orders by are created and listed.

Checked: the token, required fields, that article, warehouse, customer, address and line of a sales
order exist, and that `fourflow_key`, a custom unique field, is used once: the second document is
refused as ERPNext does. Without the field (option `has_key_field`) a filter on it is refused and a
value for it is dropped without a word, which is why it is looked for first; so is any other field
that a purchase order does not have. Submitted purchase orders can be cancelled, unless they are
invoiced (option `invoiced`, their names); `delivered` names those that the supplier has sent.
`has_addresses` false: the customers' addresses are gone. Not simulated: other documents, submitting
later, rights.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import SITES
from connectors.sandbox.servers.clock import text_of
from connectors.sandbox.servers.faults import is_throttled, is_unavailable
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.sales_orders import erpnext_sales_items, erpnext_sales_orders

_KEY: Final = "fourflow_key"
_SERIES: Final = {
    "Purchase Order": "PUR-ORD-2026-",
    "Material Request": "MAT-MR-2026-",
    "Stock Entry": "MAT-STE-2026-",
}
_REQUIRED: Final = {
    "Purchase Order": ("supplier", "company", "schedule_date"),
    "Material Request": ("material_request_type", "company"),
    "Stock Entry": ("stock_entry_type",),
}
# What a purchase order has: Frappe drops other fields in silence.
_PURCHASE_FIELDS: Final = {
    "supplier", "company", "schedule_date", "transaction_date", "currency", "customer",
    "shipping_address", "items", "docstatus", _KEY,
}  # fmt: skip
_PURCHASE_ITEM_FIELDS: Final = {
    "item_code", "qty", "rate", "schedule_date", "warehouse", "delivered_by_supplier",
    "sales_order", "sales_order_item",
}  # fmt: skip
# What is only read; the lines of a document are listed only when it is named as their parent.
_SOLD: Final = {"Sales Order": erpnext_sales_orders, "Sales Order Item": erpnext_sales_items}
_WAREHOUSES: Final = ("warehouse", "s_warehouse", "t_warehouse")
_ADDRESSES: Final = ("customer_address", "shipping_address_name")
_COMPARE: Final = ("=", "like")
Values = dict[str, Any]


class _FrappeError(Exception):
    """An error as Frappe writes it: the class of the exception and its message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "exc_type": kind,
            "exception": f"frappe.exceptions.{kind}: {message}",
            "_server_messages": orjson.dumps(
                [orjson.dumps({"message": message}).decode()]
            ).decode(),
        }


def routes(retail: Retail) -> list[Route]:
    """The documents of one kind."""
    site = _Site(retail)
    return [
        Route("/api/resource/{doctype}", site.answer, methods=["GET", "POST"]),
        Route("/api/resource/{doctype}/{name}", site.answer, methods=["PUT"]),
    ]


class _Site:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._documents: dict[str, list[Values]] = {doctype: [] for doctype in _SERIES}
        self._options = retail.options.setdefault(
            "erpnext",
            {"has_key_field": True, "has_addresses": True, "delivered": [], "invoiced": []},
        )
        retail.written["erpnext"] = lambda: self._documents

    async def answer(self, request: Request) -> Response:
        """List, create or cancel; each call is a transaction of its own."""
        body = await request.body()
        try:
            return _json({"data": self._answered(request, body)})
        except _FrappeError as error:
            self._retail.counters[f"erpnext.error.{error.status}"] += 1
            return _json(error.body, error.status)

    def _answered(self, request: Request, body: bytes) -> Any:
        known = self._retail.credentials.erpnext
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        expected = f"{known.api_key}:{known.api_secret}"
        good = hmac.compare_digest(token.encode(), expected.encode())
        if kind != "token" or not good or "erpnext" in self._retail.expired:
            raise _FrappeError(401, "AuthenticationError", "Authentication failed")
        if is_throttled(request):
            raise _FrappeError(429, "RateLimitExceededError", "Too many requests")
        if is_unavailable(request):
            raise _FrappeError(503, "SessionBootFailed", "Site is in maintenance mode")
        doctype = request.path_params["doctype"]
        if doctype not in _SERIES and (doctype not in _SOLD or request.method != "GET"):
            raise _FrappeError(404, "DoesNotExistError", f"DocType {doctype} not found")
        if request.method == "GET":
            return self._listed(doctype, request.query_params)
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise _FrappeError(400, "ValidationError", "The body is not JSON") from None
        if request.method == "PUT":
            return self._changed(doctype, request.path_params["name"], values)
        return self._create(doctype, values)

    def _all(self, doctype: str) -> list[Values]:
        if doctype in _SOLD:
            return _SOLD[doctype](self._retail.world, self._retail.as_of)
        delivered = {
            name: {"status": "Delivered"}
            for name in self._options["delivered"]
            if doctype == "Purchase Order"
        }
        return [one | delivered.get(one["name"], {}) for one in self._documents[doctype]]

    def _listed(self, doctype: str, asked: Mapping[str, str]) -> list[Values]:
        filters = orjson.loads(asked.get("filters", "[]"))
        either = orjson.loads(asked.get("or_filters", "[]"))
        fields = orjson.loads(asked.get("fields", '["name"]'))
        for name, operator, _ in [*filters, *either]:
            if operator not in _COMPARE:
                raise _FrappeError(417, "ValidationError", f"Operator {operator} is not simulated")
            if name == _KEY and not self._options["has_key_field"]:
                raise _FrappeError(417, "DataError", f"Field not permitted in query: {name}")
        if doctype == "Sales Order Item" and asked.get("parent") != "Sales Order":
            raise _FrappeError(403, "PermissionError", f"No permission for {doctype}")
        everything = self._all(doctype)
        size = int(asked.get("limit_page_length", 20)) or len(everything)
        found = [
            document
            for document in everything
            if all(_fits(document, term) for term in filters)
            and (not either or any(_fits(document, term) for term in either))
        ]
        return [{name: document.get(name) for name in fields} for document in found[:size]]

    def _changed(self, doctype: str, name: str, values: Values) -> Values:
        """Cancel a submitted document; nothing else is changed here."""
        found = [one for one in self._documents[doctype] if one["name"] == name]
        if not found:
            raise _FrappeError(404, "DoesNotExistError", f"{doctype} {name} not found")
        document = found[0]
        if values != {"docstatus": 2}:
            raise _FrappeError(417, "ValidationError", "Only cancelling is simulated")
        if document["docstatus"] == 0:
            raise _FrappeError(
                417,
                "DocstatusTransitionError",
                "Cannot change docstatus from 0 (Draft) to 2 (Cancelled)",
            )
        if document["docstatus"] == 2:
            raise _FrappeError(417, "ValidationError", "Cannot edit cancelled document")
        if name in self._options["invoiced"]:
            raise _FrappeError(
                417,
                "LinkExistsError",
                f"Cannot delete or cancel because {doctype} {name} is linked with Purchase Invoice "
                "ACC-PINV-2026-00001",
            )
        document.update(docstatus=2, status="Cancelled")
        self._retail.counters[f"erpnext.cancelled.{doctype}"] += 1
        return document

    def _create(self, doctype: str, values: Values) -> Values:
        for name in _REQUIRED[doctype]:
            if not values.get(name):
                raise _FrappeError(417, "MandatoryError", f"[{doctype}]: {name}")
        if not values.get("items"):
            raise _FrappeError(417, "MandatoryError", f"[{doctype}]: items")
        if doctype == "Purchase Order":
            values = {name: values[name] for name in values if name in _PURCHASE_FIELDS}
            values["items"] = [
                {name: item[name] for name in item if name in _PURCHASE_ITEM_FIELDS}
                for item in values["items"]
            ]
            self._check_purchase(values)
        for item in values["items"]:
            self._check_item(item)
        if not self._options["has_key_field"]:
            values.pop(_KEY, None)
        key = values.get(_KEY)
        if key and any(document.get(_KEY) == key for document in self._documents[doctype]):
            raise _FrappeError(
                417, "UniqueValidationError", f"{doctype} {_KEY} {key} must be unique"
            )
        is_submitted = values.get("docstatus") == 1
        document = {
            **values,
            "name": f"{_SERIES[doctype]}{len(self._documents[doctype]) + 1:05d}",
            "docstatus": int(is_submitted),
            "status": "To Receive and Bill" if is_submitted else "Draft",
            "modified": f"{text_of(self._retail.as_of)}.000000",
        }
        self._documents[doctype].append(document)
        self._retail.counters[f"erpnext.created.{doctype}"] += 1
        return document

    def _check_purchase(self, values: Values) -> None:
        """What ERPNext checks of whom and what a purchase is for."""
        sold = self._all("Sales Order")
        customers = {order["customer"] for order in sold}
        addresses = {order[name] for order in sold for name in _ADDRESSES}
        customer, address = values.get("customer"), values.get("shipping_address")
        if customer and customer not in customers:
            raise _FrappeError(417, "LinkValidationError", f"Could not find Customer: {customer}")
        if address and (address not in addresses or not self._options["has_addresses"]):
            raise _FrappeError(
                417, "LinkValidationError", f"Could not find Shipping Address: {address}"
            )
        for item in values["items"]:
            if not item.get("warehouse") and not item.get("delivered_by_supplier"):
                raise _FrappeError(
                    417,
                    "ValidationError",
                    f"Warehouse is mandatory for stock Item {item.get('item_code')}",
                )
            row = item.get("sales_order_item")
            if row and row not in {one["name"] for one in self._all("Sales Order Item")}:
                raise _FrappeError(
                    417, "LinkValidationError", f"Could not find Sales Order Item: {row}"
                )

    def _check_item(self, item: Mapping[str, Any]) -> None:
        if item.get("item_code") not in self._retail.world.products.skus:
            raise _FrappeError(
                417, "LinkValidationError", f"Could not find Item: {item.get('item_code')}"
            )
        for name in _WAREHOUSES:
            if name in item and item[name] not in SITES:
                raise _FrappeError(
                    417, "LinkValidationError", f"Could not find Warehouse: {item[name]}"
                )
        if not float(item.get("qty", 0)) > 0:
            raise _FrappeError(417, "ValidationError", "Quantity must be greater than 0")


def _fits(document: Values, term: list[Any]) -> bool:
    name, operator, value = term
    known = document.get(name)
    if operator == "=":
        return bool(known == value)
    # The sandbox knows the pattern with a wildcard at both ends only.
    return str(value).strip("%") in str(known or "")


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
