"""Pinduoduo against the sandbox: faults, kills and page shifts lose nothing and double nothing."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.errors import FourflowError, PermanentError
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.sources.api.reading import Reading, Window
from connectors.sources.pdd.gateway import Gateway, PddAccount
from connectors.sources.pdd.source import CONNECTOR, _orders
from tests.canonical import CanonicalRows, truth_of
from tests.platform_accounts import ACCOUNTS, SandboxAccount, present
from tests.platforms import orders_a_day, read_account

pytestmark = pytest.mark.integration

CHANNEL = "tmall_flagship"  # whose orders the simulated Pinduoduo tells
SHAPES = ("orders", "order_lines", "payments", "refunds", "parcels")
FAULTS = Faults(
    drop=0.01,
    delay=0.01,
    too_many=0.01,
    server_error=0.01,
    throttled=0.003,
    unavailable=0.01,
    truncated=0.01,
    html=0.01,
    repeated_page=0.04,
    page_shift=0.2,
    delay_seconds=0.02,
)
ACCOUNT = SandboxAccount("pdd", attempts=10, page_size=20, start="2026-06-27")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=date(2026, 6, 30), days=4, orders_per_day=orders_a_day(4, 300), product_count=60
    )
    with serve_sandbox(config) as served:
        yield served


def test_faults_and_kills_lose_nothing_and_double_nothing(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    ACCOUNT.read_through_kills(sandbox, tmp_path, FAULTS)
    canonical = CanonicalRows(tmp_path, "pdd")
    canonical.build(*(f"int_pdd__{shape}" for shape in SHAPES))
    assert canonical.figures() == truth_of(sandbox, "pdd")
    happened = {name for name, count in sandbox.counters().items() if "fault" in name and count}
    assert len(happened) >= 8, sandbox.counters()


@given(touches=st.lists(st.integers(0, 400), min_size=1, max_size=25))
@hypothesis_settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_orders_that_change_while_pages_are_read_are_not_missed(
    sandbox: ServedSandbox, touches: list[int]
) -> None:
    later = present(sandbox) + timedelta(hours=1)
    sandbox.control(as_of=later.replace(tzinfo=None).isoformat(), faults=Faults())
    sandbox.control(touch={"channel": CHANNEL, "count": 60, "seed": len(touches)})
    moved = present(sandbox) + timedelta(minutes=4)
    sandbox.control(as_of=moved.replace(tzinfo=None).isoformat())
    account = PddAccount.model_validate(ACCOUNT.keys(sandbox, page_size=5))
    end = present(sandbox) - timedelta(seconds=180)
    first = Window(end - timedelta(minutes=20), end)
    quiet = _numbers(account, first, [])
    assert len(quiet) > 20
    waiting = [sorted(quiet)[touch % len(quiet)] for touch in touches]
    seen = _numbers(account, first, waiting, sandbox)
    end = present(sandbox) + timedelta(seconds=1)
    moved = end + timedelta(minutes=4)
    sandbox.control(as_of=moved.replace(tzinfo=None).isoformat())
    seen |= _numbers(account, Window(first.end - timedelta(minutes=10), end), [])
    assert quiet <= seen, "an order slipped past a page's edge"


def _numbers(
    account: PddAccount,
    window: Window,
    waiting: list[str],
    sandbox: ServedSandbox | None = None,
) -> set[str]:
    """Order numbers of a window; one waiting order is touched after every page."""
    numbers: set[str] = set()
    kind = "pdd.order.number.list.increment.get"
    with Reading("pdd", CHANNEL, window.end).client(account) as client:
        for part in window.split(timedelta(minutes=30)):
            for page in _orders(Gateway(account, client), account, kind, part):
                numbers.update(record["order_sn"] for record in page.records)
                if waiting and sandbox:
                    number = waiting.pop().partition("-")[2]
                    sandbox.control(touch={"channel": CHANNEL, "orders": [number]})
    return numbers


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"client_secret": "wrong"}, "check client_id and client_secret"),
        ({"client_id": "1"}, "check client_id"),
        ({"access_token": "expired"}, "set the new `access_token`"),
    ],
)
def test_a_refused_account_moves_no_cursor(
    sandbox: ServedSandbox, tmp_path: Path, changes: dict[str, str], advice: str
) -> None:
    sandbox.control(faults=Faults())
    kinds = {"expired": sandbox.credentials()["pdd"]["expired_token"]}
    keys = {name: kinds.get(value, value) for name, value in changes.items()}
    report = read_account(tmp_path, ACCOUNT.read(sandbox, present(sandbox), **keys))
    assert [entity.cursor for entity in report.entities] == [None, None]
    assert report.load_ids == ()
    assert len(report.problems) == 2
    assert all(advice in problem for problem in report.problems)
    with pytest.raises(PermanentError, match=advice.partition(":")[0]):
        _check(sandbox, **keys)


def _check(sandbox: ServedSandbox, **changes: object) -> str:
    account = PddAccount.model_validate(ACCOUNT.keys(sandbox, **changes))
    return CONNECTOR.check(account, Reading("pdd", ACCOUNTS["pdd"], present(sandbox)))


def test_a_wrong_clock_is_told_as_such(
    sandbox: ServedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    sandbox.control(faults=Faults())
    assert "Pinduoduo answers for pdd_shop" in _check(sandbox)
    real = time.time
    monkeypatch.setattr("connectors.sources.pdd.gateway.time.time", lambda: real() + 1200)
    with pytest.raises(FourflowError, match="set this machine's clock"):
        _check(sandbox)
