"""Tables of the operational database (SQLAlchemy Core); changes need a migration beside them.

States are plain text without a CHECK, so that a later state needs no table rebuild.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from connectors.database.column_types import Money, UtcDateTime, identity_type, json_type

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row per publication: the newest row is the pointer that every reader follows.
publications = Table(
    "publications",
    metadata,
    Column("publication_id", Text, primary_key=True),
    Column("published_at", UtcDateTime, nullable=False, index=True),
    Column("run_id", Text, nullable=False),
    Column("snapshot_id", BigInteger, nullable=False),
    Column("git_commit", Text, nullable=False),
    Column("manifest_hash", Text, nullable=False),
    Column("checks", json_type(), nullable=False),
    Column("row_counts", json_type(), nullable=False),
)

# One row per pass of the pipeline; process and host tell a running one from a killed one.
pipeline_runs = Table(
    "pipeline_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("finished_at", UtcDateTime),
    Column("status", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("failed_checks", json_type(), nullable=False),
    Column("summary", json_type(), nullable=False),
    Column("publication_id", Text),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("process_start", Text),
    Index("ix_pipeline_runs_status_finished_at", "status", "finished_at"),
)

# One row per version of a rule; the highest version is the one in force, and its mode says whether
# it is disabled, in shadow (records, does not act) or enabled.
rules = Table(
    "rules",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", json_type(), nullable=False),
    Column("kind", Text, nullable=False),
    Column("definition", json_type(), nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("mode", Text, nullable=False, server_default="disabled"),
    Column("origin", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# One row per decision: its id is the hash of rule, subject and occurrence.
decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", Text, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("occurrence", Text, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("publication_id", Text, nullable=False),
    Column("snapshot_id", BigInteger, nullable=False),
    Column("explanation", json_type(), nullable=False),
    Column("message", json_type(), nullable=False),
    Column("amount", Money),
    Column("currency_code", Text),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_decisions_rule_id_subject", "rule_id", "subject"),
    Index("ix_decisions_state_created_at", "state", "created_at"),
)

# One row per thing that happened to a decision; append only (triggers refuse the rest).
decision_events = Table(
    "decision_events",
    metadata,
    Column("event_id", identity_type(), primary_key=True, autoincrement=True),
    Column("decision_id", Text, ForeignKey("decisions.decision_id"), nullable=False, index=True),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("event", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", json_type(), nullable=False),
)

# One row per decision and sink: what still has to be delivered, and how often it was tried.
outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", identity_type(), primary_key=True, autoincrement=True),
    Column("decision_id", Text, ForeignKey("decisions.decision_id"), nullable=False),
    Column("sink", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("payload", json_type(), nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", UtcDateTime),
    Column("hold_cause", Text),
    Column("hold_reason", Text),
    Column("last_error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("decision_id", "sink"),
    Index("ix_outbox_state_next_attempt_at", "state", "next_attempt_at"),
)

# One row per acknowledgement that a sink gave.
receipts = Table(
    "receipts",
    metadata,
    Column("receipt_id", identity_type(), primary_key=True, autoincrement=True),
    Column("outbox_id", BigInteger, ForeignKey("outbox.outbox_id"), nullable=False, index=True),
    Column("decision_id", Text, nullable=False, index=True),
    Column("sink", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("detail", json_type(), nullable=False),
)
