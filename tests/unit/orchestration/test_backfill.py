"""A backfill reads its span without a gap, leaves cursors alone and says where it stopped."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import dlt
import pytest

from connectors.configuration import ConfiguredSource
from connectors.errors import InputError, PermanentError
from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from connectors.sources.api.connector import AccountConfig, Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.landing import load_account
from connectors.sources.api.reading import Page, Reading, Window
from orchestration import backfill
from orchestration.backfill import backfill_platform
from orchestration.progress import SilentProgress

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 20)  # the last one is not read any more
START, END = datetime(2026, 2, 28, 16, tzinfo=UTC), datetime(2026, 3, 19, 16, tzinfo=UTC)


class ShopAccount(AccountConfig):
    """An account of a platform that exists only here."""

    base_url: str = ""
    behind_seconds: int = 300
    refused_from: datetime | None = None


asked: list[Window] = []


@dlt.source(name="shop")
def _shop(config: ShopAccount, reading: Reading) -> Any:
    def pages(window: Window) -> Iterator[Page]:
        if config.refused_from and window.start >= config.refused_from:
            raise PermanentError("Shop refused the token; grant it again.")
        asked.append(window)
        yield Page("orders", [{"n": len(asked)}])

    return entity_resource("orders", config, reading, pages)


SHOP = Connector("shop", "Shop", ShopAccount, ("orders",), _shop, lambda _config, _reading: "ok")


class Bar(SilentProgress):
    def __init__(self) -> None:
        self.totals: dict[str, int | None] = {}
        self.moved: list[str] = []

    def start(self, step: str, total: int | None = None) -> None:
        self.totals[step] = total

    def advance(self, step: str, note: str = "") -> None:
        self.moved.append(f"{step}: {note}")


@pytest.fixture(autouse=True)
def _shop_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked.clear()
    monkeypatch.setattr(backfill, "find_connector", lambda _name: SHOP)


def source(**accounts: ShopAccount) -> ConfiguredSource:
    return ConfiguredSource("shop", "shop", accounts=accounts)


def test_windows_meet_without_gap_or_overlap_and_land_one_by_one(settings: Settings):
    bar = Bar()
    outcome = backfill_platform(settings, source(main=ShopAccount()), FIRST, LAST, bar)
    assert outcome.problems == []
    assert outcome.record_count == 3
    assert len(outcome.reports) == 3, "each window is a load of its own"
    assert bar.totals == {"shop (main)": 3}
    assert bar.moved == [
        "shop (main): until 2026-03-08, 1 records",
        "shop (main): until 2026-03-15, 2 records",
        "shop (main): until 2026-03-20, 3 records",
    ]
    assert (asked[0].start, asked[-1].end) == (START, END)
    assert all(before.end == after.start for before, after in pairwise(asked))
    assert all(window.is_first for window in asked), "what was created in it, not what changed"
    lake = connect_snapshot(settings)
    try:
        assert lake.execute("select count(*) from lake.bronze.shop_orders").fetchall() == [(3,)]
    finally:
        lake.close()


def test_cursor_stays_where_it_is(settings: Settings):
    account = ShopAccount(start=date(2026, 3, 1))
    now = datetime(2026, 4, 1, tzinfo=UTC)
    before = load_account(settings, SHOP, account, Reading("shop", "main", now))
    backfill_platform(settings, source(main=account), FIRST, LAST, SilentProgress())
    asked.clear()
    load_account(settings, SHOP, account, Reading("shop", "main", now + timedelta(hours=1)))
    assert before.entities[0].cursor is not None
    cursor = datetime.fromisoformat(before.entities[0].cursor)
    assert [window.start for window in asked] == [
        cursor - timedelta(minutes=account.overlap_minutes)
    ]


def test_account_that_fails_stops_there_and_the_others_go_on(settings: Settings):
    refused = ShopAccount(refused_from=START + timedelta(days=1))
    accounts = source(bad=refused, good=ShopAccount())
    outcome = backfill_platform(settings, accounts, FIRST, LAST, SilentProgress())
    assert outcome.problems == [
        "Shop refused the token; grant it again.",
        "The backfill of shop (bad) stopped in the window that begins on 2026-03-08; mend what "
        "stopped it and go on with --since 2026-03-08.",
    ]
    assert outcome.record_count == 1 + 3


def test_end_defaults_to_now(settings: Settings):
    day = (datetime.now(UTC) - timedelta(days=2)).date()
    backfill_platform(settings, source(main=ShopAccount()), day, None, SilentProgress())
    assert datetime.now(UTC) - asked[-1].end < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("first", "last", "account", "message"),
    [
        (LAST, FIRST, None, "There is no time from 2026-03-20 to 2026-03-01"),
        (date(2999, 1, 1), None, None, "There is no time from 2999-01-01 to now"),
        (FIRST, LAST, "mian", "shop has no account 'mian'; did you mean main"),
    ],
)
def test_what_can_not_be_read_is_told_in_one_sentence(
    settings: Settings, first: date, last: date | None, account: str | None, message: str
):
    accounts = source(main=ShopAccount())
    with pytest.raises(InputError, match=message):
        backfill_platform(settings, accounts, first, last, SilentProgress(), account=account)


def test_source_without_accounts_is_told_from_a_platform(settings: Settings):
    with pytest.raises(InputError, match="is not read from a platform or has no usable account"):
        backfill_platform(settings, source(), FIRST, LAST, SilentProgress())
