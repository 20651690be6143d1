"""The life of one order: its events, its stages, and where its four flows disagree."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table


@st.cache_data(max_entries=64, show_spinner=False)
def load_events(edition: Edition, order_key: str) -> pd.DataFrame:
    """One row an event in order of time: actor, source, reached status and how it was told.

    Allocation and settlement are no events of a document of their own; they are added from the
    order's milestones, as fees and collections are from its cash flows.
    """
    if not has_table(edition, "fct_order_events"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        with told as (
            select event, actor, source, reference, order_status, event_at, seconds_to_known,
                null::decimal(18, 2) as amount, null as currency_code
            from fct_order_events
            where order_key = $order_key
            union all
            select flow_type, 'finance', source, null, null, moved_at, null,
                amount::decimal(18, 2), currency_code
            from fct_order_cash_flows
            where order_key = $order_key and flow_type in ('fee', 'collection')
            union all
            select 'allocated', 'shop', source, null, 'allocated', allocated_at, null, null, null
            from fct_order_milestones
            where order_key = $order_key and allocated_at is not null
            union all
            select 'settled', 'finance', source, null, null, settled_at, null, null, null
            from fct_order_milestones
            where order_key = $order_key and settled_at is not null
        )
        select
            *,
            date_diff('second', lag(event_at) over (order by event_at, event), event_at)
                as seconds_since_previous
        from told
        order by event_at, event, reference
        """,
        {"order_key": order_key},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_stages(edition: Edition, order_key: str) -> pd.DataFrame:
    """One row a stage of the order, in the order of the SOP: how long, due when, breached?"""
    if not has_table(edition, "fct_order_stages"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select stages.*, labels.label_en, labels.label_zh
        from fct_order_stages as stages
        left join (
            select stage, min(label_en) as label_en, min(label_zh) as label_zh
            from sop_steps group by stage
        ) as labels on stages.stage = labels.stage
        where stages.order_key = $order_key
        order by stages.entered_at, stages.stage
        """,
        {"order_key": order_key},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_disagreements(edition: Edition, order_key: str) -> pd.DataFrame:
    """One row a disagreement of the order's flows, with the bucket's label where it is money."""
    if not has_table(edition, "rpt_order_disagreements"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select told.*, buckets.label_en, buckets.label_zh
        from rpt_order_disagreements as told
        left join residual_buckets as buckets on told.detail = buckets.residual_bucket
        where told.order_key = $order_key
        order by told.found_at, told.disagreement
        """,
        {"order_key": order_key},
    )
