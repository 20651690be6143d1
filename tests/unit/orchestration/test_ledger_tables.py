"""The lake's copy of the ledger has what the operational database has, exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, insert

from connectors.database.engine import write_transaction
from connectors.database.runs import finish_run, start_run
from connectors.database.schema import decisions
from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from orchestration.decisions.states import Happening, refresh_states
from orchestration.ledger_tables import LEDGER_TABLES, write_ledger_tables

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


def _decide(engine: Engine, one: str, amount: str) -> None:
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions).values(
            decision_id=one, rule_id="r", rule_version=1, kind="alert", subject="订单 1",
            occurrence="once", occurred_at=NOW, publication_id="p", snapshot_id=7,
            explanation={"客户": "王"}, message={}, state="proposed", amount=Decimal(amount),
            currency_code="CNY", created_at=NOW, updated_at=NOW,
        ))  # fmt: skip
        refresh_states(connection, [one], Happening("proposed", NOW, "rules", is_first=True))


def test_ledger_is_copied_exactly_and_only_when_it_changed(
    settings: Settings, database_settings: Settings, engine: Engine
) -> None:
    del database_settings
    _decide(engine, "a" * 64, "9007199254740.99")
    assert write_ledger_tables(settings, engine)["decisions"] == 1
    connection = connect_snapshot(settings)
    row = connection.execute(
        "select subject, amount, currency_code, explanation, created_at, mode, state "
        "from lake.decisions.decisions"
    ).fetchone()
    assert row is not None
    assert row[:4] == ("订单 1", Decimal("9007199254740.99"), "CNY", '{"客户": "王"}')
    assert (row[4].astimezone(UTC), *row[5:]) == (NOW, "act", "proposed")
    snapshots = "select max(snapshot_id) from ducklake_snapshots('lake')"
    first = connection.execute(snapshots).fetchone()
    connection.close()
    write_ledger_tables(settings, engine)
    connection = connect_snapshot(settings)
    assert connection.execute(snapshots).fetchone() == first, "nothing new, nothing written"
    connection.close()
    _decide(engine, "b" * 64, "1.00")
    rows = write_ledger_tables(settings, engine)
    assert rows == {"decisions": 2, "decision_events": 2} | dict.fromkeys(
        (
            "decision_deliveries",
            "decision_receipts",
            "decision_verdicts",
            "reconciliation_sign_offs",
            "steward_decisions",
            "quarantine_decisions",
            "published_runs",
        ),
        0,
    )
    assert set(rows) == set(LEDGER_TABLES)
    connection = connect_snapshot(settings)
    assert connection.execute("select count(*) from lake.decisions.decisions").fetchone() == (2,)
    connection.close()


def test_only_published_runs_are_told_and_when(
    settings: Settings, database_settings: Settings, engine: Engine
) -> None:
    del database_settings
    for run_id, status, minutes in (
        ("a", "published", 5),
        ("b", "red", 15),
        ("c", "published", 25),
    ):
        start_run(engine, run_id, "test", now=NOW + timedelta(minutes=minutes - 5))
        finish_run(engine, run_id, status, now=NOW + timedelta(minutes=minutes))  # type: ignore[arg-type]
    start_run(engine, "d", "test", now=NOW + timedelta(minutes=30))
    assert write_ledger_tables(settings, engine)["published_runs"] == 2
    connection = connect_snapshot(settings)
    told = connection.execute(
        "select run_id, finished_at from lake.decisions.published_runs order by run_id"
    ).fetchall()
    connection.close()
    assert [(run_id, at.astimezone(UTC)) for run_id, at in told] == [
        ("a", NOW + timedelta(minutes=5)),
        ("c", NOW + timedelta(minutes=25)),
    ]
