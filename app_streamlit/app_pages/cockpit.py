"""My cockpit: the views that a person pinned, each with the filters it was saved with."""

import streamlit as st

from app_streamlit.blocks import cockpit_blocks, report_blocks
from app_streamlit.queries import saved_views
from app_streamlit.queries.metrics import open_layer
from app_streamlit.ui import cards, person
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data

context = current()
t = context.t
st.title(t("pages.cockpit"))
who = person.keeper()
pinned = saved_views.load_cockpit(who)
cards.headline(cockpit_blocks.headline(context, pinned))
if open_layer() is None or not context.bounds:
    no_data(context, "metrics.undefined")
    st.stop()
if not pinned:
    cockpit_blocks.how_to_begin(context)
left, right = st.columns(2) if len(pinned) > 1 else (st.container(), st.container())
for place, view in enumerate(pinned):
    with (left, right)[place % 2]:
        cockpit_blocks.show_view(context, view, who, is_last=place == len(pinned) - 1)
cockpit_blocks.add_figure(context, who)
report_blocks.by_email(context, who)
