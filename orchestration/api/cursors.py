"""Where a page ended, as text that the caller sends back for the next one."""

import base64
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import Query
from pydantic import TypeAdapter

from connectors.errors import InputError

_PARTS = TypeAdapter(tuple[str, str])
PageSize = Annotated[int, Query(ge=1, le=500, description="Most rows of a page.")]
CursorText = Annotated[
    str | None,
    Query(
        max_length=2_000,
        description="`next_cursor` of the page before; reads on in its publication.",
    ),
]


class ForeignCursorError(InputError):
    """A cursor that was not handed out to this key: made up, or taken from somebody else."""

    def __init__(self) -> None:
        super().__init__("The cursor is not one of ours; take next_cursor of a page.")


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: the publication it was read from, and its last key."""

    publication_id: str
    last: str

    def text(self) -> str:
        """As it is handed out."""
        packed = orjson.dumps([self.publication_id, self.last])
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str | None) -> Cursor | None:
    """The cursor that was handed out.

    Raises:
        ForeignCursorError: it was not handed out by us.
    """
    if text is None:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        publication_id, last = _PARTS.validate_json(base64.b64decode(padded, b"-_", validate=True))
    except ValueError as error:
        raise ForeignCursorError from error
    return Cursor(publication_id, last)
