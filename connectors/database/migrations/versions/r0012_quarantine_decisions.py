"""What people decide about records in quarantine: corrected, dropped or taken back, append only.

Types are written out here, not imported: a revision must never change with the code around it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "quarantine_decisions",
        sa.Column("decision_id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", _MOMENT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changes", _JSON, nullable=False),
        sa.Column("publication_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name="pk_quarantine_decisions"),
    )
    op.create_index("ix_quarantine_decisions_source_id", "quarantine_decisions", ["source_id"])
    _make_append_only("quarantine_decisions")


def downgrade() -> None:
    op.drop_table("quarantine_decisions")


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
