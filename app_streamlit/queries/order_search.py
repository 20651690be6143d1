"""Orders by any number that people have in hand: of all days, channels and kinds of order."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table

FOUND_SHOWN = 50
LEAST_PART = 4
"""Characters from which on a part of an order number is looked for."""
# What holds a number, and how its orders are found. A key ends with the number of its source.
_PLACES = {
    "order": ("fct_orders", "select order_key from fct_orders where lower(order_no) = $words"),
    "parcel": (
        "fct_parcels",
        "select order_key from fct_parcels where lower(tracking_no) = $words",
    ),
    "payment": (
        "fct_payments",
        "select order_key from fct_payments where ends_with(lower(payment_key), ':' || $words)",
    ),
    "refund": (
        "fct_refunds",
        "select order_key from fct_refunds where ends_with(lower(refund_key), ':' || $words)",
    ),
    "invoice": (
        "fct_invoices",
        "select order_key from fct_invoices where lower(invoice_no) = $words",
    ),
    "customer": (
        "fct_orders",
        "select order_key from fct_orders where ends_with(lower(customer_key), ':' || $words)",
    ),
    "part": (
        "fct_orders",
        "select order_key from fct_orders "
        "where length($words) >= $least and contains(lower(order_no), $words)",
    ),
    "phone": (
        "dim_customers",
        "select orders.order_key from fct_orders as orders "
        "join dim_customers as customers on customers.customer_key = orders.customer_key "
        "where customers.phone_token in ($token, $words)",
    ),
}


@st.cache_data(max_entries=64, show_spinner=False)
def find_orders(edition: Edition, words: str, token: str | None) -> pd.DataFrame:
    """Orders that a number belongs to, the newest first, and what it is (`found_by`).

    Args:
        edition: where, and as whom.
        words: a number of an order (or part of it), parcel, payment, refund, invoice or customer,
            or the token of a phone number.
        token: of the phone number that `words` may be.
    """
    if not has_table(edition, "fct_orders"):
        return pd.DataFrame()
    places = [
        f"select order_key, '{kind}' as found_by, {rank} as place from ({select})"  # noqa: S608
        for rank, (kind, (table, select)) in enumerate(_PLACES.items())
        if has_table(edition, table)
        and not (kind == "phone" and edition.sight.hides("phone_token", table))
    ]
    params = {"words": words.strip().lower(), "limit": FOUND_SHOWN, "least": LEAST_PART}
    if any("$token" in place for place in places):
        params["token"] = token or ""
    return frame(
        edition,
        f"""
        with hits as (
            select order_key, arg_min(found_by, place) as found_by
            from ({" union all ".join(places)}) as everywhere
            group by order_key
        )
        select
            orders.order_key, orders.order_no, hits.found_by, orders.business, orders.channel,
            orders.order_type, orders.order_status, orders.refund_status, orders.created_at,
            orders.gross_amount, orders.net_paid_amount, orders.currency_code, orders.customer_key
        from hits
        join fct_orders as orders on orders.order_key = hits.order_key
        order by hits.found_by = 'part', orders.created_at desc, orders.order_key
        limit $limit
        """,  # noqa: S608 (our own selects)
        params,
    )
