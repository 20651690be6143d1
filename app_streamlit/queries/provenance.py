"""Where each value of an order comes from, asked of the publication's records on demand."""

import streamlit as st

from app_streamlit.queries.edition import Edition, open_edition
from connectors.errors import FourflowError
from connectors.settings import load_settings
from orchestration.provenance import OrderProvenance, order_provenance


@st.cache_data(max_entries=64, show_spinner=False)
def load_provenance(edition: Edition, order_key: str) -> OrderProvenance | None:
    """The fields of an order with their records; None where a viewer may not see records."""
    try:
        return order_provenance(open_edition(edition), load_settings(), order_key)
    except FourflowError:
        return None
