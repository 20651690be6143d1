"""Blocks about the speed of decisions: from proposal to action, and where people are waited for."""

import streamlit as st

from app_streamlit.queries.ledger import load_rule_names, load_speed
from app_streamlit.ui import cards, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data
from app_streamlit.words import speed_words
from orchestration.decisions.approvals.paths import node_figures


def show_speed(context: PageContext, rule_id: str, owner: str) -> None:
    """How fast decisions became actions, who took how long, and what without one of them."""
    t = context.t
    days = int(st.number_input(t("speed.days"), 1, 3650, 90, key="speed_days", width=240))
    speed = load_speed(context.edition.home, days, rule_id or None, owner or None)
    if speed is None:
        no_data(context, "speed.of_all")
        return
    if not speed.latencies:
        no_data(context, "speed.nothing")
        return
    st.markdown(cards.as_headline(speed_words.headline(context, speed)))
    tables.show_table(
        speed_words.latency_frame(speed, load_rule_names(context.edition.home), context),
        speed_words.latency_columns(context),
        context,
        key="latency_table",
        is_published=False,
        describe=t("speed.latency_alt"),
        height=320,
    )
    st.subheader(t("speed.approvals"))
    nodes = node_figures(speed.paths)
    if not nodes:
        no_data(context, "speed.nobody_asked")
        return
    st.markdown(cards.escape(speed_words.path_sentence(context, speed)))
    tables.show_table(
        speed_words.node_frame(context, nodes),
        speed_words.node_columns(context),
        context,
        key="node_table",
        is_published=False,
        describe=t("speed.nodes_alt"),
    )
    chosen = st.selectbox(
        t("speed.without"),
        range(len(nodes)),
        format_func=lambda place: speed_words.node_label(context, nodes[place].node),
        key=f"without_node_{t.language}_{rule_id}_{owner}_{len(nodes)}",
        width=480,
    )
    st.markdown(cards.escape(speed_words.without_sentence(context, nodes[chosen])))
    st.caption(t("speed.how_to_read"))
