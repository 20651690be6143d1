"""Balance transactions and payouts of a Stripe account.

Here: which lists are read and how, and what Stripe's errors mean. How webhooks are verified is in
`signing.py`; what the fields mean is in the source's mapping YAML.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, TypeGuard

import dlt
import httpx
from pydantic import Field, SecretStr

from connectors.errors import FourflowError, PermanentError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig, Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.guards import PageGuard
from connectors.sources.api.reading import Page, Reading, Window

_MOST_A_PAGE: Final = 100
_KEPT_OF_SOURCE: Final = ("id", "object", "charge", "payment_intent")
# What a person can do about the refusals that people meet.
_ADVICE: Final = {
    401: "check api_key: Stripe does not know it, or it was revoked",
    403: "give the key the permission to read balance transactions and payouts",
}


class StripeAccount(AccountConfig):
    """One Stripe account."""

    base_url: str = Field(default="https://api.stripe.com", description="Stripe's API.")
    api_key: SecretStr = Field(description="A restricted key that may read; sent with every call.")
    api_version: str = Field(
        default="2024-06-20", description="The version of the API that answers are asked in."
    )
    order_metadata_key: str = Field(
        default="order_id", description="Key of a charge's metadata that holds the order number."
    )
    payout_days: int = Field(
        default=30,
        ge=0,
        description="For how many days a payout is read again: a paid one can fail later.",
    )
    page_size: int = Field(
        default=_MOST_A_PAGE, ge=1, le=_MOST_A_PAGE, description="Records asked for in one call."
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Secret of the webhook endpoint; only the inbox needs it."
    )


class _Stripe:
    """The lists of one account."""

    def __init__(self, account: StripeAccount, client: ApiClient) -> None:
        self._account = account
        self._client = client

    def pages(
        self, path: str, window: Window, *, expand: str | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """The records created in a window, newest first as Stripe lists them.

        The window's end is fixed and each page begins behind an id, so that what is created
        meanwhile moves nothing.
        """
        query: dict[str, Any] = {
            "limit": self._account.page_size,
            "created[gte]": int(window.start.timestamp()),
            "created[lt]": int(window.end.timestamp()),
        }
        if expand:
            query["expand[]"] = expand
        guard = PageGuard(self._client.place, path)
        after: str | None = None
        while True:
            records, has_more = self._page(path, query, after, guard)
            if records:
                yield records
            if not has_more:
                return
            after = str(records[-1]["id"])

    def _page(
        self, path: str, query: Mapping[str, Any], after: str | None, guard: PageGuard
    ) -> tuple[list[dict[str, Any]], bool]:
        parameters = {**query, "starting_after": after} if after else query
        account = self._account

        def build() -> httpx.Request:
            return httpx.Request(
                "GET",
                f"{account.base_url.rstrip('/')}{path}",
                params=parameters,
                headers={
                    "authorization": f"Bearer {account.api_key.get_secret_value()}",
                    "stripe-version": account.api_version,
                    "accept": "application/json",
                    "user-agent": "fourflow",
                },
            )

        def judge(response: httpx.Response) -> tuple[list[dict[str, Any]], bool]:
            answer = self._client.json(path, response)
            if response.is_error:
                raise _error(self._client.place, path, response.status_code, answer)
            records = answer.get("data") if isinstance(answer, dict) else None
            if not _are_objects(records) or not isinstance(answer.get("has_more"), bool):
                raise TransientError(
                    f"{self._client.place} answered {path} with something that is no list; it will "
                    "be tried again."
                )
            ids = [record["id"] for record in records]
            if after in ids or (answer["has_more"] and not records):
                raise TransientError(
                    f"{self._client.place} answered {path} with a page that does not follow the "
                    "one before; the cursor stays, and it will be tried again."
                )
            guard.check(after or "first", ids)
            guard.accept(ids)
            return records, answer["has_more"]

        return self._client.call(path, build, judge)


def _are_objects(records: Any) -> TypeGuard[list[dict[str, Any]]]:
    """Whether it is a list of objects with an id, which the next page begins behind."""
    return isinstance(records, list) and all(
        isinstance(record, dict) and isinstance(record.get("id"), str) for record in records
    )


def _error(place: str, path: str, status: int, answer: Any) -> FourflowError:
    """What Stripe's error means, and what to do."""
    error = answer.get("error") if isinstance(answer, dict) else None
    details = error if isinstance(error, dict) else {}
    kind = str(details.get("code") or details.get("type") or "no code")
    # Stripe's own sentence may repeat a part of the key, so only advice and codes are told.
    advice = _ADVICE.get(status, f"look up {kind} in Stripe's list of error codes")
    return PermanentError(f"{place} refused {path} with status {status} ({kind}): {advice}.")


def _without_people(record: dict[str, Any], order_key: str) -> dict[str, Any]:
    """A balance transaction whose expanded source keeps its numbers and loses its customer."""
    source = record.get("source")
    if not isinstance(source, dict):
        return {**record, "source": {"id": source}}
    kept = {name: source[name] for name in _KEPT_OF_SOURCE if source.get(name) is not None}
    order_no = (source.get("metadata") or {}).get(order_key)
    return {**record, "source": {**kept, "order_no": order_no}}


@dlt.source(name="stripe")
def stripe_source(account: StripeAccount, reading: Reading) -> Any:
    """Balance transactions and payouts, each with a cursor of its own."""
    api = _Stripe(account, reading.client(account))

    def balance_transactions(window: Window) -> Iterator[Page]:
        for records in api.pages("/v1/balance_transactions", window, expand="data.source"):
            kept = [_without_people(record, account.order_metadata_key) for record in records]
            yield Page("balance_transactions", kept, cursor=_created)

    def payouts(window: Window) -> Iterator[Page]:
        # No list tells what changed: the payouts of the last weeks are read again.
        start = window.start if window.is_first else window.start - _days(account)
        for records in api.pages("/v1/payouts", Window(start, window.end, window.is_first)):
            yield Page("payouts", records, cursor=_created)

    return [
        entity_resource("balance_transactions", account, reading, balance_transactions),
        entity_resource("payouts", account, reading, payouts),
    ]


def _days(account: StripeAccount) -> timedelta:
    return timedelta(days=account.payout_days)


def _created(record: Mapping[str, Any]) -> str:
    return str(record.get("created", ""))


def _check(account: StripeAccount, reading: Reading) -> str:
    window = Window(reading.now - timedelta(days=1), reading.now)
    with reading.client(account) as client:
        first = next(_Stripe(account, client).pages("/v1/balance_transactions", window), [])
    count = f"{len(first)} or more" if len(first) == account.page_size else f"{len(first)}"
    return f"Stripe answers for {reading.account}: {count} balance transactions in the last day."


CONNECTOR: Final = Connector(
    name="stripe",
    title="Stripe",
    config=StripeAccount,
    entities=("balance_transactions", "payouts"),
    source=stripe_source,
    check=_check,
)
