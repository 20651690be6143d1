"""What every sink promises: the same key has its effect once, however often it is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


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
