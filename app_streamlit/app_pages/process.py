"""The process: the way orders actually take, beside the way the SOP foresees."""

import streamlit as st

from app_streamlit.charts.process import process_map
from app_streamlit.queries.process import (
    VARIANTS,
    load_activities,
    load_conformance,
    load_steps,
    load_variants,
)
from app_streamlit.ui import address, cards, formats, freshness, tables, theme
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import process_words

context = current()
t = context.t
st.title(t("pages.process"))
names = process_words.labels(context, load_activities(context.edition))
channel = context.choices.channel
shown = 0
for business in context.businesses:
    variants = load_variants(context.edition, business, channel)
    if variants.empty:
        continue
    if shown or len(context.businesses) > 1:
        st.subheader(context.business_label(business))
    conformance = load_conformance(context.edition, context.scope(business))
    st.markdown(cards.as_headline(process_words.headline(context, business, conformance)))
    if not shown:
        st.caption(t("process.how_to_read"))
    shown += 1
    offered = list(dict.fromkeys(variants["order_type"]))
    order_type = offered[0]
    if len(offered) > 1:
        order_type = address.switch(
            "process",
            offered,
            offered[0],
            label=t("process.which"),
            format_func=lambda name: t(f"process.order_types.{name}"),
            variant=f"{t.language}_{business}",
            label_visibility="visible",
        )
    steps = load_steps(context.edition, business, channel, order_type)
    table_side = st.container()
    arrows = process_words.on_the_map(steps)
    if (arrows["previous_activity"] != "start").any():
        map_side, table_side = st.columns([2, 3], gap="medium")
        with map_side:
            with freshness.block(f"process_map_{business}"):
                st.graphviz_chart(
                    process_map(
                        arrows,
                        labels=names,
                        step_label=lambda n, wait: process_words.step_label(context, n, wait),
                        text_colour=theme.text_colour(),
                    ),
                    width="content",
                )
            st.caption(t("process.map_caption"))
    with table_side:
        st.subheader(t("process.steps"))
        tables.show_table(
            process_words.step_frame(context, steps, names),
            process_words.STEP_COLUMNS,
            context,
            key=f"steps_table_{business}",
            describe=t("process.steps_alt"),
            height=660,
        )
    st.subheader(t("process.variants"))
    variants = variants[variants["order_type"] == order_type]
    if len(variants) == VARIANTS:
        st.caption(t("process.first_shown", count=formats.count(VARIANTS)))
    tables.show_table(
        process_words.variant_frame(context, variants, names, business),
        process_words.VARIANT_COLUMNS,
        context,
        key=f"variants_table_{business}",
        describe=t("process.variants_alt"),
        height=420,
    )
if not shown:
    nothing_here(context, "process", "process.nothing")
