"""The Stripe signature of a webhook: pure functions, nothing is sent from here."""

import hmac
from datetime import datetime

from connectors.errors import PermanentError


def webhook_signature(body: bytes, secret: str, timestamp: int | str) -> str:
    """The `v1` signature of a body: lower-case hex of an HMAC-SHA256, 64 characters.

    Args:
        body: the bytes as received, before any parsing.
        secret: the secret of the endpoint (`whsec_…`), as it is.
        timestamp: epoch seconds; of a received header, the very text of its `t`.
    """
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hexdigest()


def verify_webhook(
    body: bytes, header: str, secret: str, now: datetime, tolerance_seconds: int = 300
) -> None:
    """Accept a webhook or refuse it; any of several `v1` signatures may be the right one.

    Args:
        body: the bytes as received, before any parsing.
        header: the value of `Stripe-Signature`, `t=…,v1=…[,v1=…]`.
        secret: the secret of the endpoint (`whsec_…`), as it is.
        now: the time of arrival, with a time zone.
        tolerance_seconds: how far the signed time may be from `now`, either way.

    Raises:
        PermanentError: the header is malformed, no signature fits, or the time is too far away.
    """
    pairs = [part.strip().partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in pairs if name == "t"]
    signatures = [value for name, value in pairs if name == "v1"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or not signatures:
        raise PermanentError(
            "The Stripe-Signature header is not of the form t=…,v1=…; the webhook is refused."
        )
    expected = webhook_signature(body, secret, times[0]).encode()
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in signatures):
        raise PermanentError(
            "The Stripe webhook is not signed with the secret of this endpoint; it is refused. "
            "Check the endpoint's secret."
        )
    if abs(now.timestamp() - int(times[0])) > tolerance_seconds:
        raise PermanentError(
            f"The Stripe webhook was signed more than {tolerance_seconds} seconds away from now; "
            "it is refused as a replay. Check this machine's clock."
        )
