"""305 real daily files, loaded one by one, give the same marts as one file with all of them."""

from pathlib import Path

import duckdb
import pytest

from connectors.sources.files.load import load_files
from tests.installation import Installation, differing_rows

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("real")]

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
def sliced_installation(
    daily_files: Path, real_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Every daily file its own load; a whole run after the first half and one at the end."""
    installation = Installation(tmp_path_factory.mktemp("sliced"))
    files = sorted(daily_files.glob("*.csv"))
    assert len(files) == 305
    for number, file in enumerate(files, start=1):
        report = load_files(installation.settings, "online_retail", file)
        assert report.problems == ()
        if number == len(files) // 2:
            installation.run("run", f"--source=tmall={real_files['tmall']}")
    installation.run("run")
    return installation


def test_one_load_per_daily_file(sliced_installation: Installation):
    loads = sliced_installation.value(
        "select count(distinct load_id) from rpt_conservation where source = 'online_retail'"
    )
    assert loads == 305


def test_marts_are_row_for_row_those_of_one_big_load(
    sliced_installation: Installation, real_installation: Installation
):
    tables = [table for table in real_installation.tables() if table not in PER_LOAD]
    assert len(tables) > 15
    different = {
        table: differing_rows(sliced_installation, real_installation, table)
        for table in tables
        if sliced_installation.fingerprint(table) != real_installation.fingerprint(table)
    }
    assert different == {}


def test_totals_of_conservation_agree(
    sliced_installation: Installation, real_installation: Installation
):
    totals = (
        "select source, entity, sum(received)::bigint as received, sum(used)::bigint as used, "
        "sum(duplicates)::bigint as duplicates, sum(quarantined)::bigint as quarantined "
        "from rpt_conservation group by all order by all"
    )
    assert sliced_installation.query(totals) == real_installation.query(totals)
