"""The forms that a viewer may fill in, and what a publication lists for their fields."""

import streamlit as st

from app_streamlit.queries.access import current_viewer
from app_streamlit.queries.edition import Edition, has_table, rows
from connectors.settings import load_settings
from orchestration.forms.definition import Form
from orchestration.forms.library import load_forms

_LISTED = {
    "sku": (
        "dim_products",
        "select sku as value, any_value(name) as name from dim_products group by sku order by sku "
        "limit 2000",
    ),
    "site": (
        "dim_sites",
        "select site as value, any_value(name) as name from dim_sites group by site order by site "
        "limit 2000",
    ),
    "customer": (
        "dim_customers",
        "select distinct customer_key as value, channel as name from dim_customers "
        "order by customer_key limit 2000",
    ),
}


def forms_of_viewer() -> list[Form]:
    """The forms for the viewer's role.

    Raises:
        InputError: a form's file can't be used; says which and why.
    """
    viewer = current_viewer()
    return [one for one in load_forms(load_settings()).values() if one.may_be_filled_by(viewer)]


@st.cache_data(max_entries=24, show_spinner=False)
def load_listed(edition: Edition, kind: str) -> dict[str, str]:
    """The first values of articles, sites or customers with their names; empty of other kinds."""
    table, query = _LISTED.get(kind, ("", ""))
    if not table or not has_table(edition, table):
        return {}
    return {str(row["value"]): str(row["name"] or "") for row in rows(edition, query)}
