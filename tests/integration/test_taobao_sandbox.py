"""Taobao against the sandbox: faults, kills and page shifts lose nothing and double nothing."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.sandbox.servers.clock import SHANGHAI_TIME
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import load_settings
from tests.platforms import Read, bronze_payloads, current_records, fen, orders_a_day, read_account
from tests.platforms import read_until_killed as kill_reading

pytestmark = pytest.mark.integration

END = date(2026, 6, 30)
NOON_BEFORE = datetime(2026, 6, 29, 4, tzinfo=UTC)
AFTER_THE_END = datetime(2026, 6, 30, 16, tzinfo=UTC)
CHANNEL = "tmall_flagship"
FAULTS = Faults(
    drop=0.02, delay=0.02, throttled=0.02, unavailable=0.02, truncated=0.02, repeated_page=0.03
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=END, days=12, orders_per_day=orders_a_day(12, 300), product_count=60
    )
    with serve_sandbox(config) as served:
        yield served


def read_of(sandbox: ServedSandbox, now: datetime, **changes: object) -> Read:
    known = sandbox.credentials()["taobao"]
    config = {
        "base_url": f"{sandbox.url}/taobao/router/rest",
        "app_key": known["app_key"],
        "app_secret": known["app_secret"],
        "session": known["session"],
        "requests_per_second": 10_000,
        "attempts": 8,
        "behind_seconds": 0,
        "start": "2026-06-15",
    }
    return Read("taobao", CHANNEL, config | changes, now)


def found(home: Path) -> dict[str, int]:
    settings = load_settings(home=home)
    orders = current_records(settings, "taobao_orders", "tid", "modified")
    refunds = current_records(settings, "taobao_refunds", "refund_id", "modified")
    lines = [line for order in orders for line in order["orders"]["order"]]
    return {
        "orders": len(orders),
        "order_fen": sum(fen(order["payment"]) for order in orders),
        "lines": len(lines),
        "line_fen": sum(fen(line["divide_order_fee"]) for line in lines),
        "payments": sum("pay_time" in order for order in orders),
        "paid_fen": sum(fen(order["payment"]) for order in orders if "pay_time" in order),
        "refunds": len(refunds),
        "refund_fen": sum(fen(refund["refund_fee"]) for refund in refunds),
        "refunded_fen": sum(
            fen(refund["refund_fee"]) for refund in refunds if refund["status"] == "SUCCESS"
        ),
    }


def truth(sandbox: ServedSandbox, names: dict[str, int]) -> dict[str, int]:
    figures = sandbox.truth()[CHANNEL]
    return {name: figures[name] for name in names}


def test_faults_and_kills_lose_nothing_and_double_nothing(sandbox: ServedSandbox, tmp_path: Path):
    sandbox.control(as_of="2026-06-29T12:00:00", faults=FAULTS)
    before = read_of(sandbox, NOON_BEFORE)
    after = read_of(sandbox, AFTER_THE_END)
    assert kill_reading(tmp_path, before, pages=7) == -9
    assert list(bronze_payloads(load_settings(home=tmp_path), "taobao_orders")) == []
    assert read_account(tmp_path, before).problems == ()
    assert found(tmp_path) == truth(sandbox, found(tmp_path))
    sandbox.control(as_of="2026-06-30T23:59:59")
    kill_reading(tmp_path, after, landing_seconds=0.4)
    report = read_account(tmp_path, after)
    assert report.problems == ()
    figures = found(tmp_path)
    assert figures == truth(sandbox, figures)
    assert figures["refunds"] > 20
    faults = {name for name, count in sandbox.counters().items() if "fault" in name and count}
    assert len(faults) >= 5, sandbox.counters()
    again = read_account(tmp_path, after)
    assert found(tmp_path) == figures
    # Only the overlap is read again.
    assert again.record_count < 50


@given(touches=st.lists(st.integers(min_value=0, max_value=400), min_size=1, max_size=25))
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_orders_that_change_while_pages_are_read_are_not_missed(
    sandbox: ServedSandbox, touches: list[int]
):
    from connectors.sources.api.connector import find_connector
    from connectors.sources.api.reading import Reading, Window
    from connectors.sources.taobao import source as taobao
    from connectors.sources.taobao.gateway import Top

    state = sandbox.control(as_of="2026-06-30T23:59:59", faults=Faults())
    connector = find_connector("taobao")
    now = _moment(state["now"]) + timedelta(seconds=1)
    read = read_of(sandbox, now, page_size=20)
    config = connector.config.model_validate(read.config)
    seen: dict[int, str] = {}
    waiting = list(touches)

    def take(window: Window) -> None:
        reading = Reading("taobao", CHANNEL, window.end)
        with reading.client(config) as client:
            top = Top(config, client)
            for part in window.split(timedelta(days=1)):
                span = taobao._span(part, "start_modified", "end_modified")
                method = "taobao.trades.sold.increment.get"
                for page in taobao._pages(top, config, method, "trades", span):
                    seen.update({row["tid"]: row["modified"] for row in page.records})
                    if waiting:
                        order = numbers[waiting.pop() % len(numbers)]
                        sandbox.control(touch={"channel": CHANNEL, "orders": [order]})

    first = Window(now - timedelta(days=2), now)
    expected = _modified_in(sandbox, read, first)
    numbers = [str(number) for number in sorted(expected)]
    take(first)
    late = _moment(sandbox.state()["now"])
    take(Window(now - timedelta(minutes=10), late + timedelta(seconds=1)))
    assert expected <= set(seen), "an order slipped past a page's edge"


def _moment(text: str) -> datetime:
    """The sandbox tells its time as the platforms do: local, without a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI_TIME).astimezone(UTC)


def _modified_in(sandbox: ServedSandbox, read: Read, window: object) -> set[int]:
    """What a quiet reading of the same span sees."""
    from connectors.sources.api.connector import find_connector
    from connectors.sources.api.reading import Reading
    from connectors.sources.taobao import source as taobao
    from connectors.sources.taobao.gateway import Top

    config = find_connector("taobao").config.model_validate(read.config)
    ids: set[int] = set()
    with Reading("taobao", CHANNEL, read.now).client(config) as client:
        top = Top(config, client)
        for part in window.split(timedelta(days=1)):
            span = taobao._span(part, "start_modified", "end_modified")
            method = "taobao.trades.sold.increment.get"
            for page in taobao._pages(top, config, method, "trades", span):
                ids.update(row["tid"] for row in page.records)
    return ids


def test_backfill_window_by_window_finds_everything(sandbox: ServedSandbox, tmp_path: Path):
    from connectors.configuration import ConfiguredSource
    from connectors.sources.api.connector import find_connector
    from orchestration.backfill import backfill_platform
    from orchestration.progress import SilentProgress

    sandbox.control(as_of="2026-06-30T23:59:59", faults=FAULTS)
    config = find_connector("taobao").config.model_validate(read_of(sandbox, AFTER_THE_END).config)
    source = ConfiguredSource("taobao", "taobao", accounts={CHANNEL: config})
    outcome = backfill_platform(
        load_settings(home=tmp_path), source, date(2026, 6, 15), date(2026, 7, 1),
        SilentProgress(), window_days=4,
    )  # fmt: skip
    assert outcome.problems == []
    assert len(outcome.reports) == 4
    assert found(tmp_path) == truth(sandbox, found(tmp_path))
