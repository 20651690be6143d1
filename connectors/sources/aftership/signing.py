"""The AfterShip signature of a webhook: pure functions, nothing is sent from here."""

import base64
import hmac


def push_signature(body: bytes, secret: str) -> str:
    """The `aftership-hmac-sha256` header that belongs to a body: Base64 of an HMAC-SHA256.

    Args:
        body: the bytes as received, before any parsing.
        secret: the webhook secret of the account.
    """
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
