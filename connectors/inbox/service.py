"""The ASGI app: `POST /inbox/<source>/<account>` verifies, stores, and only then acknowledges.

No push is logged, neither its body nor its address (which may hold a token). What a push means is
not looked at here: that is dbt's job, after it was moved.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from connectors.errors import FourflowError, TransientError
from connectors.inbox.journal import Journal
from connectors.inbox.protocol import (
    Answer,
    InboxAccount,
    Push,
    PushProtocol,
    Reason,
    Received,
    RefusedError,
)
from connectors.inbox.protocols.registry import find_protocol
from connectors.inbox.segments import Message
from connectors.inbox.tally import Tally

logger = logging.getLogger(__name__)

_READ_SECONDS = 10.0
_COUNT_SECONDS = 1.0
_STATUS = {
    Reason.FORGED: 401,
    Reason.STALE: 401,
    Reason.MALFORMED: 400,
    Reason.TOO_LARGE: 413,
    Reason.TOO_SLOW: 408,
    Reason.UNKNOWN_ACCOUNT: 404,
    Reason.WRONG_ACCOUNT: 403,
    Reason.NOT_STORED: 503,
    Reason.MISCONFIGURED: 500,
}


@dataclass(frozen=True)
class ServiceLimits:
    """What the service takes at once.

    Attributes:
        body_bytes: of one push; a larger one is refused.
        reading_bytes: of all pushes that are being read; one more is asked to come again.
    """

    body_bytes: int = 4 << 20
    reading_bytes: int = 128 << 20


class Inbox:
    """Handles pushes; one instance a process."""

    def __init__(
        self,
        accounts: Iterable[InboxAccount],
        journal: Journal,
        tally: Tally,
        limits: ServiceLimits | None = None,
    ) -> None:
        self._accounts = {
            (account.source, account.account): (account, find_protocol(account.kind))
            for account in accounts
        }
        self._journal = journal
        self._tally = tally
        self._limits = limits or ServiceLimits()
        self._reading_bytes = 0

    async def receive(self, request: Request) -> Response:
        """Answer one push."""
        place = (request.path_params["source"], request.path_params["account"])
        if place not in self._accounts:
            unknown = RefusedError(
                Reason.UNKNOWN_ACCOUNT, "The address names no account that receives pushes."
            )
            return self._refuse(None, None, unknown)
        account, protocol = self._accounts[place]
        try:
            message_count = await self._accept(request, account, protocol)
        except RefusedError as refusal:
            return self._refuse(account, protocol, refusal)
        except FourflowError as error:
            logger.error("%s/%s can't receive pushes: %s", *place, error)  # noqa: TRY400 - said
            return self._refuse(account, protocol, RefusedError(Reason.MISCONFIGURED, str(error)))
        self._tally.accept(account, message_count)
        return _response(protocol.accepted)

    async def greet(self, request: Request) -> Response:
        """Answer a platform that tries the address before it pushes anything there."""
        place = (request.path_params["source"], request.path_params["account"])
        if place not in self._accounts:
            return Response(status_code=405, headers={"allow": "POST"})
        account, protocol = self._accounts[place]
        try:
            answer = protocol.greet(dict(request.query_params.items()), account)
        except RefusedError as refusal:
            return self._refuse(account, protocol, refusal)
        if answer is None:
            return Response(status_code=405, headers={"allow": "POST"})
        return _response(answer)

    async def _accept(self, request: Request, account: InboxAccount, protocol: PushProtocol) -> int:
        """Verify and store one push; the number of its messages."""
        body = await self._read(request)
        push = Push(
            headers=dict(request.headers.items()),
            query=dict(request.query_params.items()),
            body=body,
            received_at=datetime.now(UTC),
        )
        messages = [
            _as_message(received, account, push.received_at)
            for received in protocol.read(push, account)
        ]
        if messages:
            try:
                await self._journal.append(messages)
            except TransientError as error:
                raise RefusedError(Reason.NOT_STORED, str(error)) from error
        return len(messages)

    async def _read(self, request: Request) -> bytes:
        """The body, if it is of a size that is taken and comes in time."""
        announced = request.headers.get("content-length", "")
        limit = self._limits.body_bytes
        is_number = announced.isascii() and announced.isdigit()
        expected = int(announced) if is_number else limit
        if expected > limit:
            raise self._too_large()
        if self._reading_bytes + expected > self._limits.reading_bytes:
            raise RefusedError(Reason.NOT_STORED, "Too many pushes arrive at once.")
        self._reading_bytes += expected
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return await self._read_at_most(request, limit)
        except TimeoutError as error:
            raise RefusedError(
                Reason.TOO_SLOW, f"The push did not arrive within {_READ_SECONDS:.0f} seconds."
            ) from error
        except ClientDisconnect as error:
            raise RefusedError(Reason.TOO_SLOW, "The sender hung up before its end.") from error
        finally:
            self._reading_bytes -= expected

    async def _read_at_most(self, request: Request, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise self._too_large()
            parts.append(part)
        return b"".join(parts)

    def _too_large(self) -> RefusedError:
        return RefusedError(
            Reason.TOO_LARGE, f"The push is larger than {self._limits.body_bytes:,} bytes."
        )

    def _refuse(
        self,
        account: InboxAccount | None,
        protocol: PushProtocol | None,
        refusal: RefusedError,
    ) -> Response:
        self._tally.refuse(account, refusal.reason, str(refusal))
        status = _STATUS[refusal.reason]
        if protocol is None:
            return _response(Answer(status, refusal.reason.encode()))
        return _response(protocol.refused(refusal.reason, status))


def make_app(
    accounts: Iterable[InboxAccount],
    journal: Journal,
    tally: Tally,
    limits: ServiceLimits | None = None,
    *,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The app. The caller has started the journal; the end of the app's lifespan closes it.

    Args:
        accounts: whose pushes are received.
        journal: where they are kept.
        tally: counts them.
        limits: what is taken at once.
        routes: further pages that the same server shows.
    """
    inbox = Inbox(accounts, journal, tally, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        counting = asyncio.create_task(_write_counts(tally))
        mounted = [route.app for route in routes if isinstance(route, Mount)]
        try:
            async with contextlib.AsyncExitStack() as stack:
                for app in mounted:  # Starlette begins and ends only the outermost app
                    if isinstance(app, Starlette):
                        await stack.enter_async_context(app.router.lifespan_context(app))
                yield
        finally:
            counting.cancel()
            await asyncio.to_thread(journal.close)
            tally.write()

    return Starlette(
        routes=[
            Route("/inbox/{source}/{account}", inbox.receive, methods=["POST"]),
            Route("/inbox/{source}/{account}", inbox.greet, methods=["GET"]),
            Route("/health", _health, methods=["GET"]),
            *routes,
        ],
        lifespan=lifespan,
    )


async def _health(_request: Request) -> Response:
    """Says that it runs, and nothing else: the proxy may show it to the world."""
    return Response(b"ok", media_type="text/plain")


async def _write_counts(tally: Tally) -> None:
    while True:
        await asyncio.sleep(_COUNT_SECONDS)
        try:
            tally.write()
        except OSError:
            logger.exception("the inbox's counts could not be written")


def _as_message(received: Received, account: InboxAccount, received_at: datetime) -> Message:
    return Message(
        source=account.source,
        account=account.account,
        topic=received.topic,
        dedupe_key=received.dedupe_key,
        received_at=received_at.isoformat(timespec="microseconds"),
        payload=received.payload,
        sent_at=received.sent_at,
        read_error=received.read_error,
    )


def _response(answer: Answer) -> Response:
    headers = {"content-type": answer.media_type} if answer.body else {}
    return Response(answer.body, answer.status, headers)
