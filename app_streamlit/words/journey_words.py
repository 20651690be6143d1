"""The words of journeys from the first contact to the money."""

from collections.abc import Sequence

import pandas as pd

from app_streamlit.queries.diagnosis import Step
from app_streamlit.queries.rates import share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column
from app_streamlit.words.funnel_words import interval_text, step_label, window_text

STEP_COLUMNS = (
    Column("step"),
    Column("reached_count", "count"),
    Column("rate", "rate"),
    Column("interval"),
    Column("skipped_count", "count"),
    Column("dropped_count", "count"),
    Column("dropped_amount", "money"),
    Column("open_count", "count"),
    Column("window"),
)


def offered(context: PageContext, funnels: Sequence[dict[str, object]]) -> dict[str, str]:
    """Business and funnel, and how the pair is called; those of the chosen business."""
    return {
        f"{row['business']}:{row['funnel']}": f"{context.business_label(str(row['business']))} · "
        f"{pick(row, 'label', context.language, str(row['funnel']))}"
        for business in context.businesses
        for row in funnels
        if row["business"] == business
    }


def headline(context: PageContext, steps: Sequence[Step]) -> str:
    """How many go all the way, and before which step most of the others stop."""
    t = context.t
    first, last = steps[0], steps[-1]
    text = t(
        "journeys.headline",
        n=first.reached,
        count=formats.count(first.reached),
        first=step_label(first, t),
        reached=formats.count(last.reached),
        last=step_label(last, t),
        part=formats.rate(share(last.reached, first.reached)),
    )
    worst = max(steps[1:], key=lambda step: step.dropped)
    if worst.dropped:
        text += t(
            "journeys.most_stop",
            step=step_label(worst, t),
            n=worst.dropped,
            count=formats.count(worst.dropped),
        )
    return text


def passed_by(context: PageContext, step: Step, rows: pd.DataFrame) -> str:
    """How many went on without a step that may be left out; nothing where nobody did."""
    skipped = int(rows.loc[rows["step_name"] == step.name, "skipped_count"].sum())
    if not skipped:
        return ""
    return context.t("journeys.went_on", n=skipped, count=formats.count(skipped))


def step_frame(context: PageContext, steps: Sequence[Step], rows: pd.DataFrame) -> pd.DataFrame:
    """The steps as a table."""
    t = context.t
    return pd.DataFrame(
        {
            "step": f"{step.number}. {step_label(step, t)}",
            "reached_count": step.reached,
            "rate": step.rate,
            "interval": interval_text(step, int(skipped)),
            "skipped_count": skipped,
            "dropped_count": step.dropped,
            "dropped_amount": step.dropped_amount,
            "open_count": step.open,
            "window": window_text(step.window_hours, t),
        }
        for step, skipped in zip(steps, rows["skipped_count"], strict=True)
    )


def times_frame(context: PageContext, times: pd.DataFrame, business: str) -> pd.DataFrame:
    """How long each step took in each channel, as a table."""
    t = context.t
    return pd.DataFrame(
        {
            "step": f"{row['step_number']}. "
            + pick({str(k): v for k, v in row.items()}, "label", t.language, row["step_name"]),
            "channel": context.channel_label(row["channel"], business),
            "reached_count": row["reached_count"],
            "half_within": formats.duration(row["seconds_p50"], t),
            "nine_in_ten_within": formats.duration(row["seconds_p90"], t),
        }
        for row in times.to_dict("records")
    )


TIME_COLUMNS = (
    Column("step"),
    Column("channel"),
    Column("reached_count", "count"),
    Column("half_within"),
    Column("nine_in_ten_within"),
)
