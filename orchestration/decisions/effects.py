"""What a rule's decisions changed: subjects acted on against the random hold-out, by outcome.

Only decisions about orders, and about persons because of an order, have outcomes here. A decision
counts once its days are over, so that both groups were watched for as long.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np
from sqlalchemy import Engine, select

from connectors.database.schema import decisions
from models_ml.experiments import Effect, EffectConfig, compare_amounts, compare_shares
from orchestration.decisions.definition import ORDER_KEY
from orchestration.decisions.firing import Laboratory
from orchestration.decisions.rulebook import find_rule

_GROUPS = ("act", "hold_out")
_UNSENT = ("rejected", "expired", "dead")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Measure:
    """An outcome of an order: its name, its SQL and whether more of it is better.

    One `of_offers` is only asked where something was offered.
    """

    name: str
    sql: str
    higher_is_better: bool
    is_amount: bool = False
    of_offers: bool = False


_REPURCHASE = Measure("repurchase", "coalesce(later.order_count, 0) > 0", higher_is_better=True)
MEASURES = (
    Measure("cancelled", "orders.order_status = 'cancelled'", higher_is_better=False),
    Measure("returned", "orders.refunded_amount > 0", higher_is_better=False),
    Measure("unpaid", "orders.paid_at is null", higher_is_better=False),
    _REPURCHASE,
    Measure(
        "repurchase_amount", "coalesce(later.amount, 0)", higher_is_better=True, is_amount=True
    ),
    Measure(
        "bought_offered",
        "case when decided.offered_item is not null then offered.order_key is not null end",
        higher_is_better=True,
        of_offers=True,
    ),
)


@dataclass(frozen=True)
class RuleEffect:
    """One outcome of a rule's decisions; amounts apart by currency."""

    rule_id: str
    measure: str
    currency_code: str | None
    effect: Effect


@dataclass(frozen=True)
class PurchaseCost:
    """What acting cost, and what it cost for each purchase that would not have been made without.

    Attributes:
        currency_code: of the rule's budget.
        spent: on the orders that are compared; nothing for decisions of which nothing was sent.
        effect: of acting on whether another purchase followed.
        each: spent for each purchase brought, by the estimate; None where there is none.
        least: the same at the upper end of the effect's interval; None where it brought none.
        most: the same at its lower end; None where it may have brought none at all.
    """

    currency_code: str
    spent: Decimal
    effect: Effect
    each: Decimal | None
    least: Decimal | None
    most: Decimal | None


def measure_purchase_cost(
    engine: Engine,
    lake: Laboratory,
    rule_id: str,
    *,
    days: int = 30,
    config: EffectConfig | None = None,
) -> PurchaseCost | None:
    """What each purchase that a rule brought has cost; None for a rule without a budget or orders.

    Args:
        engine: the operational database with the ledger.
        lake: the published snapshot.
        rule_id: the rule.
        days: as for `measure_rule`.
        config: how to judge.
    """
    budget = find_rule(engine, rule_id).definition.budget
    rows = _outcomes(engine, lake, rule_id, days) if budget else []
    if budget is None or not rows:
        return None
    effect = _compare(_REPURCHASE, rows, config)
    spent = sum((row["cost"] for row in rows if row["mode"] == "act"), Decimal(0))

    def each(share: float | None) -> Decimal | None:
        if share is None or share <= 0:
            return None
        return (spent / Decimal(str(share * effect.acted_on))).quantize(_CENT, ROUND_HALF_UP)

    return PurchaseCost(
        budget.currency, spent, effect, each(effect.difference), each(effect.high), each(effect.low)
    )


def measure_rule(
    engine: Engine,
    lake: Laboratory,
    rule_id: str,
    *,
    days: int = 30,
    config: EffectConfig | None = None,
) -> list[RuleEffect]:
    """Compare what became of orders that a rule acted on and of those it held out.

    Args:
        engine: the operational database with the ledger.
        lake: the published snapshot.
        rule_id: the rule.
        days: days after a decision in which another purchase counts as its effect; younger
            decisions are left out.
        config: how to judge.

    Returns:
        One effect a measure, and for amounts one a currency; none without decisions about orders.
    """
    rows = _outcomes(engine, lake, rule_id, days)
    found = []
    for measure in MEASURES:
        if measure.of_offers and all(row[measure.name] is None for row in rows):
            continue
        currencies = sorted({row["currency_code"] for row in rows}) if measure.is_amount else [None]
        for currency in currencies:
            chosen = [row for row in rows if currency in (None, row["currency_code"])]
            effect = _compare(measure, chosen, config)
            found.append(RuleEffect(rule_id, measure.name, currency, effect))
    return found if rows else []


def _compare(measure: Measure, rows: list[dict[str, Any]], config: EffectConfig | None) -> Effect:
    acted_on, held_out = (
        [
            row[measure.name]
            for row in rows
            if row["mode"] == group and row[measure.name] is not None
        ]
        for group in _GROUPS
    )
    if measure.is_amount:
        return compare_amounts(
            np.array(acted_on, dtype=np.float64),
            np.array(held_out, dtype=np.float64),
            higher_is_better=measure.higher_is_better,
            config=config,
        )
    return compare_shares(
        (sum(acted_on), len(acted_on)),
        (sum(held_out), len(held_out)),
        higher_is_better=measure.higher_is_better,
        config=config,
    )


def _outcomes(engine: Engine, lake: Laboratory, rule_id: str, days: int) -> list[dict[str, Any]]:
    """One row a decided order: its group and each measure, once its days are over."""
    decided = _decided_orders(engine, rule_id)
    tables = lake.tables()
    if not decided or "fct_orders" not in tables:
        return []
    # Without lines nobody knows whether what was offered was bought.
    has_lines = set(tables) >= _OFFERED_FROM
    offers = _BOUGHT_OFFERS if has_lines else _NO_OFFERS
    measures = ", ".join(f"{measure.sql} as {measure.name}" for measure in MEASURES)
    return lake.rows(
        "with decided as (select unnest($keys) as order_key, unnest($modes) as mode, "  # noqa: S608
        "unnest($moments) as occurred_at, unnest($costs)::decimal(18, 2) as cost, "
        "unnest($item_types)::varchar as item_type, unnest($items)::varchar as offered_item), "
        "following as (select decided.order_key, decided.item_type, decided.offered_item, "
        "next_orders.order_key as next_key, next_orders.gross_amount from decided "
        "join fct_orders as own on own.order_key = decided.order_key "
        "join fct_orders as next_orders on next_orders.customer_key = own.customer_key "
        "and next_orders.currency_code = own.currency_code "
        "and next_orders.order_type = 'sale' and next_orders.order_status <> 'cancelled' "
        "and next_orders.order_key <> own.order_key "
        "and next_orders.created_at > decided.occurred_at "
        "and next_orders.created_at <= decided.occurred_at + to_days($days)), "
        "later as (select order_key, count(*) as order_count, sum(gross_amount) as amount "
        f"from following group by order_key), offered as ({offers}) "
        f"select decided.mode, decided.cost, orders.currency_code, {measures} from decided "
        "join fct_orders as orders on orders.order_key = decided.order_key "
        "join int_business_clock as clock on orders.business = clock.business "
        "and decided.occurred_at <= clock.as_of - to_days($days) "
        "left join later on later.order_key = decided.order_key "
        "left join offered on offered.order_key = decided.order_key",
        {
            "keys": [one.order_key for one in decided],
            "modes": [one.mode for one in decided],
            "moments": [one.occurred_at for one in decided],
            "costs": [one.cost for one in decided],
            "item_types": [one.item_type for one in decided],
            "items": [one.offered_item if has_lines else None for one in decided],
            "days": days,
        },
    )


_OFFERED_FROM = {"fct_order_lines", "dim_products"}
_BOUGHT_OFFERS = (
    "select distinct following.order_key from following "
    "join fct_order_lines as lines on lines.order_key = following.next_key "
    "left join dim_products as products "
    "on products.business = lines.business and products.sku = lines.sku "
    "where following.offered_item = "
    "case following.item_type when 'category' then products.category else lines.sku end"
)
_NO_OFFERS = "select order_key from following where false"


@dataclass(frozen=True)
class _DecidedOrder:
    """The first decision about an order: its group, time, cost and what it offered."""

    order_key: str
    mode: str
    occurred_at: datetime
    cost: Decimal
    item_type: str | None
    offered_item: str | None


def _decided_orders(engine: Engine, rule_id: str) -> list[_DecidedOrder]:
    query = (
        select(
            decisions.c.subject,
            decisions.c.mode,
            decisions.c.occurred_at,
            decisions.c.cost,
            decisions.c.state,
            decisions.c.explanation,
        )
        .where(decisions.c.rule_id == rule_id, decisions.c.mode.in_(_GROUPS))
        .order_by(decisions.c.occurred_at, decisions.c.decision_id)
    )
    found: dict[str, _DecidedOrder] = {}
    with engine.connect() as connection:
        for row in connection.execute(query):
            subject, told = json.loads(row.subject), row.explanation
            # Groups are drawn by subject, so only a person's decision may borrow its order.
            order_key = subject.get(ORDER_KEY) or ("person_key" in subject and told.get(ORDER_KEY))
            if not order_key:
                continue
            cost = Decimal(0) if row.state in _UNSENT else row.cost or Decimal(0)
            decided = _DecidedOrder(
                order_key,
                row.mode,
                row.occurred_at,
                cost,
                told.get("item_type"),
                told.get("offered_item"),
            )
            found.setdefault(order_key, decided)
    return list(found.values())
