"""WooCommerce signatures: of webhooks, and of requests to a shop without TLS.

Pure functions, nothing is sent from here. A shop with https takes Basic authentication instead.
"""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import quote


def webhook_signature(body: bytes, secret: str) -> str:
    """The `X-WC-Webhook-Signature` header that belongs to a body: Base64 of an HMAC-SHA256.

    Args:
        body: the bytes as received, before any parsing.
        secret: the secret of the webhook.
    """
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def oauth_base_string(method: str, url: str, parameters: Mapping[str, str]) -> str:
    """The text that OAuth 1.0a signs.

    Args:
        method: the HTTP method.
        url: scheme, host and path, without query.
        parameters: the query and the `oauth_…` parameters together, not URL-encoded;
            `oauth_signature` is left out.
    """
    pairs = sorted(
        (_encode(key), _encode(value))
        for key, value in parameters.items()
        if key != "oauth_signature"
    )
    joined = "&".join(f"{key}={value}" for key, value in pairs)
    return "&".join((method.upper(), _encode(url), _encode(joined)))


def oauth_signature(base_string: str, consumer_secret: str) -> str:
    """Sign a base string for `oauth_signature_method=HMAC-SHA256`: Base64, without a token."""
    key = f"{_encode(consumer_secret)}&"
    return base64.b64encode(hmac.digest(key.encode(), base_string.encode(), "sha256")).decode()


def _encode(text: str) -> str:
    return quote(text, safe="~")
