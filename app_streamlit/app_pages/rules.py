"""Rules: what they do, editor, lab, shadow, effect and versions; each change has a reason."""

import streamlit as st

from app_streamlit.blocks import rule_blocks, rule_editor
from app_streamlit.queries.rulebook import load_rulebook
from app_streamlit.ui import acts, address, cards, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data
from app_streamlit.words import rule_words

ALL = "all"
VIEWS = ("what", "edit", "lab", "shadow", "effect", "versions")

context = current()
t = context.t
st.title(t("pages.rules"))
book = load_rulebook(context.edition.home)
first_line = st.container()
acts.tell()
if not book.rules:
    first_line.markdown(cards.as_headline(rule_words.headline(context, book)))
    no_data(context, "rules.none")
    st.stop()

names = {one.rule_id: rule_words.rule_name(one.definition, t.language) for one in book.rules}
chosen = address.choice(
    "rule",
    [ALL, *sorted(names, key=lambda rule_id: names[rule_id])],
    ALL,
    lambda key: st.selectbox(
        t("columns.rule"),
        [ALL, *sorted(names, key=lambda rule_id: names[rule_id])],
        format_func=lambda rule_id: names.get(rule_id, t("rules.all")),
        key=key,
        width=480,
    ),
    variant=f"rules_{t.language}_{len(names)}",
)
one = book.find(chosen)
if one is None:
    first_line.markdown(cards.as_headline(rule_words.headline(context, book)))
    for line in rule_words.conflict_lines(context, book):
        st.caption(f":material/warning: {cards.escape(line)}")
    tables.show_table(
        rule_words.book_frame(context, book),
        rule_words.book_columns(context),
        context,
        key="rules_table",
        is_published=False,
        describe=t("rules.table_alt"),
        height=720,
    )
    st.caption(t("rules.how_to_open"))
    st.stop()

first_line.markdown(cards.as_headline(rule_words.rule_headline(context, one)))
view = address.switch(
    "view",
    VIEWS,
    VIEWS[0],
    label=t("rules.view"),
    format_func=lambda name: t(f"rules.views.{name}"),
    variant=f"rules_{t.language}",
)
if view == "what":
    rule_blocks.show_what_it_does(context, one)
elif view == "edit":
    rule_editor.show_editor(context, book, one)
elif view == "lab":
    rule_blocks.show_lab(context, book, one)
elif view == "shadow":
    rule_blocks.show_shadow(context, one)
elif view == "effect":
    rule_blocks.show_effect(context, one)
else:
    rule_blocks.show_versions(context, one)
