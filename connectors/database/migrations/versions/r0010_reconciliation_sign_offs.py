"""Signatures under the reconciliation of days, append only.

Types are written out here, not imported: a revision must never change with the code around it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "reconciliation_sign_offs",
        sa.Column("sign_off_id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("business", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("signed_at", _MOMENT, nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("publication_id", sa.Text(), nullable=False),
        sa.Column("snapshot_id", sa.BigInteger(), nullable=False),
        sa.Column("figures", _JSON, nullable=False),
        sa.Column("figures_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sign_off_id", name="pk_reconciliation_sign_offs"),
    )
    op.create_index(
        "ix_reconciliation_sign_offs_business_business_date",
        "reconciliation_sign_offs",
        ["business", "business_date"],
    )
    _make_append_only("reconciliation_sign_offs")


def downgrade() -> None:
    op.drop_table("reconciliation_sign_offs")


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
