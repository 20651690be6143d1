"""A database of a till and an ERP becomes channels by configuration, mapping and seed rows."""

import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from connectors.configuration import load_configuration
from connectors.settings import PROJECT_ROOT, load_settings
from connectors.sources.api.connector import find_connector
from connectors.sources.api.landing import AccountReport, load_account
from connectors.sources.api.reading import Reading
from tests.installation import Installation
from tests.lean_project import copy_project, lean_project
from tests.platforms import (
    Read,
    bronze_payloads,
    current_records,
    read_account,
    read_until_killed,
)

pytestmark = pytest.mark.integration

EXAMPLE = PROJECT_ROOT / "tests" / "examples" / "erp"
SHAPES = {
    "orders": "orders",
    "order_lines": "orders",
    "products": "goods",
    "stock": "goods",
    "customers": "customers",
    "credit_terms": "customers",
    "prices": "goods",
    "sites": "goods",
    "suppliers": "purchasing",
    "purchase_order_lines": "purchasing",
}
ENTITIES = (
    *("orders", "order_lines", "products", "stock", "customers", "prices", "sites", "suppliers"),
    *("purchase_orders", "purchase_order_lines"),
)
MARTS = (
    *("fct_orders", "fct_order_lines", "dim_products", "dim_prices", "dim_sites", "dim_suppliers"),
    *("fct_stock_positions", "fct_purchase_order_lines", "dim_credit_terms", "quarantined_records"),
)
NOW = datetime(2026, 3, 20, 4, 0, tzinfo=UTC)


class Erp:
    """The ERP's own side: what its users do in the database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self.do((EXAMPLE / "schema.sql").read_text())
        self.do("set search_path = erp")

    def do(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values or None)  # type: ignore[arg-type]

    def close(self) -> None:
        self._connection.close()

    def fill(self) -> None:
        """Two items, a warehouse, two customers, a purchase, and six orders of both kinds."""
        self.do("insert into stores values ('SH01', 'Nanjing Road', 31.230416, 121.473701)")
        self.do("insert into warehouses values ('WH1', 'Kunshan')")
        self.do(
            "insert into items values "
            "('TEA-1', 'Longjing 100 g', 'tea', 31.123456, 12, 24, null, '2026-03-01 00:00+08'),"
            "('CUP-1', 'Cup', null, null, null, null, null, '2026-03-01 00:00:00.000001+08')"
        )
        self.do("insert into price_list values ('TEA-1', 88.5, '2026-01-01', '2026-03-01 00:00Z')")
        self.do(
            "insert into stock values ('WH1', 'TEA-1', 40, 3, 24, '2026-03-18 09:00+08'),"
            "('WH1', 'CUP-1', 7, null, null, '2026-03-18 09:00+08')"
        )
        self.do(
            "insert into customers values "
            "(1, 'store', 'Wang', '13800000001', '上海', null, 0, '2025-01-01Z', '2026-03-01Z'),"
            "(2, 'distributor', 'East Tea Ltd', null, '江苏', 99999999999.99, 1200.5, "
            "'2024-01-01Z', '2026-03-01Z')"
        )
        self.do("insert into suppliers values ('S1', 'Mountain Tea', 12, 30, '2026-03-01Z')")
        self.do(
            "insert into purchase_orders values ('PO-1', 'S1', 'WH1', 'sent', 746.96, 'CNY', "
            "'2026-03-10 10:00+08', '2026-03-25', '2026-03-10 10:00+08')"
        )
        self.do(
            "insert into purchase_lines values ('PO-1', 1, 'TEA-1', 24, 6, 31.123456, "
            "'2026-03-15', '2026-03-14 09:00+08', '2026-03-14 09:00+08')"
        )
        for number in range(1, 7):
            self.order(number, f"2026-03-1{number} 20:30:00.12345{number}+08")

    def order(self, number: int, at: str, status: str = "confirmed") -> None:
        kind = "distributor" if number % 3 == 0 else "pos"
        self.do(
            "insert into sales_orders (number, kind, store, customer_id, status, total, paid, "
            "ordered_at, paid_at, updated_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            f"SO-{number:05d}", kind, "SH01" if kind == "pos" else None,
            2 if kind == "distributor" else None, status, Decimal("88.50") * number,
            None if status == "draft" else Decimal("88.50") * number, at,
            None if status == "draft" else at, at,
        )  # fmt: skip
        self.do(
            "insert into sales_lines select id, 1, 'TEA-1', %s, 88.5, total, updated_at "
            "from sales_orders where number = %s", number, f"SO-{number:05d}",
        )  # fmt: skip


@pytest.fixture
def erp(make_postgres_database: Callable[[], str]) -> Iterator[Erp]:
    database = Erp(make_postgres_database())
    yield database
    database.close()


@pytest.fixture
def installation(erp: Erp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """What the walkthrough tells a person to do, and nothing else."""
    project = copy_project(tmp_path / "dbt_project", lean_project(*MARTS))
    staging = project / "models" / "staging" / "erp"
    shutil.copytree(EXAMPLE / "dbt", staging)
    for path in staging.glob("int_*.sql"):
        shape = path.stem.partition("__")[2]
        folder = SHAPES.get(shape, "records")
        path.rename(project / "models" / "intermediate" / folder / path.name)
    for name in ("order_status_map.csv", "channels.csv", "purchase_order_status_map.csv"):
        seed = project / "seeds" / name
        seed.write_text(seed.read_text() + (EXAMPLE / name).read_text())
    config = project / "dbt_project.yml"
    text = config.read_text().replace(
        "  source_entities:\n", f"  source_entities:\n    erp: [{', '.join(ENTITIES)}]\n"
    )
    head, _, tail = text.partition("  canonical_sources:\n")
    for shape in SHAPES:
        assert f"\n    {shape}: [" in f"\n{tail}", shape
        tail = f"\n{tail}".replace(f"\n    {shape}: [", f"\n    {shape}: [erp, ", 1)[1:]
    config.write_text(f"{head}  canonical_sources:\n{tail}")
    home = tmp_path / "home"
    home.mkdir()
    (home / "fourflow.yml").write_text((EXAMPLE / "fourflow.yml").read_text())
    monkeypatch.setenv("ERP_DATABASE_URL", erp.url)
    return Installation(
        home,
        {
            "FOURFLOW_DBT_PROJECT": str(project),
            "FOURFLOW_CONFIG": str(home / "fourflow.yml"),
            "ERP_DATABASE_URL": erp.url,
        },
    )


def read(
    installation: Installation, now: datetime = NOW, since: datetime | None = None
) -> AccountReport:
    source = load_configuration(installation.settings).source("erp")
    assert source.problems == ()
    (account,) = source.accounts.items()
    reading = Reading("erp", account[0], now, since=since)
    return load_account(installation.settings, find_connector("sql_database"), account[1], reading)


def counts(report: AccountReport) -> dict[str, int]:
    return {outcome.entity: outcome.record_count for outcome in report.entities}


def test_an_erp_is_two_channels_after_one_run(erp: Erp, installation: Installation):
    erp.fill()
    installation.run("run")
    rows = installation.tuples(
        "select order_no, channel, order_status, gross_amount, line_count, created_at "
        "from fct_orders order by 1"
    )
    at = datetime(2026, 3, 11, 12, 30, tzinfo=UTC)
    assert [(*row[:5], row[5].astimezone(UTC)) for row in rows] == [
        (
            f"SO-{n:05d}",
            "distributor" if n % 3 == 0 else "pos",
            "paid",
            Decimal("88.50") * n,
            1,
            at + timedelta(days=n - 1, microseconds=123450 + n),
        )
        for n in range(1, 7)
    ]
    goods = installation.tuples(
        "select sku, unit_cost, list_price, lead_time_days, pack_size from dim_products order by 1"
    )
    assert goods == [
        ("CUP-1", None, None, None, None),
        ("TEA-1", Decimal("31.123456"), Decimal("88.500000"), 12, 24),
    ]
    stock = installation.tuples(
        "select sku, site, business_date, on_hand, available_to_sell from fct_stock_positions "
        "order by 1"
    )
    assert stock == [
        ("CUP-1", "WH1", date(2026, 3, 18), 7, 7),
        ("TEA-1", "WH1", date(2026, 3, 18), 40, 37),
    ]
    credit = installation.tuples(
        "select customer_id, credit_limit, balance, name = 'East Tea Ltd' as is_readable "
        "from lake.intermediate.int_erp__customers_classified where is_current order by 1"
    )
    assert credit == [
        ("1", None, Decimal("0.00"), False),
        ("2", Decimal("99999999999.99"), Decimal("1200.50"), False),
    ]
    assert installation.tuples(
        "select customer_key, available_credit::varchar from dim_credit_terms"
    ) == [("erp:distributor:2", "99999998799.49")]
    assert installation.tuples(
        "select site, site_type, latitude, longitude, is_listed from dim_sites order by 1"
    ) == [
        ("SH01", "store", Decimal("31.230416"), Decimal("121.473701"), True),
        ("WH1", "warehouse", None, None, True),
    ]
    assert installation.tuples(
        "select sku, channel, unit_price, valid_from, valid_until from dim_prices"
    ) == [("TEA-1", "*", Decimal("88.5"), date(2026, 1, 1), None)]
    assert installation.tuples(
        "select supplier_key, name, lead_time_days, payment_terms_days from dim_suppliers"
    ) == [("erp:main:S1", "Mountain Tea", 12, 30)]
    assert installation.tuples(
        "select purchase_order_line_key, supplier_key, purchase_order_status, open_quantity, "
        "line_amount, promised_on, is_overdue from fct_purchase_order_lines"
    ) == [
        ("erp:main:PO-1:1", "erp:main:S1", "ordered", Decimal(18), Decimal("746.96"),
         date(2026, 3, 15), True),
    ]  # fmt: skip
    quarantined = installation.value(
        "select count(*) from quarantined_records where source = 'erp'"
    )
    assert quarantined == 0

    # Afterwards an order is edited: a line goes, one comes, the sum changes; another is voided.
    erp.do("delete from sales_lines where order_id = 2")
    erp.do("insert into sales_lines values (2, 7, 'CUP-1', 1, 9.99, 9.99, '2026-03-19Z')")
    erp.do("update sales_orders set total = 9.99, paid = 9.99 where id = 2")
    erp.do("update sales_orders set status = 'void', updated_at = '2026-03-19Z' where id = 4")
    installation.run("run")
    (edited,) = installation.tuples(
        "select gross_amount, line_count from fct_orders where order_no = 'SO-00002'"
    )
    assert edited == (Decimal("9.99"), 1)
    assert installation.tuples(
        "select line_no, sku from fct_order_lines where order_key = 'erp:SO-00002'"
    ) == [(7, "CUP-1")]
    assert (
        installation.value("select order_status from fct_orders where order_no = 'SO-00004'")
        == "cancelled"
    )


def test_only_what_changed_is_read_again(erp: Erp, installation: Installation):
    erp.fill()
    first = read(installation)
    assert first.problems == ()
    assert counts(first) == {
        "orders": 6, "products": 2, "stock": 2, "customers": 2, "prices": 1, "sites": 2,
        "suppliers": 1, "purchase_orders": 1,
    }  # fmt: skip
    erp.do("update sales_orders set status = 'shipped', updated_at = '2026-03-19Z' where id = 1")
    erp.order(7, "2026-03-19 01:00Z")
    later = counts(read(installation))
    # What lies within the overlap of ten minutes before the newest change comes again.
    assert later == {
        "orders": 3, "products": 1, "stock": 2, "customers": 2, "prices": 1, "sites": 2,
        "suppliers": 1, "purchase_orders": 1,
    }  # fmt: skip
    held = current_records(installation.settings, "erp_orders", "number", version="changed_at")
    assert len(held) == 7
    assert next(o["status"] for o in held if o["number"] == "SO-00001") == "shipped"
    assert counts(read(installation))["orders"] == 1


def test_a_change_committed_late_is_read_within_the_overlap(erp: Erp, installation: Installation):
    erp.fill()
    read(installation)
    newest = datetime(2026, 3, 16, 12, 30, tzinfo=UTC)
    erp.order(8, (newest - timedelta(minutes=9)).isoformat())
    erp.order(9, (newest - timedelta(minutes=11)).isoformat())
    read(installation)
    held = {o["number"] for o in bronze_payloads(installation.settings, "erp_orders")}
    assert "SO-00008" in held
    assert "SO-00009" not in held
    report = read(installation, since=datetime(2026, 3, 16, tzinfo=UTC))
    assert counts(report)["orders"] == 3
    held = {o["number"] for o in bronze_payloads(installation.settings, "erp_orders")}
    assert "SO-00009" in held
    # A backfill moves no cursor.
    assert counts(read(installation))["orders"] == 2


def test_values_are_exact(erp: Erp, installation: Installation):
    erp.fill()
    erp.do("alter table suppliers add odd numeric, add huge numeric, add doc jsonb, add raw bytea")
    erp.do("alter table suppliers add local timestamp, add until timestamptz")
    erp.do(
        "update suppliers set odd = 0.00000001000, huge = 123456789012345678901234567890.10, "
        "doc = '{\"n\": 12345678901234567890.10}', raw = '\\xfffe', "
        "local = '2026-03-01 08:00:00.000001', until = 'infinity'"
    )
    assert read(installation).problems == ()
    (supplier,) = bronze_payloads(installation.settings, "erp_suppliers")
    assert supplier["odd"] == "0.00000001000"
    assert supplier["huge"] == "123456789012345678901234567890.10"
    assert supplier["doc"] == {"n": "12345678901234567890.10"}
    assert supplier["raw"] == "fffe"
    assert supplier["local"] == "2026-03-01T08:00:00.000001"
    assert supplier["until"] == "infinity"
    assert supplier["updated_at"] == "2026-03-01T00:00:00+00:00"


def test_a_time_to_come_does_not_hide_later_changes(erp: Erp, installation: Installation):
    erp.fill()
    erp.do("update sales_orders set updated_at = '2062-03-01Z' where id = 3")
    erp.do("update sales_orders set updated_at = 'infinity' where id = 5")
    report = read(installation)
    (problem,) = report.problems
    assert "2 rows of erp.fourflow_orders have a changed_at that has not come yet" in problem
    assert counts(report)["orders"] == 4
    erp.order(9, "2026-03-19 01:00Z")
    read(installation)
    erp.do("update sales_orders set updated_at = '2026-03-19 02:00Z' where id in (3, 5)")
    assert read(installation).problems == ()
    held = {o["number"] for o in bronze_payloads(installation.settings, "erp_orders")}
    assert held == {f"SO-{n:05d}" for n in (1, 2, 3, 4, 5, 6, 9)}


def test_rows_without_a_cursor_are_read_every_time(erp: Erp, installation: Installation):
    erp.fill()
    erp.do("alter table customers alter updated_at drop not null")
    erp.do("update customers set updated_at = null where id = 1")
    assert counts(read(installation))["customers"] == 2
    assert counts(read(installation))["customers"] == 2


def configured(installation: Installation, entity: str, **keys: Any) -> None:
    path = installation.home / "fourflow.yml"
    content = yaml.safe_load(path.read_text())
    content["sources"]["erp"]["accounts"]["main"]["entities"] = {entity: keys}
    path.write_text(yaml.safe_dump(content))


def test_local_dates_and_whole_numbers_are_cursors(erp: Erp, installation: Installation):
    erp.fill()
    erp.do("create table seen as select number, id, ordered_at::date as day, "
           "ordered_at at time zone 'Asia/Shanghai' as local from sales_orders")  # fmt: skip
    for cursor, overlap, again in (("id", 2, 3), ("day", 0, 1), ("local", 0, 1)):
        name = f"by_{cursor}"
        configured(installation, name, table="seen", cursor=cursor, overlap=overlap)
        assert counts(read(installation)) == {name: 6}
        assert counts(read(installation)) == {name: again}


def test_a_table_that_lost_most_of_its_rows_is_refused_as_cut_off(
    erp: Erp, installation: Installation
):
    erp.fill()
    erp.do("create table shelves as select generate_series(1, 10) as id")
    configured(installation, "shelves", table="shelves")
    assert counts(read(installation)) == {"shelves": 10}
    erp.do("delete from shelves where id > 4")
    report = read(installation)
    (problem,) = report.problems
    assert "shelves held 4 records, 10 at the reading before" in problem
    assert len(list(bronze_payloads(installation.settings, "erp_shelves"))) == 10

    configured(installation, "shelves", table="shelves", least_share=0)
    assert counts(read(installation)) == {"shelves": 4}
    configured(installation, "shelves", table="shelves")
    assert read(installation).problems == ()


def test_only_named_columns_are_read(erp: Erp, installation: Installation):
    erp.fill()
    configured(
        installation, "customers", table="customers", cursor="updated_at",
        columns=["id", "credit_limit", "updated_at"],
    )  # fmt: skip
    assert read(installation).problems == ()
    (_, held) = bronze_payloads(installation.settings, "erp_customers")
    assert sorted(held) == ["credit_limit", "id", "updated_at"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"table": "custmers"}, "no table or view erp.custmers; did you mean customers"),
        ({"table": "customers", "cursor": "updatd_at"}, "did you mean updated_at"),
        ({"table": "customers", "cursor": "name"}, "which is no cursor"),
        ({"table": "customers", "cursor": "updated_at", "columns": ["id"]}, "must name its cursor"),
    ],
)
def test_a_mistake_is_one_sentence(
    erp: Erp, installation: Installation, keys: dict[str, Any], words: str
):
    erp.fill()
    configured(installation, "customers", **keys)
    (problem,) = read(installation).problems
    assert words in problem
    assert "\n" not in problem


def test_a_killed_reading_has_not_happened(erp: Erp, tmp_path: Path):
    erp.fill()
    table = {"table": "fourflow_orders", "cursor": "changed_at", "overlap": 0}
    config = {"url": erp.url, "schema": "erp", "page_size": 2, "entities": {"orders": table}}
    order = Read("sql_database", "main", config, NOW)
    home = tmp_path / "home"
    assert read_until_killed(home, order, pages=2) == -signal.SIGKILL
    settings = load_settings(home=home)
    assert list(bronze_payloads(settings, "sql_database_orders")) == []
    read_until_killed(home, order, landing_seconds=0.2)
    read_account(home, order)
    held = [o["number"] for o in bronze_payloads(settings, "sql_database_orders")]
    # Only the newest row may be there twice: its clock is where the next reading starts.
    assert sorted(set(held)) == [f"SO-{n:05d}" for n in range(1, 7)]
    assert len(held) in (6, 7)


def test_one_entity_that_fails_leaves_the_others_alone(erp: Erp, installation: Installation):
    erp.fill()
    erp.do("drop table suppliers cascade")
    report = read(installation)
    assert ["suppliers" in problem for problem in report.problems] == [True]
    assert counts(report)["orders"] == 6


def test_an_absent_database_shows_no_password(
    erp: Erp, installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ERP_DATABASE_URL", "postgresql://reader:wr0ng@127.0.0.1:1/erp")
    report = read(installation)
    assert {outcome.is_transient for outcome in report.entities} == {True}
    monkeypatch.setenv("ERP_DATABASE_URL", erp.url.replace("/fourflow_", "/nowhere_"))
    absent = read(installation)
    assert {outcome.is_transient for outcome in absent.entities} == {False}
    assert len(report.problems) == len(absent.problems) == 8
    for problem in (*report.problems, *absent.problems):
        assert "database" in problem
        assert "wr0ng" not in problem
        assert "\n" not in problem


def test_the_connection_can_only_read(erp: Erp):
    import sqlalchemy as sa

    from connectors.sources.sql_database.engine import open_engine

    engine = open_engine(erp.url, timeout_seconds=5)
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="read-only"):
        connection.execute(sa.text("insert into erp.stores values ('X', 'X')"))
    engine.dispose()


def test_check_names_what_can_be_read(erp: Erp, installation: Installation):
    erp.fill()
    account = load_configuration(installation.settings).source("erp").accounts["main"]
    connector = find_connector("sql_database")
    said = connector.check(account, Reading("erp", "main", NOW))
    assert said.startswith("The postgresql database answers and lets its user read erp.fourflow_o")
