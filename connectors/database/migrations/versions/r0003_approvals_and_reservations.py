"""Approvals, attempts and reservations; decisions with mode, options and an end; ordered actions.

Types are written out here, not imported: a revision must never change with the code around it.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MONEY = sa.Numeric(18, 2).with_variant(sa.BigInteger(), "sqlite")
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_APPEND_ONLY = ("delivery_attempts", "approval_verdicts", "approval_link_visits", "stock_entries")
_ADDED = (
    "mode",
    "branch",
    "owner",
    "priority",
    "trace_id",
    "model_versions",
    "options",
    "cost",
    "expires_at",
    "effect",
    "measured_at",
)


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    _extend_decisions()
    _number_actions("action_no", ("decision_id", "action_no", "sink"), ("decision_id", "sink"))
    _create_attempts()
    _create_approvals()
    _create_approval_links()
    _create_stock()
    for table in _APPEND_ONLY:
        _make_append_only(table)


def downgrade() -> None:
    for table in (
        "stock_entries",
        "stock_reservation_lines",
        "stock_reservations",
        "stock_balances",
        "approval_link_visits",
        "approval_links",
        "approval_delegations",
        "approval_verdicts",
        "approvals",
        "delivery_attempts",
    ):
        op.drop_table(table)
    _number_actions(None, ("decision_id", "sink"), ("decision_id", "action_no", "sink"))
    op.drop_index("ix_decisions_rule_id_created_at", "decisions")
    for column in reversed(_ADDED):
        op.drop_column("decisions", column)


def _extend_decisions() -> None:
    added = (
        sa.Column("mode", sa.Text(), nullable=False, server_default="act"),
        sa.Column("branch", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("trace_id", sa.Text()),
        sa.Column("model_versions", _JSON, nullable=False, server_default="{}"),
        sa.Column("options", _JSON, nullable=False, server_default="[]"),
        sa.Column("cost", _MONEY),
        sa.Column("expires_at", _MOMENT),
        sa.Column("effect", _JSON),
        sa.Column("measured_at", _MOMENT),
    )
    for column in added:
        op.add_column("decisions", column)
    op.create_index("ix_decisions_rule_id_created_at", "decisions", ["rule_id", "created_at"])


def _number_actions(added: str | None, unique: tuple[str, ...], was: tuple[str, ...]) -> None:
    """Change the outbox's key; SQLite builds the table anew, so its receipts step aside."""
    old, new = f"uq_outbox_{'_'.join(was)}", f"uq_outbox_{'_'.join(unique)}"
    steps_aside = op.get_bind().dialect.name == "sqlite"
    if steps_aside:
        op.execute("create temporary table receipts_aside as select * from receipts")
        op.execute("delete from receipts")
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_constraint(old, type_="unique")
        if added:
            column = sa.Column(added, sa.Integer(), nullable=False, server_default="1")
            outbox.add_column(column)
        else:
            outbox.drop_column("action_no")
        outbox.create_unique_constraint(new, list(unique))
    if steps_aside:
        op.execute("insert into receipts select * from receipts_aside")
        op.execute("drop table receipts_aside")


def _create_attempts() -> None:
    op.create_table(
        "delivery_attempts",
        sa.Column("attempt_id", _IDENTITY, autoincrement=True, nullable=False),
        _must("outbox_id", sa.BigInteger()),
        _must("sink", sa.Text()),
        _must("worker", sa.Text()),
        _must("started_at", _MOMENT),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_delivery_attempts"),
        sa.ForeignKeyConstraint(
            ["outbox_id"], ["outbox.outbox_id"], name="fk_delivery_attempts_outbox_id_outbox"
        ),
    )
    op.create_index("ix_delivery_attempts_outbox_id", "delivery_attempts", ["outbox_id"])
    op.create_index(
        "ix_delivery_attempts_sink_started_at", "delivery_attempts", ["sink", "started_at"]
    )


def _of_decision(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["decision_id"], ["decisions.decision_id"], name=f"fk_{table}_decision_id_decisions"
    )


def _create_approvals() -> None:
    op.create_table(
        "approvals",
        _must("decision_id", sa.Text()),
        _must("tier", sa.Text()),
        _must("role", sa.Text()),
        _must("needed", sa.Integer()),
        sa.Column("recommended", sa.Text()),
        _must("state", sa.Text()),
        _must("requested_at", _MOMENT),
        _must("due_at", _MOMENT),
        _must("escalations", sa.Integer()),
        sa.Column("closed_at", _MOMENT),
        sa.PrimaryKeyConstraint("decision_id", name="pk_approvals"),
        _of_decision("approvals"),
    )
    op.create_index("ix_approvals_state_due_at", "approvals", ["state", "due_at"])
    op.create_table(
        "approval_verdicts",
        sa.Column("verdict_id", _IDENTITY, autoincrement=True, nullable=False),
        _must("decision_id", sa.Text()),
        _must("approver", sa.Text()),
        sa.Column("on_behalf_of", sa.Text()),
        _must("verdict", sa.Text()),
        sa.Column("recommended", sa.Text()),
        _must("is_override", sa.Boolean()),
        sa.Column("reason", sa.Text()),
        _must("channel", sa.Text()),
        _must("given_at", _MOMENT),
        sa.PrimaryKeyConstraint("verdict_id", name="pk_approval_verdicts"),
        sa.UniqueConstraint(
            "decision_id", "approver", name="uq_approval_verdicts_decision_id_approver"
        ),
        _of_decision("approval_verdicts"),
    )
    op.create_table(
        "approval_delegations",
        sa.Column("delegation_id", _IDENTITY, autoincrement=True, nullable=False),
        _must("delegator", sa.Text()),
        _must("delegate", sa.Text()),
        _must("valid_from", _MOMENT),
        _must("valid_until", _MOMENT),
        _must("author", sa.Text()),
        _must("reason", sa.Text()),
        _must("created_at", _MOMENT),
        sa.PrimaryKeyConstraint("delegation_id", name="pk_approval_delegations"),
    )
    op.create_index("ix_approval_delegations_delegator", "approval_delegations", ["delegator"])


def _create_approval_links() -> None:
    op.create_table(
        "approval_links",
        _must("link_id", sa.Text()),
        _must("decision_id", sa.Text()),
        _must("approver", sa.Text()),
        _must("issued_at", _MOMENT),
        _must("expires_at", _MOMENT),
        sa.Column("used_at", _MOMENT),
        sa.PrimaryKeyConstraint("link_id", name="pk_approval_links"),
        _of_decision("approval_links"),
    )
    op.create_index("ix_approval_links_decision_id", "approval_links", ["decision_id"])
    op.create_table(
        "approval_link_visits",
        sa.Column("visit_id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("link_id", sa.Text()),
        _must("visitor", sa.Text()),
        _must("outcome", sa.Text()),
        _must("happened_at", _MOMENT),
        sa.PrimaryKeyConstraint("visit_id", name="pk_approval_link_visits"),
    )
    op.create_index(
        "ix_approval_link_visits_visitor_happened_at",
        "approval_link_visits",
        ["visitor", "happened_at"],
    )


def _create_stock() -> None:
    op.create_table(
        "stock_balances",
        _must("site", sa.Text()),
        _must("sku", sa.Text()),
        _must("on_hand", sa.BigInteger()),
        _must("reserved", sa.BigInteger()),
        _must("updated_at", _MOMENT),
        sa.PrimaryKeyConstraint("site", "sku", name="pk_stock_balances"),
        sa.CheckConstraint("reserved >= 0", name="ck_stock_balances_reserved_not_negative"),
    )
    op.create_table(
        "stock_reservations",
        _must("reservation_id", sa.Text()),
        _must("state", sa.Text()),
        sa.Column("reason", sa.Text()),
        _must("priority", sa.Integer()),
        _must("requested_at", _MOMENT),
        sa.Column("expires_at", _MOMENT),
        _must("updated_at", _MOMENT),
        sa.PrimaryKeyConstraint("reservation_id", name="pk_stock_reservations"),
    )
    op.create_index(
        "ix_stock_reservations_state_expires_at", "stock_reservations", ["state", "expires_at"]
    )
    op.create_table(
        "stock_reservation_lines",
        _must("reservation_id", sa.Text()),
        _must("site", sa.Text()),
        _must("sku", sa.Text()),
        _must("quantity", sa.BigInteger()),
        sa.PrimaryKeyConstraint("reservation_id", "site", "sku", name="pk_stock_reservation_lines"),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["stock_reservations.reservation_id"],
            name="fk_stock_reservation_lines_reservation_id_stock_reservations",
        ),
    )
    op.create_index(
        "ix_stock_reservation_lines_site_sku", "stock_reservation_lines", ["site", "sku"]
    )
    op.create_table(
        "stock_entries",
        sa.Column("entry_id", _IDENTITY, autoincrement=True, nullable=False),
        _must("site", sa.Text()),
        _must("sku", sa.Text()),
        _must("kind", sa.Text()),
        _must("on_hand_change", sa.BigInteger()),
        _must("reserved_change", sa.BigInteger()),
        sa.Column("reservation_id", sa.Text()),
        sa.Column("document", sa.Text()),
        _must("happened_at", _MOMENT),
        sa.PrimaryKeyConstraint("entry_id", name="pk_stock_entries"),
    )
    op.create_index("ix_stock_entries_site_sku", "stock_entries", ["site", "sku"])
    op.create_index("ix_stock_entries_document", "stock_entries", ["document"])


def _make_append_only(table: str) -> None:
    """Refuse changes; revision 0001 made the function for PostgreSQL."""
    if op.get_bind().dialect.name == "postgresql":
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
