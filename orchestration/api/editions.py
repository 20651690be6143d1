"""Published snapshots as keys may see them: one connection each, a cursor a query."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import duckdb
from sqlalchemy import Engine

from connectors.database.publications import Publication, find_publication
from connectors.errors import ContractError
from connectors.lake.permitted import open_permitted
from connectors.lake.reader import PublishedLake
from connectors.lake.sight import Sight
from connectors.settings import Settings
from orchestration.api.problems import MissingError
from orchestration.api.remembered import Recent

_NEWEST_SECONDS = 0.5


class Edition:
    """One publication as far as a sight reaches, read only; safe to share between threads."""

    def __init__(self, lake: PublishedLake) -> None:
        self.lake = lake

    @property
    def publication(self) -> Publication:
        """Which publication."""
        return self.lake.publication

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run one select; exact decimals, a dict a row.

        Raises:
            ForbiddenError: it reads what can't be restricted to this sight, or depends on what is
                hidden from it.
        """
        return self.lake.rows(sql, params)

    def columns(self, table: str, subject: str) -> frozenset[str]:
        """Columns of a table that are seen.

        Raises:
            ForbiddenError: it can't be restricted to this sight.
            MissingError: this publication does not have it.
        """
        if table not in self._columns:
            try:
                self.lake.rows(f"select 1 from {table} limit 0")  # noqa: S608 - it tells why
            except duckdb.CatalogException as error:
                raise MissingError(
                    f"Publication {self.publication.publication_id} has no {subject}."
                ) from error
        return self._columns.get(table, frozenset())

    @cached_property
    def _columns(self) -> dict[str, frozenset[str]]:
        return self.lake.columns()


@dataclass
class _Place:
    """Where an edition is or will be: who waits for one does not hold up the others."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    edition: Edition | None = None


class Editions:
    """The editions that are open; safe to share between threads.

    One that is dropped stays open until the last query on it is done: closing it at once would
    break a query of another caller.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open none yet.

        Args:
            settings: whose lake.
            engine: the operational database, which knows the publications.
            most: how many editions stay open.
            clock: seconds that never go back.
        """
        self._settings = settings
        self._engine = engine
        self._most = most
        self._open: OrderedDict[tuple[str, Sight], _Place] = OrderedDict()
        self._lock = threading.Lock()
        self._newest: Recent[None, Publication] = Recent(clock, _NEWEST_SECONDS, most=1)

    def find(self, as_of: str | None) -> Publication:
        """The publication in force now (None), at a time, or with that id.

        Raises:
            InputError: the text is neither an id nor a time.
            MissingError: nothing was published then.
        """
        publication = self._newest.find(None) if as_of is None else None
        if publication is None:
            publication = find_publication(self._engine, as_of)
            if as_of is None and publication is not None:
                self._newest.keep(None, publication)
        if publication is None:
            when = "as of that time" if as_of else "yet"
            raise MissingError(f"Nothing was published {when}; /publications lists what there is.")
        return publication

    def open(self, publication: Publication, sight: Sight) -> Edition:
        """The one connection of a publication for all who see the same of it.

        Raises:
            MissingError: it has expired.
        """
        wanted = (publication.publication_id, sight)
        with self._lock:
            place = self._open.setdefault(wanted, _Place())
            self._open.move_to_end(wanted)
            while len(self._open) > self._most:
                self._open.popitem(last=False)
        with place.lock:
            if place.edition is None:
                place.edition = self._attach(*wanted)
            return place.edition

    def _attach(self, publication_id: str, sight: Sight) -> Edition:
        try:
            lake = open_permitted(self._settings, publication_id, sight, engine=self._engine)
        except ContractError as error:
            raise MissingError(
                f"Publication {publication_id} has expired; /publications lists those that can be "
                "read."
            ) from error
        return Edition(lake)
