"""Files that people take away: only who may, and every one is in the access log."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from app_streamlit.queries.access import note
from app_streamlit.ui import tables
from app_streamlit.ui.context import PageContext


def offer(
    load: Callable[[], pd.DataFrame],
    columns: Sequence[tables.Column],
    context: PageContext,
    *,
    name: str,
    key: str,
) -> None:
    """A button that makes a CSV file when it is pressed; absent for who may not download.

    Args:
        load: gives the rows.
        columns: of the file; those hidden from the viewer are left out.
        context: of this run.
        name: of the file, without its ending.
        key: of the button.
    """
    viewer = context.viewer
    if not viewer.may("download"):
        return

    def make() -> bytes:
        rows = load()
        note(
            "downloaded",
            name,
            publication_id=context.publication.publication_id,
            row_count=len(rows),
            viewer=viewer,
        )
        return tables.csv_of(rows, columns, context)

    st.download_button(
        context.t("orders.download"),
        data=make,
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=key,
    )
