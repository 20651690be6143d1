"""Shopify's bulk operations: one query over all orders, run aside, answered as a JSONL file.

Parents come before their children, but not always right before them: a child names its parent in
`__parentId`. One operation runs at a time.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import orjson
from graphql import GraphQLError

from connectors.sandbox.servers.shopify_orders import Orders
from connectors.sandbox.servers.shopify_query import Field, Query, project, read_query
from connectors.sandbox.servers.shopify_search import read_search
from connectors.sandbox.servers.shopify_tables import LARGEST_PAGE, single
from connectors.sandbox.servers.texts import utc_texts
from connectors.sandbox.servers.views import Shop
from connectors.sandbox.world import NEVER, Ints

_MOST_CONNECTIONS: Final = 5
_DEEPEST: Final = 2
_ORDERS_AT_ONCE: Final = 250


@dataclass
class BulkOperation:
    """One operation and, when it is completed, its file."""

    number: int
    text: str
    created_at: int
    status: str = "CREATED"
    error_code: str | None = None
    completed_at: int = NEVER
    object_count: int = 0
    root_count: int = 0
    lines: list[bytes] = field(default_factory=list)

    @property
    def gid(self) -> str:
        """Its global id."""
        return f"gid://shopify/BulkOperation/{self.number}"

    @property
    def file(self) -> bytes:
        """The JSONL."""
        return b"".join(self.lines)

    def described(self, asked: Field, base_url: str) -> dict[str, Any]:
        """The asked fields; there is no `url` before the end, nor when nothing was found."""
        done = self.status == "COMPLETED"
        has_file = done and bool(self.lines)
        created, completed = utc_texts(np.array([self.created_at, self.completed_at]))
        values: dict[str, Any] = {
            "id": self.gid,
            "status": self.status,
            "errorCode": self.error_code,
            "createdAt": created,
            "completedAt": completed,
            "objectCount": str(self.object_count),
            "rootObjectCount": str(self.root_count),
            "fileSize": str(len(self.file)) if has_file else None,
            "url": f"{base_url}/bulk/{self.number}.jsonl" if has_file else None,
            "partialDataUrl": None,
            "query": self.text,
            "type": "QUERY",
        }
        return single(asked, {name: [value] for name, value in values.items()}, 1)[0]


class BulkOperations:
    """The operations of one shop."""

    def __init__(self) -> None:
        self._operations: list[BulkOperation] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, gid: str) -> BulkOperation | None:
        """The operation with this global id."""
        return next((one for one in self._operations if one.gid == gid), None)

    @property
    def current(self) -> BulkOperation | None:
        """The operation that was asked for last."""
        return self._operations[-1] if self._operations else None

    def start(
        self, text: str, shop: Shop, now: int, *, grouped: bool
    ) -> tuple[BulkOperation | None, list[dict[str, Any]]]:
        """Begin an operation; returns it, or the user errors that prevent it."""
        running = self.current
        if running is not None and running.status in ("CREATED", "RUNNING"):
            return None, [
                _user_error(
                    "A bulk query operation for this app and shop is already in progress: "
                    f"{running.gid}."
                )
            ]
        try:
            orders = _only_orders(read_query(text, {}))
            rows = _found(shop, orders)
        except GraphQLError as error:
            return None, [_user_error(f"Invalid bulk query: {error.message}")]
        operation = BulkOperation(1_000_001 + len(self._operations), text, now)
        self._operations.append(operation)
        task = asyncio.get_running_loop().create_task(
            _run(operation, shop, orders, rows, now, grouped=grouped)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation, []


async def _run(
    operation: BulkOperation, shop: Shop, orders: Field, rows: Ints, now: int, *, grouped: bool
) -> None:
    """Write the file a few orders at a time, so that other requests are answered meanwhile."""
    await asyncio.sleep(0.05)
    operation.status = "RUNNING"
    try:
        await _write(operation, shop, orders, rows, grouped=grouped)
    except Exception:
        operation.status, operation.error_code = "FAILED", "INTERNAL_SERVER_ERROR"
        raise
    operation.completed_at = now
    operation.status = "COMPLETED"


async def _write(
    operation: BulkOperation, shop: Shop, orders: Field, rows: Ints, *, grouped: bool
) -> None:
    for begin in range(0, len(rows), _ORDERS_AT_ONCE):
        page = rows[begin : begin + _ORDERS_AT_ONCE]
        for is_root, row in _lines(shop, orders, page, grouped=grouped):
            operation.lines.append(orjson.dumps(row) + b"\n")
            operation.object_count += 1
            operation.root_count += is_root
        await asyncio.sleep(0)


def _lines(
    shop: Shop, orders: Field, page: Ints, *, grouped: bool
) -> Iterator[tuple[bool, dict[str, Any]]]:
    """The lines of some orders: whether each is an order, and what it says."""
    node = orders.part("edges", "node") or orders.part("nodes")
    selection = node.selection if node else ()
    own = tuple(part for part in selection if not part.is_connection)
    table = Orders(shop, page)
    parents = project(table, own)
    children = [_children(table, part) for part in selection if part.is_connection]
    behind: list[dict[str, Any]] = []
    for place, (parent, number) in enumerate(zip(parents, table.gids(), strict=True)):
        yield True, parent
        for column in children:
            for child in column[place]:
                row = {**child, "__parentId": number}
                if grouped:
                    yield False, row
                else:
                    behind.append(row)
    for row in behind:
        yield False, row


def _children(table: Orders, part: Field) -> list[list[dict[str, Any]]]:
    """All children of a connection whatever page was asked for: no order has more than a page."""
    node = part.part("edges", "node") or part.part("nodes")
    if node is None:
        return [[] for _ in range(len(table))]
    nodes = replace(node, key="nodes", name="nodes", is_list=True)
    everything = replace(part, arguments={"first": LARGEST_PAGE}, selection=(nodes,))
    return [value["nodes"] for value in table.column(everything)]


def _only_orders(query: Query) -> Field:
    """The one `orders` field of a bulk query.

    Raises:
        GraphQLError: the query can't be run in bulk; says why.
    """
    if query.is_mutation or len(query.fields) != 1 or not query.fields[0].is_connection:
        raise GraphQLError("Bulk queries must contain exactly one connection at the top")
    orders = query.fields[0]
    connections = list(_connections(orders, 1))
    if len(connections) > _MOST_CONNECTIONS:
        raise GraphQLError(f"Bulk queries can't have more than {_MOST_CONNECTIONS} connections")
    if max(connections) > _DEEPEST:
        raise GraphQLError(f"Bulk queries can't nest connections deeper than {_DEEPEST}")
    if _has_connection_in_list(orders):
        raise GraphQLError("Bulk queries can't contain a connection field within a list field")
    return orders


def _connections(field: Field, depth: int) -> Iterator[int]:
    """The depth of every connection."""
    if field.is_connection:
        yield depth
    for part in field.selection:
        yield from _connections(part, depth + field.is_connection)


def _has_connection_in_list(field: Field) -> bool:
    is_plain_list = field.is_list and field.name not in ("edges", "nodes")
    return any(
        (is_plain_list and any(True for _ in _connections(part, 1)))
        or _has_connection_in_list(part)
        for part in field.selection
    )


def _found(shop: Shop, orders: Field) -> Ints:
    bounds = read_search(orders.arguments.get("query"))
    created = bounds.get("created_at", (None, None))
    rows = shop.created_between(*created)
    first, last = bounds.get("updated_at", (None, None))
    times = shop.modified[rows]
    kept = (times >= (first or 0)) & (times <= (NEVER if last is None else last))
    found: Ints = rows[kept]
    return found


def _user_error(message: str) -> dict[str, Any]:
    return {"field": ["query"], "message": message, "code": "INVALID"}
