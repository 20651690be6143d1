"""Definitions: what every metric is, whose it is, and the documentation site behind it."""

import streamlit as st

from app_streamlit.queries.definitions import documentation_site, load_definitions
from app_streamlit.ui import address, cards, tables
from app_streamlit.ui.context import current
from app_streamlit.words import metric_words

VIEWS = ["metrics", "glossary", "site"]

context = current()
t = context.t
st.title(t("pages.definitions"))
definitions = load_definitions(t.language)
cards.headline(t("definitions_page.headline", n=len(definitions), count=len(definitions)))
view = address.switch(
    "view",
    VIEWS,
    VIEWS[0],
    label=t("health.view"),
    format_func=lambda name: t(f"definitions_page.views.{name}"),
    variant=f"definitions_{t.language}",
)
if view == "metrics":
    st.caption(t("definitions_page.metrics_caption"))
    tables.show_table(
        definitions,
        metric_words.columns(t),
        context,
        key="definitions_table",
        is_published=False,
        describe=t("definitions_page.views.metrics"),
        height=640,
    )
elif view == "glossary":
    st.caption(t("definitions_page.glossary_caption"))
    tables.show_table(
        metric_words.glossary(t),
        metric_words.GLOSSARY_COLUMNS,
        context,
        key="glossary_table",
        is_published=False,
        describe=t("definitions_page.views.glossary"),
        height=640,
    )
else:
    site = documentation_site()
    if site is None:
        st.caption(t("definitions_page.no_site"))
        st.code("fourflow docs", language="sh")
    else:
        st.caption(t("definitions_page.site_caption", path=cards.escape(str(site))))
        st.iframe(site, height=900)
