"""Approvals: who may, how often, until when; and what happens to what waits for them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, insert, select

from connectors.database.engine import write_transaction
from connectors.database.runs import FailedCheck, RedState
from connectors.database.schema import approval_verdicts, approvals, decisions, outbox
from connectors.errors import InputError
from connectors.sinks.base import Receipt
from orchestration.decisions.approvals.bulk import BulkAnswer, BulkItem, approve_all
from orchestration.decisions.approvals.options import choose_option
from orchestration.decisions.approvals.policy import (
    SHIPPED_POLICY,
    ApprovalPolicy,
    read_approval_policy,
)
from orchestration.decisions.approvals.verdicts import (
    Verdict,
    delegate,
    escalate_due,
    find_approval,
    full_id,
    give_verdict,
    withdraw,
)
from orchestration.decisions.budgets import OverBudgetError, spent
from orchestration.decisions.definition import read_rule
from orchestration.decisions.ledger import decision_history, list_decisions, record_effect
from orchestration.decisions.outbox import deliver, expire_stale, held_deliveries, retry_dead
from orchestration.decisions.rulebook import SHIPPED_RULES, save_rule

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
RED = RedState("run-9", NOW, (FailedCheck("unique_fct_orders", "dbt_test", "2 rows"),))
POLICY = ApprovalPolicy.model_validate({
    "tiers": [
        {"tier": "supervisor", "role": "sales_supervisor", "up_to": "5000", "hours": 24},
        {"tier": "manager", "role": "general_manager", "up_to": "50000", "hours": 24},
        {"tier": "chief", "role": "cfo", "hours": 48},
    ],
    "four_eyes_above": "100000",
    "people": {"sales_supervisor": ["Li"], "general_manager": ["Wang"], "cfo": ["Zhao", "Sun"]},
})  # fmt: skip
YES = "approve"


class Target:
    name = "jsonl"

    def __init__(self) -> None:
        self.sent: list[str] = []

    def deliver(self, key: str, payload: dict[str, Any]) -> Receipt:
        self.sent.append(key)
        return Receipt("accepted")


Ask = Callable[..., str]


@pytest.fixture
def ask(engine: Engine) -> Ask:
    """Records one decision whose second action waits for an approval."""

    def make(amount: str = "8000", tier: str = "manager", needed: int = 1, **more: Any) -> str:
        with engine.connect() as connection:
            one = f"{len(connection.execute(select(decisions)).all()):064x}"
        role = {"supervisor": "sales_supervisor", "manager": "general_manager"}.get(tier, "cfo")
        with write_transaction(engine) as connection:
            connection.execute(insert(decisions).values({
                "decision_id": one, "rule_id": "r", "rule_version": 1, "kind": "approval",
                "subject": one, "occurrence": "once", "occurred_at": NOW, "publication_id": "p",
                "snapshot_id": 1, "explanation": {}, "message": {"en": "?"},
                "amount": Decimal(amount), "currency_code": "CNY", "state": "awaiting_approval",
                "created_at": NOW,
                "updated_at": NOW, **more,
            }))  # fmt: skip
            connection.execute(insert(approvals).values(
                decision_id=one, tier=tier, role=role, needed=needed, recommended="approve",
                state="awaiting", requested_at=NOW, due_at=NOW + timedelta(hours=24), escalations=0,
            ))  # fmt: skip
            for number, state in ((1, "pending"), (2, "held")):
                connection.execute(insert(outbox).values({
                    "decision_id": one, "action_no": number, "sink": "jsonl",
                    "idempotency_key": f"{one}_{number}", "payload": {"data": {}}, "state": state,
                    "hold_cause": "approval" if state == "held" else None,
                    "hold_reason": f"held until {role} approves" if state == "held" else None,
                    "attempts": 0, "next_attempt_at": NOW, "created_at": NOW, "updated_at": NOW,
                }))  # fmt: skip
        return one

    return make


def send(engine: Engine, target: Target, now: datetime = NOW, **more: Any) -> Any:
    return deliver(engine, {"jsonl": target}, now=now, worker_id="w", **more)


def state_of(engine: Engine, one: str) -> str:
    return next(d.state for d in list_decisions(engine) if d.decision_id == one)


def test_request_goes_at_once_and_the_rest_waits_for_the_verdict(engine: Engine, ask: Ask) -> None:
    one, target = ask(), Target()
    send(engine, target)
    assert target.sent == [f"{one}_1"]
    assert state_of(engine, one) == "awaiting_approval"
    approval = give_verdict(engine, POLICY, one, Verdict(YES, "Wang"), now=NOW, zone=ZONE)
    assert (approval.state, approval.given, state_of(engine, one)) == ("approved", 1, "sent")
    send(engine, target)
    assert target.sent == [f"{one}_1", f"{one}_2"]
    assert state_of(engine, one) == "confirmed"
    assert "approved" in [event.event for event in decision_history(engine, one)]


def test_rejection_needs_a_reason_cancels_the_rest_and_is_a_label(engine: Engine, ask: Ask) -> None:
    one, target = ask(), Target()
    with pytest.raises(InputError, match="give a reason to reject"):
        give_verdict(engine, POLICY, one, Verdict("reject", "Wang"), now=NOW, zone=ZONE)
    give_verdict(engine, POLICY, one, Verdict("reject", "Wang", "poor credit"), now=NOW, zone=ZONE)
    assert send(engine, target).delivered == 0
    assert state_of(engine, one) == "rejected"
    with engine.connect() as connection:
        label = connection.execute(select(approval_verdicts)).one()
    assert (label.verdict, label.is_override, label.reason) == ("reject", True, "poor credit")
    with pytest.raises(InputError, match="a verdict is final"):
        give_verdict(engine, POLICY, one, Verdict(YES, "Wang"), now=NOW, zone=ZONE)


@pytest.mark.parametrize(("approver", "may"), [
    ("Li", False), ("Wang", True), ("Zhao", True), ("Stranger", False),
])  # fmt: skip
def test_role_or_a_higher_one_may_answer(
    engine: Engine, ask: Ask, approver: str, may: bool
) -> None:
    one = ask()
    if may:
        assert (
            give_verdict(engine, POLICY, one, Verdict(YES, approver), now=NOW, zone=ZONE).given == 1
        )
    else:
        with pytest.raises(InputError, match="general_manager is asked"):
            give_verdict(engine, POLICY, one, Verdict(YES, approver), now=NOW, zone=ZONE)


def test_four_eyes_are_two_people_and_a_delegate_is_not_a_second_one(
    engine: Engine, ask: Ask
) -> None:
    one = ask("250000", "chief", 2)
    delegate(engine, "Zhao", "Qian", days=2, author="Zhao", reason="holiday", now=NOW)
    first = give_verdict(engine, POLICY, one, Verdict(YES, "Zhao"), now=NOW, zone=ZONE)
    assert (first.state, first.given, state_of(engine, one)) == ("awaiting", 1, "awaiting_approval")
    for again in ("Zhao", "Qian"):
        with pytest.raises(InputError, match="another person must"):
            give_verdict(engine, POLICY, one, Verdict(YES, again), now=NOW, zone=ZONE)
    second = give_verdict(engine, POLICY, one, Verdict(YES, "Sun"), now=NOW, zone=ZONE)
    assert (second.state, second.given) == ("approved", 2)


def test_one_no_is_enough_where_two_yes_are_needed(engine: Engine, ask: Ask) -> None:
    one = ask("250000", "chief", 2)
    give_verdict(engine, POLICY, one, Verdict(YES, "Zhao"), now=NOW, zone=ZONE)
    give_verdict(engine, POLICY, one, Verdict("reject", "Sun", "no budget"), now=NOW, zone=ZONE)
    assert state_of(engine, one) == "rejected"


def test_delegate_answers_only_while_the_delegation_lasts(engine: Engine, ask: Ask) -> None:
    one, two = ask(), ask()
    delegate(engine, "Wang", "Qian", days=1, author="Wang", reason="holiday", now=NOW)
    state = give_verdict(engine, POLICY, one, Verdict(YES, "Qian"), now=NOW, zone=ZONE)
    assert state.verdicts[0]["on_behalf_of"] == "Wang"
    later = NOW + timedelta(hours=30)
    with pytest.raises(InputError, match="may not answer"):
        give_verdict(engine, POLICY, two, Verdict(YES, "Qian"), now=later, zone=ZONE)


def test_who_does_not_answer_is_passed_over_and_at_the_end_it_expires(
    engine: Engine, ask: Ask
) -> None:
    one, target = ask("300", "supervisor"), Target()
    seen = []
    for hours in (23, 24, 47, 48, 96):
        escalate_due(engine, POLICY, now=NOW + timedelta(hours=hours))
        found = find_approval(engine, one)
        assert found is not None
        seen.append((found.role, found.state, found.escalations))
    assert seen == [
        ("sales_supervisor", "awaiting", 0), ("general_manager", "awaiting", 1),
        ("general_manager", "awaiting", 1), ("cfo", "awaiting", 2), ("cfo", "expired", 2),
    ]  # fmt: skip
    assert send(engine, target).delivered == 0
    assert state_of(engine, one) == "expired"
    events = [event.event for event in decision_history(engine, one)]
    assert events == ["escalated", "escalated", "approval_expired"]


def test_approved_while_red_is_held_until_green(engine: Engine, ask: Ask) -> None:
    one, target = ask(), Target()
    give_verdict(engine, POLICY, one, Verdict(YES, "Wang"), now=NOW, zone=ZONE)
    assert send(engine, target, red=RED).held == 2
    assert state_of(engine, one) == "held"
    (hold,) = held_deliveries(engine)
    assert (hold.cause, hold.reason, hold.deliveries) == ("red_data", RED.reason(), 2)
    assert send(engine, target).delivered == 2
    assert held_deliveries(engine) == []


def test_what_waited_too_long_for_green_is_stale_and_says_why(engine: Engine, ask: Ask) -> None:
    one = ask(expires_at=NOW + timedelta(hours=12))
    two = ask(expires_at=NOW + timedelta(hours=72))
    for decision in (one, two):
        give_verdict(engine, POLICY, decision, Verdict(YES, "Wang"), now=NOW, zone=ZONE)
    target = Target()
    send(engine, target, red=RED)
    report = send(engine, target, now=NOW + timedelta(hours=20))
    assert (report.expired, report.released, report.delivered) == (2, 2, 2)
    assert state_of(engine, two) == "confirmed"
    (stale,) = [d for d in list_decisions(engine) if d.decision_id == one]
    assert stale.state == "expired"
    assert "run-9 failed its blocking checks" in str(stale.state_reason)
    assert expire_stale(engine, now=NOW + timedelta(hours=21)) == 0


def test_open_request_that_goes_stale_is_closed(engine: Engine, ask: Ask) -> None:
    one = ask(expires_at=NOW + timedelta(hours=12))
    assert expire_stale(engine, now=NOW + timedelta(hours=13)) == 2
    late = NOW + timedelta(hours=13)
    with pytest.raises(InputError, match="was expired"):
        give_verdict(engine, POLICY, one, Verdict(YES, "Wang"), now=late, zone=ZONE)


def test_decision_without_a_request_can_be_withdrawn(engine: Engine, ask: Ask) -> None:
    one, target = ask(), Target()
    give_verdict(engine, POLICY, one, Verdict(YES, "Wang"), now=NOW, zone=ZONE)
    assert withdraw(engine, one, now=NOW, actor="Li", reason="sold out") == 2
    assert send(engine, target).delivered == 0
    assert state_of(engine, one) == "rejected"
    assert retry_dead(engine, now=NOW, actor="Li", decision_ids=[one]) == 0
    with pytest.raises(InputError, match="nothing to reject"):
        withdraw(engine, one, now=NOW, actor="Li", reason="again")


@pytest.mark.parametrize(("amount", "currency", "role", "expected"), [
    ("0", "CNY", None, ("supervisor", 1)), ("5000", "CNY", None, ("supervisor", 1)),
    ("5000.01", "CNY", None, ("manager", 1)), ("50000.01", "CNY", None, ("chief", 1)),
    ("100000", "CNY", None, ("chief", 1)), ("100000.01", "CNY", None, ("chief", 2)),
    ("10", "USD", None, ("chief", 2)), (None, None, None, ("supervisor", 1)),
    ("10", "CNY", "general_manager", ("manager", 1)), ("10", "CNY", "finance", ("finance", 1)),
    ("200000", "CNY", "finance", ("finance", 2)),
])  # fmt: skip
def test_tiers(
    amount: str | None, currency: str | None, role: str | None, expected: tuple[str, int]
) -> None:
    policy = POLICY.model_copy(update={"kinds": ("purchase",)})
    exact = None if amount is None else Decimal(amount)
    found = policy.requirement("purchase", exact, currency, role)
    assert found is not None
    assert (found.tier, found.needed) == expected
    asked = policy.requirement("alert", exact, currency, role)
    assert (asked is None) == (role is None)


@pytest.mark.parametrize(("text", "problem"), [
    ("tiers: [{tier: a, role: b, hours: 1, up_to: 5}]", "last tier has up_to"),
    ("tiers: [{tier: a, role: b, hours: 1, up_to: 5}, {tier: c, role: d, hours: 1, up_to: 4}, "
     "{tier: e, role: f, hours: 1}]", "must grow"),
    ("tiers: [{tier: a, role: b, hours: 0}]", "hours"),
    ("tires: []", "tiers"),
    ("tiers: [", "approvals.yml"),
])  # fmt: skip
def test_mistake_in_the_policy_is_told(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "approvals.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        read_approval_policy(path)


def test_shipped_policy_can_be_read() -> None:
    policy = read_approval_policy(SHIPPED_POLICY)
    assert [tier.tier for tier in policy.tiers] == ["supervisor", "manager", "chief"]


def test_ids_may_be_shortened_while_they_are_unique(engine: Engine, ask: Ask) -> None:
    one = ask()
    assert full_id(engine, one[:40]) == one
    for wrong in ("", "%", "f" * 12):
        with pytest.raises(InputError, match="decision begins"):
            full_id(engine, wrong)


def test_effect_of_a_confirmed_decision_is_kept(engine: Engine, ask: Ask) -> None:
    one = ask()
    give_verdict(engine, POLICY, one, Verdict(YES, "Wang"), now=NOW, zone=ZONE)
    send(engine, Target())
    record_effect(engine, one, {"repurchased": True}, now=NOW, actor="effects")
    (decision,) = list_decisions(engine)
    assert (decision.state, decision.effect) == ("measured", {"repurchased": True})
    with pytest.raises(InputError, match="There is no decision"):
        record_effect(engine, "x", {}, now=NOW, actor="effects")


def option(name: str, *sinks: str, cost: str | None = "12.00") -> dict[str, Any]:
    action = {"type": "reship", "to": None, "sinks": list(sinks or ("jsonl",)),
              "message": {"en": name}, "fields": {"parcel_no": "SF1"}}  # fmt: skip
    return {"name": name, "label": {"en": name}, "cost": cost, "currency_code": "CNY",
            "actions": [action]}  # fmt: skip


OPTIONS = [option("chase"), option("reship")]


def test_approval_that_chooses_an_option_executes_its_actions_once(
    engine: Engine, ask: Ask
) -> None:
    one, target = ask(options=OPTIONS), Target()
    give_verdict(engine, POLICY, one, Verdict(YES, "Wang", option="reship"), now=NOW, zone=ZONE)
    send(engine, target)
    assert target.sent == [f"{one}_1", f"{one}_2", f"jsonl_{one}_3"]
    with engine.connect() as connection:
        sent = connection.execute(select(outbox).where(outbox.c.action_no == 3)).one()
    assert sent.payload["data"]["action"] == {
        "type": "reship", "to": None, "fields": {"parcel_no": "SF1"}
    }  # fmt: skip
    (chosen,) = [e for e in decision_history(engine, one) if e.event == "option_chosen"]
    assert (chosen.actor, chosen.detail["option"], chosen.detail["cost"]) == (
        "Wang", "reship", "12.00"
    )  # fmt: skip
    send(engine, target)
    assert len(target.sent) == 3
    assert state_of(engine, one) == "confirmed"


def test_everybody_who_must_approve_chooses_the_same(engine: Engine, ask: Ask) -> None:
    one, target = ask(tier="chief", needed=2, options=OPTIONS), Target()
    give_verdict(engine, POLICY, one, Verdict(YES, "Zhao", option="reship"), now=NOW, zone=ZONE)
    send(engine, target)
    assert target.sent == [f"{one}_1"]
    with pytest.raises(InputError, match="Zhao approved reship"):
        give_verdict(engine, POLICY, one, Verdict(YES, "Sun", option="chase"), now=NOW, zone=ZONE)
    give_verdict(engine, POLICY, one, Verdict(YES, "Sun", option="reship"), now=NOW, zone=ZONE)
    send(engine, target)
    assert target.sent[-1] == f"jsonl_{one}_3"


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict(YES, "Wang", option="reshp"), "did you mean reship"),
        (Verdict("reject", "Wang", "no", option="reship"), "leave the option out"),
    ],
)
def test_option_that_cannot_be_chosen_leaves_the_request_open(
    engine: Engine, ask: Ask, verdict: Verdict, words: str
) -> None:
    one = ask(options=OPTIONS)
    with pytest.raises(InputError, match=words):
        give_verdict(engine, POLICY, one, verdict, now=NOW, zone=ZONE)
    assert state_of(engine, one) == "awaiting_approval"
    with pytest.raises(InputError, match="approve --option"):
        choose_option(engine, one, "reship", actor="Li", reason="", now=NOW, zone=ZONE)


def test_option_of_a_decision_without_approval_is_chosen_once(engine: Engine, ask: Ask) -> None:
    one, target = ask(options=OPTIONS), Target()
    with write_transaction(engine) as connection:
        connection.execute(approvals.delete())
        connection.execute(outbox.delete().where(outbox.c.action_no == 2))
    assert choose_option(engine, one, "chase", actor="Li", reason="", now=NOW, zone=ZONE) == 1
    with pytest.raises(InputError, match="Li chose chase for decision 0000"):
        choose_option(engine, one, "reship", actor="Sun", reason="", now=NOW, zone=ZONE)
    send(engine, target)
    assert target.sent == [f"{one}_1", f"jsonl_{one}_2"]


def test_stale_decision_executes_no_option(engine: Engine, ask: Ask) -> None:
    one = ask(options=OPTIONS, expires_at=NOW)
    with write_transaction(engine) as connection:
        connection.execute(approvals.delete())
    with pytest.raises(InputError, match="stale"):
        choose_option(engine, one, "chase", actor="Li", reason="", now=NOW, zone=ZONE)


def test_many_are_rehearsed_without_a_trace_then_answered_each_by_itself(
    engine: Engine, ask: Ask
) -> None:
    mine = [ask(amount="8000"), ask(amount="9000")]
    two_eyes, foreign = ask(amount="200000", needed=2, tier="manager"), ask(tier="chief")
    items = [BulkItem(one, NOW) for one in (*mine, two_eyes, foreign)]
    stale = BulkItem(ask(), NOW - timedelta(hours=1))
    answer = BulkAnswer("Wang", "weekly round")
    rehearsed = approve_all(
        engine, POLICY, [*items, stale], answer, now=NOW, zone=ZONE, is_rehearsal=True
    )
    assert [one.outcome for one in rehearsed] == [
        "goes", "goes", "more_needed", "refused", "refused",
    ]  # fmt: skip
    with engine.connect() as connection:
        assert connection.execute(select(approval_verdicts)).all() == []
    assert {one.state for one in list_decisions(engine)} == {"awaiting_approval"}
    done = approve_all(engine, POLICY, [*items, stale], answer, now=NOW, zone=ZONE)
    assert done == rehearsed
    assert "was changed" in (done[-1].why or ""), "whoever was slower is told"
    with engine.connect() as connection:
        given = connection.execute(select(approval_verdicts.c.decision_id)).scalars().all()
    assert set(given) == {*mine, two_eyes}
    again = approve_all(engine, POLICY, items[:1], answer, now=NOW, zone=ZONE)
    assert again[0].outcome == "refused"


def test_what_an_option_costs_counts_in_the_budget_of_its_rule(engine: Engine, ask: Ask) -> None:
    costly = [{**option("reship"), "cost": "12.50", "currency_code": "CNY"}]
    counted, uncounted = ask(options=costly, cost=Decimal("5.00")), ask(options=costly)
    for one in (counted, uncounted):
        give_verdict(engine, POLICY, one, Verdict(YES, "Wang", option="reship"), now=NOW, zone=ZONE)
    with engine.connect() as connection:
        rows = connection.execute(select(decisions.c.decision_id, decisions.c.cost)).all()
    assert {row.decision_id: row.cost for row in rows} == {
        counted: Decimal("17.50"),
        uncounted: None,  # a rule without a budget
    }
    with engine.connect() as connection:
        assert spent(connection, "r", None) == Decimal("17.50")


def test_an_option_that_passes_the_cap_is_refused_until_the_period_or_the_cap_has_more(
    engine: Engine, ask: Ask
) -> None:
    """20 yuan a month: 5 + 12.50 fit, another 5 + 12.50 don't, in the next month they do."""
    rule = read_rule(SHIPPED_RULES / "coupon_late_delivery.yml")
    assert rule.budget is not None
    cap = rule.parameters[rule.budget.limit_parameter]

    def capped(limit: str, author: str) -> None:
        limits = {rule.budget.limit_parameter: cap.model_copy(update={"value": limit})}  # type: ignore[union-attr]
        changed = {"parameters": {**rule.parameters, **limits}}
        changed["budget"] = rule.budget.model_copy(update={"per": "month"})  # type: ignore[union-attr]
        save_rule(engine, rule.model_copy(update=changed), author=author, reason="?", now=NOW)

    capped("20", "Li")
    costly = [{**option("reship"), "cost": "12.50"}]
    of_rule = {"rule_id": rule.rule_id, "options": costly, "cost": Decimal("5.00")}
    # Half past eleven at night in Shanghai, and half an hour after that month's end.
    before, after = (
        datetime(2026, 11, 30, 15, 30, tzinfo=UTC),
        datetime(2026, 11, 30, 16, 30, tzinfo=UTC),
    )
    first, second = ask(**of_rule), ask(**of_rule | {"created_at": before})
    third = ask(**of_rule | {"created_at": after}, needed=2, tier="chief")
    wanted = Verdict(YES, "Wang", option="reship")
    refused = r"reship costs 12.50 CNY, and of the 20\S* CNY a month .* 10.00 CNY are left"
    with pytest.raises(OverBudgetError, match=refused):
        give_verdict(engine, POLICY, first, wanted, now=NOW, zone=ZONE)
    assert state_of(engine, first) == "awaiting_approval", "the request stays open"
    wanted_by_one = Verdict(YES, "Zhao", option="reship")
    assert give_verdict(engine, POLICY, third, wanted_by_one, now=NOW, zone=ZONE).given == 1
    capped("22.50", "Sun")
    give_verdict(engine, POLICY, first, wanted, now=NOW, zone=ZONE)
    items = [BulkItem(second)]
    rehearsed = approve_all(
        engine,
        POLICY,
        items,
        BulkAnswer("Wang", option="reship"),
        now=NOW,
        zone=ZONE,
        is_rehearsal=True,
    )
    assert rehearsed[0].outcome == "refused"
    assert "0.00 CNY are left of the month from 2026-11-01" in (rehearsed[0].why or "")
    with engine.connect() as connection:
        assert spent(connection, rule.rule_id, None, after) == Decimal("22.50"), "the cap, not more"
