"""Moving the inbox: everything lands once, whatever was sent again, killed or damaged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import TransientError
from connectors.inbox import move as move_module
from connectors.inbox.move import InboxReport, move_to_bronze
from connectors.inbox.segments import (
    Message,
    SegmentFile,
    frame,
    sealed_segments,
    waiting_messages,
)
from connectors.lake.attach import connect_snapshot, connect_writer
from connectors.settings import Settings


def message(number: int, source: str = "shop", **changes: Any) -> Message:
    fields = {
        "source": source,
        "account": "main",
        "topic": "orders/updated",
        "dedupe_key": f"k{number}",
        "received_at": f"2026-11-21T10:00:00.00000{number % 10}+00:00",
        "payload": f'{{"id": {number}}}',
    }
    return Message(**{**fields, **changes})


def wait(settings: Settings, *messages: Message) -> Path:
    """Put messages into a sealed segment."""
    settings.inbox_path.mkdir(parents=True, exist_ok=True)
    segment = SegmentFile(settings.inbox_path)
    segment.append(b"".join(frame(one) for one in messages), len(messages))
    segment.seal()
    return sealed_segments(settings.inbox_path)[-1]


def landed(settings: Settings, source: str = "shop") -> list[dict[str, Any]]:
    with connect_snapshot(settings) as lake:
        rows = lake.execute(
            f"select * from lake.bronze.{source}_pushes where _dlt_load_id in "
            "(select load_id from lake.bronze._dlt_loads where status = 0) order by dedupe_key"
        ).to_arrow_table()
    return rows.to_pylist()


def test_an_empty_inbox_is_no_reason_to_touch_the_lake(settings: Settings):
    assert move_to_bronze(settings) == InboxReport()
    settings.inbox_path.mkdir(parents=True)
    assert move_to_bronze(settings) == InboxReport()
    assert not settings.lake_path.exists()


def test_messages_land_with_their_place_and_the_inbox_is_empty(settings: Settings):
    wait(settings, message(1), message(2, "other", sent_at="10:00", read_error="The reason."))
    report = move_to_bronze(settings)
    assert report.landed == {"shop": 1, "other": 1}
    assert (report.duplicates, report.segments, len(report.load_ids)) == (0, 1, 1)
    assert waiting_messages(settings.inbox_path) == 0
    (first,), (second,) = landed(settings), landed(settings, "other")
    assert first["payload"] == '{"id": 1}'
    assert (first["account"], first["topic"]) == ("main", "orders/updated")
    assert first["source_id"] == f"{first['file_name']}:1"
    assert first["received_at"].isoformat() == "2026-11-21T10:00:00.000001+00:00"
    assert (second["cursor"], second["read_error"]) == ("10:00", "The reason.")
    assert second["record_number"] == 2


def test_what_was_sent_again_lands_once(settings: Settings):
    wait(settings, message(1), message(1), message(2))
    wait(settings, message(2), message(1, account="second"))
    report = move_to_bronze(settings)
    assert (report.landed_count, report.duplicates) == (3, 2)
    wait(settings, message(1), message(3))
    report = move_to_bronze(settings)
    assert (report.landed_count, report.duplicates, report.moved_before) == (1, 1, 0)
    assert [(row["dedupe_key"], row["account"]) for row in landed(settings)] == [
        ("k1", "main"), ("k1", "second"), ("k2", "main"), ("k3", "main"),
    ]  # fmt: skip


def test_killed_between_load_and_removal_nothing_lands_twice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    wait(settings, message(1), message(2))

    def killed(self: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(move_module._Pass, "_remove", killed)
        with pytest.raises(KeyboardInterrupt):
            move_to_bronze(settings)
    assert waiting_messages(settings.inbox_path) == 2
    report = move_to_bronze(settings)
    assert (report.landed_count, report.moved_before, report.segments) == (0, 2, 1)
    assert len(landed(settings)) == 2


def test_a_load_that_fails_removes_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    wait(settings, message(1))
    move_to_bronze(settings)
    wait(settings, message(2))

    def fail(*_: object) -> str:
        raise TransientError("The lake did not take it.")

    with monkeypatch.context() as broken:
        broken.setattr(move_module, "_land", fail)
        with pytest.raises(TransientError):
            move_to_bronze(settings)
    assert move_to_bronze(settings).landed_count == 1
    assert [row["dedupe_key"] for row in landed(settings)] == ["k1", "k2"]


def test_many_segments_move_in_passes(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(move_module, "_PASS_BYTES", 1)
    for number in range(3):
        wait(settings, message(number))
    report = move_to_bronze(settings)
    assert (report.landed_count, report.segments, len(report.load_ids)) == (3, 3, 3)


def test_a_damaged_segment_is_kept_aside_and_its_rest_lands(settings: Settings):
    path = wait(settings, message(1), message(2))
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    report = move_to_bronze(settings)
    assert (report.landed_count, report.damaged) == (1, 1)
    assert len(list(settings.inbox_path.glob("*.damaged"))) == 1
    assert move_to_bronze(settings) == InboxReport()


def test_a_push_sent_again_after_forty_days_lands_again(settings: Settings):
    wait(settings, message(1, received_at="2026-10-01T00:00:00.000000+00:00"))
    wait(settings, message(1, received_at="2026-11-09T00:00:00.000000+00:00"))
    assert move_to_bronze(settings).landed_count == 1
    wait(settings, message(1, received_at="2026-11-09T00:00:00.000000+00:00"))
    assert move_to_bronze(settings).duplicates == 1
    wait(settings, message(1, received_at="2026-11-11T00:00:00.000000+00:00"))
    assert move_to_bronze(settings).landed_count == 1


def test_rows_of_a_move_that_died_while_landing_go(settings: Settings):
    wait(settings, message(1))
    move_to_bronze(settings)
    with connect_writer(settings, purpose="a move that dies half-way") as lake:
        lake.execute(
            "insert into lake.bronze.shop_pushes select * replace ('9999.9' as _dlt_load_id, "
            "'k2' as dedupe_key, 'other' as file_name) from lake.bronze.shop_pushes"
        )
    wait(settings, message(2))
    assert move_to_bronze(settings).landed_count == 1
    assert [row["dedupe_key"] for row in landed(settings)] == ["k1", "k2"]


def test_moving_works_with_a_postgres_catalogue(
    settings: Settings, make_postgres_database: Callable[[], str]
):
    settings.catalog_url = make_postgres_database()
    wait(settings, message(1), message(1), message(2))
    assert move_to_bronze(settings).landed_count == 2
    wait(settings, message(2), message(3))
    assert move_to_bronze(settings).landed_count == 1
    assert len(landed(settings)) == 3


def test_what_a_dead_service_left_open_moves_too(settings: Settings):
    settings.inbox_path.mkdir(parents=True)
    SegmentFile(settings.inbox_path).append(frame(message(1)), 1)
    assert move_to_bronze(settings).landed_count == 1
