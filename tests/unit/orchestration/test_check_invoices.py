"""`fourflow check invoices`: passes only on none, its rows are the evidence."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.cli import check
from tests.unit.orchestration.conftest import SnapshotInMemory


@pytest.fixture
def invoices(lake: SnapshotInMemory, monkeypatch: pytest.MonkeyPatch) -> SnapshotInMemory:
    """Both tables of the check, published."""
    lake.execute(
        "create table fct_shipped_not_invoiced (business text, channel text, order_no text, "
        "customer_key text, left_on date, gross_amount decimal(18, 2), currency_code text)"
    )
    lake.execute(
        "create table fct_invoiced_twice (business text, channel text, invoice_no text, "
        "first_invoice_key text, order_no text, customer_key text, issued_on date, "
        "amount decimal(18, 2), currency_code text)"
    )
    monkeypatch.setattr(check, "open_published", lambda *_: nullcontext(lake))
    monkeypatch.setattr(check, "load_settings", lambda: None)
    return lake


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(check.app, ["invoices", *arguments])


def test_nothing_faulty_passes_and_leaves_a_heading(invoices: SnapshotInMemory, tmp_path: Path):
    assert invoices.rows("select * from fct_invoiced_twice") == []
    done = _run("--month", "2026-09", "--csv", str(tmp_path / "evidence.csv"))
    assert done.exit_code == 0
    assert (tmp_path / "evidence.csv").read_text() == (
        "check,business,channel,document,first_document,order_no,customer_key,date,amount,"
        "currency_code\n"
    )


def test_both_faults_of_the_month_fail_it_with_exact_amounts(
    invoices: SnapshotInMemory, tmp_path: Path
):
    invoices.execute(
        "insert into fct_shipped_not_invoiced values "
        "('b', 'd', 'WS1', 'c1', '2026-09-30', 12.50, 'CNY'),"
        "('b', 'd', 'WS2', 'c1', '2026-10-01', 1, 'CNY')"
    )
    invoices.execute(
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
def test_a_month_that_is_none_is_refused_in_a_sentence(invoices: SnapshotInMemory, month: str):
    assert invoices
    assert "write it like 2026-09" in str(_run("--month", month).exception)
