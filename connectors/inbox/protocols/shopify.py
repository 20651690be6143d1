"""Shopify webhooks: an HMAC of the body in a header; at least once, in any order."""

from connectors.inbox.protocol import (
    Answer,
    InboxAccount,
    Push,
    PushProtocol,
    Reason,
    Received,
    RefusedError,
    equal,
    forged,
    json_payload,
    unsigned_id_key,
)
from connectors.sources.shopify.signing import webhook_signature


class ShopifyPushes(PushProtocol):
    """Shopify waits five seconds for a 2xx and sends again for two days otherwise."""

    needs = ("webhook_secret",)
    may_have = ("shop_domain",)
    accepted = Answer(200)

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """One message: the body as it is."""
        expected = webhook_signature(push.body, account.secrets["webhook_secret"])
        if not equal(expected, push.headers.get("x-shopify-hmac-sha256", "")):
            raise forged("The Shopify webhook")
        shop = account.secrets.get("shop_domain", "")
        if shop and push.headers.get("x-shopify-shop-domain", shop).lower() != shop.lower():
            raise RefusedError(
                Reason.WRONG_ACCOUNT,
                "The Shopify webhook comes from another shop; correct the address it is sent to.",
            )
        payload, _, read_error = json_payload(push.body)
        webhook = push.headers.get("x-shopify-webhook-id", "")
        return [
            Received(
                topic=push.headers.get("x-shopify-topic", ""),
                dedupe_key=unsigned_id_key(webhook, push.body),
                payload=payload,
                sent_at=push.headers.get("x-shopify-triggered-at"),
                read_error=read_error,
            )
        ]

    def refused(self, reason: Reason, status: int) -> Answer:
        """A status is enough."""
        return Answer(status, reason.encode())
