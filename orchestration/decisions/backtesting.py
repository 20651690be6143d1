"""The rule lab: what a rule would have done over history, as it was known at the time.

Every number comes from set-based SQL over the published snapshot; nothing is decided or sent.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import duckdb

from connectors.errors import InputError
from orchestration.decisions.definition import PUBLISHED_AT, RuleDefinition
from orchestration.decisions.definition_parts import (
    WEEKDAYS,
    Schedule,
    StateLasts,
    time_of_day,
)
from orchestration.decisions.evaluation import (
    AMOUNT_COLUMN,
    AS_OF_COLUMN,
    BRANCH_COLUMN,
    CheckedRule,
    Snapshot,
    check_rule,
    due_at,
    quoted,
    selected_columns,
)
from orchestration.decisions.histories import (
    FROM,
    IS_WATCHED,
    UNTIL,
    Clock,
    HistoryView,
    check_columns,
    find_history,
    history_sql,
)

DEFAULT_DAYS = 90
_CLOCK = "int_business_clock"
_FIRED = "fourflow_fired_at"
_IN_SPAN = "fourflow_is_in_span"
_CANDIDATE = "fired_candidate"
ORDER_KEY = "order_key"


class Laboratory(Snapshot, Protocol):
    """A published snapshot that can keep intermediate results for one back-test."""

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of its own."""


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


@dataclass(frozen=True)
class Span:
    """Which history to look at: so many business dates up to the newest one, or named dates.

    Attributes:
        days: business dates up to the newest one of each business.
        first_day: first business date instead.
        last_day: last business date; None for the newest.
        business: only this business; None for all.
    """

    days: int = DEFAULT_DAYS
    first_day: date | None = None
    last_day: date | None = None
    business: str | None = None


@dataclass(frozen=True)
class InForce:
    """A rule that is in force, to compare with."""

    definition: RuleDefinition
    version: int


@dataclass(frozen=True)
class _Limits:
    """The span of one business (None for a table without businesses) on its own clock."""

    business: str | None
    begins_at: datetime
    ends_at: datetime
    as_of: datetime


@dataclass(frozen=True)
class _Bench:
    """What every query of one back-test needs."""

    cursor: duckdb.DuckDBPyConnection
    zone: ZoneInfo
    clock: Clock
    tables: Sequence[str]
    limits: Sequence[_Limits]

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        result = self.cursor.execute(sql, parameters or None)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def days(self) -> list[date]:
        """Business dates that any business is looked at, oldest first."""
        found: set[date] = set()
        for limits in self.limits:
            first = limits.begins_at.astimezone(self.zone).date()
            last = (limits.ends_at - timedelta(microseconds=1)).astimezone(self.zone).date()
            found.update(first + timedelta(days=n) for n in range((last - first).days + 1))
        return sorted(found)


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
    with _bench(lake, zone, clock, span or Span()) as bench:
        try:
            cooled = _fire(bench, rule, _CANDIDATE)
            others = _fire_others(bench, rule, in_force)
            return _report(bench, rule, cooled, others)
        except duckdb.Error as error:
            cause = str(error).strip().splitlines()[0]
            raise InputError(
                f"The rule {rule.rule_id} failed on {rule.source_table}: {cause}"
            ) from error


@contextmanager
def _bench(lake: Laboratory, zone: ZoneInfo, clock: Clock, span: Span) -> Iterator[_Bench]:
    tables = lake.tables()
    limits = _limits(lake, zone, span, has_clock=_CLOCK in tables)
    cursor = lake.cursor()
    try:
        yield _Bench(cursor, zone, clock, tables, limits)
    finally:
        for (table,) in cursor.execute(
            "select table_name from duckdb_tables() where temporary and table_name like 'fired_%'"
        ).fetchall():
            cursor.execute(f"drop table temp.{quoted(table)}")
        cursor.close()


def _limits(lake: Snapshot, zone: ZoneInfo, span: Span, *, has_clock: bool) -> list[_Limits]:
    clocks: dict[str | None, datetime] = {None: lake.publication.published_at}
    if has_clock:
        read = lake.rows(f"select business, as_of from {_CLOCK}")  # noqa: S608 - own name
        clocks = {row["business"]: row["as_of"] for row in read}
    if span.business is not None and has_clock:
        if span.business not in clocks:
            known = ", ".join(sorted(str(name) for name in clocks))
            raise InputError(f"There is no business {span.business}; there are {known}.")
        clocks = {span.business: clocks[span.business]}
    found = []
    for business, as_of in clocks.items():
        newest = (as_of - timedelta(microseconds=1)).astimezone(zone).date()
        last = min(span.last_day or newest, newest)
        first = span.first_day or last - timedelta(days=span.days - 1)
        begins = datetime.combine(first, time.min, tzinfo=zone)
        ends = datetime.combine(last + timedelta(days=1), time.min, tzinfo=zone)
        found.append(_Limits(business, begins, ends, as_of))
    return found


def _fire_others(
    bench: _Bench, rule: RuleDefinition, in_force: Sequence[InForce]
) -> list[tuple[InForce, str]]:
    """Rules in force that share subjects or the owner, each fired into a table of its own."""
    fired = []
    for number, other in enumerate(in_force):
        theirs = other.definition
        is_near = theirs.is_enabled and (theirs.key == rule.key or theirs.owner == rule.owner)
        if theirs.rule_id != rule.rule_id and not is_near:
            continue
        try:
            _fire(bench, theirs, f"fired_{number}")
        except InputError:
            continue  # its table has no history, so nobody knows what it would have done
        fired.append((other, f"fired_{number}"))
    return fired


def _fire(bench: _Bench, rule: RuleDefinition, name: str) -> int:
    """Put the decisions of a rule into a table, one row each; returns how many had to cool."""
    table = rule.source_table
    if table not in bench.tables:
        raise InputError(f"The table {table} is not published, so there is nothing to back-test.")
    history = find_history(table, bench.tables)
    available = [str(row["column_name"]).lower() for row in bench.rows(f'describe "{table}"')]
    checked = check_rule(rule, available)
    _refuse_present_time(checked)
    check_columns(history, checked.columns, rule_id=rule.rule_id)
    columns = sorted(checked.columns | ({"business"} & history.columns))
    with_ends = isinstance(rule.trigger, StateLasts | Schedule)
    known = history_sql(history, columns, HistoryView(bench.clock, with_ends, bench.zone.key))
    sql, values = _firing_sql(bench, checked, known)
    values |= {key: value.bound() for key, value in rule.parameters.items()}
    used = {key: value for key, value in values.items() if re.search(rf"\${key}\b", sql)}
    bench.cursor.execute(f"create or replace temp table {name} as {sql}", used or None)
    cooled = _cool_down(bench, rule, name) if rule.cooldown_days else 0
    # Only now: what first matched before the span is no decision in it.
    bench.cursor.execute(f"delete from {name} where not {_IN_SPAN}")  # noqa: S608 - own names
    return cooled


def _refuse_present_time(checked: CheckedRule) -> None:
    rule = checked.definition
    conditions = [checked.condition, *(branch for branch in checked.branches if branch)]
    reads_clock = any(AS_OF_COLUMN in condition.sql for condition in conditions)
    if any(PUBLISHED_AT in condition.parameters for condition in conditions) or (
        reads_clock and not isinstance(rule.trigger, Schedule)
    ):
        raise InputError(
            f"The rule {rule.rule_id} compares with the present time, which a back-test does not "
            "have; give it the trigger state_lasts or schedule."
        )


def _firing_sql(bench: _Bench, checked: CheckedRule, known: str) -> tuple[str, dict[str, Any]]:
    """One row a decision: its subject, when it first fires, its branch and its money."""
    rule = checked.definition
    limits, values = _limits_sql(bench)
    chosen, moment, wanted, joined = "told.*, limits.*", FROM, [checked.condition.sql], ""
    if isinstance(rule.trigger, StateLasts):
        moment = f"greatest({due_at(rule.trigger)}, {FROM})"
        wanted.append(f"{moment} < coalesce({UNTIL}, fourflow_limit)")
    if isinstance(rule.trigger, Schedule):
        moment, chosen = AS_OF_COLUMN, f"{chosen}, schedule.at as {AS_OF_COLUMN}"
        values["fourflow_schedule"] = _instants(bench, rule, rule.trigger)
        joined = (
            " join (select unnest($fourflow_schedule) as at) as schedule "
            f"on schedule.at >= told.{FROM} "
            f"and schedule.at < coalesce(told.{UNTIL}, limits.fourflow_limit)"
        )
    if rule.window:
        column = f"cast({quoted(rule.window.column)} as timestamptz)"
        wanted.append(f"{column} > {moment} - interval {rule.window.days} day")
    wanted.append(f"{moment} < fourflow_ends")
    span = f"{moment} >= fourflow_begins as {_IN_SPAN}"
    same = "on told.business = limits.fourflow_business" if _by_business(bench) else "on true"
    return (
        f"with limits as ({limits}), "  # noqa: S608 - checked names and own text
        f"candidate as (select {chosen} from ({known}) as told join limits {same}{joined}), "
        f"matched as (select {', '.join(selected_columns(checked))}, "
        f"{moment} as {_FIRED}, "
        f"{span}, {IS_WATCHED} from candidate "
        f"where {' and '.join(f'({part})' for part in wanted)}) "
        f"{_first_of_each(checked)}"
    ), values


def _by_business(bench: _Bench) -> bool:
    return bench.limits[0].business is not None


def _limits_sql(bench: _Bench) -> tuple[str, dict[str, Any]]:
    rows: list[str] = []
    values: dict[str, Any] = {}
    for number, limits in enumerate(bench.limits):
        given = (limits.business, limits.begins_at, limits.ends_at, limits.as_of)
        names = [f"fourflow_limit_{number}_{part}" for part in range(len(given))]
        values |= dict(zip(names, given, strict=True))
        business, *times = (f"${name}" for name in names)
        cast = [f"cast({business} as varchar)", *(f"cast({t} as timestamptz)" for t in times)]
        rows.append(f"({', '.join(cast)})")
    columns = "fourflow_business, fourflow_begins, fourflow_ends, fourflow_limit"
    return f"select * from (values {', '.join(rows)}) as spans({columns})", values  # noqa: S608


def _instants(bench: _Bench, rule: RuleDefinition, trigger: Schedule) -> list[datetime]:
    at = time_of_day(str(rule.parameters[trigger.at_parameter].bound()))
    days = [day for day in bench.days() if WEEKDAYS[day.weekday()] in trigger.weekdays]
    return [datetime.combine(day, at, tzinfo=bench.zone).astimezone(UTC) for day in days]


def _first_of_each(checked: CheckedRule) -> str:
    """One row a subject and occasion: the first time at which it matched."""
    rule = checked.definition
    grouped = [*rule.key, *(c for c in rule.occurrence_columns if c not in rule.key)]
    kept = [c for c in (*_carried(rule),) if c not in grouped]
    if isinstance(rule.trigger, Schedule):
        grouped.append(_FIRED)
    firsts = [f"arg_min({quoted(column)}, {_FIRED}) as {quoted(column)}" for column in kept]
    if not isinstance(rule.trigger, Schedule):
        firsts.append(f"min({_FIRED}) as {_FIRED}")
    firsts += [f"arg_min({name}, {_FIRED}) as {name}" for name in (_IN_SPAN, IS_WATCHED)]
    names = ", ".join(quoted(column) for column in grouped)
    return f"select {names}, {', '.join(firsts)} from matched group by {names}"  # noqa: S608


def _carried(rule: RuleDefinition) -> list[str]:
    """Columns of a match that the report needs besides its subject."""
    carried = [ORDER_KEY] if ORDER_KEY in rule.recorded_columns else []
    if rule.amount_column and rule.currency_column:
        carried += [AMOUNT_COLUMN, rule.currency_column]
    if isinstance(rule.cooldown_days, str):
        carried.append(rule.cooldown_days)
    return [*carried, *([BRANCH_COLUMN] if rule.branches else [])]


def _cool_down(bench: _Bench, rule: RuleDefinition, name: str) -> int:
    """Drop decisions that come too soon after one about the same subject."""
    days = rule.cooldown_days
    pause = str(days) if isinstance(days, int) else f"coalesce(ceil({quoted(days)}), 0)"
    keys = ", ".join(quoted(column) for column in rule.key)
    query = (
        f"select rowid, {_IN_SPAN}, {keys}, {_FIRED}, "  # noqa: S608 - checked names
        f"cast({pause} as integer) as pause "
        f"from {name} order by {keys}, {_FIRED}"
    )
    dropped, in_span, subject, open_until = [], 0, None, None
    for number, counts, *key, fired_at, pause_days in bench.cursor.execute(query).fetchall():
        if key == subject and open_until and fired_at < open_until:
            dropped.append(number)
            in_span += counts
            continue
        subject, open_until = key, fired_at + timedelta(days=pause_days)
    if dropped:
        bench.cursor.execute(
            f"delete from {name} where rowid in (select unnest($dropped))",  # noqa: S608
            {"dropped": dropped},
        )
    return in_span


def _report(
    bench: _Bench,
    rule: RuleDefinition,
    cooled: int,
    others: Sequence[tuple[InForce, str]],
) -> Backtest:
    keys = ", ".join(quoted(column) for column in rule.key)
    counted = bench.rows(
        f"select count(*) as decisions, count(distinct ({keys})) as subjects, "  # noqa: S608
        f"count({IS_WATCHED}) as told, count(*) filter (not {IS_WATCHED}) as unwatched "
        f"from {_CANDIDATE}"
    )[0]
    by_day = _count_days(bench, _CANDIDATE)
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


def _count_days(bench: _Bench, name: str) -> Counter[date]:
    """Decisions a business date; no zone is further than a quarter of an hour from another."""
    found: Counter[date] = Counter()
    for quarter, count in bench.cursor.execute(
        f"select cast(floor(epoch({_FIRED}) / 900) as bigint), count(*) "  # noqa: S608
        f"from {name} group by 1"
    ).fetchall():
        moment = datetime.fromtimestamp(quarter * 900, UTC)
        found[moment.astimezone(bench.zone).date()] += count
    return found


def _count_branches(bench: _Bench, rule: RuleDefinition) -> dict[str, int]:
    if not rule.branches:
        return {}
    counts = {
        row["branch"]: int(row["count"])
        for row in bench.rows(
            f"select {BRANCH_COLUMN} as branch, count(*) as count "  # noqa: S608 - own names
            f"from {_CANDIDATE} group by 1"
        )
    }
    named = {branch.name: counts.get(number, 0) for number, branch in enumerate(rule.branches)}
    return named | ({"none": counts[None]} if None in counts else {})


def _sum_money(bench: _Bench, rule: RuleDefinition) -> tuple[Money, ...]:
    if rule.currency_column is None:
        return ()
    found = bench.rows(
        f"select {quoted(rule.currency_column)} as currency_code, "  # noqa: S608 - checked name
        f"sum({AMOUNT_COLUMN}) as amount, count(*) as count from {_CANDIDATE} "
        f"where {AMOUNT_COLUMN} is not null group by 1 order by 1"
    )
    return tuple(Money(str(r["currency_code"]), r["amount"], r["count"]) for r in found)


def _outcomes(bench: _Bench, rule: RuleDefinition) -> Outcome | None:
    if ORDER_KEY not in rule.recorded_columns or "fct_orders" not in bench.tables:
        return None
    late = "false"
    joined = ""
    if "fct_parcels" in bench.tables:
        late = "coalesce(parcel.is_late, false)"
        joined = (
            " left join (select order_key, bool_or(delivered_at > promised_at) as is_late "
            "from fct_parcels group by order_key) as parcel on parcel.order_key = told.order_key"
        )
    found = bench.rows(
        "select count(*) as orders, "  # noqa: S608 - own text
        "count(*) filter (orders.order_status in ('delivered', 'completed')) as delivered, "
        f"count(*) filter ({late}) as late, "
        "count(*) filter (orders.refunded_amount > 0) as returned, "
        "count(*) filter (orders.paid_at is null) as unpaid, "
        "count(*) filter (orders.order_status = 'cancelled') as cancelled, "
        "count(*) filter (orders.order_status not in ('delivered', 'completed', 'cancelled')) "
        f"as still_open from (select distinct order_key from {_CANDIDATE}) as told "
        f"join fct_orders as orders on orders.order_key = told.order_key{joined}"
    )
    return Outcome(**found[0])


def _overlaps(
    bench: _Bench, rule: RuleDefinition, others: Sequence[tuple[InForce, str]]
) -> tuple[Overlap, ...]:
    keys = ", ".join(quoted(column) for column in rule.key)
    found = []
    for other, table in others:
        theirs = other.definition
        if theirs.rule_id == rule.rule_id or theirs.key != rule.key or not theirs.is_enabled:
            continue
        shared = _shared(bench, keys, _CANDIDATE, table)
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


def _shared(bench: _Bench, keys: str, ours: str, theirs: str) -> tuple[int, int, int]:
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
    bench: _Bench,
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
    bench: _Bench, rule: RuleDefinition, others: Sequence[tuple[InForce, str]]
) -> Difference | None:
    for other, table in others:
        theirs = other.definition
        if theirs.rule_id == rule.rule_id and theirs.key == rule.key:
            keys = ", ".join(quoted(column) for column in rule.key)
            both, only_new, only_old = _shared(bench, keys, _CANDIDATE, table)
            return Difference(other.version, both, only_new, only_old)
    return None
