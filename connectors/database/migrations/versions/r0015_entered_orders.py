"""Orders that customers and staff enter here, and keys of one customer.

Types are written out here, not imported: a revision must never change with the code around it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MONEY = sa.Numeric(18, 2).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "entered_orders",
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("customer_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("order_amount", _MONEY, nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("record", _JSON, nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("order_key", name="pk_entered_orders"),
    )
    op.create_index(
        "ix_entered_orders_customer_key_state", "entered_orders", ["customer_key", "state"]
    )
    op.create_index("ix_entered_orders_state", "entered_orders", ["state"])
    op.add_column("api_keys", sa.Column("customer_key", sa.Text()))


def downgrade() -> None:
    op.drop_column("api_keys", "customer_key")
    op.drop_table("entered_orders")
