"""Master data and stock from files: every entity in its mart, what is wrong in quarantine."""

from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pytest

from connectors.settings import Settings, load_settings
from connectors.sources.files.load import load_files
from tests.models import build_models, rows

pytestmark = pytest.mark.integration

MARTS = (
    *("dim_products", "dim_prices", "dim_sites", "fct_stock_positions", "fct_stock_movements"),
    *("bill_of_materials", "dim_suppliers", "dim_supplier_prices", "fct_purchase_order_lines"),
    *("int_customers_unioned", "dim_credit_terms", "quarantined_records", "rpt_conservation"),
)
FILES = {
    "products.csv": """\
sku,name,category,unit_cost,list_price,currency,lead_time_days,pack_size
TEA-1,龙井 100 g,tea,31.123456,88.50,CNY,,
CUP-1,Cup,,12,,CNY,5,6
BOX-1,Box,,-1,,CNY,,
JAR-1,Jar,,1,2,cny,,
""",
    "prices_2026.csv": """\
sku,channel,price,currency,valid_from,valid_until
TEA-1,*,88.50,CNY,2026-01-01,2026-02-28
TEA-1,*,79.90,CNY,2026-02-15,2026-03-15
TEA-1,*,12.30,USD,2026-01-01,
TEA-1,store,85,CNY,2026-03-10,2026-03-01
""",
    "stock_on_hand.csv": """\
counted_on,site,sku,on_hand,reserved,inbound
2026-03-01,WH1,TEA-1,40,3,24
2026-03-01,POPUP,TEA-1,5,,
2026-03-01,WH1,CUP-1,7.5,,
""",
    "stock_movements.csv": """\
movement,line,moved_at,site,sku,type,quantity,reference
M-1,1,2026-03-01 23:30:00,WH1,TEA-1,采购入库,24,PO-1
M-2,,2026-03-02 09:00:00,WH1,TEA-1,Transfer,-4.5,
M-2,,2026-03-02 09:00:00,SH01,TEA-1,transfer,4.5,
M-3,1,2026-03-02 10:00:00,WH1,TEA-1,sale,0,
M-4,1,2026-03-02 10:00:00,WH1,TEA-1,gift,-1,
""",
    "suppliers.csv": """\
supplier,name,lead_time_days,payment_terms,payment_terms_days,minimum_order_amount,currency
S1,Mountain Tea,12,net 30,30,5000,CNY
S2,Kiln,-3,,,,
""",
    "supplier_prices.csv": """\
supplier,sku,price,currency,minimum_order_quantity,pack_size,valid_from,valid_until,priority
S1,TEA-1,31.123456,CNY,,24,2026-01-01,,1
S1,TEA-1,29.5,CNY,240,24,2026-01-01,,1
""",
    "purchase_orders.csv": """\
purchase_order,supplier,site,status,ordered_at,promised_on,currency
PO-1,S1,WH1,部分到货,2026-02-17 10:00:00,2026-03-01,CNY
PO-2,S1,WH1,cancelled,2026-02-18 10:00:00,2026-03-05,CNY
""",
    "purchase_order_lines.csv": """\
purchase_order,line,sku,quantity,unit_price,promised_on,received_quantity,received_at
PO-1,1,TEA-1,48,31.123456,,24,2026-03-01 23:30:00
PO-1,2,CUP-1,12,12,2026-04-01,,
PO-2,1,TEA-1,24,31,,,
PO-3,1,TEA-1,1,31,,,
PO-3,x,TEA-1,1,31,,,
""",
    "bill_of_materials.csv": """\
product,component,quantity,scrap_rate
SET-1,TEA-1,2,0.02
SET-1,CUP-1,1,
SET-1,SET-1,1,
""",
    "customers.csv": """\
customer,channel,name,phone,credit_limit,open_amount,currency,payment_terms,payment_terms_days
C-1,distributor,王小明,13812345678,"100,000.00",1200.50,CNY,net 30,30
C-2,distributor,李雷,,,,,,
C-3,distributor,韩梅梅,,-1,,,,
""",
}
SITES = [
    ("site", "name", "type", "latitude", "longitude", "province", "city", "opened_on"),
    ("WH1", "Kunshan", "仓库", "31.3854120731", "120.98", "江苏", "Kunshan", date(2024, 5, 1)),
    ("SH01", "Nanjing Road", "Store", 31.2304, 121.4737, "上海", None, None),
    ("SH02", "Nowhere", "store", 131.2304, 121.4737, None, None, None),
    ("SH03", "Half", "store", 31.2304, None, None, None, None),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Every entity in one lake; the sites come as a spreadsheet."""
    folder = tmp_path_factory.mktemp("master_data")
    settings = load_settings(home=folder / "home")
    settings.enabled_sources_path.parent.mkdir(parents=True)
    settings.enabled_sources_path.write_text("master_data", encoding="utf-8")
    files = folder / "files"
    files.mkdir()
    for name, text in FILES.items():
        (files / name).write_text(text, encoding="gb18030")
    book = openpyxl.Workbook()
    assert book.active is not None
    for line in SITES:
        book.active.append(line)
    book.save(files / "sites.xlsx")
    assert load_files(settings, "master_data", files).problems == ()
    # A second version of a file replaces the first: JAR-2 is a correction, nothing else moves.
    products = FILES["products.csv"].replace("JAR-1,Jar,,1,2,cny", "JAR-2,Jar,,1,2,")
    (files / "products.csv").write_text(products, encoding="utf-8")
    assert load_files(settings, "master_data", files).problems == ()
    build_models(
        settings, *(f"+{mart}" for mart in MARTS), "assert_bills_of_material_have_no_cycle",
        "assert_conservation_holds_per_load", "assert_quarantine_ties_to_conservation",
    )  # fmt: skip
    return settings


def test_goods_and_their_prices(lake: Settings):
    assert rows(
        lake,
        "select sku, unit_cost, list_price, currency_code, lead_time_days, pack_size "
        "from lake.marts.dim_products order by sku",
    ) == [
        ("CUP-1", Decimal(12), None, "CNY", 5, 6),
        ("JAR-2", Decimal(1), Decimal(2), "CNY", None, None),
        ("TEA-1", Decimal("31.123456"), Decimal("88.5"), "CNY", 12, 24),
    ]
    assert rows(
        lake,
        "select currency_code, unit_price, valid_from, valid_until, is_overlapping "
        "from lake.marts.dim_prices order by currency_code, valid_from",
    ) == [
        ("CNY", Decimal("88.5"), date(2026, 1, 1), date(2026, 2, 28), True),
        ("CNY", Decimal("79.9"), date(2026, 2, 15), date(2026, 3, 15), True),
        ("USD", Decimal("12.3"), date(2026, 1, 1), None, False),
    ]
    assert rows(
        lake,
        "select sku, component_sku, quantity, scrap_rate from lake.marts.bill_of_materials "
        "order by component_sku",
    ) == [
        ("SET-1", "CUP-1", Decimal(1), Decimal(0)),
        ("SET-1", "TEA-1", Decimal(2), Decimal("0.02")),
    ]


def test_sites_stock_and_what_moved(lake: Settings):
    assert rows(
        lake,
        "select site, name, site_type, latitude, longitude, province, opened_on, is_listed "
        "from lake.marts.dim_sites order by site",
    ) == [
        ("POPUP", "POPUP", "unknown", None, None, None, None, False),
        (
            "SH01", "Nanjing Road", "store", Decimal("31.2304"), Decimal("121.4737"),
            "上海市", None, True,
        ),
        (
            "WH1", "Kunshan", "warehouse", Decimal("31.385412"), Decimal("120.98"),
            "江苏省", date(2024, 5, 1), True,
        ),
    ]  # fmt: skip
    assert rows(
        lake,
        "select site, sku, on_hand, available_to_sell, inbound "
        "from lake.marts.fct_stock_positions order by site",
    ) == [("POPUP", "TEA-1", 5, 5, 0), ("WH1", "TEA-1", 40, 37, 24)]
    assert rows(
        lake,
        "select movement_key, movement_type, quantity, reference, moved_on "
        "from lake.marts.fct_stock_movements order by movement_key",
    ) == [
        (
            "master_data:M-1:1:WH1:TEA-1", "receipt", Decimal(24), "PO-1", date(2026, 3, 1),
        ),
        ("master_data:M-2:-:SH01:TEA-1", "transfer", Decimal("4.5"), None, date(2026, 3, 2)),
        ("master_data:M-2:-:WH1:TEA-1", "transfer", Decimal("-4.5"), None, date(2026, 3, 2)),
        ("master_data:M-4:1:WH1:TEA-1", "other", Decimal(-1), None, date(2026, 3, 2)),
    ]  # fmt: skip


def test_suppliers_and_purchases(lake: Settings):
    assert rows(
        lake,
        "select supplier_key, name, lead_time_days, payment_terms_days, minimum_order_amount "
        "from lake.marts.dim_suppliers",
    ) == [("master_data:-:S1", "Mountain Tea", 12, 30, Decimal(5000))]
    assert rows(
        lake,
        "select minimum_order_quantity, unit_price, pack_size, priority "
        "from lake.marts.dim_supplier_prices order by 1",
    ) == [(Decimal(0), Decimal("31.123456"), 24, 1), (Decimal(240), Decimal("29.5"), 24, 1)]
    # 48 x 31.123456 is 1493.925888; the clock is the last movement, on 2026-03-02.
    found = rows(
        lake,
        "select order_no, line_no, purchase_order_status, open_quantity, line_amount, promised_on, "
        "is_overdue, site from lake.marts.fct_purchase_order_lines order by order_no, line_no",
    )
    assert found == [
        (
            "PO-1", "1", "ordered", Decimal(24), Decimal("1493.93"), date(2026, 3, 1), True, "WH1",
        ),
        ("PO-1", "2", "ordered", Decimal(12), Decimal(144), date(2026, 4, 1), False, "WH1"),
        ("PO-2", "1", "cancelled", Decimal(0), Decimal(744), date(2026, 3, 5), False, "WH1"),
        ("PO-3", "1", "unknown", Decimal(0), Decimal(31), None, False, None),
    ]  # fmt: skip
    ((received_at,),) = rows(
        lake,
        "select received_at from lake.marts.fct_purchase_order_lines where received_at is not null",
    )
    assert received_at.astimezone(UTC) == datetime(2026, 3, 1, 15, 30, tzinfo=UTC)


def test_credit_without_names(lake: Settings):
    assert rows(
        lake,
        "select customer_key, credit_limit, open_amount, available_credit, payment_terms_days "
        "from lake.marts.dim_credit_terms",
    ) == [
        (
            "master_data:distributor:C-1", Decimal(100000), Decimal("1200.5"),
            Decimal("98799.5"), 30,
        )
    ]  # fmt: skip
    tokens = rows(lake, "select length(name_token) from lake.intermediate.int_customers_unioned")
    assert tokens == [(64,), (64,)]
    for table in ("staging.stg_master_data__customers", "marts.quarantined_records"):
        text = str(rows(lake, f"select * from lake.{table}"))
        assert not any(name in text for name in ("王小明", "李雷", "韩梅梅", "13812345678"))


def test_what_is_wrong_is_in_quarantine_with_its_reason(lake: Settings):
    found = rows(
        lake,
        "select entity, reason from lake.marts.quarantined_records order by entity, reason",
    )
    assert [entity for entity, _ in found] == [
        *("bill_of_materials", "customers", "prices", "products", "products", "products"),
        *("purchase_order_lines", "sites", "sites", "stock_movements", "stock_on_hand"),
        "suppliers",
    ]
    reasons = [reason for _, reason in found]
    for words in (
        "the component is the product itself.",
        "credit_limit is below 0.",
        "valid_until is before valid_from.",
        "unit_cost or list_price is below 0.",
        "currency is not an ISO 4217 code such as CNY.",
        "Column \"line\" (line_no) holds 'x', which is not a whole number.",
        "latitude is not between -90 and 90.",
        "latitude and longitude belong together, one of them is empty.",
        "quantity is 0: nothing moved.",
        "Column \"on_hand\" holds '7.5', which is not a whole number.",
        "lead_time_days is below 0.",
    ):
        assert words in reasons
    (counted,) = rows(
        lake,
        "select sum(received), sum(used), sum(duplicates), sum(quarantined) "
        "from lake.reports.rpt_conservation",
    )
    # 33 lines and 4 sites, then 4 articles again: two as before, one refused as before, one new.
    assert tuple(int(n) for n in counted) == (41, 27, 2, 12)
