"""What people do from a page: who is offered it, and what is said once it is done."""

from collections.abc import Callable, Collection
from typing import TypeVar

import streamlit as st

from app_streamlit.ui import cards
from app_streamlit.ui.context import PageContext
from connectors.errors import FourflowError
from orchestration.access.viewer import Action

_SAID = "_act_said"
_DRAWN = "_acts_drawn"
_CHOSEN = "_acts_chosen"
_State = TypeVar("_State")


def is_offered(context: PageContext, action: Action, *, on_figures: bool = False) -> bool:
    """Whether the viewer may do it here.

    Args:
        context: who looks at what.
        action: what would be done.
        on_figures: whether it is about the shown figures, so that only the newest will do.
    """
    return context.viewer.may(action) and (not on_figures or _is_newest(context))


def say_why_not(context: PageContext, action: Action) -> None:
    """One line where a form would be: the role lacks it, or an earlier publication is open."""
    key = "acts.not_newest" if context.viewer.may(action) else "acts.not_yours"
    st.caption(f":material/lock: {context.t(key)}")


def _is_newest(context: PageContext) -> bool:
    newest = context.standing.newest
    return newest is None or newest.publication_id == context.publication.publication_id


def as_drawn(subject: str, state: _State) -> _State:
    """The state of something as the person saw it when they pressed a button.

    A press draws the page anew, with what others did meanwhile: compared with that, nobody would
    ever be too slow.

    Args:
        subject: what it is the state of.
        state: as it is now, which is drawn now.
    """
    drawn = st.session_state.setdefault(_DRAWN, {})
    before: _State = drawn.get(subject, state)
    drawn[subject] = state
    return before


def say_when_gone(
    context: PageContext, place: str, chosen: str | None, listed: Collection[str]
) -> None:
    """Say so when what the person had chosen is not listed any more and something else is shown.

    Their press, if any, was for what is gone: it does nothing, as buttons carry its key.

    Args:
        context: who looks at what.
        place: of the list; changes with its filters.
        chosen: what is shown now; None: nothing, as the list is empty.
        listed: all that may be chosen.
    """
    before = st.session_state.setdefault(_CHOSEN, {}).get(place, chosen)
    if before is not None and before not in listed:
        st.info(context.t("acts.gone"), icon=":material/group:")
    st.session_state[_CHOSEN][place] = chosen


def do(act: Callable[[], str]) -> None:
    """Do it, then show the page anew with what was done; a refusal is one sentence."""
    try:
        say_next(act())
    except FourflowError as error:
        st.error(cards.escape(str(error)), icon=":material/error:")
        return
    st.session_state.pop(_CHOSEN, None)  # what is gone now, this person has done
    st.rerun()


def say_next(sentence: str) -> None:
    """What `tell` says when the page is drawn anew."""
    st.session_state[_SAID] = sentence


def tell() -> None:
    """After an act: one line that says what it did."""
    said = st.session_state.pop(_SAID, None)
    if said:
        st.success(cards.escape(said), icon=":material/check:")
