"""Fixtures of the simulated platforms: a client that calls their routes without a socket."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount


class Client:
    """Calls an ASGI application from plain functions."""

    def __init__(self, app: Starlette) -> None:
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://platform")

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.get(url, **options))

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self._runner.run(self._client.post(url, **options))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


class Clock:
    """The real clock, but it can be moved: `ahead` in seconds."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Serves routes under a platform's prefix until the test ends."""
    clients: list[Client] = []

    def make(prefix: str, routes: list[BaseRoute]) -> Client:
        clients.append(Client(Starlette(routes=[Mount(f"/{prefix}", routes=routes)])))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
