"""Where open order lines are served from, and what the others wait for.

`line_allocations` has those that sites stock, `drop_shipments` those that suppliers send.
"""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table

LINES_SHOWN = 500
WAITING = ("transfer", "backorder", "wait")


@st.cache_data(max_entries=64, show_spinner=False)
def load_allocations_of(edition: Edition, order_key: str) -> pd.DataFrame:
    """One row a line of an open order and what is done about it; none once the goods have left."""
    if not has_table(edition, "line_allocations"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select allocations.*, products.name
        from line_allocations as allocations
        left join dim_products as products
            on allocations.business = products.business and allocations.sku = products.sku
        where allocations.order_key = $order_key
        order by allocations.line_no, allocations.decision, allocations.site
        """,
        {"order_key": order_key},
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_waiting_lines(
    edition: Edition, business: str, zone: str, limit: int = LINES_SHOWN
) -> pd.DataFrame:
    """One row a line with units that wait, in the order in which stock goes to them.

    Args:
        edition: which publication, as whom.
        business: whose lines.
        zone: time zone in which days of waiting are counted.
        limit: rows at most.
    """
    if not has_table(edition, "line_allocations"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            allocations.*, products.name,
            date_diff('day', (demanded_at at time zone $zone)::date, business_date) as waiting_days
        from line_allocations as allocations
        left join dim_products as products
            on allocations.business = products.business and allocations.sku = products.sku
        where allocations.business = $business and list_contains($waiting, decision)
        order by priority, demanded_at, order_key, line_no
        limit $limit
        """,
        {"business": business, "zone": zone, "waiting": list(WAITING), "limit": limit},
    )


@st.cache_data(max_entries=16, show_spinner=False)
def load_served(edition: Edition, business: str, zone: str) -> pd.DataFrame:
    """One row a priority: units and lines asked for, by what is done, and the longest wait.

    Args:
        edition: which publication, as whom.
        business: whose lines.
        zone: time zone in which days of waiting are counted.
    """
    if not has_table(edition, "line_allocations"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            priority,
            count(distinct (order_key, line_no))::bigint as line_count,
            sum(quantity)::bigint as asked_quantity,
            coalesce(sum(quantity) filter (where decision in ('reserve', 'allocated')), 0)::bigint
                as served_quantity,
            coalesce(sum(quantity) filter (where decision = 'transfer'), 0)::bigint
                as transfer_quantity,
            coalesce(sum(quantity) filter (where decision = 'backorder'), 0)::bigint
                as backorder_quantity,
            coalesce(sum(quantity) filter (where decision = 'wait'), 0)::bigint
                as waiting_quantity,
            count(distinct (order_key, line_no)) filter (where list_contains($waiting, decision))
                ::bigint as waiting_line_count,
            max(date_diff('day', (demanded_at at time zone $zone)::date, business_date))
                filter (where list_contains($waiting, decision)) as longest_wait_days
        from line_allocations
        where business = $business
        group by priority
        order by priority
        """,
        {"business": business, "zone": zone, "waiting": list(WAITING)},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_drop_shipments(
    edition: Edition, business: str, order_key: str | None = None, limit: int = LINES_SHOWN
) -> pd.DataFrame:
    """One row a purchase that a supplier sends, those that wait longest first.

    Args:
        edition: which publication, as whom.
        business: whose lines.
        order_key: only of this order; None: of all.
        limit: rows at most.
    """
    if not has_table(edition, "drop_shipments"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            shipments.order_key, shipments.line_no, shipments.order_no, shipments.sku,
            products.name, shipments.quantity, shipments.state,
            shipments.supplier_no, shipments.purchase_order_no, shipments.expected_on,
            shipments.demanded_at, shipments.explanation_en, shipments.explanation_zh
        from drop_shipments as shipments
        left join dim_products as products
            on shipments.business = products.business and shipments.sku = products.sku
        where shipments.business = $business
          and ($order_key is null or shipments.order_key = $order_key)
        order by shipments.demanded_at, shipments.order_key, shipments.line_no
        limit $limit
        """,
        {"business": business, "order_key": order_key, "limit": limit},
    )
