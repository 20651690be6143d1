"""`fourflow check sources`: exit 0 only if all agree, every number in the evidence."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.cli import check
from orchestration.source_comparisons import Comparison, newest

EQUAL = Comparison(
    "tmall", "shop", "orders", date(2026, 9, 1), datetime(2026, 9, 2, tzinfo=UTC), "CNY", 2, 2,
    Decimal("3.10"), Decimal("3.10"),
)  # fmt: skip


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Comparison]:
    """What comparing finds; tests change it."""
    monkeypatch.setenv("FOURFLOW_HOME", str(tmp_path / "home"))
    rows = [EQUAL]
    monkeypatch.setattr(check, "compare_sources", lambda *_, **__: rows)
    return rows


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(check.app, ["sources", *arguments])


def test_all_equal_passes_and_waiting_records_are_told(found: list[Comparison]) -> None:
    found[0] = replace(EQUAL, not_read=3)
    done = _run()
    assert done.exit_code == 0
    assert "1 days and files compared, 0 of them differ" in done.output
    assert "3 records wait for the next reading" in done.output


@pytest.mark.parametrize("part", ["missing", "gone", "changed", "outdated"])
def test_any_difference_fails_and_its_numbers_are_evidence(
    found: list[Comparison], tmp_path: Path, part: str
) -> None:
    found.append(replace(EQUAL, **{part: ("A1", "A2")}))
    assert _run("--csv", str(tmp_path / "evidence.csv")).exit_code == 1
    heading, first, second = (tmp_path / "evidence.csv").read_text().splitlines()
    assert dict(zip(heading.split(","), first.split(","), strict=True))["missing"] == ""
    assert '"A1, A2"' in second


def test_what_could_not_be_asked_fails(found: list[Comparison]) -> None:
    found.append(replace(EQUAL, problem="The shop does not answer."))
    assert _run("--json").exit_code == 1


def test_what_was_found_is_kept(found: list[Comparison], tmp_path: Path) -> None:
    found[0] = replace(EQUAL, missing=("A1",))
    _run("--json")
    engine = open_database(load_settings(home=tmp_path / "home"))
    (kept,) = newest(engine, now=EQUAL.checked_at)
    assert kept.as_row() == found[0].as_row()


def test_a_day_that_is_not_over_is_refused(found: list[Comparison]) -> None:
    assert found
    assert "is not over yet" in str(_run("--day", "2999-01-01").exception)
