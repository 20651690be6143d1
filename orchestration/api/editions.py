"""Published snapshots as the interface reads them: one connection each, a cursor a query."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import Engine

from connectors.database.publications import Publication, find_publication
from connectors.errors import ContractError
from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import Settings
from orchestration.api.problems import MissingError


class Edition:
    """One publication, opened read only; safe to share between threads."""

    def __init__(self, lake: PublishedLake) -> None:
        self.lake = lake

    @property
    def publication(self) -> Publication:
        """Which publication."""
        return self.lake.publication

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one select; exact decimals, a dict a row."""
        return self.lake.rows(sql, params)

    def columns(self, table: str) -> frozenset[str]:
        """Columns of a table; none when this publication does not have it."""
        return self._columns.get(table, frozenset())

    @cached_property
    def _columns(self) -> dict[str, frozenset[str]]:
        known = set(self.lake.tables())
        found: dict[str, set[str]] = {}
        for row in self.lake.rows("select table_name, column_name from duckdb_columns()"):
            if row["table_name"] in known:
                found.setdefault(str(row["table_name"]), set()).add(str(row["column_name"]))
        return {table: frozenset(names) for table, names in found.items()}


class Editions:
    """The publications that are open; safe to share between threads.

    A publication that is dropped stays open until the last query on it is done: closing it at once
    would break a query of another caller.
    """

    def __init__(self, settings: Settings, engine: Engine, most: int) -> None:
        self._settings = settings
        self._engine = engine
        self._most = most
        self._open: OrderedDict[str, Edition] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, as_of: str | None) -> Publication:
        """The publication in force now (None), at a time, or with that id.

        Raises:
            InputError: the text is neither an id nor a time.
            MissingError: nothing was published then.
        """
        publication = find_publication(self._engine, as_of)
        if publication is None:
            when = "as of that time" if as_of else "yet"
            raise MissingError(f"Nothing was published {when}; /publications lists what there is.")
        return publication

    def open(self, publication: Publication) -> Edition:
        """The one connection of a publication.

        Raises:
            MissingError: it has expired.
        """
        wanted = publication.publication_id
        with self._lock:
            if wanted not in self._open:
                self._open[wanted] = self._attach(wanted)
            self._open.move_to_end(wanted)
            while len(self._open) > self._most:
                self._open.popitem(last=False)
            return self._open[wanted]

    def _attach(self, publication_id: str) -> Edition:
        try:
            return Edition(open_published(self._settings, publication_id, engine=self._engine))
        except ContractError as error:
            raise MissingError(
                f"Publication {publication_id} has expired; /publications lists those that can be "
                "read."
            ) from error
