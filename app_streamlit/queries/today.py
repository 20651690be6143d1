"""What a manager's day begins with: targets, indices of the flow, and what waits for somebody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from app_streamlit.queries.edition import Edition, has_table, rows
from app_streamlit.queries.metrics import IN_SCOPE, ask
from app_streamlit.queries.rates import Grade, Measure, grade, relative_change
from orchestration.metrics.layer import MetricQuery
from orchestration.metrics.scopes import Scope

INDICES = ("speed_index", "accuracy_index", "stability_index")
_MARGIN = MetricQuery(metrics=("contribution_margin_rate",), where=IN_SCOPE)
_INDICES = MetricQuery(metrics=("speed_index", "accuracy_index", "stability_index"), where=IN_SCOPE)
_PARTS = MetricQuery(
    metrics=("flow_judged_count", "flow_passed_count"), by=("flow_index",), where=IN_SCOPE
)


@dataclass(frozen=True)
class Target:
    """From where on a metric is on target, and from where on it is worth a look."""

    basis: str
    direction: str
    green_from: float
    amber_from: float

    def grade(self, now: Measure | None, before: Measure | None) -> Grade:
        """The colour of a value, or of its change where the target is growth."""
        value = relative_change(now, before) if self.basis == "growth" else now
        if value is None:
            return "none"
        sign = 1 if self.direction == "at_least" else -1
        return grade(sign * float(value), sign * self.green_from, sign * self.amber_from)


@st.cache_data(max_entries=64, show_spinner=False)
def load_targets(edition: Edition, business: str, on: date) -> dict[str, Target]:
    """Targets by metric, those of the business before those of all."""
    if not has_table(edition, "metric_targets"):
        return {}
    found = rows(
        edition,
        """
        select
            metric, basis, direction, green_from::double as green_from,
            amber_from::double as amber_from
        from metric_targets
        where business in ('*', $business) and valid_from <= $on
        qualify row_number() over (
            partition by metric order by business = '*', valid_from desc, version desc
        ) = 1
        """,
        {"business": business, "on": on},
    )
    return {str(row.pop("metric")): Target(**row) for row in found}


def load_margin_rates(edition: Edition, scope: Scope) -> dict[str, Any]:
    """The contribution margin rate of a scope by currency."""
    return {
        str(row["currency_code"]): row["contribution_margin_rate"]
        for row in ask(edition, _MARGIN, scope.params())
    }


def load_indices(edition: Edition, scope: Scope) -> Mapping[str, Any]:
    """The three indices of the flow; empty where they cannot be known."""
    found = ask(edition, _INDICES, scope.params())
    return found[0] if found else {}


def load_index_parts(edition: Edition, scope: Scope) -> dict[str, Mapping[str, Any]]:
    """What each index judged and what passed."""
    return {f"{row['flow_index']}_index": row for row in ask(edition, _PARTS, scope.params())}


@st.cache_data(max_entries=64, show_spinner=False)
def load_breaches(edition: Edition, business: str, channel: str | None) -> dict[str, int]:
    """Numbers of things that are overdue or over a limit at this moment, by kind."""
    asked = {
        "late_stages": (
            "rpt_stage_dwell",
            "select sum(running_breached_count)::bigint as number from rpt_stage_dwell "
            "where business = $business and ($channel is null or channel = $channel)",
        ),
        "stuck_parcels": (
            "rpt_stuck_parcels",
            "select count(*) as number from rpt_stuck_parcels "
            "where business = $business and is_stuck and ($channel is null or channel = $channel)",
        ),
        "over_limit": (
            "fct_customer_exposures",
            "select count(*) as number from fct_customer_exposures where business = $business "
            "and is_over_limit and ($channel is null or channel = $channel)",
        ),
        "price_violations": (
            "fct_price_violations",
            "select count(distinct order_key) as number from fct_price_violations "
            "where business = $business and ($channel is null or channel = $channel)",
        ),
    }
    found = {}
    for kind, (table, sql) in asked.items():
        if has_table(edition, table):
            number = rows(edition, sql, {"business": business, "channel": channel})[0]["number"]
            found[kind] = int(number or 0)
    return found
