"""Bulk operations: Shopify runs one query over all orders aside and leaves a file of JSON lines.

Here: start it (or take up the one that a killed reading started), wait, download, and put children
under their parents, however large the file is. Not here: what the query asks.
"""

import tempfile
import time
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import httpx
import orjson

from connectors.errors import PermanentError, TransientError
from connectors.sources.shopify.admin import Admin, ShopifyAccount
from connectors.sources.shopify.queries import BULK_OPERATION, RUN_BULK

Order = dict[str, Any]
_IN_PROGRESS: Final = "already in progress"
_GID: Final = "gid://shopify/BulkOperation/"
_BYTES_A_BUCKET: Final = 32 << 20
_CONNECTIONS: Final = {"LineItem": "lineItems", "Return": "returns"}


@dataclass(frozen=True)
class BulkResult:
    """A completed operation.

    Attributes:
        started_at: when Shopify began: what changed later may be in it or not.
        was_taken_up: whether an earlier reading started it.
        url: of the file; None when nothing was found.
        size: bytes of the file, 0 if not told.
        root_count: orders in it, None if not told.
    """

    started_at: datetime
    was_taken_up: bool
    url: str | None
    size: int
    root_count: int | None


def run_bulk(admin: Admin, account: ShopifyAccount, query: str) -> BulkResult:
    """Run a query to its end.

    Raises:
        TransientError: another operation is running, or this one was not done in time.
        PermanentError: Shopify refuses the query or the operation failed.
    """
    gid, was_taken_up = _start(admin, query)
    deadline = time.monotonic() + account.bulk_hours * 3600
    while True:
        operation = _state(admin, gid)
        if was_taken_up and operation["query"] != query:
            raise TransientError(
                f"{admin.client.place} is running another bulk operation ({gid}); it will be tried "
                "again, or set `bulk: false` to read page by page."
            )
        if operation["status"] not in ("CREATED", "RUNNING"):
            return _result(admin, operation, was_taken_up=was_taken_up)
        if time.monotonic() > deadline:
            raise TransientError(
                f"{admin.client.place} has not finished bulk operation {gid} in "
                f"{account.bulk_hours:g} hours; the next reading will take it up."
            )
        admin.client.wait(account.bulk_poll_seconds)


def _start(admin: Admin, query: str) -> tuple[str, bool]:
    """The operation's id, and whether it was running already."""
    data = admin.call("bulkOperationRunQuery", RUN_BULK, {"query": query})
    told = data.get("bulkOperationRunQuery") or {}
    operation = told.get("bulkOperation")
    if operation:
        return str(operation["id"]), False
    messages = " ".join(str(error.get("message")) for error in told.get("userErrors") or [])
    if _IN_PROGRESS in messages and _GID in messages:
        return _GID + messages.partition(_GID)[2].partition(".")[0].split()[0], True
    raise PermanentError(
        f"{admin.client.place} refused a bulk operation: {messages or 'no reason given'}; set "
        "`bulk: false` to read page by page."
    )


def _state(admin: Admin, gid: str) -> dict[str, Any]:
    def check(data: dict[str, Any]) -> None:
        if not data.get("node"):
            raise TransientError(
                f"{admin.client.place} does not know bulk operation {gid}; read again."
            )

    operation: dict[str, Any] = admin.call("bulkOperation", BULK_OPERATION, {"id": gid}, check)[
        "node"
    ]
    return operation


def _result(admin: Admin, operation: dict[str, Any], *, was_taken_up: bool) -> BulkResult:
    status, code = operation["status"], operation.get("errorCode")
    if status != "COMPLETED":
        told = f"{admin.client.place} ended bulk operation {operation['id']} as {status} ({code})"
        if code == "ACCESS_DENIED":
            raise PermanentError(f"{told}: give the app the scopes `read_orders` and more.")
        raise TransientError(f"{told}; it will be tried again.")
    url, objects = operation.get("url"), int(operation.get("objectCount") or 0)
    if not url and objects:
        raise TransientError(
            f"{admin.client.place} has lost the file of bulk operation {operation['id']} with "
            f"{objects:,} records; it will be tried again."
        )
    roots = operation.get("rootObjectCount")
    return BulkResult(
        started_at=datetime.fromisoformat(operation["createdAt"]),
        was_taken_up=was_taken_up,
        url=url,
        size=int(operation.get("fileSize") or 0),
        root_count=int(roots) if roots is not None else None,
    )


def read_result(
    admin: Admin, result: BulkResult, connections: Collection[str]
) -> Iterator[list[Order]]:
    """The orders of a completed operation, children in place, some thousands at a time.

    Args:
        admin: the shop.
        result: of `run_bulk`.
        connections: the fields of an order that hold children.

    Raises:
        TransientError: the file is not what the operation says it is.
    """
    if result.url is None:
        return
    with tempfile.TemporaryDirectory(prefix="fourflow-shopify-") as folder:
        path = Path(folder) / "orders.jsonl"
        url = result.url
        # The file's address needs no token, and is not Shopify's own.
        size = admin.client.download(
            "a bulk result", lambda: httpx.Request("GET", url), path, size=result.size
        )
        buckets = _sorted_into_buckets(path, 1 + size // _BYTES_A_BUCKET)
        path.unlink()
        count = 0
        for bucket in buckets:
            orders = assemble(bucket.open("rb"), connections)
            count += len(orders)
            yield orders
            bucket.unlink()
    if result.root_count is not None and count != result.root_count:
        raise TransientError(
            f"{admin.client.place} sent {count:,} orders in a bulk result of "
            f"{result.root_count:,}; it will be tried again."
        )


def _sorted_into_buckets(path: Path, count: int) -> list[Path]:
    """Cut the file so that a parent and all its children are in one piece."""
    buckets = [path.with_suffix(f".{number}") for number in range(count)]
    with ExitStack() as stack:
        files = [stack.enter_context(bucket.open("wb")) for bucket in buckets]
        with path.open("rb") as lines:
            for line in lines:
                row = orjson.loads(line)
                family = row.get("__parentId") or row["id"]
                files[zlib.crc32(family.encode()) % count].write(line)
    return buckets


def assemble(lines: IO[bytes], connections: Collection[str]) -> list[Order]:
    """Orders with their children in the shape that pages have; a child may stand anywhere.

    Args:
        lines: JSON lines of whole families, closed at the end.
        connections: the fields that hold children; an order without any has an empty list.
    """
    orders: dict[str, Order] = {}
    children: list[dict[str, Any]] = []
    with lines:
        for line in lines:
            row = orjson.loads(line)
            if "__parentId" in row:
                children.append(row)
            else:
                orders[row["id"]] = row
                row |= {name: {"nodes": []} for name in connections}
    for child in children:
        kind = child["id"].removeprefix("gid://shopify/").partition("/")[0]
        parent = orders[child.pop("__parentId")]
        parent[_CONNECTIONS[kind]]["nodes"].append(child)
    return list(orders.values())
