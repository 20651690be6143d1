"""Alembic's environment and revisions; `connectors.database.engine` runs them without a file."""
