"""The words of the funnel: names of steps, the diagnosis, the table and what a click meant."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from app_streamlit.charts.palette import ICONS
from app_streamlit.queries.diagnosis import Gap, Step
from app_streamlit.queries.rates import share, wilson_interval
from app_streamlit.ui import formats
from app_streamlit.ui.cards import escape
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import Translator, pick
from app_streamlit.ui.tables import Column
from orchestration.metrics.scopes import Scope

STEP_COLUMNS = (
    Column("step"),
    Column("state"),
    Column("reached_count", "count"),
    Column("rate", "rate"),
    Column("interval"),
    Column("dropped_count", "count"),
    Column("dropped_amount", "money"),
    Column("open_count", "count"),
    Column("green_from", "rate"),
    Column("amber_from", "rate"),
    Column("window"),
)


def step_label(step: Step, t: Translator) -> str:
    """The name of a step in the reader's language."""
    labels = {"label_en": step.label_en, "label_zh": step.label_zh}
    return pick(labels, "label", t.language, fallback=step.name)


def funnel_label(context: PageContext, business: str, funnel: str) -> str:
    """A funnel named by its business, which has one as a rule."""
    name = context.t.known(f"funnels.{funnel}", funnel)
    return f"{context.business_label(business)} · {name}"


def diagnosis(
    context: PageContext,
    scope: Scope,
    worst: Step | None,
    *,
    steps: Sequence[Step],
    by_channel: pd.DataFrame | None,
    earlier: Sequence[Step],
) -> str:
    """One or two sentences: the step to look at, how many orders and how much money, and where."""
    t = context.t
    if worst is None:
        return t("funnel.nothing_lost", count=formats.count(steps[0].reached if steps else 0))
    key = "funnel.all_green" if worst.missing_orders == 0 else f"funnel.worst.{worst.grade}"
    text = t(
        key,
        step=step_label(worst, t),
        rate=formats.rate(worst.rate),
        green=formats.rate(worst.green_from, 0),
    )
    previous = next((step for step in earlier if step.name == worst.name), None)
    if previous is not None and previous.rate is not None and previous.entered > 0:
        text += t(
            "funnel.before",
            n=scope.day_count,
            count=scope.day_count,
            rate=formats.rate(previous.rate),
        )
    text += t(
        "funnel.lost" if worst.dropped_amount is not None else "funnel.lost_orders",
        n=worst.dropped,
        count=formats.count(worst.dropped),
        amount=formats.short_money(worst.dropped_amount, worst.currency_code, t.language),
    )
    if by_channel is not None and len(by_channel) > 1 and worst.dropped:
        first = by_channel.iloc[0]
        text += t(
            "funnel.most_of_it",
            rate=formats.rate(share(int(first["dropped_count"]), worst.dropped), 0),
            channel=context.channel_label(str(first["channel"]), scope.business),
        )
    return text + t("punctuation.stop")


def deviation(context: PageContext, scope: Scope, gap: Gap, steps: Sequence[Step]) -> str:
    """One sentence: which step is how far from usual, how many orders and how much money it lacks.

    It ends with the channel that explains most of it.
    """
    t = context.t
    step = next(step for step in steps if step.number == gap.step_number)
    missing = round(-gap.orders)
    text = t(
        f"funnel.deviation.{gap.grade}",
        step=step_label(step, t),
        rate=formats.rate(gap.rate),
        usual=formats.rate(gap.usual_rate),
    )
    text += t(
        "funnel.lacking" if gap.amount is not None else "funnel.lacking_orders",
        n=missing,
        count=formats.count(missing),
        amount=formats.short_money(
            None if gap.amount is None else -gap.amount, gap.currency_code, t.language
        ),
    )
    leading = gap.leading
    if leading is not None and len(gap.parts) > 1:
        part = share(leading.orders, gap.orders) or 0.0
        text += t(
            "funnel.explained_by" if part <= 1 else "funnel.more_than_explained_by",
            rate=formats.rate(part, 0),
            channel=context.channel_label(leading.channel, scope.business),
        )
    return text + t("punctuation.stop")


def state_text(step: Step, t: Translator) -> str:
    """The grade of a step as icon and word."""
    return f"{ICONS[step.grade]} {t(f'funnel.grades.{step.grade}')}"


def step_frame(context: PageContext, steps: Sequence[Step]) -> pd.DataFrame:
    """The steps as a table."""
    t = context.t
    return pd.DataFrame(
        {
            "step": f"{step.number}. {step_label(step, t)}",
            "state": state_text(step, t),
            "reached_count": step.reached,
            "rate": step.rate,
            "interval": interval_text(step),
            "dropped_count": step.dropped,
            "dropped_amount": step.dropped_amount,
            "open_count": step.open,
            "green_from": step.green_from,
            "amber_from": step.amber_from,
            "window": window_text(step.window_hours, t),
        }
        for step in steps
    )


def interval_text(step: Step, skipped: int = 0) -> str:
    """Between which shares the conversion of a step lies when chance is allowed for."""
    if step.is_first or step.rate is None:
        return formats.EMPTY
    ends = wilson_interval(step.reached, step.reached + skipped + step.dropped)
    return formats.EMPTY if ends is None else f"{formats.rate(ends[0])}–{formats.rate(ends[1])}"


def window_text(hours: float | None, t: Translator) -> str:
    """How long an order has for a step."""
    if not hours:
        return formats.EMPTY
    if hours % 24 == 0:
        return t("units.days", n=int(hours // 24), count=int(hours // 24))
    return t("units.hours", n=int(hours), count=f"{hours:g}")


def outcome_sentence(context: PageContext, outcome: Step, steps: Sequence[Step]) -> str:
    """What else became of the orders, such as those with a return."""
    t = context.t
    return t(
        "funnel.outcome" if outcome.reached_amount is not None else "funnel.outcome_orders",
        name=escape(step_label(outcome, t)),
        count=formats.count(outcome.reached),
        rate=formats.rate(share(outcome.reached, steps[0].reached)),
        amount=escape(
            formats.short_money(outcome.reached_amount, outcome.currency_code, t.language)
        ),
    )


def alt(context: PageContext, steps: Sequence[Step]) -> str:
    """The chart in words."""
    t = context.t
    parts = [
        t(
            "funnel.alt_step",
            step=step_label(step, t),
            count=formats.count(step.reached),
            state=t(f"funnel.grades.{step.grade}"),
        )
        for step in steps
    ]
    return t("punctuation.list").join(parts)


def clicked_part(event: Any) -> tuple[int, str] | None:
    """Step number and part of the bar that was clicked, if any."""
    points = event["selection"]["points"] if event else []
    for point in points:
        data = point.get("customdata")
        if data:
            return int(data[0]), str(data[1])
    return None
