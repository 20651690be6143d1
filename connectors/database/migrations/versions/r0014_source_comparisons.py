"""What comparing sources with the lake found, append only.

Types are written out here, not imported: a revision must never change with the code around it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MONEY = sa.Numeric(18, 2).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "source_comparisons",
        sa.Column("comparison_id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date()),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("there_count", sa.BigInteger(), nullable=False),
        sa.Column("here_count", sa.BigInteger(), nullable=False),
        sa.Column("there_amount", _MONEY),
        sa.Column("here_amount", _MONEY),
        sa.Column("differences", sa.BigInteger(), nullable=False),
        sa.Column("not_read", sa.BigInteger(), nullable=False),
        sa.Column("numbers", _JSON, nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("checked_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("comparison_id", name="pk_source_comparisons"),
    )
    op.create_index("ix_source_comparisons_checked_at", "source_comparisons", ["checked_at"])
    _make_append_only("source_comparisons")


def downgrade() -> None:
    op.drop_table("source_comparisons")


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
