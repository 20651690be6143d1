"""Evaluates one rule on one published snapshot: a single set-based query with bound parameters."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import duckdb

from connectors.database.publications import Publication
from connectors.errors import InputError
from orchestration.decisions.conditions import Condition, closest, parse_condition
from orchestration.decisions.definition import ONCE, PUBLISHED_AT, RuleDefinition
from orchestration.decisions.messages import render_message

_AMOUNT = "fourflow_amount"


class Snapshot(Protocol):
    """The part of `PublishedLake` that rules need."""

    @property
    def publication(self) -> Publication:
        """The publication that is open."""

    def rows(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        """Run one query and return a dict a row."""

    def tables(self) -> list[str]:
        """Names of all tables, without schema."""


@dataclass(frozen=True)
class Proposal:
    """A decision that a rule asks for, before the ledger has looked whether it exists."""

    decision_id: str
    subject: str
    occurrence: str
    occurred_at: datetime
    amount: Decimal | None
    currency_code: str | None
    explanation: Mapping[str, Any]
    message: Mapping[str, str]
    cooldown_days: int


@dataclass(frozen=True)
class Evaluation:
    """What one rule found: proposals, or the reason why it could not look."""

    proposals: tuple[Proposal, ...] = ()
    skipped: str | None = None
    errors: tuple[str, ...] = ()


def decision_key(rule_id: str, subject: str, occurrence: str) -> str:
    """The deterministic id of a decision: the same rule, subject and occurrence, the same id."""
    return hashlib.sha256(f"{rule_id}|{subject}|{occurrence}".encode()).hexdigest()


def evaluate_rule(rule: RuleDefinition, lake: Snapshot, *, zone: ZoneInfo) -> Evaluation:
    """Find the rows of the snapshot for which the rule fires, oldest first.

    A table that does not exist or is empty is no error: the rule is skipped and says why.
    """
    table = rule.source_table
    if table not in lake.tables():
        return Evaluation(skipped=f"the table {table} is not published, so there is nothing to do")
    try:
        columns = [str(row["column_name"]).lower() for row in lake.rows(f'describe "{table}"')]
        condition = _checked(rule, columns)
        if not lake.rows(f'select 1 as one from "{table}" limit 1'):  # noqa: S608 - checked name
            return Evaluation(skipped=f"the table {table} is empty, so there is nothing to do")
        sql = build_query(rule, condition)
        rows = lake.rows(sql, _bound(rule, condition, lake.publication) or None)
    except InputError as error:
        return Evaluation(errors=(str(error),))
    except duckdb.Error as error:
        cause = str(error).strip().splitlines()[0]
        return Evaluation(errors=(f"The rule {rule.rule_id} failed on {table}: {cause}",))
    return _proposals(rule, rows, lake.publication, zone)


def build_query(rule: RuleDefinition, condition: Condition) -> str:
    """The rule's query. Every name in it matches the identifier pattern of the definition."""
    selected = [_quoted(column) for column in rule.needed_columns]
    if rule.amount_column:
        selected.append(f"cast({_quoted(rule.amount_column)} as decimal(18, 2)) as {_AMOUNT}")
    order = [_quoted(rule.window.column)] if rule.window else []
    order += [_quoted(column) for column in rule.key]
    return (
        f"select {', '.join(selected)} from ({_recent_rows(rule)}) as candidate "  # noqa: S608
        f"where {condition.sql} order by {', '.join(order)}"
    )


def _recent_rows(rule: RuleDefinition) -> str:
    table = _quoted(rule.source_table)
    if rule.window is None:
        return f"select * from {table}"  # noqa: S608
    column, groups = _quoted(rule.window.column), [_quoted(name) for name in rule.window.within]
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


def _checked(rule: RuleDefinition, columns: list[str]) -> Condition:
    for column in rule.needed_columns:
        if column not in columns:
            hint = closest(column, columns) or "; see docs/analysts.md for its columns."
            raise InputError(
                f"The rule {rule.rule_id} needs the column {column}, "
                f"which {rule.source_table} does not have{hint}"
            )
    return parse_condition(rule.condition, parameters=rule.parameter_names, columns=columns)


def _bound(
    rule: RuleDefinition, condition: Condition, publication: Publication
) -> dict[str, object]:
    values: dict[str, object] = {name: p.bound() for name, p in rule.parameters.items()}
    values[PUBLISHED_AT] = publication.published_at
    return {name: values[name] for name in condition.parameters}


def _proposals(
    rule: RuleDefinition, rows: list[dict[str, Any]], publication: Publication, zone: ZoneInfo
) -> Evaluation:
    proposals: dict[str, Proposal] = {}
    errors = []
    for row in rows:
        try:
            proposal = _proposal(rule, row, publication, zone)
        except InputError as error:
            errors.append(str(error))
            continue
        proposals.setdefault(proposal.decision_id, proposal)
    ordered = sorted(proposals.values(), key=lambda p: (p.occurred_at, p.subject))
    return Evaluation(tuple(ordered), errors=tuple(errors))


def _proposal(
    rule: RuleDefinition, row: Mapping[str, Any], publication: Publication, zone: ZoneInfo
) -> Proposal:
    for column in rule.key:
        if row[column] is None:
            raise InputError(
                f"The rule {rule.rule_id} found a row of {rule.source_table} without {column}; "
                "the key of a rule may not be empty."
            )
    subject = json.dumps(
        {column: json_value(row[column]) for column in rule.key},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    once = rule.occurrence == ONCE
    occurrence = ONCE if once else str(json_value(row[rule.occurrence]))
    happened = row[rule.window.column] if rule.window else publication.published_at
    cooldown = rule.cooldown_days
    parameters = {name: parameter.bound() for name, parameter in rule.parameters.items()}
    values = {**parameters, **{column: row[column] for column in rule.recorded_columns}}
    return Proposal(
        decision_id=decision_key(rule.rule_id, subject, occurrence),
        subject=subject,
        occurrence=occurrence,
        occurred_at=_moment(happened, zone),
        amount=row[_AMOUNT] if rule.amount_column else None,
        currency_code=row[rule.currency_column] if rule.currency_column else None,
        explanation={name: json_value(value) for name, value in values.items()},
        message={
            "en": render_message(rule.message.en, values, zone=zone),
            "zh": render_message(rule.message.zh, values, zone=zone),
        },
        cooldown_days=cooldown if isinstance(cooldown, int) else math.ceil(row[cooldown] or 0),
    )


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


def _quoted(name: str) -> str:
    return f'"{name}"'
