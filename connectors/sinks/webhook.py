"""Posts decisions to a URL, signed as Standard Webhooks say; `webhook-id` carries the key."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from standardwebhooks import Webhook

from connectors.errors import InputError, PermanentError, RetryLaterError, TransientError
from connectors.sinks.base import Receipt

_RETRYABLE: Final = frozenset({408, 409, 421, 425, 429})
_LONGEST_PAUSE: Final = timedelta(hours=1)
_SHORTEST_SECRET: Final = 16
_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class WebhookSink:
    """A signed webhook; the receiver is expected to ignore an id that it has already accepted."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        timeout_seconds: float = 10.0,
        require_https: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = _checked_url(url, require_https=require_https)
        self._place = f"{self._url.scheme}://{self._url.host}"
        self._signer = _signer(secret)
        self._client = httpx.Client(
            timeout=timeout_seconds,
            follow_redirects=False,
            transport=transport,
            headers={"user-agent": "fourflow", "content-type": "application/json"},
        )

    @property
    def name(self) -> str:
        """The name that rules use."""
        return "webhook"

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Post the payload; the body of a repeated attempt is the same, byte for byte."""
        body = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        sent_at = datetime.now(UTC)
        headers = {
            "webhook-id": key,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": self._signer.sign(msg_id=key, timestamp=sent_at, data=body),
        }
        try:
            response = self._client.post(self._url, content=body.encode(), headers=headers)
        except httpx.TimeoutException as error:
            raise TransientError(
                f"The webhook at {self._place} did not answer in time; it will be tried again."
            ) from error
        except httpx.TransportError as error:
            raise TransientError(
                f"The webhook at {self._place} could not be reached ({type(error).__name__}); "
                "it will be tried again."
            ) from error
        return self._receipt(response)

    def _receipt(self, response: httpx.Response) -> Receipt:
        status = response.status_code
        if response.is_success:
            duplicate = response.headers.get("webhook-duplicate", "").lower() == "true"
            return Receipt("duplicate" if duplicate else "accepted", {"status": status})
        if status in _RETRYABLE or response.is_server_error:
            message = f"The webhook at {self._place} answered {status}; it will be tried again."
            pause = _retry_after(response.headers.get("retry-after"))
            raise TransientError(message) if pause is None else RetryLaterError(message, pause)
        raise PermanentError(
            f"The webhook at {self._place} refused the decision with {status}; "
            "correct FOURFLOW_WEBHOOK_URL, FOURFLOW_WEBHOOK_SECRET or the receiver."
        )


def _checked_url(url: str, *, require_https: bool) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise InputError(
            "FOURFLOW_WEBHOOK_URL is not an http(s) URL; write it as https://host/path."
        )
    if require_https and parsed.scheme == "http" and parsed.host not in _LOCAL_HOSTS:
        raise InputError("FOURFLOW_WEBHOOK_URL must be https in production; change the URL.")
    return parsed


def _signer(secret: str) -> Webhook:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    except ValueError:
        key = b""
    if len(key) < _SHORTEST_SECRET:
        raise InputError(
            "FOURFLOW_WEBHOOK_SECRET is not a signing secret; "
            "give whsec_ followed by the base64 of 24 to 64 random bytes."
        )
    return Webhook(key)


def _retry_after(value: str | None) -> timedelta | None:
    """The pause of a Retry-After header (seconds or a date), bounded; None when unreadable."""
    if value is None:
        return None
    try:
        if value.strip().isdigit():
            pause = timedelta(seconds=min(int(value), int(_LONGEST_PAUSE.total_seconds())))
        else:
            pause = parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(pause, timedelta()), _LONGEST_PAUSE)
