"""What goes wrong between a connector and a platform: seeded faults around every answer.

A middleware, so that no platform's module knows about most faults. Two need the platform's words:
it asks `is_throttled` and `is_unavailable` and then answers with its own error envelope. To have
its pages repeated, a route says with `name_query` which query a page belongs to.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, fields
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.errors import InputError
from connectors.sandbox.servers.retail import Retail

_FAULT, _QUERY, _WAIT = "sandbox_fault", "sandbox_query", "sandbox_wait"
_HTML = (
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>系统繁忙，请稍后再试</h1></center></body></html>"
).encode()
_REMEMBERED_QUERIES = 64


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Shares (0 to 1) of requests that go wrong, drawn from a seeded generator.

    At most one of the kinds from `drop` to `lost_answer` happens to a request; `page_shift` is
    drawn besides.

    Attributes:
        drop: the connection is closed without an answer.
        delay: the answer waits `delay_seconds` first.
        too_many: HTTP 429 with `Retry-After`.
        server_error: HTTP 500.
        throttled: the platform's own flow-control answer (inside HTTP 200 where it does so).
        unavailable: the platform's own "try again later" answer.
        truncated: the body ends in the middle; every other time with a fitting content-length.
        html: HTTP 200 with an HTML page.
        repeated_page: the previous answer of the same query is sent again.
        lost_answer: what was asked is done, and the connection is closed without an answer.
        page_shift: orders of pages already sent, and others, are modified before the answer.
        delay_seconds: how long a delayed answer waits.
        retry_after_seconds: what 429 and flow-control answers ask to wait.
        seed: of the generator.
        platforms: only requests to these platforms (their URL prefixes); empty means all.
    """

    drop: float = 0.0
    delay: float = 0.0
    too_many: float = 0.0
    server_error: float = 0.0
    throttled: float = 0.0
    unavailable: float = 0.0
    truncated: float = 0.0
    html: float = 0.0
    repeated_page: float = 0.0
    lost_answer: float = 0.0
    page_shift: float = 0.0
    delay_seconds: float = 0.05
    retry_after_seconds: int = 0
    seed: int = 7
    platforms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*KINDS, "page_shift"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"Fault {name} is {getattr(self, name)}: give a share 0 to 1.")
        if sum(getattr(self, name) for name in KINDS) > 1:
            raise InputError("The shares of the faults add up to more than 1: lower them.")

    @property
    def any(self) -> bool:
        """Whether anything can go wrong at all."""
        return any(getattr(self, name) > 0 for name in (*KINDS, "page_shift"))

    @classmethod
    def all_on(cls, share: float = 0.02, **others: Any) -> "Faults":
        """Every fault with the same share."""
        return cls(**{**cls.shares(share), **others})

    @staticmethod
    def shares(share: float) -> dict[str, float]:
        """The same share for every fault, by name."""
        return dict.fromkeys((*KINDS, "page_shift"), share)

    @classmethod
    def parsed(cls, values: Mapping[str, Any]) -> "Faults":
        """Faults from plain values such as JSON gives.

        Raises:
            InputError: a name is unknown or a share is none.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(f"There is no fault {unknown[0]}: choose from {sorted(known)}.")
        return cls(**{**values, "platforms": tuple(values.get("platforms", ()))})


KINDS: Final = (
    "drop",
    "delay",
    "too_many",
    "server_error",
    "throttled",
    "unavailable",
    "truncated",
    "html",
    "repeated_page",
    "lost_answer",
)


def is_throttled(request: Request) -> bool:
    """Whether this request is to be answered with the platform's own flow control."""
    return request.scope.get(_FAULT) == "throttled"


def is_unavailable(request: Request) -> bool:
    """Whether this request is to be answered with the platform's own "try again later"."""
    return request.scope.get(_FAULT) == "unavailable"


def seconds_to_wait(request: Request) -> int:
    """How long a flow-control answer asks to wait."""
    wait: int = request.scope.get(_WAIT, 0)
    return wait


def name_query(request: Request, query: str) -> None:
    """Say which query this page belongs to, leaving out the page number: for `repeated_page`."""
    request.scope[_QUERY] = query


class FaultMiddleware:
    """Counts requests, injects faults and measures the time that the platforms' code takes."""

    def __init__(self, app: ASGIApp, retail: Retail, faults: Faults) -> None:
        self._app = app
        self._retail = retail
        self._last: OrderedDict[str, _Answer] = OrderedDict()
        self.change(faults)
        retail.on_faults = self.change

    def change(self, faults: Faults) -> None:
        """Use other faults from now on, with a fresh generator."""
        self.faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 - faults, not secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, perhaps wrongly."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        platform = scope["path"].split("/", 2)[1]
        if platform in ("health", "control"):
            await self._app(scope, receive, send)
            return
        counters = self._retail.counters
        counters[f"{platform}.requests"] += 1
        started, slept = time.perf_counter(), 0.0
        try:
            if self.faults.any and (not self.faults.platforms or platform in self.faults.platforms):
                slept = await self._answer(platform, scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            elapsed = time.perf_counter() - started - slept
            counters[f"{platform}.microseconds"] += int(elapsed * 1e6)

    async def _answer(self, platform: str, scope: Scope, receive: Receive, send: Send) -> float:
        """Answer with or without a fault; returns the seconds of a planned delay."""
        if self._random.random() < self.faults.page_shift:
            self._retail.shift_pages(self._random)
            self._retail.counters[f"{platform}.fault.page_shift"] += 1
        fault = self._draw()
        if fault is not None:
            self._retail.counters[f"{platform}.fault.{fault}"] += 1
        scope[_FAULT], scope[_WAIT] = fault, self.faults.retry_after_seconds
        if fault == "drop":
            await _hang_up(receive, send)
        elif fault == "too_many":
            wait = str(self.faults.retry_after_seconds)
            await _Answer.plain(429, b"Too Many Requests", {"retry-after": wait}).send(send)
        elif fault == "server_error":
            await _Answer.plain(500, b"Internal Server Error").send(send)
        elif fault == "html":
            await _Answer.plain(200, _HTML, {"content-type": "text/html"}).send(send)
        elif fault == "delay":
            await asyncio.sleep(self.faults.delay_seconds)
            await self._pass_on(scope, receive, send, fault)
            return self.faults.delay_seconds
        else:
            await self._pass_on(scope, receive, send, fault)
        return 0.0

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, fault: str | None) -> None:
        answer = _Answer()
        await self._app(scope, receive, answer.collect)
        query = scope.get(_QUERY)
        if fault == "lost_answer":
            await _hang_up(receive, send)
            return
        if fault == "truncated":
            await answer.send_half(receive, send, fitting_length=self._random.random() < 0.5)
            return
        if query is not None:
            previous = self._last.get(query)
            if fault == "repeated_page" and previous is not None:
                await previous.send(send)
                return
            self._last[query] = answer
            self._last.move_to_end(query)
            while len(self._last) > _REMEMBERED_QUERIES:
                self._last.popitem(last=False)
        await answer.send(send)

    def _draw(self) -> str | None:
        drawn = self._random.random()
        for fault in KINDS:
            drawn -= float(getattr(self.faults, fault))
            if drawn < 0:
                return fault
        return None


class _Answer:
    """A whole HTTP answer, collected from the platform's code or made here."""

    def __init__(self) -> None:
        self._start: MutableMapping[str, Any] = {}
        self._body = bytearray()

    @classmethod
    def plain(cls, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> "_Answer":
        """An answer of our own."""
        answer = cls()
        given = {"content-type": "text/plain", **(headers or {})}
        given["content-length"] = str(len(body))
        encoded = [(name.encode(), value.encode()) for name, value in given.items()]
        answer._start = {"type": "http.response.start", "status": status, "headers": encoded}
        answer._body += body
        return answer

    async def collect(self, message: Message) -> None:
        """Stands in for `send` while the platform's code answers."""
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        """Send it whole."""
        await send(self._start)
        await send({"type": "http.response.body", "body": bytes(self._body)})

    async def send_half(self, receive: Receive, send: Send, *, fitting_length: bool) -> None:
        """Send its first half: framed as if it were whole, or cut off by a closed connection."""
        half = bytes(self._body[: len(self._body) // 2])
        if fitting_length:
            headers = [pair for pair in self._start["headers"] if pair[0] != b"content-length"]
            headers.append((b"content-length", str(len(half)).encode()))
            self._start["headers"] = headers
        await send(self._start)
        await send({"type": "http.response.body", "body": half, "more_body": not fitting_length})
        if not fitting_length:
            await _hang_up(receive, send)


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection at once; ASGI has no word for it, so ask uvicorn's own object."""
    send.__self__.transport.close()  # type: ignore[attr-defined]
    while (await receive())["type"] != "http.disconnect":
        pass
