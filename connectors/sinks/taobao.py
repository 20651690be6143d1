"""Sets stock in a Taobao or Tmall shop and tells it what was shipped, through TOP.

Stock is set as a whole, so a repetition changes nothing. A shipment is looked for in the trade
before it is told again: TOP takes no key, and refuses what is shipped already.
"""

from typing import Any, Final

from connectors.errors import PermanentError
from connectors.sinks.base import Receipt
from connectors.sinks.documents import Document, Shipment, StockLevel
from connectors.sinks.platform import Order, Platform, client_of
from connectors.sources.taobao.gateway import TaobaoAccount, Top


class TaobaoTarget:
    """One shop."""

    def __init__(self, name: str, account: TaobaoAccount) -> None:
        self._top = Top(account, client_of("taobao", name, account))

    def accepts(self, document: Document) -> bool:
        """Stock levels and shipments."""
        return isinstance(document, StockLevel | Shipment)

    def find(self, order: Order) -> Receipt | None:
        """The shipment, if the trade has it; stock may be set again.

        Raises:
            PermanentError: the trade left with another parcel.
        """
        document = order.document
        if not isinstance(document, Shipment):
            return None
        asked = {"tid": document.order_no, "fields": "tid,status,orders"}
        trade = self._top.call("taobao.trade.fullinfo.get", asked).get("trade") or {}
        lines = (trade.get("orders") or {}).get("order") or []
        numbers = sorted({str(line["invoice_no"]) for line in lines if line.get("invoice_no")})
        if document.tracking_no in numbers:
            return Receipt("duplicate", {"tid": document.order_no, "status": trade.get("status")})
        if numbers:
            raise PermanentError(
                f"Trade {document.order_no} was shipped as {', '.join(numbers)}, not as "
                f"{document.tracking_no}; correct it in the shop's back office."
            )
        return None

    def deliver(self, order: Order) -> Receipt:
        """Tell it once; a refused shipment is looked for, because it may be there already."""
        document = order.document
        if isinstance(document, StockLevel):
            return self._set_stock(document)
        assert isinstance(document, Shipment)  # noqa: S101 - `accepts` lets nothing else through
        told = {
            "tid": document.order_no,
            "out_sid": document.tracking_no,
            "company_code": document.carrier,
        }
        try:
            self._top.call("taobao.logistics.offline.send", told, is_write=True)
        except PermanentError:
            found = self.find(order)
            if found is None:
                raise
            return found
        return Receipt("accepted", {"tid": document.order_no})

    def _set_stock(self, document: StockLevel) -> Receipt:
        told: dict[str, Any] = {"num_iid": document.item_no, "quantity": document.quantity}
        if document.sku_no:
            told["sku_id"] = document.sku_no
        answer = self._top.call("taobao.item.quantity.update", told | {"type": 1}, is_write=True)
        item = answer.get("item") or {}
        return Receipt("accepted", {"num_iid": document.item_no, "num": item.get("num")})


PLATFORM: Final = Platform("taobao", TaobaoAccount, TaobaoTarget)
