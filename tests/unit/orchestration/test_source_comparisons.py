"""What checks of sources found is kept, and the newest word on each day and file counts."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete
from sqlalchemy.exc import DBAPIError

from connectors.database.engine import open_database, write_transaction
from connectors.database.schema import source_comparisons
from connectors.settings import load_settings
from orchestration.source_comparisons import Comparison, keep, newest, problems_of

NOW = datetime(2026, 9, 10, 6, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DAY = Comparison(
    "taobao", "shop", "orders", date(2026, 9, 9), NOW, "CNY", 3, 2, Decimal("30.10"),
    Decimal("20.05"), missing=("A3",), not_read=1,
)  # fmt: skip
UNREACHABLE = Comparison("taobao", "shop", "orders", None, NOW, problem="The shop is silent.")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(load_settings(home=tmp_path))


def _newest(engine: Engine, *kept: Iterable[Comparison]) -> list[Comparison]:
    for found in kept:
        keep(engine, found)
    return newest(engine, now=LATER)


def test_amounts_and_numbers_come_back_as_they_were(engine: Engine) -> None:
    (kept,) = _newest(engine, [DAY])
    assert kept.as_row() == DAY.as_row()
    assert kept.there_amount == Decimal("30.10")


def test_rows_are_never_changed(engine: Engine) -> None:
    keep(engine, [DAY])
    with pytest.raises(DBAPIError, match="append only"), write_transaction(engine) as connection:
        connection.execute(delete(source_comparisons))


def test_the_newest_word_on_a_day_counts(engine: Engine) -> None:
    mended = replace(DAY, here_count=3, missing=(), here_amount=Decimal("30.10"), checked_at=LATER)
    other_day = replace(DAY, day=date(2026, 9, 8))
    assert [(one.day, one.differences) for one in _newest(engine, [DAY, other_day], [mended])] == [
        (date(2026, 9, 9), 0),
        (date(2026, 9, 8), 1),
    ]


def test_a_day_without_records_is_replaced_by_its_currencies(engine: Engine) -> None:
    empty = Comparison("taobao", "shop", "orders", DAY.day, NOW)
    assert _newest(engine, [empty], [replace(DAY, checked_at=LATER)])[0].currency_code == "CNY"
    assert len(newest(engine, now=LATER)) == 1


@pytest.mark.parametrize("place", ["shop", ""])
def test_a_problem_is_over_when_the_source_answers(engine: Engine, place: str) -> None:
    problem = replace(UNREACHABLE, place=place)
    assert _newest(engine, [problem]) == [replace(problem, difference_count=0)]
    assert [one.problem for one in _newest(engine, [replace(DAY, checked_at=LATER)])] == [""]


def test_old_checks_say_nothing(engine: Engine) -> None:
    keep(engine, [DAY])
    assert newest(engine, now=NOW + timedelta(days=32)) == []


def test_all_numbers_are_counted_and_a_hundred_kept(engine: Engine) -> None:
    many = replace(DAY, missing=tuple(f"A{number:03}" for number in range(250)))
    (kept,) = _newest(engine, [many])
    assert (len(kept.missing), kept.differences) == (100, 250)


def test_each_source_that_differs_has_one_sentence() -> None:
    equal = replace(DAY, source="douyin", missing=())
    two = replace(DAY, day=date(2026, 9, 8), changed=("A1", "A2"), missing=())
    first, second = problems_of([equal, DAY, two, UNREACHABLE])
    assert first.startswith("3 records of taobao differ from the lake (2026-09-08, 2026-09-09)")
    assert "fourflow check sources taobao" in first
    assert second == "The shop is silent."
    assert problems_of([equal]) == []
