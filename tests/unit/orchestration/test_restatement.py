"""What two publications of a small real lake say differently, reason by reason."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from connectors.database.engine import open_database
from connectors.database.publications import Publication, record_publication
from connectors.errors import ContractError, InputError
from connectors.lake.attach import connect_writer, newest_snapshot
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.main import app
from orchestration.restatement.comparison import Restatement, compare, list_rows
from orchestration.restatement.measures import MEASURES, measure_named

EARLIER = datetime(2026, 11, 20, 18, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 18, tzinfo=UTC)
CLOCK = datetime(2026, 11, 20, 15, tzinfo=UTC)  # the newest event that the earlier one knew
Order = dict[str, Any]


def order(key: str, day: int, amount: float, **more: Any) -> Order:
    """A sale of November 2026 that was paid when it was placed."""
    placed = datetime(2026, 11, day, 10, tzinfo=UTC)
    paid = Decimal(str(more.get("paid", amount)))
    refunded = Decimal(str(more.get("refunded", 0)))
    return {
        "order_key": key,
        "business": "retailer",
        "source": more.get("source", "shop"),
        "channel": more.get("channel", "web"),
        "order_type": more.get("order_type", "sale"),
        "created_at": placed,
        "created_on": placed.date(),
        "paid_at": placed if paid else None,
        "shipped_at": more.get("shipped_at"),
        "delivered_at": None,
        "gross_amount": Decimal(str(amount)),
        "net_paid_amount": paid - refunded,
        "refunded_amount": refunded,
        "currency_code": "CNY",
        "known_at": more.get("known_at", EARLIER),
    }


TYPES = {
    "created_at": "timestamptz", "created_on": "date", "paid_at": "timestamptz",
    "shipped_at": "timestamptz", "delivered_at": "timestamptz", "known_at": "timestamptz",
    "gross_amount": "decimal(18, 2)", "net_paid_amount": "decimal(18, 2)",
    "refunded_amount": "decimal(18, 2)",
}  # fmt: skip


class Lake:
    """A lake of orders, published state by state."""

    def __init__(self, home: Path) -> None:
        self.settings = load_settings(home=home)

    def publish(
        self, orders: list[Order], received: dict[str, datetime], manifest_hash: str = "same"
    ) -> Publication:
        made = pd.DataFrame(orders)  # DuckDB reads it by its name
        columns = ", ".join(f"{name}::{TYPES.get(name, 'varchar')} as {name}" for name in made)
        clocks = ", ".join(
            f"('{source}', timestamptz '{at}', timestamptz '{at - timedelta(hours=3)}')"
            for source, at in received.items()
        )
        with connect_writer(self.settings, purpose="test") as connection:
            connection.execute("create schema if not exists lake.marts")
            connection.execute(
                f"create or replace table lake.marts.fct_orders as select {columns} from made"
            )
            connection.execute(
                "create or replace table lake.marts.rpt_source_freshness as select * from "
                f"(values {clocks}) as t (source, last_received_at, last_event_at)"
            )
            snapshot = newest_snapshot(connection)
        return record_publication(
            open_database(self.settings),
            run_id=f"run-{snapshot}",
            snapshot_id=snapshot,
            git_commit="",
            manifest_hash=manifest_hash,
            checks={},
            row_counts={},
            now=max(received.values()),
        )

    def compare(self, since: Publication, *names: str, by: Sequence[str] = ()) -> Restatement:
        measures = [measure_named(name) for name in names] or MEASURES
        with open_published(self.settings) as opened:
            return compare(opened, since, by=by, measures=measures)

    def reasons(self, since: Publication, name: str) -> dict[str, Any]:
        """Reason: how many rows, and the difference."""
        found = self.compare(since, name)
        return {row["reason"]: (row["row_count"], row["difference"]) for row in found.changes}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake of a test's own."""
    return Lake(tmp_path / "home")


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Publication]:
    """Eight orders, of which seven differ in the later publication; and the earlier one."""
    made = Lake(tmp_path_factory.mktemp("week") / "home")
    since = made.publish(
        [
            order("same", 17, 11, shipped_at=CLOCK), order("edited", 18, 100),
            order("refunded", 18, 200),
            order("deleted", 18, 30), order("moved", 18, 10), order("unpaid", 19, 60, paid=0),
        ],
        {"shop": EARLIER},
    )  # fmt: skip
    made.publish(
        [
            order("same", 17, 11, shipped_at=CLOCK, known_at=LATER),
            order("edited", 18, 80, known_at=LATER),
            order("refunded", 18, 200, refunded=50, known_at=LATER),
            order("moved", 19, 10, known_at=LATER),
            order("unpaid", 19, 60, known_at=LATER),
            order("new", 21, 70, known_at=LATER),
            order("late", 19, 40, known_at=LATER),
            order("till", 19, 500, source="till", known_at=LATER),
        ],
        {"shop": LATER, "till": LATER},
    )
    return made, since


def test_every_difference_has_its_reason(week):
    lake, since = week
    assert lake.reasons(since, "gross_sales") == {
        "new_record": (1, Decimal(70)),
        "late_record": (1, Decimal(40)),
        "edited": (2, Decimal(-20)),  # a smaller amount, and one that counts for another day
        "deleted": (1, Decimal(-30)),
        "new_source": (1, Decimal(500)),
    }


def test_what_refunds_took_away_is_told_apart(week):
    lake, since = week
    found = lake.reasons(since, "net_sales")
    assert found["refund"] == (1, Decimal(-50))
    assert found["late_record"] == (2, Decimal(100))  # the late order, and a payment nobody told
    assert found["edited"] == (2, Decimal(-20))


def test_a_moved_order_leaves_one_day_and_enters_another(week):
    lake, since = week
    with open_published(lake.settings) as opened:
        rows = list_rows(opened, since, measure_named("order_count"))
    moved = [(str(r["business_date"]), r["difference"]) for r in rows if r["row_key"] == "moved"]
    assert sorted(moved) == [("2026-11-18", Decimal(-1)), ("2026-11-19", Decimal(1))]


def test_other_definitions_explain_what_no_record_does(lake):
    since = lake.publish(
        [order("a", 18, 100), order("b", 18, 30), order("c", 18, 5)], {"shop": EARLIER}
    )
    lake.publish(
        [
            order("a", 18, 110),  # its records are those of before
            order("b", 18, 30, order_type="test"),
            order("c", 18, 7, known_at=LATER),
        ],
        {"shop": LATER},
        manifest_hash="other",
    )
    assert lake.reasons(since, "gross_sales") == {
        "definition_changed": (2, Decimal(-20)),
        "edited": (1, Decimal(2)),
    }


def test_random_changes_add_up_day_by_day_and_channel_by_channel(lake):
    """The oracle subtracts two dicts; the reasons must add up to it in every group."""
    chance = random.Random(20261121)

    def drawn(known_at: datetime) -> list[Order]:
        return [
            order(
                f"o{number}", chance.randrange(16, 22), amount := chance.randrange(1, 500),
                channel=chance.choice(("web", "live")), paid=chance.choice((0, amount)),
                refunded=0 if chance.random() < 0.8 else chance.randrange(1, 20),
                order_type=chance.choice(("sale", "sale", "return", "test")), known_at=known_at,
            )
            for number in range(300)
            if chance.random() < 0.9
        ]  # fmt: skip

    before, after = drawn(EARLIER), drawn(LATER)
    since = lake.publish(before, {"shop": EARLIER})
    lake.publish(after, {"shop": LATER})
    expected: dict[Any, Decimal] = defaultdict(Decimal)
    for sign, orders in ((-1, before), (1, after)):
        for one in orders:
            if one["order_type"] in ("sale", "return"):
                expected[one["channel"], one["created_on"]] += sign * one["net_paid_amount"]
    found = lake.compare(since, "net_sales", by=["channel", "business_date"])
    sums: dict[Any, Decimal] = defaultdict(Decimal)
    for row in found.changes:
        sums[row["channel"], row["business_date"]] += row["difference"]
    assert {k: v for k, v in sums.items() if v} == {k: v for k, v in expected.items() if v}
    assert {row["reason"] for row in found.changes} > {"new_record", "deleted", "refund", "edited"}


def test_a_table_that_one_of_them_lacks_is_named(week):
    lake, since = week
    found = lake.compare(since)
    assert {row["measure"] for row in found.not_comparable} == {
        "payments", "refunds", "fees", "settled",
    }  # fmt: skip
    assert "fct_order_cash_flows" in found.not_comparable[0]["finding"]
    assert {row["measure"] for row in found.totals} == {
        "order_count", "paid_order_count", "shipped_order_count", "gross_sales", "net_sales",
    }  # fmt: skip


def test_rows_that_share_a_key_are_refused(lake):
    since = lake.publish([order("a", 18, 100)], {"shop": EARLIER})
    lake.publish([order("a", 18, 100), order("a", 18, 100)], {"shop": LATER})
    with pytest.raises(ContractError, match="share"):
        lake.compare(since, "gross_sales")


def test_the_command_says_it_in_json_and_lists_rows(week, monkeypatch):
    lake, since = week
    monkeypatch.setenv("FOURFLOW_HOME", str(lake.settings.root))
    runner = CliRunner()
    said = runner.invoke(app, ["restated", "--since", since.publication_id, "--json"])
    answer = json.loads(said.stdout)
    assert answer["definitions_changed"] is False
    gross = next(row for row in answer["totals"] if row["measure"] == "gross_sales")
    parts = [r["difference"] for r in answer["changes"] if r["measure"] == "gross_sales"]
    assert gross["difference"] == sum(parts) == 560
    listed = runner.invoke(
        app, ["restated", "--since", "2026-11-20", "--measure", "gross_sales", "--rows", "--json"]
    )
    assert json.loads(listed.stdout)[0]["row_key"] == "till"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--since", "2026-11-21"], "is not earlier than"),
        (["--since", "2020-01-01"], "Nothing was published yet"),
        (["--since", "2026-11-20", "--by", "weather"], "weather is no group"),
        (["--since", "2026-11-20", "--measure", "profit"], "profit is not compared"),
        (["--since", "2026-11-20", "--rows"], "one measure"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(week, monkeypatch, arguments, sentence):
    monkeypatch.setenv("FOURFLOW_HOME", str(week[0].settings.root))
    said = CliRunner().invoke(app, ["restated", *arguments])
    assert isinstance(said.exception, InputError)
    assert sentence in str(said.exception)
