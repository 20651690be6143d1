"""Shopify signatures of webhooks and OAuth callbacks: pure functions, nothing is sent from here."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence


def webhook_signature(body: bytes, secret: str) -> str:
    """The `X-Shopify-Hmac-Sha256` header that belongs to a body: Base64 of an HMAC-SHA256.

    Args:
        body: the bytes as received, before any parsing.
        secret: the client secret of the app.
    """
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def callback_signature(query: Mapping[str, str | Sequence[str]], secret: str) -> str:
    """The `hmac` parameter that belongs to an OAuth callback: lower-case hex, 64 characters.

    Args:
        query: the parameters of the callback, URL-decoded; a key that ends in `[]` has a list of
            values. `hmac` is left out.
        secret: the client secret of the app.
    """
    pairs = sorted(_pair(key, value) for key, value in query.items() if key != "hmac")
    return hmac.new(secret.encode(), "&".join(pairs).encode(), "sha256").hexdigest()


def _pair(key: str, value: str | Sequence[str]) -> str:
    """One `key=value`, its delimiters escaped so that a value can't pretend to be two pairs."""
    if not isinstance(value, str):
        key, value = key.removesuffix("[]"), json.dumps(list(value))
    key = key.replace("%", "%25").replace("=", "%3D")
    value = value.replace("%", "%25")
    return f"{key}={value}".replace("&", "%26")
