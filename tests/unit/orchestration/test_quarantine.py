"""What people do about refused records: correct, drop, undo; nothing is lost or landed twice."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from connectors.errors import InputError
from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from connectors.sources.files.load import load_files
from orchestration.stewardship.quarantine import (
    Said,
    correct,
    drop,
    find_record,
    land_decided,
    undo,
)

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
SAID = Said("Li", "a typo of the till", NOW)
LATER = Said("Wu", "he was right", NOW + timedelta(minutes=5))


@pytest.fixture
def refused(settings: Settings, lake: Any, tmp_path: Any) -> str:
    """A file of payments of the simulated retailer with one amount that is none."""
    folder = tmp_path / "offered" / "payments"
    folder.mkdir(parents=True)
    (folder / "2026-11-20.csv").write_text(
        "payment_no,order_no,amount,method,paid_at\n"
        "P1,1001,abc,alipay,2026-11-20 10:00:00\n"
        "P2,1002,20.00,alipay,2026-11-20 11:00:00\n",
        encoding="utf-8",
    )
    load_files(settings, "sandbox", tmp_path / "offered", now=NOW)
    with connect_snapshot(settings) as connection:
        source_id, payload = connection.execute(
            "select source_id, payload from lake.bronze.sandbox_payments where record_number = 1"
        ).fetchone() or ("", "")
    lake.execute(
        "create table quarantined_records as select 'sandbox' as source, 'payments' as entity, "
        f"'{source_id}' as source_id, 'payments/2026-11-20.csv' as file_name, "
        f"'Column \"amount\" holds ''abc''.' as reason, '{payload}' as payload"
    )
    return str(source_id)


def bronze(settings: Settings) -> list[tuple[str, str, str]]:
    """What was landed as corrections: file, order and amount, in order of landing."""
    with connect_snapshot(settings) as connection:
        rows = connection.execute(
            "select file_name, payload from lake.bronze.sandbox_payments "
            "where file_name like 'corrections/%' order by received_at"
        ).fetchall()
    told = [(name, json.loads(payload)) for name, payload in rows]
    return [(name, record["order_no"], record["amount"]) for name, record in told]


def test_a_corrected_record_is_landed_once_beside_the_one_received(
    settings: Settings, engine: Engine, lake: Any, refused: str
) -> None:
    with pytest.raises(InputError, match="Say why"):
        correct(settings, engine, lake, refused, {"amount": "1"}, said=Said("Li", "", NOW))
    with pytest.raises(InputError, match="has no field amont"):
        correct(settings, engine, lake, refused, {"amont": "10.00"}, said=SAID)
    with pytest.raises(InputError, match="a value that differs"):
        correct(settings, engine, lake, refused, {"amount": "abc"}, said=SAID)
    done = correct(settings, engine, lake, refused, {"amount": "10.00"}, said=SAID, seen=0)
    assert (done.event, done.decided_by, done.is_open) == ("corrected", "Li", False)
    assert land_decided(settings, engine) == 1
    assert land_decided(settings, engine) == 0, "landed once"
    file = f"corrections/{refused}"
    assert bronze(settings) == [(file, "1001", "10.00")]
    with connect_snapshot(settings) as connection:
        received = connection.execute(
            "select payload from lake.bronze.sandbox_payments where source_id = ?", [refused]
        ).fetchone()
        counted = connection.execute(
            "select version, record_count from lake.bronze.received_files where file_name = ?",
            [file],
        ).fetchall()
    assert received is not None
    assert json.loads(received[0])["amount"] == "abc", "the original stays"
    assert counted == [(1, 1)]

    undo(engine, lake, refused, LATER)
    assert land_decided(settings, engine) == 1
    assert bronze(settings) == [(file, "1001", "10.00"), (file, "1001", "abc")]
    correct(settings, engine, lake, refused, {"amount": "10.00"}, said=SAID)
    assert land_decided(settings, engine) == 1
    assert bronze(settings)[2:] == [(file, "1001", "10.00")]


def test_what_was_never_landed_needs_no_undoing_in_the_lake(
    settings: Settings, engine: Engine, lake: Any, refused: str
) -> None:
    correct(settings, engine, lake, refused, {"amount": "10.00"}, said=SAID)
    undo(engine, lake, refused, LATER)
    assert land_decided(settings, engine) == 0
    assert find_record(engine, lake, refused).is_open


def test_a_record_is_dropped_with_a_reason_and_waits_again_when_that_is_undone(
    settings: Settings, engine: Engine, lake: Any, refused: str
) -> None:
    with pytest.raises(InputError, match="no quarantined record nothing"):
        drop(engine, lake, "nothing", SAID)
    with pytest.raises(InputError, match="Nothing is decided"):
        undo(engine, lake, refused, SAID)
    assert drop(engine, lake, refused, SAID, seen=0).event == "dropped"
    with pytest.raises(InputError, match=r"Li dropped .* undo that first"):
        correct(settings, engine, lake, refused, {"amount": "10.00"}, said=LATER)
    undo(engine, lake, refused, LATER)
    with pytest.raises(InputError, match="Wu was faster"):
        drop(engine, lake, refused, SAID, seen=0)
    assert find_record(engine, lake, refused).is_open
