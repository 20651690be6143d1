"""Fixtures of the simulated platforms: a client that calls their routes without a socket."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount


class Client:
    """Calls an ASGI application from plain functions."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app)

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            client = httpx.AsyncClient(transport=self._transport, base_url="http://platform")
            async with client:
                return await client.request(method, url, **options)

        return asyncio.run(send())


class Clock:
    """The real clock, but it can be moved: `ahead` in seconds."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve() -> Callable[..., Client]:
    """Serves routes under a platform's prefix."""

    def make(prefix: str, routes: list[BaseRoute]) -> Client:
        return Client(Starlette(routes=[Mount(f"/{prefix}", routes=routes)]))

    return make
