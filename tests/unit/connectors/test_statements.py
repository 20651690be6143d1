"""Which bills of a span are read, and how far the cursor may move."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ContractError, PermanentError, TransientError
from connectors.sources.api.reading import CHINA, Page, Reading
from connectors.sources.api.statements import BillAccount, DailyBills, Missing, RunningBalance

Answer = int | Missing | Exception


class Bill:
    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def rows(self) -> Iterator[dict[str, str]]:
        return ({"number": str(number)} for number in range(self.size))


class Provider:
    """Bills by date: a number of rows, a reason why there is none, or an error."""

    def __init__(self) -> None:
        self.answers: dict[date, Answer] = {}
        self.asked: list[date] = []

    def fetch(self, day: date) -> Any:
        self.asked.append(day)
        answer = self.answers.get(day, 1)
        if isinstance(answer, Exception):
            raise answer
        return Bill(answer) if isinstance(answer, int) else answer


def local(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=CHINA)


@pytest.fixture
def provider() -> Provider:
    return Provider()


Take = Callable[..., list[Page]]


@pytest.fixture
def take(provider: Provider) -> Take:
    def read(
        now: datetime,
        cursor: datetime | None = None,
        since: datetime | None = None,
        kept_days: int | None = None,
        **changes: Any,
    ) -> list[Page]:
        account = BillAccount.model_validate({"base_url": "", "start": date(2026, 6, 1), **changes})
        reading = Reading("alipay", "main", now.astimezone(UTC), since=since)
        window = reading.window(cursor.astimezone(UTC).isoformat() if cursor else None, account)
        bills = DailyBills("trade bill", 9, provider.fetch, kept_days)
        return list(bills.pages(window, reading, account))

    return read


def test_a_bill_is_asked_for_from_nine_on_the_next_day(provider: Provider, take: Take):
    assert take(local(4, 8, 59), local(3))[-1].reached == local(3)
    assert provider.asked == []
    assert take(local(4, 9), local(3))[-1].reached == local(4)
    assert provider.asked == [date(2026, 6, 3)]


def test_the_first_reading_begins_at_start_and_goes_on_where_it_ended(
    provider: Provider, take: Take
):
    pages = take(local(4, 12))
    assert provider.asked == [date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 3)]
    assert [page.request for page in pages] == [
        "trade bill 2026-06-01",
        "trade bill 2026-06-02",
        "trade bill 2026-06-03",
        "trade bill",
    ]
    assert pages[0].records == [
        {"number": "0", "bill_date": "2026-06-01", "row_number": 1, "rows_in_bill": 1}
    ]
    reached = pages[-1].reached
    assert reached == local(4)
    provider.asked.clear()
    take(local(4, 13), reached)
    assert provider.asked == []
    take(local(5, 9), reached, overlap_minutes=1440)
    assert provider.asked == [date(2026, 6, 3), date(2026, 6, 4)]


def test_a_large_bill_comes_in_pages_with_running_numbers(provider: Provider, take: Take):
    provider.answers[date(2026, 6, 3)] = 12_001
    pages = take(local(4, 12), local(3))
    assert [len(page.records) for page in pages] == [5_000, 5_000, 2_001, 0]
    assert pages[2].records[-1]["row_number"] == 12_001
    assert {page.reached for page in pages[:-1]} == {None}


def test_no_trade_moves_the_cursor_and_a_bill_that_is_made_does_not(provider: Provider, take: Take):
    provider.answers = {date(2026, 6, 1): Missing.NO_TRADE, date(2026, 6, 3): Missing.NOT_YET}
    pages = take(local(4, 12))
    assert [page.request for page in pages] == ["trade bill 2026-06-02", "trade bill"]
    assert pages[-1].reached == local(3)


def test_an_unclear_bill_is_waited_for_and_then_means_no_trade(provider: Provider, take: Take):
    provider.answers[date(2026, 6, 3)] = Missing.UNCLEAR
    assert take(local(5, 8, 59), local(3))[-1].reached == local(3)
    assert take(local(5, 9), local(3))[-1].reached == local(5)
    assert take(local(4, 9), local(3), patience_hours=0)[-1].reached == local(4)


def test_a_bill_that_is_made_for_too_long_is_said_and_waited_for(provider: Provider, take: Take):
    provider.answers[date(2026, 6, 3)] = Missing.NOT_YET
    with pytest.raises(TransientError, match="still not made its trade bill of 2026-06-03"):
        take(local(6, 12), local(3))


def test_what_came_before_a_bad_bill_counts(provider: Provider, take: Take):
    provider.answers[date(2026, 6, 2)] = ContractError("bad bill")
    pages = take(local(4, 12))
    assert [page.request for page in pages] == ["trade bill 2026-06-01", "trade bill"]
    assert pages[-1].reached == local(2)
    with pytest.raises(ContractError, match="bad bill"):
        take(local(4, 12), local(2))
    # A backfill has no cursor to go on from, so it must say what is missing at once.
    with pytest.raises(ContractError, match="bad bill"):
        take(local(4, 12), since=local(1).astimezone(UTC))


def test_bills_that_the_provider_has_no_more_are_passed_over_or_said(
    provider: Provider, take: Take
):
    for cursor in (local(1), None):
        provider.asked.clear()
        take(local(5, 12), cursor, kept_days=2)
        assert provider.asked == [date(2026, 6, 3), date(2026, 6, 4)]
    with pytest.raises(PermanentError, match="for 2 days only; ask for 2026-06-03 and later"):
        take(local(5, 12), since=local(1).astimezone(UTC), kept_days=2)


def test_a_date_belongs_to_the_business_zone(provider: Provider, take: Take):
    """Midnight in China is four in the afternoon of the day before in UTC."""
    cursor = datetime(2026, 6, 2, 16, tzinfo=UTC)
    assert cursor.astimezone(CHINA).date() == date(2026, 6, 3)
    take(datetime(2026, 6, 4, 1, tzinfo=UTC), cursor)
    assert provider.asked == [date(2026, 6, 3)]


@given(
    changes=st.lists(st.integers(min_value=-50, max_value=50), min_size=3, max_size=30),
    order=st.randoms(use_true_random=False),
    gone=st.integers(min_value=0, max_value=29),
)
def test_balances_are_judged_whatever_the_order_of_rows(changes: list[int], order: Any, gone: int):
    balance, rows = Decimal(1000), []
    for change in changes:
        balance += change
        rows.append((Decimal(change), balance))
    order.shuffle(rows)

    def judge(moves: list[tuple[Decimal, Decimal]]) -> None:
        running = RunningBalance("The bill")
        for change, after in moves:
            running.add(change, after)
        running.require()

    judge(rows)
    # Without one row it is still a path if no balance but the first is left once more than reached.
    others = [each for each in rows if each is not rows[gone % len(rows)]]
    left: Counter[Decimal] = Counter()
    for change, after in others:
        left[after - change] += 1
        left[after] -= 1
    if sorted(count for count in left.values() if count) in ([], [-1, 1]):
        judge(others)
        return
    with pytest.raises(ContractError, match="a movement is missing"):
        judge(others)
