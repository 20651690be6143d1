"""Orders of a WooCommerce shop with their refunds through REST v3.

Here: which calls, in which order, and what their errors mean. What the fields mean is in the
source's mapping YAML. Not here: webhooks, which the inbox receives (`signing.py`).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import urlsplit

import dlt
import httpx
from pydantic import Field, SecretStr, model_validator

from connectors.errors import ContractError, FourflowError, PermanentError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig, Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.paging import Answer, Listing
from connectors.sources.api.reading import Page, Reading, Window

_ROOT: Final = "/wp-json/wc/v3"
_TOTAL: Final = "x-wp-total"
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
# `any` leaves out what is in the trash, and can't be asked for together with it.
_STATES: Final = ("any", "trash")
REFUNDS: Final = "refund_details"
"""Key that this connector adds to an order: its refunds as their own endpoint tells them."""
_ADVICE: Final = {
    401: "check consumer_key and consumer_secret, or set `key_in_query: true` if the web server "
    "keeps the Authorization header to itself",
    403: "give the key read permission and let the shop's firewall admit this machine",
    404: "check base_url, and that the shop's permalinks are not plain",
}


class WooCommerceAccount(AccountConfig):
    """One WooCommerce shop."""

    base_url: str = Field(description="Address of the WordPress site, such as https://my-shop.com.")
    consumer_key: str = Field(description="The REST key (ck_...) with read permission.")
    consumer_secret: SecretStr = Field(description="The REST key's secret (cs_...).")
    webhook_secret: SecretStr | None = Field(
        default=None, description="The secret of the shop's webhooks, to receive them."
    )
    key_in_query: bool = Field(
        default=False, description="Send the key in the address: the web server strips the header."
    )
    requests_per_second: float = Field(
        default=4.0, gt=0, description="Most calls a second; a shop's own server answers them."
    )

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        address = urlsplit(self.base_url)
        if address.scheme != "https" and address.hostname not in _LOCAL:
            raise ValueError("`base_url` must begin with https://: the secret is sent with it")
        return self


class _Site:
    """The calls of one shop."""

    def __init__(self, account: WooCommerceAccount, client: ApiClient) -> None:
        self._account = account
        self.client = client

    def get(self, path: str, parameters: Mapping[str, object]) -> tuple[list[Any], int]:
        """The records of one page, and how many there are on all pages.

        Raises:
            TransientError: may succeed later.
            PermanentError: the shop refuses; the sentence says what to do.
            ContractError: the answer is not what REST v3 answers.
        """
        account, secret = self._account, self._account.consumer_secret.get_secret_value()
        query: dict[str, Any] = dict(parameters)
        if account.key_in_query:
            query |= {"consumer_key": account.consumer_key, "consumer_secret": secret}

        def build() -> httpx.Request:
            request = httpx.Request(
                "GET", f"{account.base_url.rstrip('/')}{_ROOT}/{path}", params=query
            )
            if account.key_in_query:
                return request
            return next(httpx.BasicAuth(account.consumer_key, secret).auth_flow(request))

        def judge(response: httpx.Response) -> tuple[list[Any], int]:
            return self._records(path, response)

        return self.client.call(path, build, judge)

    def _records(self, path: str, response: httpx.Response) -> tuple[list[Any], int]:
        place = self.client.place
        if response.is_redirect:
            raise PermanentError(
                f"{place} sends {path} on to another address; set base_url to the shop's final "
                "address (https, with or without www)."
            )
        if response.is_client_error:
            raise _refusal(place, path, response)
        records = self.client.json(path, response)
        total = response.headers.get(_TOTAL, "")
        if not isinstance(records, list):
            raise TransientError(
                f"{place} answered {path} with something that is not a list; it will be tried "
                "again."
            )
        if not total.isdigit():
            raise ContractError(
                f"{place} answered {path} without {_TOTAL}, so nothing was taken; let the shop's "
                "cache or firewall pass this header."
            )
        return records, int(total)


def _refusal(place: str, path: str, response: httpx.Response) -> FourflowError:
    """What a refusal means; WordPress says it as JSON with a code, a firewall as it likes."""
    try:
        told = response.json()
    except ValueError:
        told = {}
    code = str(told.get("code") or "") if isinstance(told, dict) else ""
    reason = str(told.get("message") or "no reason given") if isinstance(told, dict) else ""
    status = response.status_code
    start = f"{place} refused {path} with status {status}{f' ({code})' if code else ''}"
    if status in (408, 425):
        return TransientError(f"{start}; it will be tried again.")
    if code == "rest_invalid_param":
        return ContractError(
            f"{start}: {' '.join(reason.split())[:150]}; update WooCommerce, which is too old for "
            "this connector (5.8 or newer)."
        )
    return PermanentError(f"{start}: {_ADVICE.get(status, ' '.join(reason.split())[:150])}.")


@dlt.source(name="woocommerce")
def woocommerce_source(account: WooCommerceAccount, reading: Reading) -> Any:
    """Orders with their refunds; a refund moves its order's time of modification."""
    site = _Site(account, reading.client(account))

    def orders(window: Window) -> Iterator[Page]:
        for status in _STATES:
            yield from _orders(site, account, window, status)

    return [entity_resource("orders", account, reading, orders)]


def _orders(
    site: _Site, account: WooCommerceAccount, window: Window, status: str
) -> Iterator[Page]:
    """All orders of a status in a closed span, the last page first."""
    # Both ends of WordPress's spans are excluded; it counts whole seconds.
    start, end = (
        _time(window.start - timedelta(seconds=1)),
        _time(window.end + timedelta(seconds=1)),
    )
    names = ("after", "before") if window.is_first else ("modified_after", "modified_before")
    asked = {
        "status": status,
        "orderby": "date" if window.is_first else "modified",
        "order": "asc",
        "dates_are_gmt": "true",
        "per_page": account.page_size,
        **dict(zip(names, (start, end), strict=True)),
    }

    def ask(number: int) -> Answer:
        return Answer(*site.get("orders", {**asked, "page": number}))

    listing = Listing(
        place=site.client.place,
        what="orders",
        ask=ask,
        identity=lambda order: (order.get("id"), order.get("date_modified_gmt")),
        size=account.page_size,
        first_number=1,
        attempts=account.attempts,
    )
    request = f"orders {status} {start}..{end}"
    for number, records in listing.pages(listing.first()):
        for order in records:
            order[REFUNDS] = _refunds(site, account, order)
        yield Page(f"{request} page {number}", records, cursor=_modified)


def _refunds(site: _Site, account: WooCommerceAccount, order: Mapping[str, Any]) -> list[Any]:
    """The refunds of an order with their time and lines; the order itself tells only the sums."""
    found: list[Any] = []
    if not order.get("refunds"):
        return found
    number = 1
    while True:
        records, total = site.get(
            f"orders/{order['id']}/refunds", {"page": number, "per_page": account.page_size}
        )
        found += records
        if len(found) >= total or not records:
            break
        number += 1
    if len({refund["id"] for refund in found}) < total:
        raise TransientError(
            f"{site.client.place} told {len(found)} of {total} refunds of order {order['id']}; the "
            "cursor stays, so try again later."
        )
    return found


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def _modified(order: Mapping[str, Any]) -> str:
    return str(order.get("date_modified_gmt", ""))


def _check(account: WooCommerceAccount, reading: Reading) -> str:
    asked = {
        "status": "any",
        "per_page": 1,
        "dates_are_gmt": "true",
        "modified_after": _time(reading.now - timedelta(minutes=30)),
    }
    with reading.client(account) as client:
        _, count = _Site(account, client).get("orders", asked)
    return (
        f"WooCommerce answers for {reading.account}: {count:,} orders changed in the last 30 "
        "minutes."
    )


CONNECTOR: Final = Connector(
    name="woocommerce",
    title="WooCommerce (REST v3)",
    config=WooCommerceAccount,
    entities=("orders",),
    source=woocommerce_source,
    check=_check,
)
