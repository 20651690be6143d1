"""Reports by e-mail on the cockpit: what comes, what became of the newest, and a form for more."""

from typing import cast

import streamlit as st

from app_streamlit.queries import saved_views
from app_streamlit.queries.subscriptions import Sent, is_reachable, load_subscriptions
from app_streamlit.ui import cards
from app_streamlit.ui.admission import signed_in_claims
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import LANGUAGES
from app_streamlit.writes import subscriptions
from connectors.database.report_subscriptions import (
    Attached,
    ReportKind,
    Subscribed,
)
from connectors.errors import FourflowError

_NOTICE = "_report_notice"
_USUAL_HOUR = 8
_PAGES: dict[ReportKind, str] = {"today": "overview", "cockpit": "cockpit"}


def by_email(context: PageContext, who: str) -> None:
    """The whole block."""
    t = context.t
    found = load_subscriptions(who)
    st.subheader(t("reports.title"), anchor=False)
    said = t("reports.list", n=len(found), count=len(found)) if found else t("reports.none")
    st.caption(f"{said} {t('reports.intro')}")
    notice = st.session_state.pop(_NOTICE, None)
    if notice:
        st.success(notice, icon=":material/mail:")
    for one in found:
        _show(context, one, who)
    if not context.viewer.may("download"):
        st.info(t("reports.refused"), icon=":material/info:")
        return
    email = str((signed_in_claims() or {}).get("email") or "")
    if not context.viewer.is_open and not email:
        st.info(t("reports.no_address"), icon=":material/info:")
    elif not is_reachable(email):
        st.info(t("reports.not_named"), icon=":material/info:")
    else:
        _form(context, who, email)


def _show(context: PageContext, sent: Sent, who: str) -> None:
    t, one = context.t, sent.subscription
    name = _name(context, one, who)
    with st.container(border=True, key=f"report_{one.subscription_id}"):
        left, right = st.columns([5, 1], vertical_alignment="center")
        with left:
            st.markdown(f"**{cards.escape(name)}**")
            item = t(
                "reports.item",
                when=_when(context, one.weekday),
                hour=f"{one.hour:02}:00",
                email=one.email,
                language=LANGUAGES[one.language],
                attachment=t(f"reports.attachments.{one.attachment}"),
            )
            last = t("reports.never_sent")
            if sent.state is not None:
                state = t.known(f"decision_state.{sent.state}", sent.state)
                last = t("reports.last", date=sent.business_date, state=state)
            st.caption(cards.escape(f"{item}  \n{last}"))
            if sent.reason:
                st.caption(cards.escape(sent.reason))
        with right:
            if st.button(t("reports.end"), key=f"end_{one.subscription_id}", width="stretch"):
                subscriptions.end(one.subscription_id, who)
                st.session_state[_NOTICE] = t("reports.ended", name=name)
                st.rerun()


def _form(context: PageContext, who: str, email: str) -> None:
    t, viewer = context.t, context.viewer
    views = saved_views.load_views(who) if viewer.may_open("explore") else []
    names = {one.view_id: one.name for one in views}
    pages = [kind for kind, page in _PAGES.items() if viewer.may_open(page)]
    if not pages and not names:
        return
    with (
        st.expander(t("reports.new"), icon=":material/mail:", key=f"report_new_{t.language}"),
        st.form(f"report_form_{t.language}", border=False),
    ):
        what = st.selectbox(
            t("reports.what"),
            [*pages, *names],
            format_func=lambda one: names.get(one) or t(f"reports.titles.{one}"),
        )
        if viewer.is_open:
            email = st.text_input(t("reports.email"), value=email, max_chars=254)
        first, second, third, fourth = st.columns(4)
        weekday = first.selectbox(
            t("reports.how_often"),
            range(8),
            format_func=lambda day: _when(context, day or None),
        )
        hour = second.selectbox(
            t("reports.hour", zone=context.zone),
            range(24),
            index=_USUAL_HOUR,
            format_func=lambda one: f"{one:02}:00",
        )
        languages = list(LANGUAGES)
        language = third.selectbox(
            t("reports.language"),
            languages,
            index=languages.index(t.language),
            format_func=lambda one: LANGUAGES[one],
        )
        attached = fourth.selectbox(
            t("reports.attachment"),
            ("none", "csv", "xlsx"),
            format_func=lambda one: t(f"reports.attachments.{one}"),
        )
        if not st.form_submit_button(t("reports.subscribe"), type="primary"):
            return
    wanted = Subscribed(
        person=who,
        email=email.strip(),
        report="view" if what in names else cast("ReportKind", what),
        hour=hour,
        weekday=weekday or None,
        view_id=what if what in names else "",
        language=language,
        attachment=cast("Attached", attached),
    )
    try:
        kept = subscriptions.subscribe(wanted)
    except FourflowError as error:
        st.error(str(error), icon=":material/error:")
        return
    name = _name(context, kept, who)
    st.session_state[_NOTICE] = t(
        "reports.subscribed", name=name, hour=f"{kept.hour:02}:00", email=kept.email
    )
    st.rerun()


def _name(context: PageContext, one: Subscribed, who: str) -> str:
    if one.report != "view":
        return context.t(f"reports.titles.{one.report}")
    views = {view.view_id: view.name for view in saved_views.load_views(who)}
    return views.get(one.view_id) or context.t("reports.titles.view")


def _when(context: PageContext, weekday: int | None) -> str:
    t = context.t
    if not weekday:
        return t("reports.every_day")
    return t("reports.every_week", day=t(f"reports.weekdays.{weekday}"))
