"""Ways of decisions through approvals, what a node costs, and the time from proposal to action.

The histories are made by the very functions that people's answers go through; what they should
come to is counted by hand.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DatabaseError

from connectors.database.engine import write_transaction
from connectors.database.schema import approvals, decision_events, decisions, outbox, receipts
from orchestration.decisions.approvals.paths import (
    Node,
    NodeFigures,
    Waits,
    approval_paths,
    node_figures,
    path_lengths,
    path_waits,
)
from orchestration.decisions.approvals.policy import ApprovalPolicy
from orchestration.decisions.approvals.verdicts import Verdict, delegate, escalate_due, give_verdict
from orchestration.decisions.latency import ActionLatency, action_latencies
from orchestration.decisions.ledger import decision_history

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
POLICY = ApprovalPolicy.model_validate({
    "tiers": [
        {"tier": "supervisor", "role": "sales_supervisor", "up_to": "5000", "hours": 24},
        {"tier": "manager", "role": "general_manager", "up_to": "50000", "hours": 24},
        {"tier": "chief", "role": "cfo", "hours": 48},
    ],
    "people": {"sales_supervisor": ["Li"], "general_manager": ["Wang"], "cfo": ["Zhao", "Sun"]},
})  # fmt: skip
OPTION = {"name": "half", "label": {"en": "Half"}, "cost": None, "currency_code": None,
          "actions": [{"type": "notify", "to": "sales", "sinks": ["jsonl"], "message": {"en": "-"},
                       "fields": {}}]}  # fmt: skip


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def record(engine: Engine, name: str, amount: str = "100", **more: Any) -> str:
    row = {
        "decision_id": name, "rule_id": "r", "rule_version": 1, "kind": "approval",
        "owner": "sales", "subject": name, "occurrence": "once", "occurred_at": NOW,
        "publication_id": "p", "snapshot_id": 1, "explanation": {}, "message": {"en": "?"},
        "amount": Decimal(amount), "currency_code": "CNY", "state": "proposed", "created_at": NOW,
        "updated_at": NOW, "options": [OPTION],
    }  # fmt: skip
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions).values(row | more))
    return name


def ask(
    engine: Engine, name: str, *, role: str = "general_manager", needed: int = 1, **more: Any
) -> str:
    record(engine, name, **more)
    tier = next(one.tier for one in POLICY.tiers if one.role == role)
    with write_transaction(engine) as connection:
        connection.execute(insert(approvals).values(
            decision_id=name, tier=tier, role=role, needed=needed, recommended="approve",
            state="awaiting", requested_at=NOW, due_at=NOW + hours(24), escalations=0,
        ))  # fmt: skip
    return name


def answer(
    engine: Engine, name: str, who: str, after: float, yes: bool = True, **more: Any
) -> None:
    verdict = Verdict("approve" if yes else "reject", who, "because", **more)
    give_verdict(engine, POLICY, name, verdict, now=NOW + hours(after), zone=ZONE)


def receive(engine: Engine, name: str, after: float) -> None:
    with write_transaction(engine) as connection:
        key = f"{name}_{after}"
        number = connection.execute(
            insert(outbox)
            .values(
                decision_id=name, action_no=int(after * 10) + 2, sink="jsonl", idempotency_key=key,
                payload={"data": {}}, state="sent", attempts=1, next_attempt_at=NOW,
                created_at=NOW, updated_at=NOW,
            )
            .returning(outbox.c.outbox_id)
        ).scalar_one()  # fmt: skip
        connection.execute(insert(receipts).values(
            outbox_id=number, decision_id=name, sink="jsonl", idempotency_key=key, attempt=1,
            outcome="accepted", received_at=NOW + hours(after), detail={},
        ))  # fmt: skip


@pytest.fixture
def told(engine: Engine) -> dict[Node, NodeFigures]:
    """Seven decisions: see the comments for what each is."""
    # The manager said yes after 2 h, half of it after 4 h, no after 6 h (500 yuan).
    answer(engine, ask(engine, "yes"), "Wang", 2)
    answer(engine, ask(engine, "half"), "Wang", 4, option="half")
    answer(engine, ask(engine, "no", amount="500"), "Wang", 6, yes=False)
    # The supervisor's delegate said yes after 10 h.
    delegate(engine, "Li", "Chen", days=9, author="Li", reason="leave", now=NOW)
    answer(engine, ask(engine, "delegated", role="sales_supervisor"), "Chen", 10)
    # Two chiefs: the first after 3 h, the second another 5 h later.
    ask(engine, "eyes", role="cfo", needed=2)
    answer(engine, "eyes", "Zhao", 3)
    answer(engine, "eyes", "Sun", 8)
    # The supervisor did not answer within 24 h; the manager said yes one hour after that.
    ask(engine, "late", role="sales_supervisor")
    escalate_due(engine, POLICY, now=NOW + hours(24))
    answer(engine, "late", "Wang", 25)
    # Of another rule: nobody has answered yet.
    ask(engine, "open", rule_id="other", owner="finance")
    return {one.node: one for one in node_figures(approval_paths(engine))}


def test_each_node_has_its_waits_and_answers(told: dict[Node, NodeFigures]) -> None:
    first = told[Node("general_manager", "asked")]
    assert first.waits == Waits(3, 4 * 3600, pytest.approx(5.6 * 3600))
    assert (first.approved, first.changed, first.rejected, first.open) == (2, 1, 1, 1)
    supervisor = told[Node("sales_supervisor", "asked")]
    assert supervisor.waits == Waits(2, 17 * 3600, pytest.approx(22.6 * 3600))
    assert (supervisor.approved, supervisor.delegated, supervisor.passed_on) == (1, 1, 1)
    after = told[Node("general_manager", "escalated")]
    assert (after.waits.p50, after.approved, after.delegated) == (3600, 1, 0)
    assert told[Node("cfo", "asked")].waits.p50 == 3 * 3600
    assert told[Node("cfo", "second")].waits.p50 == 5 * 3600
    # Most time was spent with the supervisor: 34 hours.
    assert next(iter(told)) == Node("sales_supervisor", "asked")


def test_leaving_a_node_out_saves_its_time_and_costs_its_answers(
    told: dict[Node, NodeFigures],
) -> None:
    manager = told[Node("general_manager", "asked")].without
    assert manager.earlier == Waits(2, 3 * 3600, pytest.approx(3.8 * 3600))
    assert (manager.rejected, manager.rejected_amounts) == (1, {"CNY": Decimal("500.00")})
    assert (manager.changed, manager.unanswered) == (1, 0)
    # Without the supervisor the one decision goes at once, the other to the manager a day earlier.
    supervisor = told[Node("sales_supervisor", "asked")].without
    assert (supervisor.earlier.count, supervisor.earlier.p50) == (2, 17 * 3600)
    assert (supervisor.rejected, supervisor.changed) == (0, 0)
    assert told[Node("cfo", "second")].without.earlier.p50 == 5 * 3600
    # Who is only asked because nobody answered: nobody knows what would have been.
    after = told[Node("general_manager", "escalated")].without
    assert (after.earlier.count, after.unanswered) == (0, 1)


def test_ways_are_as_long_as_the_history_says(
    engine: Engine, told: dict[Node, NodeFigures]
) -> None:
    assert told
    paths = approval_paths(engine)
    assert path_lengths(paths) == {1: 4, 2: 2}
    assert path_waits(paths).count == 6
    # The same from the tables, without the module: from the question to its end.
    with engine.connect() as connection:
        rows = connection.execute(text(
            "select decision_id, requested_at, closed_at, escalations from approvals "
            "where closed_at is not null"
        )).all()  # fmt: skip
        verdicts = connection.execute(text("select count(*) from approval_verdicts")).scalar_one()

    def moment(value: Any) -> datetime:
        return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))

    whole = {row[0]: (moment(row[2]) - moment(row[1])).total_seconds() for row in rows}
    assert {one.decision_id: one.wait_seconds for one in paths if one.wait_seconds} == whole
    steps = sum(len(one.steps) for one in paths)
    assert steps == verdicts + sum(row[3] for row in rows) + 1  # and the one that is asked now
    assert [one.decision_id for one in approval_paths(engine, rule_id="other")] == ["open"]
    assert approval_paths(engine, since=NOW + hours(1)) == []


def test_nobody_was_left_to_ask(engine: Engine) -> None:
    ask(engine, "gone", role="cfo")
    escalate_due(engine, POLICY, now=NOW + hours(24))
    (path,) = approval_paths(engine)
    (step,) = path.steps
    assert (step.ending, step.wait_seconds) == ("expired", 24 * 3600)
    (node,) = node_figures([path])
    assert (node.expired, node.without.earlier.count, node.without.rejected) == (1, 0, 0)


def test_a_quantity_that_was_changed_before_the_yes_is_a_change(engine: Engine) -> None:
    ask(engine, "less")
    with write_transaction(engine) as connection:
        connection.execute(insert(decision_events).values(
            decision_id="less", happened_at=NOW + hours(1), event="amended", to_state="proposed",
            actor="Wang", detail={"from": 9, "to": 3},
        ))  # fmt: skip
    answer(engine, "less", "Wang", 2)
    (node,) = node_figures(approval_paths(engine))
    assert (node.approved, node.changed) == (1, 1)


def test_a_review_keeps_result_clause_and_note_for_good(engine: Engine) -> None:
    answer(engine, ask(engine, "sale"), "Wang", 1, option="half", clause=" 7.2 ")
    answer(engine, ask(engine, "bad"), "Wang", 2, yes=False, clause="9")
    answer(engine, ask(engine, "plain"), "Wang", 3)
    kept = {name: decision_history(engine, name)[0] for name in ("sale", "bad", "plain")}
    assert kept["sale"].detail == {
        "reason": "because", "channel": "command", "option": "half", "clause": "7.2",
    }  # fmt: skip
    assert (kept["bad"].event, kept["bad"].detail["clause"]) == ("rejected", "9")
    assert "clause" not in kept["plain"].detail
    with write_transaction(engine) as connection, pytest.raises(DatabaseError):
        connection.execute(text("update decision_events set detail = '{}'"))


def test_speed_is_from_the_proposal_to_what_was_done(engine: Engine) -> None:
    # Acted on after 1, 2 and 9 h; a repeated receipt does not count again.
    for name, after in (("a", 1.0), ("b", 2.0), ("c", 9.0)):
        receive(engine, record(engine, name, state="confirmed"), after)
    receive(engine, "a", 30.0)
    # The question was delivered at once, what was decided half an hour after the yes at 4 h.
    receive(engine, ask(engine, "d"), 0.1)
    answer(engine, "d", "Wang", 4)
    receive(engine, "d", 4.5)
    # A no is an action, too, after 3 h; what is stale, waits or is only recorded is none.
    answer(engine, ask(engine, "e"), "Wang", 3, yes=False)
    record(engine, "f", state="expired")
    receive(engine, ask(engine, "g"), 0.1)
    record(engine, "h", state="pending")
    receive(engine, record(engine, "i", mode="shadow"), 0.2)
    # Of another rule, whose only wish is an answer.
    answer(engine, ask(engine, "j", rule_id="only_ask", owner="finance"), "Wang", 20)
    with write_transaction(engine) as connection:
        connection.execute(text("update decisions set state = 'confirmed' where decision_id = 'j'"))
    day = 24
    slow, fast = action_latencies(engine)
    assert (slow.rule_id, slow.owner, slow.p50_seconds) == ("only_ask", "finance", 20 * 3600)
    assert fast == ActionLatency("r", "sales", 8, 4, 1, 1, 2, 3 * 3600, pytest.approx(7.2 * 3600))
    assert action_latencies(engine, rule_id="nothing") == []
    assert action_latencies(engine, since=NOW + hours(day)) == []
