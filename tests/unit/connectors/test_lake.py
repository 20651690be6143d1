"""The lake: extensions from wheels, one writer across processes, readers of fixed snapshots."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import duckdb
import pytest

from connectors.errors import ContractError, LakeBusyError, NothingPublishedError
from connectors.lake.attach import (
    catalogue_schema,
    connect_snapshot,
    connect_writer,
    newest_snapshot,
)
from connectors.lake.extensions import extension_path
from connectors.lake.lock import is_locked, read_holder, writer_lock
from connectors.lake.tables import RELATIONS, comments_query, contents_query
from connectors.settings import Settings, load_settings

HOLDER = textwrap.dedent(
    """
    import sys, time
    from connectors.lake.lock import writer_lock
    from connectors.settings import load_settings
    with writer_lock(load_settings(home=sys.argv[1]), purpose="a long build"):
        print("held", flush=True)
        time.sleep(600)
    """
)


@pytest.fixture
def holder(settings: Settings):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def _fill(settings: Settings, numbers: list[int]) -> int:
    with connect_writer(settings, purpose="test") as connection:
        connection.execute("create schema if not exists lake.marts")
        connection.execute("create or replace table lake.marts.numbers (n integer)")
        connection.execute("insert into lake.marts.numbers select unnest(?::integer[])", [numbers])
        return newest_snapshot(connection)


def test_extensions_come_from_the_installed_wheels():
    for name in ("ducklake", "sqlite_scanner", "postgres_scanner", "httpfs"):
        path = extension_path(name)
        assert path.is_file()
        assert "site-packages" in str(path)


def test_files_are_compressed_with_zstandard_also_in_a_lake_made_before(settings: Settings):
    def compressions() -> set[str]:
        files = ", ".join(f"'{path}'" for path in settings.data_path.rglob("*.parquet"))
        found = duckdb.sql(f"select distinct compression from parquet_metadata([{files}])")
        return {name for (name,) in found.fetchall()}

    _fill(settings, [1, 2, 3])
    assert compressions() == {"ZSTD"}
    with connect_writer(settings, purpose="test") as connection:
        lake = catalogue_schema(connection)
        connection.execute(f"delete from {lake}.ducklake_metadata where key like 'parquet_comp%'")
    _fill(settings, [4])
    assert compressions() == {"ZSTD"}


def test_reader_keeps_its_snapshot_while_a_writer_goes_on(settings: Settings):
    first = _fill(settings, [1, 2, 3])
    reader = connect_snapshot(settings, first)
    _fill(settings, [10])
    assert reader.execute("select sum(n) from numbers").fetchone() == (6,)
    newest = connect_snapshot(settings)
    assert newest.execute("select sum(n) from numbers").fetchone() == (10,)


def test_no_progress_bar_is_drawn_into_an_answer_on_stdout(settings: Settings):
    script = textwrap.dedent(
        """
        import sys
        import duckdb
        from connectors.lake.attach import connect_snapshot
        from connectors.settings import load_settings

        asked = "select current_setting('enable_progress_bar')"
        print(duckdb.execute(asked).fetchone()[0])
        lake = connect_snapshot(load_settings(home=sys.argv[1]))
        print(lake.execute(asked).fetchone()[0], lake.cursor().execute(asked).fetchone()[0])
        """
    )
    _fill(settings, [1])
    said = subprocess.check_output([sys.executable, "-c", script, str(settings.root)], text=True)
    assert said.split() == ["True", "False", "False"], "DuckDB takes `python -c` for a person"


def test_reader_cannot_write(settings: Settings):
    reader = connect_snapshot(settings, _fill(settings, [1]))
    with pytest.raises(duckdb.Error, match=r"(?i)read.only"):
        reader.execute("insert into lake.marts.numbers values (2)")


def test_reading_before_there_is_a_lake_says_what_to_do(settings: Settings):
    with pytest.raises(NothingPublishedError, match="fourflow demo"):
        connect_snapshot(settings)


def test_a_snapshot_that_is_gone_is_named(settings: Settings):
    _fill(settings, [1])
    with pytest.raises(ContractError, match="Snapshot 9999"):
        connect_snapshot(settings, 9999)


def test_home_may_be_moved(settings: Settings, tmp_path: Path):
    snapshot = _fill(settings, [4, 5])
    moved = settings.root.rename(tmp_path / "moved")
    reader = connect_snapshot(load_settings(home=moved), snapshot)
    assert reader.execute("select sum(n) from numbers").fetchone() == (9,)


def test_waiting_shows_who_holds_the_lock(settings: Settings, holder: subprocess.Popen[str]):
    seen = []
    with (
        pytest.raises(LakeBusyError, match="a long build") as error,
        writer_lock(settings, purpose="me", timeout=0.3, on_wait=seen.append),
    ):
        pytest.fail("the lock was given twice")
    assert f"process {holder.pid}" in str(error.value)
    assert seen[0].purpose == "a long build"
    assert is_locked(settings)


def test_lock_comes_free_when_its_holder_is_killed(
    settings: Settings, holder: subprocess.Popen[str]
):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with writer_lock(settings, purpose="after the crash", timeout=5):
        note = read_holder(settings)
        assert note is not None
        assert note.purpose == "after the crash"
    assert not is_locked(settings)


def test_lock_is_reentrant_in_a_thread_and_excludes_other_threads(settings: Settings):
    inside = threading.Event()
    order: list[str] = []

    def other() -> None:
        inside.wait()
        with writer_lock(settings, purpose="other", timeout=10):
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    with writer_lock(settings, purpose="outer"), writer_lock(settings, purpose="inner"):
        inside.set()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def test_many_processes_write_in_turn_and_lose_nothing(settings: Settings):
    _fill(settings, [])
    script = textwrap.dedent(
        """
        import sys
        from connectors.lake.attach import connect_writer
        from connectors.settings import load_settings
        settings = load_settings(home=sys.argv[1])
        for i in range(5):
            with connect_writer(settings, purpose=f"writer {sys.argv[2]}") as connection:
                connection.execute("insert into lake.marts.numbers values (1)")
        """
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(settings.root), str(n)])
        for n in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    reader = connect_snapshot(settings)
    assert reader.execute("select count(*) from numbers").fetchone() == (20,)


def test_relative_home_is_found_from_a_folder_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / ".fourflow").mkdir()
    below = tmp_path / "dbt_project"
    below.mkdir()
    monkeypatch.chdir(below)
    assert load_settings().root == (tmp_path / ".fourflow").resolve()


def test_pii_key_is_made_once_and_kept_private(settings: Settings):
    key = settings.pii_hash_key()
    assert load_settings(home=settings.home).pii_hash_key() == key
    assert (settings.root / "secrets" / "pii.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("catalogue", ["sqlite", "postgresql"])
def test_tables_views_and_comments_of_the_catalogue_are_found(
    settings: Settings, catalogue: str, request: pytest.FixtureRequest
):
    if catalogue == "postgresql":
        settings.catalog_url = request.getfixturevalue("make_postgres_database")()
    with connect_writer(settings, purpose="asking the catalogue") as connection:
        connection.execute("create table lake.main.made as select 1 as one")
        connection.execute("create view lake.main.seen as select * from lake.main.made")
        connection.execute("comment on table lake.main.made is 'old'")
        connection.execute("comment on table lake.main.made is 'content of the table'")
        connection.execute("comment on view lake.main.seen is 'definition of the view'")
        relations = connection.execute(
            f"select schema_name, table_name, relation_type from ({RELATIONS}) order by 2"
        ).fetchall()
        catalogue_of_lake = catalogue_schema(connection)
        comments = connection.execute(
            f"select * from ({comments_query(catalogue_of_lake)}) order by 2"
        ).fetchall()
    assert relations == [("main", "made", "table"), ("main", "seen", "view")]
    assert comments == [
        ("main", "made", "content of the table"),
        ("main", "seen", "definition of the view"),
    ]
    with contextlib.closing(connect_snapshot(settings)) as reader:
        assert "ducklake_metadata" in catalogue_schema(reader)


@pytest.mark.parametrize("catalogue", ["sqlite", "postgresql"])
def test_every_change_of_rows_gives_a_table_another_content_and_nothing_else_does(
    settings: Settings, catalogue: str, request: pytest.FixtureRequest
):
    if catalogue == "postgresql":
        settings.catalog_url = request.getfixturevalue("make_postgres_database")()
    with connect_writer(settings, purpose="changing rows") as connection:
        asked = f"select table_name, content from ({contents_query(catalogue_schema(connection))})"

        def contents() -> dict[str, str]:
            return dict(connection.execute(asked).fetchall())

        connection.execute("create table lake.main.other as select 1 as n")
        connection.execute("create table lake.main.made as select range as n from range(10)")
        connection.execute("create view lake.main.seen as select * from lake.main.made")
        before = contents()
        seen = {before["made"]}
        for change in (
            "insert into lake.main.made values (10)",
            "delete from lake.main.made where n = 3",
            "update lake.main.made set n = 0 where n = 4",
            "truncate lake.main.made",
            "insert into lake.main.made values (1)",
            "begin; truncate lake.main.made; insert into lake.main.made values (1); commit",
            "begin; drop table lake.main.made; "
            "create table lake.main.made as select 1 as n; commit",
        ):
            connection.execute(change)
            found = contents()
            assert found["made"] not in seen, change
            assert (found["other"], found["seen"]) == (before["other"], before["seen"])
            seen.add(found["made"])
        connection.execute("create or replace view lake.main.seen as select n from lake.main.made")
        assert contents()["seen"] != before["seen"]
        connection.execute("insert into lake.main.made values (2)")
        connection.execute("insert into lake.main.made values (3)")
        connection.execute("delete from lake.main.made where n = 3")
        settled = contents()
        connection.execute("delete from lake.main.made where n = 99")
        connection.execute("call ducklake_merge_adjacent_files('lake')")
        connection.execute("call ducklake_expire_snapshots('lake', older_than => now())")
        connection.execute("call ducklake_cleanup_old_files('lake', cleanup_all => true)")
        assert contents() == settled
