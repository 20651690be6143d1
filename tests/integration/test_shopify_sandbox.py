"""Shopify against the sandbox: bulk and pages, faults, kills and changes while pages are read."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.errors import ContractError, FourflowError, PermanentError
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import load_settings
from connectors.sources.api.reading import Reading, Window
from connectors.sources.shopify.admin import Admin, ShopifyAccount
from connectors.sources.shopify.source import CONNECTOR, _pages
from tests.canonical import CanonicalRows, truth_of
from tests.platform_accounts import SandboxAccount, present
from tests.platforms import bronze_payloads, orders_a_day, read_account, read_until_killed

pytestmark = pytest.mark.integration

CHANNEL = "shopify_global"
NOON_BEFORE = datetime(2026, 6, 29, 4, tzinfo=UTC)
AFTER_THE_END = datetime(2026, 6, 30, 16, tzinfo=UTC)
# About a hundred requests: with these shares every kind happens some four times.
FAULTS = Faults(
    drop=0.04,
    delay=0.04,
    too_many=0.04,
    server_error=0.04,
    throttled=0.04,
    unavailable=0.04,
    truncated=0.04,
    html=0.04,
    repeated_page=0.04,
    page_shift=0.2,
)
ACCOUNT = SandboxAccount(
    "shopify",
    shop_domain="sandbox.myshopify.com",
    attempts=10,
    page_size=10,
    bulk_poll_seconds=0.05,
    start="2026-06-20",
)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=date(2026, 6, 30), days=8, orders_per_day=orders_a_day(8, 800), product_count=60
    )
    with serve_sandbox(config) as served:
        yield served


def _comparable(figures: dict[str, Any]) -> dict[str, Any]:
    """What Shopify can tell: neither that goods are set aside, nor that a buyer is content; of a
    return that is not granted, nothing about its money, and nothing before anything was shipped."""
    merged = {"allocated": "paid", "completed": "shipped"}
    states: Counter[str] = Counter()
    for state, count in figures["orders_by_status"].items():
        states[merged.get(state, state)] += count
    outcomes = {k: n for k, n in figures["refunds_by_outcome"].items() if k != "refunding"}
    left_out = ("orders_by_status", "refunds_by_outcome", "refunds", "refund_fen")
    kept = {name: value for name, value in figures.items() if name not in left_out}
    return {**kept, "orders_by_status": dict(states), "refunds_by_outcome": outcomes}


@pytest.mark.parametrize("bulk", [True, False])
def test_faults_and_kills_lose_nothing_and_double_nothing(
    sandbox: ServedSandbox, tmp_path: Path, bulk: bool
) -> None:
    sandbox.control(as_of="2026-06-29T12:00:00", faults=FAULTS)
    before = ACCOUNT.read(sandbox, NOON_BEFORE, bulk=bulk)
    assert read_until_killed(tmp_path, before, pages=1) == -9
    assert list(bronze_payloads(load_settings(home=tmp_path), "shopify_orders")) == []
    assert read_account(tmp_path, before).problems == ()
    sandbox.control(as_of="2026-06-30T23:59:59")
    after = ACCOUNT.read(sandbox, AFTER_THE_END, bulk=bulk)
    read_until_killed(tmp_path, after, landing_seconds=0.4)
    assert read_account(tmp_path, after).problems == ()
    # Orders that were touched while they were read have left the spans of that reading.
    sandbox.control(faults=Faults())
    assert read_account(tmp_path, ACCOUNT.read(sandbox, present(sandbox) + SECOND)).problems == ()
    canonical = CanonicalRows(tmp_path, "shopify")
    canonical.build()
    found, truth = canonical.figures(), truth_of(sandbox, CHANNEL)
    assert _comparable(found) == _comparable(truth)
    assert found["refunds"] > 9
    happened = {name for name, count in sandbox.counters().items() if "fault" in name and count}
    assert len(happened) >= 8, sandbox.counters()


@given(touches=st.lists(st.integers(0, 400), min_size=1, max_size=15))
@hypothesis_settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_orders_that_change_while_pages_are_read_are_not_missed(
    sandbox: ServedSandbox, touches: list[int]
) -> None:
    sandbox.control(as_of="2026-06-30T23:59:59", faults=Faults())
    account = ShopifyAccount.model_validate(ACCOUNT.keys(sandbox, page_size=10))
    now = present(sandbox) + SECOND
    first = Window(now - timedelta(days=2), now)
    quiet = _numbers(account, first, [])
    waiting = [sorted(quiet)[touch % len(quiet)] for touch in touches]
    seen = _numbers(account, first, waiting, sandbox)
    seen |= _numbers(account, Window(now - timedelta(minutes=10), (present(sandbox) + SECOND)), [])
    assert quiet <= seen, "an order slipped past a page's edge"


def _numbers(
    account: ShopifyAccount,
    window: Window,
    waiting: list[str],
    sandbox: ServedSandbox | None = None,
) -> set[str]:
    """Order numbers of a window; one waiting order is touched after every page."""
    numbers: set[str] = set()
    with Reading("shopify", CHANNEL, window.end).client(account) as client:
        for page in _pages(Admin(account, client), account, window):
            numbers.update(record["legacyResourceId"] for record in page.records)
            if waiting and sandbox:
                sandbox.control(touch={"channel": CHANNEL, "orders": [waiting.pop()]})
    return numbers


def test_bulk_and_pages_bring_the_same_records(sandbox: ServedSandbox, tmp_path: Path) -> None:
    sandbox.control(as_of="2026-06-30T23:59:59", faults=Faults())
    records = {}
    for name, bulk in (("bulk", True), ("pages", False)):
        home = tmp_path / name
        assert (
            read_account(home, ACCOUNT.read(sandbox, present(sandbox) + SECOND, bulk=bulk)).problems
            == ()
        )
        payloads = bronze_payloads(load_settings(home=home), "shopify_orders")
        records[name] = {order["id"]: _without_page_info(order) for order in payloads}
    assert records["bulk"] == records["pages"]
    assert any(len(order["lineItems"]["nodes"]) > 1 for order in records["bulk"].values())


def _without_page_info(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_page_info(v) for k, v in value.items() if k != "pageInfo"}
    return [_without_page_info(part) for part in value] if isinstance(value, list) else value


def test_the_smallest_plan_is_waited_for(sandbox: ServedSandbox, tmp_path: Path) -> None:
    sandbox.control(as_of="2026-06-30T23:59:59", faults=Faults())
    sandbox.control(options={"shopify": {"restore_rate": 100}}, counters="reset")
    try:
        now = present(sandbox) + SECOND
        read = ACCOUNT.read(sandbox, now, bulk=False, start="2026-06-29")
        report = read_account(tmp_path, read)
    finally:
        sandbox.control(options={"shopify": {"restore_rate": 2000}})
    assert report.problems == ()
    assert report.timings["waiting"] > 0.5
    # Waiting for points before asking spares all but the first refusals.
    assert sandbox.counters().get("shopify.error", 0) <= 3


@pytest.mark.parametrize(
    ("changes", "kind", "advice"),
    [
        ({"access_token": "shpat_wrong"}, PermanentError, "set a new `access_token`"),
        ({"access_token": "poor"}, PermanentError, "give the app the scopes `read_orders`"),
        ({"api_version": "2024-01"}, ContractError, "because 2024-01 is retired"),
        ({"api_version": "2099-01"}, PermanentError, "check `shop_domain`"),
    ],
)
def test_a_refused_account_moves_no_cursor(
    sandbox: ServedSandbox,
    tmp_path: Path,
    changes: dict[str, str],
    kind: type[FourflowError],
    advice: str,
) -> None:
    sandbox.control(as_of="2026-06-30T23:59:59", faults=Faults())
    poor = sandbox.credentials()["shopify"]["poor_token"]
    keys = {name: poor if value == "poor" else value for name, value in changes.items()}
    report = read_account(tmp_path, ACCOUNT.read(sandbox, AFTER_THE_END, **keys))
    (entity,) = report.entities
    assert entity.cursor is None
    assert report.load_ids == ()
    assert advice in str(entity.problem)
    account = ShopifyAccount.model_validate(ACCOUNT.keys(sandbox, **keys))
    with pytest.raises(kind, match=advice):
        CONNECTOR.check(account, Reading("shopify", CHANNEL, AFTER_THE_END))
