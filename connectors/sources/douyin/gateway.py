"""Calls to Doudian: sent as signed, their answers opened, their errors understood.

Also the access token: given by whoever configures the shop, or fetched by a self-built app itself.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Self

import httpx
from pydantic import Field, SecretStr, model_validator

from connectors.errors import FourflowError, PermanentError, RetryLaterError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig
from connectors.sources.douyin.signing import canonical_json, sign

_SUCCESS: Final = "10000"
_TOKEN_CALL: Final = "token.create"  # noqa: S105 - the name of a call
_PAUSE: Final = timedelta(seconds=1)
_THROTTLED: Final = ("60000", "80000")
_UNAVAILABLE: Final = ("20000", "90000")
# Parts of what Doudian says (sub_code first, then its words, then the code), and what a person can
# do about it.
_ADVICE: Final = (
    (("signature", "isv.sign", "签名"), "check app_key and app_secret: the signature was refused"),
    (
        ("authorization-no-existed", "authorization-closed", "店铺授权"),
        "ask the shop to authorise the app again: it has withdrawn its authorisation",
    ),
    (
        ("permission", "权限"),
        "ask Doudian for the permission package of this call: the app may not use it",
    ),
    (
        ("access-token", "token", "30001", "30002"),
        "set a new `access_token`, or `shop_id` so that one is fetched: this one is not valid "
        "(any more)",
    ),
    (("timestamp", "时间戳"), "set this machine's clock: Doudian refuses the time of the call"),
    (("app-id", "app-key", "app_key"), "check app_key: Doudian does not know it"),
    (("app-forbidden",), "ask Doudian why the app is disabled"),
    (("service-off",), "look for a newer version of Fourflow: this call has been switched off"),
)


class DouyinAccount(AccountConfig):
    """One Douyin shop."""

    base_url: str = Field(
        default="https://openapi-fxg.jinritemai.com", description="Doudian's gateway."
    )
    app_key: str = Field(description="The application's key.")
    app_secret: SecretStr = Field(description="The application's secret; signs every call.")
    access_token: SecretStr | None = Field(
        default=None,
        description="The token that the shop granted; lives seven days. Empty: fetched by shop_id.",
    )
    shop_id: str = Field(
        default="",
        description="The shop's number: a self-built app fetches its token with it.",
    )
    deepest_record: int = Field(
        default=10_000, ge=1, description="How far a listing can be paged: page times size."
    )

    @model_validator(mode="after")
    def _has_a_way_in(self) -> Self:
        if self.access_token is None and not self.shop_id:
            raise ValueError("set `access_token`, or `shop_id` so that one is fetched")
        return self


class Gateway:
    """The calls of one shop."""

    def __init__(self, account: DouyinAccount, client: ApiClient) -> None:
        self._account = account
        self._token = account.access_token.get_secret_value() if account.access_token else ""
        self.client = client

    def call(
        self, method: str, parameters: Mapping[str, object], *, is_write: bool = False
    ) -> dict[str, Any]:
        """The `data` of an answer; what changes something is sent once.

        Raises:
            TransientError: may succeed later.
            PermanentError: Doudian refuses; the sentence says what to do.
        """
        if not self._token:
            asked = {
                "grant_type": "authorization_self",
                "code": "",
                "shop_id": self._account.shop_id,
            }
            self._token = str(self._call(_TOKEN_CALL, asked).get("access_token") or "")
        return self._call(method, parameters, is_write=is_write)

    def _call(
        self, method: str, parameters: Mapping[str, object], *, is_write: bool = False
    ) -> dict[str, Any]:
        body = canonical_json(parameters)

        def judge(response: httpx.Response) -> dict[str, Any]:
            return self._data(method, self.client.json(method, response))

        return self.client.call(
            method, lambda: self._request(method, body), judge, is_write=is_write
        )

    def _request(self, method: str, body: str) -> httpx.Request:
        """The body's bytes are exactly those that were signed."""
        account = self._account
        timestamp = str(int(time.time()))
        query = {
            "app_key": account.app_key,
            "method": method,
            "timestamp": timestamp,
            "v": "2",
            "sign_method": "hmac-sha256",
            "sign": sign(
                account.app_key, account.app_secret.get_secret_value(), method, body, timestamp
            ),
        }
        if method != _TOKEN_CALL:
            query["access_token"] = self._token
        return httpx.Request(
            "POST",
            f"{account.base_url.rstrip('/')}/{method.replace('.', '/')}",
            params=query,
            content=body.encode(),
            headers={"content-type": "application/json"},
        )

    def _data(self, method: str, answer: Any) -> dict[str, Any]:
        if not isinstance(answer, dict) or "code" not in answer:
            raise TransientError(
                f"{self.client.place} answered {method} without a code; it will be tried again."
            )
        if str(answer["code"]) != _SUCCESS:
            raise _error(self.client.place, method, answer)
        data = answer.get("data")
        if not isinstance(data, dict):
            raise TransientError(
                f"{self.client.place} answered {method} without `data`; it will be tried again."
            )
        return data


def _error(place: str, method: str, answer: Mapping[str, Any]) -> FourflowError:
    """What Doudian's error means: whether it passes by itself, and what to do if not."""
    code, sub_code = str(answer["code"]), str(answer.get("sub_code") or "")
    reason = str(answer.get("sub_msg") or answer.get("msg") or "no reason given")
    told = f"{place} refused {method} with code {code}{f' ({sub_code})' if sub_code else ''}"
    if code in _THROTTLED or "limit" in sub_code:
        return RetryLaterError(f"{told}: too many calls; it will be tried again.", _PAUSE)
    is_off = "service-off" in sub_code
    if not is_off and (code in _UNAVAILABLE or sub_code.startswith(("isp.", "dop.service-error"))):
        return TransientError(f"{told}: {reason}; it will be tried again.")
    for text in (sub_code, f"{answer.get('msg')} {answer.get('sub_msg')}".lower(), code):
        for parts, advice in _ADVICE:
            if any(part in text for part in parts):
                return PermanentError(f"{told}: {advice}.")
    return PermanentError(f"{told}: {reason}.")
