"""WooCommerce against the sandbox: faults, kills and page shifts lose and double nothing."""

import base64
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from connectors.errors import FourflowError, PermanentError, TransientError
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.sources.api.reading import Reading, Window
from connectors.sources.woocommerce.source import CONNECTOR, WooCommerceAccount, _orders, _Site
from tests.canonical import CanonicalRows, truth_of
from tests.platform_accounts import SandboxAccount, present
from tests.platforms import (
    orders_a_day,
    read_account,
)

pytestmark = pytest.mark.integration

CHANNEL = "shopify_global"  # whose orders the simulated site tells
SHAPES = ("orders", "order_lines", "payments", "refunds")
FAULTS = Faults(
    drop=0.025,
    delay=0.025,
    too_many=0.025,
    server_error=0.025,
    throttled=0.025,
    unavailable=0.025,
    truncated=0.025,
    html=0.025,
    repeated_page=0.05,
    page_shift=0.2,
    delay_seconds=0.02,
)
ACCOUNT = SandboxAccount("woocommerce", attempts=10, page_size=20, start="2026-06-22")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=date(2026, 6, 30), days=9, orders_per_day=orders_a_day(9, 1_200), product_count=60
    )
    with serve_sandbox(config) as served:
        yield served


def test_faults_and_kills_lose_nothing_and_double_nothing(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    ACCOUNT.read_through_kills(sandbox, tmp_path, FAULTS)
    canonical = CanonicalRows(tmp_path, "woocommerce")
    canonical.build(*(f"int_woocommerce__{shape}" for shape in SHAPES))
    truth = truth_of(sandbox, "woocommerce")
    assert canonical.figures(has_parcels=False) == truth
    assert truth["refunds"] > 10
    happened = {name for name, count in sandbox.counters().items() if "woocommerce.fault" in name}
    assert len(happened) >= 8, sandbox.counters()
    ((trashed, nameless),) = canonical.rows("""
        select
            (select count(*) from lake.intermediate.int_woocommerce__orders
             where source_status = 'trash'),
            (select count(*) from lake.intermediate.int_woocommerce__refunds where line_no is null)
    """)
    assert trashed > 0
    assert nameless > 0
    assert sandbox.log() == ""


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
    account = WooCommerceAccount.model_validate(ACCOUNT.keys(sandbox, page_size=5))
    first = Window(present(sandbox) - timedelta(minutes=20), present(sandbox))
    quiet = _numbers(account, first, [])
    assert len(quiet) >= 60
    waiting = [sorted(quiet)[touch % len(quiet)] for touch in touches]
    seen = _numbers(account, first, waiting, sandbox)
    seen |= _numbers(account, Window(first.end - timedelta(minutes=10), present(sandbox)), [])
    assert quiet <= seen, "an order slipped past a page's edge"


def _numbers(
    account: WooCommerceAccount,
    window: Window,
    waiting: list[str],
    sandbox: ServedSandbox | None = None,
) -> set[str]:
    """Order numbers of a window; one waiting order is touched after every page."""
    numbers: set[str] = set()
    with Reading("woocommerce", "own_shop", window.end).client(account) as client:
        for status in ("any", "trash"):
            for page in _orders(_Site(account, client), account, window, status):
                numbers.update(record["number"] for record in page.records)
                if waiting and sandbox:
                    sandbox.control(touch={"channel": CHANNEL, "orders": [waiting.pop()]})
    return numbers


@pytest.mark.parametrize("changes", [{"consumer_secret": "wrong"}, {"consumer_key": "ck_other"}])
def test_a_refused_key_moves_no_cursor(
    sandbox: ServedSandbox, tmp_path: Path, changes: dict[str, str]
) -> None:
    sandbox.control(faults=Faults())
    report = read_account(tmp_path, ACCOUNT.read(sandbox, present(sandbox), **changes))
    assert [entity.cursor for entity in report.entities] == [None]
    assert report.load_ids == ()
    (problem,) = report.problems
    assert "check consumer_key, consumer_secret and this machine's clock" in problem
    assert "wrong" not in problem
    with pytest.raises(PermanentError, match="check consumer_key"):
        _check(sandbox, **changes)


def test_a_revoked_key_is_told(sandbox: ServedSandbox) -> None:
    sandbox.control(faults=Faults(), expired=["woocommerce"])
    try:
        with pytest.raises(PermanentError, match="status 401"):
            _check(sandbox)
    finally:
        sandbox.control(expired=[])


def test_a_wrong_clock_is_told_as_such(
    sandbox: ServedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.control(faults=Faults())
    assert "WooCommerce answers for own_shop" in _check(sandbox)
    real = time.time
    monkeypatch.setattr("connectors.sources.woocommerce.source.time.time", lambda: real() + 16 * 60)
    with pytest.raises(FourflowError, match="this machine's clock"):
        _check(sandbox)


def test_a_site_that_only_fails_leaves_the_cursor(sandbox: ServedSandbox, tmp_path: Path) -> None:
    kinds = ("drop", "too_many", "server_error", "throttled", "unavailable", "truncated", "html")
    for kind in kinds:
        sandbox.control(faults=Faults(**{kind: 1.0}))
        report = read_account(tmp_path, ACCOUNT.read(sandbox, present(sandbox), attempts=2))
        assert [entity.cursor for entity in report.entities] == [None], kind
        assert all(entity.is_transient for entity in report.entities), kind
        assert len(report.problems) == 1
    sandbox.control(faults=Faults())
    with pytest.raises(TransientError, match="could not be reached"):
        _check(sandbox, base_url="http://127.0.0.1:9", attempts=1)


class _EndsTls(httpx.BaseTransport):
    """A proxy that ends TLS in front of the simulated site."""

    def __init__(self, site: str) -> None:
        self._site = httpx.URL(site)
        self._transport = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == "https"
        url = request.url.copy_with(
            scheme="http", host=self._site.host, port=self._site.port,
            path=f"/woocommerce{request.url.path}",
        )  # fmt: skip
        headers = {**request.headers, "x-forwarded-proto": "https", "host": url.netloc.decode()}
        return self._transport.handle_request(httpx.Request("GET", url, headers=headers))


@pytest.mark.parametrize("key_in_query", [False, True])
def test_over_tls_the_key_itself_is_sent(sandbox: ServedSandbox, key_in_query: bool) -> None:
    sandbox.control(faults=Faults())
    keys = ACCOUNT.keys(sandbox, base_url="https://my-shop.com", key_in_query=key_in_query)
    reading = Reading("woocommerce", "own_shop", present(sandbox), transport=_EndsTls(sandbox.url))
    account = WooCommerceAccount.model_validate(keys)
    assert "WooCommerce answers for own_shop" in CONNECTOR.check(account, reading)
    wrong = WooCommerceAccount.model_validate({**keys, "consumer_secret": "wrong"})
    with pytest.raises(PermanentError, match="or set `key_in_query: true`"):
        CONNECTOR.check(wrong, reading)


def test_basic_authentication_is_refused_without_tls(sandbox: ServedSandbox) -> None:
    """Why the connector signs there: WordPress looks at the header over TLS only."""
    known = sandbox.credentials()["woocommerce"]
    key = f"{known['consumer_key']}:{known['consumer_secret']}"
    headers = {"authorization": f"Basic {base64.b64encode(key.encode()).decode()}"}
    url = f"{sandbox.url}/woocommerce/wp-json/wc/v3/orders"
    assert httpx.get(url, headers=headers).status_code == 401
    over_tls = httpx.get(url, headers={**headers, "x-forwarded-proto": "https"})
    assert over_tls.status_code == 200
    assert len(over_tls.json()) == 10


def _check(sandbox: ServedSandbox, **changes: object) -> str:
    account = WooCommerceAccount.model_validate(ACCOUNT.keys(sandbox, **changes))
    return CONNECTOR.check(account, Reading("woocommerce", "own_shop", present(sandbox)))
