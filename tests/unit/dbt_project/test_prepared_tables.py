"""Tables that a first build creates empty: none looks built that is not, however the build ends."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.lake.attach import connect_snapshot, connect_writer
from connectors.lake.tables import TABLES
from connectors.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.publishing import newest_build
from tests import warm_commands

pytestmark = pytest.mark.integration

PROJECT = PROJECT_ROOT / "dbt_project"
MARTS = {
    "clock": "select cast(1 as bigint) as id",
    "first": "select id from {{ ref('clock') }}",
    "second": "select w.id from {{ ref('words') }} as w, {{ ref('first') }}",
    "third": "select id from {{ ref('second') }}",
    "grown": (
        "{%- if is_refreshed() -%}{%- do touch('select id from ' ~ ref('second')) -%}{%- endif -%}"
        "select id from {{ ref('second') }} {{ where_touched() }}"
    ),
}
WORDS = """
import os
import pyarrow as pa

def model(dbt, session):
    dbt.ref("first")
    {ending}
    return pa.table({"id": pa.array([8], pa.int64())})
"""
FAILS = "raise ValueError('no such words')"
IS_KILLED = "os.kill(os.getpid(), 9)"
SUCCEEDS = "pass"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home without a lake; its project has a few models, and the shipped macros and hooks."""
    project = tmp_path / "project"
    for folder in ("materializations", "refresh"):
        shutil.copytree(PROJECT / "macros" / folder, project / "macros" / folder)
    for name in ("personal_data", "record_build", "materialized_once"):
        shutil.copy(PROJECT / "macros" / f"{name}.sql", project / "macros")
    shutil.copy(PROJECT / "profiles.yml", project)
    shipped = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    rules = {"+contract": {"enforced": True}, "grown": {"+materialized": "incremental"}}
    kinds = {"+materialized": "table", "+on_schema_change": "fail", "marts": rules}
    description = {
        "name": "fourflow",
        "profile": "fourflow",
        "on-run-start": shipped["on-run-start"],
        "on-run-end": shipped["on-run-end"],
        "models": {"fourflow": kinds},
    }
    (project / "dbt_project.yml").write_text(yaml.safe_dump(description), encoding="utf-8")
    (project / "models" / "marts").mkdir(parents=True)
    for name, sql in MARTS.items():
        _write_mart(project, name, sql)
    return load_settings(home=tmp_path / "home", dbt_project=project)


def _write_mart(project: Path, name: str, sql: str, data_type: str = "bigint") -> None:
    path = project / "models" / "marts" / name
    path.with_suffix(".sql").write_text(sql, encoding="utf-8")
    column = {"name": "id", "data_type": data_type, "constraints": [{"type": "not_null"}]}
    described = {"models": [{"name": name, "columns": [column]}]}
    path.with_suffix(".yml").write_text(yaml.safe_dump(described), encoding="utf-8")


def _remove_mart(project: Path, name: str) -> None:
    for path in project.glob(f"models/marts/{name}.*"):
        path.unlink()


def _build(home: Settings, ending: str) -> int:
    """Run `dbt build`, in which the model between the first mart and the others ends so."""
    project = home.dbt_project_path
    words = WORDS.replace("{ending}", ending)
    (project / "models" / "words.py").write_text(words, encoding="utf-8")
    command = ["dbt", "build", "--project-dir", str(project), "--profiles-dir", str(project)]
    command += ["--target-path", str(home.dbt_target_path), "--log-path", str(home.logs_path)]
    environment = {**home.child_environment(), "FOURFLOW_THREADS": "1"}
    done = warm_commands.run(command, environment, project)
    print(done.stdout[-3000:], done.stderr[-2000:])  # noqa: T201 (shown where a test fails)
    return done.returncode


def _asked(home: Settings, sql: str) -> list[Any]:
    connection = connect_snapshot(home)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def _marts(home: Settings) -> dict[str, list[int]]:
    names = _asked(home, f"select table_name from ({TABLES}) where schema_name = 'marts'")
    return {
        name: [row[0] for row in _asked(home, f"select id from lake.marts.{name}")]
        for (name,) in names
        if name != "words"
    }


def _states(home: Settings) -> set[str]:
    noted = _asked(home, "select node from lake.reference.node_states where state like 'prepared%'")
    return {node.split(".")[-1] for (node,) in noted}


def test_a_build_that_fails_leaves_no_empty_table_and_the_next_one_fills_them(home: Settings):
    _write_mart(home.dbt_project_path, "strange", MARTS["first"], data_type="no_such_type")
    assert _build(home, FAILS) == 1
    assert _marts(home) == {"clock": [1], "first": [1]}
    assert not _states(home)
    created = _asked(home, "select changes['tables_created'] from ducklake_snapshots('lake')")
    together = {f"marts.{name}" for name in MARTS if name != "clock"}
    assert together in [{name.replace('"', "") for name in names or ()} for (names,) in created]

    _remove_mart(home.dbt_project_path, "strange")
    assert _build(home, SUCCEEDS) == 0
    built = {"clock": [1], "first": [1], "second": [8], "third": [8], "grown": [8]}
    assert _marts(home) == built

    with connect_writer(home, purpose="test") as connection:
        connection.execute("drop table lake.marts.grown")
        connection.execute("drop table lake.marts.third")
    assert _build(home, SUCCEEDS) == 0
    assert _marts(home) == built
    assert not _states(home)


def test_what_a_killed_build_left_empty_is_filled_or_dropped_by_the_next(home: Settings):
    assert _build(home, IS_KILLED) == -9
    assert _marts(home) == {"clock": [1], "first": [1], "second": [], "third": [], "grown": []}
    assert _states(home) == {"first", "second", "third", "grown"}
    connection = connect_snapshot(home)
    assert newest_build(connection) is None, "nothing of it can be published"
    connection.close()

    _remove_mart(home.dbt_project_path, "third")
    assert _build(home, SUCCEEDS) == 0
    assert _marts(home) == {"clock": [1], "first": [1], "second": [8], "grown": [8]}
    assert not _states(home)
