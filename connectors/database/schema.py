"""Tables of the operational database (SQLAlchemy Core); changes need a migration beside them.

States are plain text without a CHECK, so that a later state needs no table rebuild.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from connectors.database.column_types import Money, UtcDateTime, identity_type, json_type, metadata
from connectors.database.data_tables import entered_orders, quarantine_decisions, source_comparisons

__all__ = [
    "access_log",
    "api_keys",
    "approval_delegations",
    "approval_link_visits",
    "approval_links",
    "approval_verdicts",
    "approvals",
    "decision_events",
    "decisions",
    "delivery_attempts",
    "entered_orders",
    "exception_cases",
    "exception_events",
    "identity_decisions",
    "metadata",
    "outbox",
    "pipeline_runs",
    "publications",
    "quarantine_decisions",
    "receipts",
    "reconciliation_sign_offs",
    "report_subscriptions",
    "rules",
    "saved_views",
    "source_comparisons",
    "stock_balances",
    "stock_entries",
    "stock_reservation_lines",
    "stock_reservations",
]

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
    # act, shadow (recorded only) or hold_out (left alone so that the effect can be measured).
    Column("mode", Text, nullable=False, server_default="act"),
    Column("branch", Text),
    Column("owner", Text),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("trace_id", Text),
    Column("model_versions", json_type(), nullable=False, server_default="{}"),
    Column("options", json_type(), nullable=False, server_default="[]"),
    # What the action itself costs, such as a coupon; counts against the rule's budget.
    Column("cost", Money),
    Column("expires_at", UtcDateTime),
    Column("effect", json_type()),
    Column("measured_at", UtcDateTime),
    Index("ix_decisions_rule_id_subject", "rule_id", "subject"),
    Index("ix_decisions_rule_id_created_at", "rule_id", "created_at"),
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

# One row per action of a decision and sink: what still has to be delivered, and how often it was
# tried. Actions of a decision go in the order of their numbers.
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
    Column("action_no", Integer, nullable=False, server_default="1"),
    UniqueConstraint("decision_id", "action_no", "sink"),
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

# One row per attempt that began, append only: what a sink's rate limit counts.
delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("attempt_id", identity_type(), primary_key=True, autoincrement=True),
    Column("outbox_id", BigInteger, ForeignKey("outbox.outbox_id"), nullable=False, index=True),
    Column("sink", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Index("ix_delivery_attempts_sink_started_at", "sink", "started_at"),
)

# One row per decision that a person must approve before anything of it is sent.
approvals = Table(
    "approvals",
    metadata,
    Column("decision_id", Text, ForeignKey("decisions.decision_id"), primary_key=True),
    Column("tier", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("needed", Integer, nullable=False),
    Column("recommended", Text),
    Column("state", Text, nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("escalations", Integer, nullable=False),
    Column("closed_at", UtcDateTime),
    Index("ix_approvals_state_due_at", "state", "due_at"),
)

# One row per verdict of a person, append only: the label that models learn from.
approval_verdicts = Table(
    "approval_verdicts",
    metadata,
    Column("verdict_id", identity_type(), primary_key=True, autoincrement=True),
    Column("decision_id", Text, ForeignKey("decisions.decision_id"), nullable=False),
    Column("approver", Text, nullable=False),
    Column("on_behalf_of", Text),
    Column("verdict", Text, nullable=False),
    Column("recommended", Text),
    Column("is_override", Boolean, nullable=False),
    Column("reason", Text),
    Column("channel", Text, nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    UniqueConstraint("decision_id", "approver"),
)

# One row per absence: who may approve for whom, and from when until when.
approval_delegations = Table(
    "approval_delegations",
    metadata,
    Column("delegation_id", identity_type(), primary_key=True, autoincrement=True),
    Column("delegator", Text, nullable=False, index=True),
    Column("delegate", Text, nullable=False),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# One row per signed link that was handed out; it can be used once.
approval_links = Table(
    "approval_links",
    metadata,
    Column("link_id", Text, primary_key=True),
    Column("decision_id", Text, ForeignKey("decisions.decision_id"), nullable=False, index=True),
    Column("approver", Text, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

# One row per visit to a link, append only; the address is a keyed hash.
approval_link_visits = Table(
    "approval_link_visits",
    metadata,
    Column("visit_id", identity_type(), primary_key=True, autoincrement=True),
    Column("link_id", Text),
    Column("visitor", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("happened_at", UtcDateTime, nullable=False),
    Index("ix_approval_link_visits_visitor_happened_at", "visitor", "happened_at"),
)

# One row per site and article: what is there and what of it is promised.
stock_balances = Table(
    "stock_balances",
    metadata,
    Column("site", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("reserved >= 0", name="reserved_not_negative"),
)

# One row per request to reserve, granted or not; its id is the caller's idempotency key.
stock_reservations = Table(
    "stock_reservations",
    metadata,
    Column("reservation_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("priority", Integer, nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_stock_reservations_state_expires_at", "state", "expires_at"),
)

# One row per article (bundles in their components) and site of a reservation.
stock_reservation_lines = Table(
    "stock_reservation_lines",
    metadata,
    Column(
        "reservation_id",
        Text,
        ForeignKey("stock_reservations.reservation_id"),
        primary_key=True,
    ),
    Column("site", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("quantity", BigInteger, nullable=False),
    Index("ix_stock_reservation_lines_site_sku", "site", "sku"),
)

# One row per change of a balance, append only: their sums are the balance.
stock_entries = Table(
    "stock_entries",
    metadata,
    Column("entry_id", identity_type(), primary_key=True, autoincrement=True),
    Column("site", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("on_hand_change", BigInteger, nullable=False),
    Column("reserved_change", BigInteger, nullable=False),
    Column("reservation_id", Text),
    Column("document", Text),
    Column("happened_at", UtcDateTime, nullable=False),
    Index("ix_stock_entries_site_sku", "site", "sku"),
    Index("ix_stock_entries_document", "document"),
)

# One row a key of the HTTP interface; the key itself is never kept, only its hash.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("scopes", json_type(), nullable=False),
    Column("channels", json_type(none_as_null=True)),
    Column("businesses", json_type(none_as_null=True)),
    Column("hidden_columns", json_type(), nullable=False),
    Column("person", Text),
    # Of access.yml: whose rows and columns it sees, at most; neither: a key older than roles.
    Column("role", Text),
    Column("principal", Text),
    Column("regions", json_type(none_as_null=True)),
    Column("sites", json_type(none_as_null=True)),
    # Whose orders it may see and place, no one else's.
    Column("customer_key", Text),
    Column("requests_per_minute", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

# One row a view that a person saved under a name; a position puts it on their cockpit.
saved_views = Table(
    "saved_views",
    metadata,
    Column("view_id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("choices", json_type(), nullable=False),
    Column("position", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("person", "name"),
)

# One row per report that somebody gets by e-mail; one that has ended stays, as a history.
report_subscriptions = Table(
    "report_subscriptions",
    metadata,
    Column("subscription_id", Text, primary_key=True),
    # Whose saved views, and whose reports they are on the page.
    Column("person", Text, nullable=False, index=True),
    Column("email", Text, nullable=False),
    # today, cockpit or view.
    Column("report", Text, nullable=False),
    # Which saved view; empty for the others.
    Column("view_id", Text, nullable=False),
    # 1 (Monday) to 7; none: every day.
    Column("weekday", Integer),
    # Of the business's zone.
    Column("hour", Integer, nullable=False),
    Column("language", Text, nullable=False),
    # none, csv or xlsx.
    Column("attachment", Text, nullable=False),
    Column("subscribed_by", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("ended_by", Text),
)

# One row per exception that somebody took or resolved; what is open stands in `rpt_exceptions`.
exception_cases = Table(
    "exception_cases",
    metadata,
    Column("exception_key", Text, primary_key=True),
    Column("exception_class", Text, nullable=False),
    Column("business", Text, nullable=False),
    Column("amount_at_risk", Money, nullable=False),
    Column("currency_code", Text),
    Column("raised_at", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("taken_by", Text),
    Column("taken_at", UtcDateTime),
    Column("resolved_by", Text),
    Column("resolved_at", UtcDateTime),
    Column("resolution", Text),
    Column("note", Text),
    Index("ix_exception_cases_exception_class_resolved_at", "exception_class", "resolved_at"),
)

# One row per thing that somebody did about an exception, append only.
exception_events = Table(
    "exception_events",
    metadata,
    Column("event_id", identity_type(), primary_key=True, autoincrement=True),
    Column("exception_key", Text, nullable=False, index=True),
    Column("happened_at", UtcDateTime, nullable=False),
    # taken, assigned, handed_back, resolved, reopened.
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", json_type(), nullable=False),
)

# One row a signature under a day's reconciliation or its withdrawal, append only; the figures are
# those that the publication showed.
reconciliation_sign_offs = Table(
    "reconciliation_sign_offs",
    metadata,
    Column("sign_off_id", identity_type(), primary_key=True, autoincrement=True),
    Column("business", Text, nullable=False),
    Column("business_date", Date, nullable=False),
    # signed or withdrawn.
    Column("event", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("signed_at", UtcDateTime, nullable=False),
    Column("note", Text),
    Column("publication_id", Text, nullable=False),
    Column("snapshot_id", BigInteger, nullable=False),
    Column("figures", json_type(), nullable=False),
    Column("figures_hash", Text, nullable=False),
    Index("ix_reconciliation_sign_offs_business_business_date", "business", "business_date"),
)

# One row a pair of accounts and act of a steward about it, append only. An act (merging, splitting
# or undoing) has one row a pair; what was known of the pair then stays beside it, as a label.
identity_decisions = Table(
    "identity_decisions",
    metadata,
    Column("decision_id", identity_type(), primary_key=True, autoincrement=True),
    # Of an undoing: the act that no longer counts.
    Column("act_id", Text, nullable=False, index=True),
    Column("business", Text, nullable=False),
    Column("customer_key_a", Text, nullable=False),
    Column("customer_key_b", Text, nullable=False),
    # same, different or undone.
    Column("decision", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("publication_id", Text, nullable=False),
    Column("snapshot_id", BigInteger, nullable=False),
    Column("evidence", json_type(), nullable=False),
)

# One row a refusal, download, write or sign-in; kept when the person or the key is gone.
access_log = Table(
    "access_log",
    metadata,
    Column("entry_id", identity_type(), primary_key=True, autoincrement=True),
    Column("happened_at", UtcDateTime, nullable=False, index=True),
    Column("person", Text, nullable=False),
    Column("role", Text),
    # dashboards, api or reports.
    Column("door", Text, nullable=False),
    # refused, read, downloaded, wrote, signed_in, sent.
    Column("event", Text, nullable=False),
    # Page, path or action.
    Column("subject", Text, nullable=False),
    Column("detail", Text),
    Column("publication_id", Text),
    Column("row_count", Integer),
    Index("ix_access_log_person_happened_at", "person", "happened_at"),
)
