"""Acceptance: a worker killed at any step of a delivery loses nothing and doubles nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from connectors.database.engine import create_database_engine, upgrade_schema, write_transaction
from tests.benchmarks.delivery_kills import run
from tests.delivery_trials import DECISIONS, KINDS, POINTS, Kind, run_trial

HEAVY = bool(os.environ.get("FOURFLOW_TEST_HEAVY"))


def test_no_effect_is_lost_or_doubled_whatever_step_the_worker_is_killed_at():
    trials = 1_000 if HEAVY else 84
    figures = run(trials)
    assert figures["kills"] == trials
    assert (figures["duplicates"], figures["lost"]) == (0, 0)
    for kind in ("key", "look-up", "file"):
        assert figures[f"{kind}_unique_effects"] == figures[f"{kind}_decisions"]
        assert figures[f"{kind}_dead_letters"] == 0
    assert (
        figures["neither_unique_effects"] + figures["neither_dead_letters"]
        >= (figures["neither_decisions"])
    )


@pytest.fixture(scope="module")
def postgres_url(postgres_server: str) -> str:
    engine = create_database_engine(
        make_url(postgres_server.format(name="postgres")).set(drivername="postgresql+psycopg")
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("create database delivery_trials"))
    engine.dispose()
    url = make_url(postgres_server.format(name="delivery_trials")).set(
        drivername="postgresql+psycopg"
    )
    engine = create_database_engine(url)
    upgrade_schema(engine)
    engine.dispose()
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize("kind", ["key", "look-up"] if not HEAVY else list(KINDS))
@pytest.mark.parametrize("point", POINTS)
def test_postgres_keeps_the_promise_too(
    postgres_url: str, tmp_path: Path, kind: Kind, point: str
) -> None:
    def make_engine() -> Engine:
        return create_database_engine(make_url(postgres_url))

    _empty(make_engine)
    outcome = run_trial(make_engine, tmp_path, kind, point)
    assert outcome.was_killed
    assert (outcome.duplicates, outcome.lost) == (0, 0)
    if kind != "neither":
        assert len(outcome.effects) == DECISIONS


def _empty(make_engine: Callable[[], Engine]) -> None:
    engine = make_engine()
    with write_transaction(engine) as connection:
        connection.execute(text("truncate decisions cascade"))
    engine.dispose()
