"""Working time, due times and breaches of every shipping, an hour of a calendar at a time."""

import csv
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.oracle.conftest import Warehouse

pytestmark = [pytest.mark.integration]

LOCAL = ZoneInfo("Asia/Shanghai")


def _rows(seeds: Path, name: str) -> list[dict[str, str]]:
    with (seeds / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class _Calendar:
    """Opening hours of one calendar, walked day by day."""

    def __init__(self, seeds: Path, name: str) -> None:
        self._week = {
            int(row["iso_weekday"]): (int(row["opens_minute"]), int(row["closes_minute"]))
            for row in _rows(seeds, "calendar_hours")
            if row["calendar"] == name
        }
        self._exceptions = {
            date.fromisoformat(row["business_date"]): (
                int(row["opens_minute"]),
                int(row["closes_minute"]),
            )
            for row in _rows(seeds, "calendar_exceptions")
            if row["calendar"] == name
        }

    def hours(self, day: date) -> tuple[datetime, datetime]:
        usual = self._week.get(day.isoweekday(), (0, 0))
        midnight = datetime(day.year, day.month, day.day, tzinfo=LOCAL)
        opens, closes = self._exceptions.get(day, usual)
        return midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)

    def due(self, start: datetime, target: timedelta) -> datetime:
        day, left = start.date(), target
        while True:
            opens, closes = self.hours(day)
            begins = max(opens, start)
            if closes > begins:
                if left <= closes - begins:
                    return begins + left
                left -= closes - begins
            day += timedelta(days=1)

    def worked(self, start: datetime, end: datetime) -> timedelta:
        day, total = start.date(), timedelta()
        while day <= end.date():
            opens, closes = self.hours(day)
            total += max(min(closes, end) - max(opens, start), timedelta())
            day += timedelta(days=1)
        return total


def test_every_shipping_is_timed_as_a_walk_through_the_calendar_times_it(warehouse: Warehouse):
    seeds = warehouse.settings.dbt_project_path / "seeds"
    rules = {row["channel"]: row for row in _rows(seeds, "sop_steps") if row["stage"] == "shipping"}
    calendar = _Calendar(seeds, "warehouse")
    orders = warehouse.query(
        "select order_key, channel, paid_at, coalesce(shipped_at, delivered_at), as_of, "
        "order_status = 'cancelled' from fct_orders inner join int_business_clock using (business) "
        "where business = 'fourflow_demo' and order_type = 'sale' and paid_at is not null"
    )
    expected: dict[str, tuple[datetime, bool, int]] = {}
    for order_key, channel, paid_at, shipped_at, as_of, is_cancelled in orders:
        if is_cancelled and shipped_at is None:
            continue
        rule = rules.get(channel, rules["*"])
        start = paid_at.astimezone(LOCAL)
        cut_off = datetime(start.year, start.month, start.day, tzinfo=LOCAL) + timedelta(
            minutes=int(rule["cut_off_minute"])
        )
        if start > cut_off:
            start = datetime(start.year, start.month, start.day, tzinfo=LOCAL) + timedelta(days=1)
        end = (shipped_at or as_of).astimezone(LOCAL)
        due = calendar.due(start, timedelta(hours=float(rule["target_hours"])))
        worked = calendar.worked(start, end)
        expected[order_key] = (due.astimezone(UTC), end > due, int(worked.total_seconds()))
    found = {
        row[0]: row[1:]
        for row in warehouse.query(
            "select order_key, due_at, is_breached, working_seconds from fct_order_stages "
            "where stage = 'shipping' and business = 'fourflow_demo' "
            "and stage_status <> 'cancelled'"
        )
    }
    wrong = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
    assert [(key, expected.get(key), found.get(key)) for key in wrong[:3]] == []
    breaches = Counter(late for _, late, _ in expected.values())
    assert breaches[True] > 100
    assert breaches[False] > 100
