"""Answers that are remembered by their ETag: what is published never changes."""

import threading
from collections import OrderedDict
from dataclasses import dataclass


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


class RememberedAnswers:
    """The answers used last, within a number of bytes; safe to share between threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

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
