"""Blocks about decisions: what is held or dead, and one decision with all that people may do."""

import streamlit as st

from app_streamlit.blocks import bulk_blocks
from app_streamlit.queries.answerable import load_answerable
from app_streamlit.queries.ledger import (
    DecisionFile,
    load_decision,
    load_decisions,
    load_deliveries,
    load_held,
    load_rule_names,
    load_threshold_labels,
)
from app_streamlit.queries.orders import is_listed
from app_streamlit.ui import acts, cards, formats, navigation, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.ui.states import no_data
from app_streamlit.words import decision_words
from app_streamlit.writes import decisions as writes


def show_held(context: PageContext) -> None:
    """Why deliveries are held, since when, and how those held for their number are let go."""
    t = context.t
    held = load_held(context.edition.home)
    if not held:
        return
    tables.show_table(
        decision_words.held_frame(held),
        decision_words.held_columns(context),
        context,
        key="held_reasons",
        is_published=False,
        describe=t("decisions.held_alt"),
    )


def offer_letting_go(context: PageContext, rule_id: str) -> None:
    """Let go what was held because this rule made more decisions than its ceiling."""
    t = context.t
    if not acts.is_offered(context, "approve"):
        return
    if not any(one.cause == "volume" for one in load_held(context.edition.home)):
        return
    with st.form("let_go", border=True):
        st.markdown(t("decisions.too_many"))
        person = acting_person(context, key="let_go")
        is_wanted = st.form_submit_button(t("decisions.let_go"), icon=":material/play_arrow:")
    if is_wanted:
        acts.do(lambda: t("decisions.let_go_done", count=writes.let_go(rule_id, person=person)))


def offer_answering_all(context: PageContext, rule_id: str, owner: str) -> None:
    """Approve everything that waits, of one rule or owner where one is chosen."""
    waiting = [
        one
        for one in load_answerable(context.edition.home)
        if one.is_asked and rule_id in ("", one.rule_id) and owner in ("", one.owner)
    ]
    bulk_blocks.offer_bulk(context, waiting, key="bulk_decisions")


def offer_retry(context: PageContext, decision_ids: list[str] | None, number: int) -> None:
    """Put dead deliveries in the queue again with one click."""
    t = context.t
    if not acts.is_offered(context, "approve"):
        return
    key = "retry_all" if decision_ids is None else "retry_one"
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_box"):
        person = acting_person(context, key=key)
        label = (
            t("decisions.retry_all", n=number, count=formats.count(number))
            if decision_ids is None
            else t("decisions.retry_one")
        )
        is_wanted = st.button(label, type="primary", icon=":material/replay:", key=key)
    st.caption(t("decisions.retry_help"))
    if is_wanted:
        acts.do(lambda: t("decisions.retried", count=writes.retry(decision_ids, person=person)))


def show_decision(context: PageContext, decision_id: str) -> None:
    """One decision: why, what people may do, what happened, and what was sent."""
    t = context.t
    found = load_decision(context.edition.home, decision_id)
    if found is None:
        st.warning(t("decisions.unknown"), icon=":material/search_off:")
        return
    decision = found.decision
    names = load_rule_names(context.edition.home).get(decision.rule_id, {})
    labels = load_threshold_labels(context.edition.home, decision.rule_id)
    st.markdown(cards.as_headline(decision_words.decision_headline(context, decision)))
    st.markdown(decision_words.story(context, decision, names))
    _links(context, found)
    if decision.state == "dead":
        offer_retry(context, [decision_id], 1)
    _show_approval(context, found)
    _show_options(context, found)
    st.subheader(t("decisions.values"))
    tables.show_table(
        decision_words.value_frame(context, decision, labels),
        decision_words.VALUE_COLUMNS,
        context,
        key="values_table",
        is_published=False,
        describe=t("decisions.values"),
    )
    st.subheader(t("decisions.history"))
    tables.show_table(
        decision_words.history_frame(context, found.history),
        decision_words.history_columns(context),
        context,
        key="history_table",
        is_published=False,
        describe=t("decisions.history"),
    )
    st.subheader(t("decisions.deliveries"))
    deliveries = load_deliveries(context.edition.home, decision_id)
    if deliveries.empty:
        no_data(context, "decisions.not_sent")
    else:
        tables.show_table(
            deliveries,
            decision_words.delivery_columns(context),
            context,
            key="deliveries_table",
            is_published=False,
            describe=t("decisions.deliveries_alt"),
        )


def show_decisions_on(context: PageContext, order_key: str) -> None:
    """What was decided about an order, each a link to the decision."""
    t = context.t
    found = load_decisions(context.edition.home, None, order_key=order_key)
    for row in found.to_dict("records"):
        label = t(
            "decisions.on_order",
            state=decision_words.state_label(context, row["state"]),
            message=decision_words.in_words(context, row[decision_words.message_column(context)]),
        )
        if st.button(label, icon=":material/task_alt:", key=f"decision_{row['decision_id']}"):
            navigation.go("decisions", decision=row["decision_id"])


def _links(context: PageContext, found: DecisionFile) -> None:
    """To the order that it is about, and to its rule."""
    t = context.t
    order_key = decision_words.order_key_of(found.decision)
    is_listed_order = bool(order_key) and is_listed(context.edition, order_key)
    with st.container(horizontal=True, key="decision_links"):
        if is_listed_order and st.button(
            t("decisions.open_order"), icon=":material/receipt_long:", key="open_order"
        ):
            navigation.go("orders", **decision_words.order_choices(found.decision))
        if st.button(t("decisions.open_rule"), icon=":material/rule:", key="open_rule"):
            navigation.go("rules", rule=found.decision.rule_id)


def _show_approval(context: PageContext, found: DecisionFile) -> None:
    t, approval, decision = context.t, found.approval, found.decision
    if approval is None:
        if decision.state in ("proposed", "held", "failed"):
            _offer_withdrawal(context, decision.decision_id)
        return
    st.subheader(t("decisions.approval"))
    st.markdown(decision_words.approval_sentence(context, approval))
    if approval.verdicts:
        tables.show_table(
            decision_words.verdict_frame(approval),
            decision_words.verdict_columns(context),
            context,
            key="verdicts_table",
            is_published=False,
            describe=t("decisions.verdicts_alt"),
        )
    if approval.state != "awaiting":
        return
    if not acts.is_offered(context, "approve"):
        acts.say_why_not(context, "approve")
        return
    with st.form(f"verdict_{decision.decision_id}", border=True):
        person = acting_person(context, key="verdict")
        option = _option_box(context, found, may_be_none=True)
        is_contract = decision_words.is_contract_review(decision)
        clause = st.text_input(t("decisions.clause")) if is_contract else ""
        reason = st.text_input(t("decisions.reason"), help=t("decisions.reason_help"))
        with st.container(horizontal=True):
            is_yes = st.form_submit_button(
                t("decisions.approve"), type="primary", icon=":material/check:"
            )
            is_no = st.form_submit_button(t("decisions.reject"), icon=":material/close:")
    if is_yes or is_no:
        said = "approve" if is_yes else "reject"
        chosen = option if is_yes else None

        def act() -> str:
            state = writes.answer(
                decision.decision_id,
                "approve" if is_yes else "reject",
                person=person,
                reason=reason,
                option=chosen,
                clause=clause,
            )
            more = state.needed - state.given
            if state.state == "awaiting":
                return t("decisions.more_needed", n=more, count=formats.count(more))
            return t(f"decisions.said.{said}")

        acts.do(act)


def _offer_withdrawal(context: PageContext, decision_id: str) -> None:
    t = context.t
    if not acts.is_offered(context, "approve"):
        return
    with st.expander(t("decisions.withdraw")), st.form(f"withdraw_{decision_id}", border=False):
        person = acting_person(context, key="withdraw")
        reason = st.text_input(t("decisions.reason"))
        is_wanted = st.form_submit_button(t("decisions.reject"), icon=":material/close:")
    if is_wanted:

        def act() -> str:
            writes.withdraw(decision_id, person=person, reason=reason)
            return t("decisions.said.reject")

        acts.do(act)


def _option_box(context: PageContext, found: DecisionFile, *, may_be_none: bool) -> str | None:
    """What to do about it; None when there is nothing to choose from."""
    options = decision_words.option_labels(context, found.decision)
    if not options:
        return None
    chosen = st.selectbox(
        context.t("decisions.option"),
        [*([""] if may_be_none else []), *options],
        format_func=lambda name: options.get(name, context.t("decisions.no_option")),
        key=f"option_{found.decision.decision_id}_{context.language}",
    )
    return str(chosen) or None


def _show_options(context: PageContext, found: DecisionFile) -> None:
    t, decision = context.t, found.decision
    if not decision.options:
        return
    st.subheader(t("decisions.options"))
    tables.show_table(
        decision_words.option_frame(context, found),
        decision_words.OPTION_COLUMNS,
        context,
        key="options_table",
        is_published=False,
        describe=t("decisions.options"),
    )
    is_chosen = any(event.event == "option_chosen" for event in found.history)
    is_open = decision.state not in ("rejected", "expired", "shadow", "held_out")
    if found.approval is not None or is_chosen or not is_open:
        return
    if not acts.is_offered(context, "approve"):
        acts.say_why_not(context, "approve")
        return
    with st.form(f"choose_{decision.decision_id}", border=True):
        option = _option_box(context, found, may_be_none=False)
        person = acting_person(context, key="choose")
        reason = st.text_input(t("decisions.reason"))
        is_wanted = st.form_submit_button(t("decisions.choose_option"), icon=":material/check:")
    if is_wanted and option:

        def act() -> str:
            writes.choose(decision.decision_id, option, person=person, reason=reason)
            return t("decisions.option_done")

        acts.do(act)
