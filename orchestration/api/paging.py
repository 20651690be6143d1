"""Rows of a publication page by page, from the lake that holds only what the key may see."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import ForbiddenError
from orchestration.api.cursors import Cursor, ForeignCursorError
from orchestration.api.reading import Reader


@dataclass(frozen=True)
class Listing:
    """One kind of rows of a publication, read page by page.

    Attributes:
        table: its table.
        subject: what the rows are, for people.
        columns: what is shown of a row, where the publication has it and the key may see it.
        key: the columns whose values together name one row.
        newest: a moment that rows are ordered by, the last first; None: by their key alone.
    """

    table: str
    subject: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    newest: str | None = None

    def key_sql(self) -> str:
        """SQL of the one value that names a row."""
        return self.key[0] if len(self.key) == 1 else f"concat_ws('|', {', '.join(self.key)})"


@dataclass(frozen=True)
class Selection:
    """What of a listing is asked: conditions on columns and their parameters."""

    wanted: Mapping[str, Any]
    comparisons: Mapping[str, str]

    def conditions(self) -> list[str]:
        """SQL of those that were given."""
        return [sql for name, sql in self.comparisons.items() if self.wanted[name] is not None]

    def parameters(self) -> dict[str, Any]:
        """Their values."""
        return {name: value for name, value in self.wanted.items() if value is not None}


def read_page(
    reader: Reader,
    listing: Listing,
    selection: Selection,
    limit: int,
    cursor: Cursor | None,
) -> dict[str, Any]:
    """One page of rows that the key may see.

    Raises:
        ForbiddenError: the rows can't be restricted to those of the key, or what names a row or is
            asked of it is hidden from the key.
        MissingError: the publication has no such rows.
        ForeignCursorError: the cursor's row is not among those that the key may see.
    """
    edition = reader.edition()
    known = edition.columns(listing.table, listing.subject)
    hidden = [name for name in listing.key if name not in known]
    if hidden:
        raise ForbiddenError(
            f"{', '.join(hidden)} is hidden from this key, and no page of {listing.subject} can be "
            "told without."
        )
    key = listing.key_sql()
    is_newest_first = listing.newest in known  # a hidden moment must not show in the order
    moment = f"coalesce({listing.newest}, timestamptz '1970-01-01 00:00:00+00')"
    place = f"({moment}, {key})" if is_newest_first else key
    direction = " desc" if listing.newest else ""
    params = {**selection.parameters(), "most": limit + 1}
    conditions = selection.conditions()
    if cursor is not None:
        last = f"from {listing.table} where {key} = $last"
        if not edition.rows(f"select 1 {last}", {"last": cursor.last}):
            raise ForeignCursorError
        conditions.append(f"{place} {'<' if listing.newest else '>'} (select {place} {last})")
        params["last"] = cursor.last
    shown = [name for name in listing.columns if name in known]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    order = ", ".join(f"{one}{direction}" for one in ([moment] if is_newest_first else []) + [key])
    found = edition.rows(
        f"select {', '.join([*shown, f'{key} as page_key'])} from {listing.table}"  # noqa: S608
        f"{where} order by {order} limit $most",
        params,
    )
    keys = [row.pop("page_key") for row in found]
    more = len(found) > limit
    publication_id = reader.publication.publication_id
    return {
        "rows": found[:limit],
        "next_cursor": Cursor(publication_id, keys[limit - 1]).text() if more else None,
    }
