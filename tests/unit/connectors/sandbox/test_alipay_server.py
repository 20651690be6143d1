"""The simulated Alipay: its words, its signatures, and bills whose totals are their rows."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from connectors.sandbox.files.rendering import order_numbers
from connectors.sandbox.retailer import simulate
from connectors.sandbox.servers.alipay import ADDRESS_LIVES, AlipayServer
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.stages.settling import ALIPAY, PAYMENT, describe_settlement
from connectors.sandbox.world import DAY, WorldConfig
from tests.conftest import PROJECT_ROOT

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=10, orders_per_day=200)
METHOD = "alipay.data.dataservice.bill.downloadurl.query"
RECORDED = (
    PROJECT_ROOT.parent / "shared/reference/fixtures/alipay/business_detail_2019-09-16.gbk.csv"
)


@pytest.fixture(scope="module")
def retail() -> Retail:
    return Retail(simulate(CONFIG), as_of=CONFIG.end_second + DAY)


@pytest.fixture
def client(retail: Retail, clock: Any, serve: Callable[..., Any]) -> Any:
    return serve("alipay", AlipayServer(retail, clock).routes())


def call(
    client: Any, retail: Retail, *, changes: dict[str, str] | None = None, **asked: str
) -> Any:
    """One signed call; `changes` are made after signing."""
    local = datetime.now(UTC) + timedelta(hours=8)
    given = {
        "app_id": retail.credentials.alipay.app_id,
        "method": METHOD,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": f"{local:%Y-%m-%d %H:%M:%S}",
        "version": "1.0",
        "biz_content": json.dumps(asked),
    }
    signed = "&".join(f"{name}={given[name]}" for name in sorted(given))
    key: Any = load_pem_private_key(retail.credentials.keys["alipay_app"].private.encode(), None)
    given["sign"] = base64.b64encode(key.sign(signed.encode(), PKCS1v15(), SHA256())).decode()
    given.update(changes or {})
    return client.post("/alipay/gateway.do", data=given)


def answer_of(response: Any) -> dict[str, Any]:
    body = response.json()
    return next(value for key, value in body.items() if key.endswith("_response"))


def members(response: Any) -> dict[str, list[str]]:
    """The members' lines by their real names, in the order of the zip."""
    assert response.status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    return {
        info.filename.encode("cp437").decode("gbk"): archive.read(info).decode("gbk").split("\n")
        for info in archive.infolist()
    }


def bill(client: Any, retail: Retail, bill_type: str, day: str) -> dict[str, list[str]]:
    answer = answer_of(call(client, retail, bill_type=bill_type, bill_date=day))
    assert answer["code"] == "10000"
    return members(client.get(answer["bill_download_url"]))


def rows_of(lines: list[str]) -> list[list[str]]:
    """The table's rows as stripped cells, without its heading."""
    start = next(i for i, line in enumerate(lines) if "列表---" in line) + 2
    end = next(i for i, line in enumerate(lines) if "列表结束" in line)
    return [[cell.strip("\t") for cell in line.split(",")] for line in lines[start:end]]


def test_the_answer_is_signed_over_its_raw_text(client: Any, retail: Retail) -> None:
    response = call(client, retail, bill_type="trade", bill_date="2026-06-25")
    text = response.text
    start = text.index(":") + 1
    raw, sign = text[start : text.rindex(',"sign"')], response.json()["sign"]
    pem = retail.credentials.keys["alipay_platform"].public
    key: Any = load_pem_public_key(pem.encode())
    key.verify(base64.b64decode(sign), raw.encode(), PKCS1v15(), SHA256())
    assert "\\/" in raw
    assert raw != json.dumps(json.loads(raw), separators=(",", ":"))


def test_member_names_are_gbk_bytes_without_the_utf8_flag_and_the_summary_is_first(
    client: Any, retail: Retail
) -> None:
    answer = answer_of(call(client, retail, bill_type="trade", bill_date="2026-06-25"))
    content = client.get(answer["bill_download_url"]).content
    infos = zipfile.ZipFile(io.BytesIO(content)).infolist()
    assert all(not info.flag_bits & 0x800 for info in infos)
    account = f"{retail.credentials.alipay.seller_id}0156"
    assert [info.filename.encode("cp437") for info in infos] == [
        f"{account}_20260625_业务明细(汇总).csv".encode("gbk"),
        f"{account}_20260625_业务明细.csv".encode("gbk"),
    ]


def test_the_layout_is_that_of_a_recorded_bill(client: Any, retail: Retail) -> None:
    if not RECORDED.exists():
        pytest.skip(f"the recorded bill is not at {RECORDED}")
    recorded = RECORDED.read_bytes().decode("gbk").split("\n")
    made = bill(client, retail, "trade", "2026-06-25")
    lines = next(lines for name, lines in made.items() if "汇总" not in name)
    assert lines[0] == recorded[0]
    assert lines[3:5] == recorded[3:5]
    assert [line for line in lines if "列表结束" in line] == [
        line for line in recorded if "列表结束" in line
    ]
    # Tabs stand behind the same cells; the remark is empty where nothing was remarked.
    tabs = [cell.endswith("\t") for cell in recorded[5].split(",")]
    assert [cell.endswith("\t") for cell in lines[5].split(",")] == tabs
    assert len(tabs) == 25
    for mark in ("#交易合计", "#退款合计", "#导出时间"):
        assert sum(line.startswith(mark) for line in lines) == 1


def test_the_totals_of_every_day_are_its_rows_and_the_truth(client: Any, retail: Retail) -> None:
    truth = describe_settlement(retail.world, retail.settlement, retail.as_of)
    days = truth["providers"]["alipay"]
    assert len(days) == CONFIG.days
    for day, figures in days.items():
        summary, detail = bill(client, retail, "trade", day).values()
        rows = rows_of(detail)
        paid = [row for row in rows if row[2] == "交易"]
        back = [row for row in rows if row[2] == "退款"]
        taken = sum((Decimal(row[12]) for row in paid), Decimal(0))
        given = sum((Decimal(row[12]) for row in back), Decimal(0))
        assert f"#交易合计：{len(paid)}笔，商家实收共{taken:.2f}元，商家优惠共0.00元" in detail
        assert (
            f"#退款合计：{len(back)}笔，商家实收退款共{given:.2f}元，商家优惠退款共0.00元" in detail
        )
        assert (figures["payments"], figures["refunds"]) == (len(paid), len(back))
        assert figures["payment_fen"] == 100 * taken
        assert figures["refund_fen"] == -100 * given
        assert all(len(row) == 25 for row in rows)
        assert all(Decimal(row[11]) < 0 and row[21] for row in back)
        assert {row[5][:10] for row in rows} == {day}
        total = rows_of(summary)[-1]
        assert total[0] == "合计"
        assert (int(total[2]), int(total[3])) == (len(paid), len(back))
        fee = sum((Decimal(row[22]) for row in rows), Decimal(0))
        assert Decimal(total[9]) == fee
        assert 100 * fee == -figures["fee_fen"]
        assert Decimal(total[11]) == taken + given + fee


def test_refunds_repeat_the_payments_numbers_and_opening_time(client: Any, retail: Retail) -> None:
    first: dict[str, list[str]] = {}
    checked, keys = 0, set()
    for offset in range(CONFIG.days):
        day = str(CONFIG.date_of(offset))
        _, detail = bill(client, retail, "trade", day).values()
        for row in rows_of(detail):
            assert len(row[0]) == 28
            key = (row[0], row[2], row[21])
            assert key not in keys
            keys.add(key)
            if row[2] == "交易":
                first[row[0]] = row
            else:
                original = first[row[0]]
                assert (row[1], row[4]) == (original[1], original[4])
                checked += 1
    assert checked > 10
    numbers = set(order_numbers(retail.world).to_pylist())
    assert {row[1].removeprefix("T200P") for row in first.values()} <= numbers
    assert any(row[1].startswith("T200P") for row in first.values())
    assert any(row[6] == "SH01" for row in first.values())


def test_the_balance_runs_through_the_account_bills(client: Any, retail: Retail) -> None:
    truth = describe_settlement(retail.world, retail.settlement, retail.as_of)
    balance, numbers, words = None, set(), set()
    for day, figures in truth["providers"]["alipay"].items():
        _, detail = bill(client, retail, "signcustomer", day).values()
        came, went = Decimal(0), Decimal(0)
        rows = rows_of(detail)
        for row in rows:
            assert len(row) == 12
            income, expense, after = (Decimal(cell) for cell in row[6:9])
            assert income >= 0 >= expense
            assert balance is None or balance + income + expense == after
            balance, came, went = after, came + income, went + expense
            numbers.add(row[0])
            words.add(row[10])
        assert figures["movements"] == len(rows)
        assert (figures["income_fen"], figures["expense_fen"]) == (100 * came, -100 * went)
        assert balance is not None
        assert figures["closing_balance_fen"] == 100 * balance
        counts = [sum(Decimal(row[column]) != 0 for row in rows) for column in (7, 6)]
        assert f"#支出合计：{counts[0]}笔，共{went:.2f}元" in detail
        assert f"#收入合计：{counts[1]}笔，共{came:.2f}元" in detail
    assert len(numbers) == len(retail.settlement.accounts[ALIPAY].movements)
    assert words == {"在线支付", "收费", "交易退款", "提现"}


def test_a_month_bill_has_all_days_of_the_month(
    client: Any, retail: Retail, serve: Callable[..., Any]
) -> None:
    refused = answer_of(call(client, retail, bill_type="trade", bill_date="2026-06"))
    assert refused["sub_code"] == "isp.bill_not_exist"
    later = Retail(retail.world, as_of=CONFIG.end_second + 4 * DAY, credentials=retail.credentials)
    client = serve("alipay", AlipayServer(later).routes())
    _, detail = bill(client, later, "trade", "2026-06").values()
    books = retail.settlement.accounts[ALIPAY].transactions
    assert len(rows_of(detail)) == len(books)
    assert sum(row[2] == "交易" for row in rows_of(detail)) == int((books.kind == PAYMENT).sum())


@pytest.mark.parametrize("day", ["2026-07-01", "2026-06-20", "2027-01-01"])
def test_there_is_no_bill_of_today_and_of_days_outside(
    client: Any, retail: Retail, day: str
) -> None:
    answer = answer_of(call(client, retail, bill_type="trade", bill_date=day))
    assert (answer["code"], answer["sub_code"]) == ("40004", "isp.bill_not_exist")


def test_the_bill_of_yesterday_comes_at_nine(retail: Retail, serve: Callable[..., Any]) -> None:
    codes = []
    for hour in (8, 9):
        early = Retail(
            retail.world,
            as_of=CONFIG.start_second + 5 * DAY + hour * 3_600,
            credentials=retail.credentials,
        )
        client = serve("alipay", AlipayServer(early).routes())
        yesterday = str(CONFIG.date_of(4))
        response = call(client, early, bill_type="trade", bill_date=yesterday)
        codes.append(answer_of(response)["code"])
    assert codes == ["40004", "10000"]


@pytest.mark.parametrize(
    ("changes", "code", "sub_code"),
    [
        ({"sign": "AAAA"}, "40002", "isv.invalid-signature"),
        ({"sign": ""}, "40001", "isv.missing-signature"),
        ({"biz_content": "{}"}, "40002", "isv.invalid-signature"),
        ({"app_id": "2021"}, "40002", "isv.invalid-app-id"),
        ({"timestamp": ""}, "40001", "isv.missing-timestamp"),
        ({"timestamp": "18.06.2026"}, "40002", "isv.invalid-timestamp"),
        ({"sign_type": "RSA"}, "40002", "isv.invalid-signature-type"),
        ({"method": "alipay.trade.query"}, "40002", "isv.invalid-method"),
    ],
)
def test_what_is_wrong_is_named(
    client: Any, retail: Retail, changes: dict[str, str], code: str, sub_code: str
) -> None:
    response = call(client, retail, changes=changes, bill_type="trade", bill_date="2026-06-25")
    answer = answer_of(response)
    assert (answer["code"], answer["sub_code"]) == (code, sub_code)


def test_a_clock_twenty_minutes_off_is_refused(client: Any, retail: Retail, clock: Any) -> None:
    for ahead in (-1_200.0, 1_200.0):
        clock.ahead = ahead
        answer = answer_of(call(client, retail, bill_type="trade", bill_date="2026-06-25"))
        assert answer["sub_code"] == "isv.invalid-timestamp"


def test_unknown_bill_types_are_refused(client: Any, retail: Retail) -> None:
    for asked in ({"bill_type": "loan", "bill_date": "2026-06-25"}, {"bill_date": "2026-06-25"}):
        answer = answer_of(call(client, retail, **asked))
        assert (answer["code"], answer["sub_code"]) == ("40004", "isv.invalid_arguments")


def test_an_address_lives_thirty_seconds_and_cannot_be_changed(
    client: Any, retail: Retail, clock: Any
) -> None:
    answer = answer_of(call(client, retail, bill_type="trade", bill_date="2026-06-25"))
    address = answer["bill_download_url"]
    assert client.get(address).status_code == 200
    assert client.get(address.replace("trade.2026-06-25", "trade.2026-06-26")).status_code == 403
    clock.ahead = ADDRESS_LIVES + 2
    late = client.get(address)
    assert late.status_code == 403
    assert "已失效" in late.text


def test_an_expired_permission_is_told(client: Any, retail: Retail) -> None:
    retail.expired.add("alipay")
    try:
        answer = answer_of(call(client, retail, bill_type="trade", bill_date="2026-06-25"))
    finally:
        retail.expired.clear()
    assert answer["code"] == "40006"
