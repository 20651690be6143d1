"""The rule book, the rule lab and what rules brought, as the rules API tells them.

The book moves while a publication stands, so it is cached for seconds only; what the lab finds
depends on the publication and on what the rules say, and on nothing else.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import streamlit as st

from app_streamlit.queries.access import require_all_rows
from app_streamlit.queries.edition import Edition, has_table, open_edition, rows
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.decisions import ledger, rulebook
from orchestration.decisions.backtesting import Backtest, backtest_rule
from orchestration.decisions.definition import RuleDefinition
from orchestration.decisions.effects import (
    PurchaseCost,
    RuleEffect,
    measure_purchase_cost,
    measure_rule,
)
from orchestration.decisions.evaluation import check_rule
from orchestration.decisions.firing import InForce, Span
from orchestration.decisions.histories import Clock
from orchestration.decisions.rulebook import Conflict, RuleVersion

_FRESH_SECONDS = 5


@dataclass(frozen=True)
class RuleBook:
    """All rules in force, and which of them may decide the same."""

    rules: tuple[RuleVersion, ...]
    conflicts: tuple[Conflict, ...]

    def find(self, rule_id: str) -> RuleVersion | None:
        """The version in force of a rule; None when there is no such rule."""
        return next((one for one in self.rules if one.rule_id == rule_id), None)


@dataclass(frozen=True)
class Trial:
    """What the lab is asked: the definition as JSON, which history, and on which clock."""

    definition: str
    days: int
    business: str | None
    clock: Clock


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def load_rulebook(home: str) -> RuleBook:
    """The rules in force."""
    del home
    engine = open_database(load_settings())
    found = rulebook.list_rules(engine)
    return RuleBook(tuple(found), tuple(rulebook.find_conflicts(found)))


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def load_versions(home: str, rule_id: str) -> list[RuleVersion]:
    """All versions of a rule, the newest first."""
    del home
    return rulebook.rule_history(open_database(load_settings()), rule_id)


def forget() -> None:
    """After a change: the next page reads the book anew."""
    load_rulebook.clear()
    load_versions.clear()


def load_shadow_days(home: str, rule_id: str, zone: str) -> dict[date, int]:
    """Decisions that a rule recorded in shadow, by business date.

    Raises:
        ForbiddenError: the viewer sees some rows only, and these are of all.
    """
    require_all_rows()
    return _load_shadow_days(home, rule_id, zone)


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def _load_shadow_days(home: str, rule_id: str, zone: str) -> dict[date, int]:
    del home
    found = ledger.list_decisions(
        open_database(load_settings()), rule_id=rule_id, mode="shadow", limit=100_000
    )
    days = Counter(one.created_at.astimezone(ZoneInfo(zone)).date() for one in found)
    return dict(sorted(days.items()))


@st.cache_data(max_entries=16, show_spinner=False)
def load_tables(edition: Edition) -> list[str]:
    """Published tables that a rule may read, by name."""
    return sorted(open_edition(edition).tables())


@st.cache_data(max_entries=64, show_spinner=False)
def load_columns(edition: Edition, table: str) -> list[str]:
    """Columns of a published table; none when it is not published."""
    if not has_table(edition, table):
        return []
    found = rows(
        edition,
        "select column_name from duckdb_columns() where table_name = $table order by column_index",
        {"table": table},
    )
    return list(dict.fromkeys(str(row["column_name"]) for row in found))


def check_columns(edition: Edition, rule: RuleDefinition) -> None:
    """Check a rule against the columns of its table, where that is published.

    Raises:
        InputError: names the column that is not there, or what is wrong with a condition.
    """
    columns = load_columns(edition, rule.source_table)
    if columns:
        check_rule(rule, columns)


def try_rule(edition: Edition, home: str, trial: Trial) -> Backtest:
    """What a rule would have decided over history.

    Raises:
        InputError: the rule does not fit its table, or its past cannot be told.
    """
    in_force = tuple(
        (one.definition.model_dump_json(), one.version) for one in load_rulebook(home).rules
    )
    return _back_test(edition, trial, in_force)


@st.cache_data(max_entries=32, show_spinner=False)
def _back_test(edition: Edition, trial: Trial, in_force: tuple[tuple[str, int], ...]) -> Backtest:
    zone = ZoneInfo(load_settings().business_time_zone)
    return backtest_rule(
        RuleDefinition.model_validate_json(trial.definition),
        open_edition(edition),
        zone=zone,
        span=Span(trial.days, business=trial.business),
        clock=trial.clock,
        in_force=[
            InForce(RuleDefinition.model_validate_json(text), version) for text, version in in_force
        ],
    )


def load_effect(
    edition: Edition, rule_id: str, days: int
) -> tuple[list[RuleEffect], PurchaseCost | None]:
    """What a rule changed, against its hold-out, and what each purchase that it brought cost.

    Raises:
        ForbiddenError: the viewer sees some rows only, and these are of all.
    """
    require_all_rows()
    return _load_effect(edition, rule_id, days)


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def _load_effect(
    edition: Edition, rule_id: str, days: int
) -> tuple[list[RuleEffect], PurchaseCost | None]:
    engine, lake = open_database(load_settings()), open_edition(edition)
    cost = measure_purchase_cost(engine, lake, rule_id, days=days)
    return measure_rule(engine, lake, rule_id, days=days), cost
