"""Douyin's shop platform (Doudian): JSON by POST, the signature over the very bytes of the body.

`/douyin/order/searchList`, `/douyin/order/orderDetail` and `/douyin/afterSale/List`; shipments by
`/douyin/order/logisticsAdd` (seen in the order's detail), stock by `/douyin/sku/syncStock`. All but
code 10000 is an error, inside HTTP 200. An order's `update_time` moves with the order alone: its
after-sales have times of their own. Not simulated: other methods, and filters not named here.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import CHANNELS, DOUYIN
from connectors.sandbox.servers.clock import (
    epoch_of,
    seconds_of,
    seconds_of_epoch,
)
from connectors.sandbox.servers.douyin_aftersales import (
    aftersale_status,
    aftersale_type,
    aftersales_page,
)
from connectors.sandbox.servers.douyin_orders import (
    Catalogue,
    main_status,
    order_status,
    orders_page,
)
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.shop_writes import ShopWrites
from connectors.sandbox.servers.views import Shop
from connectors.sandbox.world import DAY, Flags, Ints

_CLOCK_TOLERANCE: Final = 600
_TO_SHIP: Final = 2
_REACH: Final = 93 * DAY
_LARGEST_PAGE: Final = 100
_DEEPEST_ORDER: Final = 10_000
_DEEPEST_AFTERSALE: Final = 50_000
_ORDER_FILTERS: Final = {
    "page",
    "size",
    "create_time_start",
    "create_time_end",
    "update_time_start",
    "update_time_end",
    "order_by",
    "order_asc",
    "combine_status",
    "after_sale_status_desc",
}
_AFTERSALE_FILTERS: Final = {
    "page",
    "size",
    "start_time",
    "end_time",
    "update_start_time",
    "update_end_time",
    "order_by",
    "order_id",
    "aftersale_type",
    "standard_aftersale_status",
    "need_special_type",
}

Values = dict[str, Any]


class DoudianError(Exception):
    """An answer with another code than 10000."""

    def __init__(self, code: int, message: str, sub_code: str) -> None:
        super().__init__(message)
        self.code, self.message, self.sub_code = code, message, sub_code


def routes(retail: Retail) -> list[Route]:
    """The methods, each at its own path."""
    shop = _Doudian(retail)
    methods: dict[str, Callable[[Values, Request], Values]] = {
        "order.searchList": shop.search,
        "order.orderDetail": shop.detail,
        "afterSale.List": shop.aftersales,
        "order.logisticsAdd": shop.ship,
        "sku.syncStock": shop.set_stock,
    }

    def endpoint(name: str) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            return await shop.answer(name, methods[name], request)

        return answer

    return [
        Route("/" + name.replace(".", "/"), endpoint(name), methods=["POST"]) for name in methods
    ]


class _Doudian:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._catalogue = Catalogue(retail.world)
        self._writes = ShopWrites()
        self._changes: set[str] = set()
        retail.written["douyin"] = self._writes.described

    async def answer(
        self, name: str, method: Callable[[Values, Request], Values], request: Request
    ) -> Response:
        """Check a call and answer it; every error is an envelope inside HTTP 200."""
        body = await request.body()
        try:
            data = self._answered(name, method, request, body)
            answer = _envelope(10_000, "success", "", data)
        except DoudianError as error:
            self._retail.counters[f"douyin.error.{error.code}"] += 1
            answer = _envelope(error.code, error.message, error.sub_code, None)
        return Response(orjson.dumps(answer), media_type="application/json")

    def _answered(
        self, name: str, method: Callable[[Values, Request], Values], request: Request, body: bytes
    ) -> Values:
        if is_throttled(request):
            raise DoudianError(80_000, "请求过于频繁，请稍后再试", "isp.flow-control")
        self._check(name, request.query_params, body)
        if is_unavailable(request):
            raise DoudianError(20_000, "系统繁忙，请稍后再试", "isp.service-error")
        return method(_values(body), request)

    def _check(self, name: str, query: Mapping[str, str], body: bytes) -> None:
        known = self._retail.credentials.douyin
        for parameter in ("app_key", "method", "timestamp", "v", "sign", "access_token"):
            if not query.get(parameter):
                raise _wrong(parameter, "缺少系统参数")
        if query["method"] != name or query["v"] != "2":
            raise _wrong("method", "method与路径不符或版本错误")
        if query["app_key"] != known.app_key:
            raise DoudianError(40_001, "app_key不存在", "isv.app-key-invalid")
        _check_clock(query["timestamp"])
        if not is_signed(query, body, known.app_secret):
            raise DoudianError(40_003, "签名校验失败", "isv.sign-invalid")
        token = query["access_token"]
        if token == known.expired_token or "douyin" in self._retail.expired:
            raise DoudianError(30_001, "access_token已过期", "isv.access-token-expired")
        if token == known.poor_token:
            raise DoudianError(30_005, "应用没有该接口的权限", "isv.app-permissions-insufficient")
        if token != known.access_token:
            raise DoudianError(30_002, "access_token不存在", "isv.access-token-no-existed")

    @property
    def _shop(self) -> Shop:
        return self._retail.shop(CHANNELS[DOUYIN], with_refunds=False)

    def search(self, values: Values, request: Request) -> Values:
        """order.searchList: by time of creation or of update, newest first by default."""
        _only(values, _ORDER_FILTERS)
        by = values.get("order_by", "create_time")
        if by not in ("create_time", "update_time"):
            raise _wrong("order_by", "只支持create_time和update_time")
        if values.get("after_sale_status_desc", "all") != "all":
            raise _wrong("after_sale_status_desc", "沙箱只支持all")
        created = self._window(values, "create_time_start", "create_time_end")
        updated = self._window(values, "update_time_start", "update_time_end")
        orders = self._found(created, updated, by)
        orders = self._with_status(orders, values.get("combine_status"))
        if not values.get("order_asc", False):
            orders = orders[::-1]
        number, size, page = _paged(values, orders, _DEEPEST_ORDER)
        self._remember(values, request, "orders", page, orders)
        self._retail.counters["douyin.orders"] += len(page)
        rows = orders_page(self._shop, self._catalogue, page)
        return {"total": len(orders), "page": number, "size": size, "shop_order_list": rows}

    def detail(self, values: Values, _request: Request) -> Values:
        """order.orderDetail: one order."""
        order = self._shop.find(str(values.get("shop_order_id", "")))
        if order is None:
            raise DoudianError(50_002, "订单不存在", "isv.business-failed:1001")
        (row,) = orders_page(self._shop, self._catalogue, order)
        parcel = self._writes.shipments.get(str(values["shop_order_id"]))
        if parcel is not None:
            row = {**row, "logistics_info": [parcel]}
        return {"shop_order_detail": row}

    def ship(self, values: Values, _request: Request) -> Values:
        """order.logisticsAdd: the whole order leaves with one parcel."""
        for name in ("order_id", "company_code", "logistics_code"):
            if not values.get(name):
                raise _wrong(name, "必填")
        number = str(values["order_id"])
        order = self._shop.find(number)
        if order is None:
            raise DoudianError(50_002, "订单不存在", "isv.business-failed:1001")
        (row,) = orders_page(self._shop, self._catalogue, order)
        parcel = {"tracking_no": values["logistics_code"], "company": values["company_code"]}
        is_shippable = row["order_status"] == _TO_SHIP and not row["logistics_info"]
        if not self._writes.ship(number, parcel, is_shippable=is_shippable):
            raise DoudianError(50_002, "订单已发货或不可发货", "isv.business-failed:4031")
        return {}

    def set_stock(self, values: Values, _request: Request) -> Values:
        """sku.syncStock: as a whole, or as a change that its `idempotent_id` lets happen once."""
        article = str(values.get("sku_id") or values.get("product_id") or "")
        if not article or not isinstance(values.get("stock_num"), int):
            raise _wrong("stock_num", "sku_id（或product_id）与stock_num必填")
        is_change, key = bool(values.get("incremental")), str(values.get("idempotent_id") or "")
        if is_change and key in self._changes:
            return {}
        self._changes.add(key)
        self._writes.set_stock(article, values["stock_num"], is_change=is_change)
        return {}

    def aftersales(self, values: Values, request: Request) -> Values:
        """afterSale.List: by time of update, newest first by default."""
        _only(values, _AFTERSALE_FILTERS)
        snapshot = self._retail.snapshot
        by, ascending = _aftersale_order(values.get("order_by"))
        applied = self._window(values, "start_time", "end_time")
        updated = self._window(values, "update_start_time", "update_end_time")
        refunds = self._shop.refunds_between(*updated)
        asked = snapshot.world.refunds.requested_at
        refunds = refunds[_inside(asked[refunds], applied)]
        if by == "apply_time":
            refunds = refunds[np.argsort(asked[refunds], kind="stable")]
        refunds = self._with_aftersale_filters(refunds, values)
        if not ascending:
            refunds = refunds[::-1]
        number, size, page = _paged(values, refunds, _DEEPEST_AFTERSALE)
        order = snapshot.world.refunds.order
        self._remember(values, request, "aftersales", order[page], order[refunds])
        self._retail.counters["douyin.aftersales"] += len(page)
        return {
            "items": aftersales_page(snapshot, page),
            "has_more": (number + 1) * size < len(refunds),
            "page": number,
            "size": size,
            "total": len(refunds),
        }

    def _found(self, created: "_Span", updated: "_Span", by: str) -> Ints:
        """The orders in both windows, in ascending order of the wanted time."""
        shop = self._shop
        if by == "update_time":
            orders = shop.modified_between(*updated)
            times = self._retail.world.orders.created_at[orders]
            inside = _inside(times, created)
        else:
            orders = shop.created_between(*created)
            inside = _inside(shop.modified[orders], updated)
        found: Ints = orders[inside]
        return found

    def _with_status(self, orders: Ints, combined: Any) -> Ints:
        """`combine_status`: a list with one object of comma-separated codes."""
        if combined is None:
            return orders
        if not isinstance(combined, list) or len(combined) != 1:
            raise _wrong("combine_status", "应为只有一个元素的数组")
        wanted: Values = combined[0]
        snapshot = self._retail.snapshot
        for name, codes_of in (("order_status", order_status), ("main_status", main_status)):
            if wanted.get(name):
                codes = [int(code) for code in str(wanted[name]).split(",") if code.isdigit()]
                orders = orders[np.isin(codes_of(snapshot, orders), codes)]
        return orders

    def _with_aftersale_filters(self, refunds: Ints, values: Values) -> Ints:
        snapshot = self._retail.snapshot
        if values.get("aftersale_type") is not None:
            kept = aftersale_type(snapshot, refunds) == values["aftersale_type"]
            refunds = refunds[kept]
        if values.get("standard_aftersale_status"):
            wanted = values["standard_aftersale_status"]
            refunds = refunds[np.isin(aftersale_status(snapshot, refunds), wanted)]
        if values.get("order_id"):
            order = self._shop.find(str(values["order_id"]))
            place = -1 if order is None else int(order[0])
            refunds = refunds[snapshot.world.refunds.order[refunds] == place]
        return refunds

    def _window(self, values: Values, first: str, last: str) -> "_Span":
        """Local seconds of an epoch window; 0 and absent mean open."""
        ends = []
        for name in (first, last):
            value = values.get(name) or 0
            if not isinstance(value, int):
                raise _wrong(name, "应为秒级时间戳")
            ends.append(seconds_of_epoch(value) if value else None)
        start, end = ends
        if start is not None and start < self._retail.now - _REACH:
            raise _wrong(first, "只能查询最近90天")
        if start is not None and end is not None and end < start:
            raise _wrong(last, "结束时间不能早于开始时间")
        return start, end

    def _remember(
        self, values: Values, request: Request, what: str, page: Ints, matching: Ints
    ) -> None:
        query = sorted((name, str(value)) for name, value in values.items() if name != "page")
        name_query(request, f"douyin {what} {query}")
        self._retail.remember_page(page, matching)


_Span = tuple[int | None, int | None]


def is_signed(query: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the signature fits; without `sign_method` the platform assumes MD5."""
    names = (b"app_key", b"method", b"param_json", b"timestamp", b"v")
    given = (query["app_key"], query["method"], body, query["timestamp"], query["v"])
    values = [value if isinstance(value, bytes) else value.encode() for value in given]
    text = b"".join(name + value for name, value in zip(names, values, strict=True))
    key = secret.encode()
    text = key + text + key
    if query.get("sign_method", "md5") == "hmac-sha256":
        digest = hmac.digest(key, text, "sha256").hex()
    else:
        digest = hashlib.md5(text, usedforsecurity=False).hexdigest()
    return hmac.compare_digest(digest.encode(), query["sign"].encode())


def _check_clock(timestamp: str) -> None:
    try:
        sent = int(timestamp) if timestamp.isdigit() else epoch_of(seconds_of(timestamp))
    except ValueError:
        raise _wrong("timestamp", "时间戳格式错误") from None
    if abs(sent - time.time()) > _CLOCK_TOLERANCE:
        raise DoudianError(40_005, "timestamp与服务器相差超过10分钟", "isv.timestamp-expired")


def _envelope(code: int, message: str, sub_code: str, data: Values | None) -> Values:
    return {
        "code": code,
        "msg": message if code == 10_000 else "error",
        "sub_code": sub_code,
        "sub_msg": "" if code == 10_000 else message,
        "log_id": uuid4().hex,
        "data": data,
    }


def _wrong(name: str, reason: str) -> DoudianError:
    return DoudianError(40_004, f"{name}：{reason}", f"isv.parameter-invalid:{name}")


def _values(body: bytes) -> Values:
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _wrong("param_json", "不是JSON") from None
    if not isinstance(values, dict):
        raise _wrong("param_json", "应为JSON对象")
    return values


def _only(values: Values, known: set[str]) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        raise _wrong(unknown[0], "沙箱不支持此参数")


def _paged(values: Values, rows: Ints, deepest: int) -> tuple[int, int, Ints]:
    """Page number from 0, its size and rows; both must be sent, zero included."""
    number, size = values.get("page"), values.get("size")
    if not isinstance(number, int) or number < 0:
        raise _wrong("page", "必填，从0开始")
    if not isinstance(size, int) or not 1 <= size <= _LARGEST_PAGE:
        raise _wrong("size", f"必填，不超过{_LARGEST_PAGE}")
    if number * size > deepest:
        raise _wrong("page", f"page*size不能超过{deepest}，请缩小时间范围")
    return number, size, rows[number * size : (number + 1) * size]


def _inside(times: Ints, span: _Span) -> Flags:
    start, end = span
    inside = np.ones(len(times), dtype=np.bool_)
    if start is not None:
        inside &= times >= start
    if end is not None:
        inside &= times <= end
    return inside


def _aftersale_order(order_by: Any) -> tuple[str, bool]:
    """Field and direction of `["update_time asc"]`."""
    if not order_by:
        return "update_time", False
    words = str(order_by[0] if isinstance(order_by, list) else order_by).split()
    directions = {"asc": True, "desc": False}
    if words[:1] not in (["update_time"], ["apply_time"]) or words[-1] not in directions:
        raise _wrong("order_by", '如["update_time asc"]')
    return words[0], directions[words[-1]]
