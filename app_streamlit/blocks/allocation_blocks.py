"""Order lines that have not left: those of one order, and the queue of those that wait."""

import streamlit as st

from app_streamlit.queries.allocations import (
    LINES_SHOWN,
    load_allocations_of,
    load_drop_shipments,
    load_served,
    load_waiting_lines,
)
from app_streamlit.queries.stock import load_sites
from app_streamlit.ui import cards, downloads, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data
from app_streamlit.words import allocation_words


def show_allocations_of(context: PageContext, business: str, order_key: str) -> None:
    """From where the lines of an order are served; nothing once its goods have left."""
    _show_stocked_of(context, business, order_key)
    show_drop_shipments(context, business, order_key)


def show_drop_shipments(context: PageContext, business: str, order_key: str | None = None) -> None:
    """What suppliers send to customers, of one order or of all; nothing where there is none."""
    t = context.t
    shipments = load_drop_shipments(context.edition, business, order_key)
    if shipments.empty:
        return
    st.subheader(t("allocation.drop.title"), help=t("allocation.drop.help"))
    st.markdown(cards.escape(allocation_words.drop_sentence(context, shipments)))
    tables.show_table(
        shipments.assign(explanation=allocation_words.explained(context, shipments)),
        allocation_words.drop_columns(context),
        context,
        key="drop_shipments_table",
        describe=t("allocation.drop.alt"),
    )


def _show_stocked_of(context: PageContext, business: str, order_key: str) -> None:
    t = context.t
    lines = load_allocations_of(context.edition, order_key)
    if lines.empty:
        return
    sites = load_sites(context.edition, business)
    st.subheader(t("allocation.of_order"))
    st.markdown(cards.escape(allocation_words.order_sentence(context, lines)))
    tables.show_table(
        allocation_words.order_frame(context, sites, lines),
        allocation_words.order_columns(context),
        context,
        key="allocations_table",
        describe=t("allocation.of_order_alt"),
    )


def show_waiting(context: PageContext, business: str, sites: dict[str, str]) -> None:
    """The lines that wait, what would release them, and how well each priority is served."""
    t = context.t
    served = load_served(context.edition, business, context.zone)
    if served.empty:
        no_data(context, "allocation.none")
        show_drop_shipments(context, business)
        return
    st.markdown(cards.escape(allocation_words.waiting_sentence(context, served)))
    waiting = load_waiting_lines(context.edition, business, context.zone)
    if not waiting.empty:
        frame = allocation_words.waiting_frame(context, sites, waiting)
        columns = allocation_words.waiting_columns(context, business)
        tables.show_table(
            frame,
            columns,
            context,
            key="waiting_table",
            describe=t("allocation.waiting_alt"),
            height=420,
        )
        st.caption(t("allocation.how", count=formats.count(LINES_SHOWN)))
        downloads.offer(
            lambda: frame, columns, context, name="fourflow-waiting", key="download_waiting"
        )
    st.subheader(t("allocation.by_priority"), help=t("allocation.by_priority_help"))
    st.markdown(cards.escape(allocation_words.fairness_sentence(context, served)))
    tables.show_table(
        allocation_words.served_frame(served),
        allocation_words.served_columns(),
        context,
        key="served_table",
        describe=t("allocation.by_priority"),
    )
    show_drop_shipments(context, business)
