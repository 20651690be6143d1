"""What is bought together and what follows: `fct_basket_pairs`, `fct_product_sequences`."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, rows

PAIRS_SHOWN = 100
_NAMED = """
    left join (
        select business, sku, any_value(name) as name from dim_products group by business, sku
    ) as {alias} on {alias}.business = found.business and {alias}.sku = found.{item}
"""


@st.cache_data(max_entries=64, show_spinner=False)
def load_item_types(edition: Edition, business: str) -> list[str]:
    """Kinds of items (`category`, `sku`) that have associations, the coarser first."""
    tables = [
        name for name in ("fct_basket_pairs", "fct_product_sequences") if has_table(edition, name)
    ]
    if not tables or not has_table(edition, "dim_products"):
        return []
    either = " union ".join(
        f"select item_type from {name} where business = $business"  # noqa: S608 (our own names)
        for name in tables
    )
    found = rows(edition, f"{either} order by 1", {"business": business})
    return [str(row["item_type"]) for row in found]


@st.cache_data(max_entries=64, show_spinner=False)
def load_pairs(edition: Edition, business: str, item_type: str) -> pd.DataFrame:
    """The pairs of items that are furthest from chance, of those in most baskets.

    Of two directions the one from the rarer item, which says more.
    """
    if not has_table(edition, "fct_basket_pairs"):
        return pd.DataFrame()
    return frame(
        edition,
        f"""
        select
            found.antecedent_item, coalesce(first.name, '') as antecedent_name,
            found.consequent_item, coalesce(second.name, '') as consequent_name,
            found.pair_count, found.antecedent_count, found.consequent_count, found.basket_count
        from fct_basket_pairs as found
        {_NAMED.format(alias="first", item="antecedent_item")}
        {_NAMED.format(alias="second", item="consequent_item")}
        where found.business = $business and found.item_type = $item_type
            and (found.antecedent_count, found.antecedent_item)
                < (found.consequent_count, found.consequent_item)
        order by
            found.pair_count / found.antecedent_count / found.consequent_count desc,
            found.pair_count desc, found.antecedent_item, found.consequent_item
        limit {PAIRS_SHOWN}
        """,  # noqa: S608 (our own names)
        {"business": business, "item_type": item_type},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def load_sequences(edition: Edition, business: str, item_type: str) -> pd.DataFrame:
    """What people bought after something else, furthest from chance; the same again included.

    Shares are of those whose time to follow is over, of all buyers where it is nobody's yet.
    """
    if not has_table(edition, "fct_product_sequences"):
        return pd.DataFrame()
    return frame(
        edition,
        f"""
        select
            found.antecedent_item, coalesce(first.name, '') as antecedent_name,
            found.consequent_item, coalesce(second.name, '') as consequent_name,
            if(found.matured_buyer_count > 0, found.matured_follower_count, found.follower_count)
                as follower_count,
            if(found.matured_buyer_count > 0, found.matured_buyer_count, found.buyer_count)
                as buyer_count,
            found.matured_buyer_count > 0 as is_over,
            found.consequent_buyer_count, found.person_count,
            found.total_lag_days / found.follower_count as lag_days
        from fct_product_sequences as found
        {_NAMED.format(alias="first", item="antecedent_item")}
        {_NAMED.format(alias="second", item="consequent_item")}
        where found.business = $business and found.item_type = $item_type
            and found.follower_count > 0
        order by
            follower_count / buyer_count / found.consequent_buyer_count desc,
            follower_count desc, found.antecedent_item, found.consequent_item
        limit {PAIRS_SHOWN}
        """,  # noqa: S608 (our own names)
        {"business": business, "item_type": item_type},
    )


@st.cache_data(max_entries=64, show_spinner=False)
def count_offers(edition: Edition, business: str) -> int:
    """People who bought lately and to whom a related article can be offered."""
    if not has_table(edition, "fct_related_offers"):
        return 0
    (found,) = rows(
        edition,
        "select count(distinct person_key) as n from fct_related_offers "
        "where business = $business and item_type = 'sku'",
        {"business": business},
    )
    return int(found["n"])
