"""The ASGI app of the interface, mounted at `/api/v1` of the inbox's server."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount

from connectors.database.engine import open_database
from connectors.errors import ContractError
from connectors.settings import Settings
from orchestration.access.log import GatheredLog
from orchestration.api import audiences, decisions, metrics, ordering, orders, publications, stock
from orchestration.api.editions import Editions
from orchestration.api.problems import Problem, tell_problems
from orchestration.api.reading import Api, ApiPolicy, note_refusal
from orchestration.api.remembered import Recent, RememberedAnswers
from orchestration.api.throttle import Throttle
from orchestration.metrics.layer import MetricLayer
from orchestration.run_state import utc_now

PLACE = "/api/v1"
_DESCRIPTION = (
    "What Fourflow has published and decided. Every answer says from which publication it comes; "
    "amounts are decimals as text beside their currency, times are UTC, ids are text. "
    "Send the key as `Authorization: Bearer KEY`; errors are application/problem+json."
)


def make_api(
    settings: Settings,
    *,
    policy: ApiPolicy | None = None,
    now: Callable[[], datetime] = utc_now,
    clock: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The app.

    Args:
        settings: whose publications and ledger.
        policy: limits; default ApiPolicy().
        now: the present time, for keys and verdicts.
        clock: seconds that never go back, for rate limits.
    """
    limits = policy or ApiPolicy()
    engine = open_database(settings)
    log = GatheredLog(engine, now)
    asking = settings.model_copy(update={"threads": limits.query_threads})

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with suppress(ContractError):  # a home that has no metrics yet
            MetricLayer(settings, may_parse=False).warm()
        yield
        await asyncio.to_thread(log.close)

    app = FastAPI(
        lifespan=lifespan,
        title="Fourflow",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,  # these pages would fetch scripts from elsewhere
        redoc_url=None,
    )
    app.state.api = Api(
        settings=settings,
        engine=engine,
        editions=Editions(asking, engine, limits.open_editions, clock=clock),
        recent_keys=Recent(clock, limits.key_seconds),
        throttle=Throttle(clock),
        log=log,
        remembered=RememberedAnswers(limits.remembered_bytes),
        policy=limits,
        now=now,
    )
    for module in (metrics, orders, ordering, stock, decisions, audiences, publications):
        app.include_router(module.router)
    tell_problems(app, note_refusal)
    _describe(app)
    return app


def api_routes(settings: Settings) -> Sequence[BaseRoute]:
    """The routes of this installation."""
    return (Mount(PLACE, app=make_api(settings)),)


def _describe(app: FastAPI) -> None:
    """Add what FastAPI does not know to the description, and hash it: it is part of every ETag."""
    description: dict[str, Any] = app.openapi()
    schemas = description["components"]["schemas"]
    schemas[Problem.__name__] = Problem.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    app.state.contract = hashlib.sha256(orjson.dumps(description)).hexdigest()
