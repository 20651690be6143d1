"""Whatever sources were read before, dbt's manifest is that of a first parse."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.settings import PROJECT_ROOT, load_settings
from orchestration.dbt_build import ensure_manifest

pytestmark = pytest.mark.integration

# As in the shipped project: models, their data tests and unit tests are of a source that may be
# read, or make one of all that are.
FILES = {
    "dbt_project.yml": "name: fourflow\nprofile: fourflow\n",
    "macros/enabled.sql": """
        {% macro source_is_enabled(source_name) %}
            {%- set listed = env_var('FOURFLOW_ENABLED_SOURCES', '') -%}
            {{ return(not listed or source_name in listed.split(',')) }}
        {% endmacro %}
    """,
    "models/int_web__orders.sql": """
        {{ config(enabled=source_is_enabled('web')) }} select 1 as order_no
    """,
    "models/int_shop__orders.sql": """
        {{ config(enabled=source_is_enabled('shop')) }} select 2 as order_no
    """,
    "models/int_orders_unioned.sql": """
        {% for source_name in ['web', 'shop'] if source_is_enabled(source_name) -%}
        select * from {{ ref('int_' ~ source_name ~ '__orders') }}
        {% if not loop.last %}union all{% endif %}
        {% endfor -%}
    """,
    "models/fct_orders.sql": "select * from {{ ref('int_orders_unioned') }}",
    "models/_orders.yml": """
models:
  - name: int_web__orders
    columns: [{name: order_no, data_tests: [unique]}]
  - name: int_shop__orders
    columns: [{name: order_no, data_tests: [not_null]}]
  - name: int_orders_unioned
    columns: [{name: order_no, data_tests: [unique]}]
    """,
    "models/_shop__unit_tests.yml": """
unit_tests:
  - name: a_shop_has_one_order
    model: int_shop__orders
    config: {enabled: "{{ 'shop' in env_var('FOURFLOW_ENABLED_SOURCES', 'shop').split(',') }}"}
    given: []
    expect: {rows: [{order_no: 2}]}
    """,
}


@pytest.fixture
def parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Parses that project in a home that has records of some sources; what the manifest says."""
    project = tmp_path / "project"
    shipped = (PROJECT_ROOT / "dbt_project" / "profiles.yml").read_text(encoding="utf-8")
    for name, content in {**FILES, "profiles.yml": shipped}.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    declared = [
        SimpleNamespace(name=name, received=[SimpleNamespace(table=f"{name}_orders")])
        for name in ("shop", "web")
    ]
    monkeypatch.setattr("orchestration.enabled_sources.declared_sources", lambda _: declared)

    def parse(home: str, *landed: str, shared: str = "shared") -> dict[str, Any]:
        tables = {f"{name}_orders" for name in landed}
        monkeypatch.setattr("orchestration.enabled_sources._bronze_tables", lambda _: tables)
        settings = load_settings(
            home=tmp_path / home, dbt_project=project, dbt_parse_cache=tmp_path / shared
        )
        manifest = json.loads(ensure_manifest(settings).read_text(encoding="utf-8"))
        parts = {kind: manifest[kind] for kind in ("nodes", "unit_tests", "parent_map")}
        return json.loads(json.dumps(parts), object_hook=_without_clocks)

    return parse


def _without_clocks(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "created_at"}


def test_a_home_whose_sources_change_has_the_manifest_of_a_new_one(
    parse: Callable[..., dict[str, Any]],
):
    """A home that stays, and homes that begin with what others with other sources parsed."""
    expected = {
        landed: parse(f"new_{number}", *landed, shared=f"own_{number}")
        for number, landed in enumerate(((), ("web",), ("shop",)))
    }
    assert (
        "unit_test.fourflow.int_shop__orders.a_shop_has_one_order"
        not in (expected[("web",)]["unit_tests"])
    )
    before = [("web",)]
    assert parse("first", "web") == parse("stays", "web", shared="own") == expected[("web",)]
    for landed in (("shop",), ()):
        assert parse(f"another_{len(before)}", *landed) == expected[landed], f"another had {before}"
        assert parse("stays", *landed, shared="own") == expected[landed], f"it had {before}"
        before.append(landed)
