"""First tables: publications, runs, rules, decisions, their history, the outbox and receipts.

Types are written out here, not imported: a revision must never change with the code around it.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MONEY = sa.Numeric(18, 2).with_variant(sa.BigInteger(), "sqlite")
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    _create_publications_and_runs()
    _create_decisions()
    _create_outbox()
    _make_append_only("decision_events")


def downgrade() -> None:
    for table in ("receipts", "outbox", "decision_events", "decisions"):
        op.drop_table(table)
    for table in ("rules", "pipeline_runs", "publications"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("drop function if exists fourflow_refuse_change()")


def _create_publications_and_runs() -> None:
    op.create_table(
        "publications",
        _must("publication_id", sa.Text()),
        _must("published_at", _MOMENT),
        _must("run_id", sa.Text()),
        _must("snapshot_id", sa.BigInteger()),
        _must("git_commit", sa.Text()),
        _must("manifest_hash", sa.Text()),
        _must("checks", _JSON),
        _must("row_counts", _JSON),
        sa.PrimaryKeyConstraint("publication_id", name="pk_publications"),
    )
    op.create_index("ix_publications_published_at", "publications", ["published_at"])
    op.create_table(
        "pipeline_runs",
        _must("run_id", sa.Text()),
        _must("started_at", _MOMENT),
        sa.Column("finished_at", _MOMENT),
        _must("status", sa.Text()),
        _must("trigger", sa.Text()),
        _must("failed_checks", _JSON),
        _must("summary", _JSON),
        sa.Column("publication_id", sa.Text()),
        _must("pid", sa.Integer()),
        _must("host", sa.Text()),
        sa.Column("process_start", sa.Text()),
        sa.PrimaryKeyConstraint("run_id", name="pk_pipeline_runs"),
    )
    op.create_index("ix_pipeline_runs_started_at", "pipeline_runs", ["started_at"])
    op.create_index(
        "ix_pipeline_runs_status_finished_at", "pipeline_runs", ["status", "finished_at"]
    )


def _create_decisions() -> None:
    op.create_table(
        "rules",
        _must("rule_id", sa.Text()),
        _must("version", sa.Integer()),
        _must("name", _JSON),
        _must("kind", sa.Text()),
        _must("definition", _JSON),
        _must("content_hash", sa.Text()),
        _must("enabled", sa.Boolean()),
        _must("origin", sa.Text()),
        _must("author", sa.Text()),
        _must("reason", sa.Text()),
        _must("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("rule_id", "version", name="pk_rules"),
    )
    op.create_table(
        "decisions",
        _must("decision_id", sa.Text()),
        _must("rule_id", sa.Text()),
        _must("rule_version", sa.Integer()),
        _must("kind", sa.Text()),
        _must("subject", sa.Text()),
        _must("occurrence", sa.Text()),
        _must("occurred_at", _MOMENT),
        _must("publication_id", sa.Text()),
        _must("snapshot_id", sa.BigInteger()),
        _must("explanation", _JSON),
        _must("message", _JSON),
        sa.Column("amount", _MONEY),
        sa.Column("currency_code", sa.Text()),
        _must("state", sa.Text()),
        sa.Column("state_reason", sa.Text()),
        _must("created_at", _MOMENT),
        _must("updated_at", _MOMENT),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_rule_id_subject", "decisions", ["rule_id", "subject"])
    op.create_index("ix_decisions_state_created_at", "decisions", ["state", "created_at"])
    op.create_table(
        "decision_events",
        sa.Column("event_id", _IDENTITY, autoincrement=True, nullable=False),
        _must("decision_id", sa.Text()),
        _must("happened_at", _MOMENT),
        _must("event", sa.Text()),
        sa.Column("from_state", sa.Text()),
        _must("to_state", sa.Text()),
        _must("actor", sa.Text()),
        _must("detail", _JSON),
        sa.PrimaryKeyConstraint("event_id", name="pk_decision_events"),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["decisions.decision_id"],
            name="fk_decision_events_decision_id_decisions",
        ),
    )
    op.create_index("ix_decision_events_decision_id", "decision_events", ["decision_id"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("outbox_id", _IDENTITY, autoincrement=True, nullable=False),
        _must("decision_id", sa.Text()),
        _must("sink", sa.Text()),
        _must("idempotency_key", sa.Text()),
        _must("payload", _JSON),
        _must("state", sa.Text()),
        _must("attempts", sa.Integer()),
        _must("next_attempt_at", _MOMENT),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("lease_until", _MOMENT),
        sa.Column("hold_cause", sa.Text()),
        sa.Column("hold_reason", sa.Text()),
        sa.Column("last_error", sa.Text()),
        _must("created_at", _MOMENT),
        _must("updated_at", _MOMENT),
        sa.PrimaryKeyConstraint("outbox_id", name="pk_outbox"),
        sa.UniqueConstraint("idempotency_key", name="uq_outbox_idempotency_key"),
        sa.UniqueConstraint("decision_id", "sink", name="uq_outbox_decision_id_sink"),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name="fk_outbox_decision_id_decisions"
        ),
    )
    op.create_index("ix_outbox_state_next_attempt_at", "outbox", ["state", "next_attempt_at"])
    op.create_table(
        "receipts",
        sa.Column("receipt_id", _IDENTITY, autoincrement=True, nullable=False),
        _must("outbox_id", sa.BigInteger()),
        _must("decision_id", sa.Text()),
        _must("sink", sa.Text()),
        _must("idempotency_key", sa.Text()),
        _must("attempt", sa.Integer()),
        _must("outcome", sa.Text()),
        _must("received_at", _MOMENT),
        _must("detail", _JSON),
        sa.PrimaryKeyConstraint("receipt_id", name="pk_receipts"),
        sa.ForeignKeyConstraint(
            ["outbox_id"], ["outbox.outbox_id"], name="fk_receipts_outbox_id_outbox"
        ),
    )
    op.create_index("ix_receipts_outbox_id", "receipts", ["outbox_id"])
    op.create_index("ix_receipts_decision_id", "receipts", ["decision_id"])


def _make_append_only(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "create or replace function fourflow_refuse_change() returns trigger language plpgsql"
            " as $$ begin raise exception '% is append only', tg_table_name; end $$"
        )
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function fourflow_refuse_change()"
        )
        return
    for change in ("update", "delete"):
        op.execute(
            f"create trigger {table}_no_{change} before {change} on {table}"
            f" begin select raise(abort, '{table} is append only'); end"
        )
