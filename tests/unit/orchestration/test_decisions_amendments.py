"""Another quantity for a suggestion: what follows from it, and when it is refused."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from connectors.database.schema import approvals, outbox
from connectors.errors import InputError
from connectors.sinks.base import Receipt
from orchestration.decisions.approvals.amendments import Amendment, amend_quantity
from orchestration.decisions.approvals.policy import ApprovalPolicy
from orchestration.decisions.approvals.verdicts import Verdict, find_approval, give_verdict
from orchestration.decisions.ledger import decide, decision_history, list_decisions
from orchestration.decisions.outbox import deliver
from orchestration.decisions.rulebook import seed_rules

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
POLICY = ApprovalPolicy.model_validate({
    "kinds": ["replenish"],
    "tiers": [
        {"tier": "supervisor", "role": "buyer", "up_to": "1000", "hours": 24},
        {"tier": "chief", "role": "cfo", "hours": 48},
    ],
    "people": {"buyer": ["Li"], "cfo": ["Zhao"]},
})  # fmt: skip


class Target:
    name = "jsonl"

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def deliver(self, key: str, payload: dict[str, Any]) -> Receipt:
        self.sent.append(payload["data"])
        return Receipt("accepted")


@pytest.fixture
def suggestion(engine: Engine, retail_lake: Any) -> str:
    """The suggestion to replenish that waits for the buyer."""
    seed_rules(engine)
    decide(engine, retail_lake, now=NOW, approvals=POLICY)
    found = list_decisions(engine, kind="replenish")
    assert [one.state for one in found] == ["awaiting_approval"]
    return found[0].decision_id


def decision(engine: Engine) -> Any:
    return list_decisions(engine, kind="replenish")[0]


def amend(engine: Engine, one: str, quantity: int, **more: Any) -> None:
    change = Amendment(quantity, more.pop("actor", "Li"), more.pop("reason", "less room"), **more)
    amend_quantity(engine, POLICY, one, change, now=NOW, zone=ZONE)


def test_amount_texts_and_payload_follow_the_quantity(engine: Engine, suggestion: str) -> None:
    before = decision(engine)
    old, pack = before.explanation["suggested_quantity"], before.explanation["pack_size"]
    new = old - pack
    unit = before.amount / old
    amend(engine, suggestion, new)
    after = decision(engine)
    assert after.explanation["suggested_quantity"] == new
    assert after.explanation["proposed_quantity"] == old
    assert after.amount == (unit * new).quantize(Decimal("0.01"))
    assert after.message["en"].startswith(f"Order {new} of")
    plan = before.explanation["explanation_en"]
    assert after.explanation["explanation_en"] == f"{plan}; changed to {new} by Li"
    assert f"; changed to {new} by Li" in after.message["en"]
    assert f"；改为 {new}（Li）" in after.message["zh"]
    give_verdict(engine, POLICY, suggestion, Verdict("approve", "Zhao"), now=NOW, zone=ZONE)
    target = Target()
    deliver(engine, {"jsonl": target}, now=NOW, worker_id="w")
    sent = next(data for data in target.sent if data["decision_id"] == suggestion)
    assert sent["explanation"]["suggested_quantity"] == new
    assert sent["amount"] == str(after.amount)
    assert sent["message"]["zh"] == after.message["zh"]
    events = {event.event: event.detail for event in decision_history(engine, suggestion)}
    assert events["amended"] == {"from": old, "to": new, "reason": "less room"}


def test_what_was_first_proposed_is_kept(engine: Engine, suggestion: str) -> None:
    pack = decision(engine).explanation["pack_size"]
    old = decision(engine).explanation["suggested_quantity"]
    amend(engine, suggestion, old + pack)
    amend(engine, suggestion, pack)
    assert decision(engine).explanation["proposed_quantity"] == old


def test_a_higher_amount_goes_to_those_who_may_approve_it(engine: Engine, suggestion: str) -> None:
    before = decision(engine)
    old, pack = before.explanation["suggested_quantity"], before.explanation["pack_size"]
    with engine.begin() as connection:
        connection.execute(approvals.update().values(tier="supervisor", role="buyer"))
    much = pack * (int(2000 / (before.amount / old)) // pack + 1)
    amend(engine, suggestion, much)
    state = find_approval(engine, suggestion)
    assert state is not None
    assert (state.tier, state.role) == ("chief", "cfo")
    with pytest.raises(InputError, match="may not answer"):
        give_verdict(engine, POLICY, suggestion, Verdict("approve", "Li"), now=NOW, zone=ZONE)


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(
    engine: Engine, suggestion: str
) -> None:
    seen = decision(engine)
    pack, later = seen.explanation["pack_size"], NOW.replace(hour=13)
    change = Amendment(pack, "Wang", "first", seen.updated_at)
    amend_quantity(engine, POLICY, suggestion, change, now=later, zone=ZONE)
    with pytest.raises(InputError, match="after you opened it"):
        amend_quantity(
            engine, POLICY, suggestion, replace(change, actor="Li"), now=later, zone=ZONE
        )
    assert decision(engine).explanation["suggested_quantity"] == pack


@pytest.mark.parametrize(("change", "sentence"), [
    ({"quantity": 1}, "whole packs"),
    ({"quantity": 0}, "reject the suggestion"),
    ({"actor": " "}, "needs a name"),
    ({"reason": ""}, "and a reason"),
])  # fmt: skip
def test_a_change_that_makes_no_sense_is_refused(
    engine: Engine, suggestion: str, change: dict[str, Any], sentence: str
) -> None:
    pack = decision(engine).explanation["pack_size"]
    assert pack > 1
    with pytest.raises(InputError, match=sentence):
        amend(engine, suggestion, **{"quantity": pack, **change})


def test_what_was_approved_or_sent_stands(engine: Engine, suggestion: str) -> None:
    pack = decision(engine).explanation["pack_size"]
    give_verdict(engine, POLICY, suggestion, Verdict("approve", "Zhao"), now=NOW, zone=ZONE)
    with pytest.raises(InputError, match="quantity stands"):
        amend(engine, suggestion, pack)
    deliver(engine, {"jsonl": Target()}, now=NOW, worker_id="w")
    with pytest.raises(InputError, match="quantity stands"):
        amend(engine, suggestion, pack)
    with engine.connect() as connection:
        states = {row.state for row in connection.execute(select(outbox)) if row.sink == "jsonl"}
    assert "delivered" in states


def test_a_decision_without_a_quantity_has_none_to_change(engine: Engine, suggestion: str) -> None:
    del suggestion
    alert = next(one for one in list_decisions(engine, kind="alert") if one.state == "proposed")
    with pytest.raises(InputError, match="no quantity"):
        amend(engine, alert.decision_id, 5)
