"""Who comes in: signing in, the refusal of what is not theirs, and who one is in the sidebar."""

import streamlit as st

from app_streamlit.queries.access import keep_viewer, note_once
from app_streamlit.ui import cards
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import Translator
from connectors.errors import ForbiddenError
from connectors.lake.sight import RowDimension
from connectors.settings import Settings
from orchestration.access.login import is_this_machine, login_file
from orchestration.access.policy import load_access_policy
from orchestration.access.viewer import OPEN_VIEWER, Viewer


def admit(settings: Settings, t: Translator) -> Viewer:
    """The viewer of this run; whoever is not signed in, or has no role, gets no further.

    Raises:
        InputError: the login or the access policy can't be used, so nobody gets in.
    """
    viewer = _viewer(settings, t)
    keep_viewer(viewer)
    if not viewer.is_open:
        note_once("signed_in", viewer.role, viewer=viewer)
    return viewer


def _viewer(settings: Settings, t: Translator) -> Viewer:
    if login_file(settings) is None:
        _refuse_other_machines(t)
        return OPEN_VIEWER
    claims = signed_in_claims()
    if claims is None:
        _offer_login(t)
    try:
        return load_access_policy(settings).viewer(claims or {})
    except ForbiddenError as error:
        who = str((claims or {}).get("email") or (claims or {}).get("sub") or "")
        stranger = Viewer(who, "", (), ())
        note_once("refused", "sign in", str(error), viewer=stranger)
        st.title(t("access.no_role_title"))
        st.markdown(t("access.no_role", who=cards.escape(who)))
        st.button(t("access.sign_out"), on_click=st.logout, icon=":material/logout:")
        st.stop()


def signed_in_claims() -> dict[str, object] | None:
    """What the login tells of the person; None when nobody is signed in."""
    return dict(st.user.to_dict()) if getattr(st.user, "is_logged_in", False) else None


def _offer_login(t: Translator) -> None:
    st.title(t("app.name"))
    st.markdown(t("access.sign_in_first"))
    st.button(
        t("access.sign_in"), on_click=st.login, type="primary", icon=":material/login:", key="login"
    )
    st.stop()


def _refuse_other_machines(t: Translator) -> None:
    address = st.context.ip_address
    if isinstance(address, str) and not is_this_machine(address):
        st.title(t("app.name"))
        st.error(t("access.this_machine_only"), icon=":material/lock:")
        st.stop()


def refuse_page(t: Translator, viewer: Viewer, page: str) -> None:
    """What a guessed or shared address of a page shows to whom it does not belong."""
    note_once("refused", f"page {page}", f"role {viewer.role}")
    st.title(t("access.refused_title"))
    st.markdown(cards.as_headline(t("access.refused_page", page=t(f"pages.{page}"))))
    st.caption(t("access.refused_help", role=viewer.role))


def refuse_block(t: Translator, error: ForbiddenError, page: str) -> None:
    """What a page shows that can't be restricted to the viewer."""
    note_once("refused", f"block of {page}", str(error))
    st.markdown(cards.as_headline(t("access.refused_block")))


def account(context: PageContext) -> None:
    """Who one is, what one does not see, and the way out; or that everything is open."""
    t, viewer = context.t, context.viewer
    if viewer.is_open:
        st.caption(":material/lock_open: " + t("access.open"))
        return
    name = t("access.you", person=cards.escape(viewer.person), role=cards.escape(viewer.role))
    st.caption(f":material/person: {name}")
    if viewer.sight.rows:
        values = [
            t("punctuation.list").join(_named(context, dimension, value) for value in values)
            for dimension, values in viewer.sight.rows
        ]
        st.caption(
            ":material/filter_alt: " + t("access.your_rows", rows=cards.escape(" · ".join(values)))
        )
    if viewer.sight.hidden:
        hidden = t("punctuation.list").join(_column(t, pattern) for pattern in viewer.sight.hidden)
        st.caption(":material/visibility_off: " + t("access.hidden", columns=hidden))
    st.button(t("access.sign_out"), on_click=st.logout, icon=":material/logout:", key="logout")


def _named(context: PageContext, dimension: RowDimension, value: str) -> str:
    """A permitted value in the reader's words."""
    if dimension == "business":
        return context.business_label(value)
    return context.channel_label(value) if dimension == "channel" else value


def _column(t: Translator, pattern: str) -> str:
    """A hidden column in the reader's words; a pattern as the policy writes it."""
    name = pattern.rpartition(".")[2]
    return f"`{pattern}`" if "*" in pattern else cards.escape(t.known(f"columns.{name}", name))
