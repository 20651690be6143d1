"""Blocks of the process page: the steps that orders take, their paths, and how many conform."""

from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table
from app_streamlit.queries.metrics import IN_SCOPE, ask
from orchestration.metrics.layer import MetricQuery
from orchestration.metrics.scopes import Scope

VARIANTS = 100
_CONFORMANCE = MetricQuery(
    metrics=("ended_order_count", "process_conformance_rate", "straight_through_rate"),
    where=IN_SCOPE,
)


def load_conformance(edition: Edition, scope: Scope) -> dict[str, Any]:
    """The metrics of the orders that began in the scope; empty where none is at its end."""
    rows = ask(edition, _CONFORMANCE, scope.params())
    return rows[0] if rows and rows[0]["ended_order_count"] else {}


@st.cache_data(max_entries=64, show_spinner=False)
def load_activities(edition: Edition) -> pd.DataFrame:
    """One row an activity with its place in the process and its labels."""
    if not has_table(edition, "process_activities"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            activity, min(place) as place, min(label_en) as label_en, min(label_zh) as label_zh
        from process_activities
        group by activity
        order by place
        """,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_steps(
    edition: Edition, business: str, channel: str | None, order_type: str
) -> pd.DataFrame:
    """One row a step and kind: how often it is taken, and the longest median wait of a channel."""
    return frame(
        edition,
        """
        select
            previous_activity, activity, step_kind,
            sum(step_count)::bigint as step_count,
            sum(order_count)::bigint as order_count,
            max(waited_seconds_p50) as waited_seconds_p50,
            max(waited_seconds_p90) as waited_seconds_p90
        from rpt_process_steps
        where business = $business
          and order_type = $order_type
          and ($channel is null or channel = $channel)
        group by all
        order by step_count desc, previous_activity, activity
        """,
        {"business": business, "channel": channel, "order_type": order_type},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_variants(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """One row a path and channel: of each type of order the most travelled, they first."""
    if not has_table(edition, "rpt_process_variants"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            *,
            order_count / sum(order_count) over (partition by order_type) as order_share
        from rpt_process_variants
        where business = $business and ($channel is null or channel = $channel)
        qualify row_number() over (
            partition by order_type order by order_count desc, channel, order_path
        ) <= $limit
        order by order_count desc, channel, order_path
        """,
        {"business": business, "channel": channel, "limit": VARIANTS},
    )
