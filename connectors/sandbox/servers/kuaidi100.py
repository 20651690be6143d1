"""Kuaidi100: queries by number, subscriptions, and the pushes that follow them.

Checked: the sign over `param`, the phone number where a carrier wants it, a balance of paid
queries, the half-hour lock of a number. A good answer may say `"result": false` as well, as the
real one does: only `status` tells. Pushes are sent on demand (`POST /control`).
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import JD, PROVINCE_NAMES, SF, YTO
from connectors.sandbox.servers.clock import text_of
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.parcels import Parcel, Parcels, Seen
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.stages.scanning import (
    CITIES,
    DELIVERED,
    FAILED,
    IN_LOCKER,
    LEFT_HUB,
    LEFT_ORIGIN,
    ORDERED,
    OUT,
    OUT_AGAIN,
    PICKED_UP,
    PROOF,
    REACHED_CITY,
    REACHED_HUB,
    REFUSED,
    RETURNED,
    RETURNING,
    STUCK,
    site_city,
)
from connectors.sandbox.world import DAY, MINUTE

COMPANIES: Final = {"shunfeng": SF, "yuantong": YTO, "jd": JD}
_PHONE_COMPANIES: Final = ("shunfeng", "zhongtong", "fengwang")
_DETAILED: Final = ("4", "8")
"""Values of `resultv2` that bring codes below the state."""
_SILENT_DAYS: Final = 3
_TRIES: Final = 3
_SENDERS: Final = 8
_PUSH_SECONDS: Final = 10.0
_MESSAGES: Final = {
    "400": "提交的数据不完整，或者贵公司没授权",
    "408": "快递公司参数异常：验证码错误",
    "500": "查询无结果，请隔段时间再查",
    "501": "重复订阅",
    "502": "服务器繁忙",
    "503": "验证签名失败",
    "601": "POLL:KEY已过期",
    "701": "拒绝订阅的快递公司",
}
_LOCKED: Final = "该单号半小时内重复查询，已被锁定，请稍后再查"
_STATE_NAMES: Final = {
    "0": "在途",
    "1": "揽收",
    "2": "疑难",
    "3": "签收",
    "4": "退签",
    "5": "派件",
    "6": "退回",
    "14": "拒签",
}
# Per step: the code with resultv2 4, its name, what is said.
_STEPS: Final[dict[int, tuple[str, str, str]]] = {
    ORDERED: ("101", "已下单", "【{place}】商家已打印面单，等待揽收"),
    PICKED_UP: ("103", "已揽收", "【{place}】已揽收"),
    LEFT_ORIGIN: ("1002", "干线", "快件离开【{place}】，发往下一站"),
    REACHED_HUB: ("1002", "干线", "快件到达【{place}】"),
    LEFT_HUB: ("1002", "干线", "快件离开【{place}】，已发车"),
    REACHED_CITY: ("1001", "到达派件城市", "快件到达【{place}】"),
    OUT: ("5", "派件", "【{place}】的王师傅（120****0000）正在派件"),
    FAILED: ("204", "派件异常", "快件派送异常：电话无人接听，改时间再派送"),
    OUT_AGAIN: ("5", "派件", "【{place}】的王师傅（120****0000）再次派件"),
    IN_LOCKER: ("501", "投柜或驿站", "快件已存放至【{place}】快递柜，请凭取件码领取"),
    DELIVERED: ("301", "本人签收", "已签收，签收人：本人，感谢使用"),
    PROOF: ("301", "本人签收", "签收底单已上传"),
    REFUSED: ("203", "拒收", "收件人拒收，快件将退回"),
    RETURNING: ("6", "退回", "快件由【{place}】退回发件人"),
    RETURNED: ("4", "退签", "退回件已由发件人签收"),
    STUCK: ("208", "滞留", "快件在【{place}】滞留，等待处理"),
}
_FROM_LOCKER: Final = ("304", "投柜或站签收", "快件已从快递柜取出，感谢使用")
_BY_OTHERS: Final = ("303", "代签", "已签收，签收人：家人")
_AFTER_FAILURE: Final = ("302", "派件异常后签收", "已签收，签收人：本人，感谢使用")
_REFUSED_AT_JD: Final = ("14", "拒签", "客户拒签，快件将退回")


class _RefusedError(Exception):
    """An answer that is no result, by its return code."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        message = message or _MESSAGES[code]
        self.body = {"result": False, "returnCode": code, "message": message}


@dataclass
class _Subscription:
    """Who wants to be told about a number, and when it was last told."""

    company: str
    number: str
    address: str
    salt: str
    detail: str
    since: int
    told: tuple[str, int] = ("", -1)


@dataclass(frozen=True)
class _News:
    """A push before it is signed."""

    status: str
    bill_status: str
    message: str
    result: dict[str, Any]

    @property
    def mark(self) -> tuple[str, int]:
        """Other news have another one."""
        return self.status, len(self.result["data"])

    def param(self) -> str:
        """The JSON text that is pushed."""
        return orjson.dumps(
            {
                "status": self.status,
                "billstatus": self.bill_status,
                "message": self.message,
                "autoCheck": "0",
                "comOld": "",
                "comNew": "",
                "lastResult": self.result,
            }
        ).decode()


class Kuaidi100Server:
    """The service of one customer. Options (`POST /control`): `lock_minutes`, `balance`."""

    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        # A lock of 0 minutes is none; without a balance every query is paid for.
        retail.options["kuaidi100"] = {"lock_minutes": 0, "balance": None}
        retail.pushers["kuaidi100"] = self.push
        self._asked_at: dict[str, int] = {}
        self._subscriptions: dict[tuple[str, str], _Subscription] = {}

    def routes(self) -> list[Route]:
        """Query and subscription."""
        return [
            Route("/poll/query.do", self._query, methods=["POST"]),
            Route("/poll", self._subscribe, methods=["POST"]),
        ]

    @cached_property
    def _parcels(self) -> Parcels:
        return Parcels(self._retail, self._retail.credentials.kuaidi100.phone)

    async def _query(self, request: Request) -> Response:
        given = await _form(request)
        try:
            answer = self._result_asked(request, given)
        except _RefusedError as refused:
            answer = refused.body
        return _json(answer)

    def _result_asked(self, request: Request, given: Mapping[str, str]) -> dict[str, Any]:
        customer = self._retail.credentials.kuaidi100
        text = given.get("param", "")
        if not text or not given.get("customer") or not given.get("sign"):
            raise _RefusedError("400")
        signed = _md5(f"{text}{customer.key}{customer.customer}")
        if given["customer"] != customer.customer or not _equal(signed, given["sign"]):
            raise _RefusedError("503")
        param = _parsed(text)
        company, number = str(param.get("com", "")), str(param.get("num", ""))
        if company not in COMPANIES or not number:
            raise _RefusedError("400")
        name_query(request, f"kuaidi100 {company} {number}")
        if is_throttled(request) or is_unavailable(request):
            raise _RefusedError("502")
        self._check_phone(company, number, str(param.get("phone") or ""))
        self._pay(number)
        result = self._result(company, number, str(param.get("resultv2") or "0"))
        if result is None:
            raise _RefusedError("500")
        if param.get("order") == "asc":
            result["data"].reverse()
        self._retail.counters["kuaidi100.numbers"] += 1
        self._retail.counters["kuaidi100.scans"] += len(result["data"])
        return result

    def _check_phone(self, company: str, number: str, phone: str) -> None:
        if company not in _PHONE_COMPANIES:
            return
        parcel = self._parcels.find(number)
        if not phone or (parcel is not None and not parcel.has_phone(phone)):
            raise _RefusedError("408")

    def _pay(self, number: str) -> None:
        """Refuse a number asked for too soon again, or what nobody pays for."""
        options = self._retail.options["kuaidi100"]
        now = self._retail.as_of
        locked_until = self._asked_at.get(number, -DAY) + options["lock_minutes"] * MINUTE
        if now < locked_until:
            raise _RefusedError("502", _LOCKED)
        if "kuaidi100" in self._retail.expired:
            raise _RefusedError("601")
        if options["balance"] is not None:
            if options["balance"] <= 0:
                raise _RefusedError("601")
            options["balance"] -= 1
        self._asked_at[number] = now

    def _result(self, company: str, number: str, detail: str) -> dict[str, Any] | None:
        """What is known about a number, newest scan first; None if nothing is."""
        parcel = self._parcels.find(number)
        if parcel is None or parcel.carrier != COMPANIES[company]:
            return None
        told = self._told(parcel)
        if not told:
            return None
        newest, ended = told[-1][1], any(_state(code) in ("3", "4") for _, code, _, _ in told)
        result: dict[str, Any] = {
            "message": "ok",
            "nu": number,
            "ischeck": "1" if ended else "0",
            "com": company,
            "status": "200",
            "state": newest if detail in _DETAILED else _state(newest),
            "condition": "F00",
            "data": [_scan(scan, detail) for scan in reversed(told)],
            "isLoop": False,
        }
        if parcel.flavour == 0:
            result["result"] = False
        return result

    def _told(self, parcel: Parcel) -> list[tuple[Seen, str, str, str]]:
        """The scans in printed order, each with its code, the code's name and the text."""
        every = self._parcels.seen(parcel)
        steps = {seen.step for seen in every}
        told = []
        for seen in every:
            code, name, text = _STEPS[seen.step]
            if seen.step == DELIVERED and IN_LOCKER in steps:
                code, name, text = _FROM_LOCKER
            elif seen.step == DELIVERED and FAILED in steps:
                code, name, text = _AFTER_FAILURE
            elif seen.step == DELIVERED and parcel.flavour == 1:
                code, name, text = _BY_OTHERS
            elif seen.step == REFUSED and parcel.carrier == JD:
                code, name, text = _REFUSED_AT_JD
            told.append((seen, code, name, text.format(place=seen.place)))
        return told

    async def _subscribe(self, request: Request) -> Response:
        given = await _form(request)
        try:
            self._add(_parsed(given.get("param", "")))
            answer: dict[str, Any] = {"result": True, "returnCode": "200", "message": "提交成功"}
        except _RefusedError as refused:
            answer = refused.body
        return _json(answer)

    def _add(self, param: Mapping[str, Any]) -> None:
        parameters = param.get("parameters")
        if not isinstance(parameters, dict) or not param.get("number"):
            raise _RefusedError("400")
        if not _equal(self._retail.credentials.kuaidi100.key, str(param.get("key", ""))):
            raise _RefusedError("601")
        company, number = str(param.get("company", "")), str(param["number"])
        if company not in COMPANIES:
            raise _RefusedError("701")
        address = str(parameters.get("callbackurl") or "")
        if not address.startswith(("http://", "https://")):
            raise _RefusedError("400")
        self._check_phone(company, number, str(parameters.get("phone") or ""))
        if (company, number) in self._subscriptions:
            raise _RefusedError("501")
        self._subscriptions[company, number] = _Subscription(
            company=company,
            number=number,
            address=address,
            salt=str(parameters.get("salt") or ""),
            detail=str(parameters.get("resultv2") or "0"),
            since=self._retail.as_of,
        )

    async def push(self, numbers: list[str] | None = None, again: bool = False) -> dict[str, int]:
        """Push what is new about every subscribed number (or these), signed with its salt.

        Args:
            numbers: only these.
            again: also what was already told.

        Returns:
            How many pushes were sent, accepted, and given up after three tries.
        """
        waiting = [
            (subscription, news)
            for subscription in self._subscriptions.values()
            if numbers is None or subscription.number in numbers
            for news in [self._news(subscription)]
            if news.status and (again or news.mark != subscription.told)
        ]
        gate = asyncio.Semaphore(_SENDERS)
        async with httpx.AsyncClient(timeout=_PUSH_SECONDS, trust_env=False) as client:
            took = await asyncio.gather(
                *(_send(client, gate, subscription, news) for subscription, news in waiting)
            )
        accepted = sum(took)
        self._retail.counters["kuaidi100.pushes"] += len(took)
        return {"sent": len(took), "accepted": accepted, "refused": len(took) - accepted}

    def _news(self, subscription: _Subscription) -> _News:
        """What is to be told about a number now; without a status there is nothing to tell."""
        result = self._result(subscription.company, subscription.number, subscription.detail)
        if result is not None:
            status = "shutdown" if result["ischeck"] == "1" else "polling"
            return _News(status, _bill_status(result["state"]), "", result)
        is_silent = self._retail.as_of - subscription.since >= _SILENT_DAYS * DAY
        message = "3天查询无记录" if is_silent else ""
        nothing = {"message": message, "nu": subscription.number, "data": []}
        return _News("abort" if is_silent else "", "", message, nothing)


def routes(retail: Retail) -> list[Route]:
    """Kuaidi100's routes for the harness."""
    return Kuaidi100Server(retail).routes()


async def _send(
    client: httpx.AsyncClient, gate: asyncio.Semaphore, subscription: _Subscription, news: _News
) -> bool:
    """Whether the callback took the push within three tries; what it took is not told again."""
    param = news.param()
    form = {"param": param}
    if subscription.salt:
        form["sign"] = _md5(f"{param}{subscription.salt}")
    async with gate:
        for _ in range(_TRIES):
            try:
                answer = (await client.post(subscription.address, data=form)).json()
            except (httpx.HTTPError, ValueError):
                continue
            if isinstance(answer, dict) and answer.get("result") is True:
                subscription.told = news.mark
                return True
    return False


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))


def _parsed(text: str) -> dict[str, Any]:
    try:
        values: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        raise _RefusedError("400")
    return values


def _scan(told: tuple[Seen, str, str, str], detail: str) -> dict[str, Any]:
    """One scan; `resultv2` decides how much is told."""
    seen, code, name, text = told
    at = text_of(seen.at)
    scan: dict[str, Any] = {"time": at, "ftime": at, "context": text}
    if detail != "0":
        city = site_city(seen.site)
        area = f"{PROVINCE_NAMES[city]},{CITIES[city]}"
        is_detailed = detail in _DETAILED
        scan |= {
            "areaCode": f"CN{city + 11}0000000000",
            "areaName": area,
            "status": name if is_detailed else _STATE_NAMES[_state(code)],
        }
        if is_detailed:
            scan |= {"location": "", "areaCenter": None, "areaPinYin": None, "statusCode": code}
    return scan


def _state(code: str) -> str:
    """The state that a code belongs to: 1001 to 1003 to 0, 14 is its own, others by first digit."""
    if code.startswith("100"):
        return "0"
    return code if code == "14" else code[0]


def _bill_status(code: str) -> str:
    state = _state(code)
    if state in ("3", "4"):
        return "check"
    return "sending" if state in ("5", "6") else "got"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest().upper()


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json;charset=UTF-8")
