"""Stripe events: an HMAC of time and body in one header."""

from connectors.errors import PermanentError
from connectors.inbox.protocol import (
    Answer,
    InboxAccount,
    Push,
    PushProtocol,
    Reason,
    Received,
    content_key,
    forged,
    json_payload,
    require_near,
    text_of,
)
from connectors.sources.stripe.signing import verify_webhook

_WHAT = "The Stripe event"
_ANY_AGE = 10**12


class StripePushes(PushProtocol):
    """Stripe sends an event that was not answered with 2xx again for three days."""

    needs = ("webhook_secret",)
    accepted = Answer(200)

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """One message: the event as it is."""
        header = push.headers.get("stripe-signature", "")
        secret = account.secrets["webhook_secret"]
        try:
            # The age is judged below, to tell a stale event from a forged one.
            verify_webhook(push.body, header, secret, push.received_at, _ANY_AGE)
        except PermanentError as error:
            raise forged(_WHAT) from error
        times = [part.strip()[2:] for part in header.split(",") if part.strip().startswith("t=")]
        require_near(times[0], push, account, _WHAT)
        payload, event, read_error = json_payload(push.body)
        return [
            Received(
                topic=text_of(event, "type"),
                dedupe_key=text_of(event, "id") or content_key(push.body),
                payload=payload,
                sent_at=text_of(event, "created") or None,
                read_error=read_error,
            )
        ]

    def refused(self, reason: Reason, status: int) -> Answer:
        """A status is enough."""
        return Answer(status, reason.encode())
