"""WeChat Store (微信小店): JSON by POST, the access token in the query, errors inside HTTP 200.

`/wechat_store/cgi-bin/stable_token` and, below `/wechat_store/channels/ec`, `order/list/get`,
`order/get`, `aftersale/getaftersalelist` and `aftersale/getaftersaleorder`. Lists give numbers
only. `next_key` is a place in the list, so an order that changes moves the pages behind it. Not
simulated: other methods, gifts, group buying, orders that are shipped in part, exchanges.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import CHANNELS, TMALL
from connectors.sandbox.servers.clock import seconds_of_epoch
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.views import Shop
from connectors.sandbox.servers.wechat_store_aftersales import (
    aftersale_id,
    aftersale_page,
    row_of_aftersale,
)
from connectors.sandbox.servers.wechat_store_orders import Catalogue, order_page, order_status
from connectors.sandbox.world import DAY, HOUR, Ints

_PLATFORM: Final = "wechat_store"
_TOKEN_SECONDS: Final = 2 * HOUR
_LONGEST_OF_ORDERS, _LONGEST_OF_AFTERSALES = 7 * DAY, DAY
_MOST_ORDERS, _AFTERSALES_A_PAGE = 100, 10
_ORDER_FILTERS: Final = {
    "create_time_range",
    "update_time_range",
    "status",
    "openid",
    "page_size",
    "next_key",
}
_AFTERSALE_FILTERS: Final = {
    "begin_create_time",
    "end_create_time",
    "begin_update_time",
    "end_update_time",
    "next_key",
}
_OPTIONS: Final = {
    "calls_per_token": 0,  # an access token is good for so many calls; 0: for any number
    "most_listed": 100_000,  # a span with more records can't be listed
    "has_permission": True,
    "is_allowed_address": True,
}

Values = Mapping[str, Any]


class StoreError(Exception):
    """An answer with an error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def routes(retail: Retail) -> list[Route]:
    """The token and the four calls."""
    store = _Store(retail)
    calls: dict[str, Callable[[Values, Request], dict[str, Any]]] = {
        "/channels/ec/order/list/get": store.orders,
        "/channels/ec/order/get": store.order,
        "/channels/ec/aftersale/getaftersalelist": store.aftersales,
        "/channels/ec/aftersale/getaftersaleorder": store.aftersale,
    }

    def endpoint(call: Callable[[Values, Request], dict[str, Any]]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            return await store.answer(request, call, needs_token=True)

        return answer

    async def token(request: Request) -> Response:
        return await store.answer(request, store.token, needs_token=False)

    return [
        Route("/cgi-bin/stable_token", token, methods=["POST"]),
        *(Route(path, endpoint(call), methods=["POST"]) for path, call in calls.items()),
    ]


class _Store:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._catalogue = Catalogue(retail.world)
        self._options = retail.options.setdefault(_PLATFORM, dict(_OPTIONS))
        self._issued = 1
        self._calls_with_token = 0

    async def answer(
        self,
        request: Request,
        call: Callable[[Values, Request], dict[str, Any]],
        *,
        needs_token: bool,
    ) -> Response:
        """Check a call and answer it."""
        if needs_token and not self._options["is_allowed_address"]:
            return Response(b"Forbidden", 403, media_type="text/plain")
        try:
            _check_faults(request)
            if needs_token:
                self._check_token(request.query_params.get("access_token", ""))
            content = call(_values(await request.body()), request)
            answer = {"errcode": 0, "errmsg": "ok", **content} if needs_token else content
        except StoreError as error:
            self._retail.counters[f"{_PLATFORM}.error.{error.code}"] += 1
            message = f"{error.message} rid: 6a5f0c1e-1b2c3d4e-5f607182"
            answer = {"errcode": error.code, "errmsg": message}
        return Response(orjson.dumps(answer), media_type="application/json; charset=UTF-8")

    @property
    def _good_token(self) -> str:
        return f"{self._retail.credentials.wechat_store.access_token}-{self._issued}"

    def _is_used_up(self) -> bool:
        most = self._options["calls_per_token"]
        return bool(most) and self._calls_with_token >= most

    def _check_token(self, token: str) -> None:
        if not token:
            raise StoreError(41001, "access_token missing")
        if token != self._good_token:
            raise StoreError(
                40001,
                "invalid credential, access_token is invalid or not latest, could get it anew",
            )
        if _PLATFORM in self._retail.expired or self._is_used_up():
            raise StoreError(42001, "access_token expired")
        if not self._options["has_permission"]:
            raise StoreError(48001, "api unauthorized")
        self._calls_with_token += 1

    def token(self, values: Values, _request: Request) -> dict[str, Any]:
        """The good token again, or another one if it is used up or to be renewed by force."""
        known = self._retail.credentials.wechat_store
        if not self._options["is_allowed_address"]:
            raise StoreError(
                40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist"
            )
        if values.get("grant_type") != "client_credential":
            raise StoreError(40002, "invalid grant_type")
        for name, code in (("appid", 41002), ("secret", 41004)):
            if not values.get(name):
                raise StoreError(code, f"{name} missing")
        if values["appid"] != known.appid:
            raise StoreError(40013, "invalid appid")
        if values["secret"] != known.secret:
            raise StoreError(40125, "invalid appsecret")
        if values.get("force_refresh") is True or self._is_used_up():
            self._issued += 1
            self._calls_with_token = 0
            self._retail.counters[f"{_PLATFORM}.tokens"] += 1
        return {"access_token": self._good_token, "expires_in": _TOKEN_SECONDS}

    @property
    def _shop(self) -> Shop:
        return self._retail.shop(CHANNELS[TMALL], with_refunds=False)

    def orders(self, values: Values, request: Request) -> dict[str, Any]:
        """order/list/get: numbers of the orders created or updated in a span, the oldest first."""
        _only(values, _ORDER_FILTERS)
        size = values.get("page_size", 10)
        if not isinstance(size, int) or not 1 <= size <= _MOST_ORDERS:
            raise StoreError(40097, f"invalid args, page_size should be 1 to {_MOST_ORDERS}")
        found = self._found(values)
        if values.get("status") is not None:
            found = found[order_status(self._shop.snapshot, found) == values["status"]]
        if values.get("openid"):
            accounts = self._retail.world.orders.account[found]
            buyers = [self._catalogue.buyers[account] for account in accounts.tolist()]
            found = found[np.array(buyers, dtype=object) == values["openid"]]
        page, paging = self._paged(values, request, found, size)
        self._retail.remember_page(page, found)
        self._retail.counters[f"{_PLATFORM}.listed_orders"] += len(page)
        numbers = self._retail.world.orders.number[page].tolist()
        return {"order_id_list": [str(number) for number in numbers], **paging}

    def _found(self, values: Values) -> Ints:
        """The orders in the span; in both, if both are asked for."""
        shop, found = self._shop, None
        for name, find in (
            ("update_time_range", shop.modified_between),
            ("create_time_range", shop.created_between),
        ):
            span = values.get(name)
            if span is None:
                continue
            if not isinstance(span, dict):
                raise StoreError(47001, f"data format error, {name} should be an object")
            start, end = span.get("start_time"), span.get("end_time")
            inside = find(*_span(start, end, _LONGEST_OF_ORDERS, 40097))
            found = inside if found is None else found[np.isin(found, inside)]
        if found is None:
            raise StoreError(40097, "invalid args, create_time_range or update_time_range needed")
        return found

    def order(self, values: Values, _request: Request) -> dict[str, Any]:
        """order/get: one order."""
        _only(values, {"order_id", "encode_sensitive_info"})
        row = self._shop.find(str(values.get("order_id", "")))
        if row is None:
            raise StoreError(100002, "order not exist")
        self._retail.counters[f"{_PLATFORM}.orders"] += 1
        (order,) = order_page(self._shop, self._catalogue, row)
        return {"order": order}

    def aftersales(self, values: Values, request: Request) -> dict[str, Any]:
        """aftersale/getaftersalelist: numbers of after-sales, longest unchanged first."""
        _only(values, _AFTERSALE_FILTERS)
        asked = [clock for clock in ("update", "create") if f"begin_{clock}_time" in values]
        if not asked:
            raise StoreError(40097, "invalid args, begin_create_time or begin_update_time needed")
        snapshot = self._shop.snapshot
        found = self._shop.refunds_between(None, None)
        for clock in asked:
            bounds = (values.get(f"begin_{clock}_time"), values.get(f"end_{clock}_time"))
            start, end = _span(*bounds, _LONGEST_OF_AFTERSALES, 10020004)
            by_update = clock == "update"
            of_all = snapshot.refund_modified if by_update else snapshot.world.refunds.requested_at
            found = found[(of_all[found] >= start) & (of_all[found] <= end)]
        page, paging = self._paged(values, request, found, _AFTERSALES_A_PAGE)
        order = snapshot.world.refunds.order
        self._retail.remember_page(order[page], order[found])
        numbers = [aftersale_id(row) for row in page.tolist()]
        return {"after_sale_order_id_list": numbers, **paging}

    def aftersale(self, values: Values, _request: Request) -> dict[str, Any]:
        """aftersale/getaftersaleorder: one after-sale."""
        _only(values, {"after_sale_order_id"})
        row = row_of_aftersale(str(values.get("after_sale_order_id", "")))
        visible = self._shop.refunds_between(None, None)
        if row is None or not (visible == row).any():
            raise StoreError(10021050, "after sale order not exist")
        self._retail.counters[f"{_PLATFORM}.aftersales"] += 1
        (aftersale,) = aftersale_page(self._shop, self._catalogue, np.array([row]))
        return {"after_sale_order": aftersale}

    def _paged(
        self, values: Values, request: Request, found: Ints, size: int
    ) -> tuple[Ints, dict[str, Any]]:
        """One page, and where the next one begins; keys are good for the same query only."""
        if len(found) > self._options["most_listed"]:
            raise StoreError(31042, "too many orders, reduce the time range")
        query = str(sorted((name, str(v)) for name, v in values.items() if name != "next_key"))
        name_query(request, f"{_PLATFORM} {request.url.path} {query}")
        prefix = hashlib.sha256(query.encode()).hexdigest()[:12]
        begin = 0
        if values.get("next_key"):
            given, _, place = str(values["next_key"]).partition("-")
            if given != prefix or not place.isdecimal():
                raise StoreError(606006, "next_key does not fit the other args")
            begin = int(place)
        end = begin + size
        return found[begin:end], {"has_more": end < len(found), "next_key": f"{prefix}-{end}"}


def _check_faults(request: Request) -> None:
    if is_throttled(request):
        raise StoreError(45011, "api minute-quota reach limit, must slower, retry next minute")
    if is_unavailable(request):
        raise StoreError(-1, "system error")


def _values(body: bytes) -> Values:
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        raise StoreError(47001, "data format error")
    return values


def _only(values: Values, known: set[str]) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        raise StoreError(40097, f"invalid args, unknown {unknown[0]}")


def _span(start: Any, end: Any, longest: int, code: int) -> tuple[int, int]:
    """Both ends in local seconds; both belong to the span."""
    if not isinstance(start, int) or not isinstance(end, int):
        raise StoreError(47001, "data format error, times are numbers of seconds")
    if end < start or end - start > longest:
        raise StoreError(code, f"invalid time range, at most {longest // HOUR} hours")
    return seconds_of_epoch(start), seconds_of_epoch(end)
