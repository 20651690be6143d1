"""WeChat Store against the sandbox: faults, kills and changes lose nothing and double nothing."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from connectors.errors import FourflowError
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import DefectRates, WorldConfig
from connectors.sources.api.reading import Reading
from connectors.sources.wechat_store.gateway import WechatStoreAccount
from connectors.sources.wechat_store.source import CONNECTOR
from tests.canonical import CanonicalRows, truth_of
from tests.platform_accounts import SandboxAccount, present
from tests.platforms import orders_a_day, read_account

pytestmark = pytest.mark.integration

FAULTS = Faults(
    drop=0.01,
    delay=0.01,
    too_many=0.01,
    server_error=0.01,
    throttled=0.01,
    unavailable=0.01,
    truncated=0.01,
    html=0.01,
    page_shift=0.05,
    delay_seconds=0.02,
)
ACCOUNT = SandboxAccount(
    "wechat_store", attempts=10, page_size=15, start="2026-06-27", pause_seconds=0.1
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=date(2026, 6, 30),
        days=4,
        orders_per_day=orders_a_day(4, 150),
        product_count=60,
        defects=DefectRates(edited_orders=0.05, unmapped_status=0.02),
    )
    with serve_sandbox(config) as served:
        yield served


def test_faults_and_kills_lose_nothing_and_double_nothing(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    sandbox.control(options={"wechat_store": {"calls_per_token": 150}})
    ACCOUNT.read_through_kills(sandbox, tmp_path, FAULTS, pages=5)
    sandbox.control(options={"wechat_store": {"calls_per_token": 0}})
    canonical = CanonicalRows(tmp_path, "wechat_store")
    canonical.build()
    assert canonical.figures() == truth_of(sandbox, "wechat_store")
    assert _statuses(canonical, "unknown") > 0, "an unmapped state lands and is told"
    ((versions, buyers, untokenised),) = canonical.rows("""
        select
            count(*) filter (where not is_current and disposition = 'used'),
            count(distinct buyers.buyer_id),
            count(*) - count(*) filter (
                where regexp_full_match(receiver_name || receiver_phone, '[0-9a-f]{128}')
            )
        from lake.intermediate.int_wechat_store__orders_classified as orders
        left join lake.intermediate.int_wechat_store__customers as buyers
            on orders.owner_id = buyers.buyer_id
    """)
    assert versions > 10, "edited orders came in several versions"
    assert buyers > 20
    assert untokenised == 0
    ((payments, wechat_pay_numbers, known_lines),) = canonical.rows("""
        select count(*), count(*) filter (where regexp_full_match(payment_no, '[0-9]{28}')), (
            select bool_or(line_no is not null) from lake.intermediate.int_wechat_store__refunds
        )
        from lake.intermediate.int_wechat_store__payments
    """)
    assert payments == wechat_pay_numbers > 100, "payments have the numbers of WeChat Pay's bills"
    assert known_lines
    carriers = canonical.rows(
        "select distinct carrier from lake.intermediate.int_wechat_store__parcels"
    )
    assert {carrier for (carrier,) in carriers} <= {"sf", "yto", "jd"}
    happened = {name for name, count in sandbox.counters().items() if "fault" in name and count}
    assert len(happened) >= 8, sandbox.counters()
    assert sandbox.counters()["wechat_store.tokens"] >= 2, "tokens ended on the way"


def _statuses(canonical: CanonicalRows, status: str) -> int:
    return int(canonical.figures()["orders_by_status"].get(status, 0))


@pytest.mark.parametrize(
    ("changes", "options", "advice"),
    [
        ({"secret": "wrong"}, {}, "check `secret`"),
        ({"appid": "wx1"}, {}, "check `appid`"),
        ({}, {"has_permission": False}, "have the permission for orders"),
        ({}, {"is_allowed_address": False}, "IP allow-list"),
    ],
)
def test_a_refused_account_moves_no_cursor(
    sandbox: ServedSandbox,
    tmp_path: Path,
    changes: dict[str, str],
    options: dict[str, bool],
    advice: str,
) -> None:
    usual = {"has_permission": True, "is_allowed_address": True}
    sandbox.control(faults=Faults(), options={"wechat_store": usual | options})
    report = read_account(tmp_path, ACCOUNT.read(sandbox, present(sandbox), **changes))
    assert [entity.cursor for entity in report.entities] == [None, None]
    assert report.load_ids == ()
    assert len(report.problems) == 2
    assert all(advice in problem for problem in report.problems)
    with pytest.raises(FourflowError, match=advice):
        _check(sandbox, **changes)
    sandbox.control(options={"wechat_store": usual})
    assert "WeChat Store answers for wechat_shop" in _check(sandbox)


def test_a_token_that_stays_refused_is_one_sentence(sandbox: ServedSandbox) -> None:
    sandbox.control(faults=Faults(), expired=["wechat_store"])
    with pytest.raises(FourflowError, match="although the token was fetched a moment ago"):
        _check(sandbox)
    sandbox.control(expired=[])


def _check(sandbox: ServedSandbox, **changes: object) -> str:
    account = WechatStoreAccount.model_validate(ACCOUNT.keys(sandbox, **changes))
    return CONNECTOR.check(account, Reading("wechat_store", "wechat_shop", present(sandbox)))
