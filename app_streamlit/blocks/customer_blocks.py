"""Parts of the customers page: segments, movement, what they should bring, what goes together."""

import pandas as pd
import streamlit as st

from app_streamlit.charts.segments import (
    cohort_grid,
    movement_sankey,
    score_grid,
    segment_treemap,
)
from app_streamlit.queries.associations import (
    count_offers,
    load_item_types,
    load_pairs,
    load_sequences,
)
from app_streamlit.queries.customer_values import (
    VALUED_SHOWN,
    load_best_tenth,
    load_most_worth,
    load_value_figures,
    load_value_segments,
)
from app_streamlit.queries.customers import (
    load_cohorts,
    load_movements,
    load_segment_cells,
    load_top_customers,
)
from app_streamlit.queries.rates import share
from app_streamlit.ui import address, cards, downloads, formats, navigation, tables, theme
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data
from app_streamlit.words import association_words, customer_words, value_words


def show_segments(
    context: PageContext, business: str, currency: str, segments: pd.DataFrame
) -> None:
    """Segments by size and worth, the grid behind them, and the customers of one."""
    t = context.t
    table = customer_words.segment_frame(context, segments)
    st.caption(t("customers.how_scored"))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader(t("customers.segments"), help=t("customers.segments_help"))
        cards.plot(
            segment_treemap(
                segments,
                segment_label=lambda name: customer_words.segment_label(context, name),
                count_label=lambda n: t("units.customers", n=n, count=formats.count(n)),
                amount_label=lambda a: formats.short_money(a, currency, t.language),
                worth=list(table["amount_per_customer"]),
            ),
            key="segments_chart",
            alt=t("customers.segments_alt"),
        )
    with right:
        st.subheader(t("customers.grid"))
        cards.plot(
            score_grid(
                load_segment_cells(context.edition, business, currency),
                recency_title=t("customers.recency_score"),
                frequency_title=t("customers.frequency_score"),
                count_label=lambda n: formats.short(n, t.language),
            ),
            key="grid_chart",
            alt=t("customers.grid_alt"),
        )
    tables.show_table(
        table,
        customer_words.segment_columns(context),
        context,
        key="segments_table",
        describe=t("customers.table_alt"),
    )
    _show_best(context, business, currency, [str(name) for name in segments["rfm_segment"]])


def _show_best(context: PageContext, business: str, currency: str, names: list[str]) -> None:
    t = context.t
    st.subheader(t("customers.best"))
    segment = address.choice(
        "segment",
        names,
        names[0],
        lambda key: st.selectbox(
            t("columns.rfm_segment"),
            names,
            format_func=lambda name: customer_words.segment_label(context, name),
            key=key,
            width=320,
        ),
        variant=f"{t.language}_{business}_{currency}",
    )
    tables.show_table(
        load_top_customers(context.edition, business, currency, segment),
        customer_words.customer_columns(context, business),
        context,
        key="customers_table",
        describe=t("customers.best_alt"),
        height=360,
    )


def show_movement(context: PageContext, business: str, currency: str) -> None:
    """Who moved between segments, and who came back."""
    t = context.t
    movements = load_movements(context.edition, business)
    cohorts = load_cohorts(context.edition, business, currency)
    has_cohorts = not cohorts.empty and cohorts["months_since"].max() > 0
    if movements.empty and not has_cohorts:
        no_data(context, "customers.no_movement")
        return
    if not movements.empty:
        st.subheader(t("customers.movement"), help=t("customers.movement_help"))
        st.markdown(cards.escape(customer_words.movement_sentence(context, movements)))
        cards.plot(
            movement_sankey(
                movements,
                segment_label=lambda name: customer_words.segment_label(context, name),
                count_label=lambda n: t("units.people", n=n, count=formats.count(n)),
                text_colour=theme.text_colour(),
            ),
            key="movements_chart",
            alt=t("customers.movement_alt"),
        )
        tables.show_table(
            customer_words.moved_only(movements),
            customer_words.movement_columns(context),
            context,
            key="movements_table",
            describe=t("customers.movement"),
            height=360,
        )
    if has_cohorts:
        st.subheader(t("customers.cohorts"), help=t("customers.cohorts_help"))
        cards.plot(
            cohort_grid(
                cohorts,
                share_of=share,
                month_label=lambda month: f"{month:%Y-%m}",
                rate_label=lambda part: formats.rate(part, 0),
                months_title=t("customers.months_since"),
            ),
            key="cohorts_chart",
            alt=t("customers.cohorts_alt"),
        )


def show_value(context: PageContext, business: str, currency: str) -> None:
    """What customers should bring, by segment and by name, and how far that can be trusted."""
    t = context.t
    segments = load_value_segments(context.edition, business, currency)
    if segments.empty:
        no_data(context, "customers.value.none")
        return
    best, total = load_best_tenth(context.edition, business, currency)
    st.markdown(cards.escape(value_words.sentence(context, segments, best, total)))
    tables.show_table(
        value_words.segment_frame(segments),
        value_words.segment_columns(context),
        context,
        key="value_segments_table",
        describe=t("customers.value.segments_alt"),
    )
    st.caption(t("customers.value.how"))
    st.subheader(t("customers.value.most"))
    columns = value_words.customer_columns(context, business)
    tables.show_table(
        load_most_worth(context.edition, business, currency),
        columns,
        context,
        key="value_customers_table",
        describe=t("customers.value.most"),
        height=420,
    )
    st.caption(t("customers.value.shown", count=VALUED_SHOWN))
    downloads.offer(
        lambda: load_most_worth(context.edition, business, currency, limit=None),
        columns,
        context,
        name="fourflow-customer-values",
        key="download_customer_values",
    )
    figures = load_value_figures(context.edition, business, currency)
    st.subheader(t("customers.value.trust"))
    if figures.empty:
        no_data(context, "customers.value.not_judged")
        return
    st.markdown(cards.escape(value_words.judged_sentence(context, figures)))
    tables.show_table(
        value_words.figure_frame(context, figures),
        value_words.FIGURE_COLUMNS,
        context,
        key="value_figures_table",
        describe=t("customers.value.trust"),
    )


def show_together(context: PageContext, business: str) -> None:
    """What is in one basket, what follows, and to whom something can be offered."""
    t = context.t
    kinds = load_item_types(context.edition, business)
    if not kinds:
        no_data(context, "customers.together.none")
        return
    kind = address.switch(
        "cut",
        kinds,
        kinds[0],
        label=t("columns.item_type"),
        format_func=lambda name: t(f"customers.together.kinds.{name}"),
        variant=f"items_{t.language}",
    )
    pairs = association_words.pair_frame(kind, load_pairs(context.edition, business, kind))
    follows = association_words.sequence_frame(
        kind, load_sequences(context.edition, business, kind)
    )
    st.markdown(cards.escape(association_words.sentence(context, pairs, follows)))
    if not pairs.empty:
        st.subheader(t("customers.together.pairs"), help=t("customers.together.pairs_help"))
        tables.show_table(
            pairs,
            association_words.PAIR_COLUMNS,
            context,
            key="pairs_table",
            describe=t("customers.together.pairs"),
            height=360,
        )
    if not follows.empty:
        st.subheader(t("customers.together.follows"), help=t("customers.together.follows_help"))
        tables.show_table(
            follows,
            association_words.SEQUENCE_COLUMNS,
            context,
            key="sequences_table",
            describe=t("customers.together.follows"),
            height=360,
        )
    people = count_offers(context.edition, business)
    if people:
        text = t("customers.together.offers", n=people, count=formats.count(people))
        st.markdown(cards.escape(text))
        navigation.link("rules", t("customers.together.to_rules"), ":material/rule:")
