"""Pinduoduo's open platform: one gateway, `type=`, MD5 between two secrets over every parameter.

`/pdd/api/router` answers pdd.order.list.get, pdd.order.number.list.increment.get,
pdd.order.information.get and pdd.refund.list.increment.get, asked by form or by JSON. Orders are
told from the moment that they are a deal. Errors come inside HTTP 200. Not simulated: XML, address
allow-lists, other types.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import CHANNELS, TMALL
from connectors.sandbox.servers.clock import seconds_of_epoch
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.pdd_orders import (
    ANY,
    after_sales_status,
    after_sales_type,
    dealt_at,
    order_numbers,
    order_status,
    orders_page,
    refund_status,
    refunds_page,
)
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.views import Shop
from connectors.sandbox.world import DAY, MINUTE, NEVER, Ints

_CLOCK_TOLERANCE: Final = 600
_REACH: Final = 93 * DAY
_LARGEST_PAGE: Final = 100
_LONGEST_INCREMENT: Final = 30 * MINUTE
_LAG: Final = 3 * MINUTE
"""How far behind the present an increment has to end."""

Parameters = Mapping[str, str]


class PopError(Exception):
    """An error envelope of Pinduoduo."""

    def __init__(self, code: int, message: str, sub_message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.envelope: dict[str, Any] = {
            "error_code": code,
            "error_msg": message,
            "sub_code": str(code) if sub_message else None,
            "sub_msg": sub_message,
            "request_id": f"{time.time_ns()}",
        }


def routes(retail: Retail) -> list[Route]:
    """The gateway."""
    return [Route("/api/router", _Gateway(retail).answer, methods=["POST"])]


class _Gateway:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._types: dict[str, tuple[str, Callable[[Parameters, Request], dict[str, Any]]]] = {
            "pdd.order.list.get": ("order_list_get_response", self._deals),
            "pdd.order.number.list.increment.get": (
                "order_sn_increment_get_response",
                self._increment,
            ),
            "pdd.order.information.get": ("order_info_get_response", self._information),
            "pdd.refund.list.increment.get": ("refund_increment_get_response", self._refunds),
        }

    async def answer(self, request: Request) -> Response:
        """Answer one call; every error is an envelope inside HTTP 200."""
        try:
            answer = self._answered(request, await request.body())
        except PopError as error:
            self._retail.counters[f"pdd.error.{error.code}"] += 1
            answer = {"error_response": error.envelope}
        return Response(orjson.dumps(answer), media_type="application/json;charset=UTF-8")

    def _answered(self, request: Request, body: bytes) -> dict[str, Any]:
        parameters = _parameters(request, body)
        if is_throttled(request):
            raise PopError(70_031, "调用过于频繁，请调整调用频率")
        key, method = self._check(parameters)
        if is_unavailable(request):
            raise PopError(52_102, "业务服务错误", "服务暂时不可用，请稍后重试")
        return {key: method(parameters, request)}

    def _check(
        self, parameters: Parameters
    ) -> tuple[str, Callable[[Parameters, Request], dict[str, Any]]]:
        """Check everything that all types share; returns the response's key and the type's method.

        Raises:
            PopError: what is missing, wrong or expired.
        """
        known = self._retail.credentials.pdd
        for name in ("type", "client_id", "timestamp", "sign", "access_token"):
            if not parameters.get(name):
                raise PopError(10_001, f"公共参数错误:{name}")
        if parameters.get("data_type", "JSON") != "JSON":
            raise PopError(10_001, "公共参数错误:data_type", "沙箱只支持JSON")
        found = self._types.get(parameters["type"])
        if found is None:
            raise PopError(10_017, "type不正确")
        if parameters["client_id"] != known.client_id:
            raise PopError(10_016, "client下线或者clientId不正确")
        _check_clock(parameters["timestamp"])
        if not is_signed(parameters, known.client_secret):
            raise PopError(20_004, "签名sign校验失败")
        token = parameters["access_token"]
        if token == known.expired_token or "pdd" in self._retail.expired:
            raise PopError(10_019, "access_token已过期")
        if token != known.access_token:
            raise PopError(20_032, "access_token错误或者client错误")
        return found

    @property
    def _shop(self) -> Shop:
        return self._retail.shop(CHANNELS[TMALL], with_refunds=True)

    def _deals(self, parameters: Parameters, request: Request) -> dict[str, Any]:
        """pdd.order.list.get: by the time of the deal, newest first."""
        start, end = self._span(parameters, "start_confirm_at", "end_confirm_at", DAY)
        if start < self._retail.now - _REACH:
            raise _wrong("start_confirm_at", "只能查询三个月内的订单")
        orders = self._told(self._shop.created_between(None, end))
        times = dealt_at(self._shop.snapshot, orders)
        inside = (times >= start) & (times <= end)
        orders, times = orders[inside], times[inside]
        return self._orders(
            parameters, request, orders[np.argsort(times, kind="stable")], "order_list"
        )

    def _increment(self, parameters: Parameters, request: Request) -> dict[str, Any]:
        """pdd.order.number.list.increment.get: by the time of the update, newest first."""
        start, end = self._span(
            parameters, "start_updated_at", "end_updated_at", _LONGEST_INCREMENT
        )
        self._check_lag(end)
        _number(parameters, "is_lucky_flag")
        orders = self._told(self._shop.modified_between(start, end))
        return self._orders(parameters, request, orders, "order_sn_list")

    def _told(self, orders: Ints) -> Ints:
        """Only what is a deal: a group that is not complete shows nowhere."""
        told: Ints = orders[dealt_at(self._shop.snapshot, orders) != NEVER]
        return told

    def _orders(
        self, parameters: Parameters, request: Request, orders: Ints, group: str
    ) -> dict[str, Any]:
        snapshot = self._shop.snapshot
        for name, codes_of in (("order_status", order_status), ("refund_status", refund_status)):
            wanted = _number(parameters, name)
            if wanted != ANY:
                orders = orders[codes_of(snapshot, orders) == wanted]
        page, answer = _paged(parameters, orders)
        self._remember(parameters, request, page, orders)
        self._retail.counters["pdd.orders"] += len(page)
        return {group: orders_page(self._shop, page), **answer}

    def _information(self, parameters: Parameters, _request: Request) -> dict[str, Any]:
        """pdd.order.information.get: one order."""
        number = parameters.get("order_sn", "")
        order = self._shop.find(number.partition("-")[2])
        snapshot = self._shop.snapshot
        is_told = order is not None and len(self._told(order)) == 1
        if order is None or not is_told or order_numbers(snapshot, order) != [number]:
            raise PopError(50_001, "业务服务错误", "订单不存在")
        (row,) = orders_page(self._shop, order)
        return {"order_info": row}

    def _refunds(self, parameters: Parameters, request: Request) -> dict[str, Any]:
        """pdd.refund.list.increment.get: by the time of the update, newest first."""
        start, end = self._span(
            parameters, "start_updated_at", "end_updated_at", _LONGEST_INCREMENT
        )
        self._check_lag(end)
        snapshot = self._shop.snapshot
        refunds = self._shop.refunds_between(start, end)
        kind = _number(parameters, "after_sales_type")
        status = _number(parameters, "after_sales_status")
        # 1 asks for all of both, as the documentation's own example does.
        if kind != 1:
            refunds = refunds[after_sales_type(snapshot, refunds) == kind]
        if status != 1:
            refunds = refunds[after_sales_status(snapshot, refunds) == status]
        page, answer = _paged(parameters, refunds)
        order = snapshot.world.refunds.order
        self._remember(parameters, request, order[page], order[refunds])
        self._retail.counters["pdd.refunds"] += len(page)
        return {"refund_list": refunds_page(snapshot, page), **answer}

    def _span(self, parameters: Parameters, first: str, last: str, longest: int) -> tuple[int, int]:
        """Both ends in local seconds; both belong to the span."""
        start, end = _number(parameters, first), _number(parameters, last)
        if end < start or end - start > longest:
            raise _wrong(last, f"开始结束时间间距不能超过{longest // MINUTE}分钟")
        return seconds_of_epoch(start), seconds_of_epoch(end)

    def _check_lag(self, end: int) -> None:
        """An increment that reaches into the last minutes would be incomplete."""
        if end > self._retail.now - _LAG:
            raise _wrong("end_updated_at", "结束时间需小于系统时间3分钟")

    def _remember(
        self, parameters: Parameters, request: Request, page: Ints, matching: Ints
    ) -> None:
        left_out = ("page", "timestamp", "sign")
        query = sorted(item for item in parameters.items() if item[0] not in left_out)
        name_query(request, f"pdd {query}")
        self._retail.remember_page(page, matching)


def is_signed(parameters: Parameters, secret: str) -> bool:
    """Whether the signature fits all the other parameters as they were sent."""
    names = sorted(name for name in parameters if name != "sign")
    text = "".join([secret, *(name + parameters[name] for name in names), secret])
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
    return hmac.compare_digest(digest.encode(), parameters["sign"].encode())


def _parameters(request: Request, body: bytes) -> dict[str, str]:
    """What was sent, by form or as a JSON object whose nested values are signed as text."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        text = body.decode("utf-8", errors="replace")
        return dict(request.query_params) | dict(parse_qsl(text, keep_blank_values=True))
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        raise PopError(10_000, "参数错误", "不是JSON对象")
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in values.items()
    }


def _check_clock(timestamp: str) -> None:
    if not timestamp.isascii() or not timestamp.isdigit():
        raise PopError(10_001, "公共参数错误:timestamp")
    if abs(int(timestamp) - time.time()) > _CLOCK_TOLERANCE:
        raise PopError(10_001, "公共参数错误:timestamp", "时间戳与系统时间相差超过10分钟")


def _wrong(name: str, reason: str) -> PopError:
    return PopError(10_000, f"参数错误:{name}", reason)


def _number(parameters: Parameters, name: str) -> int:
    text = parameters.get(name, "")
    if not text.isascii() or not text.isdigit():
        raise _wrong(name, "必填，应为整数")
    return int(text)


def _paged(parameters: Parameters, rows: Ints) -> tuple[Ints, dict[str, Any]]:
    """One page of rows listed oldest first, turned to newest first, and what is said about it."""
    given = {"page": "1", "page_size": str(_LARGEST_PAGE)} | dict(parameters)
    number, size = _number(given, "page"), _number(given, "page_size")
    if number < 1:
        raise _wrong("page", "从1开始")
    if not 1 <= size <= _LARGEST_PAGE:
        raise _wrong("page_size", f"不超过{_LARGEST_PAGE}")
    begin = (number - 1) * size
    page = rows[::-1][begin : begin + size]
    if parameters.get("use_has_next") == "true":
        return page, {"has_next": begin + size < len(rows)}
    return page, {"total_count": len(rows)}
