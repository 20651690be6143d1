"""What a person chooses on the explore page: question, filters, saved views, downloads."""

from collections.abc import Mapping

import streamlit as st

from app_streamlit.blocks import metric_files
from app_streamlit.queries import saved_views
from app_streamlit.queries.definitions import load_definitions
from app_streamlit.queries.edition import Edition
from app_streamlit.queries.explore import Answer, command_of, load_dimensions, load_values
from app_streamlit.ui import address, person
from app_streamlit.ui import downloads as file_downloads
from app_streamlit.ui.context import PageContext
from app_streamlit.words import explore_words, metric_words
from app_streamlit.words.explore_words import Chart
from connectors.errors import InputError
from orchestration.metrics import questions
from orchestration.metrics.questions import MOST_DIMENSIONS, MOST_METRICS, Question

_NOTICE = "_explore_notice"


def choose_question(context: PageContext) -> None:
    """Metrics, dimensions and the grain of time; the choices go into the address."""
    t = context.t
    names = list(load_definitions(t.language)["metric"])
    with st.container(horizontal=True, vertical_alignment="bottom", key="explore_question"):
        metrics = address.several(
            "metric",
            names,
            [name for name in questions.DEFAULT_METRICS if name in names] or names[:1],
            lambda key: st.multiselect(
                t("explore.metrics"),
                names,
                format_func=lambda name: metric_words.label(name, t),
                max_selections=MOST_METRICS,
                key=key,
                width=420,
                placeholder=t("explore.choose"),
            ),
            variant=t.language,
        )
        metrics = metrics or list(questions.DEFAULT_METRICS)
        words = [one.word for one in load_dimensions(tuple(metrics))]
        address.several(
            "by",
            words,
            [word for word in questions.DEFAULT_BY if word in words],
            lambda key: st.multiselect(
                t("explore.by"),
                words,
                format_func=lambda word: explore_words.dimension_label(word, context),
                max_selections=MOST_DIMENSIONS,
                key=key,
                width=320,
                placeholder=t("explore.choose"),
            ),
            variant=f"{t.language}_{'_'.join(metrics)}",
        )
        address.choice(
            "grain",
            explore_words.GRAIN_CHOICES,
            questions.DEFAULT_GRAIN,
            lambda key: st.selectbox(
                t("explore.grain"),
                explore_words.GRAIN_CHOICES,
                format_func=lambda name: t(f"explore.grains.{name}"),
                key=key,
                width=180,
            ),
            variant=t.language,
        )


def choose_chart(context: PageContext, question: Question) -> Chart:
    """How the answer is drawn."""
    options = explore_words.charts_for(question)
    chosen = address.switch(
        "chart",
        options,
        options[0],
        label=context.t("explore.chart"),
        format_func=lambda name: context.t(f"explore.charts.{name}"),
        variant=f"{context.language}_{'_'.join(options)}",
    )
    return next(option for option in options if option == chosen)


def choose_filters(context: PageContext, edition: Edition, question: Question) -> None:
    """Keep some values of some dimensions."""
    t = context.t
    kept = questions.filters_of(address.params())
    title = t("explore.filters", count=len(kept)) if kept else t("explore.filter")
    with st.popover(title, icon=":material/filter_alt:"):
        options = [
            one.word
            for one in load_dimensions(question.metrics)
            if not one.is_date and one.word not in ("business", "channel")
        ]
        if not options:
            st.caption(t("explore.nothing_to_filter"))
            return
        word = st.selectbox(
            t("explore.filter_by"),
            options,
            index=next((n for n, one in enumerate(options) if one in kept), None),
            format_func=lambda one: explore_words.dimension_label(one, context),
            key=f"explore_filter_{t.language}_{'_'.join(question.metrics)}",
            placeholder=t("explore.choose"),
        )
        if word is None:
            return
        values = [one or "" for one in load_values(edition, question, word)]
        current = [one or "" for one in kept.get(word, ())]
        values += [one for one in current if one not in values]
        key = f"explore_values_{word}_{t.language}_{','.join(current)}"
        chosen = st.multiselect(
            explore_words.dimension_label(word, context),
            values,
            default=current,
            format_func=lambda one: explore_words.value_label(word, one, context),
            key=key,
            placeholder=t("explore.all_values"),
        )
        if chosen != current:
            others: Mapping[str, tuple[str | None, ...]] = {
                one: own for one, own in kept.items() if one != word
            }
            now = {**others, **({word: tuple(one or None for one in chosen)} if chosen else {})}
            address.put(filter=questions.filter_text(now))
            st.rerun()
        if kept and st.button(t("explore.no_filters"), key="explore_no_filters"):
            address.put(filter="")
            st.rerun()


def filters_text(context: PageContext, question: Question) -> str:
    """The filters in words; empty without any."""
    return context.t("punctuation.list").join(
        context.t(
            "explore.is",
            dimension=explore_words.dimension_label(word, context),
            values=", ".join(explore_words.value_label(word, one, context) for one in values),
        )
        for word, values in question.kept
    )


def saved(context: PageContext) -> None:
    """Open, keep, pin and forget views of one's own."""
    t = context.t
    who = person.keeper()
    views = {view.view_id: view for view in saved_views.load_views(who)}
    with st.popover(t("explore.views"), icon=":material/bookmark:"):
        if views:
            chosen = st.selectbox(
                t("explore.open_view"),
                list(views),
                index=None,
                format_func=lambda view_id: views[view_id].name,
                key="explore_view",
                placeholder=t("explore.choose"),
            )
            with st.container(horizontal=True, key="explore_view_actions"):
                if st.button(t("explore.open"), key="explore_open", disabled=chosen is None):
                    open_choices(views[str(chosen)].choices)
                if st.button(t("explore.delete"), key="explore_delete", disabled=chosen is None):
                    saved_views.delete(who, str(chosen))
                    st.rerun()
        name = st.text_input(t("explore.name"), key="explore_name", max_chars=80)
        pin = st.checkbox(t("explore.pin"), value=True, key="explore_pin")
        if st.button(t("explore.save"), key="explore_save", type="primary"):
            choices = {
                key: value for key, value in address.params().items() if key in explore_words.KEPT
            }
            try:
                view = saved_views.save(who, name, choices, pin=pin)
            except InputError:
                st.warning(t("explore.name_needed"))
            else:
                st.session_state[_NOTICE] = view.name
                st.rerun()
        st.caption(t("explore.whose", person=who) if who != person.LOCAL else t("explore.local"))
    if name := st.session_state.pop(_NOTICE, ""):
        st.toast(t("explore.saved", name=name), icon=":material/bookmark_added:")


def open_choices(choices: Mapping[str, str]) -> None:
    """Show what a saved view says, in this page."""
    address.put(**{key: choices.get(key, "") for key in explore_words.KEPT})
    st.rerun()


def downloads(context: PageContext, answer: Answer) -> None:
    """The figures as files, and the command line that gives the same."""
    t = context.t
    with st.container(horizontal=True, vertical_alignment="center", key="explore_downloads"):
        file_downloads.offer_file(
            lambda: metric_files.csv_of(answer, context),
            context,
            file_name=metric_files.file_name(answer, context, "csv"),
            label=t("explore.csv"),
            mime="text/csv",
            key="explore_csv",
        )
        file_downloads.offer_file(
            lambda: metric_files.workbook_of(answer, context),
            context,
            file_name=metric_files.file_name(answer, context, "xlsx"),
            label=t("explore.xlsx"),
            mime=metric_files.XLSX_TYPE,
            key="explore_xlsx",
            icon=":material/table_view:",
        )
    st.caption(t("explore.same_command"))
    st.code(
        command_of(answer.asked, context.publication.publication_id),
        language=None,  # coloured words have too little contrast for some
        wrap_lines=True,  # a box that scrolls is out of reach of the keyboard
    )
    st.caption(t("explore.share"))
