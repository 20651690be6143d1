"""WeChat Pay's bills and API v3: what is taken, what is refused, and in which words."""

import gzip
import hashlib
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.errors import ContractError, PermanentError, TransientError
from connectors.sandbox.servers.credentials import RsaKeys
from connectors.sources import rsa
from connectors.sources.api.reading import Reading
from connectors.sources.api.statements import Missing
from connectors.sources.wechat_pay.bill import parse_bill, unpacked
from connectors.sources.wechat_pay.source import CONNECTOR, WechatPayAccount, _ApiV3

NAME = "The trade bill of wechat_pay (main) for 2026-06-01"
DAY = date(2026, 6, 1)
HEADINGS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,"
    "商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
TOTALS = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)
FUND_HEADINGS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)


def ticked(*values: str) -> str:
    return ",".join(f"`{value}" for value in values)


def trade_row(
    number: str = "4200000000000000000000000001",
    *,
    paid: str = "0.00",
    back: str = "0.00",
    fee: str = "0.00000",
    goods: str = "奶粉",
) -> str:
    is_refund = back != "0.00"
    return ticked(
        *("2026-06-01 10:00:00", "wx00", "1900000001", "0", "", number, "EC1", "openid", "JSAPI"),
        *("REFUND" if is_refund else "SUCCESS", "OTHERS", "CNY", paid, "0.00"),
        *(("5030", "R1") if is_refund else ("0", "0")),
        *(back, "0.00", "ORIGINAL" if is_refund else "", "SUCCESS" if is_refund else ""),
        *(goods, "", fee, "0.60%", paid, back, ""),
    )


def trade_bytes(rows: list[str], totals: str, *, end: str = "\r\n", bom: bool = True) -> bytes:
    text = end.join([HEADINGS, *rows, TOTALS, totals]) + end
    return text.encode("utf-8-sig" if bom else "utf-8")


def fund_bytes(moves: list[tuple[str, str, str]], totals: tuple[str, ...]) -> bytes:
    rows = [
        ticked("2026-06-01 10:00:00", f"b{n}", f"f{n}", "交易", "交易", *move, "system", "", "EC1")
        for n, move in enumerate(moves)
    ]
    names = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
    return ("\r\n".join([FUND_HEADINGS, *rows, names, ticked(*totals)]) + "\r\n").encode(
        "utf-8-sig"
    )


def one_row() -> bytes:
    totals = ticked("1", "10.00", "0.00", "0.00", "0.06000", "10.00", "0.00")
    return trade_bytes([trade_row(paid="10.00", fee="0.06000")], totals)


def test_the_recorded_trade_bill_gives_its_check_sum_and_totals(reference: Path):
    data = (reference / "fixtures/wechatpay/tradebill_ALL_2021-01-28.csv").read_bytes()
    # Announced with the file when it was recorded.
    assert unpacked(data, "dcd7ceb3d382a1181798368bb15d8437de46c00f", NAME) == data
    bill = parse_bill(data, "trade", NAME)
    rows = list(bill.rows())
    assert (len(rows), len(bill.headings)) == (3, 27)
    assert sum(Decimal(row["应结订单金额"]) for row in rows) == Decimal("0.03")
    assert rows[0]["微信订单号"] == "4200000925202101284997714292"
    assert rows[0]["费率备注"] == ""


def test_a_bill_of_45_rows_without_a_mark_and_with_a_decimal_count():
    """The figures and the oddities are those of the bill in Tencent's own PHP tests."""
    rows = [
        *(trade_row(f"n{n}", paid="0.03", fee="0.01000") for n in range(8)),
        *(trade_row(f"j{n}", paid="0.01") for n in range(23)),
        *(trade_row(f"r{n}", back="0.01") for n in range(14)),
    ]
    totals = ticked("45.0", "0.47", "0.14", "0.0", "0.08", "0.47", "0.14")
    bill = parse_bill(trade_bytes(rows, totals, end="\n", bom=False), "trade", NAME)
    states = [row["交易状态"] for row in bill.rows()]
    assert (states.count("SUCCESS"), states.count("REFUND"), len(bill)) == (31, 14, 45)


def test_the_recorded_fund_bill_is_short_of_a_row_and_refused(reference: Path):
    """Its totals count one income that whoever recorded it left out."""
    data = (reference / "fixtures/wechatpay/fundflowbill_Basic_2021-02-01.csv").read_bytes()
    with pytest.raises(ContractError, match="states 3 as 资金流水总笔数 but its rows give 2"):
        parse_bill(data, "fund", "The recorded bill")
    lines = data.decode("utf-8-sig").split("\r\n")
    income = lines[1].replace("支出", "收入").replace("`0.22,", "`0.23,")
    whole = "\r\n".join([lines[0], income, *lines[1:]]).encode()
    assert len(parse_bill(whole, "fund", "The completed bill")) == 3


def test_goods_may_hold_commas():
    goods = "奶粉,纸尿裤 L 码,40 片"
    totals = ticked("1", "10.00", "0.00", "0.00", "0.00", "10.00", "0.00")
    data = trade_bytes([trade_row(paid="10.00", goods=goods)], totals)
    row = next(parse_bill(data, "trade", NAME).rows())
    assert row["商品名称"] == goods
    assert row["设备号"] == ""
    assert not any(cell.startswith("`") for cell in row.values())


@pytest.mark.parametrize(
    ("totals", "told"),
    [
        (("2", "10.00", "0.00", "0.00", "0.06", "10.00", "0.00"), "2 as 总交易单数 but .* give 1"),
        (
            ("1", "10.01", "0.00", "0.00", "0.06", "10.00", "0.00"),
            r"10\.01 as 应结订单总金额 .* 10\.00",
        ),
        (("1", "10.00", "0.01", "0.00", "0.06", "10.00", "0.00"), "退款总金额"),
        (("1", "10.00", "0.00", "0.01", "0.06", "10.00", "0.00"), "充值券退款总金额"),
        (("1", "10.00", "0.00", "0.00", "0.07", "10.00", "0.00"), "手续费总金额"),
        (("1", "10.00", "0.00", "0.00", "0.06", "10.02", "0.00"), "订单总金额"),
        (("1", "10.00", "0.00", "0.00", "0.06", "10.00", "0.03"), "申请退款总金额"),
    ],
)
def test_a_wrong_total_names_both_figures(totals: tuple[str, ...], told: str):
    row = trade_row(paid="10.00", fee="0.06000")
    with pytest.raises(ContractError, match=told):
        parse_bill(trade_bytes([row], ticked(*totals)), "trade", NAME)


def test_other_layouts_are_refused():
    whole = one_row().decode("utf-8-sig")
    lines = whole.split("\r\n")
    for text, told in (
        ("\r\n".join(lines[:2]), "does not end with one row of totals"),
        ("\r\n".join(lines[:3]), "does not end with one row of totals"),
        (whole.replace("应结订单金额", "金额"), "no column 应结订单金额"),
        (whole.replace(",`0.60%", ""), "26 cells in row 1 instead of the 27"),
        (whole.replace("总交易单数", "单数"), "no total 总交易单数"),
        (whole.replace("`10.00,`0.00,`0,", "`zehn,`0.00,`0,"), "which is no amount"),
        ("", "no column"),
    ):
        with pytest.raises(ContractError, match=told):
            parse_bill(text.encode(), "trade", NAME)


def test_other_bill_types_have_other_columns():
    """SUCCESS lacks the refund columns, REFUND adds two: the heading decides."""
    totals = ticked("1", "0.00", "4.00", "0.00", "0.00", "0.00", "4.00")
    text = trade_bytes([trade_row(back="4.00")], totals).decode("utf-8-sig")
    text = text.replace("货币种类,", "货币种类,退款申请时间,退款成功时间,", 1)
    text = text.replace("`CNY,", "`CNY,`2026-06-01 09:00:00,`2026-06-01 10:00:00,", 1)
    row = next(parse_bill(text.encode(), "trade", NAME).rows())
    assert (row["退款成功时间"], row["退款金额"]) == ("2026-06-01 10:00:00", "4.00")


def test_fund_balances_must_follow():
    moves = [("收入", "10.00", "110.00"), ("支出", "0.06", "109.94"), ("支出", "4.00", "105.94")]
    totals = ("3", "1", "10.00", "2", "4.06")
    assert len(parse_bill(fund_bytes(moves, totals), "fund", NAME)) == 3
    assert len(parse_bill(fund_bytes(moves[::-1], totals), "fund", NAME)) == 3
    with pytest.raises(ContractError, match=r"balance 105\.94 in row 2 where 106\.00 follows"):
        parse_bill(fund_bytes([moves[0], moves[2]], ("2", "1", "10.00", "1", "4.00")), "fund", NAME)
    with pytest.raises(ContractError, match=r"4\.06 as 支出金额 but its rows give 4\.00"):
        parse_bill(fund_bytes([moves[0], moves[2]], ("2", "1", "10.00", "1", "4.06")), "fund", NAME)


def test_the_check_sum_is_over_the_uncompressed_bytes():
    data = one_row()
    sha1 = hashlib.sha1(data).hexdigest()
    packed = gzip.compress(data)
    assert unpacked(data, sha1, NAME) == unpacked(packed, sha1.upper(), NAME) == data
    for content, told in (
        (packed[:-9], "cut off or damaged"),
        (data[:-1], "another check sum"),
        (gzip.compress(data + b" "), "another check sum"),
        (b"<html></html>", "another check sum"),
    ):
        with pytest.raises(TransientError, match=told):
            unpacked(content, sha1, NAME)


# --- the API ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys() -> dict[str, RsaKeys]:
    return {"merchant": RsaKeys.generate(), "platform": RsaKeys.generate()}


class WechatPay:
    """API v3 in the test's hands: what it answers by bill date, and what it was asked."""

    def __init__(self, keys: dict[str, RsaKeys]) -> None:
        self.keys = keys
        self.bills: dict[str, bytes] = {}
        self.asked: list[httpx.Request] = []
        self.answers: list[httpx.Response] = []
        self.downloads: list[httpx.Response] = []
        self.serial = "PUB_KEY_ID_1"
        self.seconds_off = 0
        self.signature = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path.endswith("billdownload/file"):
            if self.downloads:
                return self.downloads.pop(0)
            return httpx.Response(
                200, content=gzip.compress(self.bills[request.url.params["token"]])
            )
        if self.answers:
            return self.answers.pop(0)
        day = request.url.params["bill_date"]
        if day not in self.bills:
            return self.answer({"code": "NO_STATEMENT_EXIST", "message": "账单文件不存在"}, 404)
        return self.answer(
            {
                "hash_type": "SHA1",
                "hash_value": hashlib.sha1(self.bills[day]).hexdigest(),
                "download_url": f"https://pay.test/v3/billdownload/file?token={day}",
            }
        )

    def answer(self, body: dict[str, str], status: int = 200) -> httpx.Response:
        content = json.dumps(body).encode()
        stamp = str(int(time.time()) + self.seconds_off)
        signed = f"{stamp}\nnonce\n".encode() + content + b"\n"
        signature = self.signature or rsa.sign(signed, self.keys["platform"].private)
        headers = {
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": "nonce",
            "Wechatpay-Serial": self.serial,
            "Wechatpay-Signature": signature,
        }
        return httpx.Response(status, content=content, headers=headers)


@pytest.fixture
def wechat(keys: dict[str, RsaKeys]) -> WechatPay:
    return WechatPay(keys)


def account_of(keys: dict[str, RsaKeys], **changes: Any) -> WechatPayAccount:
    return WechatPayAccount.model_validate(
        {
            "base_url": "https://pay.test",
            "merchant_id": "1900000001",
            "merchant_serial": "5157F09E",
            "private_key": keys["merchant"].private,
            "platform_serial": "PUB_KEY_ID_1",
            "platform_public_key": keys["platform"].public,
            "requests_per_second": 10_000,
            "attempts": 3,
            **changes,
        }
    )


@pytest.fixture
def api(wechat: WechatPay, keys: dict[str, RsaKeys]) -> Callable[..., _ApiV3]:
    def make(**changes: Any) -> _ApiV3:
        account = account_of(keys, **changes)
        reading = Reading(
            "wechat_pay", "main", datetime(2026, 6, 3, 8, tzinfo=UTC),
            transport=httpx.MockTransport(wechat),
        )  # fmt: skip
        return _ApiV3(account, reading.client(account))

    return make


def test_both_calls_are_signed_over_what_is_sent(wechat: WechatPay, api: Any, keys: Any):
    wechat.bills["2026-06-01"] = one_row()
    assert len(api().bill("trade", DAY)) == 1
    assert [request.url.raw_path.decode() for request in wechat.asked] == [
        "/v3/bill/tradebill?bill_date=2026-06-01&bill_type=ALL&tar_type=GZIP",
        "/v3/billdownload/file?token=2026-06-01",
    ]
    for request in wechat.asked:
        told = dict(re.findall(r'(\w+)="([^"]*)"', request.headers["authorization"]))
        target = request.url.raw_path.decode()
        message = f"GET\n{target}\n{told['timestamp']}\n{told['nonce_str']}\n\n".encode()
        assert rsa.verify(message, told["signature"], keys["merchant"].public)
        assert (told["mchid"], told["serial_no"]) == ("1900000001", "5157F09E")
        assert request.headers["user-agent"]
        assert "json" in request.headers["accept"]


def test_the_fund_bill_is_that_of_the_basic_account(wechat: WechatPay, api: Any):
    wechat.bills["2026-06-01"] = fund_bytes(
        [("收入", "1.00", "1.00")], ("1", "1", "1.00", "0", "0.00")
    )
    assert len(api().bill("fund", DAY)) == 1
    assert wechat.asked[0].url.path == "/v3/bill/fundflowbill"
    assert wechat.asked[0].url.params["account_type"] == "BASIC"


def test_no_statement_means_no_trade_and_creating_means_wait(wechat: WechatPay, api: Any):
    assert api().bill("trade", DAY) is Missing.NO_TRADE
    creating = {"code": "STATEMENT_CREATING", "message": "账单生成中"}
    wechat.answers = [wechat.answer(creating, 400)]
    assert api().bill("trade", DAY) is Missing.NOT_YET
    assert len(wechat.asked) == 2


def test_only_wechats_own_words_move_the_cursor(wechat: WechatPay, api: Any, keys: Any):
    wechat.signature = rsa.sign(b"other", keys["platform"].private)
    with pytest.raises(PermanentError, match="not signed with `platform_public_key`"):
        api().bill("trade", DAY)
    wechat.answers = [httpx.Response(404, json={"code": "NO_STATEMENT_EXIST"})]
    with pytest.raises(PermanentError, match="another key than `platform_serial`"):
        api().bill("trade", DAY)


def test_another_platform_key_a_wrong_clock_and_a_probe(wechat: WechatPay, api: Any):
    wechat.serial = "PUB_KEY_ID_2"
    with pytest.raises(PermanentError, match="configure the new one"):
        api().bill("trade", DAY)
    wechat.serial, wechat.seconds_off = "PUB_KEY_ID_1", -1200
    with pytest.raises(PermanentError, match="set this machine's clock"):
        api().bill("trade", DAY)
    wechat.seconds_off = 0
    wechat.signature = "WECHATPAY/SIGNTEST/abc"
    wechat.answers = [wechat.answer({"code": "NO_STATEMENT_EXIST"}, 404)]
    wechat.signature = ""
    assert api().bill("trade", DAY) is Missing.NO_TRADE


def test_an_expired_address_is_asked_for_again(wechat: WechatPay, api: Any):
    wechat.bills["2026-06-01"] = one_row()
    wechat.downloads = [httpx.Response(400, json={"code": "INVALID_REQUEST"})]
    assert len(api().bill("trade", DAY)) == 1
    assert len(wechat.asked) == 4
    wechat.downloads = [httpx.Response(400)] * 3
    with pytest.raises(TransientError, match="each of 3 addresses was refused"):
        api().bill("trade", DAY)


def test_a_cut_off_download_is_repeated(wechat: WechatPay, api: Any):
    wechat.bills["2026-06-01"] = one_row()
    packed = gzip.compress(one_row())
    wechat.downloads = [
        httpx.Response(200, content=packed[: len(packed) // 2]),
        httpx.Response(200, text="<html></html>"),
    ]
    assert len(api().bill("trade", DAY)) == 1


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "told"),
    [
        (401, "SIGN_ERROR", "签名错误", PermanentError, "do not belong together"),
        (401, "SIGN_ERROR", "timestamp 不得超过5分钟", PermanentError, "set this machine's clock"),
        (403, "NO_AUTH", "权限异常", PermanentError, "permission to download"),
        (400, "PARAM_ERROR", "参数错误", PermanentError, "参数错误"),
        (429, "FREQUENCY_LIMITED", "频率超限", TransientError, "fewer calls"),
        (400, "FREQUENCY_LIMITED", "频率超限", TransientError, "too many calls"),
        (500, "SYSTEM_ERROR", "系统异常", TransientError, "500"),
    ],
)
def test_refusals_say_what_to_do(
    wechat: WechatPay,
    api: Any,
    status: int,
    code: str,
    message: str,
    kind: type[Exception],
    told: str,
):
    wechat.answers = [wechat.answer({"code": code, "message": message}, status)]
    with pytest.raises(kind, match=told) as caught:
        api(attempts=1).bill("trade", DAY)
    assert "wechat_pay (main)" in str(caught.value)


def test_answers_that_are_no_answers_can_be_tried_again(wechat: WechatPay, api: Any):
    for content in (b'{"hash_type":"SHA', b"<html></html>", b"[]", b""):
        wechat.answers = [httpx.Response(200, content=content)]
        with pytest.raises(TransientError):
            api(attempts=1).bill("trade", DAY)


def test_check_says_what_it_saw(wechat: WechatPay, keys: Any):
    reading = Reading(
        "wechat_pay", "main", datetime(2026, 6, 3, 8, tzinfo=UTC),
        transport=httpx.MockTransport(wechat),
    )  # fmt: skip
    told = CONNECTOR.check(account_of(keys), reading)
    assert told == (
        "WeChat Pay answers for main: the bill of 2026-06-01 is not there: nothing happened on "
        "that date."
    )
    wechat.bills["2026-06-01"] = one_row()
    assert "is there (rows: 1)" in CONNECTOR.check(account_of(keys), reading)
