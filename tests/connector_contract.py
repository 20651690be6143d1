"""What every connector promises, as pieces that a connector's own contract test puts together."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from connectors.lake.attach import connect_snapshot
from connectors.settings import LAKE_NAME, PROJECT_ROOT, Settings
from connectors.sources.api.connector import AccountConfig, Connector, find_connector
from connectors.sources.api.landing import AccountReport, load_account
from connectors.sources.api.reading import Reading
from connectors.sources.mapping import load_source

QUESTIONS = ("Authentication", "Limits", "Cursor", "Grain", "Late arrival", "Personal data")
ACCOUNT = "shop"


def read(
    settings: Settings,
    connector: Connector,
    config: AccountConfig,
    platform: Callable[[httpx.Request], httpx.Response],
    *,
    now: datetime,
    since: datetime | None = None,
) -> AccountReport:
    """One reading of one account from a platform that answers in this process."""
    reading = Reading(
        source=connector.name,
        account=ACCOUNT,
        now=now,
        since=since,
        transport=httpx.MockTransport(platform),
    )
    return load_account(settings, connector, config, reading)


def landed(settings: Settings, connector: Connector, entity: str) -> list[str]:
    """Payloads of all committed bronze rows of an entity."""
    connection = connect_snapshot(settings)
    try:
        rows: list[Any] = connection.execute(
            f"select payload from {LAKE_NAME}.bronze.{connector.name}_{entity} where _dlt_load_id "
            f"in (select load_id from {LAKE_NAME}.bronze._dlt_loads where status = 0)"
        ).fetchall()
    finally:
        connection.close()
    return [row[0] for row in rows]


def whatever_is_missing(settings: Settings, connector: Connector) -> list[str]:
    """What people need beside the code: registry, comments for fourflow.yml, mapping, README."""
    missing = []
    if find_connector(connector.name) is not connector:
        missing.append(f"find_connector({connector.name!r}) finds another connector")
    missing += [
        f"{name} of the account has no description"
        for name, key in connector.config.model_fields.items()
        if not key.description
    ]
    declared = load_source(settings, connector.name)
    received = {entity.name for entity in declared.received if entity.name != "pushes"}
    if received != set(connector.entities):
        missing.append(f"the mapping has {sorted(received)}, not {sorted(connector.entities)}")
    if declared.mapping.connector is None:
        missing.append("the mapping does not say `connector`")
    return missing + _unanswered(PROJECT_ROOT / "connectors" / "sources" / connector.name)


def _unanswered(package: Path) -> list[str]:
    readme = package / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    return [f"{readme} does not answer: {q}" for q in QUESTIONS if f"| {q} |" not in text]
