"""What every path does: know the key, count the request, find the publication, answer.

An answer about a publication never changes, so its ETag is known before anything is computed: it is
the hash of the publication, the question, what the key may see, and the interface's description.
"""

import hashlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import unquote_plus

import orjson
from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from connectors.database.publications import Publication
from connectors.errors import ContractError, ForbiddenError, FourflowError, InputError
from connectors.lake.sight import EVERYTHING, Sight
from connectors.settings import Settings
from orchestration.access.log import AccessEntry, Event, GatheredLog
from orchestration.access.policy import AccessPolicy, load_access_policy
from orchestration.access.viewer import Viewer
from orchestration.api.access import Access, ApiScope
from orchestration.api.cursors import Cursor, ForeignCursorError, read_cursor
from orchestration.api.editions import Edition, Editions
from orchestration.api.keys import authenticate
from orchestration.api.problems import MissingError, UnauthenticatedError, described
from orchestration.api.remembered import Answer, Recent, RememberedAnswers
from orchestration.api.throttle import Throttle, TooManyRequestsError

_LOGGER = logging.getLogger(__name__)
_BEARER = HTTPBearer(auto_error=False, description="A key made by `fourflow api-keys create`.")
_PRIVATE = {"cache-control": "private, no-cache", "vary": "authorization"}

REFUSALS = described(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
READ_ANSWERS: dict[int | str, dict[str, Any]] = {
    **REFUSALS,
    304: {"description": "What If-None-Match names is still what there is."},
}


@dataclass(frozen=True)
class ApiPolicy:
    """Limits of the interface.

    Attributes:
        open_editions: how many publications, each as one sight sees it, stay open; each holds a
            connection.
        failures_per_minute: how many bad keys one address may try.
        remembered_bytes: of answers about publications that are kept in memory.
        key_seconds: for how long a key that was good is not looked up again; so long may a revoked
            one still be answered.
        query_threads: of one question; many questions are asked at once, and threads of one that
            wait for each other cost twice the processor time.
    """

    open_editions: int = 8
    failures_per_minute: int = 30
    remembered_bytes: int = 64 << 20
    key_seconds: float = 1.0
    query_threads: int = 1


@dataclass(frozen=True)
class Api:
    """What all requests share."""

    settings: Settings
    engine: Engine
    editions: Editions
    throttle: Throttle
    log: GatheredLog
    recent_keys: Recent[str, Access]
    remembered: RememberedAnswers
    policy: ApiPolicy
    now: Callable[[], datetime]


def api_of(request: Request) -> Api:
    """The one of the app that answers this request."""
    found: Api = request.app.state.api
    return found


@dataclass(frozen=True)
class Caller:
    """Whose key a request has, and what the access policy makes of it."""

    access: Access
    viewer: Viewer


def caller_for(scope: ApiScope) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the request's key, which must have this scope."""

    async def caller(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> Caller:
        access = await _authenticated(request, credentials)
        request.state.access = access
        access.require(scope)
        viewer = access.viewer(lambda: _policy(api_of(request)))
        request.state.viewer = viewer
        if "\x00" in unquote_plus(str(request.url)):
            raise InputError("The address holds a NUL character; leave it out.")
        return Caller(access, viewer)

    return caller


def _policy(api: Api) -> AccessPolicy:
    try:
        return load_access_policy(api.settings)
    except InputError as error:  # whose mistake it is, is not the caller's
        raise ContractError(str(error)) from error


def note(
    request: Request,
    event: Event,
    detail: str | None = None,
    *,
    publication_id: str | None = None,
    row_count: int | None = None,
) -> AccessEntry:
    """The entry that a request leaves in the access log, which is written a moment later."""
    access: Access | None = getattr(request.state, "access", None)
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    entry = AccessEntry(
        person=access.key_id if access else "unknown",
        role=(viewer.role if viewer else access.role if access else None) or None,
        door="api",
        event=event,
        subject=f"{request.method} {request.scope['path']}",
        detail=detail,
        publication_id=publication_id,
        row_count=row_count,
    )
    api_of(request).log.note(entry)
    return entry


def note_refusal(request: Request, error: FourflowError) -> None:
    """Log what was refused: no good key, no right, something of others, or a foreign cursor."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    is_of_others = isinstance(error, MissingError) and viewer is not None and viewer.sight.rows
    if is_of_others or isinstance(
        error, ForbiddenError | UnauthenticatedError | ForeignCursorError
    ):
        note(request, "refused", str(error))


async def _authenticated(
    request: Request, credentials: HTTPAuthorizationCredentials | None
) -> Access:
    api = api_of(request)
    address = f"address {request.client.host if request.client else ''}"
    if credentials is None:
        raise UnauthenticatedError(
            "A key is needed: send Authorization: Bearer KEY; `fourflow api-keys create` makes one."
        )
    if api.throttle.is_empty(address, api.policy.failures_per_minute):
        raise TooManyRequestsError("Too many bad keys came from this address; wait a minute.", 60)
    key = credentials.credentials
    kept_as = hashlib.sha256(key.encode(errors="replace")).hexdigest()
    access = api.recent_keys.find(kept_as)
    if access is None:
        access = await run_in_threadpool(authenticate, api.engine, key, now=api.now())
        if access is not None:
            api.recent_keys.keep(kept_as, access)
    if access is None:
        api.throttle.take(address, api.policy.failures_per_minute)
        _LOGGER.warning("a bad API key was refused at %s", request.url.path)
        raise UnauthenticatedError(
            "This key is not known here, has ended or was revoked; ask for a new one."
        )
    api.throttle.take(access.key_id, access.requests_per_minute)
    return access


class Reader:
    """Answers one read."""

    def __init__(self, request: Request, caller: Caller, as_of: str | None) -> None:
        self.request = request
        self.as_of = as_of
        self.access = caller.access
        self.viewer = caller.viewer
        self.api = api_of(request)

    @property
    def sight(self) -> Sight:
        """Which rows and columns the key sees."""
        return self.viewer.sight

    @cached_property
    def publication(self) -> Publication:
        """The publication that is asked."""
        return self.api.editions.find(self.as_of)

    def edition(self) -> Edition:
        """The publication as far as the key may see it, opened."""
        return self.api.editions.open(self.publication, self.sight)

    def until(self) -> Publication | None:
        """The publication that `as_of` names; None when it was left out."""
        return self.publication if self.as_of else None

    def read_newest(self, sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows of the newest publication as it is: only to find out what belongs to whom."""
        return self.api.editions.open(self.api.editions.find(None), EVERYTHING).rows(sql, params)

    def turn_to(self, cursor: str | None) -> Cursor | None:
        """The cursor, read; its publication is read on, so that pages never mix two.

        Raises:
            ForeignCursorError: the cursor is not one of ours.
        """
        found = read_cursor(cursor)
        if found is not None:
            self.publication = self.api.editions.find(found.publication_id)
        return found

    def answer(self, make: Callable[[], Mapping[str, Any]], *definitions: str) -> Response:
        """Answer about the publication, or 304 when the caller has the answer already.

        Args:
            make: computes the content; not called for a 304.
            definitions: digests of what else the content depends on.
        """
        tag = self._tag(self.publication.publication_id, *definitions)
        headers = {**_PRIVATE, "etag": tag}
        told = self.publication.publication_id
        if self._has(tag):
            note(self.request, "read", publication_id=told, row_count=0)
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        answer = self.api.remembered.once(tag, lambda: self._made(make()))
        note(self.request, "read", publication_id=told, row_count=answer.row_count)
        return Response(answer.body, headers=headers, media_type="application/json")

    def _made(self, content: Mapping[str, Any]) -> Answer:
        body = orjson.dumps({**cited(self.publication), **content}, default=_exact)
        return Answer(body, _row_count(content))

    def answer_present(self, content: Mapping[str, Any]) -> Response:
        """Answer about what moves while a publication stands; its ETag is of the content."""
        body = orjson.dumps(content, default=_exact)
        tag = self._tag(hashlib.sha256(body).hexdigest())
        headers = {**_PRIVATE, "etag": tag}
        is_known = self._has(tag)
        note(self.request, "read", row_count=0 if is_known else _row_count(content))
        if is_known:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    def acknowledge(self, content: Mapping[str, Any]) -> Response:
        """Answer to a write: what stands now; never from a cache."""
        body = orjson.dumps(content, default=_exact)
        return Response(body, headers={"cache-control": "no-store"}, media_type="application/json")

    def _tag(self, *parts: str) -> str:
        question = sorted(self.request.query_params.multi_items())
        contract: str = self.request.app.state.contract
        said = [contract, self.request.url.path, question, self._seen(), *parts]
        return f'"{hashlib.sha256(orjson.dumps(said)).hexdigest()[:32]}"'

    def _seen(self) -> list[str | None]:
        return [self.sight.digest(), self.access.customer_key]

    def _has(self, tag: str) -> bool:
        given = self.request.headers.get("if-none-match", "")
        return tag in [one.strip().removeprefix("W/") for one in given.split(",")]


def reader_for(scope: ApiScope) -> Callable[..., Awaitable[Reader]]:
    """A dependency: the reader of a path that needs this scope."""

    async def reader(
        request: Request,
        caller: Annotated[Caller, Depends(caller_for(scope))],
        as_of: Annotated[
            str | None,
            Query(description="A publication id or an ISO 8601 time; default: the newest."),
        ] = None,
    ) -> Reader:
        return Reader(request, caller, as_of)

    return reader


def present_reader_for(scope: ApiScope) -> Callable[..., Awaitable[Reader]]:
    """A dependency: the reader of a path that writes, so it knows only the present."""

    async def reader(
        request: Request, caller: Annotated[Caller, Depends(caller_for(scope))]
    ) -> Reader:
        return Reader(request, caller, None)

    return reader


def asked(kind: Callable[..., Any]) -> Callable[..., Any]:
    """A dependency: the filter that a request's parameters make, with no thread for it."""

    async def made(**given: Any) -> object:
        return kind(**given)

    made.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined]
    return made


def cited(publication: Publication) -> dict[str, Any]:
    """What every answer says about the publication that it comes from."""
    return {
        "publication_id": publication.publication_id,
        "published_at": publication.published_at,
    }


def _row_count(content: Mapping[str, Any]) -> int | None:
    rows = content.get("rows")
    return len(rows) if isinstance(rows, list) else None


def _exact(value: Any) -> str:
    """Amounts keep every digit: as text."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
