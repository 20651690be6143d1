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
def serve_app() -> Iterator[Callable[[Starlette], Client]]:
    """Serves applications until the test ends."""
    clients: list[Client] = []

    def make(app: Starlette) -> Client:
        clients.append(Client(app))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def serve(serve_app: Callable[[Starlette], Client]) -> Callable[..., Client]:
    """Serves routes under a platform's prefix until the test ends."""

    def make(prefix: str, routes: list[BaseRoute]) -> Client:
        return serve_app(Starlette(routes=[Mount(f"/{prefix}", routes=routes)]))

    return make
