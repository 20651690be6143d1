"""Calls to WeChat Store: sent with an access token, their answers opened, their errors understood.

Also the access token: fetched with id and secret, kept until it is due, renewed when it is refused.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

import httpx
from pydantic import Field, SecretStr

from connectors.errors import (
    ContractError,
    FourflowError,
    PermanentError,
    RetryLaterError,
    TransientError,
)
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig

T = TypeVar("T")
_TOKEN_CALL: Final = "/cgi-bin/stable_token"  # noqa: S105 - the path of a call
_RENEWED_EARLY: Final = 300.0
_TOKEN_REFUSED: Final = (40001, 40014, 42001)
_MINUTE_QUOTA: Final = 45011
_PASSING: Final = (-1, 9700223, 10021044)
_TOO_MANY: Final = 31042
_NO_SUCH_RECORD: Final = (100002, 10020000, 10021043, 10021050)
_MALFORMED: Final = (40097, 43001, 43002, 44002, 47001, 606006, 10020003, 10020004)
_ALLOW_LIST: Final = "add this machine's public address to the shop's IP allow-list"
_OTHER_SECRET: Final = "check `secret`, and whether it was reset in the shop's back office"  # noqa: S105
_CLOSED: Final = "see the shop's back office: its account is frozen, limited or being closed"
# What a person can do about a code.
_ADVICE: Final = {
    40001: _OTHER_SECRET,
    40125: _OTHER_SECRET,
    41004: _OTHER_SECRET,
    40013: "check `appid`: WeChat does not know it",
    41002: "check `appid`: WeChat does not know it",
    40164: _ALLOW_LIST,
    45009: "wait until midnight in China, or have the day's quota of calls raised or reset",
    48001: "have the permission for orders and after-sales granted to the shop's own application",
    48004: "ask WeChat why this call is forbidden to the shop",
    50002: _CLOSED,
    50004: _CLOSED,
    50007: _CLOSED,
    10080000: _CLOSED,
    10080001: _CLOSED,
}


class WechatStoreAccount(AccountConfig):
    """One shop of WeChat Store."""

    base_url: str = Field(default="https://api.weixin.qq.com", description="WeChat's gateway.")
    appid: str = Field(description="The shop's AppID (微信小店后台, 服务市场, 自研).")
    secret: SecretStr = Field(description="The shop's AppSecret; access tokens are fetched by it.")
    push_token: SecretStr | None = Field(
        default=None, description="The Token of the shop's pushes (消息推送), which signs them."
    )
    push_aes_key: SecretStr | None = Field(
        default=None, description="The EncodingAESKey of the shop's pushes, 43 characters."
    )
    behind_seconds: int = Field(
        default=60, ge=0, description="How far a reading stays behind the present."
    )
    page_size: int = Field(
        default=100,
        ge=1,
        le=100,
        description="Orders listed in one call; set 50 if WeChat refuses more.",
    )
    workers: int = Field(
        default=4, ge=1, le=32, description="Details that are asked for at the same time."
    )
    pause_seconds: float = Field(
        default=15.0,
        ge=0,
        description="How long to wait once a minute's quota of calls is used up.",
    )


class MissingRecordError(PermanentError):
    """A record that was listed is not there, or not this shop's."""


class TooManyRecordsError(PermanentError):
    """A listing has more records than WeChat lists: ask for a shorter span."""


class _TokenRefusedError(PermanentError):
    """The access token is not valid (any more)."""


class Gateway:
    """The calls of one shop; safe to share between threads."""

    def __init__(self, account: WechatStoreAccount, client: ApiClient) -> None:
        self._account = account
        self._token = ""
        self._renew_at = 0.0
        self._token_lock = threading.Lock()
        self.client = client

    def call(
        self, path: str, values: Mapping[str, object], read: Callable[[dict[str, Any]], T]
    ) -> T:
        """What a good answer says.

        Args:
            path: such as `/channels/ec/order/get`.
            values: the parameters, sent as JSON.
            read: takes the value out of the answer; raises TransientError for an answer that can't
                be right.

        Raises:
            TransientError: may succeed later.
            MissingRecordError: the record that is asked for is not there.
            TooManyRecordsError: the span that is asked for holds too many records.
            PermanentError: WeChat refuses; the sentence says what to do.
            ContractError: WeChat does not understand the call.
        """
        token = self._valid_token()
        try:
            return self._call(path, values, read, token)
        except _TokenRefusedError:
            renewed = self._renewed_token(token)
        try:
            return self._call(path, values, read, renewed)
        except _TokenRefusedError as error:
            told = str(error).removesuffix(".")
            raise PermanentError(
                f"{told}, although the token was fetched a moment ago: check that no other program "
                "renews the shop's tokens by force, and that `appid` is the shop's own."
            ) from error

    def _valid_token(self) -> str:
        with self._token_lock:
            if time.monotonic() >= self._renew_at:
                self._fetch_token(is_forced=False)
            return self._token

    def _renewed_token(self, refused: str) -> str:
        """Another token than the refused one; by force only if WeChat gives that one again.

        Twenty forced renewals a day are all that WeChat allows, so several threads share one.
        """
        with self._token_lock:
            if self._token == refused:
                self._fetch_token(is_forced=False)
            if self._token == refused:
                self._fetch_token(is_forced=True)
            return self._token

    def _fetch_token(self, *, is_forced: bool) -> None:
        account = self._account
        asked = {
            "grant_type": "client_credential",
            "appid": account.appid,
            "secret": account.secret.get_secret_value(),
            "force_refresh": is_forced,
        }

        def judge(response: httpx.Response) -> tuple[str, float]:
            answer = self._opened(_TOKEN_CALL, response)
            token, seconds = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(token, str) or not token or not isinstance(seconds, int):
                raise TransientError(
                    f"{self.client.place} answered {_TOKEN_CALL} without a token and its lifetime; "
                    "it will be tried again."
                )
            return token, float(seconds)

        asked_at = time.monotonic()
        try:
            self._token, lifetime = self.client.call(
                _TOKEN_CALL, lambda: self._request(_TOKEN_CALL, asked), judge
            )
        except _TokenRefusedError as error:
            # WeChat has one code for a wrong secret and for a wrong token.
            raise PermanentError(str(error)) from error
        # A token may be given with little of its lifetime left.
        self._renew_at = asked_at + lifetime - min(_RENEWED_EARLY, lifetime / 2)

    def _call(
        self,
        path: str,
        values: Mapping[str, object],
        read: Callable[[dict[str, Any]], T],
        token: str,
    ) -> T:
        return self.client.call(
            path,
            lambda: self._request(path, values, token),
            lambda response: read(self._opened(path, response)),
        )

    def _request(
        self, path: str, values: Mapping[str, object], token: str | None = None
    ) -> httpx.Request:
        return httpx.Request(
            "POST",
            f"{self._account.base_url.rstrip('/')}{path}",
            params=None if token is None else {"access_token": token},
            json=dict(values),
        )

    def _opened(self, path: str, response: httpx.Response) -> dict[str, Any]:
        place = self.client.place
        if response.status_code == httpx.codes.FORBIDDEN:
            raise PermanentError(f"{place} refused {path} with status 403: {_ALLOW_LIST}.")
        answer = self.client.json(path, response)
        if not isinstance(answer, dict):
            raise TransientError(
                f"{place} answered {path} with something other than an object; it will be tried "
                "again."
            )
        if str(answer.get("errcode") or 0) != "0":
            raise self._error(path, answer)
        if response.is_client_error:
            raise PermanentError(
                f"{place} refused {path} with status {response.status_code}: check base_url."
            )
        return answer

    def _error(self, path: str, answer: Mapping[str, Any]) -> FourflowError:
        """What an error means: whether it passes by itself, and what to do if not."""
        text = str(answer["errcode"])
        code = int(text) if text.removeprefix("-").isdecimal() else 0
        told = f"{self.client.place} refused {path} with code {text}"
        if code == _MINUTE_QUOTA:
            pause = timedelta(seconds=self._account.pause_seconds)
            return RetryLaterError(f"{told}: too many calls; it will be tried again.", pause)
        told += f" ({_reason(answer)})"
        if code in _PASSING:
            return TransientError(f"{told}; it will be tried again.")
        if code == _TOO_MANY:
            return TooManyRecordsError(f"{told}: more in one second than WeChat lists.")
        if code in _NO_SUCH_RECORD:
            return MissingRecordError(f"{told}.")
        if code in _MALFORMED:
            return ContractError(
                f"{told}: WeChat no longer understands this call; set `page_size: 50` if it is too "
                "large, or look for a newer version of Fourflow."
            )
        advice = _ADVICE.get(code)
        kind = PermanentError
        if code in _TOKEN_REFUSED:
            kind = _TokenRefusedError
            if path != _TOKEN_CALL:
                advice = None
        return kind(f"{told}: {advice}." if advice else f"{told}.")


def _reason(answer: Mapping[str, Any]) -> str:
    """WeChat's words, without the number of the request that it appends."""
    words = " ".join(str(answer.get("errmsg") or "").split())
    return words.partition(" rid:")[0].rstrip(".。,， ") or "no reason given"
