"""The real Online Retail I and Tmall files, end to end, against plain SQL on the raw files.

The 305 daily files of Online Retail, loaded one by one, must give the same marts as one big file.
"""

import contextlib
import csv
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.database.engine import open_database
from connectors.lake.attach import connect_snapshot
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from connectors.sources.files.load import load_files
from orchestration.enabled_sources import refresh_enabled_sources
from orchestration.ledger_tables import write_ledger_tables
from tests.dbt_command import run_dbt
from tests.installation import Installation, differing_rows, fingerprints
from tests.integration.conftest import HEAVY
from tests.lean_project import project_with_checks_of

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def tmall_oracle(real_files: dict[str, Path]) -> dict[str, Any]:
    """Figures of the Tmall export, read with nothing but a CSV reader and SQL."""
    connection = duckdb.connect()
    connection.execute(
        "create table raw as select * from read_csv($path, header = false, skip = 1, "
        "all_varchar = true, names = ['no', 'total', 'net', 'address', 'created', 'paid', 'back'])",
        {"path": str(real_files["tmall"])},
    )
    cursor = connection.execute(
        "select count(*) as created, count(paid) as paid, "
        "count(*) filter (net::decimal(18, 2) > 0) as kept, "
        "sum(total::decimal(18, 2)) as total, sum(back::decimal(18, 2)) as refunded, "
        "sum(net::decimal(18, 2)) filter (paid is not null) as net from raw"
    )
    names = [column[0] for column in cursor.description or []]
    return dict(zip(names, cursor.fetchone() or (), strict=True))


@pytest.fixture(scope="module")
def retail_oracle(real_files: dict[str, Path]) -> dict[str, Any]:
    """Figures of Online Retail I, read with nothing but SQL on the Parquet file."""
    connection = duckdb.connect()
    connection.execute(
        "create table raw as select InvoiceNo as no, StockCode as sku, Quantity as quantity, "
        "(Quantity::decimal(18, 0) * UnitPrice::decimal(18, 6))::decimal(18, 2) as amount, "
        "columns(* exclude (source_file, Quantity)) from read_parquet($path)",
        {"path": str(real_files["online_retail"])},
    )
    (received, documents, with_duplicates) = (
        connection.execute("select count(*), count(distinct no), sum(amount) from raw").fetchone()
        or ()
    )
    (distinct, amount) = (
        connection.execute(
            "select count(*), sum(amount) from (select distinct * from raw)"
        ).fetchone()
        or ()
    )
    return {
        "received": received,
        "documents": documents,
        "with_duplicates": with_duplicates,
        "distinct": distinct,
        "amount": amount,
    }


def test_oracles_agree_with_the_published_figures_of_the_data_sets(
    tmall_oracle: dict[str, Any], retail_oracle: dict[str, Any]
):
    assert tmall_oracle["created"] == 28_010
    assert tmall_oracle["paid"] == 24_087
    assert tmall_oracle["kept"] == 18_955
    assert tmall_oracle["total"] == Decimal("2995760.61")
    assert tmall_oracle["refunded"] == Decimal("572335.92")
    assert retail_oracle["received"] == 541_909
    assert retail_oracle["received"] - retail_oracle["distinct"] == 5_268
    assert retail_oracle["documents"] == 25_900
    assert retail_oracle["amount"] == Decimal("9726006.95")
    assert retail_oracle["with_duplicates"] == Decimal("9747747.93")


def test_tmall_orders_and_money(real_installation: Installation, tmall_oracle: dict[str, Any]):
    (row,) = real_installation.query(
        "select count(*) as created, count(paid_at) as paid, "
        "count(*) filter (net_paid_amount > 0) as kept, sum(gross_amount) as total, "
        "sum(refunded_amount) as refunded, sum(net_paid_amount) as net "
        "from fct_orders where source = 'tmall'"
    )
    assert row == tmall_oracle


def test_tmall_funnel(real_installation: Installation, tmall_oracle: dict[str, Any]):
    rows = real_installation.query(
        "select step_number, sum(reached_count)::bigint as reached from rpt_funnel_daily "
        "where business = 'tmall' and step_kind = 'step' group by 1 order by 1"
    )
    expected = [tmall_oracle["created"], tmall_oracle["paid"], tmall_oracle["kept"]]
    assert [row["reached"] for row in rows] == expected


def test_online_retail_rows_and_money(
    real_installation: Installation, retail_oracle: dict[str, Any]
):
    (counts,) = real_installation.query(
        "select sum(received)::bigint as received, sum(used)::bigint as used, "
        "sum(duplicates)::bigint as duplicates, sum(quarantined)::bigint as quarantined "
        "from rpt_conservation where source = 'online_retail'"
    )
    assert counts["received"] == retail_oracle["received"]
    assert counts["duplicates"] == retail_oracle["received"] - retail_oracle["distinct"]
    assert counts["received"] == sum(counts[n] for n in ("used", "duplicates", "quarantined"))
    quarantined = real_installation.query(
        "select reason, amount from quarantined_records where source = 'online_retail'"
    )
    assert len(quarantined) == counts["quarantined"]
    assert all(record["reason"] for record in quarantined)
    used = real_installation.value(
        "select sum(line_amount) from fct_order_lines where source = 'online_retail'"
    )
    assert used + sum(record["amount"] for record in quarantined) == retail_oracle["amount"]
    documents = real_installation.value(
        "select count(*) from fct_orders where source = 'online_retail'"
    )
    assert documents == retail_oracle["documents"]


def test_command_line_prints_the_same_numbers(
    real_installation: Installation, tmall_oracle: dict[str, Any]
):
    (row,) = real_installation.json(
        "query",
        "select count(*) as orders, sum(gross_amount) as total from fct_orders "
        "where source = 'tmall'",
    )
    assert row == {"orders": tmall_oracle["created"], "total": float(tmall_oracle["total"])}


def test_amount_tiers_are_back_tested_on_the_real_orders(
    real_installation: Installation, real_files: dict[str, Path]
):
    with real_files["tmall"].open(encoding="utf-8-sig", newline="") as file:
        amounts = [Decimal(row["总金额"]) for row in csv.DictReader(file)]
    for tiers in ((5000, 10_000, 50_000, 100_000), (300, 600, 1200, 2400)):
        names = ("supervisor", "general_manager", "chief_financial_officer", "board")
        limits = [*tiers, Decimal("Infinity")]
        expected = {
            name: sum(low < amount <= high for amount in amounts)
            for name, low, high in zip(names, limits, limits[1:], strict=False)
        }
        parameters = ("supervisor_amount", "manager_amount", "cfo_amount", "board_amount")
        chosen = [f"--set={name}={tier}" for name, tier in zip(parameters, tiers, strict=True)]
        found = real_installation.json(
            "rules", "backtest", "approve_order_amount", "--business=tmall", *chosen, "--json"
        )
        assert found["by_branch"] == expected
        assert found["decisions"] == found["outcomes"]["orders"] == sum(expected.values())


def test_status_is_healthy_and_names_the_sources(real_installation: Installation):
    status = real_installation.json("status")
    assert status["healthy"] is True
    assert {row["source"] for row in status["sources"]} >= {"online_retail", "tmall"}


@pytest.fixture(scope="module")
def first_figures(real_installation: Installation) -> dict[str, tuple[int, int]]:
    """What the published tables said after the first run."""
    return real_installation.fingerprints(real_installation.tables())


def test_offering_the_same_files_again_changes_no_figure(
    real_installation: Installation,
    first_figures: dict[str, tuple[int, int]],
    real_files: dict[str, Path],
):
    first = real_installation.json("status")["publication"]["publication_id"]
    report = real_installation.json(
        "run", *(f"--source={name}={path}" for name, path in real_files.items())
    )
    assert report["publication_id"] != first
    assert real_installation.fingerprints(list(first_figures)) == first_figures
    with_id = real_installation.json(
        "query", "select count(*) as n from fct_orders", "--as-of", first
    )
    assert with_id == [{"n": first_figures["fct_orders"][0]}]


FILES_A_LOAD = 1 if HEAVY else 61
# One row a load, by definition not the same.
PER_LOAD = {"rpt_conservation"}


@pytest.fixture(scope="module")
def daily_files(real_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Parquet file of Online Retail I cut into the daily CSV files it was made of."""
    folder = tmp_path_factory.mktemp("daily")
    connection = duckdb.connect()
    connection.execute(
        "create table raw as select *, row_number() over () as place from read_parquet($path)",
        {"path": str(real_files["online_retail"])},
    )
    names = connection.execute("select distinct source_file from raw order by 1").fetchall()
    for (name,) in names:
        connection.execute(
            "copy (select * exclude (source_file, place) from raw where source_file = $name "
            f"order by place) to '{folder / name}' (header)",
            {"name": name},
        )
    return folder


@pytest.fixture(scope="module")
def sliced_lake(
    daily_files: Path, real_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every daily file its own load (two months of files a load unless in `make test-all`).

    Built by dbt alone and without its tests: what else a run does is not in the marts.
    """
    own_checks_only = {} if HEAVY else {"dbt_project": str(project_with_checks_of("fct_orders"))}
    settings = load_settings(home=tmp_path_factory.mktemp("sliced"), **own_checks_only)
    files = sorted(daily_files.glob("*.csv"))
    assert len(files) == 305
    for first in range(0, len(files), FILES_A_LOAD):
        batch = daily_files / f"load_{first:03}"
        batch.mkdir()
        for file in files[first : first + FILES_A_LOAD]:
            file.rename(batch / file.name)
        assert load_files(settings, "online_retail", batch).problems == ()
    assert load_files(settings, "tmall", real_files["tmall"]).problems == ()
    write_ledger_tables(settings, open_database(settings))  # as a run does before it builds
    refresh_enabled_sources(settings)
    run_dbt(
        settings, "build", "--no-write-json",
        "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test",
    )  # fmt: skip
    with contextlib.closing(connect_snapshot(settings)) as lake:
        yield lake


def test_every_daily_load_is_there(sliced_lake: duckdb.DuckDBPyConnection):
    (loads,) = sliced_lake.execute(
        "select count(distinct load_id) from rpt_conservation where source = 'online_retail'"
    ).fetchone() or (0,)
    assert loads == math.ceil(305 / FILES_A_LOAD)


def test_marts_are_row_for_row_those_of_one_big_load(
    sliced_lake: duckdb.DuckDBPyConnection,
    real_installation: Installation,
    first_figures: dict[str, tuple[int, int]],
):
    expected = {table: said for table, said in first_figures.items() if table not in PER_LOAD}
    assert len(expected) > 15
    found = fingerprints(sliced_lake, list(expected))
    with open_published(real_installation.settings) as lake, lake.cursor() as cursor:
        different = {
            table: differing_rows(sliced_lake, cursor, table)
            for table in expected
            if found[table] != expected[table]
        }
    assert different == {}


def test_totals_of_conservation_agree(
    sliced_lake: duckdb.DuckDBPyConnection, real_installation: Installation
):
    totals = (
        "select source, entity, sum(received)::bigint as received, sum(used)::bigint as used, "
        "sum(duplicates)::bigint as duplicates, sum(quarantined)::bigint as quarantined "
        "from rpt_conservation group by all order by all"
    )
    assert sliced_lake.execute(totals).fetchall() == real_installation.tuples(totals)
