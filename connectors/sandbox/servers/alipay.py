r"""Alipay's gateway: bill addresses over RSA2, and the downloads behind them.

Checked: every common parameter, the merchant's signature, the clock, the app id. Answered in the
gateway's own words and signed over the raw text of the response object, with `\/` in addresses as
Alipay writes them, so that only who keeps the raw text can verify it.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.servers.alipay_bill import AlipayBills, Period
from connectors.sandbox.servers.clock import epoch_of, seconds_of
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.rsa import rsa_holds, rsa_sign
from connectors.sandbox.stages.settling import ALIPAY, BILL_HOURS, bill_exists
from connectors.sandbox.world import DAY, HOUR

METHOD: Final = "alipay.data.dataservice.bill.downloadurl.query"
CLOCK_TOLERANCE: Final = 15 * 60
ADDRESS_LIVES: Final = 30
"""Seconds of the real clock."""
_BILL_TYPES: Final = ("trade", "signcustomer")
_MONTH_BILL_DAY: Final = 3
_DOWNLOAD_PATH: Final = "/downloadBillFile.resource"
_REQUIRED: Final = (
    ("app_id", "isv.missing-app-id"),
    ("method", "isv.missing-method"),
    ("sign_type", "isv.missing-signature-type"),
    ("sign", "isv.missing-signature"),
    ("timestamp", "isv.missing-timestamp"),
    ("version", "isv.missing-version"),
)


class _RefusedError(Exception):
    """An answer other than success: code, message and the words below it."""

    def __init__(self, code: str, msg: str, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_msg)
        self.body = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}


class AlipayServer:
    """The gateway of one merchant.

    Args:
        retail: the retailer.
        clock: true epoch seconds; tests give their own.
    """

    def __init__(self, retail: Retail, clock: Callable[[], float] = time.time) -> None:
        self._retail = retail
        self._clock = clock
        self._token_key = secrets.token_bytes(32)

    @cached_property
    def _bills(self) -> AlipayBills:
        seller_id = self._retail.credentials.alipay.seller_id
        return AlipayBills(self._retail.world, self._retail.settlement, seller_id)

    def routes(self) -> list[Route]:
        """The gateway and the download."""
        return [
            Route("/gateway.do", self._gateway, methods=["GET", "POST"]),
            Route(_DOWNLOAD_PATH, self._download, methods=["GET"]),
        ]

    async def _gateway(self, request: Request) -> Response:
        """Answer one call; its parameters may be in the query, in the form or in both."""
        body = (await request.body()).decode("utf-8", "replace")
        given = dict(request.query_params)
        given.update(parse_qsl(body, keep_blank_values=True))
        try:
            self._check(given)
            _refuse_by_fault(request)
            answer = self._address(request, given)
        except _RefusedError as refusal:
            answer = refusal.body
        return self._signed(given.get("method", ""), answer)

    def _check(self, given: Mapping[str, str]) -> None:
        """Refuse what lacks something, is not signed by the merchant or comes at a wrong time."""
        for name, sub_code in _REQUIRED:
            if not given.get(name):
                raise _RefusedError(
                    "40001", "Missing Required Arguments", sub_code, f"缺少{name}参数"
                )
        checks = (
            (given["app_id"] == self._retail.credentials.alipay.app_id, "isv.invalid-app-id"),
            (given["method"] == METHOD, "isv.invalid-method"),
            (given["sign_type"] == "RSA2", "isv.invalid-signature-type"),
            (given.get("charset", "").lower() == "utf-8", "isv.invalid-charset"),
            (given.get("format", "JSON").upper() == "JSON", "isv.invalid-format"),
            (self._in_time(given["timestamp"]), "isv.invalid-timestamp"),
            (self._is_signed(given), "isv.invalid-signature"),
        )
        for holds, sub_code in checks:
            if not holds:
                raise _RefusedError("40002", "Invalid Arguments", sub_code, f"参数无效：{sub_code}")
        if "alipay" in self._retail.expired:
            raise _RefusedError(
                "40006",
                "Insufficient Permissions",
                "isv.insufficient-isv-permissions",
                "ISV权限不足，建议在开发者中心检查对应功能是否已经添加",
            )

    def _in_time(self, timestamp: str) -> bool:
        try:
            told = epoch_of(seconds_of(timestamp))
        except ValueError:
            return False
        return abs(self._clock() - told) <= CLOCK_TOLERANCE

    def _is_signed(self, given: Mapping[str, str]) -> bool:
        text = "&".join(f"{k}={v}" for k, v in sorted(given.items()) if k != "sign" and v)
        key = self._retail.credentials.keys["alipay_app"].public
        return rsa_holds(text.encode("utf-8"), given["sign"], key)

    def _address(self, request: Request, given: Mapping[str, str]) -> dict[str, str]:
        """The address of the bill that `biz_content` asks for."""
        bill_type, bill_date = _asked_bill(given.get("biz_content", ""))
        name_query(request, f"alipay {bill_type} {bill_date}")
        try:
            period = Period.of(bill_date)
        except ValueError:
            raise _invalid_arguments("bill_date格式应为yyyy-MM-dd或yyyy-MM") from None
        if not self._exists(period):
            raise _RefusedError("40004", "Business Failed", "isp.bill_not_exist", "账单不存在")
        token = self._token(bill_type, bill_date, int(self._clock()) + ADDRESS_LIVES)
        query = urlencode({"bizType": bill_type, "bizDates": bill_date, "token": token})
        place = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        self._retail.counters["alipay.addresses"] += 1
        return {
            "code": "10000",
            "msg": "Success",
            "bill_download_url": f"{place}{_DOWNLOAD_PATH}?{query}",
        }

    def _exists(self, period: Period) -> bool:
        config = self._retail.world.config
        day = (period.first - config.start_date).days
        if period.end - period.first == timedelta(days=1):
            return bill_exists(config, ALIPAY, day, self._retail.as_of)
        last = (period.end - config.start_date).days
        ready_at = last + _MONTH_BILL_DAY - 1
        ready_second = config.start_second + ready_at * DAY + BILL_HOURS[ALIPAY] * HOUR
        return last > 0 and day < config.days and self._retail.as_of >= ready_second

    def _token(self, bill_type: str, bill_date: str, expires: int) -> str:
        text = f"{bill_type}.{bill_date}.{expires}"
        mark = hmac.new(self._token_key, text.encode(), hashlib.sha256).hexdigest()
        return f"{text}.{mark}"

    async def _download(self, request: Request) -> Response:
        """The zip behind an address, as long as the address lives."""
        given = request.query_params.get("token", "")
        bill_type, bill_date, expires, _ = [*given.split("."), "", "", "", ""][:4]
        known = expires.isdigit() and hmac.compare_digest(
            given, self._token(bill_type, bill_date, int(expires))
        )
        if not known or self._clock() > int(expires):
            page = "<html><body><h1>下载链接已失效，请重新获取</h1></body></html>"
            return Response(page, 403, media_type="text/html; charset=utf-8")
        period = Period.of(bill_date)
        make = self._bills.trade if bill_type == "trade" else self._bills.signcustomer
        self._retail.counters["alipay.bills"] += 1
        name = f"{self._retail.credentials.alipay.seller_id}_{period.name}.csv.zip"
        return Response(
            make(period),
            media_type="application/octet-stream",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    def _signed(self, method: str, answer: dict[str, str]) -> Response:
        """The envelope with the signature over the raw text of its response object."""
        key = "error_response" if method != METHOD else f"{method.replace('.', '_')}_response"
        raw = orjson.dumps(answer).replace(b"/", b"\\/")
        sign = rsa_sign(raw, self._retail.credentials.keys["alipay_platform"].private)
        body = b'{"%b":%b,"sign":"%b"}' % (key.encode(), raw, sign.encode())
        return Response(body, media_type="text/html;charset=utf-8")


def routes(retail: Retail) -> list[Route]:
    """Alipay's routes for the harness."""
    return AlipayServer(retail).routes()


def _refuse_by_fault(request: Request) -> None:
    if is_throttled(request):
        raise _RefusedError("40005", "Call Limited", "isv.app-call-limited", "应用调用次数超限")
    if is_unavailable(request):
        raise _RefusedError(
            "20000", "Service Currently Unavailable", "isp.unknow-error", "系统繁忙"
        )


def _asked_bill(biz_content: str) -> tuple[str, str]:
    try:
        asked: Any = orjson.loads(biz_content)
        bill_type, bill_date = asked["bill_type"], asked["bill_date"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise _invalid_arguments("bill_type、bill_date不能为空") from None
    if bill_type not in _BILL_TYPES or not isinstance(bill_date, str):
        raise _invalid_arguments("bill_type仅支持trade、signcustomer")
    return bill_type, bill_date


def _invalid_arguments(sub_msg: str) -> _RefusedError:
    return _RefusedError("40004", "Business Failed", "isv.invalid_arguments", sub_msg)
