"""JD against the sandbox: faults, kills and page shifts lose nothing and double nothing."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
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
from connectors.sources.jd.gateway import Gateway, JdAccount
from connectors.sources.jd.source import CONNECTOR, _orders, _pages
from tests.canonical import CanonicalRows, truth_of
from tests.platform_accounts import ACCOUNTS, SandboxAccount, present
from tests.platforms import orders_a_day, read_account

pytestmark = pytest.mark.integration

CHANNEL = "tmall_flagship"  # whose orders the simulated JD tells
SHAPES = ("orders", "order_lines", "payments", "refunds", "parcels", "customers")
FAULTS = Faults(
    drop=0.02,
    delay=0.02,
    too_many=0.02,
    server_error=0.02,
    throttled=0.006,
    unavailable=0.02,
    truncated=0.02,
    html=0.02,
    repeated_page=0.06,
    page_shift=0.3,
    delay_seconds=0.02,
)
ACCOUNT = SandboxAccount("jd", attempts=10, page_size=15, start="2026-06-25")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=date(2026, 6, 30), days=6, orders_per_day=orders_a_day(6, 300), product_count=60
    )
    with serve_sandbox(config) as served:
        yield served


def test_faults_and_kills_lose_nothing_and_double_nothing(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    ACCOUNT.read_through_kills(sandbox, tmp_path, FAULTS)
    canonical = CanonicalRows(tmp_path, "jd")
    canonical.build(*(f"int_jd__{shape}" for shape in SHAPES))
    assert canonical.figures() == truth_of(sandbox, "jd")
    ((split, unlike),) = canonical.rows(f"""
        select count(*), count(*) filter (where parts.amount != whole.record_amount)
        from lake.intermediate.int_jd__split_orders as split
        join lake.intermediate.int_jd__orders_classified as whole using (account, order_no)
        join (
            select split_from as order_no, sum(record_amount) as amount
            from lake.intermediate.int_jd__orders_classified where is_current group by 1
        ) as parts using (order_no)
        where whole.is_current and whole.account = '{ACCOUNTS["jd"]}'
    """)
    assert split > 10
    assert unlike == 0
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
    account = JdAccount.model_validate(ACCOUNT.keys(sandbox, page_size=5))
    end = present(sandbox)
    first = Window(end - timedelta(minutes=20), end)
    quiet = _numbers(account, first, [])
    assert len(quiet) > 20
    waiting = [sorted(quiet)[touch % len(quiet)] for touch in touches]
    seen = _numbers(account, first, waiting, sandbox)
    seen |= _numbers(account, Window(first.end - timedelta(minutes=10), present(sandbox)), [])
    assert quiet <= seen, "an order slipped past a page's edge"


def _numbers(
    account: JdAccount,
    window: Window,
    waiting: list[str],
    sandbox: ServedSandbox | None = None,
) -> set[str]:
    """Order numbers of a window; one waiting order is touched after every page."""
    numbers: set[str] = set()
    query = _orders(account, by_creation=False)
    with Reading("jd", CHANNEL, window.end).client(account) as client:
        for page in _pages(Gateway(account, client), account, query, window):
            numbers.update(record["orderId"] for record in page.records)
            if waiting and sandbox:
                number = waiting.pop()[:18]  # a half of a split order changes with all of it
                sandbox.control(touch={"channel": CHANNEL, "orders": [number]})
    return numbers


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"app_secret": "wrong"}, "check app_key and app_secret"),
        ({"app_key": "1"}, "check app_key: JD does not know it"),
        ({"access_token": "expired"}, "set the new `access_token`"),
    ],
)
def test_a_refused_account_moves_no_cursor(
    sandbox: ServedSandbox, tmp_path: Path, changes: dict[str, str], advice: str
) -> None:
    sandbox.control(faults=Faults())
    kinds = {"expired": sandbox.credentials()["jd"]["expired_token"]}
    keys = {name: kinds.get(value, value) for name, value in changes.items()}
    report = read_account(tmp_path, ACCOUNT.read(sandbox, present(sandbox), **keys))
    assert [entity.cursor for entity in report.entities] == [None, None, None]
    assert report.load_ids == ()
    assert len(report.problems) == 3
    assert all(advice in problem for problem in report.problems)
    with pytest.raises(PermanentError, match=advice.partition(":")[0]):
        _check(sandbox, **keys)


def _check(sandbox: ServedSandbox, **changes: object) -> str:
    account = JdAccount.model_validate(ACCOUNT.keys(sandbox, **changes))
    return CONNECTOR.check(account, Reading("jd", ACCOUNTS["jd"], present(sandbox)))


def test_a_wrong_clock_is_told_as_such(
    sandbox: ServedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.control(faults=Faults())
    assert "JD answers for jd_shop" in _check(sandbox)

    class Fast(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(minutes=20)

    monkeypatch.setattr("connectors.sources.jd.gateway.datetime", Fast)
    with pytest.raises(FourflowError, match="set this machine's clock"):
        _check(sandbox)
