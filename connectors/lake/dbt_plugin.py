"""dbt-duckdb plugin: gives dbt's connection the wheels' extensions, the writer lock and the lake.

It runs before the profile's own ATTACH (which then finds `lake` attached and does nothing), so an
analyst's plain `dbt build` obeys the same lock as every run.
"""

import contextlib
import os
import sys
import threading
import time
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from connectors.errors import InputError
from connectors.lake.attach import attach_for_writing
from connectors.lake.extensions import CONNECTION_CONFIG
from connectors.lake.lock import Holder, hold_lock
from connectors.settings import (
    Settings,
    business_time_zone_of_dbt,
    load_settings,
    started_by_a_run,
)

_WATCH_SECONDS = 0.5
_held = contextlib.ExitStack()


def release() -> None:
    """Let go of the lock that dbt's connection took (only needed when dbt runs in process)."""
    _held.close()


def _die_with_parent() -> None:
    """End this process when the run that started it is gone: killed means killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="die-with-parent", daemon=True).start()


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


class Plugin(BasePlugin):
    """Prepares dbt's connection; see the module's docstring."""

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """Open DuckDB as every connection of ours."""
        del creds
        if started_by_a_run():
            _die_with_parent()
        config.update(CONNECTION_CONFIG)

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Take the lock (held until the process ends or `release`), then attach the lake."""
        settings = load_settings()
        refuse_another_time_zone(settings)
        release()
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
