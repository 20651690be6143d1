"""Recorded bills, exports and statements, from their bytes to the figures that they state."""

import gzip
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest

from connectors.sandbox.servers.credentials import RsaKeys
from connectors.settings import load_settings
from connectors.sources import rsa
from connectors.sources.api.connector import find_connector
from connectors.sources.api.landing import load_account
from connectors.sources.api.reading import Reading
from connectors.sources.files.load import load_files
from tests.canonical import CanonicalRows
from tests.models import build_models

pytestmark = pytest.mark.integration

Answer = Callable[[httpx.Request], httpx.Response]
SOURCES = ("alipay", "wechat_pay", "wallet_exports", "bank_statements")
MODELS = (
    *("int_payment_entries_unioned", "stg_wallet_exports__alipay"),
    *("stg_wallet_exports__wechat", "stg_wallet_exports__jd"),
)


@pytest.fixture(scope="module")
def lake(
    reference: Path, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> CanonicalRows:
    """Every recorded file in one lake, built by dbt."""
    home, files = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files")
    recorded, raw = reference / "fixtures", real_data / "cn_bills" / "raw"
    _read_alipay(home, (recorded / "alipay/business_detail_2019-09-16.gbk.csv").read_bytes())
    _read_wechat_pay(home, (recorded / "wechatpay/tradebill_ALL_2021-01-28.csv").read_bytes())
    for place, file in {
        "wallet_exports/alipay": recorded / "alipay/personal_bill_example.csv",
        "wallet_exports/wechat": recorded / "wechatpay/personal_bill_example.xlsx",
        "wallet_exports/jd": recorded / "jd_finance/jd_personal_bill_example.csv",
        "bank_statements/cmb": raw / "example-cmb-records.csv",
        "bank_statements/boc": raw / "example-boc-records.csv",
    }.items():
        (files / place).mkdir(parents=True)
        shutil.copy(file, files / place)
    (files / "bank_statements/other").mkdir()
    (files / "bank_statements/other/june.csv").write_text(
        "# Statement of June\n\naccount,booked_at,currency,amount,balance,reference,summary\n"
        "6225 1,2026-06-01 09:00:00,CNY,\"1,000.00\",1000.00,p1,payout\n"
        "6225 1,2026-06-02 09:00:00,CNY,-0.50,999.50,1.23E+18,fee\n"
        "6225 1,2026-06-02 09:00:00,CNY,-0.50,999.50,,fee\n"
        "6225 1,2026-06-02 09:00:00,CNY,-0.50,999.50,,fee\n# sum 999.50\n",
        encoding="utf-8",
    )  # fmt: skip
    settings = load_settings(home=home)
    for source in ("wallet_exports", "bank_statements"):
        report = load_files(settings, source, files / source)
        assert report.problems == ()
    build_models(settings, *(f"+{model}" for model in MODELS))
    return CanonicalRows(home, "\n".join(SOURCES))


def _read_alipay(home: Path, bill: bytes) -> None:
    keys = {name: RsaKeys.generate() for name in ("app", "alipay")}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("20880211096256330156_20190916_业务明细.csv", bill)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, content=target.getvalue())
        asked = json.loads(dict(parse_qsl(request.content.decode()))["biz_content"])
        is_there = asked == {"bill_type": "trade", "bill_date": "2019-09-16"}
        body = {"code": "10000", "bill_download_url": "https://alipay.test/file"}
        raw = json.dumps(body if is_there else {"code": "40004", "sub_code": "isp.bill_not_exist"})
        sign = rsa.sign(raw.encode(), keys["alipay"].private)
        key = "alipay_data_dataservice_bill_downloadurl_query_response"
        return httpx.Response(200, content=f'{{"{key}":{raw},"sign":"{sign}"}}'.encode())

    config = {
        "app_id": "1",
        "private_key": keys["app"].private,
        "alipay_public_key": keys["alipay"].public,
        "start": "2019-09-15",
    }
    _read(home, "alipay", config, datetime(2019, 9, 19, tzinfo=UTC), answer)


def _read_wechat_pay(home: Path, bill: bytes) -> None:
    keys = {name: RsaKeys.generate() for name in ("merchant", "platform")}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/file":
            return httpx.Response(200, content=gzip.compress(bill))
        is_there = "tradebill?bill_date=2021-01-28" in str(request.url)
        body = {
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(bill).hexdigest(),
            "download_url": "https://api.mch.weixin.qq.com/file",
        }
        content = json.dumps(body if is_there else {"code": "NO_STATEMENT_EXIST"}).encode()
        stamp = str(int(datetime.now(UTC).timestamp()))
        signature = rsa.sign(f"{stamp}\nn\n".encode() + content + b"\n", keys["platform"].private)
        headers = {
            "wechatpay-timestamp": stamp,
            "wechatpay-nonce": "n",
            "wechatpay-serial": "P",
            "wechatpay-signature": signature,
        }
        return httpx.Response(200 if is_there else 404, content=content, headers=headers)

    config = {
        "merchant_id": "1601959334",
        "merchant_serial": "1",
        "private_key": keys["merchant"].private,
        "platform_serial": "P",
        "platform_public_key": keys["platform"].public,
        "start": "2021-01-27",
    }
    _read(home, "wechat_pay", config, datetime(2021, 1, 30, 4, tzinfo=UTC), answer)


def _read(home: Path, name: str, config: dict[str, str], now: datetime, answer: Answer) -> None:
    connector = find_connector(name)
    reading = Reading(name, "main", now, transport=httpx.MockTransport(answer))
    account = connector.config.model_validate({**config, "requests_per_second": 1_000})
    report = load_account(load_settings(home=home), connector, account, reading)
    assert report.problems == ()


def test_recorded_bills_are_entries_with_the_figures_of_their_totals(lake: CanonicalRows):
    assert lake.rows("""
        select
            source, account, entry_type, count(*), sum(amount), sum(fee_amount),
            min(bill_date)::text
        from lake.intermediate.int_payment_entries_unioned
        where source in ('alipay', 'wechat_pay')
        group by all order by all
    """) == [
        ("alipay", "main", "payment", 6, Decimal("0.06"), Decimal(0), "2019-09-16"),
        ("alipay", "main", "refund", 4, Decimal("-0.04"), Decimal(0), "2019-09-16"),
        ("wechat_pay", "main", "payment", 3, Decimal("0.03"), Decimal(0), "2021-01-28"),
    ]  # fmt: skip
    ((number, at),) = lake.rows("""
        select entry_no, occurred_at at time zone 'UTC'
        from lake.intermediate.int_payment_entries_unioned
        where source = 'alipay' and entry_type = 'refund' order by occurred_at limit 1
    """)
    assert number == "2019091622001458860515315453/re_test_1568602607356"
    assert at == datetime(2019, 9, 16, 2, 56, 48)  # noqa: DTZ001 - UTC, as the query says


def test_jds_amounts_say_what_went_back(lake: CanonicalRows):
    """Its preamble counts 16 expenses of 1648.43, less what went back of four of them."""
    found = lake.rows("""
        select amount, coalesce(refunded_amount, fully_refunded_amount)
        from lake.staging.stg_wallet_exports__jd
        where direction = '支出' and reject_reason is null
    """)
    assert len(found) == 16
    assert (Decimal("131.77"), Decimal("89.84")) in found
    assert sum(amount - (back or 0) for amount, back in found) == Decimal("1648.43")
    assert sum(back is not None for _, back in found) == 4
    assert lake.rows("""
        select amount, refunded_amount, fully_refunded_amount
        from lake.staging.stg_wallet_exports__jd
        where fully_refunded_amount is not null
    """) == [(Decimal("468.32"), None, Decimal("468.32"))]  # fmt: skip


def test_no_line_of_an_export_is_refused(lake: CanonicalRows):
    for entity, count, first in (
        ("alipay", 10, "49.74"),
        ("wechat", 27, "28.16"),
        ("jd", 26, "10.20"),
    ):
        rows = lake.rows(f"""
            select amount, reject_reason, counterparty
            from lake.staging.stg_wallet_exports__{entity}
            order by record_number
        """)
        assert len(rows) == count
        assert {reason for _, reason, _ in rows} == {None}
        assert rows[0][0] == Decimal(first)
        assert all(token is None or len(token) == 64 for _, _, token in rows)


def test_statements_are_movements_of_their_accounts(lake: CanonicalRows):
    found = lake.rows("""
        select account, count(*), sum(amount), count(distinct currency_code), min(currency_code)
        from lake.intermediate.int_payment_entries_unioned
        where source = 'bank_statements'
        group by all order by all
    """)
    assert [(account, count) for account, count, *_ in found] == [
        ("6225 1", 2),
        ("boc 3167", 17),
        ("cmb", 5),
    ]
    assert {currency for *_, currency in found} == {"CNY"}
    # The line that is there twice counts once; the one with a damaged reference is refused.
    assert found[0][2] == Decimal("999.50")
    assert lake.rows("""
        select left(reject_reason, 66) from lake.staging.stg_bank_statements__other
        where reject_reason is not null
    """) == [("Column \"reference\" holds '1.23E+18', an id in scientific notation ",)]  # fmt: skip
    steps = lake.rows("""
        select amount, balance_after from lake.intermediate.int_payment_entries_unioned
        where source = 'bank_statements' and account = 'boc 3167' order by row_number
    """)
    # Newest first: each balance is that of the line below and the amount of its own.
    followed = [later == earlier + amount for (amount, later), (_, earlier) in pairwise(steps)]
    assert followed.count(True) >= 14
