"""dbt-duckdb plugin: gives dbt's connection the wheels' extensions, the writer lock and the lake.

It runs before the profile's own ATTACH (which then finds `lake` attached and does nothing), so an
analyst's plain `dbt build` obeys the same lock as every run.
"""

import contextlib
import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from connectors.errors import InputError
from connectors.lake.attach import attach_for_writing, catalogue_schema
from connectors.lake.extensions import CONNECTION_CONFIG
from connectors.lake.lock import Holder, hold_lock
from connectors.lake.tables import RELATIONS, comments_query, contents_query
from connectors.settings import (
    PROJECT_ROOT,
    Settings,
    business_time_zone_of_dbt,
    load_settings,
)

_held = contextlib.ExitStack()


def close() -> None:
    """Close dbt's connection and let go of its lock; whoever runs dbt in process calls it."""
    DuckDBConnectionManager.close_all_connections()
    _held.close()


def _say_waiting(holder: Holder | None) -> None:
    who = holder.describe() if holder else "another process"
    sys.stderr.write(f"waiting for the lake's writer lock, held by {who}\n")


def refuse_another_time_zone(settings: Settings) -> None:
    """Macros see the environment only: without this, fourflow.yml could say another zone.

    Raises:
        InputError: dbt would compute business dates in a zone that is not the configured one.
    """
    seen = business_time_zone_of_dbt()
    if seen != settings.business_time_zone:
        raise InputError(
            f"dbt would use the time zone {seen}, but {settings.configuration_path} says "
            f"{settings.business_time_zone}; run "
            f"`export FOURFLOW_BUSINESS_TIME_ZONE={settings.business_time_zone}` before dbt."
        )


def macros_hash(project: Path) -> str:
    """Hash of the project's macros and variables: models see no other macro's text in dbt."""
    digest = hashlib.sha256()
    for path in (project / "dbt_project.yml", *sorted(project.glob("macros/**/*.sql"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def estimators_hash() -> str:
    """Hash of the code that the project's Python models call."""
    digest = hashlib.sha256()
    for path in sorted((PROJECT_ROOT / "models_ml").glob("**/*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Plugin(BasePlugin):
    """Prepares dbt's connection; see the module's docstring."""

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """Open DuckDB as every connection of ours."""
        del creds
        config.update(CONNECTION_CONFIG)

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Take the lock (held until the process ends or `close`), then attach the lake."""
        settings = load_settings()
        refuse_another_time_zone(settings)
        _held.close()
        _held.enter_context(
            hold_lock(
                settings,
                purpose="dbt",
                timeout=settings.lock_timeout_seconds,
                on_wait=_say_waiting,
            )
        )
        attach_for_writing(conn, settings)
        # A macro in memory, not an environment variable: dbt would write that into its logs.
        conn.execute(
            f"CREATE OR REPLACE MACRO memory.main.fourflow_pii_key() AS '{settings.pii_hash_key()}'"
        )
        conn.execute(
            "CREATE OR REPLACE MACRO memory.main.fourflow_macros_hash() AS "
            f"'{macros_hash(settings.dbt_project_path)}'"
        )
        conn.execute(
            "CREATE OR REPLACE MACRO memory.main.fourflow_estimators_hash() AS "
            f"'{estimators_hash()}'"
        )
        catalogue = catalogue_schema(conn)
        known = {
            "relations": RELATIONS,
            "comments": comments_query(catalogue),
            "contents": contents_query(catalogue),
        }
        for name, query in known.items():
            conn.execute(f"CREATE OR REPLACE MACRO memory.main.lake_{name}() AS TABLE {query}")
