"""Days of a warehouse: counted by hand, and every answer tried out by another way of counting."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.staffing import HOURS, Help, plan_day


def day(**hours: float) -> list[float]:
    """Numbers by hour, `h9=3`; 0 elsewhere."""
    return [float(hours.get(f"h{hour}", 0)) for hour in range(HOURS)]


def test_what_cannot_be_picked_waits_and_the_gap_is_what_is_left_at_the_end() -> None:
    # 2 people, 10 lines an hour each, 8 to 11; 5 wait at midnight, 30 come at 8, 50 at 9, 7 at 20.
    plan = plan_day(
        day(h8=30, h9=50, h20=7), day(h8=2, h9=2, h10=2), carried=5, lines_per_person_hour=10
    )
    assert plan.picked_by_hour[8:11] == (20, 20, 20)
    assert plan.waiting_by_hour[8:12] == (15, 45, 25, 25)
    assert (plan.end_hour, plan.left_lines, plan.waiting_at_night) == (11, 25, 32)
    assert (plan.carried_lines, plan.arriving_lines, plan.capacity_lines) == (5, 87, 60)
    # One more from 8 makes 30 lines; from 9 only 20, which is too few.
    assert (plan.help, plan.spare_people) == (Help(1, 8), 0)


def test_who_is_free_is_spare_and_what_comes_after_the_last_shift_is_no_gap() -> None:
    plan = plan_day(day(h8=10, h22=99), day(h8=3, h9=3), carried=0, lines_per_person_hour=10)
    assert (plan.left_lines, plan.help, plan.spare_people) == (0, None, 2)
    assert plan.waiting_at_night == 99


def test_nobody_works_and_nothing_helps_who_is_not_there() -> None:
    closed = plan_day(day(h9=4), day(), carried=1, lines_per_person_hour=10)
    assert (closed.end_hour, closed.left_lines, closed.help) == (None, 5, None)
    # Nobody can pick at a speed of 0.
    slow = plan_day(day(h9=4), day(h9=1), carried=0, lines_per_person_hour=0)
    assert (slow.left_lines, slow.help, slow.spare_people) == (4, None, 0)


@pytest.mark.parametrize("bad", [
    {"arriving": [1.0] * 23}, {"carried": -1.0}, {"lines_per_person_hour": -1.0},
    {"person_hours": [-1.0] * 24},
])  # fmt: skip
def test_what_is_no_day_is_refused(bad: dict[str, object]) -> None:
    given_day = {
        "arriving": day(), "person_hours": day(), "carried": 0.0, "lines_per_person_hour": 1.0,
    } | bad  # fmt: skip
    with pytest.raises(ValueError, match=r"24 hours|negative"):
        plan_day(**given_day)  # type: ignore[arg-type]


def left_at_the_end(
    lines: list[int], people: list[int], carried: int, rate: int, end: int
) -> Fraction:
    """The same day by Lindley's formula, in fractions: the worst stretch up to the end counts."""
    surplus = [Fraction(lines[h]) - Fraction(people[h] * rate) for h in range(end)]
    whole = carried + sum(surplus)
    tails = [sum(surplus[h:], Fraction(0)) for h in range(1, end + 1)]
    return max(whole, *tails, Fraction(0))


@given(
    lines=st.lists(st.integers(0, 40), min_size=HOURS, max_size=HOURS),
    people=st.integers(1, 4),
    shift=st.tuples(st.integers(0, 22), st.integers(1, 6)),
    carried=st.integers(0, 60),
    rate=st.integers(1, 12),
)
def test_advice_is_the_least_that_does(
    lines: list[int], people: int, shift: tuple[int, int], carried: int, rate: int
) -> None:
    first, end = shift[0], min(HOURS, sum(shift))
    crew = [people if first <= hour < end else 0 for hour in range(HOURS)]
    plan = plan_day(
        [float(n) for n in lines], [float(n) for n in crew],
        carried=carried, lines_per_person_hour=rate,
    )  # fmt: skip

    def left(more: int, since: int) -> Fraction:
        helped = [n + (more if since <= h < end else 0) for h, n in enumerate(crew)]
        return left_at_the_end(lines, helped, carried, rate, end)

    assert plan.left_lines == pytest.approx(float(left(0, first)))
    picked, came = sum(plan.picked_by_hour), carried + sum(lines)
    assert picked + plan.waiting_at_night == pytest.approx(came), "no line is lost or made"
    if plan.help is None:
        assert left(0, first) == 0
        assert left(-plan.spare_people, first) == 0
        assert plan.spare_people == people or left(-plan.spare_people - 1, first) > 0
        return
    n, since = plan.help.people, plan.help.from_hour
    assert left(n, since) == 0
    assert since == end - 1 or left(n, since + 1) > 0
    assert all(left(n - 1, hour) > 0 for hour in itertools.chain(range(first, end)))
