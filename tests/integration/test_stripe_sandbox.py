"""Stripe against the sandbox: every entry and payout to the cent, despite faults and kills."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import PermanentError
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import load_settings
from connectors.sources.api.reading import CHINA, Reading, Window
from connectors.sources.stripe.source import CONNECTOR, StripeAccount, _Stripe
from tests.canonical import CanonicalRows
from tests.models import build_models
from tests.platform_accounts import ACCOUNTS, config_of
from tests.platforms import Read, bronze_payloads, read_account, read_until_killed

pytestmark = pytest.mark.integration

FAULTS = Faults.all_on(0.02)
SUMS = ("amount", "fee", "net")
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=date(2026, 6, 30), days=20, orders_per_day=1_000, product_count=60
    )
    with serve_sandbox(config) as served:
        yield served


def local(month: int, day: int, hour: int) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=CHINA)


def _keys(sandbox: ServedSandbox, **changes: object) -> dict[str, object]:
    usual = {"attempts": 8, "page_size": 50, "start": "2026-06-10", "requests_per_second": 90}
    return config_of("stripe", sandbox, **(usual | changes))


def _read(sandbox: ServedSandbox, as_of: datetime, **changes: object) -> Read:
    """Everything up to `as_of`: a window's end is excluded."""
    return Read("stripe", ACCOUNTS["stripe"], _keys(sandbox, **changes), as_of + SECOND)


def _bronze(home: Path) -> dict[str, Any]:
    """Figures of bronze as the sandbox tells them; transactions are final, payouts are not."""
    settings = load_settings(home=home)
    transactions = {
        record["id"]: record for record in bronze_payloads(settings, "stripe_balance_transactions")
    }
    payouts = {record["id"]: record for record in bronze_payloads(settings, "stripe_payouts")}
    entries: dict[str, dict[str, int]] = {}
    for record in transactions.values():
        kind = entries.setdefault(
            record["reporting_category"], {"entries": 0} | {f"{name}_fen": 0 for name in SUMS}
        )
        kind["entries"] += 1
        for name in SUMS:
            kind[f"{name}_fen"] += record[name]
    states: dict[str, dict[str, int]] = {}
    for record in payouts.values():
        state = states.setdefault(record["status"], {"payouts": 0, "amount_fen": 0})
        state["payouts"] += 1
        state["amount_fen"] += record["amount"]
    return {"entries": entries, "payouts": states}


def _truth(sandbox: ServedSandbox) -> dict[str, Any]:
    balance = sandbox.balance()
    return {name: balance[name] for name in ("entries", "payouts")}


def test_faults_and_kills_lose_nothing_and_double_nothing(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    sandbox.control(as_of=local(6, 24, 12), faults=FAULTS, counters="reset")
    before = _read(sandbox, local(6, 24, 12))
    assert read_until_killed(tmp_path, before, pages=6) == -9
    assert _bronze(tmp_path) == {"entries": {}, "payouts": {}}
    assert read_account(tmp_path, before).problems == ()
    assert _bronze(tmp_path) == _truth(sandbox)

    sandbox.control(as_of=local(7, 1, 12))
    after = _read(sandbox, local(7, 1, 12))
    read_until_killed(tmp_path, after, landing_seconds=0.2)
    assert read_account(tmp_path, after).problems == ()
    truth = _truth(sandbox)
    assert _bronze(tmp_path) == truth
    assert truth["entries"].keys() == {
        *("charge", "refund", "dispute", "dispute_reversal", "payout", "payout_reversal")
    }
    assert truth["payouts"].keys() >= {"paid", "failed"}

    assert read_account(tmp_path, after).problems == ()
    lake = CanonicalRows(tmp_path, "stripe")
    lake.build("int_stripe__payment_entries", "int_stripe__payouts_classified")
    assert _canonical(lake) == sandbox.balance()
    faults = {name for name in sandbox.counters() if "stripe.fault" in name}
    assert len(faults) >= 8, sandbox.counters()
    assert sandbox.log() == ""


def _canonical(lake: CanonicalRows) -> dict[str, Any]:
    """Figures of the canonical entries and payouts in the words of the truth."""
    entries = lake.rows("""
        select
            source_type, count(*),
            sum(amount * 100), sum(fee_amount * 100), sum(net_amount * 100)
        from lake.intermediate.int_stripe__payment_entries
        group by all
    """)
    days = lake.rows("""
        select bill_date::text, count(*), sum(net_amount * 100)
        from lake.intermediate.int_stripe__payment_entries
        group by all
    """)
    payouts = lake.rows("""
        select status, count(*), sum(amount_units)
        from lake.intermediate.int_stripe__payouts_classified
        where is_current
        group by all
    """)
    return {
        "entries": {
            kind: {"entries": count}
            | {f"{name}_fen": int(part) for name, part in zip(SUMS, sums, strict=True)}
            for kind, count, *sums in entries
        },
        "days": {day: {"entries": count, "net_fen": int(net)} for day, count, net in days},
        "payouts": {
            state: {"payouts": count, "amount_fen": int(amount)} for state, count, amount in payouts
        },
        "balance_fen": sum(int(net) for *_, net in entries),
    }


def test_every_entry_finds_its_order_of_the_shop(sandbox: ServedSandbox, tmp_path: Path) -> None:
    """WooCommerce tells the charge's number; refunds and disputes lead to it through Stripe."""
    sandbox.control(as_of=local(7, 1, 12), faults=Faults())
    assert read_account(tmp_path, _read(sandbox, local(7, 1, 12))).problems == ()
    shop = config_of("woocommerce", sandbox, start="2026-06-10")
    read = Read("woocommerce", ACCOUNTS["woocommerce"], shop, local(7, 1, 12))
    assert read_account(tmp_path, read).problems == ()
    build_models(load_settings(home=tmp_path), "+fct_payment_entries")
    lake = CanonicalRows(tmp_path, "stripe\nwoocommerce")
    ((by_card,),) = lake.rows("""
        select count(*) from lake.intermediate.int_woocommerce__payments where method = 'stripe'
    """)
    found = dict(
        lake.rows("""
            select source_type, count(*) from lake.marts.fct_payment_entries
            where channel = 'own_shop'
            group by all
        """)
    )
    assert found["charge"] == by_card > 500
    assert found["refund"] > 10
    assert found.keys() <= {"charge", "refund", "dispute", "dispute_reversal"}
    ((wrong,),) = lake.rows("""
        select count(*)
        from lake.marts.fct_payment_entries as entries
        inner join lake.intermediate.int_woocommerce__payments as payments
            on entries.provider_payment_no = payments.payment_no
        where
            entries.source_type = 'charge'
            and (
                entries.amount != payments.amount
                or entries.order_key is distinct from 'woocommerce:' || payments.order_no
            )
    """)
    assert wrong == 0


def test_what_is_created_between_pages_moves_nothing(sandbox: ServedSandbox) -> None:
    """New entries come in front; each page begins behind the last id of the one before."""
    start = local(6, 20, 0)
    sandbox.control(as_of=local(6, 21, 12), faults=Faults())
    window = Window(start, local(6, 21, 12) + SECOND)
    account = StripeAccount.model_validate(_keys(sandbox, page_size=20))
    quiet = _ids(account, window, sandbox, ())
    assert len(quiet) == len(set(quiet)) > 80
    sandbox.control(as_of=local(6, 21, 12))
    # The window ends later than what is there: the list grows at its front with every page.
    longer = Window(start, local(6, 22, 12))
    growing = _ids(account, longer, sandbox, [local(6, 21, 13 + n) for n in range(8)])
    assert len(growing) == len(set(growing))
    assert set(quiet) <= set(growing)
    assert len(set(_ids(account, longer, sandbox, ()))) > len(growing)


def _ids(account: StripeAccount, window: Window, sandbox: ServedSandbox, moments: Any) -> list[str]:
    """Ids of the transactions of a window; the time moves on after every page."""
    left = list(moments)
    ids: list[str] = []
    with Reading("stripe", "main", window.end).client(account) as client:
        for page in _Stripe(account, client).pages("/v1/balance_transactions", window):
            ids += [record["id"] for record in page]
            if left:
                sandbox.control(as_of=left.pop(0))
    return ids


def test_a_refused_key_is_one_sentence_and_moves_nothing(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    sandbox.control(as_of=local(7, 1, 12), faults=Faults())
    report = read_account(tmp_path, _read(sandbox, local(7, 1, 12), api_key="sk_test_wrong_secret"))
    assert report.record_count == 0
    assert [entity.cursor for entity in report.entities] == [None, None]
    assert len(report.problems) == 2
    for problem in report.problems:
        assert "check api_key" in problem
        assert "secret" not in problem
    sandbox.control(expired=["stripe"])
    try:
        with pytest.raises(PermanentError, match="api_key_expired"):
            _check(sandbox)
    finally:
        sandbox.control(expired=[])
    with pytest.raises(PermanentError, match="status 400"):
        _check(sandbox, api_version="latest")


def test_a_provider_that_only_fails_leaves_the_cursor(
    sandbox: ServedSandbox, tmp_path: Path
) -> None:
    sandbox.control(as_of=local(7, 1, 12), faults=Faults())
    for kind in (
        "drop",
        "too_many",
        "server_error",
        "throttled",
        "unavailable",
        "truncated",
        "html",
    ):
        sandbox.control(faults=Faults(**{kind: 1.0}))
        report = read_account(tmp_path, _read(sandbox, local(7, 1, 12), attempts=2))
        assert [entity.cursor for entity in report.entities] == [None, None], kind
        assert all(entity.is_transient for entity in report.entities), kind
    sandbox.control(faults=Faults())
    assert read_account(tmp_path, _read(sandbox, local(7, 1, 12))).problems == ()
    assert _bronze(tmp_path) == _truth(sandbox)


def test_the_limit_of_calls_is_waited_for(sandbox: ServedSandbox, tmp_path: Path) -> None:
    sandbox.control(
        as_of=local(7, 1, 12), faults=Faults(), options={"stripe": {"calls_per_second": 5}}
    )
    try:
        report = read_account(tmp_path, _read(sandbox, local(7, 1, 12), page_size=100))
    finally:
        sandbox.control(options={"stripe": {"calls_per_second": 100}})
    assert report.problems == ()
    assert _bronze(tmp_path) == _truth(sandbox)
    assert sandbox.counters()["stripe.error.rate_limit"] > 0


def test_check_is_one_sentence(sandbox: ServedSandbox) -> None:
    sandbox.control(as_of=local(6, 30, 12), faults=Faults())
    assert "Stripe answers for main: 50 or more balance transactions" in _check(sandbox)


def _check(sandbox: ServedSandbox, **changes: object) -> str:
    account = StripeAccount.model_validate(_keys(sandbox, **changes))
    return CONNECTOR.check(account, Reading("stripe", ACCOUNTS["stripe"], local(6, 30, 12)))
