"""The ledger as lake tables (schema `decisions`), so that analysts can query what was decided.

They are written before dbt builds, because some of what people decided (`steward_decisions`) is
its input, and published with everything else: a publication tells what was decided and delivered
until its run began. A table that has not changed since is not written again.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
from sqlalchemy import Engine, Table, select

from connectors.database import schema
from connectors.lake.attach import connect_writer
from connectors.lake.tables import TABLES
from connectors.settings import Settings
from orchestration.learning.ml_tables import write_tables

SCHEMA = "decisions"
# Table of the lake: its columns with their types, and the operational table that has them.
LEDGER_TABLES: dict[str, tuple[Table, dict[str, str]]] = {
    "decisions": (
        schema.decisions,
        {
            "decision_id": "varchar",
            "rule_id": "varchar",
            "rule_version": "integer",
            "kind": "varchar",
            "mode": "varchar",
            "branch": "varchar",
            "owner": "varchar",
            "subject": "varchar",
            "occurrence": "varchar",
            "occurred_at": "timestamptz",
            "publication_id": "varchar",
            "snapshot_id": "bigint",
            "model_versions": "varchar",
            "explanation": "varchar",
            "message": "varchar",
            "options": "varchar",
            "amount": "decimal(18,2)",
            "cost": "decimal(18,2)",
            "currency_code": "varchar",
            "state": "varchar",
            "state_reason": "varchar",
            "effect": "varchar",
            "trace_id": "varchar",
            "created_at": "timestamptz",
            "updated_at": "timestamptz",
            "expires_at": "timestamptz",
            "measured_at": "timestamptz",
        },
    ),
    "decision_events": (
        schema.decision_events,
        {
            "event_id": "bigint",
            "decision_id": "varchar",
            "happened_at": "timestamptz",
            "event": "varchar",
            "from_state": "varchar",
            "to_state": "varchar",
            "actor": "varchar",
            "detail": "varchar",
        },
    ),
    "decision_deliveries": (
        schema.outbox,
        {
            "outbox_id": "bigint",
            "decision_id": "varchar",
            "action_no": "integer",
            "sink": "varchar",
            "idempotency_key": "varchar",
            "state": "varchar",
            "attempts": "integer",
            "hold_cause": "varchar",
            "hold_reason": "varchar",
            "last_error": "varchar",
            "created_at": "timestamptz",
            "updated_at": "timestamptz",
        },
    ),
    "decision_receipts": (
        schema.receipts,
        {
            "receipt_id": "bigint",
            "outbox_id": "bigint",
            "decision_id": "varchar",
            "sink": "varchar",
            "idempotency_key": "varchar",
            "attempt": "integer",
            "outcome": "varchar",
            "received_at": "timestamptz",
            "detail": "varchar",
        },
    ),
    "decision_verdicts": (
        schema.approval_verdicts,
        {
            "verdict_id": "bigint",
            "decision_id": "varchar",
            "approver": "varchar",
            "on_behalf_of": "varchar",
            "verdict": "varchar",
            "recommended": "varchar",
            "is_override": "boolean",
            "reason": "varchar",
            "channel": "varchar",
            "given_at": "timestamptz",
        },
    ),
    "reconciliation_sign_offs": (
        schema.reconciliation_sign_offs,
        {
            "sign_off_id": "bigint",
            "business": "varchar",
            "business_date": "date",
            "event": "varchar",
            "person": "varchar",
            "signed_at": "timestamptz",
            "note": "varchar",
            "publication_id": "varchar",
            "snapshot_id": "bigint",
            "figures": "varchar",
        },
    ),
    "steward_decisions": (
        schema.identity_decisions,
        {
            "decision_id": "bigint",
            "act_id": "varchar",
            "business": "varchar",
            "customer_key_a": "varchar",
            "customer_key_b": "varchar",
            "decision": "varchar",
            "decided_by": "varchar",
            "decided_at": "timestamptz",
            "reason": "varchar",
            "publication_id": "varchar",
            "snapshot_id": "bigint",
            "evidence": "varchar",
        },
    ),
    "quarantine_decisions": (
        schema.quarantine_decisions,
        {
            "decision_id": "bigint",
            "source": "varchar",
            "entity": "varchar",
            "source_id": "varchar",
            "event": "varchar",
            "decided_by": "varchar",
            "decided_at": "timestamptz",
            "reason": "varchar",
            "changes": "varchar",
            "publication_id": "varchar",
        },
    ),
    "published_runs": (
        schema.pipeline_runs,
        {
            "run_id": "varchar",
            "publication_id": "varchar",
            "started_at": "timestamptz",
            "finished_at": "timestamptz",
        },
    ),
}
# Every run adds one, and only what became visible lately is asked for.
_RUNS_KEPT = 10_000


def write_ledger_tables(settings: Settings, engine: Engine) -> dict[str, int]:
    """Bring the lake's copy of the ledger up to date; returns rows by table.

    Args:
        settings: which lake.
        engine: the operational database.
    """
    frames = {name: _read(engine, table, columns) for name, (table, columns) in _tables()}
    with connect_writer(settings, purpose="decisions") as connection:
        there = connection.execute(
            f"select table_name from ({TABLES}) where schema_name = ?",  # noqa: S608 - own names
            [SCHEMA],
        ).fetchall()
        changed = {
            name: frame
            for name, frame in frames.items()
            if (name,) not in there
            or not _is_current(connection, name, frame, LEDGER_TABLES[name][1])
        }
    if changed:
        columns = {name: LEDGER_TABLES[name][1] for name in changed}
        write_tables(settings, SCHEMA, changed, columns)
    return {name: len(frame) for name, frame in frames.items()}


def _tables() -> list[tuple[str, tuple[Table, Mapping[str, str]]]]:
    return list(LEDGER_TABLES.items())


def _read(engine: Engine, table: Table, columns: Mapping[str, str]) -> pd.DataFrame:
    key = next(iter(columns))
    query = select(*(table.c[name] for name in columns)).order_by(table.c[key])
    if table is schema.pipeline_runs:
        newest = (
            select(table.c.run_id)
            .where(table.c.status == "published")
            .order_by(table.c.finished_at.desc())
            .limit(_RUNS_KEPT)
        )
        query = query.where(table.c.run_id.in_(newest))
    with engine.connect() as connection:
        rows = [[_cell(value) for value in row] for row in connection.execute(query)]
    return pd.DataFrame(rows, columns=list(columns), dtype="object")


def _cell(value: Any) -> Any:
    """JSON as text, amounts as exact text; the table's types are cast to."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, Decimal) else value


def _is_current(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    frame: pd.DataFrame,
    columns: Mapping[str, str],
) -> bool:
    """Whether the lake's table has this very content, by number of rows and newest change."""
    moment = next(one for one in columns if one in _MOMENTS)
    found = connection.execute(
        f'select count(*), max("{moment}") from lake.{SCHEMA}.{name}'  # noqa: S608 - own names
    ).fetchone()
    newest = frame[moment].max() if len(frame) else None
    return found == (len(frame), newest)


_MOMENTS = frozenset(
    {
        "updated_at",
        "happened_at",
        "received_at",
        "given_at",
        "signed_at",
        "decided_at",
        "finished_at",
    }
)
