"""What rules may spend a period, and what their decisions have cost in it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, and_, func, not_, select

from connectors.database.schema import decisions, receipts, rules
from connectors.errors import InputError
from orchestration.decisions.definition import RuleDefinition, parse_rule
from orchestration.decisions.definition_parts import Budget

BUDGET_LOCK = 4_044_044_048
"""Advisory lock of whoever spends: recording, and people who choose options."""


class OverBudgetError(InputError):
    """What somebody chose costs more than the rule has left in the period."""


def period_of(
    budget: Budget, moment: datetime, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    """When the day, week (from Monday) or month of a moment begins and ends in the business zone.

    Returns:
        Beginning and end (the next beginning); None and None for a budget of all time.
    """
    midnight = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if budget.per == "day":
        return midnight, midnight + timedelta(days=1)
    if budget.per == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return monday, monday + timedelta(days=7)
    if budget.per == "month":
        first = midnight.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    return None, None


def limit_of(rule: RuleDefinition, budget: Budget) -> Decimal:
    """The most that a period may cost."""
    return Decimal(str(rule.parameters[budget.limit_parameter].bound()))


def spent(
    connection: Connection, rule_id: str, since: datetime | None, until: datetime | None = None
) -> Decimal:
    """What the rule's decisions cost, those left out of which nothing was ever sent.

    Args:
        connection: of the operational database.
        rule_id: whose decisions.
        since: only those made from then on; None: from the first.
        until: only those made before; None: to the last.
    """
    nothing_sent = decisions.c.decision_id.not_in(select(receipts.c.decision_id))
    query = select(func.sum(decisions.c.cost)).where(
        decisions.c.rule_id == rule_id,
        decisions.c.mode == "act",
        not_(and_(decisions.c.state.in_(("rejected", "expired")), nothing_sent)),
    )
    if since is not None:
        query = query.where(decisions.c.created_at >= since)
    if until is not None:
        query = query.where(decisions.c.created_at < until)
    total: Decimal | None = connection.execute(query).scalar_one()
    return total or Decimal(0)


def refuse_over_budget(
    connection: Connection, decision: Row[Any], option: Mapping[str, Any], zone: ZoneInfo
) -> None:
    """Refuse an option that would pass the cap of the period in which the decision was made.

    Raises:
        OverBudgetError: says what the option costs and what is left.
    """
    newest = (
        select(rules.c.definition)
        .where(rules.c.rule_id == decision.rule_id)
        .order_by(rules.c.version.desc())
        .limit(1)
    )
    found = connection.execute(newest).scalar()
    rule = parse_rule(found, where=f"stored rule {decision.rule_id}") if found else None
    if rule is None or rule.budget is None:
        return
    budget, limit = rule.budget, limit_of(rule, rule.budget)
    begins, ends = period_of(budget, decision.created_at, zone)
    left = limit - spent(connection, decision.rule_id, begins, ends)
    cost = Decimal(str(option["cost"]))
    if cost <= left:
        return
    period = "" if budget.per == "all_time" else f" a {budget.per}"
    since = "" if begins is None else f" of the {budget.per} from {begins:%Y-%m-%d}"
    raise OverBudgetError(
        f"The option {option['name']} costs {cost} {budget.currency}, and of the {limit} "
        f"{budget.currency}{period} that {decision.rule_id} may spend {max(left, Decimal(0))} "
        f"{budget.currency} are left{since}; choose a cheaper one, or raise the rule's parameter "
        f"{budget.limit_parameter}."
    )
