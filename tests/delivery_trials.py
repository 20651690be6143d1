"""Kills a delivering worker at one step of claim → send → receipt → mark, and counts the effects.

Each trial has an operational database of its own, forks a worker from this process (everything is
imported already), lets it kill itself with SIGKILL at the step, and lets another worker finish.
"""

import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, insert, select

from connectors.database.engine import create_database_engine, upgrade_schema, write_transaction
from connectors.database.schema import decisions, outbox
from connectors.sinks.base import Receipt, Sink
from connectors.sinks.jsonl import JsonLinesSink
from orchestration.decisions.courier import STEPS, RetryPolicy
from orchestration.decisions.outbox import deliver

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DECISIONS = 3
EAGER = RetryPolicy(max_attempts=1000, first_delay=timedelta(0), rate_limits={})
# Inside the target, after its effect and before it answers; no step of the worker tells it apart.
EFFECT = "effect"
POINTS = (*STEPS, EFFECT)
Kind = Literal["key", "look-up", "file", "neither"]
KINDS: tuple[Kind, ...] = ("key", "look-up", "file", "neither")


class Target:
    """A system of its own: an SQLite file in which every effect is a row, committed."""

    def __init__(self, path: Path, *, takes_key: bool) -> None:
        self._path = path
        self._takes_key = takes_key
        with self._open() as connection:
            unique = "unique" if takes_key else ""
            connection.execute(f"create table if not exists effects (key text {unique}, body text)")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)

    def take(self, key: str, body: Mapping[str, Any]) -> bool:
        """Do what is asked; False when the key was there already and the target looks at keys."""
        with self._open() as connection:
            verb = "insert or ignore" if self._takes_key else "insert"
            done = connection.execute(f"{verb} into effects values (?, ?)", (key, json.dumps(body)))
            return done.rowcount == 1

    def has(self, key: str) -> bool:
        with self._open() as connection:
            found = connection.execute("select 1 from effects where key = ?", (key,)).fetchone()
        return found is not None

    def effects(self) -> Counter[str]:
        with self._open() as connection:
            return Counter(key for (key,) in connection.execute("select key from effects"))


class KeyedSink:
    """The target recognises a repetition by the key."""

    name = "target"

    def __init__(self, path: Path, on_effect: Callable[[], None]) -> None:
        self._target, self._on_effect = Target(path, takes_key=True), on_effect

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        is_new = self._target.take(key, payload)
        self._on_effect()
        return Receipt("accepted" if is_new else "duplicate")


class PlainSink:
    """The target takes no key; a person can decide only by looking there."""

    name = "target"

    def __init__(self, path: Path, on_effect: Callable[[], None]) -> None:
        self.target, self._on_effect = Target(path, takes_key=False), on_effect

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        self.target.take(key, payload)
        self._on_effect()
        return Receipt("accepted")


class AskedSink(PlainSink):
    """The target takes no key, but can be asked what it has."""

    def find(self, key: str, payload: Mapping[str, Any]) -> Receipt | None:
        del payload
        return Receipt("duplicate") if self.target.has(key) else None


class BlindSink(PlainSink):
    """The target takes no key and can't be asked."""

    is_unrepeatable: Literal[True] = True


class FileSink:
    """The JSON-lines file that ships with Fourflow, under the name of the trial's target."""

    name = "target"

    def __init__(self, path: Path, on_effect: Callable[[], None]) -> None:
        self._file, self._on_effect = JsonLinesSink(path), on_effect

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        receipt = self._file.deliver(key, payload)
        self._on_effect()
        return receipt


@dataclass(frozen=True)
class Outcome:
    """What one trial left: effects by key, and the states of the deliveries."""

    effects: Counter[str]
    states: Counter[str]
    was_killed: bool

    @property
    def duplicates(self) -> int:
        return sum(count - 1 for count in self.effects.values())

    @property
    def lost(self) -> int:
        """Decisions without an effect that nobody is told about."""
        return DECISIONS - len(self.effects) - self.unknown_without_effect

    @property
    def unknown_without_effect(self) -> int:
        return min(self.states["dead"], DECISIONS - len(self.effects))


def run_trial(make_engine: Callable[[], Engine], folder: Path, kind: Kind, point: str) -> Outcome:
    """Kill a worker at the point, let another finish, and look at what happened at the target.

    Args:
        make_engine: opens the trial's database, upgraded already; called again in the child.
        folder: for the target's file.
        kind: what the target can do.
        point: one of `POINTS`, at the second delivery of the worker.
    """
    engine = make_engine()
    _fill(engine)
    engine.dispose()
    path = folder / "effects"
    child = os.fork()
    if child == 0:
        _die_at(make_engine(), kind, path, point)
    _, status = os.waitpid(child, 0)
    engine = make_engine()
    deliver(engine, {"target": _sink(kind, path, _nothing)}, now=NOW, worker_id="b", policy=EAGER)
    with engine.connect() as connection:
        states = Counter(connection.execute(select(outbox.c.state)).scalars())
    engine.dispose()
    return Outcome(_effects(kind, path), states, os.WIFSIGNALED(status))


def prepare_sqlite(path: Path) -> None:
    """An empty database at the newest schema, to be copied by every trial."""
    engine = create_database_engine(_sqlite_url(path))
    upgrade_schema(engine)
    engine.dispose()


def open_sqlite(path: Path) -> Engine:
    """A database that is upgraded already."""
    return create_database_engine(_sqlite_url(path))


def _sqlite_url(path: Path) -> Any:
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path))


def _die_at(engine: Engine, kind: Kind, path: Path, point: str) -> None:
    """In the child: deliver until the second pass of the point, then SIGKILL; never returns."""
    seen: Counter[str] = Counter()

    def reached(step: str) -> None:
        seen[step] += 1
        if step == point and seen[step] == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        sink = _sink(kind, path, lambda: reached(EFFECT))
        deliver(engine, {"target": sink}, now=NOW, worker_id="a", policy=EAGER, on_step=reached)
    finally:
        os._exit(1)


def _sink(kind: Kind, path: Path, on_effect: Callable[[], None]) -> Sink:
    made: dict[str, Callable[[Path, Callable[[], None]], Sink]] = {
        "key": KeyedSink, "look-up": AskedSink, "file": FileSink, "neither": BlindSink,
    }  # fmt: skip
    return made[kind](path, on_effect)


def _effects(kind: Kind, path: Path) -> Counter[str]:
    if kind == "file":
        lines = path.read_text(encoding="utf-8").splitlines()
        return Counter(json.loads(line)["key"] for line in lines)
    return Target(path, takes_key=kind == "key").effects()


def _nothing() -> None:
    """The worker that finishes is not killed."""


def _fill(engine: Engine) -> None:
    ids = [f"{number:064x}" for number in range(DECISIONS)]
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions), [
            {"decision_id": one, "rule_id": "r", "rule_version": 1, "kind": "alert",
             "subject": one, "occurrence": "once", "occurred_at": NOW, "publication_id": "p",
             "snapshot_id": 1, "explanation": {}, "message": {}, "state": "proposed",
             "created_at": NOW, "updated_at": NOW}
            for one in ids
        ])  # fmt: skip
        connection.execute(insert(outbox), [
            {"decision_id": one, "sink": "target", "idempotency_key": f"target_{one}",
             "payload": {"data": {"decision_id": one}}, "state": "pending", "attempts": 0,
             "next_attempt_at": NOW, "created_at": NOW, "updated_at": NOW}
            for one in ids
        ])  # fmt: skip
