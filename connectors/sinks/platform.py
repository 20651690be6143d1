"""A sink that is a platform with one or more accounts: finds the account, reads the document.

What a platform does with a document is its target's; a target takes each kind of document or
refuses it. Reads are repeated, writes are sent once: whether another attempt is safe is for the
outbox to say, which looks before it repeats.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydantic import BaseModel

from connectors.errors import PermanentError
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
        return target.find(order)

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Hand the document over."""
        target, order = self._addressed(key, payload)
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


def client_of(sink: str, account: str, config: AccountConfig) -> ApiClient:
    """The client of one account's calls."""
    return ApiClient(
        source=sink,
        account=account,
        requests_per_second=config.requests_per_second,
        timeout_seconds=config.timeout_seconds,
        attempts=config.attempts,
        timings=Timings(),
    )
