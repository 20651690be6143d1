"""Journeys: from the first contact to the money, and how long each step takes."""

import streamlit as st

from app_streamlit.charts.funnel import funnel_chart
from app_streamlit.queries.diagnosis import read_steps
from app_streamlit.queries.journeys import (
    load_journey_funnels,
    load_journey_steps,
    load_step_times,
)
from app_streamlit.ui import address, cards, formats, tables, theme
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import funnel_words, journey_words

context = current()
t = context.t
st.title(t("pages.journeys"))
offered = journey_words.offered(context, load_journey_funnels(context.edition))
if not offered:
    nothing_here(context, "journeys", "empty.no_funnel")
    st.stop()
first_line = st.container()
chosen = address.choice(
    "journey",
    list(offered),
    next(iter(offered)),
    lambda key: st.selectbox(
        t("funnel.which"),
        list(offered),
        format_func=lambda name: offered[name],
        key=key,
        width=420,
    ),
    variant=t.language,
)
business, _, funnel = chosen.partition(":")
scope = context.scope(business)
rows = load_journey_steps(context.edition, scope, funnel)
steps = read_steps(rows)
if not steps or steps[0].reached == 0:
    nothing_here(context, "journeys", "empty.no_rows")
    st.stop()
first_line.markdown(cards.as_headline(journey_words.headline(context, steps)))
st.caption(
    t("journeys.range", days=formats.days(scope.start, scope.end, t.language))
    + " "
    + t("journeys.how_to_read")
)
cards.plot(
    funnel_chart(
        steps,
        step_label=lambda step: funnel_words.step_label(step, t),
        part_labels={part: t(f"funnel.parts.{part}") for part in ("reached", "open", "dropped")},
        count_label=formats.count,
        rate_label=formats.rate,
        grade_label=lambda step: t(f"funnel.grades.{step.grade}"),
        note_label=lambda step: journey_words.passed_by(context, step, rows),
        text_colour=theme.text_colour(),
    ),
    key=f"journey_chart_{chosen}",
    alt=funnel_words.alt(context, steps),
)
tables.show_table(
    journey_words.step_frame(context, steps, rows),
    journey_words.STEP_COLUMNS,
    context,
    key="journey_steps_table",
    describe=t("funnel.table_alt"),
)
times = load_step_times(context.edition, scope, funnel)
if not times.empty:
    st.subheader(t("journeys.times"), help=t("journeys.times_help"))
    tables.show_table(
        journey_words.times_frame(context, times, business),
        journey_words.TIME_COLUMNS,
        context,
        key="journey_times_table",
        describe=t("journeys.times"),
    )
