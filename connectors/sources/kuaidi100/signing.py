"""Kuaidi100 signatures of queries and pushes: pure functions, nothing is sent from here."""

import hashlib


def sign(param: str, key: str, customer: str) -> str:
    """Sign a query: upper-case hex, 32 characters.

    Args:
        param: the JSON text of the form field, exactly as it is sent (before URL encoding).
        key: the authorisation key.
        customer: the customer number.
    """
    return _upper_md5(f"{param}{key}{customer}")


def push_signature(param: str, salt: str) -> str:
    """The form field `sign` that belongs to a push: upper-case hex, 32 characters.

    Args:
        param: the text of the form field as received (after URL decoding, before JSON parsing).
        salt: the salt given when the parcel was subscribed.
    """
    return _upper_md5(f"{param}{salt}")


def _upper_md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
