"""Runs the revisions on the connection that `connectors.database.engine` hands over."""

from alembic import context

from connectors.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
