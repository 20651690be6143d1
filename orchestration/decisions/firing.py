"""When a rule would have fired over history: set-based SQL over what was known at the time.

Each rule fires into a table of a cursor of its own; nothing is decided or sent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import duckdb

from connectors.errors import InputError
from orchestration.decisions.definition import ORDER_KEY, PUBLISHED_AT, RuleDefinition
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
    first_loads_sql,
    history_sql,
)
from orchestration.snapshot import Snapshot

DEFAULT_DAYS = 90
_CLOCK = "int_business_clock"
FIRED = "fourflow_fired_at"
_IN_SPAN = "fourflow_is_in_span"
_ORDER = "fourflow_order"
CANDIDATE = "fired_candidate"
_LOADS = "fired_first_loads"


class Laboratory(Snapshot, Protocol):
    """A published snapshot that can keep intermediate results for one back-test."""

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of its own."""


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
class Limits:
    """The span of one business (None for a table without businesses) on its own clock."""

    business: str | None
    begins_at: datetime
    ends_at: datetime
    as_of: datetime


@dataclass(frozen=True)
class Bench:
    """What every query of one back-test needs."""

    cursor: duckdb.DuckDBPyConnection
    zone: ZoneInfo
    clock: Clock
    tables: Sequence[str]
    limits: Sequence[Limits]

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one query and return a dict a row."""
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


@contextmanager
def open_bench(lake: Laboratory, zone: ZoneInfo, clock: Clock, span: Span) -> Iterator[Bench]:
    """A cursor for one back-test, whose tables are dropped at its end.

    Raises:
        InputError: there is no such business.
    """
    tables = lake.tables()
    limits = _limits(lake, zone, span, has_clock=_CLOCK in tables)
    cursor = lake.cursor()
    try:
        yield Bench(cursor, zone, clock, tables, limits)
    finally:
        for (table,) in cursor.execute(
            "select table_name from duckdb_tables() where temporary and table_name like 'fired_%'"
        ).fetchall():
            cursor.execute(f"drop table temp.{quoted(table)}")
        cursor.close()


def _limits(lake: Snapshot, zone: ZoneInfo, span: Span, *, has_clock: bool) -> list[Limits]:
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
        found.append(Limits(business, begins, ends, as_of))
    return found


def fire_others(
    bench: Bench, rule: RuleDefinition, in_force: Sequence[InForce]
) -> list[tuple[InForce, str]]:
    """Rules in force that share subjects or the owner, each fired into a table of its own."""
    fired = []
    for number, other in enumerate(in_force):
        theirs = other.definition
        is_near = theirs.is_enabled and (theirs.key == rule.key or theirs.owner == rule.owner)
        if theirs.rule_id != rule.rule_id and not is_near:
            continue
        try:
            fire_rule(bench, theirs, f"fired_{number}")
        except InputError:
            continue  # its table has no history, so nobody knows what it would have done
        fired.append((other, f"fired_{number}"))
    return fired


def fire_rule(bench: Bench, rule: RuleDefinition, name: str) -> int:
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
    loads = first_loads_sql(history, bench.clock)
    if loads:
        bench.cursor.execute(f"create or replace temp table {_LOADS} as {loads}")
    view = HistoryView(bench.clock, with_ends, bench.zone.key, _LOADS if loads else None)
    known = history_sql(history, columns, view)
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


def _firing_sql(bench: Bench, checked: CheckedRule, known: str) -> tuple[str, dict[str, Any]]:
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
        # In microseconds: taking an interval off a time with a zone asks a calendar for every row.
        column = f"epoch_us(cast({quoted(rule.window.column)} as timestamptz))"
        length = rule.window.days * 86_400_000_000
        wanted.append(f"{column} > epoch_us({moment}) - {length}")
    wanted.append(f"{moment} < fourflow_ends")
    span = f"{moment} >= fourflow_begins as {_IN_SPAN}"
    same = "on told.business = limits.fourflow_business" if _by_business(bench) else "on true"
    return (
        f"with limits as ({limits}), "  # noqa: S608 - checked names and own text
        f"candidate as (select {chosen} from ({known}) as told join limits {same}{joined}), "
        f"matched as (select {', '.join(selected_columns(checked))}, "
        f"{moment} as {FIRED}, "
        f"{span}, {IS_WATCHED} from candidate "
        f"where {' and '.join(f'({part})' for part in wanted)}) "
        f"{_first_of_each(checked)}"
    ), values


def _by_business(bench: Bench) -> bool:
    return bench.limits[0].business is not None


def _limits_sql(bench: Bench) -> tuple[str, dict[str, Any]]:
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


def _instants(bench: Bench, rule: RuleDefinition, trigger: Schedule) -> list[datetime]:
    at = time_of_day(str(rule.parameters[trigger.at_parameter].bound()))
    days = [day for day in bench.days() if WEEKDAYS[day.weekday()] in trigger.weekdays]
    return [datetime.combine(day, at, tzinfo=bench.zone).astimezone(UTC) for day in days]


def _first_of_each(checked: CheckedRule) -> str:
    """One row a subject and occasion: the first time at which it matched."""
    rule = checked.definition
    grouped = [*rule.key, *(c for c in rule.occurrence_columns if c not in rule.key)]
    kept = [c for c in (*_carried(rule),) if c not in grouped]
    if isinstance(rule.trigger, Schedule):
        grouped.append(FIRED)
    names = ", ".join(quoted(column) for column in grouped)
    firsts = [f"arg_min({quoted(column)}, {_ORDER}) as {quoted(column)}" for column in kept]
    told = ", ".join(quoted(column) for column in (*grouped, *kept) if column != FIRED)
    # One number for the time and both truth values: a minimum of numbers costs a third of three.
    return (
        f"select {told}, make_timestamptz({_ORDER} // 8) as {FIRED}, "  # noqa: S608 - checked names
        f"{_ORDER} & 4 = 4 as {_IN_SPAN}, "
        f"case {_ORDER} & 3 when 1 then false when 2 then true end as {IS_WATCHED} from ("
        f"select {', '.join([names, *firsts, f'min({_ORDER}) as {_ORDER}'])} from ("
        f"select *, 8 * epoch_us({FIRED}) + 4 * cast({_IN_SPAN} as bigint) "
        f"+ coalesce(1 + cast({IS_WATCHED} as bigint), 0) as {_ORDER} from matched) "
        f"group by {names})"
    )


def _carried(rule: RuleDefinition) -> list[str]:
    """Columns of a match that the report needs besides its subject."""
    carried = [ORDER_KEY] if ORDER_KEY in rule.recorded_columns else []
    if rule.amount_column and rule.currency_column:
        carried += [AMOUNT_COLUMN, rule.currency_column]
    if isinstance(rule.cooldown_days, str):
        carried.append(rule.cooldown_days)
    return [*carried, *([BRANCH_COLUMN] if rule.branches else [])]


def _cool_down(bench: Bench, rule: RuleDefinition, name: str) -> int:
    """Drop decisions that come too soon after one about the same subject."""
    days = rule.cooldown_days
    pause = str(days) if isinstance(days, int) else f"coalesce(ceil({quoted(days)}), 0)"
    keys = ", ".join(quoted(column) for column in rule.key)
    query = (
        f"select rowid, {_IN_SPAN}, {keys}, {FIRED}, "  # noqa: S608 - checked names
        f"cast({pause} as integer) as pause "
        f"from {name} order by {keys}, {FIRED}"
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
