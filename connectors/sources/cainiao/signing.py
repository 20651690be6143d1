"""The Cainiao LINK digest of requests and callbacks: pure functions, nothing is sent from here."""

import base64
import hashlib


def sign(content: str, secret: str) -> str:
    """Make `data_digest`: the Base64 of a raw MD5, 24 characters.

    Args:
        content: the text of `logistics_interface`, exactly as it is sent or received.
        secret: the secret key of the LINK app.
    """
    digest = hashlib.md5(f"{content}{secret}".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
