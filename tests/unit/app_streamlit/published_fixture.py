"""A small published home for tests of the pages: the report tables' shape, plausible rows.

Orders are made one by one and every report table is counted from them in plain SQL, so that the
pages can be checked against each other (the list behind a bar has as many rows as the bar).
"""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
from sqlalchemy import select, update

from connectors.database.engine import open_database, write_transaction
from connectors.database.publications import Publication, record_publication
from connectors.database.runs import RedState, finish_run, start_run
from connectors.database.schema import publications
from connectors.lake.attach import connect_writer, newest_snapshot
from connectors.lake.reader import open_published
from connectors.settings import Settings
from orchestration.decisions.ledger import decide
from orchestration.decisions.rulebook import seed_rules
from orchestration.run_state import utc_now
from orchestration.source_comparisons import Comparison, keep
from tests.semantic_manifest import put_semantic_manifest

SQL = Path(__file__).with_name("published_fixture.sql")
LAST_DAY = date(2026, 11, 20)
DAYS = 70
STEPS = {
    "fourflow_demo": ("order_to_cash", ("created", "paid", "shipped", "delivered", "kept")),
    "online_retail": ("placed_kept", ("placed", "kept")),
}
CHANNELS = {
    "fourflow_demo": {"tmall_flagship": 9, "douyin_live": 7, "store_pos": 4},
    "online_retail": {"-": 6},
}
CURRENCY = {"fourflow_demo": "CNY", "online_retail": "GBP"}
# One business is seen through several sources.
SOURCES = {
    "tmall_flagship": "taobao",
    "douyin_live": "douyin",
    "store_pos": "sandbox",
    "-": "online_retail",
}
# Chance to get to the next step; live commerce loses most before payment.
CHANCES = {
    "tmall_flagship": (0.90, 0.97, 0.96, 0.91),
    "douyin_live": (0.66, 0.96, 0.93, 0.82),
    "store_pos": (0.99, 0.99, 0.99, 0.97),
    "-": (0.93,),
}


def made_orders(seed: int = 7, days: int = DAYS) -> pd.DataFrame:
    """One row an order: where it came from, how far it got, and what it is worth."""
    chance = random.Random(seed)
    rows = []
    for business, channels in CHANNELS.items():
        last_day = LAST_DAY if business == "fourflow_demo" else date(2011, 12, 9)
        funnel, steps = STEPS[business]
        for offset in range(days):
            day = last_day - timedelta(days=days - 1 - offset)
            for channel, mean in channels.items():
                weekend = 1.3 if day.weekday() >= 5 else 1.0
                for number in range(max(1, round(chance.gauss(mean * weekend, 1.5)))):
                    reached = 1
                    for probability in CHANCES[channel]:
                        if chance.random() > probability:
                            break
                        reached += 1
                    complete = reached == len(steps)
                    still_open = not complete and reached > 1 and (last_day - day).days < 6
                    amount = round(chance.lognormvariate(5.2, 0.7), 2)
                    paid = reached >= 2 or business == "online_retail"
                    rows.append(
                        {
                            "business": business,
                            "source": SOURCES[channel],
                            "channel": channel,
                            "funnel": funnel,
                            "order_no": f"{channel[:1].upper()}{day:%y%m%d}{number:04d}",
                            "cohort_date": day,
                            "created_at": datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
                            + timedelta(minutes=chance.randrange(700)),
                            "buyer": chance.randrange(160),
                            "last_step_number": reached,
                            "last_step_name": steps[reached - 1],
                            "next_outcome": "complete"
                            if complete
                            else ("open" if still_open else "dropped"),
                            "is_paid": paid,
                            "gross_amount": amount,
                            "refunded": amount if paid and reached == len(steps) - 1 else 0.0,
                            "unit_count": chance.randrange(1, 5),
                            "currency_code": CURRENCY[business],
                        }
                    )
    return pd.DataFrame(rows)


def write_lake(settings: Settings, seed: int = 7) -> int:
    """Write the tables that pages read, and the metrics; returns the lake's snapshot."""
    put_semantic_manifest(settings)
    with connect_writer(settings, purpose="test fixture") as connection:
        connection.register("made_orders", made_orders(seed))
        for statement in SQL.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.unregister("made_orders")
        return newest_snapshot(connection)


def publish(settings: Settings, run_id: str = "run-1", now: datetime | None = None) -> Publication:
    """Record a finished run and a publication of the lake's newest snapshot."""
    engine = open_database(settings)
    with connect_writer(settings, purpose="test fixture") as connection:
        snapshot_id = newest_snapshot(connection)
    start_run(engine, run_id, "test", now=now)
    publication = record_publication(
        engine,
        run_id=run_id,
        snapshot_id=snapshot_id,
        git_commit="0123456789abcdef",
        manifest_hash="fixture",
        checks={"passed": 42, "warned": 1, "failed": 0},
        row_counts={},
        now=now,
    )
    finish_run(engine, run_id, "published", publication_id=publication.publication_id, now=now)
    return publication


def make_red(settings: Settings, run_id: str = "run-red") -> None:
    """Record a run whose blocking check failed after the publication."""
    engine = open_database(settings)
    start_run(engine, run_id, "test")
    check = {
        "name": "assert_nothing_lost",
        "kind": "dbt_test",
        "message": "3 records are not accounted for",
    }
    finish_run(engine, run_id, "red", [check])


def decide_on(settings: Settings, *, red: bool = False) -> None:
    """Let the shipped rules decide on the publication; held when the data is red."""
    engine = open_database(settings)
    seed_rules(engine)
    with open_published(settings) as lake:
        on_red = RedState("run-red", datetime.now(UTC), ()) if red else None
        decide(engine, lake, now=datetime.now(UTC), on_red=on_red)


def make_published_home(settings: Settings, *, red: bool = False) -> Publication:
    """A home with one publication and the decisions that it led to."""
    write_lake(settings)
    publication = publish(settings)
    decide_on(settings, red=red)
    if red:
        keep(open_database(settings), compared(utc_now()))
    return publication


def compared(now: datetime) -> list[Comparison]:
    """A check of two sources: a day that is equal, one that is not, and a shop that is silent."""
    equal = Comparison(
        "taobao", "tmall_flagship", "orders", LAST_DAY, now, "CNY", 9, 9,
        Decimal("1200.50"), Decimal("1200.50"),
    )  # fmt: skip
    differing = replace(
        equal,
        day=LAST_DAY - timedelta(days=1),
        here_count=8,
        here_amount=Decimal("1100.25"),
        missing=("T-1007",),
        changed=("T-1009",),
        not_read=2,
    )
    silent = Comparison("douyin", "douyin_live", "orders", None, now, problem="The shop is silent.")
    return [equal, differing, silent]


def age(settings: Settings, days: int = 9) -> None:
    """Let a published home have been left alone for some days."""
    with write_transaction(open_database(settings)) as connection:
        for row in connection.execute(select(publications)).all():
            connection.execute(
                update(publications)
                .where(publications.c.publication_id == row.publication_id)
                .values(published_at=row.published_at - timedelta(days=days))
            )


def unfill(settings: Settings) -> None:
    """Publish every table without a row, as a run does to which nothing arrived."""
    with connect_writer(settings, purpose="test fixture") as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where database_name = 'lake' and schema_name in ('marts', 'reports', 'ml')"
        ).fetchall()
        for schema, table in tables:
            connection.execute(f'delete from lake."{schema}"."{table}"')
    seed_rules(open_database(settings))
    publish(settings)
