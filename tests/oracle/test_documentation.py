"""The documentation site is one page that holds all of it and asks nobody for anything."""

import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectors.database.publications import Publication
from connectors.lake.attach import connect_snapshot
from connectors.lake.reader import PublishedLake
from orchestration.documentation import build_documentation
from tests.oracle.conftest import Warehouse

pytestmark = [pytest.mark.integration]
# dbt's page names its canonical address; a browser does not fetch that.
_FETCHES = re.compile(
    r"<(?:script|link|img|iframe)(?! rel=.canonical)\b[^>]*(?:src|href)=[\"'](?!data:)[^\"'{]"
)


@pytest.fixture(scope="module")
def page(warehouse: Warehouse) -> str:
    settings = warehouse.settings
    publication = cast("Publication", SimpleNamespace(publication_id="20260102T000000Z-test"))
    with PublishedLake(publication, connect_snapshot(settings)) as lake:
        path = build_documentation(
            settings, settings.dbt_target_path / "manifest.json", lake,
            datetime(2026, 1, 2, tzinfo=UTC),
        )  # fmt: skip
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def embedded(page: str) -> dict[str, Any]:
    """What the page has in place of the two files that dbt's page would fetch."""
    found = {}
    for name in ("manifest", "catalog"):
        start = page.index(
            f'{{"metadata": {{"dbt_schema_version": "https://schemas.getdbt.com/dbt/{name}'
        )
        found[name] = json.JSONDecoder().raw_decode(page, start)[0]
    return found


def test_first_page_tells_metrics_in_both_languages_owners_and_tables(embedded: dict[str, Any]):
    manifest = embedded["manifest"]
    first = manifest["docs"]["doc.fourflow.__overview__"]["block_contents"]
    for metric in manifest["metrics"].values():
        assert f"metric.fourflow.{metric['name']})" in first
        assert metric["config"]["meta"]["definition_zh"] in first
        assert metric["config"]["meta"]["definition_zh"] in metric["description"]
    for group in manifest["groups"].values():
        assert group["owner"]["email"] in first
    assert "20260102T000000Z-test" in first
    published = [
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["fqn"][1] in ("marts", "reports")
    ]
    assert [key for key in published if f"#!/model/{key})" not in first] == []


def test_catalogue_has_what_is_in_the_lake(embedded: dict[str, Any], warehouse: Warehouse):
    orders = embedded["catalog"]["nodes"]["model.fourflow.fct_orders"]
    assert orders["columns"]["gross_amount"]["type"] == "DECIMAL(18,2)"
    assert orders["metadata"]["owner"] == "team:commerce-data"
    [[count]] = warehouse.query("select count(*) from fct_orders")
    assert orders["stats"]["num_rows"]["value"] == count
    declared = embedded["manifest"]["nodes"]["model.fourflow.fct_orders"]["columns"]
    assert declared.keys() == orders["columns"].keys()


def test_page_fetches_nothing(page: str, embedded: dict[str, Any]):
    assert _FETCHES.findall(page) == []
    assert embedded["manifest"]["metadata"]["send_anonymous_usage_stats"] is False
