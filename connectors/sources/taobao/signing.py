"""The TOP signature of a request: pure functions, nothing is sent from here."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from connectors.errors import InputError

_METHODS: Final = ("md5", "hmac", "hmac-sha256")


def sign(parameters: Mapping[str, str], secret: str, method: str = "md5") -> str:
    """Sign system and API parameters together, before any URL encoding.

    Args:
        parameters: everything that is sent but files. `sign` and parameters without a key or a
            value are left out; `sign_method` is signed and must say the same as `method`.
        secret: the app secret.
        method: `md5` (text between two secrets), `hmac` (HMAC-MD5) or `hmac-sha256`.

    Returns:
        Upper-case hex: 32 characters, 64 with `hmac-sha256`.

    Raises:
        InputError: TOP has no such method.
    """
    text = "".join(
        f"{key}{value}"
        for key, value in sorted(parameters.items())
        if key and value and key != "sign"
    )
    if method == "md5":
        framed = f"{secret}{text}{secret}"
        return hashlib.md5(framed.encode(), usedforsecurity=False).hexdigest().upper()
    if method not in _METHODS:
        raise InputError(
            f"Taobao has no signature method {method!r}; use one of {', '.join(_METHODS)}."
        )
    digest = "md5" if method == "hmac" else "sha256"
    return hmac.new(secret.encode(), text.encode(), digest).hexdigest().upper()
