"""Sets stock in a Shopify shop and tells it what was shipped, through the Admin API.

Stock is set with the key in `@idempotent`, and only if the shop still has what the decision was
made from, where the action says what that was. A shipment takes no key: it is looked for among the
order's fulfillments before it is told again.
"""

from typing import Any, Final

from connectors.errors import PermanentError
from connectors.sinks.base import Receipt
from connectors.sinks.documents import Document, Shipment, StockLevel
from connectors.sinks.platform import Order, Platform, client_of
from connectors.sources.shopify.admin import Admin, ShopifyAccount

_FIRST_VERSION: Final = "2026-04"
_SET_STOCK: Final = """
mutation SetStock($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id }
    userErrors { field message code }
  }
}
"""
_PARCELS: Final = """
query Parcels($id: ID!) {
  order(id: $id) {
    id
    fulfillments(first: 50) { trackingInfo(first: 10) { number } }
    fulfillmentOrders(first: 20) { nodes { id status } }
  }
}
"""
_SHIP: Final = """
mutation Ship($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) {
    fulfillment { id }
    userErrors { field message }
  }
}
"""
_OPEN: Final = ("OPEN", "IN_PROGRESS")


class ShopifyTarget:
    """One shop."""

    def __init__(self, name: str, account: ShopifyAccount) -> None:
        self._account = account
        self._admin = Admin(account, client_of("shopify", name, account))

    def accepts(self, document: Document) -> bool:
        """Stock levels and shipments."""
        return isinstance(document, StockLevel | Shipment)

    def find(self, order: Order) -> Receipt | None:
        """The shipment, if the order has it; Shopify knows the key of stock itself.

        Raises:
            PermanentError: the order left with another parcel.
        """
        if not isinstance(order.document, Shipment):
            return None
        found, _ = self._looked_up(order.document)
        return found

    def deliver(self, order: Order) -> Receipt:
        """Tell it once."""
        document = order.document
        if isinstance(document, StockLevel):
            return self._set_stock(order, document)
        assert isinstance(document, Shipment)  # noqa: S101 - `accepts` lets nothing else through
        found, waiting = self._looked_up(document)
        if found is not None:
            return found
        if not waiting:
            raise PermanentError(
                f"Order {document.order_no} has nothing left to ship in {self._place}; see what "
                "became of it there."
            )
        fulfillment = {
            "lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": gid} for gid in waiting],
            "trackingInfo": {"company": document.carrier, "number": document.tracking_no},
            "notifyCustomer": True,
        }
        answer = self._write("fulfillmentCreate", _SHIP, {"fulfillment": fulfillment})
        return Receipt("accepted", {"fulfillment": (answer.get("fulfillment") or {}).get("id")})

    @property
    def _place(self) -> str:
        return self._admin.client.place

    def _looked_up(self, document: Shipment) -> tuple[Receipt | None, list[str]]:
        """The receipt of the shipment if it is there, else what of the order can be shipped."""
        gid = _gid("Order", document.order_no)
        order = self._admin.call("Parcels", _PARCELS, {"id": gid}).get("order")
        if order is None:
            raise PermanentError(f"{self._place} has no order {document.order_no}; correct it.")
        numbers = sorted(
            str(tracking["number"])
            for fulfillment in order["fulfillments"]
            for tracking in fulfillment["trackingInfo"]
            if tracking["number"]
        )
        if document.tracking_no in numbers:
            return Receipt("duplicate", {"order": gid}), []
        nodes = order["fulfillmentOrders"]["nodes"]
        waiting = [node["id"] for node in nodes if node["status"] in _OPEN]
        if numbers and not waiting:
            raise PermanentError(
                f"Order {document.order_no} was shipped as {', '.join(numbers)}, not as "
                f"{document.tracking_no}; correct it in the shop's admin."
            )
        return None, waiting

    def _set_stock(self, order: Order, document: StockLevel) -> Receipt:
        if self._account.api_version < _FIRST_VERSION:
            raise PermanentError(
                f"Stock is set with a key, which Shopify takes from {_FIRST_VERSION} on; set "
                "`api_version` to it."
            )
        if document.location_no is None:
            raise PermanentError(
                "Shopify keeps stock by place: give the action a field location_no."
            )
        quantity = {
            "inventoryItemId": _gid("InventoryItem", document.item_no),
            "locationId": _gid("Location", document.location_no),
            "quantity": document.quantity,
            "changeFromQuantity": document.expected_quantity,
        }
        given = {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": f"gid://fourflow/Decision/{order.key}",
            "quantities": [quantity],
        }
        variables = {"input": given, "key": order.key}
        answer = self._write("inventorySetQuantities", _SET_STOCK, variables)
        group = answer.get("inventoryAdjustmentGroup") or {}
        return Receipt("accepted", {"group": group.get("id")})

    def _write(self, name: str, mutation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """A mutation's own answer.

        Raises:
            PermanentError: Shopify says what is wrong with it.
        """
        answer = self._admin.call(name, mutation, variables, is_write=True).get(name) or {}
        errors = answer.get("userErrors") or []
        if errors:
            code = errors[0].get("code")
            reason = str(errors[0].get("message")).rstrip(".")
            advice = "see the shop's admin"
            if code == "CHANGE_FROM_QUANTITY_STALE":
                advice = "the stock has changed since it was decided, so decide anew"
            raise PermanentError(f"{self._place} refused {name}: {reason}; {advice}.")
        return dict(answer)


def _gid(kind: str, number: str) -> str:
    return f"gid://shopify/{kind}/{number.rpartition('/')[2]}"


PLATFORM: Final = Platform("shopify", ShopifyAccount, ShopifyTarget)
