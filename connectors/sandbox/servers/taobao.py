"""Taobao's open platform (TOP): one gateway, `method=`, every request signed.

`/taobao/router/rest` answers taobao.trades.sold.get, taobao.trades.sold.increment.get,
taobao.trade.fullinfo.get and taobao.refunds.receive.get in the un-simplified JSON, and takes
taobao.logistics.offline.send and taobao.item.quantity.update; a shipment shows in the trade that is
asked for alone. Errors come inside HTTP 200. Not simulated: XML (the platform's default),
`simplify`, other methods.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import uuid4

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import CHANNELS, TMALL
from connectors.sandbox.servers.clock import OFFSET, seconds_of
from connectors.sandbox.servers.faults import (
    is_throttled,
    is_unavailable,
    name_query,
    seconds_to_wait,
)
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.shop_writes import ShopWrites
from connectors.sandbox.servers.taobao_lines import (
    REFUND_WORDS,
    SALE_TYPE,
    TRADE_WORDS,
    Catalogue,
    is_of_type,
    status_codes,
)
from connectors.sandbox.servers.taobao_refunds import RefundPage
from connectors.sandbox.servers.taobao_trades import TradePage
from connectors.sandbox.servers.views import Shop
from connectors.sandbox.world import DAY, Ints

_DIGESTS: Final = ("md5", "hmac", "hmac-sha256")
_CLOCK_TOLERANCE: Final = 600
_REACH: Final = 93 * DAY
_PAGE_SIZE, _LARGEST_PAGE = 40, 100
_DEFAULT_TRADE_TYPES: Final = (SALE_TYPE, "auto_delivery", "ec", "cod", "step")
_DEFAULT_REFUND_TYPES: Final = (SALE_TYPE, "auto_delivery")
_STATUS_GROUPS: Final = {
    "ALL_WAIT_PAY": {"WAIT_BUYER_PAY", "TRADE_NO_CREATE_PAY"},
    "ALL_CLOSED": {"TRADE_CLOSED", "TRADE_CLOSED_BY_TAOBAO"},
}
_OAID_NEEDS: Final = {
    "receiver_name",
    "receiver_address",
    "created",
    "receiver_mobile",
    "receiver_phone",
}

Parameters = Mapping[str, str]


class TopError(Exception):
    """An error envelope of TOP."""

    def __init__(self, code: int, message: str, sub_code: str = "", sub_message: str = "") -> None:
        super().__init__(message)
        self.envelope: dict[str, Any] = {"code": code, "msg": message}
        if sub_code:
            self.envelope |= {"sub_code": sub_code, "sub_msg": sub_message or sub_code}


def routes(retail: Retail) -> list[Route]:
    """The gateway."""
    gateway = _Gateway(retail)
    return [Route("/router/rest", gateway.answer, methods=["GET", "POST"])]


class _Gateway:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._catalogue = Catalogue(retail.world)
        self._methods: dict[str, Callable[[Parameters, Request], dict[str, Any]]] = {
            "taobao.trades.sold.get": self._sold,
            "taobao.trades.sold.increment.get": self._increment,
            "taobao.trade.fullinfo.get": self._fullinfo,
            "taobao.refunds.receive.get": self._refunds,
            "taobao.logistics.offline.send": self._ship,
            "taobao.item.quantity.update": self._set_quantity,
        }
        self._writes = ShopWrites()
        retail.written["taobao"] = self._writes.described

    async def answer(self, request: Request) -> Response:
        """Answer one call; every error is an envelope inside HTTP 200."""
        body = (await request.body()).decode("utf-8", errors="replace")
        given = dict(request.query_params) | dict(parse_qsl(body, keep_blank_values=True))
        parameters = {name: value for name, value in given.items() if name and value}
        if parameters.get("format", "xml") != "json":
            return Response(_XML, media_type="text/xml; charset=utf-8")
        try:
            if is_throttled(request):
                raise _flow_control(seconds_to_wait(request))
            method = self._check(parameters)
            if is_unavailable(request):
                raise _platform_busy()
            key = f"{parameters['method'].removeprefix('taobao.').replace('.', '_')}_response"
            answer = {key: method(parameters, request) | {"request_id": uuid4().hex[:12]}}
        except TopError as error:
            self._retail.counters[f"taobao.error.{error.envelope['code']}"] += 1
            answer = {"error_response": error.envelope | {"request_id": uuid4().hex[:12]}}
        return Response(orjson.dumps(answer), media_type="application/json;charset=UTF-8")

    def _check(self, parameters: Parameters) -> Callable[[Parameters, Request], dict[str, Any]]:
        """Check everything that all methods share; returns the method.

        Raises:
            TopError: what is missing, wrong or expired.
        """
        known = self._retail.credentials.taobao
        for name, code in _SYSTEM_PARAMETERS.items():
            if name not in parameters:
                raise TopError(code, f"Missing {name.replace('_', ' ').title()}")
        method = self._methods.get(parameters["method"])
        if method is None:
            raise TopError(22, "Invalid Method")
        if parameters["app_key"] != known.app_key:
            raise TopError(29, "Invalid App Key")
        if parameters["v"] != "2.0":
            raise TopError(33, "Invalid Version")
        _check_clock(parameters["timestamp"])
        if not is_signed(parameters, known.app_secret):
            raise TopError(25, "Invalid Signature")
        session = parameters.get("session", "")
        if not session:
            raise TopError(26, "Missing Session")
        if session == known.poor_session:
            raise TopError(
                11, "Insufficient isv permissions", "isv.permission-api-package-limit",
                "scope ids is 11655 12808",
            )  # fmt: skip
        if session != known.session or "taobao" in self._retail.expired:
            raise TopError(27, "Invalid Session", "invalid-sessionkey", "SessionKey非法")
        return method

    @property
    def _shop(self) -> Shop:
        return self._retail.shop(CHANNELS[TMALL], with_refunds=True)

    def _sold(self, parameters: Parameters, request: Request) -> dict[str, Any]:
        """taobao.trades.sold.get: by time of creation, newest first."""
        start, end = _window(parameters, "start_created", "end_created")
        self._check_reach(start, "start_created")
        if start is None:
            start = self._retail.now - _REACH
        return self._trades(parameters, request, self._shop.created_between(start, end))

    def _increment(self, parameters: Parameters, request: Request) -> dict[str, Any]:
        """taobao.trades.sold.increment.get: by time of modification, newest first."""
        _require(parameters, "start_modified", "end_modified")
        start, end = _window(parameters, "start_modified", "end_modified")
        self._check_reach(start, "start_modified")
        if start is not None and end is not None and end - start > DAY:
            raise _invalid("end_modified", "开始时间和结束时间的跨度不能超过一天")
        return self._trades(parameters, request, self._shop.modified_between(start, end))

    def _trades(self, parameters: Parameters, request: Request, orders: Ints) -> dict[str, Any]:
        fields = _fields(parameters)
        snapshot = self._retail.snapshot
        types = _listed(parameters.get("type")) or _DEFAULT_TRADE_TYPES
        orders = orders[is_of_type(snapshot, orders, types)]
        if "status" in parameters:
            codes = status_codes(snapshot, orders)
            orders = orders[np.isin(codes, _codes(parameters["status"], TRADE_WORDS))]
        page, answer = _paged(parameters, orders)
        self._remember(parameters, request, page, orders)
        if len(page):
            rows = TradePage(self._shop, self._catalogue, page).rows(fields)
            answer["trades"] = {"trade": rows}
        self._retail.counters["taobao.trades"] += len(page)
        return answer

    def _fullinfo(self, parameters: Parameters, _request: Request) -> dict[str, Any]:
        """taobao.trade.fullinfo.get: one trade."""
        fields = _fields(parameters)
        _require(parameters, "tid")
        order = self._shop.find(parameters["tid"])
        if order is None:
            raise TopError(15, "Remote service error", "isv.trade-not-exist", "交易订单不存在")
        with_oaid = "include_oaid" in parameters and set(fields) >= _OAID_NEEDS
        page = TradePage(self._shop, self._catalogue, order)
        trade = page.rows(fields, with_oaid=with_oaid)[0]
        parcel = self._writes.shipments.get(parameters["tid"])
        if parcel is not None:
            _overlay(trade, parcel)
        return {"trade": trade}

    def _ship(self, parameters: Parameters, _request: Request) -> dict[str, Any]:
        """taobao.logistics.offline.send: the whole trade leaves with one parcel."""
        _require(parameters, "tid", "out_sid", "company_code")
        order = self._shop.find(parameters["tid"])
        if order is None:
            raise TopError(15, "Remote service error", "isv.trade-not-exist", "交易订单不存在")
        row = TradePage(self._shop, self._catalogue, order).rows(["status"])[0]
        parcel = {"invoice_no": parameters["out_sid"], "company": parameters["company_code"]}
        if not self._writes.ship(
            parameters["tid"], parcel, is_shippable=row["status"] == "WAIT_SELLER_SEND_GOODS"
        ):
            raise TopError(
                15, "Remote service error", "isv.logistics-offline-service-error:B04",
                "当前操作的订单是已发货或不可发货状态",
            )  # fmt: skip
        return {"shipping": {"is_success": True}}

    def _set_quantity(self, parameters: Parameters, _request: Request) -> dict[str, Any]:
        """taobao.item.quantity.update: one article, as a whole (1) or as a change (2)."""
        _require(parameters, "num_iid", "quantity")
        try:
            quantity = int(parameters["quantity"])
        except ValueError:
            raise _invalid("quantity", "应为整数") from None
        article = ":".join(filter(None, (parameters["num_iid"], parameters.get("sku_id"))))
        is_change = parameters.get("type", "1") == "2"
        number = self._writes.set_stock(article, quantity, is_change=is_change)
        return {"item": {"num_iid": parameters["num_iid"], "num": number}}

    def _refunds(self, parameters: Parameters, request: Request) -> dict[str, Any]:
        """taobao.refunds.receive.get: by time of modification, newest first."""
        fields = _fields(parameters)
        start, end = _window(parameters, "start_modified", "end_modified")
        refunds = self._shop.refunds_between(start, end)
        snapshot = self._retail.snapshot
        types = _listed(parameters.get("type")) or _DEFAULT_REFUND_TYPES
        order = snapshot.world.refunds.order
        refunds = refunds[is_of_type(snapshot, order[refunds], types)]
        if "status" in parameters:
            stages = _codes(parameters["status"], list(REFUND_WORDS.values())[1:])
            refunds = refunds[np.isin(snapshot.refund_stage[refunds], stages)]
        page, answer = _paged(parameters, refunds)
        self._remember(parameters, request, order[page], order[refunds])
        if len(page):
            rows = RefundPage(snapshot, self._catalogue, page).rows(fields)
            answer["refunds"] = {"refund": rows}
        self._retail.counters["taobao.refunds"] += len(page)
        return answer

    def _check_reach(self, start: int | None, name: str) -> None:
        if start is not None and start < self._retail.now - _REACH:
            raise _invalid(name, "只能查询三个月内的订单")

    def _remember(
        self, parameters: Parameters, request: Request, page: Ints, matching: Ints
    ) -> None:
        left_out = ("page_no", "timestamp", "sign")
        query = sorted(item for item in parameters.items() if item[0] not in left_out)
        name_query(request, f"taobao {query}")
        self._retail.remember_page(page, matching)


def _overlay(trade: dict[str, Any], parcel: Mapping[str, str]) -> None:
    """Let a trade look as it does once it was shipped, in the fields that were asked for."""
    if "status" in trade:
        trade["status"] = "WAIT_BUYER_CONFIRM_GOODS"
    for line in trade.get("orders", {}).get("order", []):
        line |= {"invoice_no": parcel["invoice_no"], "logistics_company": parcel["company"]}


def is_signed(parameters: Parameters, secret: str) -> bool:
    """Whether the signature fits the parameters, by the method that they name."""
    method = parameters.get("sign_method", "md5")
    if method not in _DIGESTS:
        return False
    text = "".join(name + parameters[name] for name in sorted(parameters) if name != "sign")
    key = secret.encode()
    if method == "md5":
        digest = hashlib.md5(key + text.encode() + key, usedforsecurity=False).hexdigest()
    else:
        digest = hmac.digest(key, text.encode(), "md5" if method == "hmac" else "sha256").hex()
    return hmac.compare_digest(digest.upper().encode(), parameters["sign"].encode())


_SYSTEM_PARAMETERS: Final = {
    "method": 21, "app_key": 28, "timestamp": 30, "v": 32, "sign": 24,
}  # fmt: skip
"""What every call needs, and the error code without it."""

_XML: Final = (
    '<?xml version="1.0" encoding="utf-8" ?><error_response><code>22</code>'
    "<msg>This simulation answers format=json only</msg></error_response>"
)


def _check_clock(timestamp: str) -> None:
    try:
        sent = seconds_of(timestamp)
    except ValueError:
        raise TopError(31, "Invalid Timestamp") from None
    if abs(sent - (time.time() + OFFSET)) > _CLOCK_TOLERANCE:
        raise TopError(31, "Invalid Timestamp", "isv.timestamp-expired", "时间戳与服务器相差过大")


def _flow_control(seconds: int) -> TopError:
    return TopError(
        7, "App Call Limited", "accesscontrol.limited-by-api-access-count",
        f"This ban will last for {seconds} more seconds",
    )  # fmt: skip


def _platform_busy() -> TopError:
    return TopError(15, "Remote service error", "isp.top-remote-connection-timeout", "后端服务超时")


def _invalid(name: str, reason: str) -> TopError:
    return TopError(41, f"Invalid Arguments:{name}", f"isv.invalid-parameter:{name}", reason)


def _require(parameters: Parameters, *names: str) -> None:
    for name in names:
        if name not in parameters:
            raise TopError(
                40, f"Missing Required Arguments:{name}", f"isv.missing-parameter:{name}"
            )


def _fields(parameters: Parameters) -> list[str]:
    _require(parameters, "fields")
    return _listed(parameters["fields"])


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _codes(status: str, words: Sequence[str]) -> list[int]:
    """The positions of the words that a status parameter asks for."""
    wanted = _STATUS_GROUPS.get(status, {status})
    return [code for code, word in enumerate(words) if word in wanted]


def _window(parameters: Parameters, first: str, last: str) -> tuple[int | None, int | None]:
    start, end = _moment(parameters, first), _moment(parameters, last)
    if start is not None and end is not None and end < start:
        raise _invalid(last, "结束时间不能早于开始时间")
    return start, end


def _moment(parameters: Parameters, name: str) -> int | None:
    if name not in parameters:
        return None
    try:
        return seconds_of(parameters[name])
    except ValueError:
        raise _invalid(name, "格式应为yyyy-MM-dd HH:mm:ss") from None


def _paged(parameters: Parameters, rows: Ints) -> tuple[Ints, dict[str, Any]]:
    """One page of rows listed oldest first, turned to newest first, and what is said about it."""
    number, size = _number(parameters, "page_no", 1), _number(parameters, "page_size", _PAGE_SIZE)
    if size > _LARGEST_PAGE:
        raise _invalid("page_size", f"每页最多{_LARGEST_PAGE}条")
    begin = (number - 1) * size
    page = rows[::-1][begin : begin + size]
    if parameters.get("use_has_next") == "true":
        return page, {"has_next": begin + size < len(rows)}
    return page, {"total_results": len(rows)}


def _number(parameters: Parameters, name: str, default: int) -> int:
    text = parameters.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise _invalid(name, "应为正整数")
    return int(text)
