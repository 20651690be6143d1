"""Data health: what arrived, what could not be used, which checks failed, what was published."""

from functools import partial

import streamlit as st

from app_streamlit.blocks import health_blocks, quarantine_blocks
from app_streamlit.queries.health import (
    QUARANTINE_LIMIT,
    load_conservation,
    load_freshness,
    load_quarantine_reasons,
    load_quarantined,
)
from app_streamlit.queries.ledger import load_decisions
from app_streamlit.ui import address, cards, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data
from app_streamlit.words import decision_words, health_words

context = current()
t = context.t
edition = context.edition
show = partial(tables.show_table, context=context)
st.title(t("pages.health"))
conservation = load_conservation(edition)
freshness = load_freshness(edition)
cards.headline(health_words.headline(context, conservation))
cards.tiles(health_words.tiles(context, conservation), key="health_tiles")

view = address.switch(
    "view",
    health_words.VIEWS,
    health_words.VIEWS[0],
    label=t("health.view"),
    format_func=lambda name: t(f"health.views.{name}"),
    variant=f"health_{t.language}",
)

if view == "sources":
    st.caption(t("health.sources_caption"))
    show(
        health_words.of_business(context, freshness),
        health_words.freshness_columns(context),
        key="freshness_table",
        describe=t("health.views.sources"),
    )
elif view == "quality":
    health_blocks.show_quality(context)
elif view == "lag":
    health_blocks.show_lag(context)
elif view == "compared":
    health_blocks.show_compared(context)
elif view == "unmapped":
    health_blocks.show_unmapped(context)
elif view == "conservation":
    health_blocks.show_flows(context)
    st.caption(t("health.conservation_caption"))
    show(
        health_words.of_business(context, conservation),
        health_words.conservation_columns(context),
        key="conservation_table",
        describe=t("health.views.conservation"),
    )
elif view == "checks":
    run = context.standing.last_run
    st.markdown(health_words.run_sentence(context, run))
    checks = health_words.check_frame(run)
    if checks.empty:
        no_data(context, "health.no_failed_checks")
    else:
        show(
            checks,
            health_words.CHECK_COLUMNS,
            key="checks_table",
            is_published=False,
            describe=t("health.views.checks"),
        )
elif view == "quarantine":
    reasons = health_words.of_business(context, load_quarantine_reasons(edition))
    if reasons.empty:
        no_data(context, "health.nothing_quarantined")
    else:
        st.caption(t("health.quarantine_caption"))
        show(
            reasons,
            health_words.reason_columns(context),
            key="reasons_table",
            describe=t("health.reasons_alt"),
        )
        places = health_words.places(reasons)
        place = st.selectbox(
            t("health.records_of"),
            places,
            format_func=lambda pair: health_words.place_label(context, pair),
            key=f"place_{t.language}",
            width=360,
        )
        records = load_quarantined(edition, *place)
        show(
            records,
            health_words.record_columns(),
            key="records_table",
            describe=t("health.records_alt"),
            height=360,
        )
        if len(records) >= QUARANTINE_LIMIT:
            st.caption(t("decisions.newest_shown", count=formats.count(QUARANTINE_LIMIT)))
        quarantine_blocks.show_one(context, records)
elif view == "publications":
    st.caption(t("health.publications_caption"))
    show(
        health_words.publication_frame(context),
        health_words.PUBLICATION_COLUMNS,
        key="publications_table",
        is_published=False,
        describe=t("health.views.publications"),
    )
elif view == "restated":
    health_blocks.show_restated(context)
else:
    held = load_decisions(edition.home, "held")
    if held.empty:
        no_data(context, "health.nothing_held")
    else:
        st.caption(t("health.held_caption"))
        show(
            held,
            decision_words.ledger_columns(context),
            key="held_table",
            is_published=False,
            describe=t("health.views.held"),
        )
