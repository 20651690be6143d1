"""Blocks of the queue of exceptions: the list, and one case with all that people may do."""

import streamlit as st

from app_streamlit.queries.exceptions import ExceptionLabels, load_history, load_order_no
from app_streamlit.ui import acts, cards, navigation, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.words import exception_words
from app_streamlit.writes import exceptions as writes
from orchestration.stewardship.exception_queue import ExceptionCase, Seen


def show_case(context: PageContext, labels: ExceptionLabels, case: ExceptionCase) -> None:
    """One case: what is wrong, the ways out with their costs, and what may be done."""
    t = context.t
    seen = acts.as_drawn(case.exception_key, case.seen)
    st.markdown(cards.escape(exception_words.story(context, labels, case)))
    _show_way_to_order(context, case)
    if case.options:
        tables.show_table(
            exception_words.option_frame(context, labels, case),
            exception_words.OPTION_COLUMNS,
            context,
            key="exception_options",
            describe=t("exceptions.options_alt"),
        )
    else:  # their costs are hidden from the viewer
        st.caption(t("exceptions.no_options"))
    if not acts.is_offered(context, "work_exceptions", on_figures=True):
        acts.say_why_not(context, "work_exceptions")
    elif case.state == "resolved":
        _offer_reopening(context, case, seen)
    else:
        if case.options:
            _offer_resolving(context, labels, case, seen)
        _offer_taking(context, case, seen)
    found = load_history(context.edition, case)
    if not found.empty:
        st.markdown(f"**{t('exceptions.history')}**")
        tables.show_table(
            exception_words.history_frame(context, labels, case, found),
            exception_words.HISTORY_COLUMNS,
            context,
            key="exception_history",
            describe=t("exceptions.history"),
            is_published=False,
        )


def _show_way_to_order(context: PageContext, case: ExceptionCase) -> None:
    number = load_order_no(context.edition, case.order_key) if case.order_key else None
    if number is not None and st.button(
        context.t("decisions.open_order"), icon=":material/receipt_long:", key="exception_order"
    ):
        navigation.go("orders", order=number, business=case.business, channel="", period="all")


def _offer_resolving(
    context: PageContext, labels: ExceptionLabels, case: ExceptionCase, seen: Seen
) -> None:
    t = context.t
    options = [name for name, _ in case.options]
    with st.form(f"resolve_{case.exception_key}", border=True):
        with st.container(horizontal=True, gap="medium"):
            person = acting_person(context, key="resolve")
            option = st.selectbox(
                t("exceptions.done_how"),
                options,
                index=options.index(case.recommended) if case.recommended else None,
                format_func=lambda name: exception_words.option_label(context, labels, case, name),
                key=f"way_{case.exception_key}_{t.language}",
            )
            note = st.text_input(t("exceptions.note"), key=f"note_{case.exception_key}")
        is_wanted = st.form_submit_button(
            t("exceptions.resolve"), type="primary", icon=":material/check:"
        )
    if is_wanted and option:

        def act() -> str:
            writes.resolve(case.exception_key, option, person=person, note_=note, seen=seen)
            return t("exceptions.said.resolved")

        acts.do(act)


def _offer_taking(context: PageContext, case: ExceptionCase, seen: Seen) -> None:
    t = context.t
    with st.form(f"take_{case.exception_key}", border=True):
        with st.container(horizontal=True, gap="medium"):
            person = acting_person(context, key="take")
            to = st.text_input(
                t("exceptions.give_to"),
                key=f"give_{case.exception_key}",
                help=t("exceptions.give_why"),
            )
        with st.container(horizontal=True):
            is_taken = case.state != "taken" and st.form_submit_button(
                t("exceptions.take"), icon=":material/pan_tool:"
            )
            is_given = st.form_submit_button(t("exceptions.give"), icon=":material/person_add:")
            is_back = case.state == "taken" and st.form_submit_button(
                t("exceptions.hand_back"), icon=":material/undo:"
            )
    key = case.exception_key

    def taken() -> str:
        done = writes.take(key, person=person, seen=seen)
        return t("exceptions.said.taken", person=done.taken_by)

    def given() -> str:
        done = writes.assign(key, to=to, person=person, seen=seen)
        return t("exceptions.said.taken", person=done.taken_by)

    def back() -> str:
        writes.hand_back(key, person=person, seen=seen)
        return t("exceptions.said.handed_back")

    if is_taken:
        acts.do(taken)
    elif is_given:
        acts.do(given)
    elif is_back:
        acts.do(back)


def _offer_reopening(context: PageContext, case: ExceptionCase, seen: Seen) -> None:
    t = context.t
    with st.form(f"reopen_{case.exception_key}", border=True):
        person = acting_person(context, key="reopen")
        is_wanted = st.form_submit_button(t("exceptions.reopen"), icon=":material/undo:")
    if is_wanted:

        def act() -> str:
            writes.reopen(case.exception_key, person=person, seen=seen)
            return t("exceptions.said.reopened")

        acts.do(act)
