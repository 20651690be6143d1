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
    counted: list[int] = []

    def make() -> bytes:
        rows = load()
        counted[:] = [len(rows)]
        return tables.csv_of(rows, columns, context)

    offer_file(
        make,
        context,
        file_name=f"{name}.csv",
        label=context.t("orders.download"),
        mime="text/csv",
        key=key,
        count=lambda: counted[0],
    )


def offer_file(
    make: Callable[[], bytes],
    context: PageContext,
    *,
    file_name: str,
    label: str,
    mime: str,
    key: str,
    icon: str = ":material/download:",
    count: Callable[[], int] | None = None,
) -> None:
    """A button that makes any file when it is pressed; absent for who may not download.

    Args:
        make: gives the content.
        context: of this run.
        file_name: of the file.
        label: of the button.
        mime: kind of the file.
        key: of the button.
        icon: of the button.
        count: tells after `make` how many rows it wrote.
    """
    viewer = context.viewer
    if not viewer.may("download"):
        return

    def made() -> bytes:
        content = make()
        note(
            "downloaded",
            file_name,
            publication_id=context.publication.publication_id,
            row_count=count() if count else None,
            viewer=viewer,
        )
        return content

    st.download_button(
        label, data=made, file_name=file_name, mime=mime, icon=icon, on_click="ignore", key=key
    )
