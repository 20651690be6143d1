"""The funnel of docs/funnel.md in plain Python, one journey at a time: what the SQL must give."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

Event = tuple[datetime, int]


@dataclass(frozen=True)
class Step:
    """One step: how long after the step before, and whether it may be left out."""

    number: int
    window_hours: float | None = None
    is_optional: bool = False
    late_is_reached: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a journey at one step."""

    step_number: int
    outcome: str
    reached_at: datetime | None = None
    entered_at: datetime | None = None
    window_ends_at: datetime | None = None
    dropped_at: datetime | None = None


def walk(
    events: Sequence[Event],
    steps: Sequence[Step],
    *,
    as_of: datetime,
    ended_at: datetime | None = None,
    is_strict: bool = False,
) -> list[Outcome]:
    """The outcomes of one journey, by step; none when it never began."""
    ordered = sorted(set(events))
    rules = {step.number: step for step in steps}
    reached = _reached_events(ordered, rules, is_strict)
    firsts = {
        number: min(when for when, step in reached if step == number)
        for number in {step for _, step in reached}
    }
    if not firsts:
        return []
    furthest = max(firsts)
    told = _in_order(firsts, rules)
    outcomes = []
    entered_at = None
    for number in (n for n in sorted(rules) if n <= furthest):
        if number in told:
            outcomes.append(Outcome(number, "reached", told[number], entered_at))
            entered_at = told[number]
        else:
            outcomes.append(Outcome(number, "skipped", None, entered_at))
    following = [n for n in sorted(rules) if n > furthest and not rules[n].is_optional]
    if following:
        outcome = _judge(ordered, reached, rules, following[0], as_of, ended_at, is_strict)
        outcomes.append(Outcome(following[0], outcome[0], None, entered_at, outcome[1], outcome[2]))
    return outcomes


def _may_follow(earlier: int, later: int, rules: dict[int, Step]) -> bool:
    between = range(earlier + 1, later)
    return earlier < later and all(rules[n].is_optional for n in between)


def _within(start: datetime, end: datetime, step: Step) -> bool:
    if step.window_hours is None or step.late_is_reached:
        return True
    return end - start <= timedelta(hours=step.window_hours)


def _reached_events(ordered: list[Event], rules: dict[int, Step], is_strict: bool) -> list[Event]:
    """The events that count: those of step 1, and those that some counting event may precede."""
    counting: list[Event] = []
    for place, (when, number) in enumerate(ordered):
        if number == 1:
            counting.append((when, number))
            continue
        if is_strict:
            others = [event for event in ordered[:place] if event[1] != number]
            before = [others[-1]] if others and others[-1] in counting else []
        else:
            before = counting
        if any(
            _may_follow(step, number, rules) and _within(start, when, rules[number])
            for start, step in before
        ):
            counting.append((when, number))
    return counting


def _in_order(firsts: dict[int, datetime], rules: dict[int, Step]) -> dict[int, datetime]:
    return {
        number: when
        for number, when in firsts.items()
        if not rules[number].is_optional
        or all(when <= later for other, later in firsts.items() if other > number)
    }


def _judge(
    ordered: list[Event],
    reached: list[Event],
    rules: dict[int, Step],
    number: int,
    as_of: datetime,
    ended_at: datetime | None,
    is_strict: bool,
) -> tuple[str, datetime | None, datetime | None]:
    """Open or dropped, the end of the window, and when it was dropped."""
    last = max(event for event in reached if _may_follow(event[1], number, rules))
    hours = rules[number].window_hours
    window_ends_at = None if hours is None else last[0] + timedelta(hours=hours)
    ends = [window_ends_at] if window_ends_at else []
    if ended_at is not None:
        ends.append(max(ended_at, last[0]))
    if is_strict:
        ends.extend([when for when, step in ordered if (when, step) > last and step != number][:1])
    if ends and min(ends) <= as_of:
        return "dropped", window_ends_at, min(ends)
    return "open", window_ends_at, None
