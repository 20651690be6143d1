"""What sources have against what the lake has, as the newest checks found it."""

import streamlit as st

from app_streamlit.queries.access import current_viewer
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.run_state import utc_now
from orchestration.source_comparisons import Comparison, newest

_FRESH_SECONDS = 5


def load_comparisons(home: str) -> list[Comparison] | None:
    """The last word on each day and file, newest first; None to whom sees some rows only.

    An account is compared as a whole, and can't be cut to the rows of a viewer.
    """
    return None if current_viewer().sight.rows else _newest(home)


@st.cache_data(ttl=_FRESH_SECONDS, max_entries=4, show_spinner=False)
def _newest(home: str) -> list[Comparison]:
    del home  # the key of the cache: another home has other checks
    return newest(open_database(load_settings()), now=utc_now())
