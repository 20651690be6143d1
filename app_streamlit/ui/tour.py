"""The guided tour: a short path through the pages for each kind of work, left at any time.

Where one is stands in the address, so that the tour goes on from page to page and a link to a stop
can be sent to a new colleague.
"""

import streamlit as st

from app_streamlit.ui import address, cards, navigation
from app_streamlit.ui.i18n import Translator
from orchestration.access.viewer import Viewer

TOURS: dict[str, tuple[str, ...]] = {
    "manager": ("overview", "channels", "funnel", "cash", "decisions", "definitions"),
    "operations": ("exceptions", "stages", "parcels", "stock", "decisions"),
    "finance": ("cash", "reconciliation", "risk", "aftersales", "roi"),
    "analyst": ("explore", "journeys", "customers", "rules", "definitions"),
    "engineer": ("health", "process", "decisions", "definitions"),
}


def stops_of(role: str, viewer: Viewer) -> tuple[str, ...]:
    """The pages of a tour that the viewer may open."""
    return tuple(page for page in TOURS.get(role, ()) if viewer.may_open(page))


def offer(t: Translator, viewer: Viewer) -> None:
    """In the sidebar: choose whose tour to take."""
    offered = [role for role in TOURS if len(stops_of(role, viewer)) > 1]
    if not offered:
        return
    with st.popover(t("tour.offer"), icon=":material/tour:", width="stretch", key="tour_offer"):
        st.markdown(t("tour.whose"))
        for role in offered:
            if st.button(t(f"tour.roles.{role}"), key=f"tour_{role}", width="stretch"):
                _go(role, stops_of(role, viewer), 0)


def show(t: Translator, viewer: Viewer, page: str) -> None:
    """Above the page: what to look at here, and the way on."""
    role, _, number = address.get("tour").partition("-")
    stops = stops_of(role, viewer)
    if not stops or not number.isdigit() or int(number) > len(stops) or number == "0":
        address.put(tour="")
        return
    place = int(number) - 1
    is_here = stops[place] == page
    with st.container(border=True, key="tour", gap="xsmall"):
        said = t(f"tour.stops.{role}.{stops[place]}") if is_here else t("tour.away")
        place_said = t("tour.place", role=t(f"tour.roles.{role}"), place=place + 1, of=len(stops))
        st.markdown(f"**{cards.escape(place_said)}** {cards.escape(said)}")
        with st.container(horizontal=True, gap="xsmall", key="tour_steps"):
            if not is_here:
                if st.button(t("tour.back_to"), key="tour_back_to", icon=":material/tour:"):
                    _go(role, stops, place)
            else:
                if place and st.button(t("tour.back"), key="tour_back"):
                    _go(role, stops, place - 1)
                if place + 1 < len(stops) and st.button(
                    t("tour.next", page=t(f"pages.{stops[place + 1]}")),
                    key="tour_next",
                    type="primary",
                ):
                    _go(role, stops, place + 1)
            if st.button(t("tour.end"), key="tour_end", icon=":material/close:"):
                address.put(tour="")
                st.rerun()


def _go(role: str, stops: tuple[str, ...], place: int) -> None:
    navigation.go(stops[place], tour=f"{role}-{place + 1}")
