"""Calls to JD's gateway: sent as signed, their answers opened, their errors understood."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import httpx
from pydantic import Field, SecretStr

from connectors.errors import FourflowError, PermanentError, RetryLaterError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig
from connectors.sources.api.reading import CHINA
from connectors.sources.jd.signing import sign

_PAUSE: Final = timedelta(seconds=1)
_THROTTLED: Final = ("2",)
# JD documents few codes: the words beside them tell what is meant.
_PASSING: Final = ("稍后", "超时", "繁忙", "不可用", "timed out", "timeout", "unavailable", "busy")
_ADVICE: Final = (
    (("19",), ("access_token",), "authorise the shop again and set the new `access_token`"),
    (("11", "12"), ("签名", "signature"), "check app_key and app_secret: the signature is wrong"),
    (
        ("7", "8"),
        ("时间戳", "timestamp"),
        "set this machine's clock: JD allows six minutes of difference",
    ),
    ((), ("app_key", "appkey"), "check app_key: JD does not know it"),
    (
        (),
        ("权限", "permission", "未授权"),
        "ask JD for the permission package of this call: the app may not use it",
    ),
    (
        (),
        ("订单状态",),
        "correct order_states: JD does not let all of these be asked for",
    ),
)


class JdAccount(AccountConfig):
    """One JD POP shop."""

    base_url: str = Field(default="https://api.jd.com/routerjson", description="JD's gateway.")
    app_key: str = Field(description="The application's key.")
    app_secret: SecretStr = Field(description="The application's secret; signs every call.")
    access_token: SecretStr = Field(description="The token that the shop's owner granted.")
    requests_per_second: float = Field(
        default=5.0, gt=0, description="Most calls a second; JD publishes no limit."
    )
    behind_seconds: int = Field(
        default=120, ge=0, description="How far a reading stays behind the present."
    )
    page_size: int = Field(
        default=100, ge=1, le=100, description="Orders asked for in one call; refunds at most 50."
    )
    search: Literal["search", "enSearch"] = Field(
        default="search",
        description="Which order search the app may use; enSearch tells people encrypted.",
    )
    order_states: str = Field(
        default=(
            "WAIT_SELLER_STOCK_OUT,WAIT_GOODS_RECEIVE_CONFIRM,WAIT_SELLER_DELIVERY,PAUSE,"
            "FINISHED_L,TRADE_CANCELED,LOCKED,POP_ORDER_PAUSE"
        ),
        description="States that are asked for: orders in others do not come.",
    )
    further_fields: str = Field(
        default="outBoundDate,actualPay",
        description="Fields of an order that some shops get besides; empty it if JD refuses them.",
    )
    recheck_days: int = Field(
        default=30,
        ge=1,
        description="Refunds applied for so many days ago are read again and again: no time tells "
        "when their money went back.",
    )
    recheck_hours: int = Field(
        default=6, ge=1, le=24, description="How often those refunds are read again."
    )


class Gateway:
    """The calls of one shop."""

    def __init__(self, account: JdAccount, client: ApiClient) -> None:
        self._account = account
        self.client = client

    def call(self, method: str, key: str, values: Mapping[str, object]) -> dict[str, Any]:
        """The content of an answer.

        Args:
            method: such as `jingdong.pop.order.search`.
            key: of the content in the answer.
            values: the parameters of the method.

        Raises:
            TransientError: may succeed later.
            PermanentError: JD refuses; the sentence says what to do.
        """

        def build() -> httpx.Request:
            account = self._account
            now = datetime.now(CHINA)
            form = {
                "method": method,
                "app_key": account.app_key,
                "access_token": account.access_token.get_secret_value(),
                "timestamp": f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d}+0800",
                "v": "2.0",
                "360buy_param_json": json.dumps(values, ensure_ascii=False, separators=(",", ":")),
            }
            form["sign"] = sign(form, account.app_secret.get_secret_value())
            return httpx.Request("POST", account.base_url, data=form)

        def judge(response: httpx.Response) -> dict[str, Any]:
            # Ids are longer than a double, and some money is a JSON number: digits stay as sent.
            answer = self.client.json(method, response, exact=True)
            return self._opened(method, key, answer if isinstance(answer, dict) else {})

        return self.client.call(method, build, judge)

    def _opened(self, method: str, key: str, answer: Mapping[str, Any]) -> dict[str, Any]:
        place = self.client.place
        if isinstance(answer.get("error_response"), dict):
            raise _error(place, method, answer["error_response"])
        name = method.replace(".", "_")
        # JD's own spelling, and the one that it may correct it to.
        told = answer.get(f"{name}_responce") or answer.get(f"{name}_response")
        if told is None and "code" in answer:
            raise _error(place, method, answer)
        if isinstance(told, dict) and str(told.get("code", "0")) != "0":
            raise _error(place, method, told)
        if not isinstance(told, dict) or not isinstance(told.get(key), dict):
            raise TransientError(
                f"{place} answered {method} without `{key}`; it will be tried again."
            )
        content = dict(told[key])
        result = content.get("apiResult", content)
        if not isinstance(result, dict) or str(result.get("success")).lower() != "true":
            raise _error(place, method, result if isinstance(result, dict) else {})
        return content


def _error(place: str, method: str, error: Mapping[str, Any]) -> FourflowError:
    """What an error means: whether it passes by itself, and what to do if not."""
    code = _first(error, "code", "numberCode", "errorCode")
    reason = _first(error, "zh_desc", "chineseErrCode", "errorMsg", "errorMessage", "msg")
    english = _first(error, "en_desc", "englishErrCode")
    words = f"{reason} {english}".lower()
    reason = " ".join((reason or english or "no reason given").split()).rstrip(".。")
    told = f"{place} refused {method} with code {code or 'unknown'}"
    if code in _THROTTLED:
        return RetryLaterError(f"{told}: too many calls; it will be tried again.", _PAUSE)
    for codes, names, advice in _ADVICE:
        if code in codes or any(name in words for name in names):
            return PermanentError(f"{told} ({reason}): {advice}.")
    if any(word in words for word in _PASSING):
        return TransientError(f"{told}: {reason}; it will be tried again.")
    return PermanentError(f"{told}: {reason}.")


def _first(error: Mapping[str, Any], *names: str) -> str:
    """The first of these values that is there, as text."""
    return next((str(error[name]) for name in names if error.get(name) not in (None, "")), "")
