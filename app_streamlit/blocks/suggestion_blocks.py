"""Suggested purchases: the list, and the form in which a person answers about one."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app_streamlit.blocks import bulk_blocks
from app_streamlit.queries.answerable import load_answerable
from app_streamlit.queries.suggestions import KIND, load_suggestions
from app_streamlit.ui import acts, cards, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.ui.states import no_data
from app_streamlit.words import decision_words, suggestion_words
from app_streamlit.writes import suggestions as writes
from orchestration.decisions.approvals.verdicts import Answer


def show_suggestions(context: PageContext, business: str, sites: dict[str, str]) -> None:
    """What to order, with the line's explanation, and what a person says to it."""
    t = context.t
    acts.tell()
    found = load_suggestions(context.edition.home, business)
    if found.empty:
        no_data(context, "suggestions.nothing")
        return
    st.markdown(cards.escape(suggestion_words.sentence(context, found)))
    tables.show_table(
        found,
        suggestion_words.columns(context, sites),
        context,
        key="suggestions_table",
        is_published=False,
        describe=t("suggestions.alt"),
        height=380,
    )
    st.caption(t("suggestions.how"))
    waiting = suggestion_words.open_only(found)
    if waiting.empty:
        acts.say_when_gone(context, f"suggestions_{business}", None, ())
        return
    listed = set(waiting["decision_id"])
    asked = [
        one
        for one in load_answerable(context.edition.home)
        if one.kind == KIND and one.is_asked and one.decision_id in listed
    ]
    bulk_blocks.offer_bulk(context, asked, key="bulk_suggestions")
    st.subheader(t("suggestions.one"))
    chosen = st.selectbox(
        t("suggestions.choose"),
        list(waiting["decision_id"]),
        format_func=lambda one: suggestion_words.short_name(context, waiting, sites, one),
        key=f"suggestion_{t.language}_{business}",
    )
    acts.say_when_gone(context, f"suggestions_{business}", chosen, set(waiting["decision_id"]))
    row = waiting[waiting["decision_id"] == chosen].iloc[0].to_dict()
    st.markdown(cards.escape(decision_words.in_words(context, row[f"message_{context.language}"])))
    st.caption(suggestion_words.asked_sentence(context, {str(k): v for k, v in row.items()}))
    _ask(context, {str(k): v for k, v in row.items()})


def _ask(context: PageContext, row: dict[str, Any]) -> None:
    """Quantity, reason and the three answers."""
    t = context.t
    if not acts.is_offered(context, "approve"):
        acts.say_why_not(context, "approve")
        return
    decision_id = str(row["decision_id"])
    short = decision_id[:12]
    seen_at = acts.as_drawn(decision_id, row["updated_at"])
    pack = int(row["pack_size"] or 1)
    with st.container(horizontal=True, gap="medium", key="suggestion_form"):
        person = acting_person(context, key="suggestion")
        quantity = st.number_input(
            t("columns.suggested_quantity"),
            min_value=0,
            value=int(row["quantity"] or 0),
            step=pack,
            key=f"quantity_{short}",
            help=t("suggestions.quantity_help", pack=pack),
            disabled=not row["can_change"],
        )
        reason = st.text_input(
            t("columns.reason"), key=f"reason_{short}", help=t("suggestions.reason_help")
        )
    is_asked = row["role"] is not None
    is_changed = int(quantity) != row["quantity"]
    with st.container(horizontal=True, key="suggestion_buttons"):
        if is_asked and st.button(
            t("suggestions.approve"),
            type="primary",
            icon=":material/check:",
            disabled=is_changed,
            key=f"approve_{short}",
        ):
            _do(context, "approved", lambda: _answer(row, "approve", person, reason))
        if st.button(
            t("suggestions.change"),
            icon=":material/edit:",
            disabled=not is_changed,
            key=f"change_{short}",
        ):
            _do(
                context,
                "changed",
                lambda: writes.amend(
                    decision_id,
                    int(quantity),
                    person=person,
                    reason=reason,
                    seen_at=seen_at,
                ),
            )
        if st.button(t("suggestions.reject"), icon=":material/close:", key=f"reject_{short}"):
            _do(context, "rejected", lambda: _answer(row, "reject", person, reason))


def _answer(row: dict[str, Any], verdict: Answer, person: str, reason: str) -> None:
    writes.answer(
        str(row["decision_id"]),
        verdict,
        person=person,
        reason=reason,
        is_asked=row["role"] is not None,
    )


def _do(context: PageContext, done: str, act: Callable[[], None]) -> None:
    def tell() -> str:
        act()
        return context.t(f"suggestions.done.{done}")

    acts.do(tell)
