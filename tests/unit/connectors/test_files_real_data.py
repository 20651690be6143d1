"""The two real data sets land whole and unchanged."""

from pathlib import Path

import pyarrow.parquet as pq

from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from connectors.sources.files.load import load_files


def test_tmall_export_lands_whole(settings: Settings, real_data: Path):
    report = load_files(settings, "tmall", real_data / "tmall" / "raw" / "tmall_order_report.csv")
    assert (report.record_count, report.read_error_count) == (28_010, 0)
    connection = connect_snapshot(settings)
    sums = connection.execute(
        """
        select
            count(*),
            count(distinct payload->>'订单编号'),
            count_if(payload->>'订单付款时间' != ''),
            count_if((payload->>'买家实际支付金额')::decimal(18, 2) > 0),
            sum((payload->>'总金额')::decimal(18, 2))::varchar,
            sum((payload->>'退款金额')::decimal(18, 2))::varchar
        from tmall_orders
        """
    ).fetchone()
    connection.close()
    assert sums == (28_010, 28_010, 24_087, 18_955, "2995760.61", "572335.92")


def test_online_retail_lands_whole_and_unchanged(settings: Settings, real_data: Path):
    path = real_data / "online_retail_1" / "online_retail.parquet"
    report = load_files(settings, "online_retail", path)
    assert (report.record_count, report.read_error_count) == (541_909, 0)
    headers = pq.ParquetFile(path).schema_arrow.names
    received = ", ".join(f"payload->>'{header}'" for header in headers)
    connection = connect_snapshot(settings)
    differing = connection.execute(
        f"""
        with source as (from read_parquet('{path}')),
        received as (select {received} from online_retail_order_lines)
        select count(*) from ((from source except all from received)
            union all (from received except all from source))
        """
    ).fetchone()
    connection.close()
    assert differing == (0,)
