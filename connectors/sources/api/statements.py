"""Bills of payment providers: one a business date, offered some hours after the date has ended.

Here: which dates are read and how far the cursor may move, and the checks that every bill must
pass before any of its rows is taken: totals and running balance. No provider's layout is known.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from itertools import islice, pairwise
from typing import Final, Protocol

from pydantic import Field

from connectors.errors import ContractError, FourflowError, PermanentError, TransientError
from connectors.sources.api.connector import AccountConfig
from connectors.sources.api.reading import CHINA, Page, Reading, Window

Record = dict[str, str | int]

_ROWS_A_PAGE: Final = 5_000
_NOTHING: Final = Decimal(0)


class BillAccount(AccountConfig):
    """What every account with daily bills is configured with."""

    overlap_minutes: int = Field(
        default=0,
        ge=0,
        description="How far each reading goes back; 1440 reads the newest bill a second time.",
    )
    patience_hours: int = Field(
        default=24,
        ge=0,
        description="How long after its hour a bill may be missing before that means no trade.",
    )
    check_balances: bool = Field(
        default=True,
        description="Refuse an account bill whose balances do not follow from its movements.",
    )


class Missing(Enum):
    """Why there is no bill of a date."""

    NO_TRADE = "nothing happened on that date"
    NOT_YET = "it is still being made"
    UNCLEAR = "one or the other"


class CheckedBill(Protocol):
    """A bill that does not contradict itself; its rows are heading → cell as in the bill."""

    def __len__(self) -> int: ...

    def rows(self) -> Iterator[dict[str, str]]:
        """The rows in the order of the bill, anew at every call."""
        ...


@dataclass(frozen=True)
class DailyBills:
    """The bills of one kind: one a date.

    A record is a row of a bill with three keys more: `bill_date`, `row_number` (from 1) and
    `rows_in_bill`.

    Attributes:
        what: for people, such as "trade bill".
        hour: of the day after, local time, from which a bill exists.
        fetch: a date's bill, or why there is none.
        kept_days: for how many days the provider keeps a bill; None: for ever.
    """

    what: str
    hour: int
    fetch: Callable[[date], CheckedBill | Missing]
    kept_days: int | None = None

    def pages(self, window: Window, reading: Reading, account: BillAccount) -> Iterator[Page]:
        """The rows of all bills that are due, oldest first; the last page says how far that is.

        A bill that can't be had after others could ends the reading there, so that these count;
        the next reading begins with it and says what is wrong.
        """
        reached = window.start
        for day in self._kept(window, reading):
            due = datetime.combine(day + timedelta(days=1), time(self.hour), CHINA)
            if reading.now < due:
                break
            is_patient = reading.now < due + timedelta(hours=account.patience_hours)
            try:
                records = self._records(day, is_patient=is_patient, place=_place(reading))
            except FourflowError:
                if reached == window.start or reading.since is not None:
                    raise
                break
            if records is None:
                break
            request = f"{self.what} {day}"
            yield from (Page(request, chunk) for chunk in _chunks(records))
            reached = datetime.combine(day + timedelta(days=1), time.min, CHINA)
        yield Page(self.what, (), reached=reached)

    def _kept(self, window: Window, reading: Reading) -> list[date]:
        """The dates of the window whose bills the provider still has."""
        days = window.dates()
        if self.kept_days is None:
            return days
        oldest = reading.now.astimezone(CHINA).date() - timedelta(days=self.kept_days)
        if reading.since is not None and days and days[0] < oldest:
            raise PermanentError(
                f"{_place(reading)} keeps a {self.what} for {self.kept_days} days only; ask for "
                f"{oldest} and later."
            )
        return [day for day in days if day >= oldest]

    def _records(self, day: date, *, is_patient: bool, place: str) -> Iterator[Record] | None:
        """The records of a date; None: wait for its bill."""
        bill = self.fetch(day)
        if not isinstance(bill, Missing):
            return _numbered(bill, day)
        if bill is Missing.NO_TRADE or (bill is Missing.UNCLEAR and not is_patient):
            return iter(())
        if is_patient:
            return None
        raise TransientError(
            f"{place} has still not made its {self.what} of {day}; it will be asked for again, "
            "and the bills after it wait."
        )


def _place(reading: Reading) -> str:
    return f"{reading.source} ({reading.account})"


def _numbered(bill: CheckedBill, day: date) -> Iterator[Record]:
    for number, row in enumerate(bill.rows(), start=1):
        yield {**row, "bill_date": str(day), "row_number": number, "rows_in_bill": len(bill)}


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    while chunk := list(islice(records, _ROWS_A_PAGE)):
        yield chunk


def amount_of(row: Mapping[str, str], heading: str, bill: str, number: int) -> Decimal:
    """An amount of a row; an empty cell is 0.

    Raises:
        ContractError: it is no amount.
    """
    text = row[heading].strip().replace(",", "")
    try:
        return Decimal(text) if text else _NOTHING
    except InvalidOperation as error:
        raise ContractError(
            f"{bill} has {text!r} as {heading} in row {number:,}, which is no amount; nothing of "
            "the bill was taken, so look at it."
        ) from error


def require_total(bill: str, what: str, *, stated: Decimal, counted: Decimal) -> None:
    """Compare a figure of a totals row with the rows.

    Raises:
        ContractError: they differ; names both.
    """
    if stated != counted:
        raise ContractError(
            f"{bill} states {stated:,} as {what} but its rows give {counted:,}; nothing of it was "
            "taken and the cursor stays, so ask the provider for a correct bill."
        )


class RunningBalance:
    """Checks that the movements of an account bill lead from balance to balance.

    The order of rows within a second is nobody's promise, so the rows count as steps of a path:
    every balance but the first and the last must be left as often as it is reached.
    """

    def __init__(self, bill: str) -> None:
        self._bill = bill
        self._open: Counter[Decimal] = Counter()
        self._steps: list[tuple[Decimal, Decimal]] = []

    def add(self, change: Decimal, balance: Decimal) -> None:
        """One row: the signed change and the balance after it."""
        self._open[balance - change] += 1
        self._open[balance] -= 1
        self._steps.append((change, balance))

    def require(self) -> None:
        """Judge the rows added.

        Raises:
            ContractError: they are no path; names the first row, in the order of the bill, whose
                balance does not follow.
        """
        ends = sorted(count for count in self._open.values() if count)
        if ends in ([], [-1, 1]):
            return
        forward, backward = self._breaks(self._steps), self._breaks(self._steps[::-1])
        row, expected, balance = min(forward, backward, key=len)[0]
        if len(backward) < len(forward):
            row = len(self._steps) + 1 - row
        raise ContractError(
            f"{self._bill} has the balance {balance:,} in row {row:,} where {expected:,} follows "
            "from the row beside it, so a movement is missing; nothing of it was taken. If the "
            "provider leaves movements out on purpose, set `check_balances: false`."
        )

    def _breaks(self, steps: list[tuple[Decimal, Decimal]]) -> list[tuple[int, Decimal, Decimal]]:
        return [
            (number, before[1] + after[0], after[1])
            for number, (before, after) in enumerate(pairwise(steps), start=2)
            if before[1] + after[0] != after[1]
        ]
