"""Blocks of the data health page: what must be equal, what is unmapped, what was restated."""

import streamlit as st

from app_streamlit.queries.comparisons import load_comparisons
from app_streamlit.queries.health import (
    load_conservation_flows,
    load_quality,
    load_status_lag,
    load_unmapped,
)
from app_streamlit.queries.restatement import load_restated
from app_streamlit.ui import address, cards, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data
from app_streamlit.words import (
    comparison_words,
    conservation_words,
    health_words,
    quality_words,
    restated_words,
)


def show_quality(context: PageContext) -> None:
    """How good what each source tells is: its weakest check, and what the dimensions say."""
    t = context.t
    rates = health_words.of_business(context, load_quality(context.edition))
    if rates.empty:
        no_data(context)
        return
    st.markdown(cards.escape(quality_words.quality_headline(context, rates)))
    st.caption(t("quality.caption"))
    tables.show_table(
        quality_words.quality_frame(context, rates),
        quality_words.quality_columns(context),
        context,
        key="quality_table",
        describe=t("health.views.quality"),
    )


def show_lag(context: PageContext) -> None:
    """How long a change of status took from the source to the pages."""
    t = context.t
    lags = health_words.of_business(context, load_status_lag(context.edition))
    if lags.empty:
        no_data(context)
        return
    st.markdown(cards.escape(quality_words.lag_headline(context, lags)))
    st.caption(t("lag.caption"))
    shown = quality_words.lag_frame(context, lags)
    if not shown.empty:
        tables.show_table(
            shown,
            quality_words.lag_columns(context),
            context,
            key="lag_table",
            describe=t("health.views.lag"),
        )


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


def show_compared(context: PageContext) -> None:
    """What platforms and files have against what the lake has, as the newest checks found it."""
    t = context.t
    known = load_comparisons(context.edition.home)
    if known is None:
        no_data(context, "access.refused_block")
        return
    found = comparison_words.of_business(context, known)
    if not found:
        no_data(context, "comparison.never")
        return
    st.markdown(cards.escape(comparison_words.headline(context, found)))
    st.caption(t("comparison.caption"))
    tables.show_table(
        comparison_words.frame(context, found),
        comparison_words.COLUMNS,
        context,
        key="compared_table",
        is_published=False,
        describe=t("health.views.compared"),
        height=420,
    )


def show_unmapped(context: PageContext) -> None:
    """Values of platforms that no mapping knows, and where to add them."""
    t = context.t
    values = health_words.of_business(context, load_unmapped(context.edition))
    if values.empty:
        no_data(context, "health.nothing_unmapped")
        return
    st.markdown(cards.escape(health_words.unmapped_headline(context, values)))
    st.caption(t("health.unmapped_caption"))
    tables.show_table(
        health_words.with_file(context, values),
        health_words.unmapped_columns(context),
        context,
        key="unmapped_table",
        describe=t("health.views.unmapped"),
    )


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
