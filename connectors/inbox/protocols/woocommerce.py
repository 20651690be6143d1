"""WooCommerce webhooks: an HMAC of the body in a header; the first delivery is an unsigned ping."""

import re

from connectors.inbox.protocol import (
    Answer,
    InboxAccount,
    Push,
    PushProtocol,
    Reason,
    Received,
    equal,
    forged,
    json_payload,
    unsigned_id_key,
)
from connectors.sources.woocommerce.signing import webhook_signature

_PING = re.compile(rb"webhook_id=[0-9]{1,20}")


class WooCommercePushes(PushProtocol):
    """WooCommerce gives a webhook up after five deliveries that were not answered with 2xx."""

    needs = ("webhook_secret",)
    accepted = Answer(200)

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """One message: the body as it is; none for a ping, which nobody signs."""
        if _PING.fullmatch(push.body):
            return []
        expected = webhook_signature(push.body, account.secrets["webhook_secret"])
        if not equal(expected, push.headers.get("x-wc-webhook-signature", "")):
            raise forged("The WooCommerce webhook")
        payload, _, read_error = json_payload(push.body)
        delivery = push.headers.get("x-wc-webhook-delivery-id", "")
        return [
            Received(
                topic=push.headers.get("x-wc-webhook-topic", ""),
                dedupe_key=unsigned_id_key(delivery, push.body),
                payload=payload,
                read_error=read_error,
            )
        ]

    def refused(self, reason: Reason, status: int) -> Answer:
        """A status is enough."""
        return Answer(status, reason.encode())
