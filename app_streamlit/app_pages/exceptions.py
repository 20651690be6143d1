"""Exceptions: what is wrong now, most money at risk first, and who takes care of it until when."""

import streamlit as st

from app_streamlit.blocks import exception_blocks
from app_streamlit.queries.exceptions import load_cases, load_labels, load_times
from app_streamlit.ui import acts, address, cards, downloads, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data
from app_streamlit.words import exception_words
from app_streamlit.words.rule_words import role_label

SHOWN = 500

context = current()
t = context.t
st.title(t("pages.exceptions"))
labels, times = load_labels(context.edition), load_times(context.edition.home)
cases = [case for case in load_cases(context.edition) if case.business in context.businesses]
cards.headline(exception_words.headline(context, labels, cases))
acts.tell()
if not cases:
    no_data(context, "exceptions.nothing")
    st.stop()
cards.tiles(exception_words.tiles(context, cases, times), key="exception_tiles")
view = address.switch(
    "view",
    exception_words.VIEWS,
    "open",
    label=t("columns.state"),
    format_func=lambda name: t(f"exceptions.views.{name}"),
    variant=f"exceptions_{t.language}",
)
kinds = [name for name in labels.classes if any(c.exception_class == name for c in cases)]
owners = sorted({case.owner for case in cases} | {c.taken_by for c in cases if c.taken_by})
with st.container(horizontal=True, key="exception_filters"):
    kind = address.choice(
        "kind",
        ["", *kinds],
        "",
        lambda key: st.selectbox(
            t("columns.kind"),
            ["", *kinds],
            format_func=lambda name: (
                exception_words.class_label(context, labels, name) if name else t("exceptions.all")
            ),
            key=key,
            width=280,
        ),
        variant=f"exceptions_{t.language}",
    )
    owner = address.choice(
        "owner",
        ["", *owners],
        "",
        lambda key: st.selectbox(
            t("columns.answers_for_it"),
            ["", *owners],
            format_func=lambda name: role_label(context, name) if name else t("decisions.anybody"),
            key=key,
            width=280,
        ),
        variant=f"exceptions_{t.language}_{len(owners)}",
    )
found = [
    case
    for case in cases
    if (case.state != "resolved" if view == "open" else case.state == view)
    and kind in ("", case.exception_class)
    and owner in ("", case.owner, case.taken_by)
]
columns = exception_words.columns(view)
if not found:
    no_data(context, "exceptions.none_like_that")
else:
    tables.show_table(
        exception_words.frame(context, labels, found[:SHOWN]),
        columns,
        context,
        key="exceptions_table",
        describe=t("exceptions.table_alt"),
        height=420,
    )
    downloads.offer(
        lambda: exception_words.frame(context, labels, found),
        columns,
        context,
        name="fourflow-exceptions",
        key="exceptions_file",
    )
    if len(found) > SHOWN:
        st.caption(t("exceptions.first_shown", count=formats.count(SHOWN)))
    st.subheader(t("exceptions.one"))
    by_key = {case.exception_key: case for case in found}
    chosen = address.choice(
        "exception",
        list(by_key),
        found[0].exception_key,
        lambda key: st.selectbox(
            t("exceptions.choose"),
            list(by_key),
            format_func=lambda name: exception_words.short_name(context, labels, by_key[name]),
            key=key,
        ),
        variant=f"{t.language}_{view}_{kind}_{owner}_{len(found)}",
    )
    exception_blocks.show_case(context, labels, by_key[chosen])
st.subheader(t("exceptions.by_kind"))
tables.show_table(
    exception_words.summary_frame(context, labels, cases, times),
    exception_words.SUMMARY_COLUMNS,
    context,
    key="exceptions_by_kind",
    describe=t("exceptions.by_kind"),
)
