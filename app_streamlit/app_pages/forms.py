"""Forms: orders and documents of our own, filled in here; new forms are files."""

import streamlit as st

from app_streamlit.blocks import form_blocks
from app_streamlit.queries.forms import forms_of_viewer
from app_streamlit.ui import acts, address, cards
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data

context = current()
t = context.t
st.title(t("pages.forms"))
forms = {one.name: one for one in forms_of_viewer()}
st.markdown(cards.as_headline(t("forms.headline", n=len(forms), count=len(forms))))
acts.tell()
if not forms:
    no_data(context, "forms.none")
    st.stop()
names = list(forms)
chosen = address.choice(
    "form",
    names,
    names[0],
    lambda key: st.selectbox(
        t("forms.form"),
        names,
        format_func=lambda name: form_blocks.said(context, forms[name].title),
        key=key,
        width=480,
    ),
    variant=f"forms_{t.language}_{len(names)}",
)
form_blocks.show_form(context, forms[chosen])
st.caption(t("forms.how_to_add"))
