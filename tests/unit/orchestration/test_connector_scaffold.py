"""`fourflow connector new`: what it makes passes lint, types and its own contract at once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import InputError
from connectors.settings import PROJECT_ROOT, load_settings
from orchestration.connecting.scaffold import scaffold_connector
from orchestration.dbt_build import ensure_manifest

BINARIES = Path(sys.executable).parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, without what git ignores."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    root = tmp_path / "checkout"
    for name in listing.stdout.splitlines():
        source, target = PROJECT_ROOT / name, root / name
        if source.is_file() and not name.startswith("docs/images/"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return root


def succeeds(checkout: Path, *command: str) -> None:
    result = subprocess.run(
        [str(BINARIES / command[0]), *command[1:]],
        cwd=checkout, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


@pytest.mark.integration
def test_a_new_connector_passes_lint_types_and_its_contract(checkout: Path):
    written = scaffold_connector(checkout, "corner_shop", "Corner shop")
    python = [str(path) for path in written if path.suffix == ".py"]
    assert len(python) == 3
    succeeds(checkout, "ruff", "check", *python)
    succeeds(checkout, "ruff", "format", "--check", *python)
    succeeds(checkout, "sqlfluff", "lint", *(str(p) for p in written if p.suffix == ".sql"))
    succeeds(checkout, "mypy", "-m", "connectors.sources.corner_shop.source")
    contract = "tests/unit/connectors/test_corner_shop_contract.py"
    succeeds(checkout, "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", contract)


@pytest.mark.integration
def test_the_models_of_a_new_connector_parse(checkout: Path, tmp_path: Path):
    scaffold_connector(checkout, "corner_shop")
    settings = load_settings(home=tmp_path / "home", dbt_project=checkout / "dbt_project")
    nodes = json.loads(ensure_manifest(settings).read_text(encoding="utf-8"))["nodes"]
    conservation = nodes["model.fourflow.rpt_conservation"]["depends_on"]["nodes"]
    classified = "model.fourflow.int_corner_shop__orders_classified"
    assert "model.fourflow.stg_corner_shop__orders" in nodes[classified]["depends_on"]["nodes"]
    assert classified in str(conservation) + str(_parents(nodes, conservation))


def _parents(nodes: dict[str, Any], names: list[str]) -> list[str]:
    return [p for name in names if name in nodes for p in nodes[name]["depends_on"]["nodes"]]


@pytest.mark.parametrize("name", ["aa", "a_rather_long_name_of_it", "zalando2"])
def test_any_name_is_formatted(tmp_path: Path, name: str):
    (tmp_path / "dbt_project").mkdir()
    for path in ("pyproject.toml", "dbt_project/dbt_project.yml"):
        shutil.copy2(PROJECT_ROOT / path, tmp_path / path)
    written = scaffold_connector(tmp_path, name)
    python = [str(path) for path in written if path.suffix == ".py"]
    succeeds(tmp_path, "ruff", "format", "--check", *python)
    succeeds(tmp_path, "ruff", "check", *python)
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("__NAME__", "__CLASS__", "__TITLE__"))
    project = (tmp_path / "dbt_project" / "dbt_project.yml").read_text(encoding="utf-8")
    assert f"    {name}: [orders]\n\n" in project


@pytest.mark.parametrize(
    ("name", "title", "sentence"),
    [
        ("Corner", "", "can't name a connector"),
        ("../x", "", "can't name a connector"),
        ("a__b", "", "can't name a connector"),
        ("a" * 25, "", "can't name a connector"),
        ("taobao", "", "is there already"),
        ("corner", 'say "hi"', "can't be a title"),
    ],
)
def test_what_cannot_be_a_connector_is_refused(name: str, title: str, sentence: str):
    with pytest.raises(InputError, match=sentence):
        scaffold_connector(PROJECT_ROOT, name, title)


def test_it_needs_a_checkout(tmp_path: Path):
    with pytest.raises(InputError, match="in a checkout of Fourflow"):
        scaffold_connector(tmp_path, "corner")
    assert not (tmp_path / "connectors").exists()
