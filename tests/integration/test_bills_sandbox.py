"""Alipay's and WeChat Pay's bills against the sandbox: every fen, despite faults and kills."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import load_settings
from connectors.sources.api.connector import find_connector
from connectors.sources.api.reading import CHINA, Reading
from tests.canonical import CanonicalRows
from tests.models import build_models
from tests.platforms import Read, bronze_payloads, fen, orders_a_day, read_account
from tests.platforms import read_until_killed as kill_reading

pytestmark = pytest.mark.integration

END = date(2026, 6, 30)
FAULTS = Faults.all_on(0.02)
ALIPAY_ROW = ("支付宝交易号", "业务类型", "退款批次号/请求号")
WECHAT_ROW = ("微信订单号", "交易状态", "微信退款单号")
WECHAT_MOVE = ("资金流水单号", "微信支付业务单号", "业务类型")
DAILY = (
    *("payments", "payment_fen", "refunds", "refund_fen", "fee_fen"),
    *("movements", "income_fen", "expense_fen", "closing_balance_fen"),
)
PROVIDERS = ("alipay", "wechat_pay")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    config = WorldConfig(
        end_date=END, days=20, orders_per_day=orders_a_day(20, 500), product_count=60
    )
    with serve_sandbox(config) as served:
        yield served


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, 1, hour, minute, tzinfo=CHINA).replace(
        month=7 if day > 30 else 6, day=day - 30 if day > 30 else day
    )


def read_of(sandbox: ServedSandbox, provider: str, now: datetime, **changes: Any) -> Read:
    known, keys = sandbox.credentials()[provider], sandbox.keys()
    own: dict[str, Any] = {
        "alipay": lambda: {
            "base_url": f"{sandbox.url}/alipay/gateway.do",
            "app_id": known["app_id"],
            "private_key": keys["alipay_app"]["private"],
            "alipay_public_key": keys["alipay_platform"]["public"],
        },
        "wechat_pay": lambda: {
            "base_url": f"{sandbox.url}/wechat_pay",
            "merchant_id": known["mchid"],
            "merchant_serial": known["merchant_serial"],
            "private_key": keys["wechat_merchant"]["private"],
            "platform_serial": known["platform_serial"],
            "platform_public_key": keys["wechat_platform"]["public"],
        },
    }[provider]()
    config = {**own, "start": "2026-06-11", "attempts": 8, "requests_per_second": 100, **changes}
    return Read(provider, "main", config, now.astimezone(UTC))


def rows_of(home: Path, table: str, key: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, Any]]:
    """The rows of bronze by their key; a row that is there twice is told at once."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for payload in bronze_payloads(load_settings(home=home), table):
        row = {
            name: cell.strip() if isinstance(cell, str) else cell for name, cell in payload.items()
        }
        identity = tuple(str(row[name]) for name in key)
        assert identity not in found, f"{table} holds {identity} twice"
        found[identity] = row
    return found


def found(home: Path, provider: str) -> dict[str, dict[str, int]]:
    """Figures of bronze by bill date, as the sandbox tells them."""
    days: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(DAILY, 0))
    if provider == "alipay":
        for row in rows_of(home, "alipay_trade_entries", ALIPAY_ROW).values():
            day, is_paid = days[row["bill_date"]], row["业务类型"] == "交易"
            day["payments" if is_paid else "refunds"] += 1
            amount = abs(fen(row["商家实收（元）"]))
            day["payment_fen" if is_paid else "refund_fen"] += amount
            day["fee_fen"] -= fen(row["服务费（元）"])
        for row in rows_of(home, "alipay_account_entries", ("账务流水号",)).values():
            change = fen(row["收入金额（+元）"]) - abs(fen(row["支出金额（-元）"]))
            _count_move(days[row["bill_date"]], row, change, fen(row["账户余额（元）"]))
    else:
        for row in rows_of(home, "wechat_pay_trade_entries", WECHAT_ROW).values():
            day, is_paid = days[row["bill_date"]], row["交易状态"] == "SUCCESS"
            day["payments" if is_paid else "refunds"] += 1
            day["payment_fen"] += fen(row["应结订单金额"])
            day["refund_fen"] += fen(row["退款金额"])
            day["fee_fen"] += fen(row["手续费"])
        for row in rows_of(home, "wechat_pay_fund_entries", WECHAT_MOVE).values():
            change = fen(row["收支金额(元)"]) * (1 if row["收支类型"] == "收入" else -1)
            _count_move(days[row["bill_date"]], row, change, fen(row["账户结余(元)"]))
    return dict(days)


def _count_move(day: dict[str, int], row: dict[str, Any], change: int, balance: int) -> None:
    day["movements"] += 1
    day["income_fen" if change > 0 else "expense_fen"] += abs(change)
    if row["row_number"] == row["rows_in_bill"]:
        day["closing_balance_fen"] = balance


def truth(sandbox: ServedSandbox, provider: str) -> dict[str, dict[str, int]]:
    days = sandbox.bills()["providers"][provider]
    return {day: {name: int(figures[name]) for name in DAILY} for day, figures in days.items()}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_faults_and_kills_lose_nothing_and_double_nothing(
    sandbox: ServedSandbox, provider: str, tmp_path: Path
):
    sandbox.control(as_of=local(25, 12), faults=FAULTS, counters="reset")
    before = read_of(sandbox, provider, local(25, 12))
    assert kill_reading(tmp_path, before, pages=6) == -9
    assert found(tmp_path, provider) == {}
    assert read_account(tmp_path, before).problems == ()
    assert found(tmp_path, provider) == truth(sandbox, provider)
    assert max(found(tmp_path, provider)) == "2026-06-24"

    sandbox.control(as_of=local(31, 12))
    after = read_of(sandbox, provider, local(31, 12))
    kill_reading(tmp_path, after, landing_seconds=0.2)
    assert read_account(tmp_path, after).problems == ()
    figures = found(tmp_path, provider)
    assert figures == truth(sandbox, provider)
    assert (min(figures), max(figures), len(figures)) == ("2026-06-11", "2026-06-30", 20)
    assert sum(day["refunds"] for day in figures.values()) > 100

    again = read_account(tmp_path, after)
    assert (again.record_count, again.problems) == (0, ())
    assert found(tmp_path, provider) == figures
    faults = {name for name, count in sandbox.counters().items() if f"{provider}.fault" in name}
    assert len(faults) >= 5, sandbox.counters()
    assert sandbox.log() == ""


def test_planted_differences_arrive_as_they_are(sandbox: ServedSandbox, tmp_path: Path):
    """Paid twice, a fen too much, booked a day late: bronze holds what the provider says."""
    sandbox.control(as_of=local(31, 12), faults=Faults())
    for provider in PROVIDERS:
        read_account(tmp_path, read_of(sandbox, provider, local(31, 12)))
    taken: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in rows_of(tmp_path, "alipay_trade_entries", ALIPAY_ROW).values():
        if row["业务类型"] == "交易":
            number = row["商户订单号"].removeprefix("T200P")
            taken[number].append((fen(row["商家实收（元）"]), row["bill_date"]))
    for row in rows_of(tmp_path, "wechat_pay_trade_entries", WECHAT_ROW).values():
        if row["交易状态"] == "SUCCESS":
            number = row["商户订单号"].removeprefix("T200P")
            taken[number].append((fen(row["应结订单金额"]), row["bill_date"]))
    planted = sandbox.bills()["planted"]
    for kind in ("late_payments", "odd_payments", "double_payments"):
        assert planted[kind], kind
        for order in planted[kind]:
            entries = taken[order["order_no"]]
            assert sum(amount for amount, _ in entries) == order["provider_fen"]
            assert max(day for _, day in entries) == order["provider_date"]
            assert len(entries) == (2 if kind == "double_payments" else 1)


def test_entries_in_dbt_are_the_providers_books(sandbox: ServedSandbox, tmp_path: Path):
    """Staging and the canonical shape keep every fen, per day, with the merchant's sign."""
    sandbox.control(as_of=local(31, 12), faults=Faults())
    for provider in PROVIDERS:
        assert read_account(tmp_path, read_of(sandbox, provider, local(31, 12))).problems == ()
    build_models(load_settings(home=tmp_path), "+int_payment_entries_unioned")
    lake = CanonicalRows(tmp_path, "\n".join(PROVIDERS))
    for provider in PROVIDERS:
        figures = lake.rows(f"""
            select
                bill_date::text,
                count(*) filter (where bill_kind = 'trade' and entry_type = 'payment'),
                sum(amount * 100) filter (where bill_kind = 'trade' and entry_type = 'payment'),
                count(*) filter (where bill_kind = 'trade' and entry_type = 'refund'),
                -sum(amount * 100) filter (where bill_kind = 'trade' and entry_type = 'refund'),
                sum(fee_amount * 100) filter (where bill_kind = 'trade'),
                count(*) filter (where bill_kind = 'account'),
                sum(amount * 100) filter (where bill_kind = 'account' and amount > 0),
                -sum(amount * 100) filter (where bill_kind = 'account' and amount < 0),
                arg_max(balance_after * 100, row_number) filter (where bill_kind = 'account')
            from lake.intermediate.int_payment_entries_unioned
            where source = '{provider}'
            group by bill_date
        """)
        entries = {
            day: {name: int(value or 0) for name, value in zip(DAILY, values, strict=True)}
            for day, *values in figures
        }
        assert entries == truth(sandbox, provider)


@pytest.mark.parametrize(("provider", "hour"), [("alipay", 9), ("wechat_pay", 10)])
def test_the_bill_of_yesterday_is_taken_when_it_is_there(
    sandbox: ServedSandbox, provider: str, hour: int, tmp_path: Path
):
    sandbox.control(as_of=local(20, hour - 1, 59), faults=Faults())
    early = read_of(sandbox, provider, local(20, hour - 1, 59))
    assert read_account(tmp_path, early).problems == ()
    assert max(found(tmp_path, provider)) == "2026-06-18"
    # Our clock may be ahead of theirs: asked too early, the answer moves nothing.
    ahead = read_of(sandbox, provider, local(20, hour, 1))
    assert read_account(tmp_path, ahead).record_count == 0
    sandbox.control(as_of=local(20, hour))
    assert read_account(tmp_path, ahead).problems == ()
    assert found(tmp_path, provider) == truth(sandbox, provider)
    assert max(found(tmp_path, provider)) == "2026-06-19"


def test_each_mistake_is_one_sentence_and_moves_nothing(sandbox: ServedSandbox, tmp_path: Path):
    sandbox.control(as_of=local(31, 12), faults=Faults())
    keys = sandbox.keys()
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("alipay", {"private_key": keys["wechat_merchant"]["private"]}, "check private_key"),
        ("alipay", {"app_id": "1"}, "check app_id"),
        ("alipay", {"alipay_public_key": keys["alipay_app"]["public"]}, "`alipay_public_key`"),
        ("alipay", {"private_key": "no key"}, "not a readable RSA key"),
        ("wechat_pay", {"private_key": keys["alipay_app"]["private"]}, "check merchant_id"),
        ("wechat_pay", {"merchant_serial": "1"}, "check merchant_id"),
        ("wechat_pay", {"platform_serial": "1"}, "`platform_serial`"),
        (
            "wechat_pay",
            {"platform_public_key": keys["wechat_merchant"]["public"]},
            "`platform_public_key`",
        ),
    ]
    for provider, changes, told in wrong:
        report = read_account(tmp_path, read_of(sandbox, provider, local(31, 12), **changes))
        assert report.record_count == 0
        assert len(report.problems) == 2
        for problem in report.problems:
            assert told in problem
            assert problem.count(". ") == 0
            assert "BEGIN" not in problem
        assert {entity.cursor for entity in report.entities} == {None}
    sandbox.control(expired=["alipay", "wechat_pay"])
    try:
        for provider in PROVIDERS:
            report = read_account(tmp_path, read_of(sandbox, provider, local(31, 12)))
            assert all("permission to download bills" in problem for problem in report.problems)
            assert len(report.problems) == 2
    finally:
        sandbox.control(expired=[])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_platform_that_only_fails_leaves_the_cursor(
    sandbox: ServedSandbox, provider: str, tmp_path: Path
):
    sandbox.control(as_of=local(31, 12), faults=Faults())
    before = read_of(sandbox, provider, local(20, 12))
    kept = {entity.entity: entity.cursor for entity in read_account(tmp_path, before).entities}
    assert kept == dict.fromkeys(kept, "2026-06-19T16:00:00+00:00")
    for fault in ("truncated", "html", "drop", "throttled"):
        sandbox.control(faults=Faults(**{fault: 1.0}))
        report = read_account(tmp_path, read_of(sandbox, provider, local(31, 12), attempts=2))
        assert len(report.problems) == 2
        assert all(entity.is_transient for entity in report.entities)
        assert all(("broke off" in problem) == (fault == "drop") for problem in report.problems)
    sandbox.control(faults=Faults())
    assert read_account(tmp_path, read_of(sandbox, provider, local(31, 12))).problems == ()
    assert found(tmp_path, provider) == truth(sandbox, provider)
    assert sandbox.log() == ""


@pytest.mark.parametrize("provider", PROVIDERS)
def test_check_is_one_sentence(sandbox: ServedSandbox, provider: str):
    sandbox.control(as_of=local(31, 12), faults=Faults())
    read = read_of(sandbox, provider, local(31, 12))
    connector = find_connector(provider)
    config = connector.config.model_validate(read.config)
    told = connector.check(config, Reading(provider, "main", read.now))
    assert "answers for main: the bill of 2026-06-29 is there" in told
