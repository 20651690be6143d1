"""The JD signature of a request: pure functions, nothing is sent from here."""

import hashlib
from collections.abc import Mapping


def sign(parameters: Mapping[str, str], secret: str) -> str:
    """Sign the parameters in the order of their keys, between two secrets.

    Args:
        parameters: exactly what is sent, `360buy_param_json` as its text, before any URL
            encoding; `sign` is left out.
        secret: the app secret.

    Returns:
        The MD5 in upper-case hex, 32 characters.
    """
    text = "".join(f"{key}{value}" for key, value in sorted(parameters.items()) if key != "sign")
    framed = f"{secret}{text}{secret}"
    return hashlib.md5(framed.encode(), usedforsecurity=False).hexdigest().upper()
