"""Keys of the HTTP interface are bound to a role or a person of the access policy.

Types are written out here, not imported: a revision must never change with the code around it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
# Keys made before have none of these: they see what their own conditions leave, as they did.
_ADDED = (("role", sa.Text()), ("principal", sa.Text()), ("regions", _JSON), ("sites", _JSON))


def upgrade() -> None:
    for name, kind in _ADDED:
        op.add_column("api_keys", sa.Column(name, kind))


def downgrade() -> None:
    for name, _ in reversed(_ADDED):
        op.drop_column("api_keys", name)
