"""The words and choices of the order list."""

from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_streamlit.queries.funnel import load_funnels, load_step_labels
from app_streamlit.queries.order_search import FOUND_SHOWN, find_orders
from app_streamlit.queries.orders import (
    EXPORT_LIMIT,
    OUTCOMES,
    PAGE_SIZE,
    Outcome,
    Selection,
    count_orders,
    load_order_funnels,
    load_orders,
)
from app_streamlit.queries.provenance import load_provenance
from app_streamlit.ui import address, cards, downloads, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.states import no_data
from app_streamlit.ui.tables import Column
from app_streamlit.words import provenance_words
from connectors.lake.tokens import phone_token
from connectors.settings import load_settings


def target_funnel(context: PageContext) -> tuple[str, str] | None:
    """Business and funnel that the address names, else the first of the chosen business."""
    # Who sees some regions only has no daily funnel, but orders.
    funnels = load_funnels(context.edition) or load_order_funnels(context.edition)
    business, _, funnel = address.get("funnel").partition(":")
    if funnel in funnels.get(business, []) and business in context.businesses:
        return business, funnel
    for name in context.businesses:
        if funnels.get(name):
            return name, funnels[name][0]
    return None


def step_labels(context: PageContext, funnel: str) -> dict[int, str]:
    """Number and name of the steps of a funnel."""
    return {
        int(str(row["step_number"])): pick(
            row, "label", context.language, fallback=str(row["step_name"])
        )
        for row in load_step_labels(context.edition, funnel)
        if row["step_kind"] == "step"
    }


def steps_for(outcome: str, labels: dict[int, str]) -> list[str]:
    """The steps that an outcome can be asked for: nothing drops before the first one."""
    return [str(number) for number in labels if number > 1 or outcome == "reached"]


def as_outcome(text: str) -> Outcome:
    """A choice of the address as an outcome."""
    return next((outcome for outcome in OUTCOMES if outcome == text), "any")


def search_box(context: PageContext) -> str:
    """Part of an order number, kept in the address."""
    key = "order_widget"
    if key not in st.session_state or st.session_state.get("_order_last") != address.get("order"):
        st.session_state[key] = address.get("order")
    text = st.text_input(
        context.t("orders.search"),
        key=key,
        placeholder=context.t("orders.search_hint"),
        icon=":material/search:",
        width=240,
    ).strip()
    address.put(order=text)
    st.session_state["_order_last"] = text
    return text


def show_list(
    context: PageContext, business: str, funnel: str, first_line: DeltaGenerator
) -> pd.DataFrame:
    """The orders of the period by what became of them; gives those that are shown."""
    t = context.t
    scope = context.scope(business)
    labels = step_labels(context, funnel)
    with st.container(horizontal=True, vertical_alignment="bottom", key="order_filters"):
        outcome = address.choice(
            "outcome",
            OUTCOMES,
            "any",
            lambda key: st.selectbox(
                t("orders.outcome"),
                OUTCOMES,
                format_func=lambda name: t(f"orders.outcomes.{name}"),
                key=key,
                width=240,
            ),
            variant=t.language,
        )
        step = ""
        if outcome != "any":
            later = steps_for(outcome, labels)
            step = address.choice(
                "step",
                later,
                later[0],
                lambda key: st.selectbox(
                    t("orders.step"),
                    later,
                    format_func=lambda number: labels[int(number)],
                    key=key,
                    width=240,
                ),
                variant=f"{t.language}_{funnel}_{outcome}",
            )
        order_no = search_box(context)

    selection = Selection(
        scope=scope,
        funnel=funnel,
        step_number=int(step) if step else None,
        outcome=as_outcome(outcome),
        order_no=order_no,
    )
    number, amount, currency = count_orders(context.edition, selection)
    first_line.markdown(
        cards.as_headline(
            headline(context, selection, labels, number=number, amount=amount, currency=currency)
        )
    )
    st.caption(
        t(
            "orders.range",
            business=context.business_label(business),
            days=formats.days(scope.start, scope.end, t.language),
        )
    )
    orders = load_orders(context.edition, selection)
    if number == 0:
        no_data(context)
        return orders
    shown = columns(context, business, funnel)
    tables.show_table(
        orders,
        shown,
        context,
        key="orders_table",
        describe=t("orders.table_alt"),
        height=420,
    )
    with st.container(horizontal=True, vertical_alignment="center", key="order_download"):
        downloads.offer(
            lambda: load_orders(context.edition, selection, EXPORT_LIMIT),
            shown,
            context,
            name=f"fourflow-orders-{context.publication.publication_id}",
            key="orders_file",
        )
        if number > PAGE_SIZE:
            st.caption(t("orders.first_shown", count=formats.count(PAGE_SIZE)))
    return orders


def find_box(context: PageContext) -> str:
    """Any number that an order may be known by; not in the address, as it may be a phone's."""
    t = context.t
    return st.text_input(
        t("orders.find"),
        key="order_find",
        placeholder=t("orders.find_hint"),
        icon=":material/search:",
        width=480,
    ).strip()


def show_found(context: PageContext, words: str, first_line: DeltaGenerator) -> pd.DataFrame:
    """The orders that a number belongs to, of all days; gives them."""
    t = context.t
    found = find_orders(context.edition, words, phone_token(load_settings(), words))
    if found.empty:
        first_line.markdown(cards.as_headline(t("orders.nothing_found", words=words)))
        st.caption(t("orders.not_found"))
        return found
    text = t("orders.found", n=len(found), count=formats.count(len(found)), words=words)
    if len(found) >= FOUND_SHOWN:
        text = t("orders.found_many", count=formats.count(FOUND_SHOWN), words=words)
    first_line.markdown(cards.as_headline(text))
    tables.show_table(
        found, found_columns(context), context, key="found_table", describe=t("orders.found_alt")
    )
    return found


def found_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the orders that were found."""
    t = context.t
    return (
        Column("order_no"),
        Column("found_by", words=lambda name: t(f"orders.found_by.{name}")),
        Column("channel", words=lambda name: context.channel_label(str(name))),
        Column("order_type", words=lambda name: t.known(f"lag.documents.{name}", str(name))),
        Column("order_status", words=lambda name: t.known(f"order_status.{name}", str(name))),
        Column("refund_status", words=lambda name: t.known(f"refund_status.{name}", str(name))),
        Column("created_at", "time"),
        Column("gross_amount", "money"),
        Column("currency_code", label="currency"),
    )


def headline(
    context: PageContext,
    selection: Selection,
    labels: dict[int, str],
    *,
    number: int,
    amount: Decimal | None,
    currency: str,
) -> str:
    """How many orders the list has, what became of them, and what they are worth."""
    t = context.t
    step = labels.get(selection.step_number or 0, "")
    orders = t("units.orders", n=number, count=formats.count(number))
    text = t(f"orders.headline.{selection.outcome}", orders=orders, step=step)
    if amount is not None:
        text += t("orders.worth", amount=formats.short_money(amount, currency, context.language))
    return text + t("punctuation.stop")


def columns(context: PageContext, business: str, funnel: str) -> tuple[Column, ...]:
    """The columns of the list."""
    t = context.t
    names = {
        str(row["step_name"]): pick(row, "label", context.language, str(row["step_name"]))
        for row in load_step_labels(context.edition, funnel)
    }
    return (
        Column("order_no"),
        Column("gross_amount", "money"),
        Column("last_step_name", words=lambda name: names.get(str(name), str(name))),
        Column("next_outcome", words=lambda name: t.known(f"next_outcome.{name}", str(name))),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("created_at", "time"),
        Column("order_status", words=lambda name: t.known(f"order_status.{name}", str(name))),
        Column("refund_status", words=lambda name: t.known(f"refund_status.{name}", str(name))),
        Column("net_paid_amount", "money"),
        Column("currency_code", label="currency"),
    )


def chosen_order(context: PageContext, orders: pd.DataFrame) -> dict[str, Any] | None:
    """The order whose life is shown: the chosen one of the list, or the only one in it."""
    known = {str(row["order_key"]): row for row in orders.to_dict("records")}
    if len(known) == 1:
        return _named(next(iter(known.values())))
    nothing = ""
    chosen = address.choice(
        "open",
        [nothing, *known],
        nothing,
        lambda key: st.selectbox(
            context.t("life.choose"),
            [nothing, *known],
            format_func=lambda name: (
                str(known[name]["order_no"]) if name in known else context.t("life.none")
            ),
            key=key,
            width=360,
        ),
        variant=f"{context.language}_{len(known)}",
    )
    return _named(known[chosen]) if chosen in known else None


def _named(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def show_provenance(context: PageContext, order: dict[str, Any]) -> None:
    """Which record told each value of an order, and what it was before; asked when it is opened."""
    t = context.t
    if not st.toggle(t("provenance.show"), key=f"provenance_{t.language}"):
        return
    told = load_provenance(context.edition, order["order_key"])
    if told is None or not told.fields:
        no_data(context, "provenance.nothing")
        return
    st.markdown(cards.escape(provenance_words.headline(context, told)))
    tables.show_table(
        provenance_words.frame(context, told.fields),
        provenance_words.COLUMNS,
        context,
        key="provenance_table",
        describe=t("provenance.alt"),
        height=420,
    )
