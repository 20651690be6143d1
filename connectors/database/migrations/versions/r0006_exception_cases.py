"""Exceptions that somebody took or resolved.

Types are written out here, not imported: a revision must never change with the code around it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_MONEY = sa.Numeric(18, 2).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "exception_cases",
        sa.Column("exception_key", sa.Text(), nullable=False),
        sa.Column("exception_class", sa.Text(), nullable=False),
        sa.Column("business", sa.Text(), nullable=False),
        sa.Column("amount_at_risk", _MONEY, nullable=False),
        sa.Column("currency_code", sa.Text()),
        sa.Column("raised_at", _MOMENT),
        sa.Column("due_at", _MOMENT),
        sa.Column("taken_by", sa.Text()),
        sa.Column("taken_at", _MOMENT),
        sa.Column("resolved_by", sa.Text()),
        sa.Column("resolved_at", _MOMENT),
        sa.Column("resolution", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("exception_key", name="pk_exception_cases"),
    )
    op.create_index(
        "ix_exception_cases_exception_class_resolved_at",
        "exception_cases",
        ["exception_class", "resolved_at"],
    )


def downgrade() -> None:
    op.drop_table("exception_cases")
