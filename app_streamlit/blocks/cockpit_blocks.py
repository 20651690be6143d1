"""What the cockpit shows of a pinned view, and how views are ordered, added and removed."""

from collections.abc import Sequence

import streamlit as st

from app_streamlit.blocks import explore_blocks
from app_streamlit.queries import saved_views
from app_streamlit.queries.definitions import load_definitions
from app_streamlit.queries.explore import load_answer, load_total
from app_streamlit.ui import cards, formats, navigation
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data
from app_streamlit.words import explore_words, metric_words
from connectors.database.saved_views import LONGEST_NAME, SavedView
from connectors.errors import FourflowError


def headline(context: PageContext, pinned: Sequence[SavedView]) -> str:
    """How much is pinned, and as of when it is shown."""
    return context.t(
        "cockpit.headline",
        n=len(pinned),
        count=len(pinned),
        time=formats.time(context.publication.published_at, context.zone, context.language),
    )


def how_to_begin(context: PageContext) -> None:
    """What to do while nothing is pinned."""
    st.markdown(context.t("cockpit.empty"))
    if st.button(context.t("cockpit.explore"), icon=":material/query_stats:", key="to_explore"):
        navigation.go("explore")


def show_view(context: PageContext, view: SavedView, who: str, *, is_last: bool) -> None:
    """One pinned view: its first line, its figure or chart, and what can be done with it."""
    own = explore_words.scoped(context, view.choices)
    with st.container(border=True, key=f"pin_{view.view_id}"):
        st.subheader(cards.escape(view.name), anchor=False)
        try:
            question = explore_words.question_of(own, view.choices)
            total = load_total(context.edition, question)
            answer = load_answer(context.edition, question)
        except FourflowError as error:
            st.info(str(error), icon=":material/info:")
        else:
            st.caption(cards.escape(explore_words.headline(own, question, total, answer)))
            options = explore_words.charts_for(question)
            wanted = view.choices.get("chart", options[0])
            chart = next((one for one in options if one == wanted), options[0])
            if not answer.rows:
                no_data(context)
            elif chart == "figure":
                explore_blocks.totals(own, total, key=f"pin_total_{view.view_id}")
            elif chart == "table":
                explore_blocks.table(own, answer, key=f"pin_table_{view.view_id}")
            else:
                explore_blocks.charts(own, question, answer, chart, f"pin_chart_{view.view_id}")
        _actions(context, view, who, is_last=is_last)


def _actions(context: PageContext, view: SavedView, who: str, *, is_last: bool) -> None:
    t = context.t
    key = view.view_id
    with st.container(horizontal=True, gap="xsmall", key=f"pin_actions_{key}"):
        if st.button(t("cockpit.open"), key=f"open_{key}", icon=":material/query_stats:"):
            navigation.go(
                "explore", **{one: view.choices.get(one, "") for one in explore_words.KEPT}
            )
        if st.button(
            t("cockpit.earlier"),
            key=f"up_{key}",
            icon=":material/arrow_upward:",
            disabled=view.position == 1,
        ):
            saved_views.move(who, key, -1)
            st.rerun()
        if st.button(
            t("cockpit.later"),
            key=f"down_{key}",
            icon=":material/arrow_downward:",
            disabled=is_last,
        ):
            saved_views.move(who, key, 1)
            st.rerun()
        if st.button(t("cockpit.remove"), key=f"remove_{key}", icon=":material/keep_off:"):
            saved_views.unpin(who, key)
            st.rerun()


def add_figure(context: PageContext, who: str) -> None:
    """Pin one metric as a figure, or a view that is saved and not pinned."""
    t = context.t
    unpinned = {one.view_id: one for one in saved_views.load_views(who) if one.position is None}
    names = list(load_definitions(t.language)["metric"])
    with st.container(horizontal=True, vertical_alignment="bottom", key="cockpit_add"):
        chosen = st.selectbox(
            t("cockpit.add"),
            [*unpinned, *names],
            index=None,
            format_func=lambda one: (
                unpinned[one].name if one in unpinned else metric_words.label(one, t)
            ),
            key=f"cockpit_add_{t.language}",
            placeholder=t("explore.choose"),
            width=420,
        )
        if st.button(t("cockpit.pin"), key="cockpit_pin", disabled=chosen is None):
            if chosen in unpinned:
                saved_views.pin(who, str(chosen))
            else:
                choices = {"metric": str(chosen), "by": "-", "grain": "none", "chart": "figure"}
                name = metric_words.label(str(chosen), t)[:LONGEST_NAME]
                saved_views.save(who, name, choices, pin=True)
            st.rerun()
