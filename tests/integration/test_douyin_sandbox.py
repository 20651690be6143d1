"""Douyin against the sandbox: faults, kills and page shifts lose nothing and double nothing."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.errors import FourflowError, PermanentError
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import load_settings
from connectors.sources.api.reading import Reading, Window
from connectors.sources.douyin.gateway import DouyinAccount, Gateway
from connectors.sources.douyin.source import CONNECTOR, _orders
from tests.canonical import CanonicalRows, truth_of
from tests.platform_accounts import SandboxAccount, present
from tests.platforms import bronze_payloads, orders_a_day, read_account, read_until_killed

pytestmark = pytest.mark.integration

CHANNEL = "douyin_live"
NOON_BEFORE = datetime(2026, 6, 29, 4, tzinfo=UTC)
AFTER_THE_END = datetime(2026, 6, 30, 16, tzinfo=UTC)
FAULTS = Faults(
    drop=0.02,
    delay=0.02,
    too_many=0.02,
    server_error=0.02,
    throttled=0.02,
    unavailable=0.02,
    truncated=0.02,
    html=0.02,
    repeated_page=0.04,
    page_shift=0.2,
)
ACCOUNT = SandboxAccount("douyin", attempts=10, page_size=25, start="2026-06-20")
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=date(2026, 6, 30), days=8, orders_per_day=orders_a_day(8, 300), product_count=60
    )
    with serve_sandbox(config) as served:
        yield served


def test_faults_and_kills_lose_nothing_and_double_nothing(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    sandbox.control(as_of="2026-06-29T12:00:00", faults=FAULTS)
    before = ACCOUNT.read(sandbox, NOON_BEFORE)
    assert read_until_killed(tmp_path, before, pages=7) == -9
    assert list(bronze_payloads(load_settings(home=tmp_path), "douyin_orders")) == []
    assert read_account(tmp_path, before).problems == ()
    sandbox.control(as_of="2026-06-30T23:59:59")
    read_until_killed(tmp_path, ACCOUNT.read(sandbox, AFTER_THE_END), landing_seconds=0.4)
    assert read_account(tmp_path, ACCOUNT.read(sandbox, AFTER_THE_END)).problems == ()
    # Orders that were touched while they were read have left the spans of that reading.
    sandbox.control(faults=Faults())
    assert read_account(tmp_path, ACCOUNT.read(sandbox, present(sandbox) + SECOND)).problems == ()
    canonical = CanonicalRows(tmp_path, "douyin")
    canonical.build()
    assert canonical.figures() == truth_of(sandbox, CHANNEL)
    happened = {name for name, count in sandbox.counters().items() if "fault" in name and count}
    assert len(happened) >= 8, sandbox.counters()


@given(touches=st.lists(st.integers(0, 400), min_size=1, max_size=25))
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_orders_that_change_while_pages_are_read_are_not_missed(
    sandbox: ServedSandbox, touches: list[int]
) -> None:
    sandbox.control(as_of="2026-06-30T23:59:59", faults=Faults())
    account = DouyinAccount.model_validate(ACCOUNT.keys(sandbox, page_size=20))
    now = present(sandbox) + SECOND
    first = Window(now - timedelta(days=2), now)
    quiet = _numbers(account, first, [])
    waiting = [sorted(quiet)[touch % len(quiet)] for touch in touches]
    seen = _numbers(account, first, waiting, sandbox)
    seen |= _numbers(account, Window(now - timedelta(minutes=10), (present(sandbox) + SECOND)), [])
    assert quiet <= seen, "an order slipped past a page's edge"


def _numbers(
    account: DouyinAccount,
    window: Window,
    waiting: list[str],
    sandbox: ServedSandbox | None = None,
) -> set[str]:
    """Order numbers of a window; one waiting order is touched after every page."""
    numbers: set[str] = set()
    with Reading("douyin", CHANNEL, window.end).client(account) as client:
        for page in _orders(Gateway(account, client), account, window, "update_time"):
            numbers.update(record["order_id"] for record in page.records)
            if waiting and sandbox:
                sandbox.control(touch={"channel": CHANNEL, "orders": [waiting.pop()]})
    return numbers


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"app_secret": "wrong"}, "check app_key and app_secret"),
        ({"app_key": "1"}, "check app_key"),
        ({"access_token": "expired"}, "set a new `access_token`"),
        ({"access_token": "poor"}, "ask Doudian for the permission package"),
    ],
)
def test_a_refused_account_moves_no_cursor(
    sandbox: ServedSandbox, tmp_path: Path, changes: dict[str, str], advice: str
) -> None:
    sandbox.control(as_of="2026-06-30T23:59:59", faults=Faults())
    known = sandbox.credentials()["douyin"]
    kinds = {"expired": known["expired_token"], "poor": known["poor_token"]}
    keys = {name: kinds.get(value, value) for name, value in changes.items()}
    report = read_account(tmp_path, ACCOUNT.read(sandbox, AFTER_THE_END, **keys))
    assert [entity.cursor for entity in report.entities] == [None, None]
    assert report.load_ids == ()
    assert all(advice in problem for problem in report.problems)
    assert len(report.problems) == 2
    with pytest.raises(PermanentError, match=advice.partition(":")[0]):
        _check(sandbox, **keys)


def _check(sandbox: ServedSandbox, **changes: object) -> str:
    account = DouyinAccount.model_validate(ACCOUNT.keys(sandbox, **changes))
    return CONNECTOR.check(account, Reading("douyin", CHANNEL, AFTER_THE_END))


def test_a_wrong_clock_is_told_as_such(
    sandbox: ServedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    real = time.time
    monkeypatch.setattr("connectors.sources.douyin.gateway.time.time", lambda: real() + 1200)
    with pytest.raises(FourflowError, match="set this machine's clock"):
        _check(sandbox)
