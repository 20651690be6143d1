"""Blocks of signing off: the days with their signatures, and one day with its figures."""

from datetime import date

import pandas as pd
import streamlit as st

from app_streamlit.queries.reconciliation import load_days
from app_streamlit.ui import acts, address, cards, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.person import acting_person
from app_streamlit.words import reconciliation_words
from app_streamlit.writes import sign_offs as writes
from orchestration.stewardship import sign_offs
from orchestration.stewardship.sign_offs import DayStanding


def show_days(context: PageContext, business: str, buckets: pd.DataFrame) -> None:
    """Which days are signed by whom, and one of them to sign."""
    t = context.t
    days = load_days(context.edition, context.scope(business))
    if not days:
        return
    st.subheader(t("sign_off.title"), help=t("sign_off.what"))
    st.markdown(cards.escape(reconciliation_words.days_sentence(context, days)))
    tables.show_table(
        reconciliation_words.day_frame(context, days),
        reconciliation_words.DAY_COLUMNS,
        context,
        key="days_table",
        describe=t("sign_off.days_alt"),
        height=300,
    )
    by_day = {str(day.business_date): day for day in days}
    first_open = next((name for name, day in by_day.items() if day.state != "signed"), None)
    chosen = address.choice(
        "day",
        list(by_day),
        first_open or next(iter(by_day)),
        lambda key: st.selectbox(
            t("sign_off.day"),
            list(by_day),
            format_func=lambda name: reconciliation_words.day_name(context, by_day[name]),
            key=key,
            width=360,
        ),
        variant=f"{t.language}_{business}_{len(by_day)}_{first_open}",
    )
    _show_day(context, by_day[chosen], buckets)


def _show_day(context: PageContext, day: DayStanding, buckets: pd.DataFrame) -> None:
    t = context.t
    labels = reconciliation_words.bucket_labels(context, buckets)
    tables.show_table(
        reconciliation_words.figure_frame(labels, day),
        reconciliation_words.FIGURE_COLUMNS,
        context,
        key="day_figures",
        describe=t("sign_off.figures_alt", day=formats.day(day.business_date, t.language)),
    )
    for number, one in enumerate(day.sign_offs):
        st.markdown(cards.escape(reconciliation_words.signature(context, one)))
        if one.is_restated:
            tables.show_table(
                reconciliation_words.change_frame(labels, sign_offs.changes(one, day.figures)),
                reconciliation_words.CHANGE_COLUMNS,
                context,
                key=f"restated_{number}",
                describe=t("sign_off.changed_alt"),
            )
    if not writes.sees_whole_days(context.viewer.sight, day.business):
        st.caption(f":material/lock: {t('sign_off.partial')}")
    elif acts.is_offered(context, "sign_off", on_figures=True):
        _offer_signing(context, day)
    else:
        acts.say_why_not(context, "sign_off")


def _offer_signing(context: PageContext, day: DayStanding) -> None:
    t = context.t
    business, on = day.business, day.business_date
    seen = acts.as_drawn(f"{business} {on}", day.fingerprint)
    with st.form(f"sign_{business}_{on}", border=True):
        with st.container(horizontal=True, gap="medium"):
            person = acting_person(context, key="sign_off")
            note = st.text_input(
                t("columns.note"), key=f"sign_note_{business}_{on}", help=t("sign_off.note_help")
            )
        with st.container(horizontal=True):
            is_signed = st.form_submit_button(
                t("sign_off.sign"), type="primary", icon=":material/draw:"
            )
            is_back = bool(day.sign_offs) and st.form_submit_button(
                t("sign_off.withdraw"), icon=":material/undo:"
            )

    def sign() -> str:
        writes.sign(business, on, person=person, note_=note, seen=seen)
        return t("sign_off.signed", day=_named(context, on))

    def withdraw() -> str:
        writes.withdraw(business, on, person=person, note_=note)
        return t("sign_off.withdrawn", day=_named(context, on))

    if is_signed:
        acts.do(sign)
    elif is_back:
        acts.do(withdraw)


def _named(context: PageContext, day: date) -> str:
    return formats.day(day, context.language)
