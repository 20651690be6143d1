"""The SF Express digest of a request: pure functions, nothing is sent from here."""

import base64
import hashlib
from urllib.parse import quote_plus


def sign(msg_data: str, timestamp: str, check_word: str) -> str:
    """Make `msgDigest`.

    Args:
        msg_data: the JSON text of `msgData`, exactly as it is sent.
        timestamp: the very text of the form field.
        check_word: the partner's check word.

    Returns:
        The Base64 of a raw MD5, 24 characters.
    """
    encoded = _encode_as_java(f"{msg_data}{timestamp}{check_word}")
    return base64.b64encode(hashlib.md5(encoded.encode(), usedforsecurity=False).digest()).decode()


def _encode_as_java(text: str) -> str:
    """URL-encode as `java.net.URLEncoder`: a space is `+`, `*` stays, `~` does not."""
    return quote_plus(text, safe="*").replace("~", "%7E")
