"""ERPNext's REST interface (Frappe): documents that a shop orders by are created and listed.

Checked: the token, required fields, that article and warehouse exist, and that `fourflow_key`, a
custom unique field, is used once: the second document is refused as ERPNext does. Without the field
(option `has_key_field`) a filter on it is refused and a value for it is dropped without a word,
which is why it is looked for first. Not simulated: other documents, submitting later, rights.
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
_WAREHOUSES: Final = ("warehouse", "s_warehouse", "t_warehouse")
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
    return [Route("/api/resource/{doctype}", site.answer, methods=["GET", "POST"])]


class _Site:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._documents: dict[str, list[Values]] = {doctype: [] for doctype in _SERIES}
        self._options = retail.options.setdefault("erpnext", {"has_key_field": True})
        retail.written["erpnext"] = lambda: self._documents

    async def answer(self, request: Request) -> Response:
        """List or create; each call is a transaction of its own."""
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
        if doctype not in _SERIES:
            raise _FrappeError(404, "DoesNotExistError", f"DocType {doctype} not found")
        if request.method == "GET":
            return self._listed(doctype, request.query_params)
        return self._create(doctype, body)

    def _listed(self, doctype: str, asked: Mapping[str, str]) -> list[Values]:
        filters = orjson.loads(asked.get("filters", "[]"))
        fields = orjson.loads(asked.get("fields", '["name"]'))
        for name, operator, _ in filters:
            if operator != "=":
                raise _FrappeError(417, "ValidationError", f"Operator {operator} is not simulated")
            if name == _KEY and not self._options["has_key_field"]:
                raise _FrappeError(417, "DataError", f"Field not permitted in query: {name}")
        size = int(asked.get("limit_page_length", 20)) or len(self._documents[doctype])
        found = [
            document
            for document in self._documents[doctype]
            if all(document.get(name) == value for name, _, value in filters)
        ]
        return [{name: document.get(name) for name in fields} for document in found[:size]]

    def _create(self, doctype: str, body: bytes) -> Values:
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise _FrappeError(400, "ValidationError", "The body is not JSON") from None
        for name in _REQUIRED[doctype]:
            if not values.get(name):
                raise _FrappeError(417, "MandatoryError", f"[{doctype}]: {name}")
        if not values.get("items"):
            raise _FrappeError(417, "MandatoryError", f"[{doctype}]: items")
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


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
