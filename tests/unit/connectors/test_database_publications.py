"""Publications are found by id and by time; runs tell when the data is red."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, update

from connectors.database.engine import write_transaction
from connectors.database.publications import (
    Publication,
    delete_publications,
    find_publication,
    list_publications,
    record_publication,
)
from connectors.database.runs import (
    FailedCheck,
    data_is_red,
    finish_run,
    latest_run,
    list_runs,
    mark_dead_runs,
    start_run,
)
from connectors.database.schema import pipeline_runs
from connectors.errors import InputError

NOW = datetime(2026, 11, 21, 20, 30, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHECK = FailedCheck("unique_fct_orders_order_key", "dbt_test", "3 duplicates")


def publish(engine: Engine, now: datetime = NOW, *, snapshot_id: int = 1) -> Publication:
    return record_publication(
        engine,
        run_id=f"run-{snapshot_id}",
        snapshot_id=snapshot_id,
        git_commit="abc",
        manifest_hash="def",
        checks={"passed": 10, "warned": 1, "failed": 0},
        row_counts={"fct_orders": 12},
        now=now,
    )


def run(engine: Engine, run_id: str, status: str, at: datetime, **more: object) -> None:
    start_run(engine, run_id, "test", now=at)
    checks = [CHECK] if status == "red" else []
    finish_run(engine, run_id, status, checks, {}, now=at + timedelta(minutes=5), **more)


def test_publication_comes_back_as_it_was_recorded(engine: Engine) -> None:
    publication = publish(engine)
    assert publication.publication_id.startswith("20261121T203001Z-")
    assert find_publication(engine, None) == publication
    assert find_publication(engine, publication.publication_id) == publication
    assert list_publications(engine) == [publication]


def test_nothing_published_is_none(engine: Engine) -> None:
    assert find_publication(engine, None) is None
    assert find_publication(engine, NOW) is None
    assert list_publications(engine) == []


def test_time_opens_the_publication_then_in_force(engine: Engine) -> None:
    first, second = publish(engine), publish(engine, NOW + HOUR, snapshot_id=2)
    shanghai = timezone(timedelta(hours=8))
    expected = {
        "2026-11-21T20:30:01Z": first,
        "2026-11-21T21:00:00": first,
        "2026-11-22T05:30:00+08:00": first,
        "2026-11-22T05:31:00+08:00": second,
        "2026-11-21": second,
        "2026-11-20": None,
        "2026-11-21T20:30:00.999999+00:00": None,
    }
    assert {text: find_publication(engine, text) for text in expected} == expected
    assert find_publication(engine, datetime(2026, 11, 22, 5, 0, tzinfo=shanghai)) == first
    assert find_publication(engine, datetime(2026, 11, 21, 22, 0)) == second  # noqa: DTZ001


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "20261121T203001Z-zzzz", "9"])
def test_unreadable_time_is_one_helpful_sentence(engine: Engine, text: str) -> None:
    with pytest.raises(InputError, match="fourflow status"):
        find_publication(engine, text)


def test_clock_set_back_keeps_the_order_of_publications(engine: Engine) -> None:
    first, second = publish(engine), publish(engine, NOW - HOUR, snapshot_id=2)
    assert second.published_at > first.published_at
    assert (
        second.publication_id > first.publication_id
        or second.publication_id[:16] == (first.publication_id[:16])
    )
    assert find_publication(engine, None) == second
    assert [p.snapshot_id for p in list_publications(engine, limit=1)] == [2]


def test_deleted_publications_are_gone(engine: Engine) -> None:
    first, second = publish(engine), publish(engine, NOW + HOUR, snapshot_id=2)
    assert delete_publications(engine, [first.publication_id, "unknown"]) == 1
    assert list_publications(engine) == [second]
    assert delete_publications(engine, []) == 0


def test_run_comes_back_as_it_ended(engine: Engine) -> None:
    start_run(engine, "r1", "schedule", now=NOW)
    assert latest_run(engine).status == "running"
    finish_run(engine, "r1", "red", [CHECK], {"rows": 3}, publication_id=None, now=NOW + HOUR)
    found = latest_run(engine)
    assert (found.status, found.trigger, found.summary) == ("red", "schedule", {"rows": 3})
    assert found.failed_checks == (CHECK,)
    assert found.finished_at == NOW + HOUR
    assert list_runs(engine) == [found]


def test_finishing_an_unknown_run_is_an_error(engine: Engine) -> None:
    with pytest.raises(InputError, match="nobody"):
        finish_run(engine, "nobody", "failed")


def test_red_until_a_later_run_passes(engine: Engine) -> None:
    assert data_is_red(engine) is None
    run(engine, "r1", "published", NOW)
    assert data_is_red(engine) is None
    run(engine, "r2", "red", NOW + HOUR)
    red = data_is_red(engine)
    assert red.run_id == "r2"
    assert red.failed_checks == (CHECK,)
    assert "r2" in red.reason()
    assert CHECK.name in red.reason()
    run(engine, "r3", "unchanged", NOW + 2 * HOUR)
    assert data_is_red(engine) is None


@pytest.mark.parametrize("status", ["failed", "killed", "running"])
def test_run_without_a_verdict_changes_nothing(engine: Engine, status: str) -> None:
    run(engine, "r1", "red", NOW)
    run(engine, "r2", status, NOW + HOUR)
    assert data_is_red(engine).run_id == "r1"


def test_publication_of_a_run_killed_right_after_it_counts_as_green(engine: Engine) -> None:
    run(engine, "r1", "red", NOW)
    start_run(engine, "r2", "test", now=NOW + HOUR)
    publish(engine, NOW + 2 * HOUR)
    assert data_is_red(engine) is None


def test_only_runs_of_dead_processes_are_marked(engine: Engine) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    for run_id in ("alive", "dead", "reused", "elsewhere", "forgotten"):
        start_run(engine, run_id, "test", now=NOW)
    run(engine, "done", "published", NOW)
    changes = {
        "dead": {"pid": gone.pid},
        "reused": {"process_start": "another-boot/1"},
        "elsewhere": {"host": "another-host"},
        "forgotten": {"host": "another-host", "started_at": NOW - 30 * HOUR},
    }
    with write_transaction(engine) as connection:
        for run_id, values in changes.items():
            change = update(pipeline_runs).where(pipeline_runs.c.run_id == run_id)
            connection.execute(change.values(**values))
    assert sorted(mark_dead_runs(engine, now=NOW + HOUR)) == ["dead", "forgotten", "reused"]
    assert mark_dead_runs(engine, now=NOW + HOUR) == []
    status = {found.run_id: found.status for found in list_runs(engine)}
    assert status["alive"] == status["elsewhere"] == "running"
    assert status["dead"] == "killed"
    assert status["done"] == "published"
