"""What others write into a simulated shop: shipments of orders and stock of articles.

Kept as each shop was told, one entry a call that had an effect: a shipment that is told twice is
refused by the shop, stock that is set twice is set twice.
"""

from typing import Any


class ShopWrites:
    """The shipments and stock levels of one shop."""

    def __init__(self) -> None:
        self.shipments: dict[str, dict[str, Any]] = {}
        self.stock: dict[str, int] = {}
        self.calls: list[dict[str, Any]] = []

    def ship(self, order_no: str, parcel: dict[str, Any], *, is_shippable: bool) -> bool:
        """Note a shipment; False when the order can't be shipped (any more)."""
        if not is_shippable or order_no in self.shipments:
            return False
        self.shipments[order_no] = parcel
        self.calls.append({"shipment": order_no, **parcel})
        return True

    def set_stock(self, article: str, quantity: int, *, is_change: bool = False) -> int:
        """Set or change an article's stock; what it is then."""
        self.stock[article] = quantity + (self.stock.get(article, 0) if is_change else 0)
        self.calls.append({"stock": article, "quantity": quantity, "is_change": is_change})
        return self.stock[article]

    def described(self) -> dict[str, Any]:
        """For tests."""
        return {"shipments": self.shipments, "stock": self.stock, "calls": self.calls}
