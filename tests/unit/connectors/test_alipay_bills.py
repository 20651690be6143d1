"""Alipay's bills and gateway: what is taken, what is refused, and in which words."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from connectors.errors import ContractError, PermanentError, TransientError
from connectors.sandbox.servers.credentials import RsaKeys
from connectors.sources import rsa
from connectors.sources.alipay.bill import member_name, parse_bill, read_bill
from connectors.sources.alipay.source import CONNECTOR, AlipayAccount, _Gateway
from connectors.sources.api.reading import Reading

NAME = "The trade bill of alipay (main) for 2026-06-01"
HEADINGS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
    "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,"
    "分润（元）,备注"
)
ACCOUNT_HEADINGS = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,"
    "账户余额（元）,交易渠道,业务类型,备注"
)
DAY = date(2026, 6, 1)


def trade_row(
    number: str = "2026060122001400000000000001",
    *,
    word: str = "交易",
    amount: str = "10.00",
    goods: str = "奶粉",
    refund: str = "",
    remark: str = "",
) -> str:
    return (
        f"{number}\t,T200P1\t,{word}\t,{goods},2026-06-01 10:00:00,2026-06-01 10:00:07,\t,\t,\t,\t,"
        f"*欣怡(120****0001)\t,{amount},{amount},0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,{refund}\t,"
        f"-0.06,0.00,{remark}"
    )


def trade_text(
    rows: list[str], *, paid: tuple[int, str] = (1, "10.00"), back: tuple[int, str] = (0, "0.00")
) -> str:
    return "\n".join(
        [
            "#支付宝业务明细查询",
            "#账号：[20880000000001560156]",
            "#起始日期：[2026年06月01日 00:00:00]   终止日期：[2026年06月02日 00:00:00]",
            f"#{'-' * 41}业务明细列表{'-' * 40}",
            HEADINGS,
            *rows,
            f"#{'-' * 41}业务明细列表结束{'-' * 36}",
            f"#交易合计：{paid[0]}笔，商家实收共{paid[1]}元，商家优惠共0.00元",
            f"#退款合计：{back[0]}笔，商家实收退款共{back[1]}元，商家优惠退款共0.00元",
            "#导出时间：[2026年06月02日 05:46:49]",
            "",
        ]
    )


def account_text(moves: list[tuple[str, str, str]], *, came: str, went: str) -> str:
    rows = [
        f"{n}\t,{n}\t,T200P1\t,奶粉\t,2026-06-01 10:00:0{n},*欣怡\t,{income},{expense},{balance},"
        "支付宝\t,在线支付\t,\t"
        for n, (income, expense, balance) in enumerate(moves, start=1)
    ]
    counts = [sum(Decimal(move[column]) != 0 for move in moves) for column in (0, 1)]
    return "\n".join(
        [
            "#支付宝账务明细查询",
            "#账号：[20880000000001560156]",
            "#起始日期：[2026年06月01日 00:00:00]   终止日期：[2026年06月02日 00:00:00]",
            f"#{'-' * 41}账务明细列表{'-' * 40}",
            ACCOUNT_HEADINGS,
            *rows,
            f"#{'-' * 41}账务明细列表结束{'-' * 36}",
            f"#支出合计：{counts[1]}笔，共{went}元",
            f"#收入合计：{counts[0]}笔，共{came}元",
            "",
        ]
    )


def zipped(members: dict[str, bytes], *, utf8: bool = False) -> bytes:
    """A zip whose member names are GBK bytes without the UTF-8 flag, unless asked otherwise."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name) if utf8 else _Gbk(name), content)
    return target.getvalue()


class _Gbk(zipfile.ZipInfo):
    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the name in zipfile
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def daily_zip(text: str, **options: Any) -> bytes:
    return zipped(
        {
            "20880000000001560156_20260601_业务明细(汇总).csv": "#支付宝业务汇总查询".encode("gbk"),
            "20880000000001560156_20260601_业务明细.csv": text.encode("gbk"),
        },
        **options,
    )


def test_the_recorded_bill_gives_the_figures_of_its_own_totals(reference: Path):
    path = reference / "fixtures" / "alipay" / "business_detail_2019-09-16.gbk.csv"
    bill = parse_bill(path.read_bytes(), "trade", "The recorded bill")
    rows = list(bill.rows())
    assert (len(rows), bill.first, len(bill.headings)) == (10, date(2019, 9, 16), 25)
    paid = [Decimal(row["商家实收（元）"]) for row in rows if row["业务类型"].strip() == "交易"]
    back = [Decimal(row["商家实收（元）"]) for row in rows if row["业务类型"].strip() == "退款"]
    assert (len(paid), sum(paid), len(back), sum(back)) == (6, Decimal("0.06"), 4, Decimal("-0.04"))
    # Just as in the bill: the tab behind a text cell stays.
    assert rows[0]["支付宝交易号"] == "2019091622001458860515315453\t"
    assert rows[1]["退款批次号/请求号"] == "re_test_1568602607356\t"


def test_every_figure_changed_in_the_recorded_bill_is_noticed(reference: Path):
    path = reference / "fixtures" / "alipay" / "business_detail_2019-09-16.gbk.csv"
    text = path.read_bytes().decode("gbk")
    changes = {
        "6笔": ("交易", "7笔"),
        "4笔": ("退款", "3笔"),
        "共0.06元": ("交易", "共0.07元"),
        "共-0.04元": ("退款", "共-0.03元"),
        ",0.01,0.01,": ("交易", ",0.01,0.02,"),
        ",-0.01,-0.01,": ("退款", ",-0.01,-0.02,"),
    }
    for old, (word, new) in changes.items():
        with pytest.raises(ContractError, match=word):
            parse_bill(text.replace(old, new, 1).encode("gbk"), "trade", "The bill")


def test_a_wrong_total_names_both_figures():
    text = trade_text([trade_row(amount="12,000.50")], paid=(1, "12000.51"))
    with pytest.raises(ContractError) as caught:
        parse_bill(text.replace("12,000.50", "12000.50").encode("gbk"), "trade", NAME)
    assert "12,000.51" in str(caught.value)
    assert "12,000.50" in str(caught.value)
    assert str(caught.value).startswith(NAME)


def test_the_end_mark_is_not_taken_for_the_begin():
    """The end's mark holds the begin's text; on an empty day it comes right behind the heading."""
    empty = parse_bill(trade_text([], paid=(0, "0.00")).encode("gbk"), "trade", NAME)
    assert (len(empty), list(empty.rows())) == (0, [])
    assert empty.headings[0] == "支付宝交易号"
    text = trade_text([trade_row()])
    only_end = "\n".join(line for line in text.split("\n") if "业务明细列表--" not in line)
    with pytest.raises(ContractError, match="not laid out"):
        parse_bill(only_end.encode("gbk"), "trade", NAME)


def test_a_bill_without_its_end_or_its_totals_is_refused():
    text = trade_text([trade_row()])
    lines = text.split("\n")
    for cut, told in (
        ([line for line in lines if "列表结束" not in line], "not laid out"),
        ([line for line in lines if "交易合计" not in line], "no line #交易合计"),
        ([line for line in lines if "终止日期" not in line], "not laid out"),
        ([line.replace("商家实收（元）", "实收") for line in lines], "no column 商家实收（元）"),
    ):
        with pytest.raises(ContractError, match=told):
            parse_bill("\n".join(cut).encode("gbk"), "trade", NAME)
    with pytest.raises(ContractError, match="账务明细"):
        parse_bill(text.encode("gbk"), "account", NAME)


def test_refunds_count_whatever_their_sign():
    rows = [trade_row(), trade_row(word="退款", amount="4.00", refund="r1")]
    for amount, stated in (("4.00", "-4.00"), ("-4.00", "-4.00"), ("4.00", "4.00")):
        text = trade_text([rows[0], rows[1].replace("4.00", amount)], back=(1, stated))
        assert len(parse_bill(text.encode("gbk"), "trade", NAME)) == 2


@pytest.mark.parametrize(
    ("goods", "remark"),
    [("奶粉,纸尿裤", ""), ("奶粉", "急,快"), ("a,b,c", "d,e"), ("奶粉,2026-06-01 10:00:00", "")],
)
def test_commas_inside_names_and_remarks_are_no_separators(goods: str, remark: str):
    text = trade_text([trade_row(goods=goods, remark=remark)])
    row = next(parse_bill(text.encode("gbk"), "trade", NAME).rows())
    assert (row["商品名称"], row["备注"]) == (goods, remark)
    assert row["商家实收（元）"] == "10.00"


def test_a_row_with_too_few_cells_is_refused_by_its_number():
    rows = [trade_row(), trade_row().replace(",0.00,0.00,", ",0.00,", 1)]
    with pytest.raises(ContractError, match="24 cells in row 2 instead of the 25"):
        parse_bill(trade_text(rows, paid=(2, "20.00")).encode("gbk"), "trade", NAME)


def test_member_names_are_read_as_gbk_and_the_summary_is_passed_over():
    text = trade_text([trade_row()])
    content = daily_zip(text)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert [member_name(member) for member in archive.infolist()] == [
            "20880000000001560156_20260601_业务明细(汇总).csv",
            "20880000000001560156_20260601_业务明细.csv",
        ]
        assert "业务" not in archive.infolist()[0].filename
    assert len(read_bill(content, "trade", NAME)) == 1
    assert len(read_bill(daily_zip(text, utf8=True), "trade", NAME)) == 1


def test_a_zip_without_one_detail_is_refused_with_what_it_holds():
    only_summary = zipped({"1_业务明细(汇总).csv": b""})
    with pytest.raises(ContractError, match=r"holds 1_业务明细\(汇总\).csv"):
        read_bill(only_summary, "trade", NAME)
    two = zipped({"1_业务明细.csv": b"", "2_业务明细.csv": b""})
    with pytest.raises(ContractError, match="none or several"):
        read_bill(two, "trade", NAME)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 0.99])
def test_a_cut_off_zip_is_one_sentence_and_can_be_tried_again(share: float):
    content = daily_zip(trade_text([trade_row()]))
    with pytest.raises(TransientError) as caught:
        read_bill(content[: int(len(content) * share)], "trade", NAME)
    assert "cut off or damaged" in str(caught.value)
    assert str(caught.value).count(".") == 1


def test_a_damaged_byte_inside_the_zip_is_noticed():
    content = bytearray(daily_zip(trade_text([trade_row(goods="奶粉" * 200)])))
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
        start = archive.infolist()[1].header_offset
    content[start + 120] ^= 0xFF
    with pytest.raises(TransientError, match="damaged"):
        read_bill(bytes(content), "trade", NAME)


def test_balances_follow_in_either_order():
    moves = [
        ("10.00", "0.00", "110.00"),
        ("0.00", "-0.06", "109.94"),
        ("0.00", "-4.00", "105.94"),
        ("6.00", "0.00", "111.94"),
    ]
    for order in (moves, moves[::-1], [moves[1], moves[0], *moves[2:]]):
        text = account_text(order, came="16.00", went="-4.06")
        assert len(parse_bill(text.encode("gbk"), "account", NAME)) == 4


@pytest.mark.parametrize("is_newest_first", [False, True])
def test_a_missing_movement_names_both_balances(is_newest_first: bool):
    moves = [
        ("10.00", "0.00", "110.00"),
        ("0.00", "-4.00", "105.94"),
        ("6.00", "0.00", "111.94"),
    ]
    moves = moves[::-1] if is_newest_first else moves
    text = account_text(moves, came="16.00", went="4.00").encode("gbk")
    with pytest.raises(ContractError) as caught:
        parse_bill(text, "account", NAME)
    assert "balance 105.94 in row 2 where 106.00 follows" in str(caught.value)
    assert len(parse_bill(text, "account", NAME, check_balances=False)) == 3


def test_an_account_bill_gives_its_own_totals():
    moves = [("10.00", "0.00", "110.00"), ("0.00", "4.00", "106.00")]
    assert len(
        parse_bill(account_text(moves, came="10.00", went="4.00").encode("gbk"), "account", NAME)
    )
    with pytest.raises(ContractError, match=r"5\.00 as amount of 支出 but its rows give 4\.00"):
        parse_bill(account_text(moves, came="10.00", went="-5.00").encode("gbk"), "account", NAME)


# --- the gateway -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys() -> dict[str, RsaKeys]:
    return {"app": RsaKeys.generate(), "alipay": RsaKeys.generate()}


class Alipay:
    """A gateway in the test's hands: what it answers by bill date, and what it was asked."""

    def __init__(self, keys: dict[str, RsaKeys]) -> None:
        self.keys = keys
        self.bills: dict[str, bytes] = {}
        self.asked: list[dict[str, str]] = []
        self.downloads: list[httpx.Response] = []
        self.answers: list[httpx.Response] = []
        self.signed_with = keys["alipay"].private

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            if self.downloads:
                return self.downloads.pop(0)
            return httpx.Response(200, content=self.bills[request.url.params["day"]])
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.asked.append(form)
        if self.answers:
            return self.answers.pop(0)
        day = json.loads(form["biz_content"])["bill_date"]
        if day not in self.bills:
            return self.refusal("40004", "isp.bill_not_exist", "账单不存在")
        return self.answer(
            {"code": "10000", "bill_download_url": f"https://alipay.test/file?day={day}"}
        )

    def answer(self, body: dict[str, str]) -> httpx.Response:
        # Written as Alipay does, so that only the raw text can be verified.
        raw = json.dumps(body).replace("/", "\\/").replace('", "', '" , "')
        sign = rsa.sign(raw.encode(), self.signed_with)
        key = "alipay_data_dataservice_bill_downloadurl_query_response"
        return httpx.Response(200, content=f'{{"{key}":{raw},"sign":"{sign}"}}'.encode())

    def refusal(self, code: str, sub_code: str, sub_msg: str = "reason") -> httpx.Response:
        return self.answer({"code": code, "msg": "m", "sub_code": sub_code, "sub_msg": sub_msg})


@pytest.fixture
def alipay(keys: dict[str, RsaKeys]) -> Alipay:
    return Alipay(keys)


def account_of(keys: dict[str, RsaKeys], **changes: Any) -> AlipayAccount:
    return AlipayAccount.model_validate(
        {
            "base_url": "https://alipay.test/gateway.do",
            "app_id": "2021000000000001",
            "private_key": keys["app"].private,
            "alipay_public_key": keys["alipay"].public,
            "requests_per_second": 10_000,
            "attempts": 3,
            **changes,
        }
    )


@pytest.fixture
def gateway(alipay: Alipay, keys: dict[str, RsaKeys]) -> Callable[..., _Gateway]:
    def make(**changes: Any) -> _Gateway:
        account = account_of(keys, **changes)
        reading = Reading(
            "alipay", "main", datetime(2026, 6, 3, 8, tzinfo=UTC),
            transport=httpx.MockTransport(alipay),
        )  # fmt: skip
        return _Gateway(account, reading.client(account))

    return make


def test_a_call_is_signed_over_what_is_sent(alipay: Alipay, gateway: Any, keys: Any):
    alipay.bills["2026-06-01"] = daily_zip(trade_text([trade_row()]))
    assert len(gateway().bill("trade", DAY)) == 1
    form = alipay.asked[0]
    sign = form.pop("sign")
    text = "&".join(f"{key}={form[key]}" for key in sorted(form))
    assert rsa.verify(text.encode(), sign, keys["app"].public)
    assert json.loads(form["biz_content"]) == {"bill_type": "trade", "bill_date": "2026-06-01"}
    sent_at = datetime.strptime(form["timestamp"] + "+0800", "%Y-%m-%d %H:%M:%S%z")
    assert abs(datetime.now(UTC) - sent_at) < timedelta(minutes=1)


def test_an_answer_of_another_key_is_refused(alipay: Alipay, gateway: Any, keys: Any):
    alipay.signed_with = keys["app"].private
    with pytest.raises(PermanentError, match="not signed with `alipay_public_key`"):
        gateway().bill("trade", DAY)


def test_no_bill_must_be_alipays_own_word(alipay: Alipay, gateway: Any):
    """An unsigned `bill_not_exist` would move the cursor past a bill."""
    body = {"code": "40004", "sub_code": "isp.bill_not_exist"}
    key = "alipay_data_dataservice_bill_downloadurl_query_response"
    alipay.answers = [httpx.Response(200, json={key: body})]
    with pytest.raises(PermanentError, match="not signed"):
        gateway().bill("trade", DAY)
    assert gateway().bill("trade", DAY) is None


def test_an_expired_address_is_asked_for_again(alipay: Alipay, gateway: Any):
    alipay.bills["2026-06-01"] = daily_zip(trade_text([trade_row()]))
    alipay.downloads = [httpx.Response(403, text="<html>下载链接已失效</html>")]
    assert len(gateway().bill("trade", DAY)) == 1
    assert len(alipay.asked) == 2
    alipay.downloads = [httpx.Response(403)] * 3
    with pytest.raises(TransientError, match="30 seconds"):
        gateway().bill("trade", DAY)


def test_a_cut_off_download_is_repeated(alipay: Alipay, gateway: Any):
    content = daily_zip(trade_text([trade_row()]))
    alipay.bills["2026-06-01"] = content
    alipay.downloads = [
        httpx.Response(200, content=content[:200]),
        httpx.Response(200, text="<html>busy</html>"),
    ]
    assert len(gateway().bill("trade", DAY)) == 1
    assert len(alipay.asked) == 1


def test_the_bill_of_another_day_is_refused(alipay: Alipay, gateway: Any):
    alipay.bills["2026-06-02"] = daily_zip(trade_text([trade_row()]))
    with pytest.raises(ContractError, match="came as that of 2026-06-01"):
        gateway().bill("trade", date(2026, 6, 2))


@pytest.mark.parametrize(
    ("code", "sub_code", "kind", "told"),
    [
        ("20000", "isp.unknow-error", TransientError, "tried again"),
        ("40005", "isv.app-call-limited", TransientError, "too many calls"),
        ("40002", "isv.invalid-signature", PermanentError, "check private_key"),
        ("40002", "isv.invalid-app-id", PermanentError, "check app_id"),
        ("40002", "isv.invalid-timestamp", PermanentError, "set this machine's clock"),
        ("40006", "isv.insufficient-isv-permissions", PermanentError, "permission to download"),
        ("40004", "isv.invalid_arguments", PermanentError, "reason"),
    ],
)
def test_refusals_say_what_to_do(
    alipay: Alipay, gateway: Any, code: str, sub_code: str, kind: type[Exception], told: str
):
    alipay.answers = [alipay.refusal(code, sub_code)]
    with pytest.raises(kind, match=told) as caught:
        gateway(attempts=1).bill("trade", DAY)
    assert "alipay (main)" in str(caught.value)


def test_answers_that_are_no_answers_can_be_tried_again(alipay: Alipay, gateway: Any):
    whole = alipay.refusal("40004", "isp.bill_not_exist").content
    for content in (whole[: len(whole) // 2], b"<html></html>", b"[]", b"{}", b""):
        alipay.answers = [httpx.Response(200, content=content)]
        with pytest.raises(TransientError):
            gateway(attempts=1).bill("trade", DAY)
        alipay.answers = [httpx.Response(200, content=content)]
        assert gateway().bill("trade", DAY) is None


def test_check_says_what_it_saw(alipay: Alipay, keys: Any):
    alipay.bills["2026-06-01"] = daily_zip(trade_text([trade_row()]))
    reading = Reading(
        "alipay", "main", datetime(2026, 6, 3, 8, tzinfo=UTC), transport=httpx.MockTransport(alipay)
    )
    told = CONNECTOR.check(account_of(keys), reading)
    assert told == "Alipay answers for main: the bill of 2026-06-01 is there (rows: 1)."
