"""What every platform's push has in common: what arrives, what is kept of it, what is answered.

How one platform signs, and what it expects to hear, stands in `connectors.inbox.protocols`.
"""

import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import orjson


class Reason(StrEnum):
    """Why a push was refused; the refusals are counted by it."""

    FORGED = "forged"
    STALE = "stale"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    UNKNOWN_ACCOUNT = "unknown_account"
    WRONG_ACCOUNT = "wrong_account"
    NOT_STORED = "not_stored"
    MISCONFIGURED = "misconfigured"


class RefusedError(Exception):
    """This push is not taken; the sentence holds nothing of the push and no secret."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True)
class InboxAccount:
    """One account whose pushes are received.

    Attributes:
        source: name of the source in fourflow.yml; the pushes land in `bronze.<source>_pushes`.
        account: name of the account there.
        kind: which platform's protocol it speaks.
        secrets: what the protocol needs to tell a true push from a forged one, by the names that
            the protocol gives.
        tolerance_seconds: how far the signed time of a push may be from now, where the platform
            signs a time.
    """

    source: str
    account: str
    kind: str
    secrets: Mapping[str, str] = field(repr=False)
    tolerance_seconds: int = 300


@dataclass(frozen=True)
class Push:
    """One request as it arrived.

    Attributes:
        headers: names in lower case.
        query: parameters of the address.
        body: the very bytes.
        received_at: with time zone UTC.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True)
class Received:
    """One message of a verified push; a push may hold several, or none (a ping)."""

    topic: str
    dedupe_key: str
    payload: str
    sent_at: str | None = None
    read_error: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the platform hears."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"


class PushProtocol(ABC):
    """How one platform pushes.

    Attributes:
        needs: names of the secrets without which an account can't receive anything.
        may_have: names of further secrets and facts that are used when they are there.
        accepted: the answer that stops the platform from sending the push again.
    """

    needs: ClassVar[tuple[str, ...]]
    may_have: ClassVar[tuple[str, ...]] = ()
    accepted: ClassVar[Answer]

    @abstractmethod
    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """Verify the push, then read it.

        Raises:
            RefusedError: it is forged, stale, malformed or meant for another account.
            FourflowError: the account's secrets can't be used.
        """

    def greet(self, query: Mapping[str, str], account: InboxAccount) -> Answer | None:
        """What a platform hears that tries the address by a GET; None: this one tries nothing.

        Args:
            query: parameters of the address.
            account: whose address it is.

        Raises:
            RefusedError: it is not the platform that tries it.
        """
        del query, account
        return None

    @abstractmethod
    def refused(self, reason: Reason, status: int) -> Answer:
        """The platform's own way of hearing no, so that it sends a true push again."""


def json_answer(status: int, content: Mapping[str, Any]) -> Answer:
    """An answer that the platform reads as JSON."""
    return Answer(status, orjson.dumps(content), "application/json; charset=utf-8")


def equal(expected: str, given: str) -> bool:
    """Compare two signatures without telling by the time it takes how much of them agrees."""
    return hmac.compare_digest(expected.encode(), given.encode())


def forged(what: str) -> RefusedError:
    """A refusal: the signature does not belong to the push."""
    return RefusedError(Reason.FORGED, f"{what} is not signed with this account's secret.")


def require_near(stamp: str, push: Push, account: InboxAccount, what: str) -> None:
    """Refuse a push whose signed epoch seconds are too far from its arrival, either way.

    Raises:
        RefusedError: it is stale, or the time is no number.
    """
    if not (stamp.isascii() and stamp.isdigit()):
        raise RefusedError(Reason.MALFORMED, f"{what} has no time in its headers.")
    if abs(push.received_at.timestamp() - int(stamp)) > account.tolerance_seconds:
        raise RefusedError(
            Reason.STALE,
            f"{what} was signed more than {account.tolerance_seconds} seconds away from now: a "
            "replay, or a wrong clock on this machine.",
        )


def content_key(content: bytes | str) -> str:
    """Identity of a content, for platforms that give a push no id: 32 characters."""
    data = content.encode() if isinstance(content, str) else content
    return hashlib.sha256(data).hexdigest()[:32]


def unsigned_id_key(identifier: str, body: bytes) -> str:
    """Identity of a push whose id stands in a header that is not signed.

    The content is part of it, so that nobody can make a push look like a duplicate by its id.
    """
    return f"{identifier}:{content_key(body)[:16]}" if identifier else content_key(body)


def json_payload(content: bytes) -> tuple[str, Any, str | None]:
    """A JSON object or array as text, parsed, and why it could not be (payload `{"raw": …}`)."""
    try:
        text = content.decode("utf-8")
        return text, orjson.loads(content), None
    except UnicodeDecodeError:
        reason = "The push holds bytes that are not UTF-8 text."
    except orjson.JSONDecodeError as error:
        reason = f"The push is not JSON: {error.msg} at character {error.pos + 1}."
    raw = content.decode("utf-8", errors="backslashreplace")
    return json.dumps({"raw": raw}, ensure_ascii=False), {}, reason


def text_of(parsed: Any, key: str) -> str:
    """The value of a key as text; empty when it is not there."""
    value = parsed.get(key) if isinstance(parsed, dict) else None
    return "" if value is None else str(value)


def form_fields(body: bytes, what: str, encoding: str = "utf-8") -> dict[str, str]:
    """The fields of a form, URL-decoded.

    Raises:
        RefusedError: the body is no form, or a field stands in it twice.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            encoding=encoding,
            errors="strict",
            max_num_fields=200,
        )
    except (ValueError, LookupError) as error:
        raise RefusedError(Reason.MALFORMED, f"{what} is not a form.") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise RefusedError(Reason.MALFORMED, f"{what} has a field twice.")
    return fields


def json_elements(text: str) -> list[str]:
    """The texts of the elements of a JSON array, each exactly as it was written.

    Raises:
        ValueError: the text is not a JSON array.
    """
    decoder = json.JSONDecoder()
    position = _after_space(text, 0)
    if text[position : position + 1] != "[":
        raise ValueError("not an array")
    position = _after_space(text, position + 1)
    elements: list[str] = []
    while text[position : position + 1] != "]":
        if elements:
            if text[position : position + 1] != ",":
                raise ValueError("no comma between two elements")
            position = _after_space(text, position + 1)
        _, end = decoder.raw_decode(text, position)
        elements.append(text[position:end])
        position = _after_space(text, end)
    return elements


def _after_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position
