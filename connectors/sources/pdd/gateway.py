"""Calls to Pinduoduo's gateway: sent as signed, their answers opened, their errors understood."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import httpx
from pydantic import Field, SecretStr

from connectors.errors import FourflowError, PermanentError, RetryLaterError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig
from connectors.sources.pdd.signing import sign

_PAUSE: Final = timedelta(seconds=1)
_THROTTLED: Final = ("52101", "70031")
_UNAVAILABLE: Final = ("50000", "50001", "50002", "52102", "52103", "70033")
# What a person can do about the refusals that people meet.
_ADVICE: Final = {
    "10016": "check client_id: Pinduoduo does not know it",
    "10017": "look for a newer version of Fourflow: this call has been switched off",
    "10019": "authorise the shop again and set the new `access_token`: this one has expired",
    "20004": "check client_id and client_secret: the signature was refused",
    "20005": "add this machine's public address to the app's list of allowed addresses",
    "20031": "ask the shop to authorise the app: it has not, or not for this call",
    "20032": "check access_token and client_id: they do not belong together",
    "30000": "ask Pinduoduo for the permission package of this call: the app may not use it",
    "70032": "ask Pinduoduo why its risk control blocks the app",
    "70034": "ask Pinduoduo why its risk control blocks the app",
    "70035": "ask Pinduoduo why its risk control blocks the app",
    "70036": "publish the app: the calls of a test app are used up",
}


class PddAccount(AccountConfig):
    """One Pinduoduo shop."""

    base_url: str = Field(
        default="https://gw-api.pinduoduo.com/api/router", description="Pinduoduo's gateway."
    )
    client_id: str = Field(description="The application's id.")
    client_secret: SecretStr = Field(description="The application's secret; signs every call.")
    access_token: SecretStr = Field(description="The token that the shop's owner granted.")
    requests_per_second: float = Field(
        default=10.0, gt=0, description="Most calls a second; after-sales allow 10 for each shop."
    )
    behind_seconds: int = Field(
        default=240,
        ge=180,
        description="How far a reading stays behind the present; Pinduoduo wants three minutes.",
    )
    page_size: int = Field(default=100, ge=1, le=100, description="Records asked for in one call.")
    refund_status: int = Field(
        default=1,
        description="The after_sales_status that stands for all; no documentation names it.",
    )


class Gateway:
    """The calls of one shop."""

    def __init__(self, account: PddAccount, client: ApiClient) -> None:
        self._account = account
        self.client = client

    def call(self, kind: str, key: str, parameters: Mapping[str, object]) -> dict[str, Any]:
        """The content of an answer.

        Args:
            kind: the call, such as `pdd.order.list.get`.
            key: of the answer's content.
            parameters: of the call.

        Raises:
            TransientError: may succeed later.
            PermanentError: Pinduoduo refuses; the sentence says what to do.
        """

        def build() -> httpx.Request:
            account = self._account
            form = {
                "type": kind,
                "client_id": account.client_id,
                "access_token": account.access_token.get_secret_value(),
                "timestamp": str(int(time.time())),
                "data_type": "JSON",
                "version": "V1",
                **{name: str(value) for name, value in parameters.items()},
            }
            form["sign"] = sign(form, account.client_secret.get_secret_value())
            return httpx.Request("POST", account.base_url, data=form)

        def judge(response: httpx.Response) -> dict[str, Any]:
            # Money comes as JSON doubles: its digits are kept as they are.
            answer = self.client.json(kind, response, exact=True)
            if isinstance(answer, dict) and isinstance(answer.get("error_response"), dict):
                raise _error(self.client.place, kind, answer["error_response"])
            if not isinstance(answer, dict) or not isinstance(answer.get(key), dict):
                raise TransientError(
                    f"{self.client.place} answered {kind} without `{key}`; it will be tried again."
                )
            return dict(answer[key])

        return self.client.call(kind, build, judge)


def _error(place: str, kind: str, error: Mapping[str, Any]) -> FourflowError:
    """What an error means: whether it passes by itself, and what to do if not."""
    code = str(error.get("error_code", ""))
    reason = str(error.get("sub_msg") or error.get("error_msg") or "no reason given")
    told = f"{place} refused {kind} with code {code}"
    if code in _THROTTLED:
        return RetryLaterError(f"{told}: too many calls; it will be tried again.", _PAUSE)
    if code in _UNAVAILABLE:
        return TransientError(f"{told}: {reason}; it will be tried again.")
    if "timestamp" in f"{error.get('error_msg')}" or "时间戳" in reason:
        return PermanentError(
            f"{told}: set this machine's clock: Pinduoduo allows ten minutes of difference."
        )
    return PermanentError(f"{told}: {_ADVICE.get(code, reason)}.")
