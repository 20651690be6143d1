"""Segments: what was written is read, whatever a kill or the disk does to the rest."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.inbox.segments import (
    Message,
    SegmentFile,
    frame,
    read_segment,
    seal_if_nobody_serves,
    seal_leftovers,
    sealed_messages,
    sealed_segments,
    segment_name,
    service_lock,
    waiting_messages,
)


def message(number: int, payload: str = "{}") -> Message:
    return Message("shop", "main", "t", f"k{number}", "2026-11-21T10:00:00.000000+00:00", payload)


def write(folder: Path, *messages: Message) -> Path:
    segment = SegmentFile(folder)
    segment.append(b"".join(frame(one) for one in messages), len(messages))
    (path,) = folder.glob("*.open")
    return path


def test_messages_come_back_in_their_order(tmp_path: Path):
    written = [message(n, f'{{"name": "张{n}"}}') for n in range(3)]
    content = read_segment(write(tmp_path, *written))
    assert content.messages == written
    assert (content.torn_bytes, content.damaged_bytes) == (0, 0)


@given(cut=st.integers(min_value=0, max_value=400))
def test_a_torn_write_costs_only_what_was_torn(cut: int, tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("torn") / "x.open"
    frames = [frame(message(n)) for n in range(3)]
    data = b"".join(frames)
    path.write_bytes(data[:cut])
    whole = sum(sum(map(len, frames[: n + 1])) <= cut for n in range(3))
    content = read_segment(path)
    assert [one.dedupe_key for one in content.messages] == [f"k{n}" for n in range(whole)]
    assert content.torn_bytes == len(data[:cut]) - sum(map(len, frames[:whole]))


@given(at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_a_changed_byte_is_noticed_and_costs_one_message(
    at: int, bit: int, tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.mktemp("rot") / "x.3.segment"
    frames = [frame(message(n)) for n in range(3)]
    data = bytearray(b"".join(frames))
    place = at % len(data)
    data[place] ^= 1 << bit
    path.write_bytes(data)
    hit = next(n for n in range(3) if place < sum(map(len, frames[: n + 1])))
    content = read_segment(path)
    assert [one.dedupe_key for one in content.messages] == [f"k{n}" for n in range(3) if n != hit]
    assert content.damaged_bytes + content.torn_bytes == len(frames[hit])
    assert len(content.messages) < sealed_messages(path)


def test_a_payload_cannot_imitate_a_frame(tmp_path: Path):
    inner = frame(message(99)).decode("latin-1")
    path = write(tmp_path, message(1, inner), message(2))
    data = bytearray(path.read_bytes())
    data[5] ^= 1  # the first frame's length: the reader has to look for the next frame
    path.write_bytes(data)
    assert [one.dedupe_key for one in read_segment(path).messages] == ["k2"]


def test_what_a_killed_service_left_is_cut_and_sealed(tmp_path: Path):
    path = write(tmp_path, message(1), message(2))
    with path.open("ab") as file:
        file.write(frame(message(3))[:-1])
    name = segment_name(path)
    assert seal_leftovers(tmp_path) == len(frame(message(3))) - 1
    (sealed,) = sealed_segments(tmp_path)
    assert segment_name(sealed) == name
    assert sealed_messages(sealed) == 2
    assert read_segment(sealed).torn_bytes == 0


def test_nothing_is_sealed_while_a_service_runs(tmp_path: Path):
    write(tmp_path, message(1))
    with service_lock(tmp_path):
        seal_if_nobody_serves(tmp_path)
        assert sealed_segments(tmp_path) == []
    seal_if_nobody_serves(tmp_path)
    assert len(sealed_segments(tmp_path)) == 1


def test_an_empty_segment_goes(tmp_path: Path):
    SegmentFile(tmp_path).seal()
    assert list(tmp_path.iterdir()) == []


def test_waiting_messages_counts_open_and_sealed(tmp_path: Path):
    segment = SegmentFile(tmp_path)
    segment.append(frame(message(1)) + frame(message(2)), 2)
    segment.seal()
    write(tmp_path, message(3))
    assert waiting_messages(tmp_path) == 3
