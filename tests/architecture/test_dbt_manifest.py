"""The analysts' room keeps its promises: grain, owner, primary key, contract, layers."""

import re
from typing import Any

import pytest
import yaml

from connectors.settings import PROJECT_ROOT

LAYERS = ("staging", "intermediate", "marts", "reports")
PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("fct_", "dim_", "bill_of_", "quarantined_", "rfm_", "person_", "journey_"),
    "reports": ("rpt_",),
}
KEY_TESTS = ("unique", "unique_combination")


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [n for n in manifest["nodes"].values() if n["resource_type"] == "model"]


def _tests_of(manifest: dict[str, Any], model: dict[str, Any]) -> list[str]:
    return [
        node["test_metadata"]["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node.get("test_metadata")
        and node.get("attached_node") == model["unique_id"]
    ]


def test_every_model_says_its_grain_first(models: list[dict[str, Any]]):
    wrong = [m["name"] for m in models if not m["description"].strip().startswith("One row per ")]
    assert wrong == [], "begin the description with 'One row per …'"


def test_every_model_has_a_primary_key_test(manifest: dict[str, Any], models: list[dict[str, Any]]):
    wrong = [m["name"] for m in models if not set(_tests_of(manifest, m)) & set(KEY_TESTS)]
    assert wrong == [], "add `unique` on the key column or `unique_combination` on the model"


def test_marts_and_reports_have_enforced_contracts_and_an_owner(models: list[dict[str, Any]]):
    published = [m for m in models if m["fqn"][1] in ("marts", "reports")]
    assert [m["name"] for m in published if not m["config"]["contract"]["enforced"]] == []
    assert [m["name"] for m in published if not m["config"]["meta"].get("owner")] == []


def test_names_tell_the_layer(models: list[dict[str, Any]]):
    wrong = [m["name"] for m in models if not m["name"].startswith(PREFIXES[m["fqn"][1]])]
    assert wrong == []


def test_unqualified_names_are_unique(models: list[dict[str, Any]]):
    names = [m["name"] for m in models]
    assert len(names) == len(set(names))


def test_layers_read_downwards_only(manifest: dict[str, Any], models: list[dict[str, Any]]):
    wrong = []
    for model in models:
        layer = LAYERS.index(model["fqn"][1])
        for parent in model["depends_on"]["nodes"]:
            kind = parent.split(".")[0]
            if kind == "source" and layer > 1:
                wrong.append(f"{model['name']} reads {parent}")
            if kind == "model" and LAYERS.index(manifest["nodes"][parent]["fqn"][1]) > layer:
                wrong.append(f"{model['name']} reads {parent}")
    assert wrong == []


def test_reports_do_not_read_staging(manifest: dict[str, Any], models: list[dict[str, Any]]):
    wrong = [
        model["name"]
        for model in models
        if model["fqn"][1] == "reports"
        for parent in model["depends_on"]["nodes"]
        if parent.startswith("model.") and manifest["nodes"][parent]["fqn"][1] == "staging"
    ]
    assert wrong == []


def test_every_mart_column_is_declared_with_a_type(models: list[dict[str, Any]]):
    wrong = [
        f"{m['name']}.{name}"
        for m in models
        if m["fqn"][1] in ("marts", "reports")
        for name, column in m["columns"].items()
        if not column.get("data_type")
    ]
    assert wrong == []


def test_no_money_column_is_binary_floating_point(models: list[dict[str, Any]]):
    wrong = [
        f"{m['name']}.{name}"
        for m in models
        for name, column in m["columns"].items()
        if name.endswith(("_amount", "_price", "_cost"))
        and column.get("data_type", "").lower() in ("double", "float", "real")
    ]
    assert wrong == []


def test_unit_tests_of_a_source_are_enabled_with_it():
    """Dbt refuses to build anything when an enabled unit test has a disabled model."""
    wrong = []
    for path in (PROJECT_ROOT / "dbt_project" / "models").rglob("*.yml"):
        for test in yaml.safe_load(path.read_text(encoding="utf-8")).get("unit_tests") or []:
            source = re.fullmatch(r"(?:stg|int)_(\w+?)__\w+", test["model"])
            enabled = str((test.get("config") or {}).get("enabled", ""))
            if source and f"'{source[1]}' in env_var('FOURFLOW_ENABLED_SOURCES'" not in enabled:
                wrong.append(test["name"])
    assert wrong == [], "copy the `config: {enabled: …}` of another unit test of a source"


def test_models_of_a_source_are_enabled_with_it():
    wrong = []
    for path in (PROJECT_ROOT / "dbt_project" / "models").rglob("*.sql"):
        source = re.fullmatch(r"(?:stg|int)_(\w+?)__\w+", path.stem)
        text = path.read_text(encoding="utf-8")
        if source and f"source_is_enabled('{source[1]}')" not in text:
            wrong.append(path.stem)
    assert wrong == [], "begin the model with {{ config(enabled=source_is_enabled('<source>')) }}"


def test_every_metric_says_what_it_is_in_both_languages(manifest: dict[str, Any]):
    wanted = ("label_zh", "definition_zh", "unit", "owner")
    wrong = [
        f"{metric['name']}: {key}"
        for metric in manifest["metrics"].values()
        for key in wanted
        if not metric["config"]["meta"].get(key)
    ]
    wrong += [
        m["name"] for m in manifest["metrics"].values() if not (m["label"] and m["description"])
    ]
    assert wrong == []


def test_only_plain_metrics_stand_beside_their_semantic_model(manifest: dict[str, Any]):
    """A model's SQL that changes makes dbt's partial parse stumble over any other kind."""
    wrong = [
        metric["name"]
        for metric in manifest["metrics"].values()
        if (metric["type"] == "simple") == metric["original_file_path"].endswith("/_metrics.yml")
    ]
    assert wrong == [], "simple metrics beside their model, all others in _metrics.yml"


def test_every_semantic_model_of_the_yaml_is_in_the_manifest(manifest: dict[str, Any]):
    """Dbt drops the semantics of a versioned model without a word."""
    declared = [
        entry["name"]
        for path in (PROJECT_ROOT / "dbt_project" / "models").rglob("*.yml")
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")).get("semantic_models") or []
    ]
    assert sorted(declared) == sorted(m["name"] for m in manifest["semantic_models"].values())
