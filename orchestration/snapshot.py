"""What rules, exceptions and sign-offs read of a publication; tests give one held in memory."""

from typing import Any, Protocol

from connectors.database.publications import Publication


class Snapshot(Protocol):
    """The part of `PublishedLake` that they need."""

    @property
    def publication(self) -> Publication:
        """The publication that is open."""

    def rows(self, sql: str, params: Any = None) -> list[dict[str, Any]]:
        """Run one query and return a dict a row."""

    def tables(self) -> list[str]:
        """Names of all tables, without schema."""
