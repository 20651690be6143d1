"""Decisions: what was decided from the figures, why, whether it arrived, and what to do now."""

import streamlit as st

from app_streamlit.blocks import decision_blocks, speed_blocks
from app_streamlit.queries.ledger import (
    LEDGER_LIMIT,
    load_choices,
    load_decisions,
    load_rule_names,
    load_state_counts,
)
from app_streamlit.ui import acts, address, cards, downloads, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data
from app_streamlit.words import decision_words
from app_streamlit.words.rule_words import role_label

context = current()
t = context.t
home = context.edition.home
st.title(t("pages.decisions"))
counts = load_state_counts(home)
cards.headline(decision_words.headline(context, counts))
acts.tell()
if not sum(counts.values()):
    no_data(context, "empty.no_decisions")
    st.stop()

states = ["all", *counts, decision_words.SPEED]
state = address.switch(
    "view",
    states,
    "all",
    label=t("columns.state"),
    format_func=lambda name: decision_words.state_with_count(context, name, counts),
    variant=f"decisions_{t.language}",
)
choices, names = load_choices(home), load_rule_names(home)
with st.container(horizontal=True, key="decision_filters"):
    rule = address.choice(
        "rule",
        ["", *choices["rules"]],
        "",
        lambda key: st.selectbox(
            t("columns.rule"),
            ["", *choices["rules"]],
            format_func=lambda name: (
                decision_words.rule_label(context, names, name) if name else t("rules.all")
            ),
            key=key,
            width=320,
        ),
        variant=f"decisions_{t.language}",
    )
    owner = address.choice(
        "owner",
        ["", *choices["owners"]],
        "",
        lambda key: st.selectbox(
            t("columns.answers_for_it"),
            ["", *choices["owners"]],
            format_func=lambda name: role_label(context, name) if name else t("decisions.anybody"),
            key=key,
            width=240,
        ),
        variant=f"decisions_{t.language}",
    )
if state == decision_words.SPEED:
    speed_blocks.show_speed(context, rule, owner)
    st.stop()
if state == "held":
    decision_blocks.show_held(context)
    if rule:
        decision_blocks.offer_letting_go(context, rule)
elif state == "dead":
    decision_blocks.offer_retry(context, None, counts["dead"])
elif state == "awaiting_approval":
    decision_blocks.offer_answering_all(context, rule, owner)

found = load_decisions(
    home, None if state == "all" else state, rule_id=rule or None, owner=owner or None
)
columns = decision_words.ledger_columns(context)
if found.empty:
    no_data(context, "decisions.none_like_that")
else:
    tables.show_table(
        found,
        columns,
        context,
        key="ledger_table",
        is_published=False,
        describe=t("decisions.table_alt"),
        height=420,
    )
    downloads.offer(
        lambda: found, columns, context, name="fourflow-decisions", key="decisions_file"
    )
    if len(found) >= LEDGER_LIMIT:
        st.caption(t("decisions.newest_shown", count=formats.count(LEDGER_LIMIT)))

asked = address.get("decision")
shown = list(dict.fromkeys([*([asked] if asked else []), *found["decision_id"]]))
if not shown:
    st.stop()
st.subheader(t("decisions.one"))
decision_id = address.choice(
    "decision",
    ["", *shown],
    "",
    lambda key: st.selectbox(
        t("decisions.choose"),
        ["", *shown],
        format_func=decision_words.short_names(context, found),
        key=key,
    ),
    variant=f"{t.language}_{state}_{rule}_{owner}_{len(shown)}",
)
if decision_id:
    decision_blocks.show_decision(context, decision_id)
else:
    no_data(context, "decisions.choose_one")
