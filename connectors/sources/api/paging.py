"""Numbered pages of a listing that changes while it is read.

Rows of a closed span only ever leave it: a row that changes gets a later time. Those behind it then
move up, so pages read from the front would skip some; read from the end, a move brings rows a
second time at most. The rows that left are in the next span.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.errors import TransientError
from connectors.sources.api.guards import PageGuard


@dataclass(frozen=True)
class Answer:
    """One page of a listing.

    Attributes:
        rows: its records.
        total: how many records the whole listing has, as told beside these rows.
        number: the page's own number where the platform repeats it; None elsewhere.
    """

    rows: Sequence[Any]
    total: int
    number: int | None = None


@dataclass(frozen=True)
class Listing:
    """What is listed, and how a page of it is asked for.

    Attributes:
        place, what: for messages: the account and the endpoint.
        ask: sends the call for a page.
        identity: what tells a record and its version apart.
        size: records on a full page.
        first_number: number of the first page, 0 or 1.
        attempts: how often a page that can't be right is asked for again.
    """

    place: str
    what: str
    ask: Callable[[int], Answer]
    identity: Callable[[Any], Hashable]
    size: int
    first_number: int
    attempts: int

    def first(self) -> Answer:
        """The first page, which says how many records there are; whole if it is the only one."""
        return self._checked(self.first_number, PageGuard(self.place, self.what))

    def pages(self, first: Answer) -> Iterator[tuple[int, Sequence[Any]]]:
        """Page numbers and records, the last page first.

        Args:
            first: the first page; asked for again at the end unless it is all there is.

        Raises:
            TransientError: a page repeats another or is shorter than its own total promises.
        """
        if first.total <= self.size:
            if first.rows:
                yield self.first_number, first.rows
            return
        guard = PageGuard(self.place, self.what)
        guard.accept(self._ids(first))
        last = self.first_number + (first.total - 1) // self.size
        for number in range(last, self.first_number - 1, -1):
            answer = self._checked(number, guard)
            guard.accept(self._ids(answer))
            yield number, answer.rows

    def _checked(self, number: int, guard: PageGuard) -> Answer:
        for attempt in range(self.attempts):
            answer = self.ask(number)
            try:
                self._check(number, answer, guard)
            except TransientError:
                if attempt == self.attempts - 1:
                    raise
            else:
                return answer
        raise AssertionError  # attempts is at least 1

    def _check(self, number: int, answer: Answer, guard: PageGuard) -> None:
        if answer.number is None:
            guard.check(number, self._ids(answer))
        elif answer.number != number:
            raise TransientError(
                f"{self.place} answered page {answer.number} of {self.what} when asked for page "
                f"{number}; nothing was taken from it and the cursor stays, so try again later."
            )
        if len(answer.rows) < min(self.size, answer.total - self._before(number)):
            raise TransientError(
                f"{self.place} answered page {number} of {self.what} with {len(answer.rows)} "
                f"records although there are {answer.total:,} in all; the cursor stays, so try "
                "again later."
            )

    def _before(self, number: int) -> int:
        return (number - self.first_number) * self.size

    def _ids(self, answer: Answer) -> list[Hashable]:
        return [self.identity(row) for row in answer.rows]
