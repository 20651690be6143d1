"""Calls to TOP: sent as signed, their answers opened, their errors understood."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import httpx
from pydantic import Field, SecretStr

from connectors.errors import FourflowError, PermanentError, RetryLaterError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig
from connectors.sources.api.reading import CHINA
from connectors.sources.taobao.signing import sign

_SECONDS_OF_A_BAN = re.compile(r"ban will last for (\d+) more second")
# What a person can do about the refusals that people meet.
_ADVICE: Final = {
    "25": "check app_key and app_secret: the signature was refused",
    "26": "set `session`: it is missing",
    "27": "authorise the shop again and set the new `session`: this one is not valid any more",
    "11": "ask Taobao for the permission package of this call: the app may not use it",
    "12": "ask Taobao for the permission package of this call: the app may not use it",
    "24": "set this machine's clock: TOP allows ten minutes of difference",
    "29": "check app_key: TOP does not know it",
}


class TaobaoAccount(AccountConfig):
    """One Taobao or Tmall shop."""

    base_url: str = Field(
        default="https://eco.taobao.com/router/rest", description="TOP's gateway."
    )
    app_key: str = Field(description="The application's key.")
    app_secret: SecretStr = Field(description="The application's secret; signs every call.")
    session: SecretStr = Field(description="The access token that the shop's owner granted.")
    behind_seconds: int = Field(
        default=60, ge=0, description="How far a reading stays behind the present."
    )
    sign_method: Literal["md5", "hmac", "hmac-sha256"] = Field(
        default="hmac-sha256", description="How calls are signed."
    )


class Top:
    """The calls of one shop."""

    def __init__(self, account: TaobaoAccount, client: ApiClient) -> None:
        self._account = account
        self.client = client

    def call(
        self, method: str, parameters: Mapping[str, object], *, is_write: bool = False
    ) -> dict[str, Any]:
        """The content of `<method>_response`.

        Args:
            method: of TOP.
            parameters: those of the method; the others are added.
            is_write: it changes something, so it is sent once.

        Raises:
            TransientError: may succeed later.
            PermanentError: TOP refuses; the sentence says what to do.
        """
        key = method.removeprefix("taobao.").replace(".", "_") + "_response"

        def build() -> httpx.Request:
            account = self._account
            form = {
                "method": method,
                "app_key": account.app_key,
                "session": account.session.get_secret_value(),
                "timestamp": f"{datetime.now(CHINA):%Y-%m-%d %H:%M:%S}",
                "format": "json",
                "v": "2.0",
                "sign_method": account.sign_method,
                **{name: str(value) for name, value in parameters.items()},
            }
            form["sign"] = sign(form, account.app_secret.get_secret_value(), account.sign_method)
            return httpx.Request("POST", account.base_url, data=form)

        def judge(response: httpx.Response) -> dict[str, Any]:
            answer = self.client.json(method, response)
            if not isinstance(answer, dict):
                raise TransientError(
                    f"{self.client.place} answered {method} with something that is not an object; "
                    "it will be tried again."
                )
            if "error_response" in answer:
                raise _error(self.client.place, method, answer["error_response"])
            if not isinstance(answer.get(key), dict):
                raise TransientError(
                    f"{self.client.place} answered {method} without `{key}`; "
                    "it will be tried again."
                )
            return dict(answer[key])

        return self.client.call(method, build, judge, is_write=is_write)


def _error(place: str, method: str, error: Mapping[str, Any]) -> FourflowError:
    """What TOP's error means: whether it passes by itself, and what to do if not."""
    code, sub_code = str(error.get("code", "")), str(error.get("sub_code", ""))
    reason = str(error.get("sub_msg") or error.get("msg") or "no reason given")
    told = f"{place} refused {method} with code {code}{f' ({sub_code})' if sub_code else ''}"
    if code == "7" or "accesscontrol" in sub_code:
        ban = _SECONDS_OF_A_BAN.search(reason)
        if "by-app-access-count" in sub_code:
            return PermanentError(
                f"{told}: the app's calls of today are used up; wait for midnight."
            )
        pause = timedelta(seconds=int(ban.group(1)) + 1 if ban else 1)
        return RetryLaterError(f"{told}: too many calls; it will be tried again.", pause)
    if sub_code.startswith("isp."):
        return TransientError(f"{told}: {reason}; it will be tried again.")
    if "timestamp" in sub_code or "timestamp" in reason.lower():
        return PermanentError(f"{told}: {_ADVICE['24']}.")
    return PermanentError(f"{told}: {_ADVICE.get(code, reason)}.")
