"""The views of the stock page."""

from functools import partial

import pandas as pd
import streamlit as st

from app_streamlit.charts.stock import ageing_bars, daily_lines, forecast_chart
from app_streamlit.queries.demand import (
    load_back_test,
    load_back_test_folds,
    load_demand_history,
    load_forecast,
    load_forecast_articles,
    load_replenishment,
)
from app_streamlit.queries.stock import (
    ARTICLES_SHOWN,
    load_ageing,
    load_categories,
    load_matrix,
    load_moves,
    load_oversells,
    load_shortage_days,
    load_stock_outs,
)
from app_streamlit.ui import address, cards, downloads, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import readable
from app_streamlit.ui.states import no_data
from app_streamlit.words import demand_words, stock_words

_EVERY = "all"


def show_matrix(
    context: PageContext, business: str, sites: dict[str, str], counts: dict[str, int]
) -> None:
    """Articles by sites, those that need a look first."""
    t = context.t
    states = [_EVERY, *counts]
    state = address.choice(
        "state",
        states,
        _EVERY,
        lambda key: st.pills(
            t("columns.state"),
            states,
            format_func=lambda name: stock_words.state_with_count(context, name, counts),
            key=key,
            required=True,
            label_visibility="collapsed",
        ),
        variant=f"{t.language}_{business}",
    )
    categories = [_EVERY, *load_categories(context.edition, business)]
    category = address.choice(
        "category",
        categories,
        _EVERY,
        lambda key: st.selectbox(
            t("columns.category"),
            categories,
            format_func=lambda name: (
                t("stock.all_categories") if name == _EVERY else readable(name)
            ),
            key=key,
            width=320,
        ),
        variant=f"{t.language}_{business}",
    )
    matrix = load_matrix(
        context.edition,
        business,
        None if state == _EVERY else state,
        None if category == _EVERY else category,
    )
    if matrix.empty:
        no_data(context, "stock.no_match")
        return
    frame, tints = stock_words.matrix_frame(context, matrix)
    columns = stock_words.matrix_columns(sites, list(tints))
    tables.show_table(
        frame,
        columns,
        context,
        key="matrix_table",
        describe=t("stock.matrix_alt"),
        height=520,
        tints=tints,
    )
    st.caption(
        t("stock.how_to_read")
        + (t("stock.worst_shown", count=formats.count(len(frame))) if _is_cut(frame) else "")
    )
    downloads.offer(
        lambda: frame, columns, context, name="fourflow-stock", key="download_fourflow-stock"
    )


def _is_cut(frame: pd.DataFrame) -> bool:
    return len(frame) >= ARTICLES_SHOWN


def show_ageing(context: PageContext, business: str, sites: dict[str, str]) -> None:
    """Value by age, first in first out."""
    t = context.t
    ageing = stock_words.ageing_frame(context, load_ageing(context.edition, business))
    if ageing.empty:
        no_data(context, "stock.no_ageing")
        return
    st.markdown(cards.escape(stock_words.oldest_sentence(context, ageing)))
    for currency in dict.fromkeys(ageing["currency_code"]):
        part = ageing[ageing["currency_code"] == currency]
        if part["stock_value"].sum():
            cards.plot(
                ageing_bars(
                    part,
                    site_label=lambda site: stock_words.site_label(sites, site),
                    value_label=partial(formats.money, currency=str(currency)),
                ),
                key=f"ageing_chart_{currency}",
                alt=t("stock.ageing_alt"),
            )
    tables.show_table(
        ageing,
        stock_words.ageing_columns(sites),
        context,
        key="ageing_table",
        describe=t("stock.ageing_alt"),
    )
    st.caption(t("stock.ageing_how"))


def show_shortages(context: PageContext, business: str, sites: dict[str, str]) -> None:
    """Stock-outs by days and lines, and oversells with their cause."""
    t = context.t
    scope = context.scope(business)
    days = load_shortage_days(context.edition, scope)
    if days.empty:
        no_data(context)
        return
    st.markdown(cards.escape(stock_words.shortage_sentence(context, days)))
    cards.plot(
        daily_lines(
            days,
            "stock_out_sku_count",
            "site",
            label=lambda site: stock_words.site_label(sites, site),
        ),
        key="shortage_chart",
        alt=t("stock.shortage_alt"),
    )
    outs = load_stock_outs(context.edition, scope)
    if not outs.empty:
        st.subheader(t("stock.most_missed"), help=t("stock.most_missed_help"))
        tables.show_table(
            outs,
            stock_words.stock_out_columns(sites),
            context,
            key="outs_table",
            describe=t("stock.most_missed"),
            height=360,
        )
    oversells = load_oversells(context.edition, scope)
    st.subheader(t("stock.oversold_title"))
    if oversells.empty:
        no_data(context, "stock.no_oversells")
        return
    st.markdown(cards.escape(stock_words.oversell_sentence(context, oversells)))
    tables.show_table(
        oversells,
        stock_words.oversell_columns(context, sites),
        context,
        key="oversells_table",
        describe=t("stock.oversold_title"),
        height=360,
    )


def show_moves(context: PageContext, business: str, sites: dict[str, str]) -> None:
    """What one site could send to another."""
    t = context.t
    moves = load_moves(context.edition, business)
    if moves.empty:
        no_data(context, "stock.no_moves")
        return
    st.markdown(cards.escape(stock_words.move_sentence(context, sites, moves)))
    columns = stock_words.move_columns(sites)
    tables.show_table(
        moves, columns, context, key="moves_table", describe=t("stock.moves_alt"), height=420
    )
    st.caption(t("stock.moves_how"))
    downloads.offer(
        lambda: moves, columns, context, name="fourflow-moves", key="download_fourflow-moves"
    )


def show_forecast(context: PageContext, business: str, sites: dict[str, str]) -> None:
    """The forecast of one article with its interval, a promotion to try, and the back-test."""
    t = context.t
    articles = load_forecast_articles(context.edition, business)
    if articles.empty:
        no_data(context, "stock.forecast.none")
        return
    known = [str(sku) for sku in articles["sku"]]
    sku = address.choice(
        "sku",
        known,
        known[0],
        lambda key: st.selectbox(
            t("columns.article"),
            known,
            format_func=lambda name: demand_words.article_label(articles, name),
            key=key,
            width=420,
        ),
        variant=f"{t.language}_{business}",
    )
    forecast = load_forecast(context.edition, business, sku)
    positions = load_replenishment(context.edition, business, sku)
    st.markdown(cards.escape(demand_words.forecast_sentence(context, forecast)))
    promotion = _choose_promotion(context, len(forecast))
    expected = [float(units) for units in forecast["expected_quantity"]]
    cards.plot(
        forecast_chart(
            load_demand_history(context.edition, business, sku),
            forecast,
            history_label=t("stock.forecast.history"),
            expected_label=t("stock.forecast.forecast"),
            interval_label=t("stock.forecast.interval"),
            promoted=promotion.applied_to(expected) if promotion.uplift else (),
            promoted_label=t("stock.what_if.line"),
        ),
        key="forecast_chart",
        alt=t("stock.forecast.alt"),
    )
    if not positions.empty:
        sentence = demand_words.what_if_sentence(context, forecast, positions, promotion)
        st.markdown(cards.escape(sentence))
        tables.show_table(
            demand_words.replenishment_frame(positions),
            demand_words.replenishment_columns(sites),
            context,
            key="positions_table",
            describe=t("stock.positions_alt"),
        )
    st.caption(t("stock.what_if.assumptions"))
    _show_back_test(context, business)


def _choose_promotion(context: PageContext, horizon: int) -> demand_words.Promotion:
    t = context.t
    with st.container(horizontal=True, gap="medium", key="what_if"):
        uplift = st.slider(
            t("stock.what_if.uplift"), -50, 300, 0, step=10, format="%d%%", key="what_if_uplift"
        )
        first, last = st.slider(
            t("stock.what_if.days"), 1, horizon, (1, min(7, horizon)), key="what_if_days"
        )
    return demand_words.Promotion(uplift / 100, first, last)


def _show_back_test(context: PageContext, business: str) -> None:
    t = context.t
    st.subheader(t("stock.forecast.back_test"), help=t("stock.forecast.back_test_help"))
    figures = load_back_test(context.edition, business)
    if figures.empty:
        no_data(context, "stock.forecast.no_back_test")
        return
    st.markdown(cards.escape(demand_words.back_test_sentence(context, figures)))
    tables.show_table(
        demand_words.back_test_frame(context, figures),
        demand_words.BACK_TEST_COLUMNS,
        context,
        key="back_test_table",
        describe=t("stock.forecast.back_test"),
    )
    with st.expander(t("stock.forecast.folds")):
        tables.show_table(
            load_back_test_folds(context.edition, business),
            demand_words.fold_columns(context),
            context,
            key="folds_table",
            describe=t("stock.forecast.folds"),
        )
