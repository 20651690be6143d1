"""What homes share of dbt's parsing: only of the very same project, and never a wrong manifest."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from connectors.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.dbt_build import ensure_manifest

pytestmark = pytest.mark.integration

PROJECT = PROJECT_ROOT / "dbt_project"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two models, with the shipped profile."""
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    shutil.copy(PROJECT / "profiles.yml", folder)
    (folder / "dbt_project.yml").write_text("name: fourflow\nprofile: fourflow\n")
    (folder / "models" / "orders.sql").write_text("select 1 as order_id")
    (folder / "models" / "lines.sql").write_text("select * from {{ ref('orders') }}")
    return folder


def _parse(home: Path, project: Path) -> dict[str, Any]:
    settings: Settings = load_settings(
        home=home, dbt_project=project, dbt_parse_cache=home.parent / "shared"
    )
    content: dict[str, Any] = json.loads(ensure_manifest(settings).read_text(encoding="utf-8"))
    return content["nodes"]


def _cached(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "shared").iterdir())


def test_a_home_takes_what_another_one_parsed(tmp_path: Path, project: Path):
    nodes = _parse(tmp_path / "a", project)
    (cached,) = _cached(tmp_path)
    written = cached.stat().st_mtime_ns
    assert _parse(tmp_path / "b", project) == nodes
    assert (tmp_path / "b" / "dbt" / "partial_parse.msgpack").exists()
    assert [path.stat().st_mtime_ns for path in _cached(tmp_path)] == [written]


def test_a_changed_project_is_parsed_anew(tmp_path: Path, project: Path):
    _parse(tmp_path / "a", project)
    (project / "models" / "refunds.sql").write_text("select 2 as refund_id")
    assert "model.fourflow.refunds" in _parse(tmp_path / "b", project)
    assert len(_cached(tmp_path)) == 2


def test_a_damaged_file_of_another_home_is_no_harm(tmp_path: Path, project: Path):
    nodes = _parse(tmp_path / "a", project)
    (cached,) = _cached(tmp_path)
    cached.write_bytes(cached.read_bytes()[:100])
    assert _parse(tmp_path / "b", project).keys() == nodes.keys()


def test_what_a_killed_parse_left_is_parsed_anew(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
):
    nodes = _parse(tmp_path / "a", project)
    target = tmp_path / "a" / "dbt"

    def killed(*_arguments: object) -> None:
        (target / "manifest.json").write_text("{", encoding="utf-8")
        raise KeyboardInterrupt

    (project / "models" / "refunds.sql").write_text("select 2 as refund_id")
    with monkeypatch.context() as patch:
        patch.setattr("orchestration.dbt_build._invoke", killed)
        with pytest.raises(KeyboardInterrupt):
            _parse(tmp_path / "a", project)
    (project / "models" / "refunds.sql").unlink()
    assert _parse(tmp_path / "a", project).keys() == nodes.keys()
