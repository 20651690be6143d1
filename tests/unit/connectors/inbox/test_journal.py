"""The journal: durable before it says so, one write for many, honest when the disk is not there."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from connectors.errors import InputError, TransientError
from connectors.inbox import journal as journal_module
from connectors.inbox import segments
from connectors.inbox.journal import Journal, JournalLimits
from connectors.inbox.segments import Message, read_segment, sealed_segments

HOUR = 3_600.0


def message(number: int) -> Message:
    return Message("shop", "main", "t", f"k{number}", "2026-11-21T10:00:00.000000+00:00", "{}")


def keys(folder: Path) -> list[str]:
    return [m.dedupe_key for path in sealed_segments(folder) for m in read_segment(path).messages]


def test_what_was_appended_together_is_synced_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced: list[int] = []
    sync = os.fdatasync
    monkeypatch.setattr(segments.os, "fdatasync", lambda fd: (synced.append(fd), sync(fd)))
    journal = Journal(tmp_path, JournalLimits(seal_seconds=HOUR))
    journal.start()

    async def append_many() -> None:
        await asyncio.gather(*(journal.append([message(n)]) for n in range(200)))
        (path,) = tmp_path.glob("*.open")
        assert len(read_segment(path).messages) == 200

    asyncio.run(append_many())
    journal.close()
    assert len(synced) < 50
    assert keys(tmp_path) == [f"k{n}" for n in range(200)]


def test_segments_end_by_size_and_by_age(tmp_path: Path):
    journal = Journal(tmp_path, JournalLimits(segment_bytes=1, seal_seconds=HOUR))
    journal.start()
    asyncio.run(journal.append([message(1)]))
    asyncio.run(journal.append([message(2)]))
    journal.close()
    assert len(sealed_segments(tmp_path)) == 2

    aged = Journal(tmp_path / "aged", JournalLimits(seal_seconds=0.0))
    aged.start()

    async def append_and_wait() -> None:
        await aged.append([message(3)])
        for _ in range(100):
            if sealed_segments(tmp_path / "aged"):
                return
            await asyncio.sleep(0.05)

    asyncio.run(append_and_wait())
    assert keys(tmp_path / "aged") == ["k3"]
    aged.close()


def test_a_second_service_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journal_module, "_LOCK_SECONDS", 0.1)
    first = Journal(tmp_path)
    first.start()
    with pytest.raises(InputError, match="Another inbox service"):
        Journal(tmp_path).start()
    first.close()


def test_a_full_inbox_puts_pushes_off(tmp_path: Path):
    journal = Journal(tmp_path, JournalLimits(capacity_bytes=300))
    journal.start()

    async def fill() -> None:
        await journal.append([message(1)])
        with pytest.raises(TransientError, match="not moved to the lake"):
            await journal.append([message(2)])

    asyncio.run(fill())
    journal.close()
    assert keys(tmp_path) == ["k1"]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_disk_that_fails_is_told_to_the_sender_and_never_written_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
):
    journal = Journal(tmp_path, JournalLimits(seal_seconds=HOUR))
    journal.start()

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def story() -> None:
        await journal.append([message(1)])
        with monkeypatch.context() as broken:
            broken.setattr(segments.os, call, fail)
            with pytest.raises(TransientError, match="No space left"):
                await journal.append([message(2)])
        await journal.append([message(3)])

    asyncio.run(story())
    journal.close()
    assert len(sealed_segments(tmp_path)) == 2
    assert {"k1", "k3"} <= set(keys(tmp_path))
