"""`fourflow export journal`: balanced batches as CSV, or nothing."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.errors import ContractError, InputError
from orchestration.cli import export
from tests.unit.orchestration.conftest import SnapshotInMemory


@pytest.fixture
def ledger(lake: SnapshotInMemory, monkeypatch: pytest.MonkeyPatch) -> SnapshotInMemory:
    """The journal and its accounts, published."""
    lake.execute(
        "create table chart_of_accounts as select '1012' as account_code, 'Wallet' as label_en"
    )
    lake.execute(
        "create table fct_journal_entries as select * from (values "
        "('payment:p1:debit', 'b:1', date '2026-09-30', 'payment', 'p1', '1012', 10.00, 0.00), "
        "('payment:p1:credit', 'b:1', date '2026-09-30', 'payment', 'p1', '2203', 0, 10.00), "
        "('payment:p2:debit', 'b:2', date '2026-10-01', 'payment', 'p2', '1012', 3.01, 0.00), "
        "('payment:p2:credit', 'b:2', date '2026-10-01', 'payment', 'p2', '2203', 0.00, 3.01)) "
        "as entries(journal_entry_key, batch_key, posted_on, document_type, document_key, "
        "account_code, debit_amount, credit_amount)"
    )
    lake.execute("alter table fct_journal_entries add currency_code text")
    monkeypatch.setattr(export, "open_published", lambda *_: nullcontext(lake))
    monkeypatch.setattr(export, "load_settings", lambda: None)
    return lake


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(export.app, ["journal", *arguments])


def test_a_month_is_written_side_by_side(ledger: SnapshotInMemory, tmp_path: Path):
    assert ledger.rows("select 1 as one")
    done = _run("--month", "2026-09", "--to", str(tmp_path / "journal.csv"))
    assert done.exit_code == 0
    assert "2 rows of 1 batches" in done.output
    assert (tmp_path / "journal.csv").read_text().splitlines() == [
        "journal_entry_key,batch_key,posted_on,document_type,document_key,account_code,account,"
        "debit_amount,credit_amount,currency_code",
        "payment:p1:credit,b:1,2026-09-30,payment,p1,2203,,0.00,10.00,",
        "payment:p1:debit,b:1,2026-09-30,payment,p1,1012,Wallet,10.00,0.00,",
    ]


def test_a_batch_that_does_not_balance_is_not_written(ledger: SnapshotInMemory, tmp_path: Path):
    ledger.execute("delete from fct_journal_entries where document_key = 'p2' and 0 < debit_amount")
    done = _run("--to", str(tmp_path / "journal.csv"))
    assert isinstance(done.exception, ContractError)
    assert "b:2" in str(done.exception)
    assert not (tmp_path / "journal.csv").exists()


def test_a_month_that_is_none_is_refused(ledger: SnapshotInMemory, tmp_path: Path):
    assert ledger.rows("select 1 as one")
    done = _run("--month", "September", "--to", str(tmp_path / "journal.csv"))
    assert isinstance(done.exception, InputError)
