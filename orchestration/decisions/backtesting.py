"""The rule lab: what a rule would have done over history, as it was known at the time.

Every number comes from set-based SQL over the published snapshot; nothing is decided or sent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import median
from zoneinfo import ZoneInfo

import duckdb

from connectors.errors import InputError
from orchestration.decisions.definition import ORDER_KEY, RuleDefinition
from orchestration.decisions.evaluation import AMOUNT_COLUMN, BRANCH_COLUMN, quoted
from orchestration.decisions.firing import (
    CANDIDATE,
    FIRED,
    Bench,
    InForce,
    Laboratory,
    Span,
    fire_others,
    fire_rule,
    open_bench,
)
from orchestration.decisions.histories import (
    IS_WATCHED,
    Clock,
)


@dataclass(frozen=True)
class Money:
    """An exact amount in one currency, of so many decisions."""

    currency_code: str
    amount: Decimal
    count: int


@dataclass(frozen=True)
class DayCount:
    """Decisions on one business date."""

    day: date
    count: int


@dataclass(frozen=True)
class Outcome:
    """What became of the orders; an order can be in several groups."""

    orders: int = 0
    delivered: int = 0
    late: int = 0
    returned: int = 0
    unpaid: int = 0
    cancelled: int = 0
    still_open: int = 0


@dataclass(frozen=True)
class Overlap:
    """Subjects that this rule shares with another one that is in force."""

    rule_id: str
    owner: str
    subjects: int
    theirs: int
    is_conflict: bool
    winner: str | None


@dataclass(frozen=True)
class BudgetUse:
    """What the rule would have cost a period, before its limit stopped it."""

    per: str
    limit: Decimal
    currency_code: str
    periods: int
    most: Decimal
    total: Decimal
    refused: int


@dataclass(frozen=True)
class OwnerLoad:
    """Alerts a day that reach an owner: from this rule, and with the rules in force."""

    owner: str
    median_of_this_rule: float
    most_of_this_rule: int
    median_of_all: float
    most_of_all: int


@dataclass(frozen=True)
class Difference:
    """This definition against the version in force: subjects of both, or of only one."""

    version: int
    both: int
    only_new: int
    only_old: int


@dataclass(frozen=True)
class Backtest:
    """What a rule would have done.

    Attributes:
        rule_id: the rule.
        clock: whether rows count from when the lake learnt them, or from when they happened.
        first_day: first business date that was looked at.
        last_day: the last one.
        decisions: decisions it would have made (after its cooldown).
        cooled: matches that its cooldown would have left out.
        subjects: different subjects among the decisions.
        held_out: decisions that its hold-out share would have left alone, expected.
        unwatched: decisions on what the first load of a source brought, which count from when
            they happened; None where nobody knows when the lake learnt it.
        by_day: decisions a business date, days without any left out.
        by_branch: decisions a branch.
        money: money at stake by currency.
        outcomes: what became of the orders; None for rules whose subjects are no orders.
        overlaps: rules in force that share subjects with it.
        owner: what its owner would have got a day.
        budget: what it would have cost.
        against_version: compared with the version in force.
    """

    rule_id: str
    clock: Clock
    first_day: date | None
    last_day: date | None
    decisions: int
    cooled: int
    subjects: int
    held_out: int
    unwatched: int | None
    by_day: tuple[DayCount, ...]
    by_branch: Mapping[str, int]
    money: tuple[Money, ...]
    outcomes: Outcome | None
    overlaps: tuple[Overlap, ...]
    owner: OwnerLoad
    budget: BudgetUse | None
    against_version: Difference | None


def backtest_rule(
    rule: RuleDefinition,
    lake: Laboratory,
    *,
    zone: ZoneInfo,
    span: Span | None = None,
    clock: Clock = "known",
    in_force: Sequence[InForce] = (),
) -> Backtest:
    """Find what a rule would have decided over history, and what came of it.

    A rule's effective dates are not looked at: the question is what it would have done.

    Args:
        rule: the definition to try, enabled or not.
        lake: the published snapshot.
        zone: business zone.
        span: which history; the last 90 business dates unless given.
        clock: see `histories.history_sql`.
        in_force: rules to compare with; the rule itself among them gives the difference.

    Raises:
        InputError: the rule does not fit its table, or its past cannot be told without peeking.
    """
    with open_bench(lake, zone, clock, span or Span()) as bench:
        try:
            cooled = fire_rule(bench, rule, CANDIDATE)
            others = fire_others(bench, rule, in_force)
            return _report(bench, rule, cooled, others)
        except duckdb.Error as error:
            cause = str(error).strip().splitlines()[0]
            raise InputError(
                f"The rule {rule.rule_id} failed on {rule.source_table}: {cause}"
            ) from error


def _report(
    bench: Bench,
    rule: RuleDefinition,
    cooled: int,
    others: Sequence[tuple[InForce, str]],
) -> Backtest:
    keys = ", ".join(quoted(column) for column in rule.key)
    is_once = not rule.occurrence_columns and rule.trigger.type != "schedule"
    subjects = "count(*)" if is_once else f"count(distinct ({keys}))"
    counted = bench.rows(
        f"select count(*) as decisions, {subjects} as subjects, "  # noqa: S608
        f"count({IS_WATCHED}) as told, count(*) filter (not {IS_WATCHED}) as unwatched "
        f"from {CANDIDATE}"
    )[0]
    by_day = _count_days(bench, CANDIDATE)
    days = bench.days()
    return Backtest(
        rule_id=rule.rule_id,
        clock=bench.clock,
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        decisions=counted["decisions"],
        cooled=cooled,
        subjects=counted["subjects"],
        held_out=round(rule.holdout_share * counted["subjects"]),
        unwatched=counted["unwatched"] if counted["told"] else None,
        by_day=tuple(DayCount(day, count) for day, count in sorted(by_day.items())),
        by_branch=_count_branches(bench, rule),
        money=_sum_money(bench, rule),
        outcomes=_outcomes(bench, rule),
        overlaps=_overlaps(bench, rule, others),
        owner=_owner_load(bench, rule, by_day, others),
        budget=_budget_use(rule, by_day),
        against_version=_difference(bench, rule, others),
    )


def _count_days(bench: Bench, name: str) -> Counter[date]:
    """Decisions a business date; no zone is further than a quarter of an hour from another."""
    found: Counter[date] = Counter()
    for quarter, count in bench.cursor.execute(
        f"select cast(floor(epoch({FIRED}) / 900) as bigint), count(*) "  # noqa: S608
        f"from {name} group by 1"
    ).fetchall():
        moment = datetime.fromtimestamp(quarter * 900, UTC)
        found[moment.astimezone(bench.zone).date()] += count
    return found


def _count_branches(bench: Bench, rule: RuleDefinition) -> dict[str, int]:
    if not rule.branches:
        return {}
    counts = {
        row["branch"]: int(row["count"])
        for row in bench.rows(
            f"select {BRANCH_COLUMN} as branch, count(*) as count "  # noqa: S608 - own names
            f"from {CANDIDATE} group by 1"
        )
    }
    named = {branch.name: counts.get(number, 0) for number, branch in enumerate(rule.branches)}
    return named | ({"none": counts[None]} if None in counts else {})


def _sum_money(bench: Bench, rule: RuleDefinition) -> tuple[Money, ...]:
    if rule.currency_column is None:
        return ()
    found = bench.rows(
        f"select {quoted(rule.currency_column)} as currency_code, "  # noqa: S608 - checked name
        f"sum({AMOUNT_COLUMN}) as amount, count(*) as count from {CANDIDATE} "
        f"where {AMOUNT_COLUMN} is not null group by 1 order by 1"
    )
    return tuple(Money(str(r["currency_code"]), r["amount"], r["count"]) for r in found)


def _outcomes(bench: Bench, rule: RuleDefinition) -> Outcome | None:
    if ORDER_KEY not in rule.recorded_columns or "fct_orders" not in bench.tables:
        return None
    late, joined = "false", ""
    if "fct_parcels" in bench.tables:
        late = "coalesce(parcel.is_late, false)"
        joined = (
            " left join (select order_key, bool_or(delivered_at > promised_at) as is_late "
            "from fct_parcels group by order_key) as parcel on parcel.order_key = orders.order_key"
        )
    found = bench.rows(
        "select count(*) as orders, "  # noqa: S608 - own text
        "count(*) filter (orders.order_status in ('delivered', 'completed')) as delivered, "
        f"count(*) filter ({late}) as late, "
        "count(*) filter (orders.refunded_amount > 0) as returned, "
        "count(*) filter (orders.paid_at is null) as unpaid, "
        "count(*) filter (orders.order_status = 'cancelled') as cancelled, "
        "count(*) filter (orders.order_status not in ('delivered', 'completed', 'cancelled')) "
        f"as still_open from fct_orders as orders{joined} "
        f"where orders.order_key in (select order_key from {CANDIDATE})"
    )
    return Outcome(**found[0])


def _overlaps(
    bench: Bench, rule: RuleDefinition, others: Sequence[tuple[InForce, str]]
) -> tuple[Overlap, ...]:
    keys = ", ".join(quoted(column) for column in rule.key)
    found = []
    for other, table in others:
        theirs = other.definition
        if theirs.rule_id == rule.rule_id or theirs.key != rule.key or not theirs.is_enabled:
            continue
        shared = _shared(bench, keys, CANDIDATE, table)
        conflict = rule.decides is not None and rule.decides == theirs.decides
        first = min((rule, theirs), key=lambda one: (one.priority, one.rule_id))
        found.append(
            Overlap(
                theirs.rule_id,
                theirs.owner,
                shared[0],
                shared[0] + shared[2],
                conflict,
                first.rule_id if conflict else None,
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.subjects, one.rule_id)))


def _shared(bench: Bench, keys: str, ours: str, theirs: str) -> tuple[int, int, int]:
    """How many subjects are in both tables, only in ours, and only in theirs."""
    row = bench.rows(
        "select count(*) filter (ours and theirs) as both, "  # noqa: S608 - own names
        "count(*) filter (not theirs) as only_ours, count(*) filter (not ours) as only_theirs "
        "from (select bool_or(is_ours) as ours, bool_or(not is_ours) as theirs from ("
        f"select distinct {keys}, true as is_ours from {ours} union all "
        f"select distinct {keys}, false as is_ours from {theirs}) as told group by {keys}) as sides"
    )[0]
    return row["both"], row["only_ours"], row["only_theirs"]


def _owner_load(
    bench: Bench,
    rule: RuleDefinition,
    by_day: Counter[date],
    others: Sequence[tuple[InForce, str]],
) -> OwnerLoad:
    everything = Counter(by_day)
    for other, table in others:
        theirs = other.definition
        if theirs.owner == rule.owner and theirs.rule_id != rule.rule_id and theirs.is_enabled:
            everything.update(_count_days(bench, table))
    days = bench.days()
    ours = [by_day[day] for day in days] or [0]
    every = [everything[day] for day in days] or [0]
    return OwnerLoad(rule.owner, median(ours), max(ours), median(every), max(every))


def _budget_use(rule: RuleDefinition, by_day: Mapping[date, int]) -> BudgetUse | None:
    """What the decisions cost a period; those beyond the limit would have been refused."""
    budget = rule.budget
    if budget is None:
        return None
    cost = Decimal(str(rule.parameters[budget.cost_parameter].bound()))
    limit = Decimal(str(rule.parameters[budget.limit_parameter].bound()))
    periods: Counter[object] = Counter()
    for day, count in by_day.items():
        periods[budget.period_of(day)] += count
    costs = [cost * count for count in periods.values()]
    refused = sum(max(0, count - int(limit // cost)) for count in periods.values()) if cost else 0
    return BudgetUse(
        budget.per, limit, budget.currency, len(costs),
        max(costs, default=Decimal(0)), sum(costs, Decimal(0)), refused,
    )  # fmt: skip


def _difference(
    bench: Bench, rule: RuleDefinition, others: Sequence[tuple[InForce, str]]
) -> Difference | None:
    for other, table in others:
        theirs = other.definition
        if theirs.rule_id == rule.rule_id and theirs.key == rule.key:
            keys = ", ".join(quoted(column) for column in rule.key)
            both, only_new, only_old = _shared(bench, keys, CANDIDATE, table)
            return Difference(other.version, both, only_new, only_old)
    return None
