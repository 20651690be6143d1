"""Answers that are remembered by their ETag: what is published never changes."""

import threading
from collections import OrderedDict


class RememberedAnswers:
    """The answers used last, within a number of bytes; safe to share between threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, tag: str) -> bytes | None:
        """The answer with that ETag; None when it is not remembered."""
        with self._lock:
            if tag in self._kept:
                self._kept.move_to_end(tag)
            return self._kept.get(tag)

    def keep(self, tag: str, body: bytes) -> None:
        """Remember an answer; those not used longest are forgotten."""
        with self._lock:
            self._bytes += len(body) - len(self._kept.pop(tag, b""))
            self._kept[tag] = body
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])
