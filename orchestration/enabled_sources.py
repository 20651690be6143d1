"""Which sources' models an installation builds: what it reads, what people enter here, and bronze.

The list is kept in a file in home, so that every process of the installation gives dbt the same.
An empty list means all sources: an installation that reads nothing yet, or a plain `dbt build`.
"""

from pathlib import Path

import duckdb
from sqlalchemy import select

from connectors.configuration import load_configuration
from connectors.database.data_tables import entered_orders, form_entries
from connectors.database.engine import database_url, open_database
from connectors.errors import NothingPublishedError
from connectors.lake.attach import connect_snapshot
from connectors.lake.repair import bronze_tables
from connectors.settings import Settings
from connectors.sources.mapping import DeclaredSource, list_sources, load_source

# Nobody configures these: they are read from the first entry on.
_ENTERED_HERE = {"order_entry": entered_orders, "form_entries": form_entries}


def declared_sources(settings: Settings) -> list[DeclaredSource]:
    """Every source that the dbt project declares."""
    return [load_source(settings, name) for name in list_sources(settings)]


def refresh_enabled_sources(settings: Settings) -> tuple[str, ...]:
    """Find out which sources are enabled and remember it for this home; sorted names."""
    landed = _bronze_tables(settings)
    configured = {
        source.mapping or source.name for source in load_configuration(settings).sources.values()
    }
    configured |= _entered_here(settings)
    enabled = tuple(
        sorted(
            source.name
            for source in declared_sources(settings)
            if source.name in configured or landed & {entity.table for entity in source.received}
        )
    )
    if settings.enabled_sources() != enabled:
        path = settings.enabled_sources_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(enabled), encoding="utf-8")
    return enabled


def _entered_here(settings: Settings) -> set[str]:
    """Sources of what people entered here: the run that brings the first of it builds it, too."""
    file = database_url(settings).database
    is_file = database_url(settings).get_backend_name() == "sqlite"
    if is_file and not (file and Path(file).exists()):
        return set()  # nobody has done anything yet
    with open_database(settings).connect() as connection:
        return {
            name
            for name, table in _ENTERED_HERE.items()
            if connection.execute(select(table.c.entered_at).limit(1)).first() is not None
        }


def _bronze_tables(settings: Settings) -> set[str]:
    try:
        connection: duckdb.DuckDBPyConnection = connect_snapshot(settings)
    except (NothingPublishedError, duckdb.Error):
        return set()  # no lake yet
    try:
        return set(bronze_tables(connection, with_load_id=True))
    finally:
        connection.close()
