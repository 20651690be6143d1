"""SF Express (丰桥): routes of up to ten waybills a call, digest checked, the answer JSON in JSON.

Checked: required parameters, partner, service, clock, digest (URL-encoded as `java.net.URLEncoder`
does), that a request id is new. Waybills of another monthly account show their routes only to who
knows the last four digits of the sender's or receiver's phone number.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import SF
from connectors.sandbox.servers.clock import text_of
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.parcels import Parcel, Parcels, Seen, return_number
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
    RETURNING,
    STUCK,
    site_city,
)

SERVICE: Final = "EXP_RECE_SEARCH_ROUTES"
CLOCK_TOLERANCE: Final = 5 * 60
MOST_NUMBERS: Final = 10
_REQUIRED: Final = ("partnerID", "requestID", "serviceCode", "timestamp", "msgDigest", "msgData")
_LONGEST_REQUEST_ID: Final = 40
_REMEMBERED_REQUESTS: Final = 10_000
_MESSAGES: Final = {
    "A1001": "必传参数不可为空",
    "A1002": "请求时效已过期",
    "A1004": "无对应服务权限",
    "A1005": "流量受控",
    "A1006": "数字签名无效",
    "A1007": "重复请求",
    "A1008": "合作伙伴编码无效",
    "A1099": "系统异常",
}
_WAITING, _TAKEN, _MOVING, _DELIVERING, _SIGNED = (
    ("7", "待揽收", "701", "待揽收"),
    ("1", "已揽收", "101", "已揽收"),
    ("2", "运送中", "201", "运送中"),
    ("3", "派送中", "301", "派送中"),
    ("4", "已签收", "401", "已签收"),
)
_STEPS: Final[dict[int, tuple[str, tuple[str, str, str, str], str]]] = {
    ORDERED: ("655", _WAITING, "顺丰合作点【{place}】已代收"),
    PICKED_UP: ("50", _TAKEN, "顺丰速运 已收取快件"),
    LEFT_ORIGIN: ("30", _MOVING, "快件在【{place}】完成分拣，准备发往下一站"),
    REACHED_HUB: ("31", _MOVING, "快件到达【{place}】"),
    LEFT_HUB: ("36", _MOVING, "快件在【{place}】已发车"),
    REACHED_CITY: ("31", _MOVING, "快件到达【{place}】"),
    OUT: ("44", _DELIVERING, "快件交给王师傅，正在派送途中（联系电话：120****0000）"),
    FAILED: ("70", _DELIVERING, "快件派送不成功（因电话无人接听），正在等待再次派送"),
    OUT_AGAIN: ("204", _DELIVERING, "正在再次派送途中，请您准备签收"),
    IN_LOCKER: ("125", _DELIVERING, "快件已暂存至【{place}】丰巢柜，请凭取件码领取"),
    DELIVERED: ("80", _SIGNED, "已签收，感谢使用顺丰，期待再次为您服务"),
    PROOF: ("8000", _SIGNED, "在官网“运单资料&签收图”，可查看签收人信息"),
    REFUSED: ("70", _DELIVERING, "快件派送不成功（因收方客户拒收），待进一步处理"),
    RETURNING: ("648", _DELIVERING, "快件已退回，新单号为：{back}"),
    STUCK: ("33", _MOVING, "快件在【{place}】滞留，待进一步处理"),
}
_SERVICE_POINT: Final = ("658", "快件已到达【{place}】合作点，请及时领取")


class _RefusedError(Exception):
    """An answer other than A1000, by its code."""


class SfExpressServer:
    """The service of one partner.

    Args:
        retail: the retailer.
        clock: true epoch seconds; tests give their own.
    """

    def __init__(self, retail: Retail, clock: Callable[[], float] = time.time) -> None:
        self._retail = retail
        self._clock = clock
        self._requests: OrderedDict[str, None] = OrderedDict()

    def routes(self) -> list[Route]:
        """The one service."""
        return [Route("/std/service", self._service, methods=["POST"])]

    @cached_property
    def _parcels(self) -> Parcels:
        return Parcels(self._retail, self._retail.credentials.sf_express.check_phone_no)

    async def _service(self, request: Request) -> Response:
        body = (await request.body()).decode("utf-8", "replace")
        given = dict(parse_qsl(body, keep_blank_values=True))
        code, data = "A1000", ""
        try:
            self._check(request, given)
            data = orjson.dumps(self._answer(request, given["msgData"])).decode()
        except _RefusedError as refused:
            code = str(refused)
        answer = {
            "apiErrorMsg": _MESSAGES.get(code, ""),
            "apiResponseID": secrets.token_hex(16).upper(),
            "apiResultCode": code,
            "apiResultData": data,
        }
        return Response(orjson.dumps(answer), media_type="application/json;charset=UTF-8")

    def _check(self, request: Request, given: Mapping[str, str]) -> None:
        """Refuse what lacks something, is old, unsigned, repeated or too much."""
        if any(not given.get(name) for name in _REQUIRED):
            raise _RefusedError("A1001")
        partner = self._retail.credentials.sf_express
        is_new = given["requestID"] not in self._requests
        checks = (
            (len(given["requestID"]) <= _LONGEST_REQUEST_ID, "A1001"),
            (given["partnerID"] == partner.partner_id, "A1008"),
            (given["serviceCode"] == SERVICE, "A1004"),
            ("sf_express" not in self._retail.expired, "A1004"),
            (self._in_time(given["timestamp"]), "A1002"),
            (_digest_holds(given, partner.check_word), "A1006"),
            (is_new, "A1007"),
            (not is_throttled(request), "A1005"),
            (not is_unavailable(request), "A1099"),
        )
        for holds, code in checks:
            if not holds:
                raise _RefusedError(code)
        self._requests[given["requestID"]] = None
        while len(self._requests) > _REMEMBERED_REQUESTS:
            self._requests.popitem(last=False)

    def _in_time(self, timestamp: str) -> bool:
        """Whether the time, in milliseconds, is near."""
        if not timestamp.isascii() or not timestamp.isdigit():
            return False
        return abs(self._clock() - int(timestamp) / 1000) <= CLOCK_TOLERANCE

    def _answer(self, request: Request, msg_data: str) -> dict[str, Any]:
        """The business answer, itself a JSON object with its own success."""
        try:
            asked: Any = orjson.loads(msg_data)
            numbers = asked["trackingNumber"]
            kind, phone = str(asked.get("trackingType", "")), str(asked.get("checkPhoneNo") or "")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _failed("8001", "trackingNumber不能为空")
        if not isinstance(numbers, list) or not 0 < len(numbers) <= MOST_NUMBERS:
            return _failed("8013", f"单次查询单号数量须为1至{MOST_NUMBERS}个")
        if kind != "1":
            return _failed("8003", "trackingType仅支持1（按顺丰运单号查询）")
        name_query(request, f"sf_express {numbers}")
        responses = [self._routes(str(number), phone) for number in numbers]
        self._retail.counters["sf_express.numbers"] += len(numbers)
        self._retail.counters["sf_express.scans"] += sum(len(r["routes"]) for r in responses)
        return {
            "success": True,
            "errorCode": "S0000",
            "errorMsg": None,
            "msgData": {"routeResps": responses},
        }

    def _routes(self, number: str, phone: str) -> dict[str, Any]:
        parcel = self._parcels.find(number)
        routes: list[dict[str, str]] = []
        if parcel is not None and parcel.carrier == SF:
            is_own = self._parcels.is_on_own_account(parcel)
            if parcel.has_phone(phone) or (is_own and not phone):
                routes = [_route(parcel, seen) for seen in self._parcels.seen(parcel)]
        return {"mailNo": number, "routes": routes}


def routes(retail: Retail) -> list[Route]:
    """SF Express's routes for the harness."""
    return SfExpressServer(retail).routes()


def _route(parcel: Parcel, seen: Seen) -> dict[str, str]:
    code, status, remark = _STEPS[seen.step]
    if seen.step == IN_LOCKER and parcel.flavour % 2:
        code, remark = _SERVICE_POINT
    first, first_name, second, second_name = status
    back = return_number(parcel.number) if seen.step == RETURNING else ""
    return {
        "acceptAddress": CITIES[site_city(seen.site)],
        "acceptTime": text_of(seen.at),
        "remark": remark.format(place=seen.place, back=back),
        "secondaryStatusCode": second,
        "firstStatusName": first_name,
        "firstStatusCode": first,
        "secondaryStatusName": second_name,
        "opCode": code,
    }


def _failed(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "errorCode": code, "errorMsg": message, "msgData": None}


def _digest_holds(given: Mapping[str, str], check_word: str) -> bool:
    text = f"{given['msgData']}{given['timestamp']}{check_word}"
    encoded = "".join(_java_encoded(byte) for byte in text.encode("utf-8"))
    digest = hashlib.md5(encoded.encode("ascii"), usedforsecurity=False).digest()
    expected = base64.b64encode(digest).decode("ascii")
    return hmac.compare_digest(expected.encode(), given["msgDigest"].encode())


def _java_encoded(byte: int) -> str:
    """One byte as `java.net.URLEncoder` writes it."""
    character = chr(byte)
    if character.isascii() and (character.isalnum() or character in ".-*_"):
        return character
    return "+" if character == " " else f"%{byte:02X}"
