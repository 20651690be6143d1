"""What others write into the simulated Shopify shop: stock levels and fulfillments.

Stock is set with `@idempotent`, whose key is required, and compared with `changeFromQuantity`. A
fulfillment takes no key: an open fulfillment order can be fulfilled once, a closed one not at all.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import GraphQLError

from connectors.sandbox.servers.shop_writes import ShopWrites
from connectors.sandbox.servers.shopify_query import Field

_ORDER: Final = "gid://shopify/FulfillmentOrder/"
Values = dict[str, Any]


class ShopifyWrites:
    """The writable part of one shop; `is_open` says whether an order waits for its goods."""

    def __init__(self, is_open: Callable[[str], bool]) -> None:
        self._is_open = is_open
        self._writes = ShopWrites()
        self._answers: dict[str, Values] = {}

    def described(self) -> Values:
        """For tests."""
        return self._writes.described()

    def set_quantities(self, given: Mapping[str, Any], key: str | None) -> Values:
        """inventorySetQuantities; the same key gives the first answer again."""
        if key is None:
            raise GraphQLError("The @idempotent directive is required for this mutation")
        if key in self._answers:
            return self._answers[key]
        errors = []
        for number, wanted in enumerate(given["quantities"]):
            article = _article(wanted)
            expected = wanted["changeFromQuantity"]
            if expected is not None and self._writes.stock.get(article, 0) != expected:
                errors.append({
                    "field": ["input", "quantities", str(number)],
                    "message": "The changeFromQuantity argument no longer matches the quantity.",
                    "code": "CHANGE_FROM_QUANTITY_STALE",
                })  # fmt: skip
        if not errors:
            for wanted in given["quantities"]:
                self._writes.set_stock(_article(wanted), wanted["quantity"])
        group = None if errors else {"id": f"gid://shopify/InventoryAdjustmentGroup/{key}"}
        self._answers[key] = {"inventoryAdjustmentGroup": group, "userErrors": errors}
        return self._answers[key]

    def fulfil(self, given: Mapping[str, Any]) -> Values:
        """fulfillmentCreate: all goods of the named fulfillment orders, with one parcel."""
        tracking = given.get("trackingInfo") or {}
        parcel = {"number": tracking.get("number"), "company": tracking.get("company")}
        made = None
        for wanted in given["lineItemsByFulfillmentOrder"]:
            order = str(wanted["fulfillmentOrderId"]).removeprefix(_ORDER)
            if not self._writes.ship(order, parcel, is_shippable=self._is_open(order)):
                message = "The fulfillment order is not in a fulfillable state."
                error = {"field": ["fulfillment"], "message": message}
                return {"fulfillment": None, "userErrors": [error]}
            made = {"id": f"gid://shopify/Fulfillment/{order}9"}
        return {"fulfillment": made, "userErrors": []}

    def overlay(self, order_no: str, shown: Values, selection: tuple[Field, ...]) -> None:
        """Add the fulfillment orders that were asked for, and fulfillments that were written."""
        parcel = self._writes.shipments.get(order_no)
        for part in selection:
            if part.name == "fulfillmentOrders":
                is_open = parcel is None and self._is_open(order_no)
                node = {"id": _ORDER + order_no, "status": "OPEN" if is_open else "CLOSED"}
                shown[part.key] = picked({"nodes": [node]}, part.selection)
            elif part.name == "fulfillments" and parcel is not None:
                values = {"id": f"gid://shopify/Fulfillment/{order_no}9", "trackingInfo": [parcel]}
                shown[part.key] = [*shown[part.key], picked(values, part.selection)]


def picked(values: Any, selection: tuple[Field, ...]) -> Any:
    """The asked fields of plain values; what is not simulated is null."""
    if isinstance(values, list):
        return [picked(value, selection) for value in values]
    if not isinstance(values, dict) or not selection:
        return values
    return {part.key: picked(values.get(part.name), part.selection) for part in selection}


def _article(wanted: Mapping[str, Any]) -> str:
    return f"{_number(wanted['inventoryItemId'])}:{_number(wanted['locationId'])}"


def _number(gid: str) -> str:
    return gid.rpartition("/")[2]
