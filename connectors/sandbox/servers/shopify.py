"""Shopify's Admin API: GraphQL over one route, a leaky bucket of cost, and bulk operations.

`POST /shopify/admin/api/{version}/graphql.json` and the files of `/shopify/bulk/`. Throttling is
an error inside HTTP 200. Stock and fulfillments can be written; what was shipped so shows in the
order that is asked for alone. Not simulated: REST, products, scopes beside orders.
"""

import base64
import re
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import orjson
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.platforms import ALLOCATED, CHANNELS, PAID, SHOPIFY
from connectors.sandbox.servers.clock import seconds_of, text_of
from connectors.sandbox.servers.faults import is_throttled, is_unavailable, name_query
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.shopify_bulk import BulkOperations
from connectors.sandbox.servers.shopify_orders import Orders
from connectors.sandbox.servers.shopify_query import (
    Field,
    Query,
    project,
    query_cost,
    read_query,
)
from connectors.sandbox.servers.shopify_search import read_search
from connectors.sandbox.servers.shopify_tables import (
    CURRENCY,
    page_info,
    page_size,
    project_nodes,
    single,
)
from connectors.sandbox.servers.shopify_writes import ShopifyWrites, picked
from connectors.sandbox.servers.views import Shop
from connectors.sandbox.world import NEVER, Ints

VERSIONS: Final = ("2025-10", "2026-01", "2026-04", "2026-07", "2026-10")
"""Supported versions; an older one falls forward to the first."""

_DEAREST: Final = 1_000
_BUCKET_SECONDS: Final = 10
_USUAL_RESTORE_RATE: Final = 2_000
_VERSION: Final = re.compile(r"20\d\d-(01|04|07|10)")

Values = dict[str, Any]


class ShopifyError(Exception):
    """A top-level error with an extension code, inside HTTP 200."""

    def __init__(self, message: str, code: str, **extensions: Any) -> None:
        super().__init__(message)
        self.listed = [{"message": message, "extensions": {"code": code, **extensions}}]


def routes(retail: Retail) -> list[Route]:
    """The GraphQL endpoint and the files of bulk operations."""
    shop = _Admin(retail)
    return [
        Route("/admin/api/{version}/graphql.json", shop.answer, methods=["POST"]),
        Route("/bulk/{number:int}.jsonl", shop.download),
    ]


class Bucket:
    """A leaky bucket of cost points, refilled by the real clock."""

    def __init__(self, restore_rate: int) -> None:
        self.restore_rate = restore_rate
        self.size = restore_rate * _BUCKET_SECONDS
        self._level, self._since = float(self.size), time.monotonic()

    @property
    def available(self) -> float:
        """Points at this moment."""
        refilled = self._level + (time.monotonic() - self._since) * self.restore_rate
        return min(float(self.size), refilled)

    def take(self, cost: int) -> bool:
        """Take points if there are enough; a negative cost gives some back."""
        level = self.available
        if cost > level:
            return False
        self._level, self._since = level - cost, time.monotonic()
        return True

    def status(self) -> Values:
        """As `throttleStatus` tells it."""
        return {
            "maximumAvailable": float(self.size),
            "currentlyAvailable": int(self.available),
            "restoreRate": float(self.restore_rate),
        }


class _Admin:
    def __init__(self, retail: Retail) -> None:
        self._retail = retail
        self._bulk = BulkOperations()
        self._writes = ShopifyWrites(self._waits_for_goods)
        retail.written["shopify"] = self._writes.described
        self._bucket = Bucket(_USUAL_RESTORE_RATE)
        # Points a second that come back: 100 on Shopify's smallest plan.
        self._options = retail.options.setdefault("shopify", {"restore_rate": _USUAL_RESTORE_RATE})

    async def answer(self, request: Request) -> Response:
        """Answer one GraphQL request."""
        version = request.path_params["version"]
        if not _VERSION.fullmatch(version) or version > VERSIONS[-1]:
            return _json({"errors": "Not Found"}, VERSIONS[0], 404)
        served = max(version, VERSIONS[0])
        known = self._retail.credentials.shopify
        token = request.headers.get("x-shopify-access-token", "")
        if token not in (known.access_token, known.poor_token) or "shopify" in self._retail.expired:
            message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return _json({"errors": message}, served, 401)
        cost: Values = {}
        try:
            content = self._answered(request, await request.body(), token, cost)
        except ShopifyError as error:
            content = {"errors": error.listed}
        except GraphQLError as error:
            content = {"errors": [_formatted(error)]}
        if "errors" in content:
            self._retail.counters["shopify.error"] += 1
        if cost:
            content["extensions"] = {"cost": {**cost, "throttleStatus": self._bucket.status()}}
        return _json(content, served)

    async def download(self, request: Request) -> Response:
        """The file of a completed bulk operation; it needs no token."""
        number = request.path_params["number"]
        operation = self._bulk.find(f"gid://shopify/BulkOperation/{number}")
        if operation is None or operation.status != "COMPLETED":
            return Response(b"NoSuchKey", 404)
        return Response(operation.file, media_type="application/jsonl")

    def _answered(self, request: Request, body: bytes, token: str, cost: Values) -> Values:
        if is_unavailable(request):
            raise ShopifyError(
                "Internal error. Looks like something went wrong on our end.",
                "INTERNAL_SERVER_ERROR",
            )
        sent = _sent(body)
        query = read_query(sent["query"], sent.get("variables") or {}, sent.get("operationName"))
        asked = query_cost(query)
        self._take(request, asked, cost)
        if token == self._retail.credentials.shopify.poor_token:
            raise ShopifyError(
                f"Access denied for {query.fields[0].name} field. "
                "Required access: `read_orders` access scope.",
                "ACCESS_DENIED",
            )
        name_query(request, f"shopify {_without_cursor(sent)}")
        data = {field.key: self._root(query, field, request) for field in query.fields}
        actual = min(asked, _actual_cost(data))
        self._bucket.take(actual - asked)
        cost["actualQueryCost"] = actual
        return {"data": data}

    def _take(self, request: Request, asked: int, cost: Values) -> None:
        """Take the asked cost from the bucket.

        Raises:
            ShopifyError: it is too much for one query or for now.
        """
        if self._bucket.restore_rate != self._options["restore_rate"]:
            self._bucket = Bucket(self._options["restore_rate"])
        cost |= {"requestedQueryCost": asked, "actualQueryCost": None}
        if asked > _DEAREST:
            raise ShopifyError(
                f"Query cost is {asked}, which exceeds the single query max cost limit "
                f"({_DEAREST}).",
                "MAX_COST_EXCEEDED",
                cost=asked,
                maxCost=_DEAREST,
            )
        if is_throttled(request) or not self._bucket.take(asked):
            raise ShopifyError("Throttled", "THROTTLED")

    @property
    def _shop(self) -> Shop:
        return self._retail.shop(CHANNELS[SHOPIFY], with_refunds=True)

    def _root(self, query: Query, field: Field, request: Request) -> Any:
        roots: dict[str, Callable[[], Any]] = {
            "shop": lambda: _shop_object(field),
            "orders": lambda: self._orders(field),
            "ordersCount": lambda: self._count(field),
            "order": lambda: self._order(field, field.arguments["id"]),
            "node": lambda: self._node(query, field, request),
            "currentBulkOperation": lambda: self._bulk_object(field, None, request),
            "bulkOperation": lambda: self._bulk_object(field, field.arguments["id"], request),
            "bulkOperationRunQuery": lambda: self._run_bulk(field, request),
            "inventorySetQuantities": lambda: self._set_quantities(query, field),
            "fulfillmentCreate": lambda: picked(
                self._writes.fulfil(field.arguments["fulfillment"]), field.selection
            ),
            "__typename": lambda: field.type_name,
        }
        return roots[field.name]()

    def _orders(self, field: Field) -> Values:
        """The `orders` connection; its cursor is a place in the order, so no page can shift."""
        first = page_size(field)
        rows, keys = self._matching(field)
        begin = _behind(rows, keys, field.arguments) if field.arguments.get("after") else 0
        page = rows[begin : begin + first]
        self._retail.remember_page(page, rows)
        self._retail.counters["shopify.orders"] += len(page)
        cursors = [
            _order_cursor(int(key), int(row))
            for key, row in zip(keys[begin : begin + first], page, strict=True)
        ]
        content: Values = {}
        for part in field.selection:
            if part.name == "nodes":
                content[part.key] = project(Orders(self._shop, page), part.selection)
            elif part.name == "edges":
                nodes = project_nodes(part, Orders(self._shop, page))
                content[part.key] = [
                    {p.key: node if p.name == "node" else cursor for p in part.selection}
                    for node, cursor in zip(nodes, cursors, strict=True)
                ]
            elif part.name == "pageInfo":
                more = begin + first < len(rows)
                content[part.key] = page_info(part, cursors, more=more, before=begin > 0)
            else:
                content[part.key] = part.type_name
        return content

    def _matching(self, field: Field) -> tuple[Ints, Ints]:
        """The orders that the search finds, as they are to be sorted, and the times for that."""
        shop = self._shop
        bounds = read_search(field.arguments.get("query"))
        created_at = self._retail.world.orders.created_at
        by_update = field.arguments.get("sortKey") == "UPDATED_AT"
        wanted = ("updated_at", "created_at") if by_update else ("created_at", "updated_at")
        window, other = (bounds.get(name, (None, None)) for name in wanted)
        rows = shop.modified_between(*window) if by_update else shop.created_between(*window)
        times = created_at[rows] if by_update else shop.modified[rows]
        first, last = other
        rows = rows[(times >= (first or 0)) & (times <= (NEVER if last is None else last))]
        keys = shop.modified[rows] if by_update else created_at[rows]
        if field.arguments.get("reverse"):
            rows, keys = rows[::-1], keys[::-1]
        return rows, keys

    def _count(self, field: Field) -> Values:
        rows, _ = self._matching(field)
        return single(field, {"count": [len(rows)], "precision": ["EXACT"]}, 1)[0]

    def _order(self, field: Field, gid: str) -> Values | None:
        number = gid.removeprefix("gid://shopify/Order/")
        row = self._shop.find(number)
        if row is None:
            return None
        known = tuple(part for part in field.selection if part.name != "fulfillmentOrders")
        shown = project(Orders(self._shop, row), known)[0]
        self._writes.overlay(number, shown, field.selection)
        return shown

    def _waits_for_goods(self, number: str) -> bool:
        row = self._shop.find(number)
        return row is not None and int(self._retail.snapshot.state[row][0]) in (PAID, ALLOCATED)

    def _set_quantities(self, query: Query, field: Field) -> Any:
        given = query.directive(field, "idempotent")
        key = str(given["key"]) if given else None
        return picked(self._writes.set_quantities(field.arguments["input"], key), field.selection)

    def _node(self, query: Query, field: Field, request: Request) -> Values | None:
        gid = field.arguments["id"]
        kind = gid.removeprefix("gid://shopify/").partition("/")[0]
        if kind not in ("Order", "BulkOperation"):
            raise ShopifyError(f"Invalid global id '{gid}'", "INVALID")
        asked = Field(
            field.key, field.name, field.arguments, kind, False, query.select(field, kind), ()
        )
        if kind == "Order":
            return self._order(asked, gid)
        return self._bulk_object(asked, gid, request)

    def _bulk_object(self, field: Field, gid: str | None, request: Request) -> Values | None:
        operation = self._bulk.current if gid is None else self._bulk.find(gid)
        return None if operation is None else operation.described(field, _base_url(request))

    def _run_bulk(self, field: Field, request: Request) -> Values:
        operation, errors = self._bulk.start(
            field.arguments["query"],
            self._shop,
            self._retail.now,
            grouped=field.arguments["groupObjects"],
        )
        content: Values = {}
        for part in field.selection:
            if part.name == "bulkOperation":
                described = operation and operation.described(part, _base_url(request))
                content[part.key] = described
            elif part.name == "userErrors":
                content[part.key] = [
                    {p.key: error[p.name] for p in part.selection} for error in errors
                ]
        return content


def _shop_object(field: Field) -> Values:
    values = {
        "id": "gid://shopify/Shop/1",
        "name": "Sandbox Global",
        "currencyCode": CURRENCY,
        "ianaTimezone": "Asia/Shanghai",
    }
    return single(field, {name: [value] for name, value in values.items()}, 1)[0]


def _sent(body: bytes) -> Values:
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise GraphQLError("The request's body is not JSON") from None
    if not isinstance(sent, dict) or not isinstance(sent.get("query"), str):
        raise GraphQLError("The request's body has no query")
    return sent


def _without_cursor(sent: Values) -> Values:
    """What names a query besides the page: variables that are cursors are left out."""
    variables = {
        name: value
        for name, value in (sent.get("variables") or {}).items()
        if name not in ("after", "cursor")
    }
    return {"query": sent["query"], "variables": variables}


def _actual_cost(value: Any) -> int:
    """One point for every object with fields of its own, money aside."""
    if isinstance(value, dict):
        if "amount" in value or "shopMoney" in value:
            return 0
        return 1 + sum(_actual_cost(part) for part in value.values())
    if isinstance(value, list):
        return sum(_actual_cost(part) for part in value)
    return 0


def _order_cursor(key: int, row: int) -> str:
    place = orjson.dumps({"last_id": row, "last_value": text_of(key)})
    return base64.b64encode(place).decode()


def _behind(rows: Ints, keys: Ints, arguments: Any) -> int:
    """How many rows stand up to and including the cursor's place."""
    try:
        place = orjson.loads(base64.b64decode(arguments["after"], validate=True))
        key, row = seconds_of(place["last_value"]), int(place["last_id"])
    except (ValueError, KeyError, TypeError):
        raise GraphQLError(f"Invalid cursor {arguments['after']!r}") from None
    if arguments.get("reverse"):
        passed = (keys > key) | ((keys == key) & (rows >= row))
    else:
        passed = (keys < key) | ((keys == key) & (rows <= row))
    return int(np.count_nonzero(passed))


def _base_url(request: Request) -> str:
    url = request.url
    return f"{url.scheme}://{url.netloc}{request.scope['root_path']}"


def _formatted(error: GraphQLError) -> Values:
    formatted: Values = dict(error.formatted)
    unknown = error.message.startswith("Cannot query field")
    formatted["extensions"] = {"code": "undefinedField" if unknown else "argumentError"}
    return formatted


def _json(content: Values, version: str, status: int = 200) -> Response:
    return Response(
        orjson.dumps(content),
        status,
        {"x-shopify-api-version": version},
        media_type="application/json; charset=utf-8",
    )
