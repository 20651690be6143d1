"""The words of satisfaction: how many are satisfied, how sure that is, what late parcels cost."""

from datetime import date

import pandas as pd

from app_streamlit.charts.satisfaction import Reading
from app_streamlit.queries.rates import FEWEST, Interval, share_difference
from app_streamlit.queries.satisfaction import (
    RECOMMENDATION,
    UNMAPPED,
    Tally,
    groups,
    main_question,
    tally,
)
from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import readable
from app_streamlit.ui.tables import Column
from app_streamlit.words import metric_words

_ASKED = ("customer", "partner", "not_told", "unknown")
_DELIVERIES = ("on_time", "late", "not_known")


def respondent_label(context: PageContext, kind: str) -> str:
    """Who answered, in the reader's words."""
    return context.t(f"satisfaction.respondents.{kind}")


def question_label(context: PageContext, code: str) -> str:
    """What was asked about, in the reader's words."""
    return context.t(f"satisfaction.questions.{code}")


def questions(answers: pd.DataFrame) -> list[str]:
    """The questions that have a measure, the one that most have answered first."""
    main = main_question(answers)
    others = sorted(set(answers["question_code"]) - {UNMAPPED, RECOMMENDATION, main})
    scored = [code for code in others if tally(answers, question_code=code).rated]
    asked = [RECOMMENDATION] if tally(answers).recommending else []
    return [*([main] if main else []), *scored, *asked]


def headline(context: PageContext, business: str, answers: pd.DataFrame) -> str:
    """How satisfied customers and partners are, and what a late parcel costs."""
    t = context.t
    parts = [_part(context, kind, said) for kind, said in _by_kind(answers) if said.answers]
    text = t(
        "satisfaction.headline",
        business=context.business_label(business),
        parts=t("satisfaction.joined").join(parts),
    )
    return text + _late_sentence(context, *_by_delivery(answers))


def tiles(context: PageContext, answers: pd.DataFrame) -> list[Tile]:
    """Satisfaction and recommending of each kind of respondent, and what late parcels cost."""
    t = context.t
    shown = []
    for kind, said in _by_kind(answers):
        who = respondent_label(context, kind)
        if said.rated:
            shown.append(
                _tile(
                    context,
                    f"{metric_words.label('satisfaction_rate', t)} · {who}",
                    formats.rate(said.satisfaction),
                    metric_words.meaning("satisfaction_rate", t),
                    (_rates(context, said), said.rated),
                )
            )
        if said.recommending:
            shown.append(
                _tile(
                    context,
                    f"{t('satisfaction.nps')} · {who}",
                    _points(said.net_promoter_score),
                    metric_words.meaning("net_promoter_score", t),
                    (_point_range(context, said.net_promoter_interval), said.recommending),
                )
            )
    on_time, late = _by_delivery(answers)
    difference = _difference(on_time, late)
    if difference is not None:
        cost, interval = difference
        shown.append(
            _tile(
                context,
                t("satisfaction.late_tile"),
                t("satisfaction.points", points=_points(cost)),
                t("satisfaction.late_tile_help"),
                (_point_range(context, interval), min(late.rated, on_time.rated)),
            )
        )
    return shown


def _tile(
    context: PageContext, label: str, value: str, definition: str, sureness: tuple[str, int]
) -> Tile:
    """A figure with its interval and number of answers below; no figure of too few answers."""
    between, number = sureness
    is_few = number < FEWEST
    few = context.t("satisfaction.only", n=number, count=formats.count(number))
    return Tile(
        label,
        formats.EMPTY if is_few else value,
        definition,
        target=few if is_few else f"{between} · {_count(context, number)}",
    )


def readings(context: PageContext, answers: pd.DataFrame, question: str) -> list[Reading]:
    """The months of a question for the chart, one reading a month and kind of respondent."""
    asked = answers[answers["question_code"] == question]
    found = []
    for group, said in groups(asked, ["respondent_kind", "answered_month"]):
        recommends = question == RECOMMENDATION
        value = said.net_promoter_score if recommends else said.satisfaction
        interval = said.net_promoter_interval if recommends else said.satisfaction_interval
        if value is None:
            continue
        scale = 1.0 if recommends else 100.0
        found.append(
            Reading(
                series=respondent_label(context, group["respondent_kind"]),
                month=_month(group["answered_month"]),
                value=value * scale,
                low=interval[0] * scale if interval else None,
                high=interval[1] * scale if interval else None,
                is_few=said.is_few,
                said=_figure(context, said) + " · " + _count(context, said.answers),
            )
        )
    return found


def group_frame(context: PageContext, answers: pd.DataFrame) -> pd.DataFrame:
    """One row a survey, question, kind of respondent and delivery."""
    rows = [
        {
            **group,
            "answer_count": said.answers,
            "survey_result": _figure(context, said),
            "survey_interval": _figure_range(context, said),
            "unscored_count": said.unscored,
        }
        for group, said in groups(
            answers, ["survey", "question_code", "respondent_kind", "delivery"]
        )
    ]
    asked = questions(answers)
    rows.sort(
        key=lambda row: (
            row["survey"],
            asked.index(row["question_code"]) if row["question_code"] in asked else len(asked),
            _ASKED.index(row["respondent_kind"]),
            _DELIVERIES.index(row["delivery"]),
        )
    )
    return pd.DataFrame(rows)


def group_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the table of groups."""
    return (
        Column("survey", words=lambda name: readable(str(name))),
        Column("question_code", words=lambda code: question_label(context, str(code))),
        Column("respondent_kind", words=lambda kind: respondent_label(context, str(kind))),
        Column("delivery", words=lambda name: context.t(f"satisfaction.deliveries.{name}")),
        Column("answer_count", "count"),
        Column("survey_result"),
        Column("survey_interval"),
        Column("unscored_count", "count"),
    )


def _by_kind(answers: pd.DataFrame) -> list[tuple[str, Tally]]:
    """The answers to the main question and about recommending, by who gave them."""
    main = main_question(answers)
    asked = answers[answers["question_code"].isin([main, RECOMMENDATION])]
    return [(kind, tally(asked, respondent_kind=kind)) for kind in _ASKED]


def _by_delivery(answers: pd.DataFrame) -> tuple[Tally, Tally]:
    """The customers' answers to the main question after parcels in time, and after a late one."""
    main = answers[answers["question_code"] == main_question(answers)]
    customers = main[main["respondent_kind"] == "customer"]
    return tally(customers, delivery="on_time"), tally(customers, delivery="late")


def _difference(on_time: Tally, late: Tally) -> tuple[float, Interval] | None:
    """Points of satisfaction that a late parcel costs, with their interval."""
    interval = share_difference(on_time.satisfied, on_time.rated, late.satisfied, late.rated)
    if interval is None or on_time.satisfaction is None or late.satisfaction is None:
        return None
    cost = 100 * (on_time.satisfaction - late.satisfaction)
    return cost, (100 * interval[0], 100 * interval[1])


def _part(context: PageContext, kind: str, said: Tally) -> str:
    t = context.t
    who = t(f"satisfaction.who.{kind}")
    rate, score = said.rated >= FEWEST, said.net_promoter_interval
    if not rate and score is None:
        most = max(said.rated, said.recommending)
        return t("satisfaction.part_few", n=most, who=who, count=formats.count(most))
    text = ""
    if rate:
        text = t(
            "satisfaction.part",
            who=who,
            rate=formats.rate(said.satisfaction),
            range=_rates(context, said),
        )
    if score is None:
        return text
    key = "satisfaction.part_score" if text else "satisfaction.part_only_score"
    return text + t(
        key,
        who=who,
        score=_points(said.net_promoter_score),
        range=_point_range(context, score),
    )


def _late_sentence(context: PageContext, on_time: Tally, late: Tally) -> str:
    difference = _difference(on_time, late)
    if difference is None:
        return ""
    if min(late.rated, on_time.rated) < FEWEST:
        fewer = min(late, on_time, key=lambda said: said.rated)
        return context.t("satisfaction.late_few", n=fewer.rated, count=formats.count(fewer.rated))
    cost, (low, high) = difference
    key = "late_costs" if low > 0 else ("late_higher" if high < 0 else "late_undecided")
    return context.t(
        f"satisfaction.{key}",
        points=_points(cost),
        late=formats.rate(late.satisfaction),
        on_time=formats.rate(on_time.satisfaction),
        range=_point_range(context, (low, high)),
    )


def _count(context: PageContext, number: int) -> str:
    return context.t("satisfaction.answers", n=number, count=formats.count(number))


def _figure(context: PageContext, said: Tally) -> str:
    if said.rated:
        return context.t("satisfaction.satisfied", rate=formats.rate(said.satisfaction))
    if said.recommending:
        return context.t("satisfaction.score", score=_points(said.net_promoter_score))
    return formats.EMPTY


def _figure_range(context: PageContext, said: Tally) -> str:
    number = said.rated or said.recommending
    if 0 < number < FEWEST:
        return context.t("satisfaction.few")
    return (
        _rates(context, said) if said.rated else _point_range(context, said.net_promoter_interval)
    )


def _rates(context: PageContext, said: Tally) -> str:
    interval = said.satisfaction_interval
    if interval is None:
        return formats.EMPTY
    low, high = (formats.rate(end) for end in interval)
    return context.t("satisfaction.between", low=low, high=high)


def _point_range(context: PageContext, interval: Interval | None) -> str:
    if interval is None:
        return formats.EMPTY
    low, high = (_points(end) for end in interval)
    return context.t("satisfaction.between", low=low, high=high)


def _points(value: float | None) -> str:
    """Whole points; what rounds to nothing has no sign."""
    return formats.EMPTY if value is None else formats.count(round(value))


def _month(value: date) -> str:
    return f"{value:%Y-%m}"
