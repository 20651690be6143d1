"""Answers that are remembered by their ETag: what is published never changes."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar


@dataclass(frozen=True)
class Answer:
    """One answer as it was sent.

    Attributes:
        body: its JSON.
        row_count: how many rows it tells, for the access log; None: it is not rows.
    """

    body: bytes
    row_count: int | None = None


_NOTHING = Answer(b"")
Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Values that were looked up a moment ago; safe to share between threads."""

    def __init__(self, clock: Callable[[], float], seconds: float, most: int = 1_000) -> None:
        """Remember nothing yet.

        Args:
            clock: seconds that never go back.
            seconds: for how long a value is good.
            most: how many are kept.
        """
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._kept: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Key) -> Value | None:
        """The value of a key; None when it was not looked up just now."""
        with self._lock:
            since, value = self._kept.get(key, (0.0, None))
            return value if self._clock() - since < self._seconds else None

    def keep(self, key: Key, value: Value) -> None:
        """Remember a value that was looked up."""
        with self._lock:
            self._kept[key] = (self._clock(), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


class RememberedAnswers:
    """The answers used last, within a number of bytes; safe to share between threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def once(self, tag: str, make: Callable[[], Answer]) -> Answer:
        """The answer with that ETag, made now if need be: by one of all who ask at once."""
        found = self.find(tag)
        if found is not None:
            return found
        with self._lock:
            making = self._making.setdefault(tag, threading.Lock())
        with making:
            found = self.find(tag)
            if found is None:
                try:
                    found = make()
                    self.keep(tag, found)
                finally:
                    with self._lock:
                        self._making.pop(tag, None)
        return found

    def find(self, tag: str) -> Answer | None:
        """The answer with that ETag; None when it is not remembered."""
        with self._lock:
            if tag in self._kept:
                self._kept.move_to_end(tag)
            return self._kept.get(tag)

    def keep(self, tag: str, answer: Answer) -> None:
        """Remember an answer; those not used longest are forgotten."""
        with self._lock:
            self._bytes += len(answer.body) - len(self._kept.pop(tag, _NOTHING).body)
            self._kept[tag] = answer
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1].body)
