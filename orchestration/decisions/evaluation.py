"""Evaluates one rule on one published snapshot: a single set-based query with bound parameters."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from connectors.database.publications import Publication
from connectors.errors import InputError
from orchestration.decisions.conditions import Condition, closest, parse_condition
from orchestration.decisions.definition import AS_OF, ONCE, ORDER_KEY, PUBLISHED_AT, RuleDefinition
from orchestration.decisions.definition_parts import (
    WEEKDAYS,
    Action,
    RowChanges,
    Schedule,
    StateLasts,
    time_of_day,
)
from orchestration.decisions.holdout import is_held_out
from orchestration.decisions.messages import TRACKING_LINK, render_field, render_message
from orchestration.decisions.proposals import Evaluation, Proposal, ProposedAction, ProposedOption
from orchestration.decisions.states import DecisionMode
from orchestration.snapshot import Snapshot

AMOUNT_COLUMN = "fourflow_amount"
AS_OF_COLUMN = "fourflow_as_of"
BRANCH_COLUMN = "fourflow_branch"
_CLOCK_TABLE = "int_business_clock"


TrackingLink = Callable[[str], str]
"""Makes the address on which the parcels of an order, given by its key, can be followed."""


@dataclass(frozen=True)
class _Surroundings:
    """What texts need that no row has."""

    zone: ZoneInfo
    tracking_link: TrackingLink | None = None


@dataclass(frozen=True)
class CheckedRule:
    """A rule whose conditions have been checked against the columns of its table."""

    definition: RuleDefinition
    condition: Condition
    branches: tuple[Condition | None, ...]

    @property
    def columns(self) -> frozenset[str]:
        """Every column of the table that evaluating the rule reads."""
        read = {*self.definition.needed_columns, *self.condition.columns}
        for branch in self.branches:
            read |= branch.columns if branch else set()
        return frozenset(read - {AS_OF_COLUMN})

    def bound(self, publication: Publication) -> dict[str, object]:
        """Values of the parameters that the query uses."""
        values: dict[str, object] = {
            name: parameter.bound() for name, parameter in self.definition.parameters.items()
        }
        values[PUBLISHED_AT] = publication.published_at
        used = set(self.condition.parameters) | {PUBLISHED_AT}
        for branch in self.branches:
            used |= branch.parameters if branch else set()
        if isinstance(self.definition.trigger, StateLasts):
            used.add(self.definition.trigger.hours_parameter)
        return {name: values[name] for name in sorted(used)}


def decision_key(rule_id: str, subject: str, occurrence: str) -> str:
    """The deterministic id of a decision: the same rule, subject and occurrence, the same id."""
    return hashlib.sha256(f"{rule_id}|{subject}|{occurrence}".encode()).hexdigest()


def evaluate_rule(
    rule: RuleDefinition,
    lake: Snapshot,
    *,
    zone: ZoneInfo,
    tracking_link: TrackingLink | None = None,
) -> Evaluation:
    """Find the rows of the snapshot for which the rule fires, oldest first.

    A table that does not exist or is empty is no error: the rule is skipped and says why.

    Args:
        rule: which rule.
        lake: the published snapshot.
        zone: business zone.
        tracking_link: makes the address behind the variable of that name.
    """
    table, known = rule.source_table, lake.tables()
    if table not in known:
        return Evaluation(skipped=f"the table {table} is not published, so there is nothing to do")
    try:
        checked = check_rule(rule, table_columns(lake, table))
        if not lake.rows(f'select 1 as one from "{table}" limit 1'):  # noqa: S608 - checked name
            return Evaluation(skipped=f"the table {table} is empty, so there is nothing to do")
        sql = build_query(checked, has_clock=_has_clock(lake, table, known))
        rows = lake.rows(sql, checked.bound(lake.publication))
    except InputError as error:
        return Evaluation(errors=(str(error),))
    except duckdb.Error as error:
        cause = str(error).strip().splitlines()[0]
        return Evaluation(errors=(f"The rule {rule.rule_id} failed on {table}: {cause}",))
    link = tracking_link if rule.tells_tracking_link else None
    return _proposals(rule, rows, lake.publication, _Surroundings(zone, link))


def table_columns(lake: Snapshot, table: str) -> list[str]:
    """Names of a published table's columns, in small letters."""
    return [str(row["column_name"]).lower() for row in lake.rows(f'describe "{table}"')]


def check_rule(rule: RuleDefinition, columns: Sequence[str]) -> CheckedRule:
    """Check a rule against the columns of its table.

    Raises:
        InputError: names the column that is not there, or what is wrong with a condition.
    """
    for column in rule.needed_columns:
        if column not in columns:
            hint = closest(column, columns) or "; see docs/analysts.md for its columns."
            raise InputError(
                f"The rule {rule.rule_id} needs the column {column}, "
                f"which {rule.source_table} does not have{hint}"
            )

    def parsed(text: str) -> Condition:
        return parse_condition(
            text,
            parameters=rule.parameter_names,
            columns=columns,
            given={AS_OF: AS_OF_COLUMN},
        )

    branches = [parsed(branch.when) if branch.when else None for branch in rule.branches]
    return CheckedRule(rule, parsed(rule.condition), tuple(branches))


def build_query(checked: CheckedRule, *, has_clock: bool) -> str:
    """The rule's query. Every name in it matches the identifier pattern of the definition."""
    rule = checked.definition
    order = [quoted(rule.window.column)] if rule.window else []
    order += [quoted(column) for column in rule.key]
    lasts = rule.trigger if isinstance(rule.trigger, StateLasts) else None
    due = f" and {due_at(lasts)} <= {AS_OF_COLUMN}" if lasts else ""
    return (
        f"select {', '.join(selected_columns(checked))} "  # noqa: S608
        f"from ({_with_clock(rule, has_clock)}) as candidate "
        f"where ({checked.condition.sql}){due} order by {', '.join(order)}"
    )


def selected_columns(checked: CheckedRule) -> list[str]:
    """What a rule's query returns for a row: its columns, the amount and the branch."""
    rule = checked.definition
    selected = [quoted(column) for column in rule.needed_columns]
    if rule.amount_column:
        amount = f"cast({quoted(rule.amount_column)} as decimal(18, 2))"
        selected.append(f"{amount} as {AMOUNT_COLUMN}")
    if checked.branches:
        selected.append(f"{_branch_number(checked.branches)} as {BRANCH_COLUMN}")
    return selected


def _branch_number(branches: Sequence[Condition | None]) -> str:
    """Number of the first branch that applies, as SQL; null when none does."""
    if branches[0] is None:
        return "0"
    cases = [
        f"when {branch.sql} then {number}" if branch else f"else {number}"
        for number, branch in enumerate(branches)
    ]
    return f"case {' '.join(cases)} end"


def due_at(trigger: StateLasts) -> str:
    """When a state that began then has lasted long enough, as SQL."""
    return (
        f"cast({quoted(trigger.since)} as timestamptz)"
        f" + to_seconds(cast(${trigger.hours_parameter} * 3600 as bigint))"
    )


def _has_clock(lake: Snapshot, table: str, known: Sequence[str]) -> bool:
    return _CLOCK_TABLE in known and "business" in table_columns(lake, table)


def _with_clock(rule: RuleDefinition, has_clock: bool) -> str:
    """The recent rows, each with the time until which its business has been observed."""
    rows = _recent_rows(rule)
    if not has_clock:
        return f"select *, $published_at as {AS_OF_COLUMN} from ({rows}) as recent"  # noqa: S608
    return (
        f"select recent.*, coalesce(clock.as_of, $published_at) as {AS_OF_COLUMN} "  # noqa: S608
        f"from ({rows}) as recent left join {_CLOCK_TABLE} as clock "
        "on recent.business = clock.business"
    )


def _recent_rows(rule: RuleDefinition) -> str:
    table = quoted(rule.source_table)
    if rule.window is None:
        return f"select * from {table}"  # noqa: S608
    column, groups = quoted(rule.window.column), [quoted(name) for name in rule.window.within]
    aliases = [f"{group} as fourflow_group_{n}" for n, group in enumerate(groups)]
    newest = ", ".join([*aliases, f"max({column}) as fourflow_newest"])
    grouping = f" group by {', '.join(groups)}" if groups else ""
    same = [
        f"everything.{group} is not distinct from newest.fourflow_group_{n}"
        for n, group in enumerate(groups)
    ]
    since = f"everything.{column} > newest.fourflow_newest - interval {rule.window.days} day"
    return (
        f"select everything.* from {table} as everything "  # noqa: S608
        f"join (select {newest} from {table}{grouping}) as newest on {' and '.join([*same, since])}"
    )


def last_scheduled(
    trigger: Schedule, rule: RuleDefinition, now: datetime, zone: ZoneInfo
) -> datetime:
    """The newest scheduled time of a rule that is not after `now`, in the business zone."""
    at = time_of_day(str(rule.parameters[trigger.at_parameter].bound()))
    local = now.astimezone(zone)
    days = {WEEKDAYS.index(weekday) for weekday in trigger.weekdays}
    for back in range(8):
        moment = datetime.combine(local.date() - timedelta(days=back), at, tzinfo=zone)
        if moment <= local and moment.weekday() in days:
            return moment
    raise InputError(f"The rule {rule.rule_id} has no scheduled time in a week; give a weekday.")


def _proposals(
    rule: RuleDefinition,
    rows: list[dict[str, Any]],
    publication: Publication,
    around: _Surroundings,
) -> Evaluation:
    proposals: dict[str, Proposal] = {}
    errors = []
    for row in rows:
        try:
            proposal = _proposal(rule, row, publication, around)
        except InputError as error:
            errors.append(str(error))
            continue
        if rule.effective.contain(proposal.occurred_at.astimezone(around.zone).date()):
            proposals.setdefault(proposal.decision_id, proposal)
    ordered = sorted(proposals.values(), key=lambda p: (p.occurred_at, p.subject))
    return Evaluation(tuple(ordered), errors=tuple(errors))


def _proposal(
    rule: RuleDefinition, row: Mapping[str, Any], publication: Publication, around: _Surroundings
) -> Proposal:
    subject = subject_of(rule, row)
    occurrence, occurred_at = _occasion(rule, row, publication, around.zone)
    cooldown = rule.cooldown_days
    parameters = {name: parameter.bound() for name, parameter in rule.parameters.items()}
    values = {**parameters, **{column: row[column] for column in rule.recorded_columns}}
    number = row.get(BRANCH_COLUMN)
    branch = None if number is None else rule.branches[number]
    filled = _Filled(rule, values, around)
    budget = rule.budget
    return Proposal(
        decision_id=decision_key(rule.rule_id, subject, occurrence),
        subject=subject,
        occurrence=occurrence,
        occurred_at=occurred_at,
        amount=row[AMOUNT_COLUMN] if rule.amount_column else None,
        currency_code=row[rule.currency_column] if rule.currency_column else None,
        explanation={name: json_value(value) for name, value in values.items()},
        message=filled.message,
        cooldown_days=cooldown if isinstance(cooldown, int) else math.ceil(row[cooldown] or 0),
        mode=_mode(rule, subject),
        branch=branch.name if branch else None,
        actions=filled.actions((*rule.actions, *(branch.actions if branch else ()))),
        options=filled.options(),
        cost=Decimal(str(parameters[budget.cost_parameter])) if budget else None,
        follows=row[rule.follows] if rule.follows else None,
    )


def subject_of(rule: RuleDefinition, row: Mapping[str, Any]) -> str:
    """The subject of a decision: the key's columns as JSON.

    Raises:
        InputError: a column of the key is empty.
    """
    for column in rule.key:
        if row[column] is None:
            raise InputError(
                f"The rule {rule.rule_id} found a row of {rule.source_table} without {column}; "
                "the key of a rule may not be empty."
            )
    return json.dumps(
        {column: json_value(row[column]) for column in rule.key},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _occasion(
    rule: RuleDefinition, row: Mapping[str, Any], publication: Publication, zone: ZoneInfo
) -> tuple[str, datetime]:
    """Which occasion of the subject this is, and when it happened."""
    happened = row[rule.window.column] if rule.window else publication.published_at
    if isinstance(rule.trigger, Schedule):
        moment = last_scheduled(rule.trigger, rule, publication.published_at, zone)
        return moment.isoformat(timespec="minutes"), moment.astimezone(UTC)
    if isinstance(rule.trigger, RowChanges):
        return change_occurrence(rule.trigger, row), _moment(happened, zone)
    if rule.occurrence == ONCE:
        return ONCE, _moment(happened, zone)
    return str(json_value(row[rule.occurrence])), _moment(happened, zone)


def change_occurrence(trigger: RowChanges, row: Mapping[str, Any]) -> str:
    """The watched columns and their values: what tells one change from the next."""
    return ", ".join(f"{column}={json_value(row[column])}" for column in trigger.columns)


def _mode(rule: RuleDefinition, subject: str) -> DecisionMode:
    if rule.mode == "shadow":
        return "shadow"
    return "hold_out" if is_held_out(rule.rule_id, subject, rule.holdout_share) else "act"


def fill_texts(
    rule: RuleDefinition,
    branch: str | None,
    values: Mapping[str, Any],
    *,
    zone: ZoneInfo,
    tracking_link: TrackingLink | None = None,
) -> tuple[Mapping[str, str], tuple[ProposedAction, ...]]:
    """Message and actions of a decision with other values than it was made with.

    Args:
        rule: in the version that made the decision.
        branch: name of the branch that applied.
        values: parameters and recorded columns, as the decision's explanation has them.
        zone: business zone.
        tracking_link: makes the address behind the variable of that name.

    Raises:
        InputError: a text needs a value that is empty.
    """
    link = tracking_link if rule.tells_tracking_link else None
    filled = _Filled(rule, values, _Surroundings(zone, link))
    taken = next((one.actions for one in rule.branches if one.name == branch), ())
    return filled.message, filled.actions((*rule.actions, *taken))


class _Filled:
    """The texts of a rule, filled with the values of one row."""

    def __init__(
        self, rule: RuleDefinition, values: Mapping[str, Any], around: _Surroundings
    ) -> None:
        self._rule, self._zone = rule, around.zone
        self._values = {**_given(values, around), **values}
        self.message = self._texts(rule.message.en, rule.message.zh)

    def actions(self, actions: Sequence[Action]) -> tuple[ProposedAction, ...]:
        return tuple(
            ProposedAction(
                type=action.type,
                to=action.to,
                sinks=tuple(action.sinks or self._rule.sinks),
                message=self._texts(action.message.en, action.message.zh)
                if action.message
                else self.message,
                fields={
                    name: render_field(template, self._values)
                    for name, template in action.fields.items()
                },
            )
            for action in actions
        )

    def options(self) -> tuple[ProposedOption, ...]:
        found = []
        for option in self._rule.options:
            cost = self._values[option.cost_parameter] if option.cost_parameter else None
            found.append(
                ProposedOption(
                    name=option.name,
                    label=option.label.model_dump(),
                    cost=None if cost is None else Decimal(str(cost)),
                    currency_code=option.currency,
                    actions=self.actions(option.actions),
                )
            )
        return tuple(found)

    def _texts(self, en: str, zh: str) -> dict[str, str]:
        return {"en": self._text(en), "zh": self._text(zh)}

    def _text(self, template: str) -> str:
        return render_message(template, self._values, zone=self._zone)


def _given(values: Mapping[str, Any], around: _Surroundings) -> dict[str, Any]:
    """What Fourflow fills in beside a row's values; no part of what a decision was made on."""
    order_key = values.get(ORDER_KEY)
    if around.tracking_link is None or order_key is None:
        return {}
    return {TRACKING_LINK: around.tracking_link(str(order_key))}


def json_value(value: Any) -> Any:
    """A value as JSON keeps it without loss: decimals and times as text, no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def _moment(value: Any, zone: ZoneInfo) -> datetime:
    """When it happened, in UTC; a date begins at midnight in the business zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=zone).astimezone(UTC)


def quoted(name: str) -> str:
    """A column or table as it stands in SQL; its name has been checked against the pattern."""
    return f'"{name}"'
