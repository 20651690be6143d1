"""Files land the same way when the lake's catalogue is PostgreSQL."""

from collections.abc import Callable
from pathlib import Path

from connectors.lake.attach import connect_snapshot, connect_writer
from connectors.lake.repair import repair_uncommitted_loads
from connectors.settings import Settings
from connectors.sources.files.load import load_files
from tests.unit.connectors.conftest import order_mapping


def test_load_skip_and_repair_with_a_postgres_catalogue(
    tmp_path: Path,
    settings: Settings,
    write_mapping: Callable[..., None],
    make_postgres_database: Callable[[], str],
):
    settings.catalog_url = make_postgres_database()
    write_mapping(orders=order_mapping(files=["*.csv"]))
    path = tmp_path / "orders.csv"
    path.write_text("order no,amount\n1,2.00\n2,3.00\n", encoding="utf-8")
    assert repair_uncommitted_loads(settings) == {}
    assert load_files(settings, "shop", path).record_count == 2
    assert [file.status for file in load_files(settings, "shop", path).files] == ["skipped"]
    with connect_writer(settings, purpose="a load that dies half-way") as connection:
        connection.execute(
            "insert into lake.bronze.shop_orders "
            "select * replace ('9999.9' as _dlt_load_id) from lake.bronze.shop_orders"
        )
    assert repair_uncommitted_loads(settings) == {"shop_orders": 2}
    connection = connect_snapshot(settings)
    assert connection.execute("select count(*) from shop_orders").fetchall() == [(2,)]
    connection.close()
