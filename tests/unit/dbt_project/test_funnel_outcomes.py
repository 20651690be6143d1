"""The funnel engine against the same funnel in plain Python, person by person."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.macros import load_macros
from tests.oracle.funnel_walk import Event, Outcome, Step, walk

PEOPLE = 1_000
START = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = START + timedelta(hours=40)
STEPS = 6
PLAIN = [Step(1), Step(2, window_hours=6), Step(3, window_hours=4)]
TIME = pa.timestamp("us", "UTC")
EVENTS = {"journey_key": pa.string(), "step_number": pa.int64(), "occurred_at": TIME}
JOURNEYS = {"journey_key": pa.string(), "scope": pa.string(), "as_of": TIME, "ended_at": TIME}
RULES = {
    "scope": pa.string(),
    "step_number": pa.int64(),
    "window_hours": pa.decimal128(9, 2),
    "is_optional": pa.bool_(),
    "late_is_reached": pa.bool_(),
    "is_strict": pa.bool_(),
}

People = dict[str, tuple[list[Event], datetime | None]]


@st.composite
def funnels(draw: st.DrawFn) -> tuple[list[Step], bool]:
    """Steps with windows that tests can hit exactly, some optional, some that count when late."""
    steps = [Step(1)]
    for number in range(2, draw(st.integers(2, STEPS)) + 1):
        steps.append(
            Step(
                number,
                window_hours=draw(st.sampled_from([None, 0.5, 1, 2, 6, 24])),
                is_optional=draw(st.booleans()) and draw(st.booleans()),
                late_is_reached=draw(st.booleans()) and draw(st.booleans()),
            )
        )
    return steps, draw(st.booleans())


def crowd(seed: int) -> People:
    """A thousand people whose events tie, repeat and come in any order; half hours apart."""
    random = Random(seed)
    people = {}
    for number in range(PEOPLE):
        count = random.choice((1, 2, 3, 5, 8, 13))
        moments = [random.randrange(random.choice((4, 20, 80))) for _ in range(count)]
        if random.random() < 0.6:
            moments.sort()
        walks = random.random() < 0.6
        events = [
            (
                START + timedelta(minutes=30 * moment),
                min(place + 1, STEPS) if walks else random.randint(1, STEPS),
            )
            for place, moment in enumerate(moments)
        ]
        ended = random.random() < 0.2
        ended_at = START + timedelta(minutes=30 * random.randrange(100)) if ended else None
        people[f"p{number:04d}"] = (events, ended_at)
    return people


def _expected(people: People, steps: list[Step], *, is_strict: bool) -> dict[str, list[Outcome]]:
    known = {step.number for step in steps}
    walked = {
        key: walk(
            [event for event in events if event[1] in known],
            steps,
            as_of=AS_OF,
            ended_at=ended_at,
            is_strict=is_strict,
        )
        for key, (events, ended_at) in people.items()
    }
    return {key: outcomes for key, outcomes in walked.items() if outcomes}


def _computed(people: People, steps: list[Step], *, is_strict: bool) -> dict[str, list[Outcome]]:
    events = [
        (key, number, when) for key, (happened, _) in people.items() for when, number in happened
    ]
    rules = [
        (
            "s",
            step.number,
            None if step.window_hours is None else Decimal(str(step.window_hours)),
            step.is_optional,
            step.late_is_reached,
            is_strict,
        )
        for step in steps
    ]
    journeys = [(key, "s", AS_OF, ended_at) for key, (_, ended_at) in people.items()]
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.register("events", _table(EVENTS, events))
    connection.register("steps", _table(RULES, rules))
    connection.register("journeys", _table(JOURNEYS, journeys))
    macros = load_macros("time", "materialized_once", "funnel_outcomes")
    query = macros.funnel_outcomes("events", "steps", "journeys", len(steps))
    outcomes: dict[str, list[Outcome]] = {}
    for journey_key, *values in connection.execute(
        "select journey_key, step_number, outcome, reached_at, entered_at, window_ends_at, "
        f"dropped_at from ({query}) order by 1, 2"
    ).fetchall():
        outcomes.setdefault(journey_key, []).append(Outcome(*values))
    return outcomes


def _table(columns: dict[str, pa.DataType], rows: list[tuple[Any, ...]]) -> pa.Table:
    by_column = zip(*rows, strict=True)
    arrays = [pa.array(v, t) for v, t in zip(by_column, columns.values(), strict=True)]
    return pa.Table.from_arrays(arrays, names=list(columns))


@settings(max_examples=8, deadline=None)
@given(funnel=funnels(), seed=st.integers(0, 2**32))
def test_a_thousand_random_people_are_where_the_naive_walk_leaves_them(
    funnel: tuple[list[Step], bool], seed: int
):
    (steps, is_strict), people = funnel, crowd(seed)
    expected = _expected(people, steps, is_strict=is_strict)
    computed = _computed(people, steps, is_strict=is_strict)
    wrong = [key for key in people if expected.get(key) != computed.get(key)]
    assert {key: (people[key], expected.get(key), computed.get(key)) for key in wrong[:1]} == {}


def _one(
    events: str, *, is_strict: bool = False, ended: int | None = None, **rules: Any
) -> list[str]:
    """Outcomes of one person in short: `events` is such as "1@0 2@3", in hours."""
    happened = [
        (START + timedelta(hours=float(hour)), int(step))
        for step, hour in (event.split("@") for event in events.split())
    ]
    ended_at = None if ended is None else START + timedelta(hours=ended)
    people = {"p": (happened, ended_at)}
    steps = rules.get("steps", PLAIN)
    computed = _computed(people, steps, is_strict=is_strict).get("p", [])
    assert computed == _expected(people, steps, is_strict=is_strict).get("p", [])
    return [outcome.outcome for outcome in computed]


def test_a_step_counts_up_to_the_last_moment_of_its_window():
    assert _one("1@0 2@6 3@8") == ["reached", "reached", "reached"]
    assert _one("1@0 2@6 3@12.5") == ["reached", "reached", "dropped"]


def test_a_later_start_saves_a_step_that_the_first_one_would_miss():
    assert _one("1@0 1@10 2@15") == ["reached", "reached", "dropped"]
    assert _one("1@0 1@36") == ["reached", "open"], "the window of the second start is not over"


def test_events_of_one_moment_go_in_the_order_of_the_steps():
    assert _one("3@1 2@1 1@1") == ["reached", "reached", "reached"]


def test_a_step_before_its_predecessor_does_not_count():
    assert _one("2@0 1@1 3@2") == ["reached", "dropped"]
    assert _one("2@0 3@1") == [], "what never began is no journey"


def test_strict_mode_lets_nothing_come_in_between():
    assert _one("1@0 3@1 2@2") == ["reached", "reached", "dropped"]
    assert _one("1@0 3@1 2@2", is_strict=True) == ["reached", "dropped"]
    assert _one("1@0 1@1 2@2 3@3", is_strict=True) == ["reached"] * 3, "repeats are one step"


def test_an_optional_step_is_skipped_and_the_window_counts_from_the_step_before():
    steps = [PLAIN[0], Step(2, window_hours=6, is_optional=True), Step(3, window_hours=4)]
    assert _one("1@0 3@4", steps=steps) == ["reached", "skipped", "reached"]
    assert _one("1@0 2@3 3@7", steps=steps) == ["reached", "reached", "reached"]
    assert _one("1@0 3@1 2@2", steps=steps) == ["reached", "skipped", "reached"]


def test_a_journey_that_was_given_up_is_dropped_before_its_window_ends():
    assert _one("1@38", ended=39) == ["reached", "dropped"]
    assert _one("1@38", ended=41) == ["reached", "open"], "that is still to come"
