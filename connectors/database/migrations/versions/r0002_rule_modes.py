"""Rules are disabled, in shadow or enabled, and have an owner.

Types are written out here, not imported: a revision must never change with the code around it.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FIRST_OWNER = "operations"
_rules = sa.table(
    "rules",
    sa.column("rule_id", sa.Text()),
    sa.column("version", sa.Integer()),
    sa.column("definition", sa.JSON().with_variant(JSONB(), "postgresql")),
    sa.column("enabled", sa.Boolean()),
    sa.column("mode", sa.Text()),
)


def upgrade() -> None:
    op.add_column("rules", sa.Column("mode", sa.Text(), nullable=False, server_default="disabled"))
    for row in _stored():
        definition = {"owner": _FIRST_OWNER, **row.definition}
        definition.pop("enabled", None)
        mode = "enabled" if row.enabled else "disabled"
        _write(row, definition={**definition, "mode": mode}, mode=mode)
    with op.batch_alter_table("rules") as table:
        table.drop_column("enabled")


def downgrade() -> None:
    op.add_column(
        "rules", sa.Column("enabled", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    for row in _stored():
        enabled = row.mode == "enabled"
        kept = {name: value for name, value in row.definition.items() if name != "mode"}
        _write(row, definition={**kept, "enabled": enabled}, enabled=enabled)
    with op.batch_alter_table("rules") as table:
        table.drop_column("mode")


def _stored() -> list[sa.Row[Any]]:
    return list(op.get_bind().execute(sa.select(_rules)).all())


def _write(row: sa.Row[Any], **values: Any) -> None:
    same = sa.and_(_rules.c.rule_id == row.rule_id, _rules.c.version == row.version)
    op.get_bind().execute(sa.update(_rules).where(same).values(**values))
