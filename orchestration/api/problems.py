"""Every error as one sentence in `application/problem+json` (RFC 9457)."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from connectors.errors import ForbiddenError, FourflowError, InputError
from orchestration.api.throttle import TooManyRequestsError

MEDIA_TYPE = "application/problem+json"
_LOGGER = logging.getLogger(__name__)
_NO_STORE = {"cache-control": "no-store"}


class Problem(BaseModel):
    """What is wrong with a request, in one sentence."""

    type: str = Field(description="Always about:blank: the status says what kind it is.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="One sentence: what, where, and what to do.")


class UnauthenticatedError(FourflowError):
    """There is no key, or it is not one of ours."""


class MissingError(FourflowError):
    """There is no such thing, or none that the key may see."""


class ConflictError(FourflowError):
    """It was decided already, and otherwise."""


_STATUS: dict[type[FourflowError], HTTPStatus] = {
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    MissingError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
}


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that tells a problem."""
    told = Problem(type="about:blank", title=status.phrase, status=status, detail=detail)
    return Response(
        orjson.dumps(told.model_dump()),
        status,
        headers={**_NO_STORE, **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def described(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """How the description of the interface tells that a path answers these problems."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        int(status): {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def tell_problems(app: FastAPI, note_refusal: Callable[[Request, FourflowError], None]) -> None:
    """Let every error of an app be told as a problem.

    Args:
        app: which app.
        note_refusal: is told of our own errors first.
    """

    @app.exception_handler(FourflowError)
    def _told_and_noted(request: Request, error: Exception) -> Response:
        if isinstance(error, FourflowError):
            note_refusal(request, error)
        return _told(request, error)

    app.exception_handler(RequestValidationError)(_malformed)
    app.exception_handler(HTTPException)(_of_http)
    app.exception_handler(Exception)(_unexpected)


def _told(request: Request, error: Exception) -> Response:
    found = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), None)
    if found is None:
        _LOGGER.error("%s failed: %s", request.url.path, error)
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The figures can't be read just now; try again, or ask whoever runs this server.",
        )
    headers = {}
    if isinstance(error, UnauthenticatedError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, TooManyRequestsError):
        headers["retry-after"] = str(error.seconds)
    return problem(found, str(error), headers)


def _malformed(request: Request, error: Exception) -> Response:
    del request
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    where = " ".join(str(part) for part in first.get("loc", ()) if part not in ("query", "body"))
    what = str(first.get("msg", "it can't be read")).removeprefix("Value error, ")
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{where or 'The request'} can't be used: {what[:1].lower()}{what[1:]}.",
    )


def _of_http(request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    headers = error.headers if isinstance(error, HTTPException) else None
    sentences = {
        HTTPStatus.BAD_REQUEST: "The body can't be read; send JSON in UTF-8.",
        HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path}; openapi.json lists all.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible here.",
    }
    return problem(status, sentences.get(status, f"{status.phrase}."), headers)


def _unexpected(request: Request, error: Exception) -> Response:
    del error  # the server logs it with its traceback
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"{request.url.path} failed on our side; the log of the inbox says why.",
    )
