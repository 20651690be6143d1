"""Blocks of the reconciliation page: what two books say differently, by bucket, and the items."""

from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, open_edition
from app_streamlit.queries.metrics import IN_SCOPE, ask
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.metrics.layer import MetricQuery
from orchestration.metrics.scopes import Scope
from orchestration.stewardship import sign_offs
from orchestration.stewardship.sign_offs import DayStanding

ITEMS = 500
_FRESH_SECONDS = 5
_UNKNOWN = MetricQuery(
    metrics=("reconciliation_unknown_share", "reconciliation_compared_amount"),
    by=("comparison",),
    where=IN_SCOPE,
)


def load_unknown(edition: Edition, scope: Scope) -> list[dict[str, Any]]:
    """One row a comparison and currency: the metrics of what nobody can explain."""
    return ask(edition, _UNKNOWN, scope.params())


@st.cache_data(max_entries=64, show_spinner=False)
def load_buckets(edition: Edition, scope: Scope) -> pd.DataFrame:
    """One row a comparison, bucket and currency with what both books say."""
    if not has_table(edition, "rpt_reconciliation"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            walk.comparison, walk.residual_bucket, walk.currency_code,
            flows.label_en as comparison_label_en, flows.label_zh as comparison_label_zh,
            buckets.label_en, buckets.label_zh, buckets.owner,
            sum(walk.item_count)::bigint as item_count,
            sum(walk.recorded_amount) as recorded_amount,
            sum(walk.reported_amount) as reported_amount,
            sum(walk.difference_amount) as difference_amount
        from rpt_reconciliation as walk
        left join residual_buckets as buckets on walk.residual_bucket = buckets.residual_bucket
        left join conservation_flows as flows on walk.comparison = flows.flow
        where walk.business = $business
          and ($channel is null or walk.channel = $channel)
          and walk.business_date between $start and $end
        group by all
        order by min(flows.flow_number), min(buckets.bucket_number), walk.currency_code
        """,
        scope.params(),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_items(edition: Edition, scope: Scope, comparison: str, bucket: str) -> pd.DataFrame:
    """The items of a bucket, the largest difference first."""
    return frame(
        edition,
        """
        select
            items.item_on, items.item_type, items.provider, orders.order_no, items.recorded_key,
            items.reported_key, items.recorded_amount, items.reported_amount,
            items.difference_amount, items.currency_code, items.match_rule, items.match_score,
            items.match_evidence
        from fct_reconciliation_items as items
        left join fct_orders as orders on items.order_key = orders.order_key
        where items.business = $business
          and items.comparison = $comparison
          and items.residual_bucket = $bucket
          and ($channel is null or items.channel = $channel)
          and items.item_on between $start and $end
        order by abs(items.difference_amount) desc, items.item_on, items.reconciliation_item_key
        limit $limit
        """,
        {**scope.params(), "comparison": comparison, "bucket": bucket, "limit": ITEMS},
    )


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=16, show_spinner=False)
def load_days(edition: Edition, scope: Scope) -> list[DayStanding]:
    """The days of a period, the newest first, with who signed them; all channels together."""
    engine = open_database(load_settings())
    return sign_offs.list_days(
        engine, open_edition(edition), scope.business, start=scope.start, end=scope.end
    )


def forget() -> None:
    """After a signature: the next page reads the days anew."""
    load_days.clear()
