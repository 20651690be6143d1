"""The words of the channels side by side."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd

from app_streamlit.queries.channels import COMPONENTS
from app_streamlit.queries.rates import share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.stock_words import site_label

_SHARE = "self_service_order_share"


def headline(context: PageContext, business: str, margins: pd.DataFrame) -> str:
    """Which channel brings the most margin, and which keeps the least of what it sells."""
    t = context.t
    if is_margin_hidden(margins):
        return t(
            "channels_page.without_margin",
            business=context.business_label(business),
            n=len(margins),
            count=len(margins),
        )
    best = margins.iloc[0]
    of_all = share(best["margin_amount"], sum(margins["margin_amount"], Decimal(0)))
    return t(
        "channels_page.headline",
        business=context.business_label(business),
        channel=context.channel_label(best["channel"], business),
        amount=formats.short_money(best["margin_amount"], best["currency_code"], t.language),
        rate=formats.rate(of_all),
        n=len(margins),
        count=len(margins),
    )


def is_margin_hidden(margins: pd.DataFrame) -> bool:
    """Whether the viewer's role hides what the margin is made of."""
    return bool(margins["margin_amount"].isna().any())


def thinnest(context: PageContext, business: str, figures: dict[str, dict[str, Any]]) -> str:
    """The channel with the lowest margin rate; empty where there is only one."""
    rated = {
        channel: row["contribution_margin_rate"]
        for channel, row in figures.items()
        if row.get("contribution_margin_rate") is not None
    }
    if len(rated) < 2:
        return ""
    channel = min(rated, key=lambda name: rated[name])
    return context.t(
        "channels_page.thinnest",
        channel=context.channel_label(channel, business),
        rate=formats.rate(rated[channel]),
    )


def self_service(context: PageContext, business: str, figures: dict[str, dict[str, Any]]) -> str:
    """Where customers have begun to enter orders themselves and staff enter most of the others."""
    entered = {
        channel: row[_SHARE] for channel, row in figures.items() if 0 < (row.get(_SHARE) or 0) < 1
    }
    channel = min(sorted(entered), key=lambda name: entered[name], default="")
    if not channel:
        return ""
    return context.t(
        "channels_page.self_service",
        channel=context.channel_label(channel, business),
        rate=formats.rate(entered[channel]),
    )


def side_by_side(margins: pd.DataFrame, figures: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """One row a channel: its money and its metrics; who buys on credit is no counted buyer."""
    names = (
        "buyer_count",
        "contribution_margin_rate",
        "days_sales_outstanding",
        "on_time_delivery_rate",
        "speed_index",
    )
    return pd.DataFrame(
        {
            **row,
            **{name: figures.get(row["channel"], {}).get(name) or None for name in names},
            # None of them is an answer, too.
            _SHARE: figures.get(row["channel"], {}).get(_SHARE),
        }
        for row in margins.to_dict("records")
    )


def side_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The columns of the comparison."""
    return (
        Column("channel", words=partial(context.channel_label, business=business)),
        Column("order_count", "count"),
        Column("buyer_count", "count", label="customer_count"),
        Column(_SHARE, "rate"),
        Column("gross_amount", "money", label="list_amount"),
        Column("margin_amount", "money"),
        Column("contribution_margin_rate", "rate", label="margin_rate"),
        Column("on_time_delivery_rate", "rate"),
        Column("speed_index", "rate"),
        Column(
            "days_sales_outstanding",
            words=lambda days: context.t("cash.days", count=f"{float(days):.1f}"),
        ),
        Column("currency_code", label="currency"),
    )


def waterfall(context: PageContext, margins: pd.DataFrame) -> tuple[list[str], list[Decimal]]:
    """Names and amounts of the components of the margin of some channels, zero ones left out."""
    amounts = {name: sum(margins[name], Decimal(0)) for name in COMPONENTS}
    shown = [name for name in COMPONENTS if amounts[name] or name == COMPONENTS[0]]
    return (
        [context.t(f"channels_page.components.{name}") for name in shown],
        [amounts[name] for name in shown],
    )


def violation_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The columns of price violations."""
    t = context.t
    return (
        Column("channel", words=partial(context.channel_label, business=business)),
        Column(
            "violation_type",
            words=lambda name: t.known(f"channels_page.violations.{name}", str(name)),
        ),
        Column("order_count", "count"),
        Column("sku_count", "count"),
        Column("difference_amount", "money", label="difference"),
        Column("currency_code", label="currency"),
    )


def spread_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The columns of articles whose price differs between channels."""
    channel = partial(context.channel_label, business=business)
    return (
        Column("sku"),
        Column("price_spread", "rate"),
        Column("lowest_channel", words=channel),
        Column("lowest_price", "money"),
        Column("highest_channel", words=channel),
        Column("highest_price", "money"),
        Column("currency_code", label="currency"),
    )


def oversell_columns(sites: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns of articles that several channels sold more often than there were."""
    return (
        Column("sku"),
        Column("site", words=partial(site_label, sites)),
        Column("channel_count", "count"),
        Column("oversold_quantity", "count"),
        Column("started_on", "date", label="since"),
    )
