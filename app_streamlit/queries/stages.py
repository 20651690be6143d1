"""Blocks of the stages page: dwell times by department, and the orders that are late or will be."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table

LISTED = 200


@st.cache_data(max_entries=64, show_spinner=False)
def load_dwell(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """One row a stage and channel: orders, breaches, and the quantiles of the time it took."""
    if not has_table(edition, "rpt_stage_dwell"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select stages.*, labels.label_en, labels.label_zh
        from rpt_stage_dwell as stages
        left join (
            select stage, min(label_en) as label_en, min(label_zh) as label_zh
            from sop_steps group by stage
        ) as labels on stages.stage = labels.stage
        where stages.business = $business and ($channel is null or stages.channel = $channel)
        order by stages.breached_count desc, stages.stage, stages.channel
        """,
        {"business": business, "channel": channel},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_running(edition: Edition, business: str, channel: str | None) -> pd.DataFrame:
    """Orders in a stage that has a due time, the most overdue first."""
    return frame(
        edition,
        """
        select
            orders.order_no, stages.channel, stages.stage, stages.department, stages.entered_at,
            stages.due_at, stages.seconds_to_breach, orders.gross_amount, orders.currency_code,
            labels.label_en, labels.label_zh
        from fct_order_stages as stages
        inner join fct_orders as orders on stages.order_key = orders.order_key
        left join (
            select stage, min(label_en) as label_en, min(label_zh) as label_zh
            from sop_steps group by stage
        ) as labels on stages.stage = labels.stage
        where stages.business = $business
          and stages.stage_status = 'running'
          and stages.due_at is not null
          and ($channel is null or stages.channel = $channel)
        order by stages.seconds_to_breach, orders.order_no
        limit $limit
        """,
        {"business": business, "channel": channel, "limit": LISTED},
    )
