"""Sets stock in a Douyin shop and tells it what was shipped, through Doudian's gateway.

Stock is set as a whole, with the key as `idempotent_id`. A shipment is looked for in the order
before it is told again.
"""

from typing import Any, Final

from connectors.errors import PermanentError
from connectors.sinks.base import Receipt
from connectors.sinks.documents import Document, Shipment, StockLevel
from connectors.sinks.platform import Order, Platform, client_of
from connectors.sources.douyin.gateway import DouyinAccount, Gateway


class DouyinTarget:
    """One shop."""

    def __init__(self, name: str, account: DouyinAccount) -> None:
        self._gateway = Gateway(account, client_of("douyin", name, account))

    def accepts(self, document: Document) -> bool:
        """Stock levels and shipments."""
        return isinstance(document, StockLevel | Shipment)

    def find(self, order: Order) -> Receipt | None:
        """The shipment, if the order has it; stock may be set again.

        Raises:
            PermanentError: the order left with another parcel.
        """
        document = order.document
        if not isinstance(document, Shipment):
            return None
        asked = {"shop_order_id": document.order_no}
        detail = self._gateway.call("order.orderDetail", asked).get("shop_order_detail") or {}
        parcels = detail.get("logistics_info") or []
        numbers = sorted(str(parcel.get("tracking_no")) for parcel in parcels)
        if document.tracking_no in numbers:
            return Receipt("duplicate", {"order_id": document.order_no})
        if numbers:
            raise PermanentError(
                f"Order {document.order_no} was shipped as {', '.join(numbers)}, not as "
                f"{document.tracking_no}; correct it in the shop's back office."
            )
        return None

    def deliver(self, order: Order) -> Receipt:
        """Tell it once; a refused shipment is looked for, because it may be there already."""
        document = order.document
        if isinstance(document, StockLevel):
            return self._set_stock(order.key, document)
        assert isinstance(document, Shipment)  # noqa: S101 - `accepts` lets nothing else through
        told = {
            "order_id": document.order_no,
            "company_code": document.carrier,
            "logistics_code": document.tracking_no,
        }
        try:
            self._gateway.call("order.logisticsAdd", told, is_write=True)
        except PermanentError:
            found = self.find(order)
            if found is None:
                raise
            return found
        return Receipt("accepted", {"order_id": document.order_no})

    def _set_stock(self, key: str, document: StockLevel) -> Receipt:
        told: dict[str, Any] = {
            "product_id": document.item_no,
            "stock_num": document.quantity,
            "incremental": False,
            "idempotent_id": key,
        }
        if document.sku_no:
            told["sku_id"] = document.sku_no
        if document.location_no:
            told["out_warehouse_id"] = document.location_no
        self._gateway.call("sku.syncStock", told, is_write=True)
        return Receipt("accepted", {"product_id": document.item_no, "sku_id": document.sku_no})


PLATFORM: Final = Platform("douyin", DouyinAccount, DouyinTarget)
