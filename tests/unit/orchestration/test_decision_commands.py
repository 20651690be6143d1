"""`fourflow decisions`: what the commands print, and that a verdict given there counts."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from typer.testing import CliRunner

from connectors.database.engine import open_database, write_transaction
from connectors.database.schema import approvals, decisions, outbox
from connectors.errors import InputError
from connectors.settings import Settings
from orchestration.cli import decisions as commands

ONE = "ab" + "0" * 62


@pytest.fixture
def ledger(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A home whose ledger has one decision that waits for an approval."""
    monkeypatch.setenv("FOURFLOW_HOME", str(settings.root))
    engine, now = open_database(settings), datetime.now(UTC)
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions).values(
            decision_id=ONE, rule_id="big", rule_version=1, kind="approval", subject="{}",
            occurrence="once", occurred_at=now, publication_id="p", snapshot_id=1, explanation={},
            message={"en": "Approve?"}, amount=Decimal("12000.10"), currency_code="CNY",
            state="awaiting_approval", created_at=now, updated_at=now,
        ))  # fmt: skip
        connection.execute(insert(approvals).values(
            decision_id=ONE, tier="manager", role="general_manager", needed=1,
            recommended="approve", state="awaiting", requested_at=now,
            due_at=now + timedelta(hours=24), escalations=0,
        ))  # fmt: skip
        connection.execute(insert(outbox).values(
            decision_id=ONE, action_no=1, sink="jsonl", idempotency_key="k", payload={},
            state="held", hold_cause="approval", hold_reason="held until approved", attempts=0,
            next_attempt_at=now, created_at=now, updated_at=now,
        ))  # fmt: skip
    return engine


def call(*arguments: str) -> Any:
    result = CliRunner().invoke(commands.app, [*arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in arguments else result.stdout


def test_decision_is_listed_shown_and_approved(ledger: Engine) -> None:
    del ledger
    (listed,) = call("list", "--state", "awaiting_approval", "--json")
    assert (listed["decision_id"], listed["amount"]) == (ONE, 12000.1)
    assert call("list", "--rule", "other", "--json") == []
    shown = call("show", "ab", "--json")
    assert shown["approval"]["role"] == "general_manager"
    assert [one["state"] for one in shown["deliveries"]] == ["held"]
    link = call("link", "ab", "--approver", "Wang", "--json")
    assert link["url"].startswith("http://127.0.0.1:8787/approvals/")
    assert "is approved" in call("approve", "ab", "--approver", "Wang")
    after = call("show", "ab", "--json")
    assert (after["state"], after["deliveries"][0]["state"]) == ("approved", "pending")
    assert after["history"][-1]["actor"] == "Wang"
    withdrawn = call("reject", "ab", "--approver", "Li", "--reason", "sold out", "--json")
    assert withdrawn == {"cancelled": 1}
    assert call("retry", "--json") == {"retried": 0}
    assert call("release", "--rule", "big", "--json") == {"released": 0}


def test_mistakes_are_told(ledger: Engine) -> None:
    del ledger
    with pytest.raises(InputError, match="give a reason to reject"):
        call("reject", "ab", "--approver", "Wang")
    with pytest.raises(InputError, match="No decision begins"):
        call("show", "ff")
