"""Effects of a rule: both groups from the ledger, outcomes from the published orders."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from connectors.database.engine import write_transaction
from connectors.database.schema import decisions
from models_ml.experiments import EffectConfig
from orchestration.decisions.definition import read_rule
from orchestration.decisions.effects import RuleEffect, measure_purchase_cost, measure_rule
from orchestration.decisions.rulebook import SHIPPED_RULES, save_rule

DECIDED = datetime(2026, 3, 1, tzinfo=UTC)


def ledger_row(number: int, mode: str, **values: object) -> dict[str, object]:
    row: dict[str, object] = {
        "decision_id": f"{mode}{number}{values.get('rule_id', 'r')}", "rule_id": "r",
        "rule_version": 1, "kind": "coupon", "occurrence": "once", "occurred_at": DECIDED,
        "subject": json.dumps({"order_key": f"{mode}{number}"}), "publication_id": "p",
        "snapshot_id": 1, "explanation": {}, "message": {}, "state": "proposed", "mode": mode,
        "created_at": DECIDED, "updated_at": DECIDED,
    }  # fmt: skip
    return row | values


@pytest.fixture
def measured(engine: Engine, lake: Any) -> Any:
    """Of 100 orders acted on 60 buy again, of 50 held out 10; two of the second do so too late."""
    rows = [ledger_row(n, "act") for n in range(100)]
    rows += [ledger_row(n, "hold_out") for n in range(50)]
    rows += [
        ledger_row(0, "shadow"),
        ledger_row(0, "hold_out", rule_id="other"),
        ledger_row(500, "act", occurred_at=DECIDED + timedelta(days=80)),
        ledger_row(501, "act", subject='{"sku":"A"}'),
    ]
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions), rows)
    lake.execute("""
        create table fct_orders as
        select 'shop' as business, mode || n as order_key, mode || n as customer_key,
            'CNY' as currency_code, 'sale' as order_type,
            case when n % 10 = 0 then 'cancelled' else 'completed' end as order_status,
            100.00::decimal(18, 2) as gross_amount,
            0.00::decimal(18, 2) as refunded_amount,
            timestamptz '2026-02-28 00:00:00+00' as created_at,
            timestamptz '2026-02-28 00:00:00+00' as paid_at
        from range(600) as numbers(n), (values ('act'), ('hold_out')) as modes(mode)
        union all
        select 'shop', 'again' || mode || n, mode || n, 'CNY', 'sale', 'paid', 50, 0,
            timestamptz '2026-03-01 00:00:00+00' + to_days(case when mode = 'hold_out' and n >= 10
                then 31 else 30 end), null
        from range(60) as numbers(n), (values ('act'), ('hold_out')) as modes(mode)
        where mode = 'act' or n < 12
    """)
    lake.execute(
        "create table int_business_clock as "
        "select 'shop' as business, timestamptz '2026-04-15 00:00:00+00' as as_of"
    )
    return lake


def by_name(found: list[RuleEffect]) -> dict[str, RuleEffect]:
    return {one.measure: one for one in found}


def test_groups_outcomes_and_verdicts(engine: Engine, measured: Any) -> None:
    found = by_name(measure_rule(engine, measured, "r"))
    again = found["repurchase"].effect
    assert (again.acted_on, again.held_out) == (100, 50)
    assert (again.value_acted_on, again.value_held_out) == (0.6, 0.2)
    assert again.verdict == "better"
    cancelled = found["cancelled"].effect
    assert (cancelled.value_acted_on, cancelled.value_held_out) == (0.1, 0.1)
    assert cancelled.verdict == "undecided"
    money = found["repurchase_amount"]
    assert (money.currency_code, money.effect.value_acted_on) == ("CNY", 30.0)
    assert money.effect.verdict == "better"


def test_small_groups_stay_undecided(engine: Engine, measured: Any) -> None:
    strict = EffectConfig(least_group=60)
    found = by_name(measure_rule(engine, measured, "r", config=strict))
    assert found["repurchase"].effect.verdict == "undecided"


def test_rule_without_ripe_decisions_has_no_effect_yet(engine: Engine, measured: Any) -> None:
    assert measure_rule(engine, measured, "unknown") == []
    assert measure_rule(engine, measured, "r", days=60) == []


def test_what_was_offered_to_people_counts_where_they_bought_it(
    engine: Engine, measured: Any
) -> None:
    """Of 40 people of each group, who are known by the order that the offer was about."""
    offered = {
        "explanation": {"item_type": "category", "offered_item": "tea"},
        "rule_id": "offers",
    }
    rows = [
        ledger_row(
            n, mode,
            subject=json.dumps({"business": "shop", "person_key": f"p{mode}{n}"}),
            **offered | {"explanation": {**offered["explanation"], "order_key": f"{mode}{n}"}},
        )
        for mode in ("act", "hold_out") for n in range(40)
    ]  # fmt: skip
    rows.append(ledger_row(70, "act", subject='{"parcel_key":"x"}', **offered))
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions), rows)
    # Without lines nobody knows what was bought; the other outcomes are told all the same.
    assert "bought_offered" not in by_name(measure_rule(engine, measured, "offers"))
    measured.execute(
        "create table dim_products as select 'shop' as business, sku, category from "
        "(values ('oolong', 'tea'), ('mug', 'cups'), ('tea', 'cups')) as goods(sku, category)"
    )
    measured.execute("""
        create table fct_order_lines as
        select 'shop' as business, order_key,
            case when order_key like 'againact%' or order_key = 'againhold_out3' then 'oolong'
                else 'tea' end as sku
        from fct_orders where order_key like 'again%'
        union all
        select 'shop', 'againact1', 'oolong'
    """)
    found = by_name(measure_rule(engine, measured, "offers"))
    bought = found["bought_offered"].effect
    assert (bought.acted_on, bought.held_out) == (40, 40)
    assert (bought.value_acted_on, bought.value_held_out) == (1.0, 1 / 40)
    assert bought.verdict == "better"
    assert found["repurchase"].effect.value_acted_on == 1.0
    # A rule that offers nothing is not asked about offers.
    assert "bought_offered" not in by_name(measure_rule(engine, measured, "r"))


def coupon_rule(engine: Engine) -> None:
    """The rule `r` with a budget, so that its decisions cost something."""
    shipped = read_rule(SHIPPED_RULES / "coupon_late_delivery.yml")
    save_rule(engine, shipped.model_copy(update={"rule_id": "r"}), author="Li", reason="test")


def spend(engine: Engine, **values: object) -> None:
    with write_transaction(engine) as connection:
        connection.execute(
            update(decisions).where(decisions.c.mode == "act").values(cost=Decimal(5), **values)
        )


def test_each_purchase_that_was_brought_has_its_cost(engine: Engine, measured: Any) -> None:
    coupon_rule(engine)
    spend(engine)
    cost = measure_purchase_cost(engine, measured, "r")
    assert cost is not None
    # 100 coupons of 5; of 100 orders 60 came again and, by the others, 20 would have anyway.
    assert (cost.spent, cost.currency_code, cost.each) == (Decimal(500), "CNY", Decimal("12.50"))
    assert cost.least is not None
    assert cost.most is not None
    assert cost.least < Decimal("12.50") < cost.most
    assert cost.effect.verdict == "better"


def test_what_was_never_sent_cost_nothing(engine: Engine, measured: Any) -> None:
    coupon_rule(engine)
    spend(engine, state="rejected")
    cost = measure_purchase_cost(engine, measured, "r")
    assert cost is not None
    assert cost.spent == 0


def test_who_brought_nothing_has_no_cost_a_purchase(engine: Engine, measured: Any) -> None:
    coupon_rule(engine)
    spend(engine)
    measured.execute("delete from fct_orders where order_key like 'againact%'")
    cost = measure_purchase_cost(engine, measured, "r")
    assert cost is not None
    assert (cost.each, cost.most) == (None, None)
    assert cost.effect.verdict == "worse"
    assert measure_purchase_cost(engine, measured, "r", days=60) is None
