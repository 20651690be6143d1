"""The views of the parcels page."""

import pandas as pd
import streamlit as st

from app_streamlit.blocks import bulk_blocks
from app_streamlit.charts.parcels import hour_bars
from app_streamlit.charts.stock import daily_lines
from app_streamlit.queries.answerable import load_answerable
from app_streamlit.queries.parcels import (
    CUTS,
    LISTED,
    load_comparison,
    load_costs,
    load_hours,
    load_lanes,
    load_predicted_late,
    load_queue,
    load_staffing,
)
from app_streamlit.queries.risk import load_list_days
from app_streamlit.ui import acts, address, cards, formats, tables
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.states import no_data
from app_streamlit.words import parcel_words, staffing_words
from app_streamlit.words.parcel_words import Carriers
from app_streamlit.words.stock_words import site_label


def show_late(
    context: PageContext,
    business: str,
    late: pd.DataFrame,
    carriers: Carriers,
    sites: dict[str, str],
) -> None:
    """Parcels that somebody should ask for."""
    t = context.t
    if late.empty:
        no_data(context, "parcels.none_late")
        return
    tables.show_table(
        parcel_words.late_frame(context, late),
        parcel_words.late_columns(context, carriers, sites, business),
        context,
        key="late_table",
        describe=t("parcels.late_alt"),
        height=480,
    )
    st.caption(t("parcels.late_how", count=formats.count(LISTED)))
    _offer_bulk(context, late, ("parcel_performance_key",), key="bulk_parcels")


def show_predicted(
    context: PageContext, business: str, carriers: Carriers, sites: dict[str, str]
) -> None:
    """Parcels under way that will probably be late, and what such lists were worth."""
    t = context.t
    predicted = load_predicted_late(context.edition, business, context.choices.channel)
    days = load_list_days(context.edition, business, "late_delivery")
    if predicted.empty and days.empty:
        no_data(context, "parcels.not_predicted")
        return
    if predicted.empty:
        no_data(context, "parcels.none_under_way")
    else:
        st.markdown(cards.escape(parcel_words.predicted_sentence(context, predicted, days)))
        tables.show_table(
            parcel_words.predicted_frame(context, predicted),
            parcel_words.predicted_columns(context, carriers, sites, business),
            context,
            key="predicted_table",
            describe=t("parcels.predicted_alt"),
            height=480,
        )
        st.caption(t("parcels.predicted_how", count=formats.count(LISTED)))
    if not days.empty:
        st.subheader(t("parcels.list_days"))
        tables.show_table(
            parcel_words.list_day_frame(days),
            parcel_words.LIST_DAY_COLUMNS,
            context,
            key="list_days_table",
            describe=t("parcels.list_days"),
        )
        st.caption(t("parcels.list_days_how", threshold=formats.rate(days["threshold"].iloc[0])))
    if not predicted.empty:
        _offer_bulk(context, predicted, ("order_key", "parcel_no"), key="bulk_predicted")


def _offer_bulk(
    context: PageContext, listed: pd.DataFrame, subject: tuple[str, ...], *, key: str
) -> None:
    """Answer in one go what is decided about listed parcels; these columns tell which those are."""
    acts.tell()
    keys = set(listed[list(subject)].itertuples(index=False, name=None))
    about = [
        one
        for one in load_answerable(context.edition.home)
        if tuple(dict(one.subject).get(name) for name in subject) in keys
    ]
    bulk_blocks.offer_bulk(context, about, key=key)


def show_carriers(context: PageContext, business: str, carriers: Carriers) -> None:
    """Carriers on the same parcels, and by lane."""
    t = context.t
    scope = context.scope(business)
    compared = parcel_words.comparison_frame(context, load_comparison(context.edition, scope))
    if compared.empty:
        no_data(context)
        return
    st.markdown(cards.escape(parcel_words.best_sentence(context, carriers, compared)))
    tables.show_table(
        compared,
        parcel_words.comparison_columns(context, carriers),
        context,
        key="carriers_table",
        describe=t("parcels.carriers_alt"),
    )
    st.caption(t("parcels.carriers_how"))
    st.subheader(t("parcels.lanes"))
    tables.show_table(
        parcel_words.lane_frame(context, load_lanes(context.edition, scope)),
        parcel_words.lane_columns(context, carriers),
        context,
        key="lanes_table",
        describe=t("parcels.lanes_alt"),
        height=420,
    )


def show_costs(
    context: PageContext, business: str, carriers: Carriers, sites: dict[str, str]
) -> None:
    """What an order costs and emits, by carrier, site or channel."""
    t = context.t
    cut = address.choice(
        "cut",
        CUTS,
        CUTS[0],
        lambda key: st.pills(
            t("parcels.by"),
            CUTS,
            format_func=lambda name: t(f"columns.{name}"),
            key=key,
            required=True,
            label_visibility="collapsed",
        ),
        variant=t.language,
    )
    chosen = next(known for known in CUTS if known == cut)
    costs = load_costs(context.edition, context.scope(business), chosen)
    if costs.empty:
        no_data(context)
        return
    names = {
        str(part): parcel_words.part_label(
            context, chosen, part, carriers=carriers, sites=sites, business=business
        )
        for part in costs["part"]
    }
    st.markdown(cards.escape(parcel_words.cost_sentence(context, costs, names)))
    tables.show_table(
        costs.assign(**{parcel_words.PART: [names[str(part)] for part in costs["part"]]}),
        parcel_words.cost_columns(chosen),
        context,
        key="costs_table",
        describe=t("parcels.costs_alt"),
    )
    st.caption(t("parcels.costs_how"))


def show_warehouses(context: PageContext, business: str, sites: dict[str, str]) -> None:
    """When orders leave each site, and what waits at the end of a day."""
    t = context.t
    scope = context.scope(business)
    _show_staffing(context, business, sites)
    hours, queue = load_hours(context.edition, scope), load_queue(context.edition, scope)
    if hours.empty and queue.empty:
        no_data(context)
        return
    if not queue.empty:
        st.markdown(cards.escape(parcel_words.queue_sentence(context, sites, queue)))
    if not hours.empty:
        st.subheader(t("parcels.hours"))
        cards.plot(
            hour_bars(
                hours,
                site_label=lambda site: site_label(sites, site),
                hour_title=t("parcels.hour"),
            ),
            key="hours_chart",
            alt=t("parcels.hours"),
        )
        waited = hours.assign(waited=[formats.duration(s, t) for s in hours["waited_seconds"]])
        with st.expander(t("parcels.hours_table")):
            tables.show_table(
                waited,
                (
                    tables.Column("site", words=lambda site: site_label(sites, site)),
                    tables.Column("hour_of_day", "count"),
                    tables.Column("shipped_order_count", "count"),
                    tables.Column("shipped_unit_count", "count"),
                    tables.Column("waited"),
                ),
                context,
                key="hours_table",
                describe=t("parcels.hours_table"),
                height=320,
            )
    if not queue.empty:
        st.subheader(t("parcels.waiting"))
        cards.plot(
            daily_lines(
                queue, "over_limit_order_count", "site", label=lambda site: site_label(sites, site)
            ),
            key="queue_chart",
            alt=t("parcels.waiting"),
        )


def _show_staffing(context: PageContext, business: str, sites: dict[str, str]) -> None:
    """What the days to come will bring to each site, and whether its shifts can pick it."""
    t = context.t
    days = load_staffing(context.edition, business)
    if not days:
        return
    st.subheader(t("staffing.title"))
    st.markdown(cards.escape(staffing_words.sentence(context, sites, days)))
    tables.show_table(
        staffing_words.day_frame(context, days),
        staffing_words.day_columns(sites, days),
        context,
        key="staffing_table",
        describe=t("staffing.table_alt"),
        height=320,
    )
    st.caption(t("staffing.how_to_read"))
