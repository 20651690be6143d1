"""The operational database opens, upgrades and guards itself on both engines."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from connectors.database import schema
from connectors.database.engine import (
    create_database_engine,
    database_url,
    open_database,
    upgrade_schema,
    write_transaction,
)
from connectors.errors import ContractError, InputError, TransientError
from connectors.settings import Settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OPEN_IN_A_PROCESS = """
import sys
from connectors.database.engine import open_database
from connectors.settings import load_settings
sys.stdin.readline()
open_database(load_settings(home=sys.argv[1], database_url=sys.argv[2]))
"""


def decision(decision_id: str = "d1", **values: object) -> dict[str, object]:
    row = {
        "decision_id": decision_id, "rule_id": "r", "rule_version": 1, "kind": "alert",
        "subject": "{}", "occurrence": "once", "occurred_at": NOW, "publication_id": "p",
        "snapshot_id": 1, "explanation": {}, "message": {}, "amount": None,
        "currency_code": None, "state": "proposed", "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return {**row, **values}


def test_migrations_give_exactly_the_declared_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    with write_transaction(engine) as connection:
        connection.execute(insert(schema.decisions), [decision()])
    upgrade_schema(engine)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(schema.decisions)).scalar() == 1


def test_revision_can_be_taken_back_and_applied_again(engine: Engine) -> None:
    from alembic import command

    from connectors.database.engine import _alembic_config

    with write_transaction(engine) as connection:
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    upgrade_schema(engine)
    assert "outbox" in inspect(engine).get_table_names()


def test_rules_of_an_older_version_keep_their_switch_and_get_an_owner(engine: Engine) -> None:
    from alembic import command

    from connectors.database.engine import _alembic_config

    def move(change: Any, revision: str) -> None:
        with write_transaction(engine) as connection:
            config = _alembic_config()
            config.attributes["connection"] = connection
            change(config, revision)

    move(command.downgrade, "0001")
    add = text(
        "insert into rules (rule_id, version, name, kind, definition, content_hash, enabled, "
        "origin, author, reason, created_at) values (:id, 1, '{}', 'alert', :definition, 'h', "
        ":enabled, 'edited', 'Li', 'x', '2026-01-01 00:00:00')"
    )
    with write_transaction(engine) as connection:
        for name, enabled in (("on", True), ("off", False)):
            stored = json.dumps({"rule_id": name, "enabled": enabled, "kind": "alert"})
            connection.execute(add, {"id": name, "definition": stored, "enabled": enabled})
    move(command.upgrade, "head")
    with engine.connect() as connection:
        found = connection.execute(select(schema.rules).order_by(schema.rules.c.rule_id)).all()
    assert [(row.mode, row.definition["mode"]) for row in found] == [
        ("disabled", "disabled"), ("enabled", "enabled"),
    ]  # fmt: skip
    assert all(row.definition["owner"] == "operations" for row in found)
    assert all("enabled" not in row.definition for row in found)
    move(command.downgrade, "0001")
    with engine.connect() as connection:
        switches = connection.execute(text("select enabled from rules order by rule_id")).scalars()
        assert [bool(value) for value in switches] == [False, True]


def test_processes_that_start_at_once_upgrade_once(database_settings: Settings) -> None:
    arguments = [str(database_settings.root), database_settings.database_url]
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_IN_A_PROCESS, *arguments],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for starter in starters:
        starter.stdin.write("go\n")
        starter.stdin.flush()
    for starter in starters:
        _, errors = starter.communicate(timeout=120)
        assert starter.returncode == 0, errors
    assert "outbox" in inspect(open_database(database_settings)).get_table_names()


def test_threads_share_one_engine(database_settings: Settings) -> None:
    engines: list[Engine] = []
    threads = [
        threading.Thread(target=lambda: engines.append(open_database(database_settings)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(engine) for engine in engines}) == 1


def test_deleted_home_is_made_anew(settings: Settings) -> None:
    open_database(settings)
    settings.database_path.unlink()
    assert "outbox" in inspect(open_database(settings)).get_table_names()


def test_sqlite_has_its_safeguards_on(settings: Settings) -> None:
    with open_database(settings).connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        }
    assert values == {
        "journal_mode": "wal",
        "busy_timeout": 30000,
        "foreign_keys": 1,
        "synchronous": 2,
    }


def test_times_come_back_in_utc_and_naive_ones_are_refused(engine: Engine) -> None:
    shanghai = timezone(timedelta(hours=8))
    local = datetime(2026, 11, 21, 20, 0, 0, 123456, tzinfo=shanghai)
    with write_transaction(engine) as connection:
        connection.execute(insert(schema.decisions), [decision(occurred_at=local)])
        found = connection.execute(select(schema.decisions.c.occurred_at)).scalar_one()
    assert found == local
    assert found.tzinfo is UTC
    with pytest.raises(StatementError, match="no time zone"), write_transaction(engine) as c:
        c.execute(
            insert(schema.decisions), [decision("d2", occurred_at=local.replace(tzinfo=None))]
        )


def test_money_is_exact_beyond_what_floats_hold(engine: Engine) -> None:
    amounts = [Decimal("9007199254740993.01"), Decimal("-0.01"), Decimal("0.10"), Decimal("0.20")]
    rows = [decision(f"d{n}", amount=amount) for n, amount in enumerate(amounts)]
    with write_transaction(engine) as connection:
        connection.execute(insert(schema.decisions), rows)
        column = schema.decisions.c.amount
        found = connection.execute(select(column).order_by("decision_id")).scalars().all()
        total = connection.execute(select(func.sum(column))).scalar_one()
        small = connection.execute(select(func.count()).where(column <= Decimal("0.10"))).scalar()
    assert found == amounts
    assert total == sum(amounts)
    assert small == 2


@pytest.mark.parametrize("amount", [0.1, Decimal("0.001"), Decimal("NaN"), "1.00"])
def test_inexact_money_is_refused(engine: Engine, amount: object) -> None:
    with pytest.raises(StatementError), write_transaction(engine) as connection:
        connection.execute(insert(schema.decisions), [decision(amount=amount)])


def test_json_keeps_chinese_and_nesting(engine: Engine) -> None:
    message = {"zh": "大额订单", "en": "Large order", "values": [1, None, {"a": "b"}]}
    with write_transaction(engine) as connection:
        connection.execute(insert(schema.decisions), [decision(message=message)])
        assert connection.execute(select(schema.decisions.c.message)).scalar_one() == message


@pytest.mark.parametrize(
    "change", ["update decision_events set event = 'x'", "delete from decision_events"]
)
def test_history_is_append_only(engine: Engine, change: str) -> None:
    event = {
        "decision_id": "d1", "happened_at": NOW, "event": "proposed", "to_state": "proposed",
        "actor": "rules", "detail": {},
    }  # fmt: skip
    with write_transaction(engine) as connection:
        connection.execute(insert(schema.decisions), [decision()])
        connection.execute(insert(schema.decision_events), [event])
    with pytest.raises(DBAPIError, match="append only"), write_transaction(engine) as connection:
        connection.execute(text(change))


def test_outbox_row_without_decision_is_refused(engine: Engine) -> None:
    row = {
        "decision_id": "nobody", "sink": "jsonl", "idempotency_key": "k", "payload": {},
        "state": "pending", "attempts": 0, "next_attempt_at": NOW, "created_at": NOW,
        "updated_at": NOW,
    }  # fmt: skip
    with pytest.raises(DBAPIError), write_transaction(engine) as connection:
        connection.execute(insert(schema.outbox), [row])


def test_write_transaction_rolls_back_on_an_error(engine: Engine) -> None:
    def write_half() -> None:
        with write_transaction(engine) as connection:
            connection.execute(insert(schema.decisions), [decision()])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(schema.decisions)).scalar() == 0


def test_read_then_write_from_many_threads_never_fails(engine: Engine) -> None:
    with write_transaction(engine) as connection:
        connection.execute(insert(schema.decisions), [decision(snapshot_id=0)])
    column = schema.decisions.c.snapshot_id
    errors: list[Exception] = []

    def count_up() -> None:
        try:
            for _ in range(20):
                with write_transaction(engine, lock=99) as connection:
                    value = connection.execute(select(column)).scalar_one()
                    connection.execute(schema.decisions.update().values(snapshot_id=value + 1))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with engine.connect() as connection:
        assert connection.execute(select(column)).scalar_one() == 80


def test_database_of_a_newer_version_is_left_alone(engine: Engine) -> None:
    with write_transaction(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(ContractError, match="newer Fourflow"):
        upgrade_schema(engine)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("", "sqlite"),
        ("sqlite:////somewhere/o.sqlite", "sqlite"),
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
    ],
)
def test_url_of_settings(settings: Settings, url: str, driver: str) -> None:
    assert database_url(settings.model_copy(update={"database_url": url})).drivername == driver


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "nonsense secret", "sqlite://"])
def test_unusable_url_says_what_to_write_and_no_secret(settings: Settings, url: str) -> None:
    with pytest.raises(InputError, match="postgresql://") as caught:
        database_url(settings.model_copy(update={"database_url": url}))
    assert "secret" not in str(caught.value)


def test_server_that_does_not_answer_is_a_transient_error_without_password() -> None:
    from sqlalchemy.engine import make_url

    url = make_url("postgresql+psycopg://me:s3cret@127.0.0.1:1/none?connect_timeout=1")
    with pytest.raises(TransientError, match="does not answer") as caught:
        upgrade_schema(create_database_engine(url))
    assert "s3cret" not in str(caught.value)
