"""Reads a platform of the sandbox as a run would, kills it on the way, and looks into bronze.

The oracle here is naive on purpose: plain Python over bronze's JSON, no staging, no SQL of ours.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import connectors.sources.api.landing as landing
from connectors.errors import NothingPublishedError
from connectors.lake.attach import connect_snapshot
from connectors.lake.tables import TABLES
from connectors.settings import PROJECT_ROOT, Settings, load_settings
from connectors.sources.api.connector import find_connector
from connectors.sources.api.landing import AccountReport, load_account
from connectors.sources.api.reading import Page, Reading, TrackingNumber
from tests import warm_commands


@dataclass(frozen=True)
class Read:
    """One reading of one account.

    Attributes:
        connector: name of the platform; also the source's name.
        account: name of the account.
        config: keys of the account's configuration.
        now: end of what is asked for.
        parcels: tracking numbers with carrier and phone tail that a carrier is asked about; those
            that its connector finds in the lake when there are none.
    """

    connector: str
    account: str
    config: dict[str, Any]
    now: datetime
    parcels: tuple[tuple[str, str, str], ...] = ()


def orders_a_day(days: int, usual: int) -> int:
    """Orders a day of a test's world: the usual ones, in `make test-all` 20,000 in all."""
    return -(-20_000 // days) if os.environ.get("FOURFLOW_TEST_HEAVY") == "1" else usual


def read_account(
    home: Path, read: Read, *, on_page: Callable[[str, Page], None] | None = None
) -> AccountReport:
    """Read in this process."""
    connector = find_connector(read.connector)
    reading = Reading(
        source=read.connector,
        account=read.account,
        now=read.now.astimezone(UTC),
        on_page=on_page or (lambda _entity, _page: None),
    )
    if read.parcels:
        numbers = [TrackingNumber(*parcel) for parcel in read.parcels]
        reading = replace(reading, tracking_numbers=lambda: numbers)
    return load_account(
        load_settings(home=home), connector, connector.config.model_validate(read.config), reading
    )


def read_until_killed(
    home: Path, read: Read, *, pages: int | None = None, landing_seconds: float | None = None
) -> int:
    """Read in a process of its own that is killed with SIGKILL; its exit code (-9).

    Args:
        home: the installation.
        read: what to read.
        pages: killed right after this many pages.
        landing_seconds: killed this long after the lake began to take what was read.
    """
    order = {
        "home": str(home),
        "read": asdict(read) | {"now": read.now.isoformat()},
        "pages": pages,
        "landing_seconds": landing_seconds,
    }
    command = ["tests.platforms", json.dumps(order)]
    done = warm_commands.run(command, os.environ, PROJECT_ROOT)
    assert done.returncode in (-signal.SIGKILL, 0), done.stderr[-2000:]
    return done.returncode


def current_records(
    settings: Settings, table: str, key: str | tuple[str, ...], version: str
) -> list[dict[str, Any]]:
    """The newest version of every record of a table: greatest version, then last received."""
    names = (key,) if isinstance(key, str) else key
    newest: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
    for payload in bronze_payloads(settings, table):
        identity = tuple(payload[name] for name in names)
        if identity not in newest or payload[version] >= newest[identity][0]:
            newest[identity] = (payload[version], payload)
    return [payload for _, payload in newest.values()]


def bronze_payloads(settings: Settings, table: str) -> Iterable[dict[str, Any]]:
    """Every record of committed loads, in the order of receipt; fractions are decimals."""
    try:
        connection = connect_snapshot(settings)
    except NothingPublishedError:
        return
    try:
        known = connection.execute(
            f"select 1 from ({TABLES}) where schema_name = 'bronze' and table_name = ?", [table]
        ).fetchone()
        if known is None:
            return
        rows = connection.execute(
            f"select payload from lake.bronze.{table} where _dlt_load_id in "
            "(select load_id from lake.bronze._dlt_loads where status = 0) "
            "order by received_at, record_number"
        ).fetchall()
    finally:
        connection.close()
    for (payload,) in rows:
        yield json.loads(payload, parse_float=Decimal)


def fen(amount: str | int | Decimal) -> int:
    """An amount in yuan as fen, exactly."""
    value = Decimal(str(amount)) * 100
    assert value == value.to_integral_value(), amount
    return int(value)


def main() -> None:
    """Read as the command's argument says, and die where it says so."""
    order = json.loads(sys.argv[1])
    fields = order["read"]
    fields["now"] = datetime.fromisoformat(fields["now"])
    fields["parcels"] = tuple(tuple(parcel) for parcel in fields["parcels"])
    seen = 0

    def count(_entity: str, _page: Page) -> None:
        nonlocal seen
        seen += 1
        if order["pages"] is not None and seen >= order["pages"]:
            os.kill(os.getpid(), signal.SIGKILL)

    if order["landing_seconds"] is not None:
        lock = landing.writer_lock

        def lock_and_set_timer(*arguments: Any, **keywords: Any) -> Any:
            threading.Timer(
                order["landing_seconds"], lambda: os.kill(os.getpid(), signal.SIGKILL)
            ).start()
            return lock(*arguments, **keywords)

        landing.writer_lock = lock_and_set_timer
    read_account(Path(order["home"]), Read(**fields), on_page=count)
