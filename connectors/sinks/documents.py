"""What an action asks a business system to do: its fields, read and checked once for all targets.

A rule's action carries texts (`fields`); here they become a document with types. A field that is
missing or not of its type is permanent: another attempt would send the same.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.errors import PermanentError
from connectors.sinks.texts import headline, paragraphs

_Text = Field(min_length=1)


class Document(BaseModel):
    """One thing to be done; fields that a document doesn't know are other targets' business."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)


class PurchaseOrder(Document):
    """Goods to be bought for a site.

    Attributes:
        is_request: stays a draft that a buyer confirms in the target; otherwise it is confirmed.
    """

    sku: str = _Text
    site: str = _Text
    quantity: Decimal = Field(gt=0)
    supplier_no: str | None = None
    unit_price: Decimal | None = Field(default=None, ge=0)
    due_on: date | None = None
    is_request: bool = False


class Transfer(Document):
    """Goods to be moved from one site to another."""

    sku: str = _Text
    from_site: str = _Text
    to_site: str = _Text
    quantity: Decimal = Field(gt=0)


class Invoice(Document):
    """An invoice to a customer, one line; it stays a draft that finance posts."""

    customer_no: str = _Text
    order_no: str = _Text
    amount: Decimal = Field(gt=0)
    currency_code: str = Field(pattern=r"^[A-Z]{3}$")


class Task(Document):
    """Something a person is to do about an article, on the day it is due."""

    sku: str = _Text
    due_on: date | None = None


class StockLevel(Document):
    """How much of an article a shop may sell, as a whole and not as a change.

    Attributes:
        item_no, sku_no: the shop's own numbers of the article.
        location_no: the shop's own number of the place, where it has several.
        expected_quantity: what the shop had when it was decided; a shop that can compare refuses
            to overwrite anything else.
    """

    item_no: str = _Text
    sku_no: str | None = None
    location_no: str | None = None
    quantity: int = Field(ge=0)
    expected_quantity: int | None = Field(default=None, ge=0)


class Shipment(Document):
    """A parcel with which an order left."""

    order_no: str = _Text
    carrier: str = _Text
    tracking_no: str = _Text


class PickList(Document):
    """Goods that a warehouse is to pick for an order."""

    order_no: str = _Text
    site: str = _Text
    sku: str = _Text
    quantity: int = Field(gt=0)


class PickRecall(Document):
    """Goods that a warehouse was told to pick and must not pick any more.

    Attributes:
        pick_decision_id: the decision that the pick list line bore; whoever never got that line
            has nothing to do.
    """

    pick_decision_id: str = _Text
    order_no: str = _Text
    site: str = _Text
    sku: str = _Text
    quantity: int = Field(gt=0)


class DropShipment(Document):
    """Goods that a supplier is to send to a customer.

    Attributes:
        order_no: the customer's order, as the shop numbers it.
        address_key: by which the retailer's own systems know the address; it is never sent itself.
            Business systems that have the order take its address from there.
    """

    supplier_no: str = _Text
    sku: str = _Text
    quantity: Decimal = Field(gt=0)
    unit_price: Decimal | None = Field(default=None, ge=0)
    currency_code: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    order_no: str = _Text
    address_key: str = _Text


class DropRecall(Document):
    """A purchase that a supplier was to send to a customer, and is not wanted any more.

    Attributes:
        purchase_decision_id: the decision that the purchase bears; whoever never got it has
            nothing to do.
    """

    purchase_decision_id: str = Field(pattern=r"^[0-9a-f]{64}$")
    order_no: str = _Text

    def bears(self, text: Any) -> bool:
        """Whether a target's field holds a key of that decision, whichever action it was."""
        words = str(text or "").replace(",", " ").split()
        end = re.compile(rf"(^|_){self.purchase_decision_id}(_\d+)?$")
        return any(end.search(word) for word in words)


_DOCUMENTS: Final[dict[str, tuple[type[Document], dict[str, Any]]]] = {
    "request_purchase": (PurchaseOrder, {"is_request": True}),
    "create_purchase_order": (PurchaseOrder, {"is_request": False}),
    "create_transfer": (Transfer, {}),
    "create_invoice": (Invoice, {}),
    "create_task": (Task, {}),
    "update_stock": (StockLevel, {}),
    "report_shipment": (Shipment, {}),
    "create_pick_list": (PickList, {}),
    "recall_pick_list": (PickRecall, {}),
    "create_drop_shipment": (DropShipment, {}),
    "recall_drop_shipment": (DropRecall, {}),
}
"""Which document each type of action is, and what the type says beside its fields."""


def document_of(payload: Mapping[str, Any]) -> Document:
    """The document that a delivery's action asks for.

    Raises:
        PermanentError: the action is of a type that is no document, or a field is missing or wrong.
    """
    action = payload.get("data", {}).get("action", {})
    kind = str(action.get("type"))
    if kind not in _DOCUMENTS:
        raise PermanentError(
            f"The action {kind} is nothing that a business system can be told; send it to another "
            f"sink, or use one of {', '.join(_DOCUMENTS)}."
        )
    model, told = _DOCUMENTS[kind]
    try:
        return model.model_validate({**action.get("fields", {}), **told})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        reason = "is missing" if first["type"] == "missing" else f"can't be used ({first['msg']})"
        raise PermanentError(
            f"The field {name} of the action {kind} {reason}; correct the rule's action."
        ) from error


def account_of(payload: Mapping[str, Any]) -> str | None:
    """The account that an action names, such as one of several shops; None when it names none."""
    fields = payload.get("data", {}).get("action", {}).get("fields", {})
    return str(fields["account"]) if fields.get("account") else None


def title_of(payload: Mapping[str, Any]) -> str:
    """One line for people, in the target's own lists."""
    return headline(payload)


def note_of(payload: Mapping[str, Any], key: str) -> str:
    """The whole message with the key by which a repetition is found."""
    return "\n".join([*paragraphs(payload), key])
