"""Funnel: where orders stop on their way to cash, which step to look at, and which orders."""

import streamlit as st

from app_streamlit.charts.funnel import funnel_chart
from app_streamlit.queries.diagnosis import read_gaps, read_steps, worst_gap, worst_step
from app_streamlit.queries.edition import is_only_whole
from app_streamlit.queries.funnel import (
    load_deviations,
    load_dropped_by_channel,
    load_funnels,
    load_steps,
)
from app_streamlit.ui import address, cards, formats, navigation, tables, theme
from app_streamlit.ui.context import current
from app_streamlit.ui.states import nothing_here
from app_streamlit.words import funnel_words

context = current()
t = context.t
st.title(t("pages.funnel"))
if is_only_whole(context.edition, "rpt_funnel_daily"):
    cards.headline(t("access.only_whole"))
    st.stop()
funnels = {
    f"{business}:{funnel}": (business, funnel)
    for business, names in load_funnels(context.edition).items()
    if business in context.businesses
    for funnel in names
}
offered = [
    name
    for business in context.businesses
    for name, (owner, _) in funnels.items()
    if owner == business
]
if not offered:
    nothing_here(context, "funnel", "empty.no_funnel")
    st.stop()
chosen = offered[0]
first_line = st.container()
if len(offered) > 1:
    chosen = address.switch(
        "funnel",
        offered,
        offered[0],
        label=t("funnel.which"),
        format_func=lambda name: funnel_words.funnel_label(context, *funnels[name]),
        variant=t.language,
    )
business, funnel = funnels[chosen]
scope = context.scope(business)
rows = load_steps(context.edition, scope, funnel)
steps = read_steps(rows)
if not steps or steps[0].reached == 0:
    nothing_here(context, "funnel", "empty.no_rows")
    st.stop()
worst = worst_step(steps)
by_channel = (
    load_dropped_by_channel(context.edition, scope, funnel, worst.number) if worst else None
)
earlier = read_steps(load_steps(context.edition, scope.before(), funnel))
against_target = funnel_words.diagnosis(
    context, scope, worst, steps=steps, by_channel=by_channel, earlier=earlier
)
gap = worst_gap(read_gaps(load_deviations(context.edition, scope, funnel)))
if gap is None:
    first_line.markdown(cards.as_headline(against_target))
else:
    first_line.markdown(cards.as_headline(funnel_words.deviation(context, scope, gap, steps)))
    first_line.markdown(against_target)
st.caption(
    t("funnel.range", days=formats.days(scope.start, scope.end, t.language))
    + " "
    + t("funnel.how_to_read")
)

event = cards.plot(
    funnel_chart(
        steps,
        step_label=lambda step: funnel_words.step_label(step, t),
        part_labels={part: t(f"funnel.parts.{part}") for part in ("reached", "open", "dropped")},
        count_label=formats.count,
        rate_label=formats.rate,
        grade_label=lambda step: t(f"funnel.grades.{step.grade}"),
        text_colour=theme.text_colour(),
    ),
    key=f"funnel_chart_{chosen}",
    on_select="rerun",
    selection_mode="points",
    alt=funnel_words.alt(context, steps),
)
clicked = funnel_words.clicked_part(event)
if clicked is not None:
    navigation.go("orders", funnel=chosen, step=str(clicked[0]), outcome=clicked[1], order_="")

later = [step for step in steps if not step.is_first]
with st.container(horizontal=True, vertical_alignment="bottom", key="step_actions"):
    number = st.selectbox(
        t("funnel.look_at"),
        [step.number for step in later],
        index=later.index(worst) if worst in later else 0,
        format_func=lambda n: funnel_words.step_label(
            next(step for step in later if step.number == n), t
        ),
        key=f"funnel_step_{chosen}_{t.language}",
        width=280,
    )
    step = next((step for step in later if step.number == number), None)
    if step is not None and st.button(
        t("funnel.show_dropped", n=step.dropped, count=formats.count(step.dropped)),
        key="show_dropped",
        type="primary",
        icon=":material/list_alt:",
        disabled=step.dropped == 0,
    ):
        navigation.go("orders", funnel=chosen, step=str(step.number), outcome="dropped", order_="")
    if step is not None and st.button(
        t("funnel.show_open", n=step.open, count=formats.count(step.open)),
        key="show_open",
        icon=":material/hourglass_empty:",
        disabled=step.open == 0,
    ):
        navigation.go("orders", funnel=chosen, step=str(step.number), outcome="open", order_="")

st.subheader(t("funnel.steps"))
tables.show_table(
    funnel_words.step_frame(context, steps),
    funnel_words.STEP_COLUMNS,
    context,
    key="steps_table",
    describe=t("funnel.table_alt"),
)
if steps[0].reached_amount is None:
    st.caption(t("funnel.several_currencies"))
st.caption(t("funnel.open_means") + " " + t("funnel.thresholds_are_data"))
for outcome in read_steps(rows, kind="outcome"):
    st.markdown(funnel_words.outcome_sentence(context, outcome, steps))
