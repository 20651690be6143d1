"""JD's open platform: one gateway, `method=`, one JSON text of parameters, MD5 between two secrets.

`/jd/routerjson` answers jingdong.pop.order.search and enSearch,
jingdong.pop.afs.soa.refundapply.queryPageList and jingdong.asc.serviceAndRefund.view. Answers are
called `..._responce`. Errors come inside HTTP 200: of the gateway as `error_response`, of a service
as `success: false`. Not simulated: the SP-API, other methods, further pages than JD serves.
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
from connectors.sandbox.servers.clock import OFFSET, seconds_of
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.jd_orders import ASKABLE, TO_SHIP, OrderPage, Orders
from connectors.sandbox.servers.jd_refunds import (
    application_status,
    applications_page,
    asked_at,
    checked_at,
    refunds_of,
    services_page,
)
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.views import Shop
from connectors.sandbox.world import DAY, Ints

_PARAMETERS: Final = "360buy_param_json"
_CLOCK_TOLERANCE: Final = 360
_LONGEST_SEARCH: Final = 31 * DAY
_LONGEST_APPLY, _LONGEST_APPROVE = 7 * DAY, 10 * DAY
_MOST_ORDERS, _MOST_REFUNDS = 100, 50
_LAST_APPLICATION_PAGE: Final = 100

Values = Mapping[str, Any]


class GatewayError(Exception):
    """An error of the gateway: JD names code and text in two languages."""

    def __init__(self, code: str, chinese: str, english: str) -> None:
        super().__init__(english)
        self.code = code
        self.envelope = {"code": code, "zh_desc": chinese, "en_desc": english}


class ServiceError(Exception):
    """An error of the service behind the gateway."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def routes(retail: Retail) -> list[Route]:
    """The gateway."""
    return [Route("/routerjson", _Gateway(retail).answer, methods=["POST"])]


class _Gateway:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._orders = Orders(retail.world)
        self._methods: dict[str, Callable[[Values, Request], dict[str, Any]]] = {
            "jingdong.pop.order.search": self._search,
            "jingdong.pop.order.enSearch": self._encrypted_search,
            "jingdong.pop.afs.soa.refundapply.queryPageList": self._applications,
            "jingdong.asc.serviceAndRefund.view": self._services,
        }

    async def answer(self, request: Request) -> Response:
        """Answer one call; every error is told inside HTTP 200."""
        try:
            answer = self._answered(request, await request.body())
        except GatewayError as error:
            self._retail.counters[f"jd.error.{error.code}"] += 1
            answer = {"error_response": error.envelope}
        return Response(orjson.dumps(answer), media_type="application/json;charset=UTF-8")

    def _answered(self, request: Request, body: bytes) -> dict[str, Any]:
        text = body.decode("utf-8", errors="replace")
        form = dict(request.query_params) | dict(parse_qsl(text, keep_blank_values=True))
        if is_throttled(request):
            raise GatewayError("2", "限制时间内调用失败次数", "App Call Limited")
        method = self._check(form)
        if is_unavailable(request):
            raise GatewayError(
                "67", "平台连接后端服务超时，请稍后重试", "Platform connection to service timed out"
            )
        values = _values(form.get(_PARAMETERS, "{}"))
        name_query(request, f"jd {form['method']} {_without_page(values)}")
        key = f"{form['method'].replace('.', '_')}_responce"
        return {key: {"code": "0", **method(values, request)}}

    def _check(self, form: Mapping[str, str]) -> Callable[[Values, Request], dict[str, Any]]:
        """Check everything that all methods share; returns the method.

        Raises:
            GatewayError: what is missing, wrong or expired.
        """
        known = self._retail.credentials.jd
        for name, code, chinese, english in _NEEDED:
            if not form.get(name):
                raise GatewayError(code, chinese, english)
        if form["v"] != "2.0":
            raise GatewayError("5", "不支持的版本号", "Unsupported Version")
        method = self._methods.get(form["method"])
        if method is None:
            raise GatewayError("15", "不存在的方法名", "Invalid Method")
        if form["app_key"] != known.app_key:
            raise GatewayError("18", "无效的app_key", "Invalid app_key")
        _check_clock(form["timestamp"])
        if not is_signed(form, known.app_secret):
            raise GatewayError("12", "无效签名", "Invalid Signature")
        if form["access_token"] != known.access_token or "jd" in self._retail.expired:
            raise GatewayError("19", "无效access_token", "Invalid access_token")
        return method

    @property
    def _shop(self) -> Shop:
        return self._retail.shop(CHANNELS[TMALL], with_refunds=False)

    def _search(self, values: Values, _request: Request) -> dict[str, Any]:
        """jingdong.pop.order.search."""
        return {"searchorderinfo_result": self._searched(values, is_encrypted=False)}

    def _encrypted_search(self, values: Values, _request: Request) -> dict[str, Any]:
        """jingdong.pop.order.enSearch: the same, with buyers and receivers encrypted."""
        return {"searchorderinfo_result": self._searched(values, is_encrypted=True)}

    def _searched(self, values: Values, *, is_encrypted: bool) -> dict[str, Any]:
        try:
            total, rows = self._found(values, is_encrypted=is_encrypted)
        except ServiceError as error:
            result = {
                "success": False,
                "numberCode": error.code,
                "chineseErrCode": error.reason,
                "englishErrCode": "params error",
            }
            return {"apiResult": result, "orderTotal": 0, "orderInfoList": []}
        result = {"success": True, "numberCode": "0", "chineseErrCode": "成功"}
        return {"apiResult": result, "orderTotal": total, "orderInfoList": rows}

    def _found(self, values: Values, *, is_encrypted: bool) -> tuple[int, list[dict[str, Any]]]:
        states = set(_text(values, "order_state").split(","))
        unknown = sorted(states - ASKABLE)
        if unknown:
            raise ServiceError("10100021", f"订单状态不正确:{unknown[0]}")
        fields = [field.strip() for field in _text(values, "optional_fields").split(",")]
        number, size = _page(values, "page", "page_size", _MOST_ORDERS)
        start, end = self._search_span(values, is_to_ship=states == {TO_SHIP})
        find = self._orders.modified_between
        if str(values.get("dateType")) == "1":
            find = self._orders.created_between
        told = find(self._shop, start, end)
        told = told.only(np.array([state in states for state in told.state], dtype=np.bool_))
        matching = told.row
        if str(values.get("sortType")) == "1":
            told = told.only(slice(None, None, -1))
        page = told.only(slice((number - 1) * size, number * size))
        self._retail.remember_page(page.row, matching)
        self._retail.counters["jd.orders"] += len(page)
        made = OrderPage(self._shop, self._orders, page, is_encrypted=is_encrypted)
        return len(told), made.rows(fields)

    def _search_span(self, values: Values, *, is_to_ship: bool) -> tuple[int, int]:
        """Only orders that wait to be shipped may be asked for without a span."""
        if is_to_ship and not values.get("start_date") and not values.get("end_date"):
            return self._retail.now - _LONGEST_SEARCH, self._retail.now
        return _span(values, "start_date", "end_date", _LONGEST_SEARCH)

    def _applications(self, values: Values, _request: Request) -> dict[str, Any]:
        """jingdong.pop.afs.soa.refundapply.queryPageList, newest application first."""
        try:
            total, rows = self._applied(values)
        except ServiceError as error:
            told = {"success": False, "errorCode": error.code, "errorMsg": error.reason}
            return {"queryResult": told}
        return {"queryResult": {"success": True, "totalCount": total, "result": rows}}

    def _applied(self, values: Values) -> tuple[int, list[dict[str, Any]]]:
        number, size = _page(values, "pageIndex", "pageSize", _MOST_REFUNDS)
        if number > _LAST_APPLICATION_PAGE:
            raise ServiceError("1002", f"pageIndex不能大于{_LAST_APPLICATION_PAGE}")
        snapshot = self._shop.snapshot
        refunds = refunds_of(self._shop, is_application=True)
        for times, first, last in (
            (asked_at, "applyTimeStart", "applyTimeEnd"),
            (checked_at, "checkTimeStart", "checkTimeEnd"),
        ):
            if values.get(first) or values.get(last):
                refunds = _inside(refunds, times(snapshot, refunds), _span(values, first, last))
        if values.get("status") is not None:
            refunds = refunds[application_status(snapshot, refunds) == int(values["status"])]
        page = self._paged(refunds, number, size, "jd.applications")
        return len(refunds), applications_page(self._shop, self._orders, page)

    def _services(self, values: Values, _request: Request) -> dict[str, Any]:
        """jingdong.asc.serviceAndRefund.view, newest application first."""
        try:
            return {"pageResult": self._served(values)}
        except ServiceError as error:
            told = {"success": False, "code": error.code, "msg": error.reason}
            return {"pageResult": told}

    def _served(self, values: Values) -> dict[str, Any]:
        number, size = _page(values, "pageNumber", "pageSize", _MOST_REFUNDS)
        snapshot = self._shop.snapshot
        refunds = refunds_of(self._shop, is_application=False)
        spans = (
            (asked_at, "applyTimeBegin", "applyTimeEnd", _LONGEST_APPLY),
            (checked_at, "approveTimeBegin", "approveTimeEnd", _LONGEST_APPROVE),
        )
        asked = [span for span in spans if values.get(span[1]) or values.get(span[2])]
        if not asked:
            raise ServiceError("00001", "申请时间、审核时间、订单号不能同时为空")
        for times, first, last, longest in asked:
            span = _span(values, first, last, longest)
            refunds = _inside(refunds, times(snapshot, refunds), span)
        page = self._paged(refunds, number, size, "jd.services")
        return {
            "success": True,
            "code": "00000",
            "pageNumber": number,
            "pageSize": size,
            "totalCount": len(refunds),
            "data": services_page(self._shop, self._orders, page),
        }

    def _paged(self, refunds: Ints, number: int, size: int, counter: str) -> Ints:
        page = refunds[::-1][(number - 1) * size : number * size]
        order = self._retail.world.refunds.order
        self._retail.remember_page(order[page], order[refunds])
        self._retail.counters[counter] += len(page)
        return page


_NEEDED: Final = (
    ("method", "14", "缺少方法名参数", "Missing Method"),
    ("v", "4", "缺少版本参数", "Missing Version"),
    ("timestamp", "7", "缺少时间戳参数", "Missing Timestamp"),
    ("sign", "11", "缺少签名参数", "Missing Signature"),
    ("app_key", "17", "缺少app_key", "Missing app_key"),
    ("access_token", "19", "无效access_token", "Invalid access_token"),
)


def is_signed(form: Mapping[str, str], secret: str) -> bool:
    """Whether the signature fits all the other parameters as they were sent."""
    names = sorted(name for name in form if name != "sign")
    text = "".join([secret, *(name + form[name] for name in names), secret])
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
    return hmac.compare_digest(digest.encode(), form["sign"].encode())


def _check_clock(timestamp: str) -> None:
    """`2026-06-30 12:00:00.123+0800` or the same time without what follows the seconds."""
    try:
        local = seconds_of(timestamp[:19])
    except ValueError:
        local = 0
    if timestamp[19:] and not timestamp.endswith("+0800"):
        local = 0
    if abs(local - OFFSET - time.time()) > _CLOCK_TOLERANCE:
        raise GatewayError("8", "非法的时间戳参数", "Invalid Timestamp")


def _values(text: str) -> Values:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        raise GatewayError("21", "参数不是JSON对象", "Invalid 360buy_param_json")
    return values


def _without_page(values: Values) -> str:
    pages = ("page", "pageIndex", "pageNumber")
    return str(sorted((name, value) for name, value in values.items() if name not in pages))


def _text(values: Values, name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise ServiceError("10100002", f"{name}不能为空")
    return value


def _page(values: Values, number: str, size: str, largest: int) -> tuple[int, int]:
    """The page's number, from 1, and how many records it may hold."""
    asked = []
    for name, most in ((number, None), (size, largest)):
        text = str(values.get(name, ""))
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise ServiceError("10100002", f"{name}应为正整数")
        if most is not None and int(text) > most:
            raise ServiceError("10100002", f"{name}不能大于{most}")
        asked.append(int(text))
    return asked[0], asked[1]


def _span(values: Values, first: str, last: str, longest: int | None = None) -> tuple[int, int]:
    """Both ends in local seconds; both belong to the span."""
    try:
        start, end = (seconds_of(str(values.get(name))) for name in (first, last))
    except ValueError as error:
        raise ServiceError("10100002", f"{first}、{last}格式应为yyyy-MM-dd HH:mm:ss") from error
    if end < start or (longest is not None and end - start > longest):
        raise ServiceError("10100003", f"{first}、{last}时间跨度不正确")
    return start, end


def _inside(refunds: Ints, times: Ints, span: tuple[int, int]) -> Ints:
    inside: Ints = refunds[(times >= span[0]) & (times <= span[1])]
    return inside
