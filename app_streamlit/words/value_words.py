"""The words of what customers should bring, and of how well that was foretold."""

from functools import partial

import pandas as pd

from app_streamlit.queries.rates import Measure, share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.customer_words import customer_label, segment_label

_SHARES = frozenset({"purchases_bias", "purchase_ece", "best_tenth_share"})


def sentence(
    context: PageContext, segments: pd.DataFrame, best: Measure | None, total: Measure | None
) -> str:
    """What customers should bring in the days to come, and how much of it the best tenth."""
    t = context.t
    first = segments.iloc[0]
    customers = int(segments["customer_count"].sum())
    text = t(
        "customers.value.sentence",
        customers=t("units.customers", n=customers, count=formats.count(customers)),
        days=int(first["horizon_days"]),
        purchases=formats.count(round(segments["expected_purchases"].sum())),
        amount=formats.short_money(total, str(first["currency_code"]), context.language),
        best=formats.rate(share(best, total), 0),
    )
    gone = customers - float(segments["active_count"].sum())
    if round(gone):
        text += t("customers.value.gone", n=round(gone), count=formats.count(round(gone)))
    return text


def segment_columns(context: PageContext) -> tuple[Column, ...]:
    """What each segment should bring."""
    return (
        Column("rfm_segment", words=lambda name: segment_label(context, str(name))),
        Column("customer_count", "count"),
        Column("active_share", "rate"),
        Column("expected_purchases", "count"),
        Column("expected_value", "money"),
        Column("value_share", "rate"),
        Column("currency_code", label="currency"),
    )


def segment_frame(segments: pd.DataFrame) -> pd.DataFrame:
    """The segments with the share that probably still buys, and of the expected money."""
    total = segments["expected_value"].sum()
    return pd.DataFrame(
        {
            **row,
            "active_share": share(row["active_count"], int(row["customer_count"])),
            "value_share": share(row["expected_value"], total),
            "expected_purchases": round(row["expected_purchases"]),
        }
        for row in segments.to_dict("records")
    )


def customer_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The customers who should bring most."""
    return (
        Column("person_key", label="customer_key", words=customer_label),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("expected_value", "money"),
        Column("purchase_probability", "rate"),
        Column("expected_purchases", "number"),
        Column("days_since", "count", label="rfm_recency"),
        Column("bought", "count", label="purchase_days"),
        Column("mean_amount", "money"),
        Column("currency_code", label="currency"),
    )


def judged_sentence(context: PageContext, figures: pd.DataFrame) -> str:
    """Over which days the values were judged."""
    first = figures.iloc[0]
    return context.t(
        "customers.value.judged",
        days=formats.days(first["first_day"], first["last_day"], context.language),
        count=formats.count(int(first["row_count"])),
    )


def figure_frame(context: PageContext, figures: pd.DataFrame) -> pd.DataFrame:
    """Each figure in its own unit, beside what needs no model."""
    t = context.t

    def shown(metric: str, value: float) -> str:
        return formats.rate(value) if metric in _SHARES else f"{value:.3f}"

    rows = []
    for row in figures.to_dict("records"):
        text = partial(shown, str(row["metric"]))
        rows.append(
            {
                "figure": t.known(f"model_figures.{row['metric']}", str(row["metric"])),
                "value": text(float(row["value"])),
                "baseline": t.known(f"baselines.{row['baseline_name']}", str(row["baseline_name"])),
                "baseline_value": text(float(row["baseline_value"])),
            }
        )
    return pd.DataFrame(rows)


FIGURE_COLUMNS = (
    Column("figure", "long"),
    Column("value", label="measured"),
    Column("baseline"),
    Column("baseline_value"),
)
