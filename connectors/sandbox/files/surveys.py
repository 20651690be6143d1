"""Files of the survey tool, in the layout that source `surveys` reads: one line an answer.

Distributors answer about satisfaction in words, customers in numbers.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.files.day_files import DayFiles, csv_files
from connectors.sandbox.files.records import Records, sent_once, with_duplicates
from connectors.sandbox.files.rendering import buyer_ids, or_null, order_numbers, times, words
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.distributing import customer_numbers
from connectors.sandbox.stages.surveying import CUSTOMER, PARTNER, Responses

SOURCE: Final = "surveys"
QUESTIONS: Final = ("satisfaction", "recommendation")
SATISFACTION, RECOMMENDATION = range(2)
SURVEYS: Final = ("after_delivery", "distributors")
KINDS: Final = ("customer", "partner")
LIKERT: Final = ("非常不满意", "不满意", "一般", "满意", "非常满意")
_COMMENTS: Final = ("等了太久", "包装破损", "还可以", "质量不错", "很快就到了")


def survey_files(world: World, responses: Responses) -> DayFiles:
    """The survey tool's files of a world: each response on its day, a line for each question."""
    answers = np.arange(len(responses) * len(QUESTIONS))
    answered_at = responses.answered_at[answers // len(QUESTIONS)]
    records = sent_once(world.config, SOURCE, answers, answered_at)
    writer = _SurveyWriter(world, responses)
    return csv_files(SOURCE, with_duplicates(world.config, records), writer.table)


class _SurveyWriter:
    """Renders answers."""

    def __init__(self, world: World, responses: Responses) -> None:
        self._responses = responses
        self._order_no = order_numbers(world)
        self._buyers = buyer_ids(world)
        self._partners = pa.array(customer_numbers(world.config.scenario.distributors), pa.string())

    def table(self, records: Records) -> pa.Table:
        """The rows with the columns of the survey tool."""
        responses = self._responses
        index = records.index // len(QUESTIONS)
        question = records.index % len(QUESTIONS)
        kind, respondent = responses.kind[index], responses.respondent[index]
        number = pc.utf8_lpad(pa.array(index + 1).cast(pa.string()), 8, "0")
        satisfaction = responses.satisfaction[index]
        score = np.where(question == SATISFACTION, satisfaction, responses.recommendation[index])
        in_words = (kind == PARTNER) & (question == SATISFACTION)
        likert = pa.array(LIKERT).take(pa.array(satisfaction - 1))
        # Every seventh response says something, once.
        says = (index % 7 == 0) & (question == SATISFACTION)
        buyer = self._buyers.take(or_null(np.where(kind == CUSTOMER, respondent, -1)))
        partner = self._partners.take(or_null(np.where(kind == PARTNER, respondent, -1)))
        return pa.table(
            {
                "response_id": pc.binary_join_element_wise("R", number, ""),
                "answered_at": times(responses.answered_at[index]),
                "respondent_kind": words(KINDS, kind),
                "respondent": pc.coalesce(buyer, partner),
                "survey": words(SURVEYS, kind),
                "question": words(QUESTIONS, question),
                "score": pc.if_else(pa.array(in_words), likert, pa.array(score).cast(pa.string())),
                "scale_max": pa.array(np.where(question == SATISFACTION, 5, 10)),
                "comment": pa.array(_COMMENTS).take(or_null(np.where(says, satisfaction - 1, -1))),
                "order_no": self._order_no.take(or_null(responses.order[index])),
            }
        )
