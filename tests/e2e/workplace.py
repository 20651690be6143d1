"""A copy of the published home in which people may decide: nothing they do reaches other tests."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, insert, select

from connectors.database import schema
from connectors.database.engine import open_database, write_transaction
from tests.e2e.conftest import Dashboards
from tests.installation import Installation

_KEPT = (schema.publications, schema.pipeline_runs, schema.rules)
_NOT_COPIED = (
    "sandbox", "logs", "tmp", "locks", "webhook", "outbox", "operations.sqlite*", "*.lock",
    "*.holder.json",
)  # fmt: skip


@dataclass(frozen=True)
class Workplace:
    """A home of its own and its dashboards."""

    home: Installation
    dashboards: Dashboards

    @property
    def engine(self) -> Engine:
        """The operational database, which the pages write to."""
        return open_database(self.home.settings)


def copy_home(source: Path, target: Path) -> Installation:
    """Copy a home, with an empty ledger."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    copied = Installation(target)
    with (
        open_database(Installation(source).settings).connect() as read,
        write_transaction(open_database(copied.settings)) as connection,
    ):
        for table in _KEPT:  # the ledger is append only: an empty one is a new one
            rows = [row._asdict() for row in read.execute(select(table))]
            connection.execute(insert(table), rows)
    return copied
