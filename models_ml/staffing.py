"""Whether the people of a shift can pick what is expected, and how many more it would take.

Work that comes in is picked as soon as somebody is there; what is not picked waits. A day is kept
when everything that came before the end of its last shift has been picked by then.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HOURS = 24
_TINY = 1e-9

Hourly = NDArray[np.float64]


@dataclass(frozen=True)
class Help:
    """Extra people of a day: how many, and from which hour on at the latest."""

    people: int
    from_hour: int


@dataclass(frozen=True)
class DayPlan:
    """One day of a site.

    Attributes:
        carried_lines: what was waiting when the day began.
        arriving_lines: what comes in during the day.
        capacity_lines: what its people could pick.
        picked_by_hour: what they pick.
        waiting_by_hour: what waits at the end of each hour.
        end_hour: when the last shift ends; None without any.
        left_lines: what came in before that and is not picked by then: the gap.
        help: the fewest people who would close the gap, and from when on; None without a gap.
        spare_people: how many could stay away all day without leaving a gap.
    """

    carried_lines: float
    arriving_lines: float
    capacity_lines: float
    picked_by_hour: tuple[float, ...]
    waiting_by_hour: tuple[float, ...]
    end_hour: int | None
    left_lines: float
    help: Help | None
    spare_people: int

    @property
    def waiting_at_night(self) -> float:
        """What the next day begins with."""
        return self.waiting_by_hour[-1]


def plan_day(
    arriving: Sequence[float],
    person_hours: Sequence[float],
    *,
    carried: float,
    lines_per_person_hour: float,
) -> DayPlan:
    """Walk one day hour by hour.

    Args:
        arriving: lines that come in during each hour of the day, 24 numbers.
        person_hours: people at work in each of them, parts of an hour counting as such.
        carried: lines that wait at midnight.
        lines_per_person_hour: what a person picks an hour.

    Raises:
        ValueError: not 24 hours, or a negative number.
    """
    lines, people = np.asarray(arriving, np.float64), np.asarray(person_hours, np.float64)
    if lines.shape != (HOURS,) or people.shape != (HOURS,):
        raise ValueError("a day has 24 hours")
    if min(lines.min(), people.min(), carried, lines_per_person_hour) < 0:
        raise ValueError("lines, people and what they pick can't be negative")
    worked = np.flatnonzero(people > 0)
    end = int(worked[-1]) + 1 if len(worked) else None
    capacity = people * lines_per_person_hour
    picked, waiting = _walk(lines, capacity, carried)
    left = float(waiting[end - 1]) if end is not None else float(waiting[-1])
    left = left if left > _TINY else 0.0
    helped = None
    spare = 0
    if end is not None and left:
        helped = _help(lines, people, carried, lines_per_person_hour)
    elif end is not None:
        spare = _spare(lines, people, carried, lines_per_person_hour)
    return DayPlan(
        carried,
        float(lines.sum()),
        float(capacity.sum()),
        tuple(picked.tolist()),
        tuple(waiting.tolist()),
        end,
        left,
        helped,
        spare,
    )


def _walk(lines: Hourly, capacity: Hourly, carried: float) -> tuple[Hourly, Hourly]:
    """What is picked in each hour, and what waits at its end."""
    picked, waiting = np.zeros(HOURS), np.zeros(HOURS)
    there = carried
    for hour in range(HOURS):
        there += lines[hour]
        picked[hour] = min(there, capacity[hour])
        there -= picked[hour]
        waiting[hour] = there
    return picked, waiting


def _is_kept(lines: Hourly, people: Hourly, carried: float, rate: float, end: int) -> bool:
    return float(_walk(lines, people * rate, carried)[1][end - 1]) <= _TINY


def _help(lines: Hourly, people: Hourly, carried: float, rate: float) -> Help | None:
    """The fewest people who, from some hour to the end of the last shift, close the gap."""
    worked = np.flatnonzero(people > 0)
    first, end = int(worked[0]), int(worked[-1]) + 1
    if rate <= 0:
        return None

    def is_kept(more: int, start: int) -> bool:
        helped = people.copy()
        helped[start:end] += more
        return _is_kept(lines, helped, carried, rate, end)

    # Who is there longest helps most. As many as pick all that is left in one hour are enough.
    left = float(_walk(lines, people * rate, carried)[1][end - 1])
    too_few, enough = 0, math.ceil(left / rate) + 1
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if is_kept(middle, first) else (middle, enough)
    start = next(hour for hour in range(end - 1, first - 1, -1) if is_kept(enough, hour))
    return Help(enough, start)


def _spare(lines: Hourly, people: Hourly, carried: float, rate: float) -> int:
    """How many fewer would do in every hour in which somebody works."""
    end = int(np.flatnonzero(people > 0)[-1]) + 1
    spare = 0
    while spare + 1 <= people.max():
        fewer = np.clip(people - (spare + 1), 0, None)
        if not _is_kept(lines, fewer, carried, rate, end):
            break
        spare += 1
    return spare
