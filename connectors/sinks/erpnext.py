"""Buys, requests and moves goods in ERPNext, over Frappe's REST interface.

ERPNext takes no idempotency key. It is given one: a custom field `fourflow_key` (type Data, unique)
on Purchase Order, Material Request and Stock Entry. Each document is looked for by it before it is
made, and where two workers are at it at once, the field's uniqueness refuses the second.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson
from pydantic import Field, SecretStr

from connectors.errors import FourflowError, PermanentError, TransientError
from connectors.sinks.base import Receipt
from connectors.sinks.documents import Document, PurchaseOrder, Transfer
from connectors.sinks.platform import Order, Platform, client_of
from connectors.sinks.texts import decided_at
from connectors.sources.api.connector import AccountConfig, EncryptedUrl

KEY: Final = "fourflow_key"
_SHOWN: Final = 200
_DAYS_AHEAD: Final = timedelta(days=7)
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
        """Purchase orders, requests for one, and transfers."""
        return isinstance(document, PurchaseOrder | Transfer)

    def find(self, order: Order) -> Receipt | None:
        """The document that bears the key."""
        doctype, _ = self._document(order)
        found = self._found(doctype, order.key)
        return Receipt("duplicate", found) if found else None

    def deliver(self, order: Order) -> Receipt:
        """Look, which also proves that the field of the key is there, and create."""
        doctype, values = self._document(order)
        found = self._found(doctype, order.key)
        if found:
            return Receipt("duplicate", found)
        try:
            made = self._call("POST", f"/api/resource/{quote(doctype)}", values | {KEY: order.key})
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

    def _document(self, order: Order) -> tuple[str, dict[str, Any]]:
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
            return "Stock Entry", {
                "stock_entry_type": "Material Transfer",
                "company": self._account.company,
                "items": [item],
            }
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
            return "Material Request", {
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
        return "Purchase Order", {
            **common,
            "supplier": document.supplier_no,
            "items": [item],
            "docstatus": 1,  # created and submitted in one transaction
        }

    def _call(self, method: str, path: str, values: Mapping[str, Any]) -> Any:
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
                raise _refusal(self._client.place, what, response)
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


def _refusal(place: str, what: str, response: httpx.Response) -> FourflowError:
    """What Frappe's error means: its class says more than its status."""
    try:
        told = orjson.loads(response.content)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    kind = str(told.get("exc_type") or "")
    reason = " ".join(str(told.get("exception") or kind or "no reason given").split())[:_SHOWN]
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
