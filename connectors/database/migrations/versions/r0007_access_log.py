"""Who was refused what, downloaded or wrote.

Types are written out here, not imported: a revision must never change with the code around it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "access_log",
        sa.Column("entry_id", _IDENTITY, autoincrement=True, nullable=False),
        sa.Column("happened_at", _MOMENT, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("role", sa.Text()),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text()),
        sa.Column("publication_id", sa.Text()),
        sa.Column("row_count", sa.Integer()),
        sa.PrimaryKeyConstraint("entry_id", name="pk_access_log"),
    )
    op.create_index("ix_access_log_happened_at", "access_log", ["happened_at"])
    op.create_index("ix_access_log_person_happened_at", "access_log", ["person", "happened_at"])


def downgrade() -> None:
    op.drop_table("access_log")
