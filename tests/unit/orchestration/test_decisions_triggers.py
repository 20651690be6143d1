"""Triggers, branches, actions, hold-out and priorities: what a rule proposes, and its near miss."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import InputError
from orchestration.decisions.conflicts import resolve_conflicts
from orchestration.decisions.definition import RuleDefinition, parse_rule
from orchestration.decisions.evaluation import evaluate_rule
from orchestration.decisions.holdout import draw, is_held_out
from orchestration.decisions.proposals import Evaluation

ZONE = ZoneInfo("Asia/Shanghai")
TEXT = {"en": "Order {order_no}", "zh": "订单 {order_no}"}


def raw(**changes: object) -> dict[str, Any]:
    data: dict[str, Any] = {
        "rule_id": "approve_amount",
        "kind": "approval",
        "name": {"en": "a", "zh": "b"},
        "description": "For tests.",
        "mode": "enabled",
        "owner": "finance",
        "source_table": "fct_orders",
        "key": ["order_key"],
        "condition": "gross_amount > :tier_1",
        "parameters": {"tier_1": number(5000), "tier_2": number(50000)},
        "branches": [
            branch("cfo", "gross_amount > :tier_2"),
            branch("supervisor", None),
        ],
        "amount_column": "gross_amount",
        "currency_column": "currency_code",
        "explain": ["order_no"],
        "sinks": ["jsonl"],
        "message": TEXT,
    }
    return {name: value for name, value in {**data, **changes}.items() if value is not None}


def number(value: object) -> dict[str, object]:
    kind = "text" if isinstance(value, str) and ":" in value else "decimal"
    return {"type": kind, "value": value, "label": {"en": "l", "zh": "l"}}


def branch(name: str, when: str | None) -> dict[str, object]:
    action = {"type": "request_approval", "to": name}
    return {"name": name, "label": {"en": name, "zh": name}, "when": when, "actions": [action]}


def rule(**changes: object) -> RuleDefinition:
    return parse_rule(raw(**changes), where="test rule")


@pytest.fixture
def orders(lake: Any) -> Any:
    lake.execute("""
        create table fct_orders as
        select *, timestamptz '2026-11-20 08:00:00+00' as entered_at, 'shop' as business,
            'CNY' as currency_code, 'N' || order_key as order_no
        from (values
            ('1', 5000.00::decimal(18, 2), 'paid'), ('2', 5000.01, 'paid'),
            ('3', 50000.00, 'shipped'), ('4', 50000.01, 'paid')
        ) as t(order_key, gross_amount, order_status)
    """)
    lake.execute("""
        create table int_business_clock as
        select 'shop' as business, timestamptz '2026-11-21 08:00:00+00' as as_of
    """)
    return lake


def found(definition: RuleDefinition, lake: Any) -> Evaluation:
    evaluation = evaluate_rule(definition, lake, zone=ZONE)
    assert evaluation.errors == ()
    return evaluation


def keys(evaluation: Evaluation) -> list[str]:
    return [proposal.subject.split('"')[3] for proposal in evaluation.proposals]


def test_first_branch_that_applies_gives_the_actions(orders: Any) -> None:
    evaluation = found(rule(actions=[{"type": "notify", "to": "sales"}]), orders)
    assert [(p.branch, [(a.type, a.to) for a in p.actions]) for p in evaluation.proposals] == [
        ("supervisor", [("notify", "sales"), ("request_approval", "supervisor")]),
        ("supervisor", [("notify", "sales"), ("request_approval", "supervisor")]),
        ("cfo", [("notify", "sales"), ("request_approval", "cfo")]),
    ]
    assert keys(evaluation) == ["2", "3", "4"]
    assert evaluation.proposals[0].actions[0].message == {"en": "Order N2", "zh": "订单 N2"}
    assert evaluation.proposals[0].actions[0].sinks == ("jsonl",)


def test_rows_that_no_branch_covers_keep_the_common_actions(orders: Any) -> None:
    only = rule(branches=[branch("cfo", "gross_amount > :tier_2")])
    assert [(p.branch, len(p.actions)) for p in found(only, orders).proposals] == [
        (None, 0), (None, 0), ("cfo", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "expected"),
    [("24", ["1", "2", "3", "4"]), ("24.01", []), ("23.5", ["1", "2", "3", "4"])],
)
def test_state_that_lasts_fires_at_its_hour_of_the_business_clock(
    orders: Any, hours: str, expected: list[str]
) -> None:
    lasting = rule(
        trigger={"type": "state_lasts", "since": "entered_at", "hours_parameter": "hours"},
        condition="gross_amount >= :tier_1 and gross_amount < 2 * :tier_2",
        parameters={"hours": number(hours), "tier_1": number(5000), "tier_2": number(50000)},
    )
    assert keys(found(lasting, orders)) == expected


def test_changed_columns_are_the_occurrence(orders: Any) -> None:
    changing = rule(
        trigger={"type": "row_changes", "columns": ["order_status"]},
        condition="order_status = 'shipped' and gross_amount > :tier_1",
    )
    first = found(changing, orders).proposals
    assert [p.occurrence for p in first] == ["order_status=shipped"]
    orders.execute("update fct_orders set gross_amount = 6000 where order_key = '3'")
    assert [p.decision_id for p in found(changing, orders).proposals] == [first[0].decision_id]


@pytest.mark.parametrize(
    ("at", "weekdays", "occurrence"),
    [
        ("20:00", None, "2026-11-21T20:00+08:00"),
        ("20:01", None, "2026-11-20T20:01+08:00"),
        ("09:00", ["monday"], "2026-11-16T09:00+08:00"),
    ],
)
def test_schedule_fires_once_for_each_scheduled_time(
    orders: Any, at: str, weekdays: list[str] | None, occurrence: str
) -> None:
    trigger = {"type": "schedule", "at_parameter": "at"}
    scheduled = rule(
        trigger=trigger | ({"weekdays": weekdays} if weekdays else {}),
        parameters={"at": number(at), "tier_1": number(5000), "tier_2": number(50000)},
    )
    assert {p.occurrence for p in found(scheduled, orders).proposals} == {occurrence}


def test_time_by_row_is_the_clock_of_its_business(orders: Any) -> None:
    condition = "gross_amount > :tier_1 and date_diff('hour', entered_at, :as_of) = 24"
    assert keys(found(rule(condition=condition), orders)) == ["2", "3", "4"]
    orders.execute("drop table int_business_clock")
    assert keys(found(rule(condition=condition), orders)) == []


@pytest.mark.parametrize(
    ("dates", "count"),
    [
        ({}, 3),
        ({"first_day": "2026-11-21"}, 3),
        ({"first_day": "2026-11-22"}, 0),
        ({"last_day": "2026-11-21"}, 3),
        ({"last_day": "2026-11-20"}, 0),
    ],
)
def test_rule_fires_on_its_effective_dates_only(
    orders: Any, dates: dict[str, str], count: int
) -> None:
    assert len(found(rule(effective=dates), orders).proposals) == count


def test_shadow_and_hold_out_are_told_apart(orders: Any) -> None:
    assert {p.mode for p in found(rule(mode="shadow"), orders).proposals} == {"shadow"}
    modes = {p.subject: p.mode for p in found(rule(holdout_share=0.5), orders).proposals}
    assert modes == {
        subject: "hold_out" if draw("approve_amount", subject) < 2**63 else "act"
        for subject in modes
    }


def test_hold_out_is_the_declared_share_and_only_grows() -> None:
    subjects = [f'{{"order_key":"{n}"}}' for n in range(20_000)]
    tenth = {s for s in subjects if is_held_out("r", s, Decimal("0.1"))}
    fifth = {s for s in subjects if is_held_out("r", s, Decimal("0.2"))}
    other = {s for s in subjects if is_held_out("r2", s, Decimal("0.1"))}
    # Four standard deviations of a binomial of 20,000 draws.
    assert abs(len(tenth) - 2000) < 170
    assert tenth < fifth
    assert abs(len(tenth & other) - 200) < 57
    assert not any(is_held_out("r", s, Decimal(0)) for s in subjects)


def test_options_and_cost_are_exact(orders: Any) -> None:
    option = {
        "name": "coupon", "label": {"en": "c", "zh": "c"}, "cost_parameter": "tier_2",
        "currency": "CNY", "actions": [{"type": "issue_coupon", "fields": {"order": "{order_no}"}}],
    }  # fmt: skip
    budget = {
        "cost_parameter": "tier_1", "limit_parameter": "tier_2", "per": "month", "currency": "CNY",
    }  # fmt: skip
    proposal = found(rule(options=[option], budget=budget), orders).proposals[0]
    assert proposal.cost == Decimal(5000)
    assert (proposal.options[0].cost, proposal.options[0].currency_code) == (Decimal(50000), "CNY")
    assert proposal.options[0].actions[0].fields == {"order": "N2"}


def test_lower_number_decides_and_the_other_says_who_did(orders: Any) -> None:
    first = rule(rule_id="b", decides="release", priority=10)
    second = rule(rule_id="a", decides="release", condition="gross_amount >= :tier_1")
    other = rule(rule_id="c", decides="site")
    shadow = rule(rule_id="d", decides="release", priority=1, mode="shadow")
    rules = [second, first, other, shadow]
    resolved = {
        definition.rule_id: evaluation
        for definition, evaluation in resolve_conflicts([(r, found(r, orders)) for r in rules])
    }
    assert keys(resolved["a"]) == ["1"]
    assert {winner for _, winner in resolved["a"].overruled} == {"b"}
    assert [len(resolved[name].proposals) for name in "bcd"] == [3, 3, 3]
    assert resolved["d"].overruled == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"branches": [branch("a", None), branch("b", None)]}, "only the last branch"),
        ({"branches": [branch("a", "1 = 1"), branch("a", None)]}, "two branches have one name"),
        ({"branches": [branch("a", "gross_amount > (select 1)")]}, "not allowed"),
        ({"parameters": {"tier_1": number(1), "x": number(1)}, "branches": ()}, "x is not used"),
        ({"actions": [{"type": "notify"}]}, "needs to"),
        ({"actions": [{"type": "shout", "to": "x"}]}, "type"),
        ({"actions": [{"type": "freeze_customer", "fields": {"who": "{nobody}"}}]}, "{nobody}"),
        ({"trigger": {"type": "row_moves"}}, "trigger"),
        ({"trigger": {"type": "state_lasts", "since": "entered_at", "hours_parameter": "tier_3"}},
         "did you mean tier_2?"),
        ({"trigger": {"type": "row_changes", "columns": ["a"]}, "occurrence": "b"}, "row_changes"),
        ({"effective": {"first_day": "2026-02-01", "last_day": "2026-01-01"}}, "before it begins"),
        ({"holdout_share": 0.95}, "holdout_share"),
        ({"priority": 0}, "priority"),
        ({"parameters": {"as_of": number(1)}}, "given by Fourflow"),
    ],
)  # fmt: skip
def test_wrong_parts_are_refused_in_one_sentence(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError) as caught:
        rule(**changes)
    assert says in str(caught.value)


def test_parameters_can_be_tried_with_other_values() -> None:
    tried = rule().with_parameters({"tier_1": "6000.50"})
    assert tried.parameters["tier_1"].bound() == Decimal("6000.50")
    assert tried.content_hash() != rule().content_hash()
    with pytest.raises(InputError, match="did you mean tier_1"):
        rule().with_parameters({"teir_1": "1"})
    with pytest.raises(InputError, match="not of type decimal"):
        rule().with_parameters({"tier_1": "much"})


def test_definition_survives_its_stored_form() -> None:
    definition = rule(
        effective={"first_day": "2026-01-01"}, holdout_share=0.1, cooldown_days=3, decides="x"
    )
    assert parse_rule(definition.stored(), where="stored") == definition
    assert definition.holdout_share == Decimal("0.1")
