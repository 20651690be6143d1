"""The ledger records each decision once, with what made it, and holds it while the data is red."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, select, update

from connectors.database.engine import write_transaction
from connectors.database.runs import FailedCheck, RedState
from connectors.database.schema import decisions, outbox
from orchestration.decisions.approvals.verdicts import find_approval
from orchestration.decisions.definition import parse_rule, read_rule
from orchestration.decisions.ledger import (
    DecideReport,
    count_by_state,
    decide,
    decision_history,
    list_decisions,
)
from orchestration.decisions.outbox import list_deliveries, release_held
from orchestration.decisions.rulebook import SHIPPED_RULES, save_rule, seed_rules

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RED = RedState("run-9", NOW, (FailedCheck("unique_fct_orders", "dbt_test", "2 rows"),))


@pytest.fixture
def seeded(engine: Engine) -> Engine:
    seed_rules(engine, now=NOW)
    return engine


def by_rule(report: DecideReport) -> dict[str, tuple[int, int, int, int]]:
    assert report.errors == ()
    return {r.rule_id: (r.matched, r.created, r.known, r.cooling) for r in report.rules}


def move_stock_to(lake: Any, day: str) -> None:
    lake.execute(
        f"update replenishment_positions set business_date = date '{day}', origin_date = '{day}'"
    )


def test_every_rule_decides_once_however_often_it_runs(seeded: Engine, retail_lake: Any) -> None:
    first = decide(seeded, retail_lake, now=NOW)
    assert by_rule(first) == {
        "alert_channel_orders_low": (1, 1, 0, 0),
        "alert_large_order": (2, 2, 0, 0),
        "replenish_below_reorder_point": (1, 1, 0, 0),
        "transfer_surplus_stock": (0, 0, 0, 0),
    }
    assert (first.created, first.held_because) == (4, None)
    again = decide(seeded, retail_lake, now=NOW + timedelta(hours=1))
    assert again.created == 0
    assert {found[2] for found in by_rule(again).values()} == {0, 1, 2}
    counts = count_by_state(seeded)
    assert counts["proposed"] == sum(counts.values()) == 4


def test_decision_says_what_made_it(seeded: Engine, retail_lake: Any) -> None:
    decide(seeded, retail_lake, now=NOW, sinks=["jsonl"])
    found = next(
        d for d in list_decisions(seeded, rule_id="alert_large_order") if "sandbox" in d.subject
    )
    assert (found.rule_version, found.kind, found.state) == (1, "alert", "proposed")
    assert (found.publication_id, found.snapshot_id) == ("20261121T120000Z-0000", 7)
    assert (found.amount, found.currency_code) == (Decimal("10000.00"), "CNY")
    assert found.explanation["order_status"] == "paid"
    assert found.message["zh"].startswith("pos 渠道订单 1")
    (event,) = decision_history(seeded, found.decision_id)
    assert (event.event, event.from_state, event.to_state) == ("proposed", None, "proposed")
    (delivery,) = list_deliveries(seeded, [found.decision_id])
    assert (delivery.sink, delivery.state, delivery.attempts) == ("jsonl", "pending", 0)
    with seeded.connect() as connection:
        query = select(outbox.c.payload).where(outbox.c.decision_id == found.decision_id)
        payload = connection.execute(query).scalar_one()
    assert payload["type"] == "decision.alert"
    assert payload["data"]["amount"] == "10000.00"
    assert payload["data"]["explanation"] == found.explanation


def test_decisions_can_be_listed_by_state_rule_and_kind(seeded: Engine, retail_lake: Any) -> None:
    decide(seeded, retail_lake, now=NOW)
    assert len(list_decisions(seeded)) == 4
    assert len(list_decisions(seeded, limit=2)) == 2
    assert [d.kind for d in list_decisions(seeded, kind="replenish")] == ["replenish"]
    assert list_decisions(seeded, state="dead") == []


def test_decision_waits_for_all_sinks_when_none_of_its_own_is_on(
    seeded: Engine, retail_lake: Any
) -> None:
    decide(seeded, retail_lake, now=NOW, sinks=["something_else"])
    ids = [d.decision_id for d in list_decisions(seeded)]
    assert {d.sink for d in list_deliveries(seeded, ids)} == {"jsonl", "webhook"}


def test_new_decisions_on_red_data_are_held_with_the_reason(
    seeded: Engine, retail_lake: Any
) -> None:
    report = decide(seeded, retail_lake, now=NOW, on_red=RED)
    assert report.created == 4
    assert report.held_because == RED.reason()
    held = list_decisions(seeded, state="held")
    assert len(held) == 4
    assert {d.state_reason for d in held} == {RED.reason()}
    assert "run-9" in RED.reason()
    assert "unique_fct_orders" in RED.reason()


def test_cooldown_keeps_one_open_decision_per_subject(seeded: Engine, retail_lake: Any) -> None:
    def replenish(now: datetime) -> tuple[int, int, int, int]:
        report = decide(seeded, retail_lake, now=now)
        return by_rule(report)["replenish_below_reorder_point"]

    assert replenish(NOW) == (1, 1, 0, 0)
    move_stock_to(retail_lake, "2026-11-24")
    assert replenish(NOW) == (1, 0, 0, 1)
    move_stock_to(retail_lake, "2026-11-25")
    assert replenish(NOW) == (1, 1, 0, 0)
    move_stock_to(retail_lake, "2026-11-23")
    assert replenish(NOW) == (1, 0, 0, 1)


def test_dead_decision_does_not_block_the_next_one(seeded: Engine, retail_lake: Any) -> None:
    decide(seeded, retail_lake, now=NOW)
    with write_transaction(seeded) as connection:
        connection.execute(update(decisions).values(state="dead"))
    move_stock_to(retail_lake, "2026-11-21")
    report = decide(seeded, retail_lake, now=NOW)
    assert by_rule(report)["replenish_below_reorder_point"] == (1, 1, 0, 0)


def test_new_version_of_a_rule_does_not_repeat_old_decisions(
    seeded: Engine, retail_lake: Any
) -> None:
    decide(seeded, retail_lake, now=NOW)
    rule = read_rule(SHIPPED_RULES / "alert_large_order.yml")
    lower = rule.parameters["amount_threshold"].model_copy(update={"value": "9000.50"})
    parameters = {**rule.parameters, "amount_threshold": lower}
    changed = rule.model_copy(update={"parameters": parameters})
    save_rule(seeded, changed, author="Li", reason="lower", now=NOW)
    assert by_rule(decide(seeded, retail_lake, now=NOW))["alert_large_order"] == (3, 1, 2, 0)
    newest = list_decisions(seeded, rule_id="alert_large_order")
    assert sorted(d.rule_version for d in newest) == [1, 1, 2]


def test_rule_that_is_off_is_not_evaluated(seeded: Engine, retail_lake: Any) -> None:
    rule = read_rule(SHIPPED_RULES / "alert_large_order.yml")
    off = rule.model_copy(update={"mode": "disabled"})
    save_rule(seeded, off, author="Li", reason="noise", now=NOW)
    report = decide(seeded, retail_lake, now=NOW)
    assert "alert_large_order" not in {r.rule_id for r in report.rules}


def test_one_broken_rule_does_not_stop_the_others(seeded: Engine, retail_lake: Any) -> None:
    retail_lake.execute("alter table fct_orders drop column order_no")
    retail_lake.execute("drop table replenishment_positions")
    report = {r.rule_id: r for r in decide(seeded, retail_lake, now=NOW).rules}
    assert "order_no" in report["alert_large_order"].errors[0]
    assert "not published" in report["replenish_below_reorder_point"].skipped
    assert report["alert_channel_orders_low"].created == 1


def test_many_decisions_go_in_at_once_and_once(seeded: Engine, retail_lake: Any) -> None:
    retail_lake.execute("""
        insert into fct_orders by name
        select 'sandbox:n' || n as order_key, 'sandbox' as source, 'pos' as channel,
            'n' || n as order_no, 'sale' as order_type, 'paid' as order_status,
            20000.00 as gross_amount, 'CNY' as currency_code,
            timestamptz '2026-11-21 08:00:00+00' as created_at
        from range(1300) as r(n)
    """)
    assert decide(seeded, retail_lake, now=NOW, sinks=["jsonl"]).created == 1304
    assert decide(seeded, retail_lake, now=NOW, sinks=["jsonl"]).created == 0


def test_concurrent_passes_record_each_decision_once(seeded: Engine, retail_lake: Any) -> None:
    created: list[int] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        created.append(decide(seeded, retail_lake, now=NOW).created)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(created) == 4
    assert len(created) == 4
    ids = [d.decision_id for d in list_decisions(seeded)]
    assert len(list_deliveries(seeded, ids)) == 8
    assert all(len(decision_history(seeded, found)) == 1 for found in ids)


COUPON = """
rule_id: late_coupon
kind: coupon
name: {en: Coupon for delay, zh: 延误补偿券}
description: One coupon an order.
mode: enabled
owner: service
source_table: late_orders
key: [order_no]
window: {column: late_at, days: 30}
condition: hours_late > :hours
parameters:
  hours: {type: integer, value: 24, label: {en: Hours, zh: 小时}}
  value: {type: decimal, value: 5, label: {en: Coupon, zh: 券}}
  cap: {type: decimal, value: 17, label: {en: Cap, zh: 上限}}
budget: {cost_parameter: value, limit_parameter: cap, per: day, currency: CNY}
actions:
  - {type: issue_coupon, fields: {order_no: "{order_no}", amount: "{value}"}}
sinks: [jsonl]
message: {en: "Coupon for {order_no}.", zh: "{order_no} 补偿券。"}
"""


def late_orders(lake: Any, numbers: range, hours: int = 30) -> None:
    lake.execute(f"""
        create or replace table late_orders as
        select 'o' || n as order_no, {hours} as hours_late,
            timestamptz '2026-11-21 00:00:00+00' + to_minutes(n) as late_at
        from range({numbers.start}, {numbers.stop}) as t(n)
    """)


def use_rule(engine: Engine, text: str, **changes: Any) -> None:
    rule = parse_rule(yaml.safe_load(text) | changes, where="test")
    save_rule(engine, rule, author="Li", reason="test", now=NOW)


def test_coupon_is_decided_once_an_order_and_never_passes_the_budget(
    engine: Engine, lake: Any
) -> None:
    """Re-run, back-dated scan, edited order, more orders than money, and the next day."""
    use_rule(engine, COUPON)
    late_orders(lake, range(0, 2))
    made = [decide(engine, lake, now=NOW).created, decide(engine, lake, now=NOW).created]
    late_orders(lake, range(0, 2), hours=99)
    made.append(decide(engine, lake, now=NOW).created)
    late_orders(lake, range(0, 6))
    report = decide(engine, lake, now=NOW)
    made.append(report.created)
    assert made == [2, 0, 0, 1]
    assert report.rules[0].over_budget == 3
    tomorrow = decide(engine, lake, now=NOW + timedelta(days=1))
    assert (tomorrow.created, tomorrow.rules[0].over_budget) == (3, 0)
    spent = [d.cost for d in list_decisions(engine)]
    assert spent == [Decimal(5)] * 6
    assert len({d.subject for d in list_decisions(engine)}) == 6


def test_budget_holds_for_passes_at_once(engine: Engine, lake: Any) -> None:
    use_rule(engine, COUPON)
    late_orders(lake, range(0, 9))
    threads = [threading.Thread(target=decide, args=(engine, lake), kwargs={"now": NOW})
               for _ in range(4)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(d.cost for d in list_decisions(engine)) == Decimal(15)


def test_flood_of_decisions_is_held_and_alerted_until_a_person_lets_it_go(
    engine: Engine, lake: Any
) -> None:
    use_rule(engine, COUPON, budget=None, parameters=COUPON_HOURS)
    for day in range(8):
        late_orders(lake, range(day * 10, day * 10 + 10))
        report = decide(engine, lake, now=NOW + timedelta(days=day))
        assert (report.created, report.rules[0].held_because) == (10, None)
    flood_day = NOW + timedelta(days=8)
    late_orders(lake, range(100, 131))
    report = decide(engine, lake, now=flood_day)
    assert "31 decisions today, more than its ceiling of 30" in str(report.rules[0].held_because)
    late_orders(lake, range(131, 133))
    decide(engine, lake, now=flood_day)
    counts = count_by_state(engine)
    assert (counts["held"], counts["proposed"]) == (33, 81)
    (alert,) = list_decisions(engine, rule_id="volume_ceiling")
    assert "ceiling of 30" in alert.message["en"]
    freed = release_held(engine, now=NOW, cause="volume", rule_id="late_coupon", actor="Li")
    assert freed == 33
    assert count_by_state(engine)["held"] == 0


COUPON_HOURS = {
    "hours": {"type": "integer", "value": 24, "label": {"en": "Hours", "zh": "小时"}},
    "value": {"type": "decimal", "value": 5, "label": {"en": "Coupon", "zh": "券"}},
}


def test_rule_that_asks_for_an_approval_sends_the_request_and_holds_the_rest(
    engine: Engine, lake: Any
) -> None:
    ask = {"type": "request_approval", "to": "cfo"}
    release = {"type": "release_order", "fields": {"order_no": "{order_no}"}}
    use_rule(engine, COUPON, kind="approval", actions=[ask, release], budget=None,
             parameters={"hours": COUPON_HOURS["hours"]})  # fmt: skip
    late_orders(lake, range(0, 1))
    decide(engine, lake, now=NOW)
    (decision,) = list_decisions(engine)
    assert decision.state == "awaiting_approval"
    assert (decision.owner, decision.expires_at) == ("service", NOW + timedelta(hours=72))
    deliveries = list_deliveries(engine, [decision.decision_id])
    assert [(d.state, d.hold_reason) for d in deliveries] == [
        ("pending", None), ("held", "held until cfo has approved it"),
    ]  # fmt: skip
    approval = find_approval(engine, decision.decision_id)
    assert approval is not None
    assert (approval.role, approval.tier, approval.needed) == ("cfo", "chief", 1)
