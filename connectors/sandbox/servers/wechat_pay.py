"""WeChat Pay's API v3: trade and fund flow bills, and the downloads behind them.

Checked: the `Authorization` header over the request exactly as it was sent, its clock and serial,
the parameters, the day. Answers of the API are signed in `Wechatpay-*` headers, downloads are not.
"""

import gzip
import hashlib
import hmac
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.servers.clock import text_of
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.rsa import rsa_holds, rsa_sign
from connectors.sandbox.servers.wechat_pay_bill import TRADE_COLUMNS, WechatPayBills
from connectors.sandbox.stages.settling import WECHAT_PAY, bill_exists

CLOCK_TOLERANCE: Final = 5 * 60
ADDRESS_LIVES: Final = 5 * 60
"""Seconds of the real clock."""
FUND_FLOW_CALLS_PER_SECOND: Final = 3
_SCHEME: Final = "WECHATPAY2-SHA256-RSA2048 "
_FIELD: Final = re.compile(r'(\w+)="([^"]*)"')
_ACCOUNT_TYPES: Final = ("BASIC", "OPERATION", "FEES")
_OLDEST_DAYS: Final = 92
_MESSAGES: Final = {
    "SIGN_ERROR": (HTTPStatus.UNAUTHORIZED, "签名错误"),
    "PARAM_ERROR": (HTTPStatus.BAD_REQUEST, "参数错误"),
    "INVALID_REQUEST": (HTTPStatus.BAD_REQUEST, "请检查bill_date"),
    "NO_AUTH": (HTTPStatus.FORBIDDEN, "权限异常"),
    "NO_STATEMENT_EXIST": (HTTPStatus.BAD_REQUEST, "账单文件不存在"),
    "STATEMENT_CREATING": (HTTPStatus.BAD_REQUEST, "账单生成中"),
    "FREQUENCY_LIMITED": (HTTPStatus.TOO_MANY_REQUESTS, "频率超限，请降低请求频率"),
    "SYSTEM_ERROR": (HTTPStatus.INTERNAL_SERVER_ERROR, "系统异常，请稍后重新调用"),
}


class _RefusedError(Exception):
    """An answer other than success, by WeChat Pay's code for it."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, usual = _MESSAGES[code]
        self.body = {"code": code, "message": message or usual}


class WechatPayServer:
    """The API of one merchant. Option (`POST /control`): `fund_flow_calls_per_second`.

    Args:
        retail: the retailer.
        clock: true epoch seconds; tests give their own.
    """

    def __init__(self, retail: Retail, clock: Callable[[], float] = time.time) -> None:
        self._retail = retail
        self._clock = clock
        self._token_key = secrets.token_bytes(32)
        self._calls: deque[float] = deque()
        retail.options["wechat_pay"] = {"fund_flow_calls_per_second": FUND_FLOW_CALLS_PER_SECOND}

    def routes(self) -> list[Route]:
        """Both bills and the download."""
        return [
            Route("/v3/bill/tradebill", self._trade_bill, methods=["GET"]),
            Route("/v3/bill/fundflowbill", self._fund_flow_bill, methods=["GET"]),
            Route("/v3/billdownload/file", self._download, methods=["GET"]),
        ]

    @cached_property
    def _bills(self) -> WechatPayBills:
        retail = self._retail
        return WechatPayBills(retail.world, retail.settlement, retail.credentials.wechat_pay)

    async def _trade_bill(self, request: Request) -> Response:
        def answer() -> dict[str, str]:
            bill_type = request.query_params.get("bill_type", "ALL")
            if bill_type not in TRADE_COLUMNS:
                raise _RefusedError("PARAM_ERROR", "bill_type不正确")
            return self._address(request, "trade", bill_type)

        return await self._answered(request, answer)

    async def _fund_flow_bill(self, request: Request) -> Response:
        def answer() -> dict[str, str]:
            account_type = request.query_params.get("account_type", "BASIC")
            if account_type not in _ACCOUNT_TYPES:
                raise _RefusedError("PARAM_ERROR", "account_type不正确")
            self._count_call()
            return self._address(request, "fundflow", account_type)

        return await self._answered(request, answer)

    async def _answered(self, request: Request, answer: Callable[[], dict[str, str]]) -> Response:
        """The answer, or WeChat Pay's words for what is wrong, signed."""
        status, body = HTTPStatus.OK, {}
        try:
            await self._check(request)
            body = answer()
        except _RefusedError as refused:
            status, body = refused.status, refused.body
        raw = orjson.dumps(body)
        return Response(raw, status, media_type="application/json", headers=self._signature_of(raw))

    async def _check(self, request: Request) -> None:
        """Refuse what the merchant has not signed, or signed long ago."""
        given = request.headers.get("authorization", "")
        told = dict(_FIELD.findall(given))
        merchant = self._retail.credentials.wechat_pay
        body = await request.body()
        if not given.startswith(_SCHEME) or not self._is_signed(request, told, body):
            raise _RefusedError("SIGN_ERROR")
        if told.get("mchid") != merchant.mchid or told.get("serial_no") != merchant.merchant_serial:
            raise _RefusedError("SIGN_ERROR", "商户号或商户证书序列号有误")
        if not _is_near(told.get("timestamp", ""), self._clock()):
            raise _RefusedError(
                "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
            )
        if not request.headers.get("user-agent") or not request.headers.get("accept"):
            raise _RefusedError("PARAM_ERROR", "Http头缺少Accept或User-Agent")
        if "wechat_pay" in self._retail.expired:
            raise _RefusedError("NO_AUTH")
        if is_throttled(request):
            raise _RefusedError("FREQUENCY_LIMITED")
        if is_unavailable(request):
            raise _RefusedError("SYSTEM_ERROR")

    def _is_signed(self, request: Request, told: Mapping[str, str], body: bytes) -> bool:
        """Whether the five lines, with path and query as they came, carry the merchant's mark."""
        target = request.scope.get("raw_path") or request.scope["path"].encode()
        if request.scope["query_string"]:
            target += b"?" + request.scope["query_string"]
        lines = (
            request.method.encode(),
            target,
            told.get("timestamp", "").encode(),
            told.get("nonce_str", "").encode(),
            body,
        )
        message = b"".join(line + b"\n" for line in lines)
        key = self._retail.credentials.keys["wechat_merchant"].public
        return bool(told.get("nonce_str")) and rsa_holds(message, told.get("signature", ""), key)

    def _signature_of(self, body: bytes) -> dict[str, str]:
        timestamp, nonce = str(int(self._clock())), secrets.token_hex(16)
        message = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
        keys = self._retail.credentials.keys
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": self._retail.credentials.wechat_pay.platform_serial,
            "Wechatpay-Signature": rsa_sign(message, keys["wechat_platform"].private),
            "Request-ID": secrets.token_hex(16).upper(),
        }

    def _count_call(self) -> None:
        now = self._clock()
        while self._calls and now - self._calls[0] >= 1:
            self._calls.popleft()
        limit = self._retail.options["wechat_pay"]["fund_flow_calls_per_second"]
        if len(self._calls) >= limit:
            raise _RefusedError("FREQUENCY_LIMITED")
        self._calls.append(now)

    def _address(self, request: Request, bill: str, variant: str) -> dict[str, str]:
        """Where the bill can be had, and the SHA1 of its uncompressed bytes."""
        day = self._asked_day(request.query_params.get("bill_date", ""))
        packed = request.query_params.get("tar_type", "")
        if packed not in ("", "GZIP"):
            raise _RefusedError("PARAM_ERROR", "tar_type不正确")
        name_query(request, f"wechat_pay {bill} {variant} {day}")
        content = self._content(bill, variant, day)
        if content is None:
            raise _RefusedError("NO_STATEMENT_EXIST")
        expires = int(self._clock()) + ADDRESS_LIVES
        token = self._token(f"{bill}.{variant}.{day}.{packed}.{expires}")
        place = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        self._retail.counters["wechat_pay.addresses"] += 1
        return {
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "download_url": f"{place}/v3/billdownload/file?token={token}",
        }

    def _asked_day(self, text: str) -> date:
        """The day of a bill that can exist by now."""
        try:
            day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            raise _RefusedError("PARAM_ERROR", "bill_date格式不正确") from None
        config = self._retail.world.config
        today = date.fromisoformat(text_of(self._retail.as_of)[:10])
        if day >= today or today - day > timedelta(days=_OLDEST_DAYS):
            raise _RefusedError("INVALID_REQUEST")
        number = (day - config.start_date).days
        if not 0 <= number < config.days:
            raise _RefusedError("NO_STATEMENT_EXIST")
        if not bill_exists(config, WECHAT_PAY, number, self._retail.as_of):
            raise _RefusedError("STATEMENT_CREATING")
        return day

    def _content(self, bill: str, variant: str, day: date) -> bytes | None:
        if bill == "trade":
            return self._bills.trade(day, variant)
        return self._bills.fund_flow(day) if variant == "BASIC" else None

    def _token(self, text: str) -> str:
        return f"{text}.{hmac.new(self._token_key, text.encode(), hashlib.sha256).hexdigest()}"

    async def _download(self, request: Request) -> Response:
        """The file behind an address, as long as the address lives; not signed."""
        try:
            await self._check(request)
            content, packed = self._file_of(request.query_params.get("token", ""))
        except _RefusedError as refused:
            return Response(
                orjson.dumps(refused.body), refused.status, media_type="application/json"
            )
        self._retail.counters["wechat_pay.bills"] += 1
        if packed:
            return Response(gzip.compress(content, mtime=0), media_type="application/x-gzip")
        return Response(content, media_type="application/x-download")

    def _file_of(self, token: str) -> tuple[bytes, bool]:
        """The file that a token stands for, and whether it is to be packed."""
        text = token.rpartition(".")[0]
        if not hmac.compare_digest(token.encode(), self._token(text).encode()):
            raise _RefusedError("INVALID_REQUEST", "请按第一步申请账单的API指引，重新获取账单地址")
        bill, variant, day, packed, expires = text.split(".")
        content = self._content(bill, variant, date.fromisoformat(day))
        if self._clock() > int(expires) or content is None:
            raise _RefusedError("INVALID_REQUEST", "账单地址已过期，请重新获取账单地址")
        return content, packed == "GZIP"


def routes(retail: Retail) -> list[Route]:
    """WeChat Pay's routes for the harness."""
    return WechatPayServer(retail).routes()


def _is_near(timestamp: str, now: float) -> bool:
    return timestamp.isdigit() and abs(now - int(timestamp)) <= CLOCK_TOLERANCE
