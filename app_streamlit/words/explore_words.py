"""The explore page's choices as a question, and its answer in the reader's words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from app_streamlit.queries.explore import Answer, load_dimensions
from app_streamlit.queries.metrics import described, open_layer
from app_streamlit.ui import formats
from app_streamlit.ui.context import Choices, PageContext
from app_streamlit.ui.tables import Column, Kind
from app_streamlit.words import metric_words
from orchestration.metrics import questions
from orchestration.metrics.layer import CURRENCY_CODE
from orchestration.metrics.names import GRAINS
from orchestration.metrics.questions import Question, chosen_days
from orchestration.metrics.scopes import CUSTOM, DEFAULT_PERIOD, PERIODS

Chart = Literal["line", "bar", "heat", "figure", "table"]
NO_GRAIN = "none"
GRAIN_CHOICES = (NO_GRAIN, *GRAINS)
# What a saved view keeps of an address; language and "as of" belong to who opens it.
KEPT = ("metric", "by", "grain", "chart", "filter", "business", "channel", "period", "from", "to")
_VALUE_WORDS = {
    "entry_path": "entry_path",
    "order_status": "order_status",
    "refund_status": "refund_status",
    "shipment_status": "shipment_status",
    "entity": "entities",
    "quality_check": "quality.checks",
    "quality_dimension": "columns",
    "question_code": "satisfaction.questions",
    "respondent_kind": "satisfaction.respondents",
    "delivery": "satisfaction.deliveries",
}
_FLAGS = ("is_product", "is_weakest")
_KINDS: dict[str, Kind] = {"currency": "money", "share": "rate", "seconds": "text"}
_WHOLE = frozenset(
    {
        "orders", "customers", "records", "visits", "parcels", "inquiries", "lines", "refunds",
        "invoices", "page_views", "payments", "entries", "articles", "visitors",
        "answers",
    }
)  # fmt: skip


def question_of(context: PageContext, choices: Mapping[str, str]) -> Question:
    """What an address asks; what does not exist (any more) is left out."""
    layer = open_layer()
    return questions.question_of(
        choices,
        known=layer.catalogue.metrics if layer else (),
        words=lambda metrics: {one.word for one in load_dimensions(metrics)},
        scopes=tuple(context.scope(business) for business in context.businesses),
    )


def scoped(context: PageContext, choices: Mapping[str, str]) -> PageContext:
    """The context with the business, channel and days that a saved view was kept with."""
    business = choices.get("business", "")
    channel = choices.get("channel", "")
    period = choices.get("period", DEFAULT_PERIOD)
    own = Choices(
        business=business if business in context.bounds else None,
        channel=channel if channel in {one.channel for one in context.channels} else None,
        period=period if period in PERIODS else DEFAULT_PERIOD,
        custom=chosen_days(choices) if period == CUSTOM else None,
    )
    return replace(context, choices=own)


def charts_for(question: Question) -> list[Chart]:
    """The charts that can show the answer, the one that suits it best first."""
    width = len(question.by) + (question.grain is not None)
    if question.grain is not None:
        return ["line", "bar", *(("heat",) if width > 1 else ()), "figure", "table"]
    if question.by:
        return ["bar", *(("heat",) if width > 1 else ()), "figure", "table"]
    return ["figure", "table"]


def dimension_label(word: str, context: PageContext) -> str:
    """The name of a dimension in the reader's language, with what it belongs to where needed."""
    t = context.t
    parts = word.split("__")
    if parts[-1] in GRAINS:
        parts.pop()
    if not parts:
        return t(f"explore.grains.{word}")
    label = t.known(f"dimensions.{parts[-1]}", parts[-1])
    if len(parts) == 1:
        return label
    return f"{label} · {t.known('dimension_owners.' + '__'.join(parts[:-1]), parts[-2])}"


def value_label(word: str, value: Any, context: PageContext) -> str:
    """A value of a dimension in the reader's words."""
    t = context.t
    last = [part for part in word.split("__") if part not in GRAINS]
    name = last[-1] if last else word
    if value is None or value == "":
        return t("explore.no_value")
    if isinstance(value, date):
        return _period(value, word, context)
    if isinstance(value, bool):
        value = str(value).lower()
    own: dict[str, Callable[[str], str]] = {
        "channel": context.channel_label,
        "business": context.business_label,
        "source": context.source_label,
    }
    if name in _FLAGS:
        return t("explore.yes" if value == "true" else "explore.no")
    if name in _VALUE_WORDS:
        return t.known(f"{_VALUE_WORDS[name]}.{value}", str(value))
    return own[name](str(value)) if name in own else str(value)


def figure(
    name: str, value: Any, currency: str, context: PageContext, *, short: bool = False
) -> str:
    """A figure of a metric with its unit."""
    t = context.t
    if value is None or value != value:  # noqa: PLR0124 (a missing number is not itself)
        return formats.EMPTY
    metric = described(name, context.settings)
    unit = metric.unit if metric else ""
    if unit == "currency":
        amount = Decimal(str(value))
        return (
            formats.short_money(amount, currency, t.language)
            if short
            else formats.money(amount, currency)
        )
    if unit == "share":
        return formats.rate(float(value))
    if unit == "seconds":
        return formats.duration(value, t)
    if unit not in _WHOLE and Decimal(str(value)) != int(value):
        return f"{value:,.2f}"
    return formats.short(value, t.language) if short else formats.count(value)


def answer_columns(answer: Answer, context: PageContext) -> list[Column]:
    """The columns of the table."""
    columns = [
        Column(name, header=context.t("columns.currency"))
        if name == CURRENCY_CODE
        else Column(name, "date", header=dimension_label(name, context))
        if name in GRAINS
        else Column(
            name,
            header=dimension_label(name, context),
            words=lambda value, name=name: value_label(name, value, context),  # type: ignore[misc]
        )
        for name in answer.groups
    ]
    for name in answer.metrics:
        metric = described(name, context.settings)
        unit = metric.unit if metric else ""
        kind: Kind = _KINDS.get(unit, "count" if unit in _WHOLE else "number")
        words = None
        if unit == "seconds":
            words = lambda value: formats.duration(value, context.t)  # noqa: E731
        columns.append(Column(name, kind, header=metric_words.label(name, context.t), words=words))
    return columns


def headline(context: PageContext, question: Question, total: Answer, answer: Answer) -> str:
    """What the first metric is altogether, and which group has the most."""
    t = context.t
    name = question.metrics[0]
    whole = " + ".join(
        figure(name, row[name], str(row.get(CURRENCY_CODE, "")), context, short=True)
        for row in total.rows
    )
    text = t(
        "explore.headline",
        metric=metric_words.label(name, t),
        value=whole or formats.EMPTY,
        days=days_text(context),
    )
    having = [row for row in answer.rows if row[name] is not None]
    groups = [one for one in answer.groups if one != CURRENCY_CODE]
    if len(having) > 1 and groups and len({row.get(CURRENCY_CODE) for row in having}) == 1:
        most = max(having, key=lambda row: row[name])
        text += t(
            "explore.most",
            group=group_label(most, groups, context),
            value=figure(name, most[name], str(most.get(CURRENCY_CODE, "")), context, short=True),
        )
    return text + t("punctuation.stop")


def group_label(row: Mapping[str, Any], groups: Sequence[str], context: PageContext) -> str:
    """A group by the values of its dimensions."""
    return " · ".join(value_label(name, row[name], context) for name in groups)


def days_text(context: PageContext) -> str:
    """The days shown; of several businesses, those of the first."""
    if not context.businesses:
        return ""
    scope = context.scope(context.businesses[0])
    return formats.days(scope.start, scope.end, context.language)


def notes(context: PageContext, answer: Answer) -> list[str]:
    """What a reader must know besides: filters that don't apply, businesses with other days."""
    t = context.t
    said = [t(f"explore.ignored.{one}") for one in answer.asked.ignored if _is_chosen(one, context)]
    spans = {(s.start, s.end) for s in map(context.scope, context.businesses)}
    if len(spans) > 1 and "business" not in answer.asked.ignored:
        said.append(t("explore.own_days", count=len(context.businesses)))
    if answer.is_cut:
        said.append(t("explore.cut", count=formats.count(len(answer.rows))))
    return said


def _is_chosen(filtered: str, context: PageContext) -> bool:
    chosen = context.choices.channel if filtered == "channel" else context.choices.business
    return chosen is not None


def _period(value: date, word: str, context: PageContext) -> str:
    """The period that begins on a day, as short as its grain allows."""
    grain = word.rsplit("__", 1)[-1]
    if grain == "year":
        return f"{value.year}"
    if grain == "quarter":
        return f"{value.year} Q{(value.month + 2) // 3}"
    if grain == "month":
        return f"{value.year}-{value.month:02}"
    return formats.day(value, context.language, year=grain != "week")
