"""Settlement exports of platforms: every line an entry, totals as one adds them up by hand."""

import shutil
from decimal import Decimal

import pytest

from connectors.settings import PROJECT_ROOT, Settings, load_settings
from connectors.sources.files.load import load_files
from tests.models import build_models, rows

pytestmark = pytest.mark.integration

EXAMPLES = PROJECT_ROOT / "tests" / "examples" / "settlement_exports"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Every layout in one lake, one of them exported twice."""
    folder = tmp_path_factory.mktemp("settlements")
    settings = load_settings(home=folder / "home")
    settings.enabled_sources_path.parent.mkdir(parents=True)
    settings.enabled_sources_path.write_text("settlement_exports", encoding="utf-8")
    files = folder / "files"
    shutil.copytree(EXAMPLES, files)
    for path in files.glob("pdd/*.csv"):
        path.write_text(path.read_text("utf-8"), encoding="gb18030")
    assert load_files(settings, "settlement_exports", files).problems == ()
    # The same transactions a week later: paid out, in a file of another name.
    shopify = files / "shopify_payments" / "payment_transactions_export_1.csv"
    later = shopify.read_text("utf-8").replace("pending,2026-07-10,,", "paid,2026-07-10,77,")
    shopify.with_name("payment_transactions_export_2.csv").write_text(later, encoding="utf-8")
    assert load_files(settings, "settlement_exports", files).problems == ()
    build_models(
        settings, "+fct_payment_entries", "+quarantined_records", "+rpt_conservation",
        "assert_every_payment_entry_type_is_mapped", "assert_conservation_holds_per_load",
    )  # fmt: skip
    return settings


def test_every_settlement_has_the_totals_of_its_file(lake: Settings):
    found = rows(
        lake,
        "select account, bill_kind, entry_type, count(*), sum(amount), sum(fee_amount), "
        "sum(net_amount), min(currency_code) from lake.marts.fct_payment_entries "
        "group by all order by all",
    )
    assert [(*row[:4], *(Decimal(n).normalize() for n in row[4:7]), row[7]) for row in found] == [
        (*key, *(Decimal(n).normalize() for n in amounts), currency)
        for key, amounts, currency in (
            (("1001", "account", "fee", 1), ("-1.84", "0", "-1.84"), "CNY"),
            (("1001", "account", "payment", 1), ("36.80", "0", "36.80"), "CNY"),
            (("1001", "account", "refund", 1), ("-13.80", "0", "-13.80"), "CNY"),
            (("douyin", "trade", "payment", 1), ("39.80", "2.19", "37.61"), "CNY"),
            (("douyin", "trade", "refund", 1), ("-10.00", "-0.50", "-9.50"), "CNY"),
            (("north", "account", "fee", 1), ("-5", "0", "-5"), "CNY"),
            (("north", "account", "other", 1), ("-1.25", "0", "-1.25"), "CNY"),
            # 40 + 10 of subsidy, and 30; withheld are 1.50 and 4.00.
            (("north", "account", "payment", 2), ("80", "5.50", "74.50"), "CNY"),
            (("north", "account", "payout", 1), ("-60", "0", "-60"), "CNY"),
            (("pdd", "account", "fee", 1), ("-0.37", "0", "-0.37"), "CNY"),
            (("pdd", "account", "payment", 1), ("61.80", "0", "61.80"), "CNY"),
            (("pdd", "account", "payout", 1), ("-30", "0", "-30"), "CNY"),
            (("pdd", "account", "refund", 1), ("-27.50", "0", "-27.50"), "CNY"),
            (("shopify_payments", "account", "payment", 1), ("6.99", "0.45", "6.54"), "EUR"),
            (("shopify_payments", "account", "refund", 1), ("-2", "0", "-2"), "EUR"),
        )
    ]


def test_ids_times_and_settlements_are_those_of_the_file(lake: Settings):
    found = rows(
        lake,
        "select source_type, order_no, provider_payment_no, settlement_no, "
        "strftime(occurred_at at time zone 'UTC', '%m-%d %H:%M:%S') "
        "from lake.marts.fct_payment_entries where source_type in ('已结算', '货款', 'charge', "
        "'交易收入', '提现', '新费用') order by account, occurred_at",
    )
    assert found == [
        ("货款", "3553000000000001", "3553000000000001", "202607090000011332601610021",
         "07-09 04:08:53"),
        ("货款", "3553000000000002", "2100000001", "202607100000011332601610021", "07-10 04:08:53"),
        ("已结算", "6917000000000000002", "6917000000000000003", None, "07-01 18:00:00"),
        ("提现", None, None, None, "07-12 03:00:00"),
        ("新费用", None, None, None, "07-13 04:00:00"),
        ("交易收入", "260720-1", None, None, "07-20 15:30:43"),
        ("提现", None, None, None, "07-22 01:00:00"),
        ("charge", "#1001", "68683485610367", "77", "07-01 05:33:09"),
    ]  # fmt: skip


def test_what_is_wrong_is_in_quarantine_with_its_reason(lake: Settings):
    found = rows(
        lake,
        "select distinct entity, reason from lake.marts.quarantined_records order by all",
    )
    assert [entity for entity, _ in found] == [
        *("douyin_funds", "douyin_settlements", "pdd", "pdd", "shopify_payments"),
    ]
    reasons = [reason for _, reason in found]
    assert reasons[0] == "动账方向 is neither 入账 nor 出账."
    assert "本行为字段说明" in reasons[1]  # the row that explains the columns
    assert any("income" not in r and "a line is one of them." in r for r in reasons[2:4])
    assert any("'yesterday', which is not a time" in r for r in reasons[2:4])
    assert reasons[4] == "Net is not Amount less Fee."
    (counted,) = rows(
        lake,
        "select sum(received), sum(used), sum(duplicates), sum(quarantined) "
        "from lake.reports.rpt_conservation",
    )
    # 3 + 6 + 4 + 6 + 3 lines, then 3 of Shopify again: two of them newer versions.
    assert tuple(int(n) for n in counted) == (25, 19, 0, 6)
