"""The funnel engine at 20 steps with per-step windows over ten million events on two threads.

The events are written to Parquet first, so that the measured query reads them as a mart would. It
runs in a process of its own, whose peak memory is all that it needed; its outcomes are counted and
compared with the naive walk of docs/funnel.md on a thousand of the people.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from connectors.settings import PROJECT_ROOT
from tests.macros import load_macros
from tests.oracle.funnel_walk import Outcome, Step, walk

EVENTS = 10_000_000
STEPS = 20
THREADS = 2
SAMPLE = 1_000
START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = START + timedelta(days=50)
WINDOW_HOURS = (12, 13, 16, 24, 48, 72)
_OPTIONAL = (4, 9, 15)
_LATE_COUNTS = (12,)

# A person begins once to three times, goes on to each next step with 82 % chance after up to 14
# hours, and one event in twenty is of any step at any time.
_PEOPLE = """
    copy (
        with walks as (
            select
                person,
                epoch_us(timestamptz '2026-01-01 00:00:00+00')
                    + (hash(person, attempt, 'start') % 4320000)::bigint * 1000000 as started_us,
                least(20, 1 + floor(ln((1 + hash(person, attempt, 'depth') % 1000000) / 1000001.0)
                    / ln(0.82)))::bigint as depth,
                attempt
            from range(0, {people}) as people(person), range(0, 3) as attempts(attempt)
            where attempt = 0 or hash(person, attempt, 'again') % 4 = 0
        ),
        steps as (
            select person, attempt, started_us, unnest(range(1, depth + 1)) as step_number
            from walks
        ),
        moved as (
            select
                person,
                case when hash(person, attempt, step_number, 'noise') % 20 = 0
                    then 1 + hash(person, step_number) % 20 else step_number end as step_number,
                started_us + sum(
                    case when step_number = 1 then 0
                    else (hash(person, attempt, step_number, 'gap') % 50400)::bigint * 1000000 end
                ) over (partition by person, attempt order by step_number) as occurred_us
            from steps
        )
        select 'person-' || person as journey_key, step_number::bigint as step_number,
            make_timestamptz(occurred_us::bigint) as occurred_at
        from moved
        limit {events}
    ) to '{path}' (format parquet)
"""


def run() -> dict[str, Any]:
    """Seconds, peak memory and counts of a 20-step funnel over ten million events."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_input(folder)
        measured = json.loads(
            subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.funnel", scratch],
                cwd=PROJECT_ROOT,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        return {**measured, **_agreement(folder)}


def steps() -> list[Step]:
    """The funnel that is measured."""
    return [
        Step(
            number,
            window_hours=None if number == 1 else WINDOW_HOURS[number % len(WINDOW_HOURS)],
            is_optional=number in _OPTIONAL,
            late_is_reached=number in _LATE_COUNTS,
        )
        for number in range(1, STEPS + 1)
    ]


def _write_input(folder: Path) -> None:
    connection = duckdb.connect(config={"threads": THREADS})
    connection.execute(
        _PEOPLE.format(people=EVENTS // 6, events=EVENTS, path=folder / "events.parquet")
    )
    connection.execute(
        "copy (select distinct journey_key, 'web' as scope, $as_of::timestamptz as as_of, "
        f"null::timestamptz as ended_at from '{folder / 'events.parquet'}') "
        f"to '{folder / 'journeys.parquet'}' (format parquet)",
        {"as_of": AS_OF},
    )
    rows = ", ".join(
        f"('web', {s.number}, {s.window_hours or 'null'}::decimal(9, 2), {s.is_optional}, "
        f"{s.late_is_reached}, false)"
        for s in steps()
    )
    connection.execute(
        f"copy (select * from (values {rows}) as steps(scope, step_number, window_hours, "
        f"is_optional, late_is_reached, is_strict)) to '{folder / 'steps.parquet'}' "
        "(format parquet)"
    )


def _query(folder: Path) -> str:
    macros = load_macros("time", "materialized_once", "funnel_outcomes")
    files = [f"read_parquet('{folder / name}.parquet')" for name in ("events", "steps", "journeys")]
    return str(macros.funnel_outcomes(*files, STEPS))


def _measure(folder: Path) -> dict[str, Any]:
    import resource
    import time

    connection = duckdb.connect(str(folder / "measured.duckdb"), config={"threads": THREADS})
    connection.execute("set timezone = 'UTC'")
    began = time.perf_counter()
    connection.execute(f"create table outcomes as {_query(folder)}")
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = connection.execute(
        "select count(*), count(distinct journey_key), count(*) filter (outcome = 'reached'), "
        "count(*) filter (outcome = 'skipped'), count(*) filter (outcome = 'open'), "
        "count(*) filter (outcome = 'dropped') from outcomes"
    ).fetchall()[0]
    ((events,),) = connection.execute(
        f"select count(*) from '{folder / 'events.parquet'}'"
    ).fetchall()
    names = ("rows", "journeys", "reached", "skipped", "open", "dropped")
    return {
        "events": events,
        "steps": STEPS,
        "threads": THREADS,
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(peak / 1024),
        **dict(zip(names, counts, strict=True)),
    }


def _agreement(folder: Path) -> dict[str, Any]:
    """How many of a thousand people the naive walk finds elsewhere."""
    connection = duckdb.connect(str(folder / "measured.duckdb"))
    connection.execute("set timezone = 'UTC'")
    sample = (
        f"(select journey_key from '{folder / 'journeys.parquet'}' "
        f"order by hash(journey_key) limit {SAMPLE})"
    )
    events: dict[str, list[tuple[datetime, int]]] = {}
    for key, when, number in connection.execute(
        f"select journey_key, occurred_at, step_number from '{folder / 'events.parquet'}' "
        f"where journey_key in {sample}"
    ).fetchall():
        events.setdefault(key, []).append((when, number))
    found: dict[str, list[Outcome]] = {}
    for key, *values in connection.execute(
        "select journey_key, step_number, outcome, reached_at, entered_at, window_ends_at, "
        f"dropped_at from outcomes where journey_key in {sample} order by 1, 2"
    ).fetchall():
        found.setdefault(key, []).append(Outcome(*values))
    funnel = steps()
    agrees = Counter(
        walk(happened, funnel, as_of=AS_OF) == found.get(key, [])
        for key, happened in events.items()
    )
    return {"compared_people": len(events), "people_elsewhere": agrees[False]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(Path(sys.argv[1]))))
