"""Who acts: the person who signed in, or the name that somebody gave on this machine."""

import getpass

import streamlit as st

from app_streamlit.queries.access import current_viewer
from app_streamlit.ui.context import PageContext

_NAME = "_acting_person"
LOCAL = "local"


def acting_person(context: PageContext, *, key: str) -> str:
    """The person whose name a change bears; without a login a box asks for it."""
    if not context.viewer.is_open:
        return context.viewer.person
    signed_in = st.user.get("email") or st.user.get("name")
    if signed_in:
        return str(signed_in)
    box = f"{key}_person"
    if box not in st.session_state:
        st.session_state[box] = st.session_state.get(_NAME) or getpass.getuser()
    name = st.text_input(context.t("person.name"), key=box, help=context.t("person.why"))
    st.session_state[_NAME] = name
    return name


def keeper() -> str:
    """Whose saved views and cockpit are shown: who signed in; `local` where nobody has to."""
    viewer = current_viewer()
    if not viewer.is_open:
        return viewer.person.strip().lower()
    return str(st.user.get("email") or LOCAL).strip().lower()
