"""Segments: append-only files of checksummed frames, in which accepted pushes wait for the lake.

A frame is magic, length, CRC-32 and one message as JSON. The magic holds bytes that no UTF-8 text
has, so a message can't imitate a frame. A segment is written under the name `….open` by the one
process that holds the service lock; sealed, it is `….<messages>.segment` and never changes again.
Who accepts (`journal`) and who moves (`move`) are other modules.
"""

import os
import secrets
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

_MAGIC = b"\xffF4\xfe"
_HEAD = struct.Struct(">4sII")
_STAMP = "%Y%m%dT%H%M%S%fZ"
_OPEN = ".open"
_SEALED = ".segment"
_UNDER_WAY = ".writing"
DAMAGED = ".damaged"


@dataclass(frozen=True)
class Message:
    """One accepted message as it waits.

    Attributes:
        source, account: whose push it was, as in the address it was sent to.
        topic: what the platform calls this kind of message; empty when it has no name for it.
        dedupe_key: the same for the same message sent again.
        received_at: when it arrived, ISO 8601 in UTC.
        payload: JSON text.
        sent_at: the platform's own time of the message, its own way of writing it.
        read_error: why the payload is not what the platform promised; None when it is.
    """

    source: str
    account: str
    topic: str
    dedupe_key: str
    received_at: str
    payload: str
    sent_at: str | None = None
    read_error: str | None = None


@dataclass(frozen=True)
class Content:
    """What a segment holds.

    Attributes:
        messages: those whose frames are whole, in the order of their arrival.
        torn_bytes: at the end, of a write that was cut off; nobody was told that it succeeded.
        damaged_bytes: between whole frames: the disk changed them after they were written.
    """

    messages: list[Message]
    torn_bytes: int = 0
    damaged_bytes: int = 0


def frame(message: Message) -> bytes:
    """The bytes of one message in a segment."""
    payload = orjson.dumps(message)
    return _HEAD.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def read_segment(path: Path) -> Content:
    """Read a whole segment; what can't be read is counted, the rest is used."""
    data = path.read_bytes()
    messages: list[Message] = []
    damaged = position = 0
    while position < len(data):
        end = _frame_end(data, position)
        if end is None:
            next_position = _next_frame(data, position + 1)
            if next_position is None:
                return Content(messages, len(data) - position, damaged)
            damaged += next_position - position
            position = next_position
            continue
        messages.append(Message(**orjson.loads(data[position + _HEAD.size : end])))
        position = end
    return Content(messages, 0, damaged)


def _frame_end(data: bytes, position: int) -> int | None:
    """Where the frame at this position ends; None when there is no whole one."""
    start = position + _HEAD.size
    if start > len(data):
        return None
    magic, length, checksum = _HEAD.unpack_from(data, position)
    end: int = start + length
    if magic != _MAGIC or end > len(data):
        return None
    return end if zlib.crc32(memoryview(data)[start:end]) == checksum else None


def _next_frame(data: bytes, position: int) -> int | None:
    while (position := data.find(_MAGIC, position)) >= 0:
        if _frame_end(data, position) is not None:
            return position
        position += 1
    return None


class SegmentFile:
    """The open segment; used by one thread."""

    def __init__(self, folder: Path) -> None:
        name = f"{datetime.now(UTC):{_STAMP}}-{secrets.token_hex(4)}{_OPEN}"
        self._path = folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._descriptor = os.open(self._path, flags, 0o600)
        _sync_folder(folder)
        self.message_count = 0
        self.byte_count = 0

    def append(self, frames: bytes, message_count: int) -> None:
        """Write frames and wait until the disk has them.

        Raises:
            OSError: the disk did not take them; the segment must not be written any more.
        """
        rest = memoryview(frames)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        os.fdatasync(self._descriptor)
        self.message_count += message_count
        self.byte_count += len(frames)

    def seal(self) -> None:
        """Close the segment and let it be moved; an empty one goes."""
        os.close(self._descriptor)
        _rename_sealed(self._path, self.message_count)


def write_segment(folder: Path, messages: Sequence[Message]) -> None:
    """Write messages as a sealed segment of their own: for whoever is not the inbox's service.

    It takes its name when its last byte is on the disk, so nobody can take a part of it.

    Raises:
        OSError: the disk did not take them.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{datetime.now(UTC):{_STAMP}}-{secrets.token_hex(4)}{_UNDER_WAY}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        rest = memoryview(b"".join(frame(message) for message in messages))
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    _rename_sealed(path, len(messages))


def seal_leftovers(folder: Path) -> int:
    """Seal what a killed service left open, cut off where its last write was torn.

    The caller holds the service lock. Returns the number of torn bytes.
    """
    torn = 0
    for path in sorted(folder.glob(f"*{_OPEN}")):
        content = read_segment(path)
        torn += content.torn_bytes
        if content.torn_bytes:
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size - content.torn_bytes)
                os.fsync(file.fileno())
        _rename_sealed(path, len(content.messages))
    return torn


def _rename_sealed(path: Path, message_count: int) -> None:
    if message_count or path.stat().st_size:
        path.rename(path.with_name(f"{segment_name(path)}.{message_count}{_SEALED}"))
    else:
        path.unlink()
    _sync_folder(path.parent)


def sealed_segments(folder: Path) -> list[Path]:
    """Segments that may be moved, the oldest first."""
    return sorted(folder.glob(f"*{_SEALED}"))


def sealed_messages(path: Path) -> int:
    """Number of messages that a segment held when it was sealed; its name says it."""
    return int(path.name.split(".")[-2])


def segment_name(path: Path) -> str:
    """The name that a segment keeps from its first byte to its removal."""
    return path.name.partition(".")[0]


def segment_started_at(path: Path) -> datetime:
    """When a segment's first message was about to be written, UTC."""
    stamp = segment_name(path).partition("-")[0]
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


def remove_segments(paths: Sequence[Path]) -> None:
    """Remove segments whose messages are in the lake."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        _sync_folder(folder)


def waiting_bytes(folder: Path) -> int:
    """Size of everything that waits."""
    total = 0
    for path in [*folder.glob(f"*{_OPEN}"), *folder.glob(f"*{_SEALED}")]:
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # moved or sealed meanwhile
            continue
    return total


def waiting_messages(folder: Path) -> int:
    """Number of messages that wait; sealed segments say it in their names."""
    total = sum(sealed_messages(path) for path in sealed_segments(folder))
    for path in folder.glob(f"*{_OPEN}"):
        try:
            total += len(read_segment(path).messages)
        except FileNotFoundError:  # sealed meanwhile; the next look counts it
            continue
    return total


def service_lock(folder: Path) -> FileLock:
    """The lock that whoever writes open segments holds; the kernel frees it when they die."""
    # The service starts in one thread and ends in another.
    return FileLock(folder / "service.lock", thread_local=False)


def seal_if_nobody_serves(folder: Path) -> None:
    """Seal what was left open, unless a service is running and will do it itself."""
    lock = service_lock(folder)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return
    try:
        seal_leftovers(folder)
    finally:
        lock.release()


def _sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
