"""What was published when, and whether anything was."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from connectors.database.publications import find_publication, list_publications
from orchestration.api.answers import Health, PublicationList
from orchestration.api.problems import described
from orchestration.api.reading import READ_ANSWERS, Reader, api_of, cited, reader_for

router = APIRouter(tags=["publications"])


@router.get("/publications", response_model=PublicationList, responses=READ_ANSWERS)
def show_publications(
    reader: Annotated[Reader, Depends(reader_for("publications:read"))],
    limit: Annotated[int, Query(ge=1, le=500, description="How many of the newest.")] = 50,
) -> Response:
    """Publications, the newest first; `as_of`: that one and those before it."""
    found = list_publications(reader.api.engine, limit, until=reader.until())
    rows = [{**cited(one), "checks": dict(one.checks)} for one in found]
    return reader.answer_present({"publications": rows})


@router.get("/health", response_model=Health, responses=described(HTTPStatus.SERVICE_UNAVAILABLE))
def health(request: Request) -> Health:
    """Whether the interface can answer; the only path without a key."""
    published = find_publication(api_of(request).engine, None)
    return Health(status="nothing_published" if published is None else "ok")
