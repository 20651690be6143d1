"""Asks a carrier about parcels, several at a time, and keeps every answer whatever comes after it.

A parcel that the carrier won't tell about is a problem of that parcel: it is noted, and asked
about again by the next reading. What makes further questions pointless ends the reading; what was
answered before lands. Nothing here knows a particular carrier.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from connectors.errors import FourflowError, PermanentError, TransientError
from connectors.sources.api.reading import Page, Reading

QuestionT = TypeVar("QuestionT")
_GIVE_UP_AFTER: Final = 5
_SHOWN: Final = 3


@dataclass(frozen=True)
class Answer:
    """What a carrier said to one question.

    Attributes:
        request: what was asked for, short, for people who look into bronze.
        records: what lands.
        problems: numbers about which nothing could be learnt -> why, one sentence.
    """

    request: str
    records: Sequence[Any]
    problems: Mapping[str, str] = field(default_factory=dict)


def ask(
    reading: Reading,
    entity: str,
    questions: Iterable[QuestionT],
    answer: Callable[[QuestionT], Answer],
    *,
    numbers: Callable[[QuestionT], Sequence[str]],
    workers: int,
) -> Iterator[Page]:
    """Pages of what the carrier answers, in the order of its answers.

    Args:
        reading: is told about parcels without an answer.
        entity: which entity the answers are of.
        questions: asked in this order.
        answer: asks one; called by several threads.
        numbers: the tracking numbers in a question.
        workers: questions on their way at the same time.

    Raises:
        FourflowError: the first answers were errors that further questions can't change; nothing
            was read.
    """
    yield from _Asking(reading, entity, answer, numbers).pages(questions, workers)


class _Asking(Generic[QuestionT]):
    def __init__(
        self,
        reading: Reading,
        entity: str,
        answer: Callable[[QuestionT], Answer],
        numbers: Callable[[QuestionT], Sequence[str]],
    ) -> None:
        self._reading = reading
        self._entity = entity
        self._answer = answer
        self._numbers = numbers
        self._unanswered: dict[str, list[str]] = defaultdict(list)
        self._failures_in_a_row = 0
        self._has_answers = False
        self._end: FourflowError | None = None

    def pages(self, questions: Iterable[QuestionT], workers: int) -> Iterator[Page]:
        waiting = iter(questions)
        with ThreadPoolExecutor(workers, thread_name_prefix=self._entity) as pool:
            on_the_way: dict[Future[Answer], QuestionT] = {}
            while True:
                # After the end only what is on its way already is taken: it may have been paid for.
                free = 0 if self._end else workers - len(on_the_way)
                for question in islice(waiting, free):
                    on_the_way[pool.submit(self._answer, question)] = question
                if not on_the_way:
                    break
                for future in wait(on_the_way, return_when=FIRST_COMPLETED).done:
                    yield from self._take(future, on_the_way.pop(future))
        if self._end is not None and not self._has_answers:
            raise self._end
        self._tell()

    def _take(self, future: Future[Answer], question: QuestionT) -> Iterator[Page]:
        try:
            answer = future.result()
        except FourflowError as error:
            self._unanswered[str(error)] += self._numbers(question)
            self._failed(error, is_passing=isinstance(error, TransientError))
            return
        for number, problem in answer.problems.items():
            self._unanswered[problem].append(number)
        if answer.records:
            self._failures_in_a_row = 0
            self._has_answers = True
            yield Page(answer.request, answer.records)
        elif answer.problems:
            first = next(iter(answer.problems.values()))
            self._failed(PermanentError(first), is_passing=True)

    def _failed(self, error: FourflowError, *, is_passing: bool) -> None:
        self._failures_in_a_row += 1
        if not is_passing or self._failures_in_a_row >= _GIVE_UP_AFTER:
            self._end = self._end or error

    def _tell(self) -> None:
        for problem, numbers in self._unanswered.items():
            examples = ", ".join(numbers[:_SHOWN])
            count = f"{len(numbers):,} parcels such as" if len(numbers) > _SHOWN else "parcels"
            self._reading.on_problem(
                self._entity,
                f"{problem.removesuffix('.')} ({count} {examples}; asked about again next time).",
            )
        if self._end is not None:
            self._reading.on_problem(
                self._entity, "The parcels after that were not asked about this time."
            )
