"""Stock of a publication by article and site."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from orchestration.api.answers import StockPage, StockPosition
from orchestration.api.cursors import CursorText, PageSize
from orchestration.api.paging import Listing, Selection, read_page
from orchestration.api.reading import READ_ANSWERS, Reader, asked, reader_for

router = APIRouter(tags=["stock"])
_STOCK = Listing(
    table="rpt_stock_matrix",
    subject="stock",
    columns=tuple(StockPosition.model_fields),
    key=("business", "sku", "site"),
)
_COMPARISONS = {
    "business": "business = $business",
    "site": "site = $site",
    "sku": "sku = $sku",
    "category": "category = $category",
}


@dataclass(frozen=True)
class StockFilter:
    """Which stock is asked for."""

    business: str | None = None
    site: str | None = None
    sku: str | None = None
    category: str | None = None


@router.get("/stock", response_model=StockPage, responses=READ_ANSWERS)
def list_stock(
    reader: Annotated[Reader, Depends(reader_for("stock:read"))],
    wanted: Annotated[StockFilter, Depends(asked(StockFilter))],
    limit: PageSize = 100,
    cursor: CursorText = None,
) -> Response:
    """Stock by business, article and site. It belongs to no channel."""
    selection = Selection(vars(wanted), _COMPARISONS)
    last = reader.turn_to(cursor)
    return reader.answer(lambda: read_page(reader, _STOCK, selection, limit, last))
