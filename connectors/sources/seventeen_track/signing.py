"""The 17TRACK signature of a push: pure functions, nothing is sent from here."""

import hashlib


def push_signature(body: bytes, key: str) -> str:
    """The `sign` header that belongs to a push: lower-case hex of a SHA-256, 64 characters.

    Args:
        body: the bytes as received, before any parsing.
        key: the account's API key.
    """
    return hashlib.sha256(body + b"/" + key.encode()).hexdigest()
