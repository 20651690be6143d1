"""The application that serves all simulated platforms, and the control route that tests use.

One prefix a platform (`/taobao/...`), `GET /health`, `GET /control` (time and counters),
`POST /control` (changes), `GET /control/truth` (`/terms`, `/bills`, `/balance`, `/scans`),
`/control/written`, `/control/keys`, `/control/credentials`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from connectors.errors import InputError
from connectors.sandbox.files.rendering import order_numbers
from connectors.sandbox.platform_truth import platform_truth
from connectors.sandbox.servers import (
    alipay,
    douyin,
    erpnext,
    jd,
    kuaidi100,
    odoo,
    pdd,
    sf_express,
    shopify,
    stripe,
    taobao,
    wechat_pay,
    wechat_store,
    woocommerce,
)
from connectors.sandbox.servers.clock import seconds_of_datetime, text_of
from connectors.sandbox.servers.faults import FaultMiddleware, Faults
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.shop_truth import shop_truth
from connectors.sandbox.stages.card_settling import describe_card_account
from connectors.sandbox.stages.scanning import describe_scans
from connectors.sandbox.stages.settling import describe_settlement
from connectors.sandbox.stages.terms import describe_terms

PLATFORMS: Final[dict[str, Callable[[Retail], list[Route]]]] = {
    "taobao": taobao.routes,
    "douyin": douyin.routes,
    "shopify": shopify.routes,
    "alipay": alipay.routes,
    "wechat_pay": wechat_pay.routes,
    "sf_express": sf_express.routes,
    "kuaidi100": kuaidi100.routes,
    "pdd": pdd.routes,
    "woocommerce": woocommerce.routes,
    "stripe": stripe.routes,
    "jd": jd.routes,
    "odoo": odoo.routes,
    "wechat_store": wechat_store.routes,
    "erpnext": erpnext.routes,
}
"""The routes of every platform by its prefix; their paths begin behind the prefix."""


def create_app(retail: Retail, faults: Faults | None = None) -> ASGIApp:
    """All platforms of one retailer as an ASGI application."""
    routes: list[BaseRoute] = [
        Route("/health", _health),
        *_Control(retail).routes(),
        *(Mount(f"/{name}", routes=make(retail)) for name, make in PLATFORMS.items()),
    ]
    # Outermost: to hang up it needs the server's own `send`, which Starlette's middleware hides.
    return FaultMiddleware(Starlette(routes=routes), retail, faults or Faults())


async def _health(_request: Request) -> Response:
    return _json({"status": "ok"})


class _Control:
    """Reads and changes the retailer: for tests, never part of a platform."""

    def __init__(self, retail: Retail) -> None:
        self._retail = retail

    def routes(self) -> list[Route]:
        """The control routes."""
        return [
            Route("/control", self._read, methods=["GET"]),
            Route("/control", self._change, methods=["POST"]),
            Route("/control/truth", self._truth),
            Route("/control/truth/terms", self._terms),
            Route("/control/truth/bills", self._bills),
            Route("/control/truth/balance", self._balance),
            Route("/control/truth/scans", self._scans),
            Route("/control/written", self._written),
            Route("/control/keys", self._keys),
            Route("/control/credentials", self._credentials),
        ]

    async def _read(self, _request: Request) -> Response:
        return _json(self._state())

    async def _change(self, request: Request) -> Response:
        """Change what the body names; answers with the state after it, or 400 with a sentence."""
        try:
            changes = orjson.loads(await request.body())
            self._apply(changes)
            pushed = {
                platform: await self._push(platform, asked or {})
                for platform, asked in changes.get("push", {}).items()
            }
        except (InputError, ValueError, TypeError) as error:
            return _json({"error": str(error)}, status=400)
        return _json({**self._state(), "pushed": pushed})

    async def _push(self, platform: str, asked: dict[str, Any]) -> dict[str, int]:
        """Let a platform push what is new; tells what it sent."""
        pushers = self._retail.pushers
        if platform not in pushers:
            raise InputError(f"{platform} pushes nothing here: choose from {sorted(pushers)}.")
        return await pushers[platform](**asked)

    async def _truth(self, _request: Request) -> Response:
        retail = self._retail
        asked = (retail.world, retail.plan, retail.as_of)
        return _json(platform_truth(*asked) | shop_truth(*asked))

    async def _terms(self, _request: Request) -> Response:
        retail = self._retail
        return _json(describe_terms(retail.world, retail.terms, retail.as_of))

    async def _bills(self, _request: Request) -> Response:
        retail = self._retail
        return _json(describe_settlement(retail.world, retail.settlement, retail.as_of))

    async def _balance(self, _request: Request) -> Response:
        retail = self._retail
        config = retail.world.config
        return _json(describe_card_account(retail.card_account, config, retail.as_of))

    async def _scans(self, _request: Request) -> Response:
        retail = self._retail
        return _json(describe_scans(retail.world, retail.scans, retail.as_of))

    async def _written(self, _request: Request) -> Response:
        return _json({name: told() for name, told in self._retail.written.items()})

    async def _keys(self, _request: Request) -> Response:
        keys = self._retail.credentials.keys
        return _json(
            {name: {"private": pair.private, "public": pair.public} for name, pair in keys.items()}
        )

    async def _credentials(self, _request: Request) -> Response:
        return _json(self._retail.credentials.described())

    def _state(self) -> dict[str, Any]:
        retail = self._retail
        return {
            "as_of": text_of(retail.as_of),
            "now": text_of(retail.now),
            "touched_orders": len(set(retail.touches)),
            "expired": sorted(retail.expired),
            "counters": dict(sorted(retail.counters.items())),
        }

    def _apply(self, changes: dict[str, Any]) -> None:
        retail = self._retail
        known = {"as_of", "faults", "touch", "expired", "counters", "options", "push"}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise InputError(f"Nothing is called {unknown[0]} here: choose from {sorted(known)}.")
        if "as_of" in changes:
            retail.move_to(seconds_of_datetime(datetime.fromisoformat(changes["as_of"])))
        if "faults" in changes:
            retail.on_faults(Faults.parsed(changes["faults"] or {}))
        if "touch" in changes:
            self._touch(**changes["touch"])
        if "expired" in changes:
            retail.expired = set(changes["expired"])
        for platform, options in changes.get("options", {}).items():
            retail.change_options(platform, options)
        if changes.get("counters") == "reset":
            retail.counters.clear()

    def _touch(
        self, channel: str, orders: list[str] | None = None, count: int = 0, seed: int = 0
    ) -> None:
        """Touch the orders with these numbers, or `count` random ones."""
        retail = self._retail
        if orders is None:
            retail.touch_some(retail.channel(channel), count, seed)
            return
        numbers = order_numbers(retail.world).to_pylist()
        positions = {number: position for position, number in enumerate(numbers)}
        missing = [number for number in orders if number not in positions]
        if missing:
            raise InputError(f"There is no order {missing[0]} to touch in this world.")
        retail.touch(positions[number] for number in orders)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
