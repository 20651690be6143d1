"""Two blocks of the data health page: what must be equal, and what was restated."""

import streamlit as st

from app_streamlit.queries.health import load_conservation_flows
from app_streamlit.queries.restatement import load_restated
from app_streamlit.ui import address, cards, conservation_words, formats, restated_words, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data


def show_flows(context: PageContext) -> None:
    """Whether records, goods and money add up, pair by pair, and what lies between."""
    t = context.t
    flows = conservation_words.chosen(context, load_conservation_flows(context.edition))
    if flows.empty:
        return
    st.markdown(cards.escape(conservation_words.headline(context, flows)))
    tables.show_table(
        conservation_words.pair_frame(context, flows),
        conservation_words.PAIR_COLUMNS,
        context,
        key="flows_table",
        describe=t("conservation.pairs_alt"),
    )
    st.subheader(t("conservation.differences"))
    tables.show_table(
        conservation_words.difference_frame(context, flows),
        conservation_words.DIFFERENCE_COLUMNS,
        context,
        key="differences_table",
        describe=t("conservation.differences"),
    )
    st.subheader(t("conservation.records"))


def show_restated(context: PageContext) -> None:
    """What the shown publication says differently from an earlier one that the viewer chooses."""
    t = context.t
    known = restated_words.earlier_publications(context)
    if not known:
        no_data(context, "restated.only_one")
        return
    since = address.choice(
        "since",
        list(known),
        next(iter(known)),
        lambda key: st.selectbox(
            t("restated.since"),
            list(known),
            format_func=lambda name: formats.time(
                known[name].published_at, context.zone, t.language
            ),
            key=key,
            width=360,
        ),
        variant=f"{t.language}_{context.publication.publication_id}",
    )
    with st.spinner(t("restated.comparing")):
        restated = load_restated(context.edition, since)
    changes = restated_words.chosen(context, restated)
    st.markdown(cards.escape(restated_words.headline(context, changes, known[since].published_at)))
    st.caption(t("restated.redefined" if restated.redefined else "restated.how_to_read"))
    if not changes.empty:
        tables.show_table(
            changes,
            restated_words.columns(context),
            context,
            key="restated_table",
            describe=t("health.views.restated"),
        )
    st.caption(restated_words.not_comparable(context, restated))
