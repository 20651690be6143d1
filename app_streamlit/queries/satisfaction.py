"""What customers and partners answer when they are asked (`rpt_satisfaction`)."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table
from app_streamlit.queries.rates import (
    FEWEST,
    Interval,
    net_promoter_interval,
    net_promoter_score,
    share,
    wilson_interval,
)
from orchestration.metrics.scopes import Scope

RECOMMENDATION, UNMAPPED = "recommendation", "other"
_COUNTS = (
    "answer_count",
    "rated_count",
    "satisfied_count",
    "recommendation_count",
    "promoter_count",
    "detractor_count",
    "unscored_count",
)


@dataclass(frozen=True)
class Tally:
    """Answers of one group, added up.

    Attributes:
        answers: all of them.
        rated: those with a score of satisfaction.
        satisfied: those of the rated in the top two of five.
        recommending: answers from 0 to 10 about recommending.
        promoters: those of them with 9 or 10.
        detractors: those of them with 0 to 6.
        unscored: those without a score.
    """

    answers: int
    rated: int
    satisfied: int
    recommending: int
    promoters: int
    detractors: int
    unscored: int

    @property
    def satisfaction(self) -> float | None:
        """Share of the satisfied; None without a rated answer."""
        return share(self.satisfied, self.rated)

    @property
    def satisfaction_interval(self) -> Interval | None:
        """Wilson's interval of that share."""
        return wilson_interval(self.satisfied, self.rated)

    @property
    def net_promoter_score(self) -> float | None:
        """Points between -100 and 100; None where nobody was asked."""
        return net_promoter_score(self.promoters, self.detractors, self.recommending)

    @property
    def net_promoter_interval(self) -> Interval | None:
        """Its interval; None of too few answers."""
        return net_promoter_interval(self.promoters, self.detractors, self.recommending)

    @property
    def is_few(self) -> bool:
        """Whether there are too few answers to one question to say anything of the group."""
        return max(self.rated, self.recommending) < FEWEST


@st.cache_data(max_entries=64, show_spinner=False)
def load_answers(edition: Edition, scope: Scope) -> pd.DataFrame:
    """The report's rows of the months that the days touch; without any, or without it, empty."""
    if not has_table(edition, "rpt_satisfaction"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        select
            answered_month, survey, question_code, respondent_kind, delivery, answer_count,
            rated_count, satisfied_count, recommendation_count, promoter_count, detractor_count,
            unscored_count
        from rpt_satisfaction
        where business = $business
          and ($channel is null or channel = $channel)
          and answered_month between $start and $end
        order by answered_month, survey, question_code, respondent_kind, delivery
        """,
        {**scope.params(), "start": scope.start.replace(day=1)},
    )


def tally(answers: pd.DataFrame, **only: str) -> Tally:
    """The answers of a group; keywords are columns and the value that its rows have."""
    for column, value in only.items():
        answers = answers[answers[column] == value]
    return Tally(*(int(answers[name].sum()) for name in _COUNTS))


def groups(answers: pd.DataFrame, columns: list[str]) -> list[tuple[dict[str, Any], Tally]]:
    """Each group of rows that share the columns' values, in their order, and its tally."""
    return [
        (dict(zip(columns, values, strict=True)), tally(rows))
        for values, rows in answers.groupby(columns, sort=True)
    ]


def main_question(answers: pd.DataFrame) -> str | None:
    """The question about satisfaction that most have answered; None where nobody was asked."""
    rated = answers.groupby("question_code", sort=True)["rated_count"].sum()
    rated = rated[rated > 0].sort_values(ascending=False, kind="stable")
    return str(rated.index[0]) if len(rated) else None
