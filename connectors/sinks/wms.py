"""Tells a warehouse what to pick (or not), to move and what has left: by files or a webhook."""

from typing import Final

from pydantic import Field, SecretStr, model_validator

from connectors.sinks.base import Receipt
from connectors.sinks.documents import (
    Document,
    PickList,
    PickRecall,
    PurchaseOrder,
    Shipment,
    Transfer,
)
from connectors.sinks.files import FilesAccount, FilesTarget, facts_of
from connectors.sinks.platform import Order, Platform
from connectors.sinks.webhook import WebhookSink

_DOCUMENTS: Final = (PickList, PickRecall, Shipment, Transfer, PurchaseOrder)


class WmsAccount(FilesAccount):
    """One warehouse system: it fetches files from a folder, or takes a signed webhook."""

    path: str = Field(
        default="", description="A folder, or sftp://user@host:22/folder; empty: by `url`."
    )
    url: str | None = Field(default=None, description="Where documents are posted.")
    secret: SecretStr | None = Field(
        default=None, description="Signing secret of the webhook (whsec_ and base64)."
    )

    @model_validator(mode="after")
    def _has_one_way(self) -> "WmsAccount":
        if bool(self.path) == bool(self.url):
            raise ValueError("set either `path` or `url`")
        if self.url and self.secret is None:
            raise ValueError("`secret` is missing: documents are signed with it")
        return self


class WmsTarget:
    """One warehouse system."""

    def __init__(self, name: str, account: WmsAccount) -> None:
        self._files = FilesTarget(name, account)
        self._webhook: WebhookSink | None = None
        if account.url and account.secret:
            self._webhook = WebhookSink(
                account.url,
                account.secret.get_secret_value(),
                timeout_seconds=account.timeout_seconds,
            )

    def accepts(self, document: Document) -> bool:
        """Pick lists, their recalls, shipments, transfers, and orders as what is to be expected."""
        return isinstance(document, _DOCUMENTS)

    def find(self, order: Order) -> None:
        """Nothing is asked: marker or webhook id tell a repetition."""
        del order

    def deliver(self, order: Order) -> Receipt:
        """Hand the document over."""
        if self._webhook is None:
            return self._files.deliver(order)
        facts = facts_of(order)
        return self._webhook.deliver(
            order.key,
            {"type": f"wms.{facts['document']}", "timestamp": facts["decided_at"], "data": facts},
        )


PLATFORM: Final = Platform("wms", WmsAccount, WmsTarget)
