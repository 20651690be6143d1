"""Orders of a WooCommerce shop with their refunds through REST v3.

Here: which calls, in which order, and what their errors mean. What the fields mean is in the
source's mapping YAML. Not here: webhooks, which the inbox receives (`signing.py`).
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import dlt
import httpx
from pydantic import Field, SecretStr

from connectors.errors import ContractError, FourflowError, PermanentError, TransientError
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import AccountConfig, Connector, EncryptedUrl
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.paging import Answer, Listing
from connectors.sources.api.reading import Page, Reading, Window
from connectors.sources.woocommerce.signing import oauth_base_string, oauth_signature

_ROOT: Final = "/wp-json/wc/v3"
_TOTAL: Final = "x-wp-total"
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
_SIGNED_ADVICE: Final = (
    "check consumer_key, consumer_secret and this machine's clock, because a signature lives 15 "
    "minutes"
)


class WooCommerceAccount(AccountConfig):
    """One WooCommerce shop."""

    base_url: EncryptedUrl = Field(
        description="Address of the WordPress site, such as https://my-shop.com."
    )
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

    @property
    def is_signed(self) -> bool:
        """Whether calls carry a signature: without TLS WordPress takes nothing else."""
        return urlsplit(self.base_url).scheme == "http"


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
        account = self._account
        url = f"{account.base_url.rstrip('/')}{_ROOT}/{path}"

        def build() -> httpx.Request:
            query = {name: str(value) for name, value in parameters.items()}
            secret = account.consumer_secret.get_secret_value()
            if account.is_signed:
                return httpx.Request("GET", url, params=_signed(account, url, query))
            if account.key_in_query:
                key = {"consumer_key": account.consumer_key, "consumer_secret": secret}
                return httpx.Request("GET", url, params=query | key)
            request = httpx.Request("GET", url, params=query)
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
            raise _refusal(place, path, response, is_signed=self._account.is_signed)
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


def _signed(account: WooCommerceAccount, url: str, query: Mapping[str, str]) -> dict[str, str]:
    """The query with OAuth 1.0a: a nonce and a time of its own for every attempt."""
    parameters = {
        **query,
        "oauth_consumer_key": account.consumer_key,
        "oauth_nonce": secrets.token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
    }
    base = oauth_base_string("GET", url, parameters)
    signature = oauth_signature(base, account.consumer_secret.get_secret_value())
    return {**parameters, "oauth_signature": signature}


def _refusal(place: str, path: str, response: httpx.Response, *, is_signed: bool) -> FourflowError:
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
    # WordPress has one code for a wrong key, secret and clock, and says which in its own language.
    advice = _SIGNED_ADVICE if is_signed and status == 401 else _ADVICE.get(status)
    return PermanentError(f"{start}: {advice or ' '.join(reason.split())[:150]}.")


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
    """The refunds of an order with their time and lines; the order itself tells only the sums.

    Raises:
        TransientError: the answers don't have all refunds that the order or their own total names.
    """
    named = {refund["id"] for refund in order.get("refunds") or ()}
    if not named:
        return []
    for _ in range(account.attempts):
        found, total = _all_refunds(site, account, order["id"])
        # A cache may answer with the refunds of yesterday, and with their number.
        if named <= found.keys() and len(found) >= total:
            return list(found.values())
    raise TransientError(
        f"{site.client.place} told {len(named & found.keys())} of {max(len(named), total)} refunds "
        f"of order {order['id']}; the cursor stays, so try again later."
    )


def _all_refunds(
    site: _Site, account: WooCommerceAccount, order_id: int
) -> tuple[dict[Any, Any], int]:
    """The refunds of all pages by their ids, and how many there are to be."""
    found: dict[Any, Any] = {}
    number = 1
    while True:
        records, total = site.get(
            f"orders/{order_id}/refunds", {"page": number, "per_page": account.page_size}
        )
        # One that is made meanwhile moves the others back: then a page brings some again.
        found |= {record["id"]: record for record in records}
        if number * account.page_size >= total:
            return found, total
        number += 1


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
