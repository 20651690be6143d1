"""What every sink promises: the same key has its effect once, however often it is delivered.

A target that takes an idempotency key recognises a repetition by itself (`Sink`). One that does not
is asked before anything is sent again (`FindingSink`). One that can't be asked either is never sent
anything of which it is unknown whether it arrived (`UnrepeatableSink`): a person decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable


@dataclass(frozen=True)
class Receipt:
    """A sink's acknowledgement: newly accepted, or already there from an earlier attempt."""

    outcome: Literal["accepted", "duplicate"]
    detail: Mapping[str, Any] = field(default_factory=dict)


class Sink(Protocol):
    """A place where decisions go; implementations are safe to share between threads."""

    @property
    def name(self) -> str:
        """The name that rules use."""

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Hand over one payload under its idempotency key.

        Raises:
            TransientError: a retry with the same key may succeed.
            PermanentError: a retry cannot succeed.
        """


@runtime_checkable
class FindingSink(Sink, Protocol):
    """A sink whose target takes no key, but can be asked what it has."""

    def find(self, key: str, payload: Mapping[str, Any]) -> Receipt | None:
        """The receipt of an earlier attempt under this key; None when the target has none.

        Raises:
            TransientError: the target could not be asked.
        """


@runtime_checkable
class UnrepeatableSink(Sink, Protocol):
    """A sink whose target can neither recognise a repetition nor be asked."""

    @property
    def is_unrepeatable(self) -> Literal[True]:
        """Marks the class."""
