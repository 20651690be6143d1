"""Reports that people get by e-mail.

Types are written out here, not imported: a revision must never change with the code around it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "report_subscriptions",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("view_id", sa.Text(), nullable=False),
        sa.Column("weekday", sa.Integer()),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("attachment", sa.Text(), nullable=False),
        sa.Column("subscribed_by", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("ended_by", sa.Text()),
        sa.PrimaryKeyConstraint("subscription_id", name="pk_report_subscriptions"),
    )
    op.create_index("ix_report_subscriptions_person", "report_subscriptions", ["person"])


def downgrade() -> None:
    op.drop_table("report_subscriptions")
