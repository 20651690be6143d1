"""Exceptions: what is wrong now, most money at risk first, and who takes care of it until when."""

import streamlit as st

from app_streamlit.blocks import exception_blocks
from app_streamlit.queries.exceptions import (
    load_case,
    load_cases,
    load_groups,
    load_labels,
    load_times,
)
from app_streamlit.ui import acts, address, cards, downloads, formats, tables
from app_streamlit.ui.context import current
from app_streamlit.ui.states import no_data
from app_streamlit.words import exception_words
from app_streamlit.words.rule_words import role_label
from orchestration.stewardship.exception_queue import Wanted

SHOWN = 500

context = current()
t = context.t
st.title(t("pages.exceptions"))
labels, times = load_labels(context.edition), load_times(context.edition.home)
businesses = tuple(sorted(context.businesses))
groups = [one for one in load_groups(context.edition) if one.business in businesses]
dearest = load_cases(context.edition, Wanted(businesses=businesses), 1)
cards.headline(exception_words.headline(context, labels, groups, dearest[0] if dearest else None))
acts.tell()
if not groups:
    no_data(context, "exceptions.nothing")
    st.stop()
cards.tiles(exception_words.tiles(context, groups, times), key="exception_tiles")
view = address.switch(
    "view",
    list(exception_words.VIEWS),
    "open",
    label=t("columns.state"),
    format_func=lambda name: t(f"exceptions.views.{name}"),
    variant=f"exceptions_{t.language}",
)
kinds = [name for name in labels.classes if any(one.exception_class == name for one in groups)]
owners = sorted({one.owner for one in groups} | {one.taken_by for one in groups if one.taken_by})
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
wanted = Wanted(exception_words.VIEWS[view], kind or None, owner or None, businesses)
number = exception_words.number(one for one in groups if wanted.takes(one))
found = load_cases(context.edition, wanted, SHOWN)
columns = exception_words.columns(view)
list_name = f"exceptions_{view}_{kind}_{owner}"
if not found:
    no_data(context, "exceptions.none_like_that")
    acts.say_when_gone(context, list_name, None, ())
else:
    tables.show_table(
        exception_words.frame(context, labels, found),
        columns,
        context,
        key="exceptions_table",
        describe=t("exceptions.table_alt"),
        height=420,
    )
    downloads.offer(
        lambda: exception_words.frame(context, labels, load_cases(context.edition, wanted)),
        columns,
        context,
        name="fourflow-exceptions",
        key="exceptions_file",
    )
    if number > SHOWN:
        st.caption(t("exceptions.first_shown", count=formats.count(SHOWN)))
    st.subheader(t("exceptions.one"))
    by_key = {case.exception_key: case for case in found}
    asked = load_case(context.edition, address.get("exception")) if number > SHOWN else None
    if asked is not None and asked.state in wanted.states:  # a link to one further down
        by_key.setdefault(asked.exception_key, asked)
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
        variant=f"{t.language}_{view}_{kind}_{owner}_{number}",
    )
    acts.say_when_gone(context, list_name, chosen, by_key)
    exception_blocks.show_case(context, labels, by_key[chosen])
st.subheader(t("exceptions.by_kind"))
tables.show_table(
    exception_words.summary_frame(context, labels, groups, times),
    exception_words.SUMMARY_COLUMNS,
    context,
    key="exceptions_by_kind",
    describe=t("exceptions.by_kind"),
)
