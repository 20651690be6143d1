"""Conventions that are executable: what a reviewer would otherwise have to remember."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from connectors.settings import PROJECT_ROOT, Settings
from tests.pictures import MOST_BYTES, PICTURES

ROOMS = ("connectors", "models_ml", "orchestration", "app_streamlit")
TOP_LEVEL = {
    "connectors", "dbt_project", "models_ml", "orchestration", "app_streamlit", "tests", "docs",
    "pyproject.toml", "README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
    "Makefile", "requirements.lock", "requirements-installer.lock",
}  # fmt: skip
BANNED_NAMES = re.compile(r"(^|/)(utils?|helpers?|common|misc|manager)(\.py)?$")
INDEX_ADDRESS = re.compile(r'(index[-]url|https?://[^ "\']+/(simple|packages)(/|"|$| ))')
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|NotImplemented" r"Error)\b")


def _tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [PROJECT_ROOT / line for line in listing.stdout.splitlines() if line]


def _modules() -> list[Path]:
    return [
        p for p in _tracked() if p.suffix == ".py" and p.relative_to(PROJECT_ROOT).parts[0] in ROOMS
    ]


def test_top_level_is_the_fixed_one():
    names = {path.relative_to(PROJECT_ROOT).parts[0] for path in _tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_no_file_is_named_after_nothing():
    names = [path.relative_to(PROJECT_ROOT).as_posix() for path in _tracked()]
    assert [name for name in names if BANNED_NAMES.search(name)] == []


def test_python_files_stay_readable():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _modules()}
    assert {str(path): count for path, count in lengths.items() if count > 500} == {}


def test_no_file_names_a_package_index():
    offenders = []
    for path in _tracked():
        if path.suffix in {".png", ".parquet", ".xlsx"} or not path.is_file():
            continue
        if path == Path(__file__) or path.name == ".pre-commit-config.yaml":
            continue
        if INDEX_ADDRESS.search(path.read_text(encoding="utf-8", errors="replace")):
            offenders.append(path)
    assert offenders == []


def test_nothing_is_left_unfinished():
    offenders = [p for p in _modules() if UNFINISHED.search(p.read_text(encoding="utf-8"))]
    assert offenders == []


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_documented(name: str):
    text = (PROJECT_ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert f"`FOURFLOW_{name.upper()}`" in text, f"add a row for {name} to docs/settings.md"


def test_every_public_function_class_and_module_has_a_docstring():
    missing = []
    for path in _modules():
        if "versions" in path.parts:  # Alembic names and calls these functions
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if ast.get_docstring(tree) is None and path.name != "__init__.py":
            missing.append(f"{path}: module")
        missing += [f"{path}: {name}" for name in _public_without_docstring(tree.body)]
    assert missing == []


def _public_without_docstring(body: list[ast.stmt], prefix: str = "") -> list[str]:
    missing = []
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            missing.append(prefix + node.name)
        if isinstance(node, ast.ClassDef):
            missing += _public_without_docstring(node.body, f"{node.name}.")
    return missing


def test_entry_of_dagster_stays_small():
    lines = (PROJECT_ROOT / "orchestration" / "definitions.py").read_text().splitlines()
    assert len(lines) <= 15


def test_pages_import_absolutely():
    offenders = []
    for path in _modules():
        if "app_streamlit" not in path.parts:
            continue
        rooms = {
            child.name for child in (PROJECT_ROOT / "app_streamlit").iterdir() if child.is_dir()
        }
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in rooms:
                offenders.append(f"{path}:{node.lineno}")
    assert offenders == []


def test_every_path_that_the_docs_name_exists():
    pattern = re.compile(
        r"`((?:connectors|dbt_project|models_ml|orchestration|app_streamlit|tests|docs)/[\w./-]+)`"
    )
    missing = []
    for document in [*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")]:
        for name in pattern.findall(document.read_text(encoding="utf-8")):
            if not (PROJECT_ROOT / name).exists():
                missing.append(f"{document.name}: {name}")
    assert missing == []


def test_pictures_of_the_docs_are_shown_small_and_taken_by_the_command():
    folder = PROJECT_ROOT / "docs" / "images"
    files = {path.stem: path.stat().st_size for path in folder.glob("*.png")}
    assert set(files) == {picture.name for picture in PICTURES}
    assert {name: size for name, size in files.items() if size > MOST_BYTES} == {}
    texts = [*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").glob("*.md")]
    told = "".join(path.read_text(encoding="utf-8") for path in texts)
    assert [name for name in files if f"images/{name}.png" not in told] == []


def test_both_readmes_name_the_two_commands():
    for name in ("README.md", "README.zh-CN.md"):
        text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
        assert "make demo" in text
        assert "make test" in text
