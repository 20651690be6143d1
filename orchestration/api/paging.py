"""Rows of a publication page by page, and only those that the key may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.errors import InputError
from orchestration.api.cursors import NOT_OURS, Cursor
from orchestration.api.editions import Edition
from orchestration.api.problems import MissingError
from orchestration.api.reading import Reader


@dataclass(frozen=True)
class Listing:
    """One kind of rows of a publication, read page by page.

    Attributes:
        table: its table.
        subject: what the rows are, for people.
        columns: what is shown of a row, where the publication has it and the key may see it.
        key: the column whose value names one row.
        order: SQL of what rows are ordered by, before the key.
        descending: the last first.
    """

    table: str
    subject: str
    columns: tuple[str, ...]
    key: str
    order: str | None = None
    descending: bool = False


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
        ForbiddenError: the rows can't be restricted to those of the key.
        MissingError: the publication has no such rows.
        InputError: the cursor's row is not among those that the key may see.
    """
    edition = reader.edition()
    known = edition.columns(listing.table)
    if not known:
        raise MissingError(
            f"Publication {reader.publication.publication_id} has no {listing.subject}."
        )
    kept, scope = reader.access.conditions(known, listing.subject)
    params = {**selection.parameters(), **scope, "most": limit + 1}
    conditions = [*kept, *selection.conditions()]
    place = f"({listing.order}, {listing.key})" if listing.order else listing.key
    if cursor is not None:
        conditions.append(
            f"{place} {'<' if listing.descending else '>'} {_place_of(listing, place, kept)}"
        )
        params["last"] = cursor.last
        _check_cursor(edition, listing, kept, {**scope, "last": cursor.last})
    shown = [name for name in reader.access.visible(listing.columns) if name in known]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    direction = " desc" if listing.descending else ""
    order = ", ".join(f"{one}{direction}" for one in (listing.order, listing.key) if one)
    found = edition.rows(
        f"select {', '.join([*shown, f'{listing.key} as page_key'])} from {listing.table}"  # noqa: S608
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


def _place_of(listing: Listing, place: str, kept: Sequence[str]) -> str:
    where = " and ".join([*kept, f"{listing.key} = $last"])
    return f"(select {place} from {listing.table} where {where})"  # noqa: S608


def _check_cursor(
    edition: Edition, listing: Listing, kept: Sequence[str], params: Mapping[str, Any]
) -> None:
    where = " and ".join([*kept, f"{listing.key} = $last"])
    sql = f"select 1 from {listing.table} where {where}"  # noqa: S608
    if not edition.rows(sql, params):
        raise InputError(NOT_OURS)
