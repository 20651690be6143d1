"""A sink that is a platform with one or more accounts: finds the account, reads the document.

What a platform does with a document is its target's; a target takes each kind of document or
refuses it. Every call is made once: whether and when another attempt is made is for the outbox to
say, which looks before it repeats.
"""

import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import httpx
from pydantic import BaseModel

from connectors.errors import PermanentError, TransientError
from connectors.sinks.base import Receipt
from connectors.sinks.documents import Document, account_of, document_of
from connectors.sources.api.client import ApiClient, Timings
from connectors.sources.api.connector import AccountConfig


class Order:
    """One delivery: its key, the document it asks for, and the whole payload for its words."""

    def __init__(self, key: str, document: Document, payload: Mapping[str, Any]) -> None:
        self.key, self.document, self.payload = key, document, payload


class Target(Protocol):
    """One account of a platform."""

    def accepts(self, document: Document) -> bool:
        """Whether the platform has something to do with such a document."""

    def find(self, order: Order) -> Receipt | None:
        """The receipt of an earlier attempt; None when there is none, or repeating is harmless."""

    def deliver(self, order: Order) -> Receipt:
        """Do it; raises the errors of `connectors.sinks.base.Sink.deliver`."""


@dataclass(frozen=True)
class Platform:
    """One kind of target, as its module declares it under the name PLATFORM.

    Attributes:
        name: the name that rules and fourflow.yml use.
        config: what an account is configured with.
        connect: makes the target of one account.
    """

    name: str
    config: type[BaseModel]
    connect: Callable[[str, Any], Target]


T = TypeVar("T")
# Look-up and delivery each end their calls by then, well within the outbox's lease of 120 seconds.
_MOST_SECONDS: Final = 30.0
_began: ContextVar[float] = ContextVar("began")

# The module that declares each platform; imported only when one is configured.
TARGETS: Final = {
    "odoo": "connectors.sinks.odoo",
    "erpnext": "connectors.sinks.erpnext",
    "shopify": "connectors.sinks.shopify",
    "taobao": "connectors.sinks.taobao",
    "douyin": "connectors.sinks.douyin",
    "wms": "connectors.sinks.wms",
    "files": "connectors.sinks.files",
}


def find_platform(name: str) -> Platform:
    """The platform of that name, one of `TARGETS`."""
    found: Platform = importlib.import_module(TARGETS[name]).PLATFORM
    return found


class PlatformSink:
    """All accounts of one platform; made when first used, so that a sink costs nothing before."""

    def __init__(self, name: str, makers: Mapping[str, Callable[[], Target]]) -> None:
        self._name = name
        self._makers = makers
        self._targets: dict[str, Target] = {}

    @property
    def name(self) -> str:
        """The name that rules use."""
        return self._name

    def find(self, key: str, payload: Mapping[str, Any]) -> Receipt | None:
        """What the target has of an earlier attempt."""
        target, order = self._addressed(key, payload)
        with _timed():
            return target.find(order)

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Hand the document over."""
        target, order = self._addressed(key, payload)
        with _timed():
            return target.deliver(order)

    def check(self, key: str, payload: Mapping[str, Any]) -> None:
        """Whether the delivery could be sent, without asking anybody: for rehearsals.

        Raises:
            PermanentError: the action can't be used by this platform.
        """
        self._addressed(key, payload)

    def _addressed(self, key: str, payload: Mapping[str, Any]) -> tuple[Target, Order]:
        document = document_of(payload)
        target = self._target(account_of(payload))
        if not target.accepts(document):
            kind = payload["data"]["action"]["type"]
            raise PermanentError(
                f"{self._name} has no use for the action {kind}; give the action another sink."
            )
        return target, Order(key, document, payload)

    def _target(self, account: str | None) -> Target:
        names = ", ".join(self._makers)
        if account is None:
            if len(self._makers) > 1:
                raise PermanentError(
                    f"{self._name} has several accounts ({names}) and the action names none; give "
                    "it a field account."
                )
            account = next(iter(self._makers))
        if account not in self._makers:
            raise PermanentError(
                f"The action's field account names {account}, which {self._name} does not have; "
                f"known are {names}."
            )
        if account not in self._targets:
            self._targets[account] = self._makers[account]()
        return self._targets[account]


@contextmanager
def _timed() -> Iterator[None]:
    """Let the calls inside count their time from now."""
    token = _began.set(time.monotonic())
    try:
        yield
    finally:
        _began.reset(token)


class SinkClient(ApiClient):
    """Makes each call once, and none when the delivery has taken too long.

    Whoever delivers holds a lease: a write that began after it ended could meet the same write of
    the worker that took over.
    """

    def call(
        self,
        what: str,
        build: Callable[[], httpx.Request],
        judge: Callable[[httpx.Response], T],
        *,
        is_write: bool = False,
    ) -> T:
        """Send once; raises the errors of `ApiClient.call`."""
        if time.monotonic() - _began.get(time.monotonic()) > _MOST_SECONDS:
            raise TransientError(
                f"{self.place} answers too slowly to go on with {what}; it will be tried again."
            )
        return super().call(what, build, judge, is_write=is_write)


def client_of(sink: str, account: str, config: AccountConfig) -> ApiClient:
    """The client of one account's calls."""
    return SinkClient(
        source=sink,
        account=account,
        requests_per_second=config.requests_per_second,
        timeout_seconds=min(config.timeout_seconds, _MOST_SECONDS),
        attempts=1,
        timings=Timings(),
    )
