"""A copy of a home in which a build can do no harm: data files are linked, the catalogue is copied.

The lake's Parquet files are never written twice, so a hard link is a copy that costs nothing; what
a build adds or deletes in the copy stays in the copy.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from connectors.errors import InputError, NothingPublishedError
from connectors.lake.lock import writer_lock
from connectors.settings import NO_CONFIGURATION, Settings, load_settings


@contextlib.contextmanager
def copied_home(settings: Settings) -> Iterator[Settings]:
    """Settings of a copy of the lake, which is deleted at the end of the block.

    Raises:
        InputError: the lake's catalogue is not a file.
        NothingPublishedError: there is no lake.
    """
    if settings.catalog_url:
        raise InputError(
            f"fourflow preview copies the lake's catalogue, and {settings.root} has its own in "
            "PostgreSQL; point FOURFLOW_HOME at a home whose catalogue is a file."
        )
    if not settings.lake_path.exists():
        raise NothingPublishedError(
            f"There is no lake in {settings.root} yet; run `fourflow demo` or `fourflow run` first."
        )
    beside = settings.root / "tmp"  # the same disk, so that files can be linked
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="preview-", dir=beside) as name:
        home = Path(name)
        with writer_lock(settings, purpose="preview: copy the lake"):
            _copy_catalogue(settings.lake_path, home / settings.lake_path.name)
            shutil.copytree(settings.data_path, home / "data", copy_function=_link)
        if settings.dbt_target_path.exists():
            shutil.copytree(settings.dbt_target_path, home / "dbt")
        configuration = settings.configuration_path
        yield load_settings(
            home=home,
            config=str(configuration) if configuration else NO_CONFIGURATION,
            pii_key=settings.pii_hash_key(),  # another key would change every token
        )


def _copy_catalogue(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source)) as read,
        contextlib.closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
