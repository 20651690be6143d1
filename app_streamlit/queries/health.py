"""Blocks of the data health page that the lake knows: freshness, conservation, quarantine."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table
from app_streamlit.queries.metrics import ask
from orchestration.metrics.layer import MetricQuery

QUARANTINE_LIMIT = 200
_QUALITY = MetricQuery(
    metrics=("data_quality_rate",),
    by=("source", "quality_dimension", "quality_check", "is_weakest"),
)


@st.cache_data(max_entries=8, show_spinner=False)
def load_freshness(edition: Edition) -> pd.DataFrame:
    """One row a source and entity: what was received and how new it is."""
    return frame(
        edition,
        "select source, entity, record_count, load_count, file_count, last_received_at, "
        "last_event_at from rpt_source_freshness order by source, entity",
    )


def load_quality(edition: Edition) -> pd.DataFrame:
    """One row a source and quality check: its rate, and whether it is the weakest of the source."""
    found = ask(edition, _QUALITY, {})
    return pd.DataFrame(found).rename(columns={"data_quality_rate": "rate"})


@st.cache_data(max_entries=8, show_spinner=False)
def load_status_lag(edition: Edition) -> pd.DataFrame:
    """One row a source, type of document and status: how long changes took to be visible."""
    if not has_table(edition, "rpt_status_lag"):
        return pd.DataFrame()
    return frame(
        edition,
        "select source, document_type, to_status, history_count, change_count, visible_count, "
        "late_count, limit_seconds, known_seconds_p50, known_seconds_p95, visible_seconds_p50, "
        "visible_seconds_p95 from rpt_status_lag order by source, document_type, to_status",
    )


@st.cache_data(max_entries=8, show_spinner=False)
def load_conservation(edition: Edition) -> pd.DataFrame:
    """One row a source and entity, over all loads: received = used + duplicates + quarantined."""
    return frame(
        edition,
        "select source, entity, sum(received)::bigint as received, sum(used)::bigint as used, "
        "sum(duplicates)::bigint as duplicates, sum(quarantined)::bigint as quarantined, "
        "sum(received - used - duplicates - quarantined)::bigint as unexplained "
        "from rpt_conservation group by all order by source, entity",
    )


@st.cache_data(max_entries=8, show_spinner=False)
def load_conservation_flows(edition: Edition) -> pd.DataFrame:
    """One row a business, flow, unit and bucket: two figures that must agree, and what is between.

    Rows in which neither book says anything are left out. Empty where a publication is older.
    """
    if not has_table(edition, "conservation_flows"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            flows.business, flows.flow, flows.unit, flows.bucket, flows.owner,
            flows.left_quantity, flows.right_quantity, flows.difference,
            flows.unexplained_quantity, flows.tolerance,
            names.label_en, names.label_zh, names.left_label_en, names.left_label_zh,
            names.right_label_en, names.right_label_zh,
            buckets.label_en as bucket_label_en, buckets.label_zh as bucket_label_zh
        from rpt_conservation_flows as flows
        inner join conservation_flows as names on flows.flow = names.flow
        left join residual_buckets as buckets on flows.bucket = buckets.residual_bucket
        where flows.left_quantity <> 0 or flows.right_quantity <> 0
        order by flows.business, names.flow_number, flows.unit, abs(flows.difference), flows.bucket
        """,
    )


@st.cache_data(max_entries=8, show_spinner=False)
def load_quarantine_reasons(edition: Edition) -> pd.DataFrame:
    """One row a source, entity and reason, the most frequent first."""
    if not has_table(edition, "rpt_quarantine_reasons"):
        return pd.DataFrame()
    return frame(
        edition,
        "select source, entity, reason, record_count, amount from rpt_quarantine_reasons "
        "order by record_count desc, source, entity, reason",
    )


@st.cache_data(max_entries=8, show_spinner=False)
def load_unmapped(edition: Edition) -> pd.DataFrame:
    """One row a value that no mapping knows, the most frequent first."""
    if not has_table(edition, "rpt_unmapped_values"):
        return pd.DataFrame()
    return frame(
        edition,
        "select mapping, source, place, source_value, row_count, first_known_at, last_known_at "
        "from rpt_unmapped_values "
        "order by row_count desc, mapping, source, place, source_value",
    )


@st.cache_data(max_entries=32, show_spinner=False)
def load_quarantined(
    edition: Edition, source: str, entity: str, limit: int = QUARANTINE_LIMIT
) -> pd.DataFrame:
    """Quarantined records of an entity with their payload, the newest first."""
    return frame(
        edition,
        "select source, entity, source_id, reason, amount, payload, received_at "
        "from quarantined_records where source = $source and entity = $entity "
        "order by received_at desc, source_id limit $limit",
        {"source": source, "entity": entity, "limit": limit},
    )
