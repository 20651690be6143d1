"""Appends accepted pushes durably: one write and one `fdatasync` for all that came meanwhile.

The service answers a push only when its future is done, so an acknowledged push survives a kill
and a power cut. Why segments and not SQLite: docs/adr/0007-inbox-store.md (both are durable; but
here nobody who moves pushes to the lake can make a platform wait, and what was moved is gone from
the disk). One process a home; a second one is refused.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from connectors.errors import InputError, TransientError
from connectors.inbox.segments import (
    Message,
    SegmentFile,
    frame,
    seal_leftovers,
    service_lock,
    waiting_bytes,
)

logger = logging.getLogger(__name__)

_LOCK_SECONDS = 10.0
_TICK_SECONDS = 0.5
_MEASURE_SECONDS = 10.0
_LARGEST_BATCH_BYTES = 4 << 20
_QUEUE_BYTES = 64 << 20


@dataclass(frozen=True)
class _Waiting:
    frames: bytes
    message_count: int
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[None]"


@dataclass(frozen=True)
class JournalLimits:
    """When segments end, and how much may wait.

    Attributes:
        segment_bytes: a segment of this size is sealed.
        seal_seconds: a segment this old is sealed, so that its messages can be moved.
        capacity_bytes: of all that waits to be moved; more is refused until some was moved.
    """

    segment_bytes: int = 16 << 20
    seal_seconds: float = 2.0
    capacity_bytes: int = 2 << 30


class Journal:
    """The one writer of a folder of segments."""

    def __init__(self, folder: Path, limits: JournalLimits | None = None) -> None:
        self._folder = folder
        self._limits = limits or JournalLimits()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._stored_bytes = 0
        self._measured_at = 0.0
        self._segment: SegmentFile | None = None
        self._opened_at = 0.0
        # A daemon: it must not keep alive a process that fails before it serves.
        self._thread = threading.Thread(target=self._run, name="inbox-journal", daemon=True)
        self._lock = service_lock(folder)

    def start(self) -> None:
        """Take the folder, seal what a killed service left, and begin.

        Raises:
            InputError: another service has the folder.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._lock.acquire(timeout=_LOCK_SECONDS)
        except Timeout as error:
            raise InputError(
                f"Another inbox service writes {self._folder}; stop it first, or give this one a "
                "home of its own."
            ) from error
        torn = seal_leftovers(self._folder)
        if torn:
            logger.warning("cut %s bytes of an interrupted write off the inbox", torn)
        self._stored_bytes = waiting_bytes(self._folder)
        self._thread.start()

    def close(self) -> None:
        """Write what was submitted, seal the segment and give the folder back."""
        self._queue.put(None)
        self._thread.join()
        self._lock.release()

    async def append(self, messages: Sequence[Message]) -> None:
        """Return when the messages are on the disk; call it in an event loop.

        Raises:
            TransientError: there is no room for them, or the disk did not take them.
        """
        frames = b"".join(frame(message) for message in messages)
        if self._queued_bytes + len(frames) > _QUEUE_BYTES:
            raise TransientError("The inbox can't write as fast as pushes arrive; send it again.")
        if self._stored_bytes + len(frames) > self._limits.capacity_bytes:
            raise TransientError(
                f"The inbox holds {self._limits.capacity_bytes >> 20} MiB that were not moved to "
                "the lake yet; run `fourflow run`, then send it again."
            )
        loop = asyncio.get_running_loop()
        waiting = _Waiting(frames, len(messages), loop, loop.create_future())
        self._queued_bytes += len(frames)
        self._queue.put(waiting)
        try:
            # A sender that hangs up must not take the write of others back.
            await asyncio.shield(waiting.done)
        finally:
            self._queued_bytes -= len(frames)

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._take()
            if batch:
                self._commit(batch)
            self._seal_when_due(now=time.monotonic(), must=not is_open)

    def _take(self) -> tuple[list[_Waiting], bool]:
        """All that waits now, at least one unless a tick passes; and whether more may come."""
        batch: list[_Waiting] = []
        size = 0
        try:
            waiting = self._queue.get(timeout=_TICK_SECONDS)
            while waiting is not None:
                batch.append(waiting)
                size += len(waiting.frames)
                if size >= _LARGEST_BATCH_BYTES:
                    return batch, True
                waiting = self._queue.get_nowait()
        except queue.Empty:
            return batch, True
        return batch, False

    def _commit(self, batch: list[_Waiting]) -> None:
        frames = b"".join(waiting.frames for waiting in batch)
        failure: TransientError | None = None
        try:
            if self._segment is None:
                self._segment = SegmentFile(self._folder)
                self._opened_at = time.monotonic()
            self._segment.append(frames, sum(waiting.message_count for waiting in batch))
            self._stored_bytes += len(frames)
        except OSError as error:
            logger.exception("the inbox could not be written")
            failure = TransientError(f"The inbox could not be written ({error.strerror}).")
            # What of it reached the disk is unknown: never write behind it.
            self._abandon()
        for loop in {waiting.loop for waiting in batch}:
            mine = [waiting.done for waiting in batch if waiting.loop is loop]
            loop.call_soon_threadsafe(_settle, mine, failure)

    def _seal_when_due(self, *, now: float, must: bool) -> None:
        segment = self._segment
        if now - self._measured_at > _MEASURE_SECONDS:
            self._stored_bytes = waiting_bytes(self._folder)
            self._measured_at = now
        if segment is None:
            return
        is_old = now - self._opened_at >= self._limits.seal_seconds
        if must or is_old or segment.byte_count >= self._limits.segment_bytes:
            self._abandon()

    def _abandon(self) -> None:
        segment, self._segment = self._segment, None
        if segment is not None:
            try:
                segment.seal()
            except OSError:
                # It keeps its name; the next start seals it.
                logger.exception("a segment of the inbox could not be sealed")


def _settle(futures: list["asyncio.Future[None]"], failure: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)
