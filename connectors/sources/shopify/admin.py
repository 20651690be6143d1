"""Calls to Shopify's Admin API: paced by their cost, their errors understood inside HTTP 200."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

import httpx
import orjson
from pydantic import Field, SecretStr, model_validator

from connectors.errors import (
    ContractError,
    FourflowError,
    PermanentError,
    RetryLaterError,
    TransientError,
)
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig
from connectors.sources.shopify.queries import API_VERSION

_VERSION_HEADER: Final = "x-shopify-api-version"
_PASSING: Final = {"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"}
_NOT_IN_SCHEMA: Final = {"undefinedField", "argumentNotAccepted", "argumentError"}
_SHORTEST_PAUSE: Final = timedelta(milliseconds=100)
# What a person can do about a status that says no.
_STATUS_ADVICE: Final = {
    401: "set a new `access_token`: this one is not valid (any more)",
    402: "see the shop's admin: it is frozen until its bill is paid",
    403: "give the app the scope `read_orders`, or install it again",
    404: "check `shop_domain`, and that `api_version` is one that Shopify has",
    423: "see the shop's admin: it is locked",
}


class ShopifyAccount(AccountConfig):
    """One Shopify shop, read with the token of a custom app."""

    shop_domain: str = Field(description="The shop's own name, such as my-shop.myshopify.com.")
    base_url: str = Field(default="", description="Where the shop is; empty: at shop_domain.")
    access_token: SecretStr = Field(description="The app's Admin API token (shpat_...).")
    webhook_secret: SecretStr | None = Field(
        default=None, description="The app's client secret: webhooks are signed with it."
    )
    api_version: str = Field(
        default=API_VERSION,
        pattern=r"^20\d\d-(01|04|07|10)$",
        description="Quarterly version of the Admin API.",
    )
    page_size: int = Field(default=15, ge=1, le=250, description="Orders asked for in one call.")
    bulk: bool = Field(
        default=True, description="Read the first time, and backfills, by a bulk operation."
    )
    bulk_poll_seconds: float = Field(
        default=5.0, gt=0, description="How often a bulk operation is asked whether it is done."
    )
    bulk_hours: float = Field(
        default=6.0, gt=0, description="How long a reading waits for a bulk operation."
    )
    with_returns: bool = Field(
        default=True, description="Read returns as well; needs the scope read_returns."
    )

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if "/" in self.shop_domain or ":" in self.shop_domain:
            raise ValueError("`shop_domain` is a name such as my-shop.myshopify.com, no address")
        return self

    @property
    def endpoint(self) -> str:
        """Where GraphQL is sent."""
        base = (self.base_url or f"https://{self.shop_domain}").rstrip("/")
        return f"{base}/admin/api/{self.api_version}/graphql.json"


@dataclass
class _Budget:
    """Cost points that are left, as the last answer told, and what each query was said to cost."""

    available: float = 0.0
    restore_rate: float = 0.0
    told_at: float = 0.0

    def learn(self, cost: Mapping[str, Any]) -> None:
        """Take over `extensions.cost` of an answer."""
        status = cost.get("throttleStatus") or {}
        if status.get("restoreRate"):
            self.available = float(status.get("currentlyAvailable") or 0)
            self.restore_rate = float(status["restoreRate"])
            self.told_at = time.monotonic()

    def seconds_until(self, cost: float) -> float:
        """How long until so many points are there; 0 before anything is known."""
        if not self.restore_rate:
            return 0.0
        now = self.available + (time.monotonic() - self.told_at) * self.restore_rate
        return max(0.0, (cost - now) / self.restore_rate)


class Admin:
    """The calls of one shop."""

    def __init__(self, account: ShopifyAccount, client: ApiClient) -> None:
        self._account = account
        self._budget = _Budget()
        self._costs: dict[str, float] = {}
        self.client = client

    def call(
        self,
        what: str,
        query: str,
        variables: Mapping[str, object] | None = None,
        check: Callable[[dict[str, Any]], None] = lambda _data: None,
        *,
        is_write: bool = False,
    ) -> dict[str, Any]:
        """The `data` of an answer.

        Args:
            what: name of the query, for messages and to remember its cost.
            query: the GraphQL text.
            variables: its variables.
            check: raises TransientError when the data can't be right, to have it asked for again.
            is_write: it changes something, so it is sent once.

        Raises:
            TransientError: may succeed later.
            PermanentError: Shopify refuses; the sentence says what to do.
            ContractError: Shopify answers with another version than was asked for.
        """
        pause = self._budget.seconds_until(self._costs.get(what, 0.0))
        if pause:
            self.client.wait(pause)
        content = orjson.dumps({"query": query, "variables": dict(variables or {})})

        def build() -> httpx.Request:
            token = self._account.access_token.get_secret_value()
            headers = {"x-shopify-access-token": token, "content-type": "application/json"}
            return httpx.Request("POST", self._account.endpoint, content=content, headers=headers)

        def judge(response: httpx.Response) -> dict[str, Any]:
            data = self._data(what, response)
            check(data)
            return data

        return self.client.call(what, build, judge, is_write=is_write)

    def _data(self, what: str, response: httpx.Response) -> dict[str, Any]:
        self._check_version(response)
        if response.is_client_error:
            reason = _STATUS_ADVICE.get(response.status_code, "see what the shop's admin says")
            raise PermanentError(
                f"{self.client.place} refused {what} with status {response.status_code}: {reason}."
            )
        answer = self.client.json(what, response)
        if not isinstance(answer, dict):
            raise TransientError(
                f"{self.client.place} answered {what} with something that is not an object; it "
                "will be tried again."
            )
        cost = (answer.get("extensions") or {}).get("cost") or {}
        self._budget.learn(cost)
        if cost.get("requestedQueryCost"):
            self._costs[what] = float(cost["requestedQueryCost"])
        data, errors = answer.get("data"), answer.get("errors")
        if errors and not _is_partial(data, errors):
            raise self._error(what, errors)
        if not isinstance(data, dict):
            raise TransientError(
                f"{self.client.place} answered {what} without `data`; it will be tried again."
            )
        return data

    def _check_version(self, response: httpx.Response) -> None:
        """A retired version falls forward without a word: another schema than was asked for."""
        served = response.headers.get(_VERSION_HEADER)
        if served and served != self._account.api_version and response.is_success:
            raise ContractError(
                f"{self.client.place} answers with version {served} because "
                f"{self._account.api_version} is retired, so nothing was taken; set `api_version` "
                "to a supported one after reading what changed."
            )

    def _error(self, what: str, errors: Any) -> FourflowError:
        """What the first error means: whether it passes by itself, and what to do if not."""
        first = errors[0] if isinstance(errors, list) and errors else {"message": str(errors)}
        if not isinstance(first, dict):
            first = {"message": str(first)}
        code = str((first.get("extensions") or {}).get("code") or "")
        reason = " ".join(str(first.get("message") or "no reason given").split())[:200]
        told = f"{self.client.place} refused {what}{f' ({code})' if code else ''}"
        if code == "THROTTLED" or reason == "Throttled":
            seconds = self._budget.seconds_until(self._costs.get(what, 0.0))
            pause = max(timedelta(seconds=seconds), _SHORTEST_PAUSE)
            return RetryLaterError(f"{told}: too much at once; it will be tried again.", pause)
        if code in _PASSING:
            return TransientError(f"{told}: {reason}; it will be tried again.")
        if code == "ACCESS_DENIED":
            return PermanentError(
                f"{told}: give the app the scopes `read_orders`, `read_all_orders` for orders "
                "older than 60 days, and `read_returns` (or set `with_returns: false`); a sink "
                "needs `write_inventory` and `write_merchant_managed_fulfillment_orders`."
            )
        if code == "MAX_COST_EXCEEDED":
            return PermanentError(f"{told}: set a smaller `page_size` ({reason}).")
        if code in _NOT_IN_SCHEMA:
            return ContractError(
                f"{told}: {reason}; set `api_version: {API_VERSION}`, which this connector was "
                "written for, or look for a newer version of Fourflow."
            )
        return PermanentError(f"{told}: {reason}.")


def _is_partial(data: Any, errors: Any) -> bool:
    """Whether only fields deep below are withheld, such as personal data without approval."""
    if not isinstance(data, dict) or any(value is None for value in data.values()):
        return False
    return isinstance(errors, list) and all(
        isinstance(error, dict)
        and (error.get("extensions") or {}).get("code") == "ACCESS_DENIED"
        and len(error.get("path") or []) > 1
        for error in errors
    )
