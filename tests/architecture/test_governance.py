"""Governance is executable: owner, group, freshness of every mart, and who reads what."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app_streamlit.ui.navigation import ENTRIES
from connectors.settings import PROJECT_ROOT

_ASKED = "metric "
PAGES = PROJECT_ROOT / "app_streamlit" / "app_pages"


@pytest.fixture(scope="module")
def published(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Every mart and report."""
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] in ("marts", "reports")
    ]


def test_every_mart_and_report_says_when_it_is_stale(published: list[dict[str, Any]]):
    wrong = []
    for model in published:
        freshness = model["config"]["meta"].get("freshness") or {}
        if not 0 < freshness.get("warn_after_hours", 0) < freshness.get("error_after_hours", 0):
            wrong.append(model["name"])
    assert wrong == [], "under config.meta.freshness: warn_after_hours < error_after_hours"


def test_every_mart_and_report_is_public_in_the_group_of_its_owner(published: list[dict[str, Any]]):
    """Marts take the group of their folder (dbt_project.yml), reports say it beside them."""
    wrong = [
        model["name"]
        for model in published
        if model["access"] != "public"
        or f"team:{(model['group'] or '').replace('_', '-')}" != model["config"]["meta"]["owner"]
    ]
    assert wrong == []


def test_nothing_below_the_marts_is_public(manifest: dict[str, Any]):
    wrong = [
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["fqn"][1] in ("staging", "intermediate")
        and node["access"] == "public"
    ]
    assert wrong == []


def test_every_source_has_owner_label_and_freshness(manifest: dict[str, Any]):
    wrong = []
    for source in manifest["sources"].values():
        if source["source_name"] in ("bronze", "decisions"):  # bookkeeping of our own
            continue
        told = source["source_meta"]
        label = (told.get("fourflow") or {}).get("label") or {}
        late = source["freshness"] or {}
        if not (
            told.get("owner") and {"en", "zh"} <= label.keys()
            and source["loaded_at_field"] and late.get("warn_after") and late.get("error_after")
        ):  # fmt: skip
            wrong.append(source["unique_id"])
    assert wrong == []


def test_every_owner_is_a_group_that_can_be_written_to(manifest: dict[str, Any]):
    groups = {name.split(".")[-1]: group for name, group in manifest["groups"].items()}
    owners = {
        resource["config"]["meta"]["owner"]
        for kind in ("nodes", "metrics", "sources")
        for resource in manifest[kind].values()
        if (resource["config"].get("meta") or {}).get("owner")
    }
    assert {o.removeprefix("team:").replace("-", "_") for o in owners} <= groups.keys()
    assert all(group["owner"].get("email") for group in groups.values())
    exposures = manifest["exposures"].values()
    assert {e["owner"]["email"] for e in exposures} <= {
        g["owner"]["email"] for g in groups.values()
    }


@pytest.mark.parametrize("page", [entry.name for entry in ENTRIES])
def test_every_page_is_an_exposure_that_names_what_the_page_reads(
    page: str, manifest: dict[str, Any]
):
    exposure = next((e for e in manifest["exposures"].values() if e["name"] == page), None)
    assert exposure, "add it to models/reports/_exposures.yml"
    assert exposure["type"] == "dashboard"
    texts = list(_texts_behind(page))
    tables = {name for text in texts for name in re.findall(r"\b(?:from|join)\s+(\w+)", text)}
    known = {
        node["name"]: key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed")
    }
    metrics = {node["name"]: key for key, node in manifest["metrics"].items()}
    reads = {known[name] for name in tables & known.keys()}
    asked = {text.removeprefix(_ASKED) for text in texts if text.startswith(_ASKED)}
    reads |= {metrics[name] for name in asked}
    assert reads - set(exposure["depends_on"]["nodes"]) == set()


def _texts_behind(page: str) -> Iterator[str]:
    """Every text constant in the query functions that a page imports and in what these use."""
    tree = ast.parse((PAGES / f"{page}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "app_streamlit.queries."
        ):
            path = PROJECT_ROOT / f"{(node.module or '').replace('.', '/')}.py"
            yield from _texts_of(path, {alias.name for alias in node.names})


def _texts_of(path: Path, wanted: set[str]) -> Iterator[str]:
    defined: dict[str, ast.stmt] = {}
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            defined[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    defined[target.id] = statement
    waiting, seen = list(wanted & defined.keys()), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(defined[name]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "MetricQuery":
                asked = next((k.value for k in node.keywords if k.arg == "metrics"), None)
                if isinstance(asked, ast.Tuple | ast.List):  # else the viewer chooses
                    yield from (f"{_ASKED}{name}" for name in ast.literal_eval(asked))
            elif isinstance(node, ast.Name) and node.id in defined:
                waiting.append(node.id)
