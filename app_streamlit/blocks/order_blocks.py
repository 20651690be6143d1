"""The words and choices of the order list."""

from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.queries.funnel import load_funnels, load_step_labels
from app_streamlit.queries.orders import OUTCOMES, Outcome, Selection, load_order_funnels
from app_streamlit.queries.provenance import load_provenance
from app_streamlit.ui import address, cards, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.states import no_data
from app_streamlit.ui.tables import Column
from app_streamlit.words import provenance_words


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
