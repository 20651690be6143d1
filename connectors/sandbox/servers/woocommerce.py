"""A WooCommerce site: REST v3 under `/wp-json/wc/v3`, read with a key of the shop.

Served are `orders`, `orders/<id>` and `orders/<id>/refunds`. As WordPress does it: with TLS (told
by `X-Forwarded-Proto: https`, as behind a proxy that ends it) the key is taken from Basic
authentication or the query, without TLS only a signature of OAuth 1.0a is. Not simulated: writing,
searching, `include` and alike, `_fields`.
"""

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import numpy as np
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import CHANNELS, SHOPIFY
from connectors.sandbox.servers.clock import OFFSET
from connectors.sandbox.servers.faults import (
    is_throttled,
    is_unavailable,
    name_query,
    seconds_to_wait,
)
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.views import Shop
from connectors.sandbox.servers.woocommerce_orders import (
    STATUS_WORDS,
    TRASHED,
    orders_page,
    refunds_of,
    status_codes,
)
from connectors.sandbox.world import Ints

_ROOT: Final = "/wp-json/wc/v3"
_CLOCK_TOLERANCE: Final = 15 * 60
_USUAL_PAGE: Final = 10
_LARGEST_PAGE: Final = 100
_DIGESTS: Final = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
_OAUTH: Final = (
    "oauth_consumer_key",
    "oauth_timestamp",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
)
_ORDERINGS: Final = ("date", "modified", "id")
_OTHER_STATUSES: Final = ("any", "on-hold", "failed", "checkout-draft")
_SPANS: Final = ("after", "before", "modified_after", "modified_before")
_MAINTENANCE: Final = (
    "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Briefly unavailable for "
    "scheduled maintenance. Check back in a minute.</h1></body></html>"
)


class _WordPressError(Exception):
    """An error as WordPress writes it: code, message and `data.status`."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


class WoocommerceServer:
    """One site.

    Args:
        retail: the retailer.
        clock: true epoch seconds; tests give their own.
    """

    def __init__(self, retail: Retail, clock: Callable[[], float] = time.time) -> None:
        self._retail = retail
        self._clock = clock
        self._nonces: dict[str, int] = {}

    def routes(self) -> list[Route]:
        """The endpoints of orders."""
        return [
            Route(f"{_ROOT}/orders", self._orders, methods=["GET"]),
            Route(f"{_ROOT}/orders/{{id:int}}", self._order, methods=["GET"]),
            Route(f"{_ROOT}/orders/{{id:int}}/refunds", self._refunds, methods=["GET"]),
            Route("/wp-json/{path:path}", self._no_route, methods=["GET"]),
        ]

    @property
    def _shop(self) -> Shop:
        return self._retail.shop(CHANNELS[SHOPIFY], with_refunds=True)

    async def _orders(self, request: Request) -> Response:
        def answer() -> Response:
            asked = _Asked(request.query_params)
            orders = self._matching(asked)
            page = asked.page_of(orders)
            self._remember(request, asked, page, orders)
            self._retail.counters["woocommerce.orders"] += len(page)
            return _listed(request, asked, orders_page(self._shop, page), len(orders))

        return self._answered(request, answer)

    async def _order(self, request: Request) -> Response:
        def answer() -> Response:
            (order,) = orders_page(self._shop, self._found(request))
            return Response(orjson.dumps(order), media_type="application/json")

        return self._answered(request, answer)

    async def _refunds(self, request: Request) -> Response:
        def answer() -> Response:
            asked = _Asked(request.query_params)
            order = self._found(request)
            refunds = refunds_of(self._shop.snapshot, int(order[0]))
            if asked.is_ascending:
                refunds.reverse()
            page = asked.page_of(refunds)
            self._remember(request, asked, order, order)
            self._retail.counters["woocommerce.refunds"] += len(page)
            return _listed(request, asked, page, len(refunds))

        return self._answered(request, answer)

    async def _no_route(self, request: Request) -> Response:
        def answer() -> Response:
            raise _WordPressError(
                404, "rest_no_route", "No route was found matching the URL and request method."
            )

        return self._answered(request, answer)

    def _answered(self, request: Request, answer: Callable[[], Response]) -> Response:
        """Answer one call, errors in WordPress's own words."""
        if is_unavailable(request):
            return Response(_MAINTENANCE, 503, {"retry-after": "600"}, "text/html")
        try:
            self._check(request)
            return answer()
        except _WordPressError as error:
            self._retail.counters[f"woocommerce.error.{error.code}"] += 1
            headers = {"retry-after": str(seconds_to_wait(request))} if error.status == 429 else {}
            return Response(
                orjson.dumps(error.body), error.status, headers, media_type="application/json"
            )

    def _check(self, request: Request) -> None:
        """Who asks: with TLS by key and secret, else and otherwise by a signature.

        Raises:
            _WordPressError: nobody whom the site knows.
        """
        if is_throttled(request):
            raise _WordPressError(
                429, "rate_limit_exceeded", "Too many requests. Please wait and try again."
            )
        known = self._retail.credentials.woocommerce
        is_revoked = "woocommerce" in self._retail.expired
        if request.headers.get("x-forwarded-proto") == "https":
            key, secret = _key_of(request)
            if key == known.consumer_key and not is_revoked:
                if hmac.compare_digest(secret.encode(), known.consumer_secret.encode()):
                    return
                raise _unknown("Consumer secret is invalid.")
        parameters = request.query_params
        if not any(parameters.get(name) for name in _OAUTH):
            raise _WordPressError(
                401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources."
            )
        missing = [name for name in _OAUTH if not parameters.get(name)]
        if missing:
            raise _WordPressError(
                401,
                "woocommerce_rest_authentication_missing_parameter",
                f"Missing OAuth parameter {', '.join(missing)}",
            )
        if parameters["oauth_consumer_key"] != known.consumer_key or is_revoked:
            raise _unknown("Consumer key is invalid.")
        if parameters["oauth_signature_method"] not in _DIGESTS:
            raise _unknown("Invalid signature - signature method is invalid.")
        if not is_signed(request, known.consumer_secret):
            raise _unknown("Invalid signature - provided signature does not match.")
        self._check_moment(parameters["oauth_timestamp"], parameters["oauth_nonce"])

    def _check_moment(self, timestamp: str, nonce: str) -> None:
        """A signature lives a quarter of an hour and is used once."""
        now = self._clock()
        if not timestamp.isdigit() or abs(int(timestamp) - now) > _CLOCK_TOLERANCE:
            raise _unknown("Invalid timestamp.")
        if nonce in self._nonces:
            raise _unknown("Invalid nonce - nonce has already been used.")
        self._nonces[nonce] = int(timestamp)
        while self._nonces and next(iter(self._nonces.values())) < now - _CLOCK_TOLERANCE:
            del self._nonces[next(iter(self._nonces))]

    def _found(self, request: Request) -> Ints:
        order = self._shop.find(str(request.path_params["id"]))
        if order is None:
            raise _WordPressError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        return order

    def _matching(self, asked: "_Asked") -> Ints:
        """The orders that fit all filters, in the order that was asked for."""
        shop = self._shop
        created = shop.created_between(*asked.span("after", "before"))
        modified = shop.modified_between(*asked.span("modified_after", "modified_before"))
        rows = modified if asked.ordering == "modified" else created
        rows = rows[np.isin(rows, created if asked.ordering == "modified" else modified)]
        codes = status_codes(shop.snapshot, rows)
        if "any" in asked.statuses:
            # What is in the trash is in no list but its own.
            rows = rows[codes != TRASHED]
        else:
            wanted = [code for code, word in enumerate(STATUS_WORDS) if word in asked.statuses]
            rows = rows[np.isin(codes, wanted)]
        return rows if asked.is_ascending else rows[::-1]

    def _remember(self, request: Request, asked: "_Asked", page: Ints, matching: Ints) -> None:
        name_query(request, f"woocommerce {request.url.path} {asked.query}")
        self._retail.remember_page(page, matching)


class _Asked:
    """The query of a list, checked.

    Raises:
        _WordPressError: `rest_invalid_param`, which names what is wrong.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters
        self._wrong: dict[str, str] = {}
        self.number = self._whole("page", 1, 1, 2**31)
        self.size = self._whole("per_page", _USUAL_PAGE, 1, _LARGEST_PAGE)
        self.offset = self._whole("offset", -1, 0, 2**31)
        self.ordering = self._one_of("orderby", _ORDERINGS)
        self.is_ascending = self._one_of("order", ("desc", "asc")) == "asc"
        self.statuses = set(parameters.get("status", "any").split(","))
        if not self.statuses <= {*STATUS_WORDS, *_OTHER_STATUSES}:
            self._wrong["status"] = "status[0] is not one of any, trash, pending, processing."
        self._is_gmt = parameters.get("dates_are_gmt", "false").lower() in ("true", "1")
        self._ends = {name: self._second(name) for name in _SPANS if name in parameters}
        if self._wrong:
            raise _WordPressError(
                400,
                "rest_invalid_param",
                f"Invalid parameter(s): {', '.join(self._wrong)}",
                params=self._wrong,
            )
        left_out = {"page", "offset", *_OAUTH}
        self.query = sorted(item for item in parameters.items() if item[0] not in left_out)

    def span(self, after: str, before: str) -> tuple[int | None, int | None]:
        """Both ends in local seconds, included; WordPress excludes what was asked for."""
        start, end = self._ends.get(after), self._ends.get(before)
        return None if start is None else start + 1, None if end is None else end - 1

    def page_of(self, rows: Any) -> Any:
        """The rows of the page; `offset` wins over `page`."""
        begin = self.offset if self.offset >= 0 else (self.number - 1) * self.size
        return rows[begin : begin + self.size]

    def _whole(self, name: str, usual: int, least: int, most: int) -> int:
        text = self._parameters.get(name)
        if text is None:
            return usual
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        self._wrong[name] = f"{name} must be between {least} (inclusive) and {most} (inclusive)"
        return usual

    def _one_of(self, name: str, words: tuple[str, ...]) -> str:
        word = self._parameters.get(name, words[0])
        if word not in words:
            self._wrong[name] = f"{name} is not one of {', '.join(words)}."
        return word

    def _second(self, name: str) -> int:
        """A time of the query in local seconds; one without a zone is the site's own or UTC."""
        try:
            moment = datetime.fromisoformat(self._parameters[name])
        except ValueError:
            self._wrong[name] = "Invalid date."
            return 0
        is_utc = self._is_gmt or moment.tzinfo is not None
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(aware.timestamp()) + (OFFSET if is_utc else 0)


def is_signed(request: Request, secret: str) -> bool:
    """Whether the signature of OAuth 1.0a fits method, address and all other parameters."""
    pairs = sorted(
        (quote(name, safe="~"), quote(value, safe="~"))
        for name, value in request.query_params.multi_items()
        if name != "oauth_signature"
    )
    address = str(request.url).partition("?")[0]
    query = "&".join(f"{name}={value}" for name, value in pairs)
    text = "&".join([request.method, quote(address, safe="~"), quote(query, safe="~")])
    digest = _DIGESTS[request.query_params["oauth_signature_method"]]
    made = base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), digest))
    return hmac.compare_digest(made, request.query_params["oauth_signature"].encode())


def routes(retail: Retail) -> list[Route]:
    """WooCommerce's routes for the harness."""
    return WoocommerceServer(retail).routes()


def _unknown(message: str) -> _WordPressError:
    return _WordPressError(401, "woocommerce_rest_authentication_error", message)


def _key_of(request: Request) -> tuple[str, str]:
    """Key and secret of the query, else of Basic authentication; empty if there are none."""
    given = request.query_params
    if given.get("consumer_key") and given.get("consumer_secret"):
        return given["consumer_key"], given["consumer_secret"]
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        key, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return key, secret


def _listed(request: Request, asked: _Asked, rows: list[Any], total: int) -> Response:
    """A page of a list with how many there are in all, and links to its neighbours."""
    pages = -(-total // asked.size)
    links = {"prev": min(asked.number - 1, pages), "next": asked.number + 1}
    exists = {"prev": asked.number > 1, "next": asked.number < pages}
    address = str(request.url).partition("?")[0]
    headers = {"x-wp-total": str(total), "x-wp-totalpages": str(pages)}
    link = ", ".join(
        f'<{address}?{urlencode(dict(asked.query) | {"page": number})}>; rel="{name}"'
        for name, number in links.items()
        if exists[name]
    )
    if link:
        headers["link"] = link
    return Response(orjson.dumps(rows), 200, headers, media_type="application/json")
