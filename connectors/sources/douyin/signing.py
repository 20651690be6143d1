"""Doudian signatures of requests and pushes: pure functions, nothing is sent from here."""

import hashlib
import hmac
import json
from typing import Any

from connectors.errors import InputError


def canonical_json(value: Any) -> str:
    """Write `param_json`: compact, keys sorted at every depth, UTF-8 and HTML signs as they are.

    Whole floats are written as integers. Sign this text and send its UTF-8 bytes unchanged as the
    body: the platform signs what it receives.

    Raises:
        InputError: the value holds something that JSON can't say (a date, a set, NaN).
    """
    try:
        return json.dumps(
            _with_whole_numbers(value),
            ensure_ascii=False,
            allow_nan=False,
            sort_keys=True,
            separators=(",", ":"),
        )
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The parameters of a Douyin request can't be written as JSON ({error}); "
            "use texts, numbers, booleans, lists and mappings."
        ) from error


def sign(app_key: str, app_secret: str, method: str, param_json: str, timestamp: str) -> str:
    """Sign a request for `sign_method=hmac-sha256`, `v=2`.

    Args:
        app_key: the app's key.
        app_secret: the app's secret.
        method: the dotted name, such as `order.searchList`.
        param_json: the body, as `canonical_json` wrote it.
        timestamp: the very text of the query parameter (epoch seconds).

    Returns:
        Lower-case hex, 64 characters. `access_token`, `sign_method` and `sign` are not signed.
    """
    text = f"app_key{app_key}method{method}param_json{param_json}timestamp{timestamp}v2"
    framed = f"{app_secret}{text}{app_secret}"
    return hmac.new(app_secret.encode(), framed.encode(), "sha256").hexdigest()


def push_signature(app_key: str, app_secret: str, body: bytes) -> str:
    """The `event-sign` header that belongs to a push: lower-case hex, 32 characters.

    Args:
        app_key: the app's key.
        app_secret: the app's secret.
        body: the bytes as received, before any parsing.
    """
    framed = app_key.encode() + body + app_secret.encode()
    return hashlib.md5(framed, usedforsecurity=False).hexdigest()


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _with_whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_whole_numbers(item) for item in value]
    return value
