"""Customers of an RFM segment, as keys: whom a campaign addresses, without who they are."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from orchestration.api.answers import AudienceMember, AudiencePage
from orchestration.api.cursors import Cursor, CursorText, PageSize
from orchestration.api.paging import Listing, Selection, read_page
from orchestration.api.problems import MissingError
from orchestration.api.reading import READ_ANSWERS, Reader, reader_for

router = APIRouter(tags=["audiences"])
_CUSTOMERS = Listing(
    table="dim_customers",
    subject="customers",
    columns=tuple(AudienceMember.model_fields),
    key=("customer_key",),
)
_COMPARISONS = {"rfm_segment": "rfm_segment = $rfm_segment", "business": "business = $business"}


@router.get("/audiences/{segment}", response_model=AudiencePage, responses=READ_ANSWERS)
def show_audience(
    reader: Annotated[Reader, Depends(reader_for("audiences:read"))],
    segment: str,
    business: str | None = None,
    limit: PageSize = 100,
    cursor: CursorText = None,
) -> Response:
    """Keys of the customers of a segment."""
    selection = Selection({"rfm_segment": segment, "business": business}, _COMPARISONS)
    last = reader.turn_to(cursor)
    return reader.answer(lambda: _audience(reader, segment, selection, limit, last))


def _audience(
    reader: Reader, segment: str, selection: Selection, limit: int, last: Cursor | None
) -> dict[str, Any]:
    known = reader.edition().rows("select distinct segment from rfm_segments order by 1")
    names = [str(row["segment"]) for row in known]
    if segment not in names:
        raise MissingError(f"There is no segment {segment[:100]}; there are {', '.join(names)}.")
    page = read_page(reader, _CUSTOMERS, selection, limit, last)
    return {"segment": segment, **page}
