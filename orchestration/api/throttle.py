"""Rate limits: a bucket of tokens for each caller, filled evenly, as large as a minute's worth."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

from connectors.errors import FourflowError


class TooManyRequestsError(FourflowError):
    """The caller asked more often than it may."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class Throttle:
    """Counts requests in this process; safe to share between threads."""

    def __init__(self, clock: Callable[[], float], callers: int = 10_000) -> None:
        """Start with full buckets.

        Args:
            clock: seconds that never go back.
            callers: how many buckets are remembered; the ones not used longest are forgotten.
        """
        self._clock = clock
        self._callers = callers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str, per_minute: int) -> None:
        """Count one request.

        Raises:
            TooManyRequestsError: the bucket is empty; says after how many seconds it is not.
        """
        with self._lock:
            left = self._left(caller, per_minute)
            if left >= 1:
                self._keep(caller, left - 1)
                return
            self._keep(caller, left)
        wait = math.ceil((1 - left) * 60 / per_minute)
        raise TooManyRequestsError(
            f"More than {per_minute} requests a minute; try again in {wait} s.", wait
        )

    def is_empty(self, caller: str, per_minute: int) -> bool:
        """Whether the next request of this caller would be too many; counts nothing."""
        with self._lock:
            return self._left(caller, per_minute) < 1

    def _left(self, caller: str, per_minute: int) -> float:
        tokens, since = self._buckets.get(caller, (float(per_minute), self._clock()))
        return min(float(per_minute), tokens + (self._clock() - since) * per_minute / 60)

    def _keep(self, caller: str, tokens: float) -> None:
        self._buckets[caller] = (tokens, self._clock())
        self._buckets.move_to_end(caller)
        while len(self._buckets) > self._callers:
            self._buckets.popitem(last=False)
