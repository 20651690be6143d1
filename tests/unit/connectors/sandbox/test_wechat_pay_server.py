"""The simulated WeChat Pay: its words, its signatures, and bills whose totals are their rows."""

import base64
import gzip
import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from connectors.sandbox.retailer import simulate
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.wechat_pay import ADDRESS_LIVES, WechatPayServer
from connectors.sandbox.stages.settling import WECHAT_PAY, describe_settlement
from connectors.sandbox.world import DAY, HOUR, WorldConfig
from tests.conftest import PROJECT_ROOT

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=10, orders_per_day=200)
FIXTURES = PROJECT_ROOT.parent / "shared/reference/fixtures/wechatpay"
TRADE = "/wechat_pay/v3/bill/tradebill?bill_date={}&bill_type={}"
FUND = "/wechat_pay/v3/bill/fundflowbill?bill_date={}&account_type=BASIC"


@pytest.fixture(scope="module")
def retail() -> Retail:
    return Retail(simulate(CONFIG), as_of=CONFIG.end_second + DAY)


@pytest.fixture
def client(retail: Retail, clock: Any, serve: Callable[..., Any]) -> Any:
    client = serve("wechat_pay", WechatPayServer(retail, clock).routes())
    retail.change_options("wechat_pay", {"fund_flow_calls_per_second": 1_000})
    return client


def call(
    client: Any, retail: Retail, target: str, *, signed: str | None = None, **changes: str
) -> httpx.Response:
    """A signed GET; `signed` is the target in the signature, `changes` fields of the header."""
    fields = {
        "mchid": retail.credentials.wechat_pay.mchid,
        "nonce_str": secrets.token_hex(8),
        "timestamp": str(int(time.time())),
        "serial_no": retail.credentials.wechat_pay.merchant_serial,
    }
    message = f"GET\n{signed or target}\n{fields['timestamp']}\n{fields['nonce_str']}\n\n"
    pem = retail.credentials.keys["wechat_merchant"].private
    key: Any = load_pem_private_key(pem.encode(), None)
    raw = key.sign(message.encode(), PKCS1v15(), SHA256())
    fields["signature"] = base64.b64encode(raw).decode()
    fields.update(changes)
    pairs = ",".join(f'{name}="{value}"' for name, value in fields.items())
    header = f"WECHATPAY2-SHA256-RSA2048 {pairs}"
    return client.get(target, headers={"authorization": header, "accept": "application/json"})


def target_of(address: str) -> str:
    return address.removeprefix("http://platform")


def bill(client: Any, retail: Retail, target: str) -> list[str]:
    """The lines of a bill, verified against its SHA1, without BOM."""
    answer = call(client, retail, target).json()
    response = call(client, retail, target_of(answer["download_url"]))
    assert response.status_code == 200
    assert "wechatpay-signature" not in response.headers
    content = response.content
    if "tar_type=GZIP" in target:
        content = gzip.decompress(content)
    assert hashlib.sha1(content).hexdigest() == answer["hash_value"]
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.endswith(b"\r\n")
    return content.decode("utf-8-sig").removesuffix("\r\n").split("\r\n")


def table(lines: list[str]) -> list[dict[str, str]]:
    columns = lines[0].split(",")
    rows = [line.removeprefix("`").split(",`") for line in lines[1:-2]]
    return [dict(zip(columns, row, strict=True)) for row in rows]


def totals(lines: list[str]) -> dict[str, str]:
    return dict(zip(lines[-2].split(","), lines[-1].removeprefix("`").split(",`"), strict=True))


def amount(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def test_answers_are_signed_and_a_changed_body_is_not(client: Any, retail: Retail) -> None:
    response = call(client, retail, TRADE.format("2026-06-25", "ALL"))
    headers = response.headers
    assert headers["wechatpay-serial"] == retail.credentials.wechat_pay.platform_serial
    key: Any = load_pem_public_key(retail.credentials.keys["wechat_platform"].public.encode())

    def verify(body: str) -> None:
        message = f"{headers['wechatpay-timestamp']}\n{headers['wechatpay-nonce']}\n{body}\n"
        signature = base64.b64decode(headers["wechatpay-signature"])
        key.verify(signature, message.encode(), PKCS1v15(), SHA256())

    verify(response.text)
    with pytest.raises(InvalidSignature):
        verify(response.text + " ")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (TRADE.format("2026-06-25", "ALL"), "tradebill_ALL_2021-01-28.csv"),
        (FUND.format("2026-06-25"), "fundflowbill_Basic_2021-02-01.csv"),
    ],
)
def test_the_headings_are_those_of_recorded_bills(
    client: Any, retail: Retail, target: str, name: str
) -> None:
    if not (FIXTURES / name).exists():
        pytest.skip(f"the recorded bill is not at {FIXTURES / name}")
    recorded = (FIXTURES / name).read_bytes().decode("utf-8-sig").split("\r\n")
    lines = bill(client, retail, target)
    assert lines[0] == recorded[0]
    assert lines[-2] == recorded[-3]


def test_the_totals_of_every_day_are_its_rows_and_the_truth(client: Any, retail: Retail) -> None:
    truth = describe_settlement(retail.world, retail.settlement, retail.as_of)
    days = truth["providers"]["wechat_pay"]
    assert len(days) == CONFIG.days
    commas = 0
    for day, figures in days.items():
        lines = bill(client, retail, TRADE.format(day, "ALL") + "&tar_type=GZIP")
        assert lines[0].count(",") == 26
        rows, total = table(lines), totals(lines)
        paid = [row for row in rows if row["交易状态"] == "SUCCESS"]
        back = [row for row in rows if row["交易状态"] == "REFUND"]
        assert len(paid) + len(back) == len(rows) == int(total["总交易单数"])
        assert (figures["payments"], figures["refunds"]) == (len(paid), len(back))
        for column, name, truth_name in (
            ("应结订单金额", "应结订单总金额", "payment_fen"),
            ("订单金额", "订单总金额", "payment_fen"),
            ("退款金额", "退款总金额", "refund_fen"),
            ("申请退款金额", "申请退款总金额", "refund_fen"),
            ("手续费", "手续费总金额", "fee_fen"),
        ):
            assert amount(rows, column) == Decimal(total[name])
            assert 100 * Decimal(total[name]) == figures[truth_name]
        assert all(row["手续费"].partition(".")[2].__len__() == 5 for row in rows)
        assert all(row["微信退款单号"] == "0" for row in paid)
        assert all(len(row["微信退款单号"]) == 29 for row in back)
        assert all(len(row["微信订单号"]) == 28 for row in rows)
        assert {row["交易时间"][:10] for row in rows} == {day}
        commas += sum("," in row["商品名称"] for row in rows)
    assert commas > 0


def test_the_bills_of_one_kind_have_their_own_columns(client: Any, retail: Retail) -> None:
    day = "2026-06-28"
    every = table(bill(client, retail, TRADE.format(day, "ALL")))
    paid = table(bill(client, retail, TRADE.format(day, "SUCCESS")))
    back = table(bill(client, retail, TRADE.format(day, "REFUND")))
    assert len(paid) + len(back) == len(every)
    assert len(paid[0]) == 20
    assert len(back[0]) == 29
    assert "退款金额" not in paid[0]
    assert all(row["退款申请时间"] <= row["退款成功时间"] == row["交易时间"] for row in back)
    numbers = {row["商户退款单号"] for row in every if row["交易状态"] == "REFUND"}
    assert {row["商户退款单号"] for row in back} == numbers


def test_the_balance_runs_through_the_fund_flow_bills(client: Any, retail: Retail) -> None:
    truth = describe_settlement(retail.world, retail.settlement, retail.as_of)
    balance, words, count = None, set(), 0
    for day, figures in truth["providers"]["wechat_pay"].items():
        lines = bill(client, retail, FUND.format(day))
        rows, total = table(lines), totals(lines)
        came = [row for row in rows if row["收支类型"] == "收入"]
        went = [row for row in rows if row["收支类型"] == "支出"]
        for row in rows:
            sign = 1 if row["收支类型"] == "收入" else -1
            after = Decimal(row["账户结余(元)"])
            assert balance is None or balance + sign * Decimal(row["收支金额(元)"]) == after
            balance = after
            words.add(row["业务类型"])
            if row["业务类型"] == "退款":
                gross, fee = (
                    Decimal(part) for part in row["备注"][5:-1].replace("元;含手续费", " ").split()
                )
                assert gross - fee == Decimal(row["收支金额(元)"])
        assert balance is not None
        assert 100 * balance == figures["closing_balance_fen"]
        assert amount(came, "收支金额(元)") == Decimal(total["收入金额"])
        assert 100 * Decimal(total["收入金额"]) == figures["income_fen"]
        assert amount(went, "收支金额(元)") == Decimal(total["支出金额"])
        assert 100 * Decimal(total["支出金额"]) == figures["expense_fen"]
        assert [int(total[name]) for name in ("资金流水总笔数", "收入笔数", "支出笔数")] == [
            figures["movements"],
            len(came),
            len(went),
        ]
        count += len(rows)
    assert words == {"交易", "扣除交易手续费", "退款", "提现"}
    assert count == len(retail.settlement.accounts[WECHAT_PAY].movements)


def test_only_the_request_as_it_was_sent_is_accepted(client: Any, retail: Retail) -> None:
    target = TRADE.format("2026-06-25", "ALL")
    swapped = "/wechat_pay/v3/bill/tradebill?bill_type=ALL&bill_date=2026-06-25"
    wrong = [
        call(client, retail, target, signed=swapped),
        call(client, retail, target, signed=target.partition("?")[0]),
        call(client, retail, target, signature="AAAA"),
        call(client, retail, target, mchid="1900000002"),
        call(client, retail, target, serial_no="00"),
        call(client, retail, target, nonce_str="other"),
        client.get(target),
    ]
    assert [response.status_code for response in wrong] == [401] * len(wrong)
    assert {response.json()["code"] for response in wrong} == {"SIGN_ERROR"}
    assert call(client, retail, target).status_code == 200


def test_a_clock_twenty_minutes_off_is_refused(client: Any, retail: Retail, clock: Any) -> None:
    for ahead in (-1_200.0, 1_200.0):
        clock.ahead = ahead
        response = call(client, retail, TRADE.format("2026-06-25", "ALL"))
        assert response.json()["code"] == "SIGN_ERROR"
        assert "timestamp" in response.json()["message"]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (TRADE.format("2026-07-01", "ALL"), "INVALID_REQUEST"),
        (TRADE.format("2027-01-01", "ALL"), "INVALID_REQUEST"),
        (TRADE.format("2026-03-01", "ALL"), "INVALID_REQUEST"),
        (TRADE.format("2026-06-20", "ALL"), "NO_STATEMENT_EXIST"),
        (TRADE.format("30.06.2026", "ALL"), "PARAM_ERROR"),
        (TRADE.format("2026-06-25", "SOME"), "PARAM_ERROR"),
        (TRADE.format("2026-06-25", "ALL") + "&tar_type=ZIP", "PARAM_ERROR"),
        (FUND.format("2026-06-25").replace("BASIC", "FEES"), "NO_STATEMENT_EXIST"),
        (FUND.format("2026-06-25").replace("BASIC", "OTHER"), "PARAM_ERROR"),
    ],
)
def test_what_is_wrong_is_named(client: Any, retail: Retail, target: str, code: str) -> None:
    response = call(client, retail, target)
    assert response.status_code == 400
    assert response.json()["code"] == code


def test_the_bill_of_yesterday_comes_at_ten(retail: Retail, serve: Callable[..., Any]) -> None:
    said = []
    for hour in (9, 10):
        as_of = CONFIG.start_second + 5 * DAY + hour * HOUR
        early = Retail(retail.world, as_of=as_of, credentials=retail.credentials)
        client = serve("wechat_pay", WechatPayServer(early).routes())
        target = TRADE.format(CONFIG.date_of(4), "ALL")
        said.append(call(client, early, target).json().get("code", "fine"))
    assert said == ["STATEMENT_CREATING", "fine"]


def test_a_fourth_fund_flow_call_within_a_second_is_too_many(
    retail: Retail, serve: Callable[..., Any]
) -> None:
    now = [time.time()]
    client = serve("wechat_pay", WechatPayServer(retail, lambda: now[0]).routes())
    target = FUND.format("2026-06-25")
    codes = [call(client, retail, target).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    assert call(client, retail, target).json()["code"] == "FREQUENCY_LIMITED"
    now[0] += 1
    assert call(client, retail, target).status_code == 200


def test_an_address_lives_five_minutes_and_needs_a_signature(
    client: Any, retail: Retail, clock: Any
) -> None:
    answer = call(client, retail, TRADE.format("2026-06-25", "ALL")).json()
    target = target_of(answer["download_url"])
    assert client.get(target).status_code == 401
    assert call(client, retail, target.replace("2026-06-25", "2026-06-26")).status_code == 400
    clock.ahead = ADDRESS_LIVES - 10
    assert call(client, retail, target).status_code == 200


def test_an_old_address_is_refused(retail: Retail, serve: Callable[..., Any]) -> None:
    now = [time.time() - ADDRESS_LIVES - 2]
    client = serve("wechat_pay", WechatPayServer(retail, lambda: now[0]).routes())
    now[0] = time.time() - ADDRESS_LIVES + 5
    answer = call(client, retail, TRADE.format("2026-06-25", "ALL")).json()
    now[0] = time.time() + 20
    refused = call(client, retail, target_of(answer["download_url"]))
    assert refused.status_code == 400
    assert "过期" in refused.json()["message"]
