"""`fourflow check invoices`: passes only on none, its rows are the evidence."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli import check


class _Lake:
    """Both tables of the check, as a published lake answers."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(
            "create table fct_shipped_not_invoiced (business text, channel text, order_no text, "
            "customer_key text, left_on date, gross_amount decimal(18, 2), currency_code text)"
        )
        self.connection.execute(
            "create table fct_invoiced_twice (business text, channel text, invoice_no text, "
            "first_invoice_key text, order_no text, customer_key text, issued_on date, "
            "amount decimal(18, 2), currency_code text)"
        )

    def rows(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        found = self.connection.execute(sql, params)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Lake]:
    made = _Lake()
    monkeypatch.setattr(check, "open_published", lambda *_: nullcontext(made))
    monkeypatch.setattr(check, "load_settings", lambda: None)
    yield made
    made.connection.close()


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(check.app, ["invoices", *arguments])


def test_nothing_faulty_passes_and_leaves_a_heading(lake: _Lake, tmp_path: Path):
    assert lake.rows("select * from fct_invoiced_twice") == []
    done = _run("--month", "2026-09", "--csv", str(tmp_path / "evidence.csv"))
    assert done.exit_code == 0
    assert (tmp_path / "evidence.csv").read_text() == (
        "check,business,channel,document,first_document,order_no,customer_key,date,amount,"
        "currency_code\n"
    )


def test_both_faults_of_the_month_fail_it_with_exact_amounts(lake: _Lake, tmp_path: Path):
    lake.connection.execute(
        "insert into fct_shipped_not_invoiced values "
        "('b', 'd', 'WS1', 'c1', '2026-09-30', 12.50, 'CNY'),"
        "('b', 'd', 'WS2', 'c1', '2026-10-01', 1, 'CNY')"
    )
    lake.connection.execute(
        "insert into fct_invoiced_twice values "
        "('b', 'd', 'I2', 'e:I1', 'WS0', 'c1', '2026-09-01', 7.10, 'CNY'),"
        "('b', 'd', 'I0', 'e:I9', 'WS0', 'c1', '2026-08-31', 7.10, 'CNY')"
    )
    evidence = tmp_path / "evidence.csv"
    assert _run("--month", "2026-09", "--csv", str(evidence)).exit_code == 1
    assert evidence.read_text().splitlines()[1:] == [
        "invoiced_twice,b,d,I2,e:I1,WS0,c1,2026-09-01,7.10,CNY",
        "shipped_not_invoiced,b,d,WS1,,WS1,c1,2026-09-30,12.50,CNY",
    ]
    assert _run("--month", "2026-12").exit_code == 0
    assert _run().exit_code == 1
    assert _run("--json").output.count('"check"') == 4


@pytest.mark.parametrize("month", ["2026-13", "September", "2026"])
def test_a_month_that_is_none_is_refused_in_a_sentence(lake: _Lake, month: str):
    assert lake
    assert "write it like 2026-09" in str(_run("--month", month).exception)
