"""Accounts and people: pairs that want a decision, what is known of them, merge, split and undo."""

import streamlit as st

from app_streamlit.queries.identities import (
    OfferedPair,
    count_people,
    find_pairs,
    load_conflicts,
    load_evidence,
    load_identity_decisions,
    load_linked,
)
from app_streamlit.ui import acts, address, cards, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.ui.states import no_data
from app_streamlit.words import customer_words, identity_words
from app_streamlit.writes import identities as writes
from orchestration.stewardship.identities import Decision, PairEvidence

_OPEN = ("in_force", "waiting", "without_effect")


def show_people(context: PageContext, business: str) -> None:
    """Which accounts are one person, and what somebody decides about a pair."""
    t = context.t
    if not writes.sees_whole_people(context.viewer.sight, business):
        no_data(context, "identity.only_whole")
        return
    accounts, people = count_people(context.edition, business)
    if not accounts:
        no_data(context, "identity.nobody")
        return
    st.subheader(t("identity.title"), help=t("identity.what"))
    conflicts = load_conflicts(context.edition, business)
    decisions = load_identity_decisions(context.edition, business)
    decided = {
        frozenset((one.customer_key_a, one.customer_key_b))
        for one in decisions
        if one.effect in _OPEN
    }
    waiting = [one for one in conflicts if frozenset(one.keys) not in decided]
    st.markdown(cards.escape(identity_words.sentence(context, accounts, people, len(waiting))))
    acts.tell()
    words = st.text_input(
        t("identity.find"), key="identity_words", help=t("identity.find_help"), width=480
    )
    if words.strip():
        offered = find_pairs(context.edition, business, words)
    else:
        offered = [*waiting, *load_linked(context.edition, business)]
    if offered:
        _show_pair(context, business, _choose(context, business, offered))
    else:
        st.caption(t("identity.none_found" if words.strip() else "identity.none"))
    if decisions:
        _show_decisions(context, business, decisions)


def _choose(context: PageContext, business: str, offered: list[OfferedPair]) -> OfferedPair:
    by_name = {"|".join(one.keys): one for one in reversed(offered)}
    names = list(reversed(by_name))
    chosen = address.choice(
        "pair",
        names,
        names[0],
        lambda key: st.selectbox(
            context.t("identity.pair"),
            names,
            format_func=lambda name: identity_words.pair_label(context, by_name[name]),
            key=key,
            width=480,
        ),
        variant=f"{context.language}_{business}_{len(names)}_{names[0]}",
    )
    return by_name[chosen]


def _show_pair(context: PageContext, business: str, pair: OfferedPair) -> None:
    t = context.t
    evidence = load_evidence(context.edition, pair.keys)
    seen = acts.as_drawn("|".join(pair.keys), evidence.newest)
    st.markdown(cards.escape(identity_words.verdict(context, evidence)))
    tables.show_table(
        identity_words.account_frame(evidence),
        identity_words.account_columns(context, business),
        context,
        key="identity_accounts",
        describe=t("identity.accounts_alt"),
    )
    if evidence.links:
        tables.show_table(
            identity_words.link_frame(context, evidence),
            identity_words.LINK_COLUMNS,
            context,
            key="identity_links",
            describe=t("identity.links_alt"),
        )
    if acts.is_offered(context, "merge_customers", on_figures=True):
        _offer(context, business, evidence, seen)
    else:
        acts.say_why_not(context, "merge_customers")


def _offer(context: PageContext, business: str, evidence: PairEvidence, seen: int) -> None:
    t = context.t
    first, second = (one.customer_key for one in evidence.accounts[:2])
    person_key = evidence.accounts[0].person_key
    theirs = [one.customer_key for one in evidence.accounts if one.person_key == person_key]
    leaving = [second]
    with st.form(f"identity_{first}_{second}", border=True):
        with st.container(horizontal=True, gap="medium"):
            person = acting_person(context, key="identity")
            reason = st.text_input(
                t("columns.reason"),
                key=f"identity_reason_{first}_{second}",
                help=t("identity.reason_help"),
            )
        if evidence.is_one_person and len(theirs) > 2:
            leaving = st.multiselect(
                t("identity.leaving"),
                theirs,
                leaving,
                format_func=customer_words.customer_label,
                key=f"identity_leaving_{first}_{second}",
            )
        is_split = evidence.is_one_person and st.form_submit_button(
            t("identity.split"), type="primary", icon=":material/call_split:"
        )
        is_merged = not evidence.is_one_person and st.form_submit_button(
            t("identity.merge"), type="primary", icon=":material/merge:"
        )

    def split() -> str:
        writes.split(business, leaving, person=person, reason=reason, seen=seen)
        return t("identity.said.split")

    def merge() -> str:
        writes.merge(business, (first, second), person=person, reason=reason, seen=seen)
        return t("identity.said.merged")

    if is_split:
        acts.do(split)
    elif is_merged:
        acts.do(merge)


def _show_decisions(context: PageContext, business: str, decisions: list[Decision]) -> None:
    t = context.t
    st.markdown(f"**{t('identity.decisions')}**")
    tables.show_table(
        identity_words.decision_frame(context, decisions),
        identity_words.DECISION_COLUMNS,
        context,
        key="identity_decisions",
        is_published=False,
        describe=t("identity.decisions_alt"),
    )
    by_act: dict[str, list[Decision]] = {}
    for one in decisions:
        if one.effect in _OPEN:
            by_act.setdefault(one.act_id, []).append(one)
    if by_act and acts.is_offered(context, "merge_customers", on_figures=True):
        _offer_undoing(context, business, by_act)


def _offer_undoing(context: PageContext, business: str, by_act: dict[str, list[Decision]]) -> None:
    t = context.t
    with st.form(f"identity_undo_{len(by_act)}_{next(iter(by_act))}", border=True):
        act = st.selectbox(
            t("identity.act"),
            list(by_act),
            format_func=lambda name: identity_words.act_label(context, by_act[name]),
            key=f"identity_act_{context.language}_{len(by_act)}",
        )
        with st.container(horizontal=True, gap="medium"):
            person = acting_person(context, key="identity_undo")
            reason = st.text_input(t("columns.reason"), key="identity_undo_reason")
        is_undone = st.form_submit_button(t("identity.undo"), icon=":material/undo:")

    def undo() -> str:
        writes.undo(business, str(act), person=person, reason=reason)
        return t("identity.said.undone")

    if is_undone:
        acts.do(undo)
