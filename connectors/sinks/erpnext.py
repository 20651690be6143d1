"""Buys, requests and moves goods in ERPNext, over Frappe's REST interface.

ERPNext takes no idempotency key. It is given one: a custom field `fourflow_key` (type Data, unique)
on Purchase Order, Material Request and Stock Entry. Each document is looked for by it before it is
made, and where two workers are at it at once, the field's uniqueness refuses the second.

What a supplier sends to a customer is bought for a line of the sales order that ERPNext has of it.
Its customer and address are passed on by their names in ERPNext, and left out of every sentence.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson
from pydantic import Field, SecretStr

from connectors.errors import FourflowError, PermanentError, TransientError
from connectors.sinks.base import Receipt
from connectors.sinks.documents import (
    Document,
    DropRecall,
    DropShipment,
    PurchaseOrder,
    Transfer,
)
from connectors.sinks.platform import Order, Platform, client_of
from connectors.sinks.texts import decided_at
from connectors.sources.api.connector import AccountConfig, EncryptedUrl

KEY: Final = "fourflow_key"
_SHOWN: Final = 200
_DAYS_AHEAD: Final = timedelta(days=7)
_PURCHASE: Final = "Purchase Order"
_SUBMITTED: Final = 1
_CANCELLED: Final = 2
# The supplier has sent it, or a buyer has closed it: nothing is left to call back.
_OVER: Final = ("Delivered", "Completed", "Closed")
# What of a purchase names a person; ERPNext calls customers and addresses so.
_PERSONAL: Final = ("customer", "shipping_address")
_TAKEN: Final = ("DuplicateEntryError", "UniqueValidationError")
_ADVICE: Final = {
    401: "set `api_key` and `api_secret`: they are refused",
    403: "give the key's user a role that may read and create it",
    404: "check that ERPNext has this kind of document, and `base_url`",
    417: "correct what it says in ERPNext or in the action's fields",
}


class ErpnextAccount(AccountConfig):
    """One ERPNext site."""

    base_url: EncryptedUrl = Field(
        description="Address of the site, such as https://erp.my-firm.com."
    )
    api_key: SecretStr = Field(description="Key of a user who may create the documents.")
    api_secret: SecretStr = Field(description="The key's secret.")
    company: str = Field(min_length=1, description="Company in whose name is ordered.")
    requests_per_second: float = Field(
        default=5.0, gt=0, description="Most calls a second; people work on the same server."
    )


class _TakenError(PermanentError):
    """The key is there already."""


class ErpnextTarget:
    """One site."""

    def __init__(self, name: str, account: ErpnextAccount) -> None:
        self._account = account
        self._client = client_of("erpnext", name, account)

    def accepts(self, document: Document) -> bool:
        """Purchase orders, also for suppliers to send on, requests for one, and transfers."""
        return isinstance(document, PurchaseOrder | Transfer | DropShipment | DropRecall)

    def find(self, order: Order) -> Receipt | None:
        """The document that bears the key."""
        if isinstance(order.document, DropRecall):
            purchases = self._purchases_of(order.document)
            is_done = bool(purchases) and all(p["docstatus"] == _CANCELLED for p in purchases)
            return Receipt("duplicate", _recalled(purchases)) if is_done else None
        doctype = _doctype(order.document)
        found = self._found(doctype, order.key)
        return Receipt("duplicate", found) if found else None

    def deliver(self, order: Order) -> Receipt:
        """Look, which also proves that the field of the key is there, and create."""
        if isinstance(order.document, DropRecall):
            return self._recall(order.document)
        doctype = _doctype(order.document)
        found = self._found(doctype, order.key)
        if found:
            return Receipt("duplicate", found)
        values = self._document(order)
        hidden = [str(values[name]) for name in _PERSONAL if name in values]
        try:
            made = self._call(
                "POST", f"/api/resource/{quote(doctype)}", values | {KEY: order.key}, hidden
            )
        except _TakenError:
            again = self._found(doctype, order.key)
            if again is None:
                raise
            return Receipt("duplicate", again)
        return Receipt("accepted", _detail(doctype, made))

    def _found(self, doctype: str, key: str) -> dict[str, Any] | None:
        asked = {
            "filters": orjson.dumps([[KEY, "=", key]]).decode(),
            "fields": '["name","status","docstatus"]',
            "limit_page_length": "2",
        }
        found = self._call("GET", f"/api/resource/{quote(doctype)}", asked)
        return _detail(doctype, found[0]) if found else None

    def _document(self, order: Order) -> dict[str, Any]:
        document = order.document
        today = decided_at(order.payload).date()
        if isinstance(document, Transfer):
            item = {
                "item_code": document.sku,
                "qty": float(document.quantity),
                "s_warehouse": document.from_site,
                "t_warehouse": document.to_site,
            }
            # Goods move when somebody moves them: the entry stays a draft.
            return {
                "stock_entry_type": "Material Transfer",
                "company": self._account.company,
                "items": [item],
            }
        if isinstance(document, DropShipment):
            return self._drop_shipment(document, today)
        assert isinstance(document, PurchaseOrder)  # noqa: S101 - `accepts` lets nothing else through
        due = (document.due_on or today + _DAYS_AHEAD).isoformat()
        item = {
            "item_code": document.sku,
            "qty": float(document.quantity),
            "schedule_date": due,
            "warehouse": document.site,
        }
        common = {
            "company": self._account.company,
            "transaction_date": today.isoformat(),
            "schedule_date": due,
        }
        if document.is_request:
            return {
                **common,
                "material_request_type": "Purchase",
                "items": [item],
            }
        if document.supplier_no is None:
            raise PermanentError(
                "A purchase order in ERPNext needs the action's field supplier_no; add it, or use "
                "request_purchase."
            )
        if document.unit_price is not None:
            item["rate"] = float(document.unit_price)
        return {
            **common,
            "supplier": document.supplier_no,
            "items": [item],
            "docstatus": _SUBMITTED,  # created and submitted in one transaction
        }

    def _drop_shipment(self, document: DropShipment, today: date) -> dict[str, Any]:
        """Bought for the line of the sales order that it serves, sent to that order's address."""
        no = document.order_no
        sold = self._one(
            "Sales Order",
            {
                "filters": [["docstatus", "=", _SUBMITTED]],
                "or_filters": [["name", "=", no], ["po_no", "=", no]],
            },
            ["name", "customer", "customer_address", "shipping_address_name"],
            f"submitted sales order {no}",
        )
        address = sold["shipping_address_name"] or sold["customer_address"]
        if not address:
            raise PermanentError(
                f"{self._client.place} has no address in sales order {no}; add it there, then "
                "`fourflow decisions retry`."
            )
        due = (today + _DAYS_AHEAD).isoformat()
        item: dict[str, Any] = {
            "item_code": document.sku,
            "qty": float(document.quantity),
            "schedule_date": due,
            "delivered_by_supplier": 1,
            "sales_order": sold["name"],
            "sales_order_item": self._sales_item(str(sold["name"]), document),
        }
        if document.unit_price is not None:
            item["rate"] = float(document.unit_price)
        values: dict[str, Any] = {
            "company": self._account.company,
            "transaction_date": today.isoformat(),
            "schedule_date": due,
            "supplier": document.supplier_no,
            "customer": sold["customer"],
            "shipping_address": address,
            "items": [item],
            "docstatus": _SUBMITTED,
        }
        if document.currency_code is not None:
            values["currency"] = document.currency_code
        return values

    def _sales_item(self, parent: str, document: DropShipment) -> str:
        """The line of a sales order that asks for the article; of several, that of the quantity."""
        found = self._listed(
            "Sales Order Item",
            {"filters": [["parent", "=", parent], ["item_code", "=", document.sku]]},
            ["name", "qty"],
            parent="Sales Order",
        )
        if not found:
            raise PermanentError(
                f"{self._client.place} has no line of {document.sku} in sales order "
                f"{document.order_no}; correct it in ERPNext or in the action's fields."
            )
        exact = [row for row in found if row["qty"] == float(document.quantity)]
        return str((exact or found)[0]["name"])

    def _purchases_of(self, document: DropRecall) -> list[dict[str, Any]]:
        """Purchases of the decision, those that somebody has cancelled too."""
        found = self._listed(
            _PURCHASE,
            {"filters": [[KEY, "like", f"%{document.purchase_decision_id}%"]]},
            ["name", "status", "docstatus", KEY],
        )
        return [purchase for purchase in found if document.bears(purchase[KEY])]

    def _recall(self, document: DropRecall) -> Receipt:
        """Cancel what was bought, unless it is on its way to the customer."""
        purchases = self._purchases_of(document)
        standing = [one for one in purchases if one["docstatus"] != _CANCELLED]
        for one in standing:
            if one["status"] in _OVER or one["docstatus"] != _SUBMITTED:
                raise PermanentError(
                    f"{self._client.place} has {one['name']} as {one['status']}, so it can't be "
                    "cancelled any more; ask its supplier, or settle it there."
                )
            path = f"/api/resource/{quote(_PURCHASE)}/{quote(str(one['name']))}"
            try:
                self._call("PUT", path, {"docstatus": _CANCELLED})
            except PermanentError as error:
                raise PermanentError(
                    f"{one['name']} can't be cancelled any more, so its supplier or a buyer has "
                    f"to be asked. {error}"
                ) from error
        if not standing:
            return Receipt("duplicate" if purchases else "accepted", _recalled(purchases))
        return Receipt("accepted", _recalled(purchases))

    def _one(
        self, doctype: str, asked: Mapping[str, Any], fields: list[str], what: str
    ) -> dict[str, Any]:
        """The only document that is meant; two would be a guess."""
        found = self._listed(doctype, asked, fields)
        if len(found) != 1:
            number = "no" if not found else "more than one"
            raise PermanentError(
                f"{self._client.place} has {number} {what}; correct it in ERPNext or in the "
                "action's fields."
            )
        return found[0]

    def _listed(
        self, doctype: str, asked: Mapping[str, Any], fields: list[str], **more: str
    ) -> list[dict[str, Any]]:
        values = {name: orjson.dumps(value).decode() for name, value in asked.items()}
        values |= {"fields": orjson.dumps(fields).decode(), "limit_page_length": "0", **more}
        return [dict(one) for one in self._call("GET", f"/api/resource/{quote(doctype)}", values)]

    def _call(
        self, method: str, path: str, values: Mapping[str, Any], hidden: Sequence[str] = ()
    ) -> Any:
        what = f"{method} {path.removeprefix('/api/resource/').replace('%20', ' ')}"
        account = self._account
        key, secret = account.api_key.get_secret_value(), account.api_secret.get_secret_value()
        headers = {"authorization": f"token {key}:{secret}", "accept": "application/json"}
        url = f"{account.base_url.rstrip('/')}{path}"

        def build() -> httpx.Request:
            if method == "GET":
                return httpx.Request(method, url, headers=headers, params=values)
            return httpx.Request(method, url, headers=headers, json=values)

        def judge(response: httpx.Response) -> Any:
            if response.is_client_error:
                raise _refusal(self._client.place, what, response, hidden)
            answer = self._client.json(what, response)
            if not isinstance(answer, dict) or "data" not in answer:
                raise TransientError(
                    f"{self._client.place} answered {what} without `data`; it will be tried again."
                )
            return answer["data"]

        return self._client.call(what, build, judge, is_write=method != "GET")


def _detail(doctype: str, document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "doctype": doctype,
        "name": document.get("name"),
        "status": document.get("status"),
        "docstatus": document.get("docstatus"),
    }


def _doctype(document: Document) -> str:
    if isinstance(document, Transfer):
        return "Stock Entry"
    is_request = isinstance(document, PurchaseOrder) and document.is_request
    return "Material Request" if is_request else _PURCHASE


def _recalled(purchases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a receipt says of purchases that were called back; none was ever made, if empty."""
    names = [str(one["name"]) for one in purchases]
    return {
        "doctype": _PURCHASE,
        "name": ", ".join(names) or None,
        "status": "Cancelled" if names else "none",
    }


def _refusal(
    place: str, what: str, response: httpx.Response, hidden: Sequence[str] = ()
) -> FourflowError:
    """What Frappe's error means: its class says more than its status.

    Frappe repeats what it was given; the words in `hidden` are a person's and left out.
    """
    try:
        told = orjson.loads(response.content)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    kind = str(told.get("exc_type") or "")
    reason = " ".join(str(told.get("exception") or kind or "no reason given").split())
    for word in sorted(hidden, key=len, reverse=True):
        reason = reason.replace(word, "…")
    reason = reason[:_SHOWN]
    start = f"{place} refused {what} with status {response.status_code}: {reason}"
    if kind in _TAKEN:
        return _TakenError(f"{start}; its key is there already.")
    if kind in ("QueryDeadlockError", "QueryTimeoutError", "TimestampMismatchError"):
        return TransientError(f"{start}; it will be tried again.")
    if KEY in reason:
        return PermanentError(
            f"{start}; add the custom field {KEY} (Data, unique) to this kind of document."
        )
    advice = _ADVICE.get(response.status_code, "see what it says")
    return PermanentError(f"{start}; {advice}.")


PLATFORM: Final = Platform("erpnext", ErpnextAccount, ErpnextTarget)
