"""What all of Shopify's tables share: ids, money, single objects, lists and connections below."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
from graphql import GraphQLError

from connectors.sandbox.servers.shopify_query import Field, Table, project
from connectors.sandbox.servers.texts import grouped, plain, repeated, yuan_texts
from connectors.sandbox.world import Ints

CURRENCY = "CNY"
LARGEST_PAGE = 250


def gid(kind: str, numbers: Ints) -> list[str]:
    """Global ids."""
    return [f"gid://shopify/{kind}/{number}" for number in plain(numbers)]


def typename(field: Field, count: int) -> list[str]:
    """The column of `__typename`."""
    return repeated(field.type_name, count)


def money(field: Field, fen: Ints) -> list[dict[str, Any]]:
    """A column of money bags; the shop's and the buyer's currency are one."""
    parts = [(part.key, _money_keys(part)) for part in field.selection]
    return [
        {
            key: {name: CURRENCY if is_code else text for name, is_code in names}
            for key, names in parts
        }
        for text in yuan_texts(fen)
    ]


def _money_keys(part: Field) -> list[tuple[str, bool]]:
    return [(field.key, field.name == "currencyCode") for field in part.selection]


def single(field: Field, columns: dict[str, list[Any]], count: int) -> list[dict[str, Any]]:
    """A column of objects given as columns of their own."""
    asked = [
        (part.key, columns.get(part.name) or typename(part, count)) for part in field.selection
    ]
    keys = [key for key, _ in asked]
    return [dict(zip(keys, row, strict=True)) for row in zip(*(c for _, c in asked), strict=True)]


def listed(
    field: Field, rows: Ints, counts: Ints, make: Callable[[Ints], Table]
) -> list[list[dict[str, Any]]]:
    """A column of lists: the rows of each parent, no more than `first`.

    Args:
        field: the asked field.
        rows: the children of all parents, parent by parent.
        counts: how many belong to each parent.
        make: makes the table of some children.
    """
    first = field.arguments.get("first")
    if first is not None:
        kept = _positions(counts) < first
        rows, counts = rows[kept], np.minimum(counts, first)
    return grouped(project(make(rows), field.selection), plain(counts))


def connection(
    field: Field, rows: Ints, counts: Ints, make: Callable[[Ints], Table]
) -> list[dict[str, Any]]:
    """A column of connections, each with a page of its parent's children.

    Args:
        field: the asked field; `first` and `after` choose the page.
        rows: the children of all parents, parent by parent, ascending.
        counts: how many belong to each parent.
        make: makes the table of some children.

    Raises:
        GraphQLError: `first` is missing or too large, or `after` is no cursor.
    """
    first = page_size(field)
    owner = np.repeat(np.arange(len(counts)), counts)
    skipped = np.zeros(len(counts), dtype=np.int64)
    if field.arguments.get("after"):
        behind = rows > _read_cursor(field.arguments["after"])
        skipped = np.bincount(owner[~behind], minlength=len(counts))
        rows, owner = rows[behind], owner[behind]
        counts = counts - skipped
    kept = _positions(counts) < first
    sizes = np.minimum(counts, first)
    rows = rows[kept]
    items = [grouped(column, plain(sizes)) for column in _connection_columns(field, rows, make)]
    cursors = grouped([_cursor(row) for row in plain(rows)], plain(sizes))
    more, before = plain(counts > first), plain(skipped > 0)
    return [
        {
            part.key: _page_info(part, cursors[place], more[place], before[place])
            if part.name == "pageInfo"
            else items[number][place]
            for number, part in enumerate(field.selection)
        }
        for place in range(len(counts))
    ]


def _connection_columns(field: Field, rows: Ints, make: Callable[[Ints], Table]) -> list[list[Any]]:
    """The children's rows of the asked `edges` and `nodes`; nothing for `pageInfo`."""
    columns: list[list[Any]] = []
    for part in field.selection:
        if part.name == "nodes":
            columns.append(project(make(rows), part.selection))
        elif part.name == "edges":
            columns.append(edges(part, project_nodes(part, make(rows)), plain(rows)))
        else:
            columns.append([])
    return columns


def project_nodes(edge: Field, table: Table) -> list[dict[str, Any]]:
    """What is asked of the `node` of an edge."""
    node = edge.part("node")
    return project(table, node.selection) if node else [{} for _ in range(len(table))]


def edges(edge: Field, nodes: list[dict[str, Any]], keys: list[Any]) -> list[dict[str, Any]]:
    """The asked parts of edges: `cursor` and `node`."""
    return [
        {part.key: node if part.name == "node" else _cursor(key) for part in edge.selection}
        for node, key in zip(nodes, keys, strict=True)
    ]


def page_info(part: Field, cursors: list[str], *, more: bool, before: bool) -> dict[str, Any]:
    """The asked parts of `pageInfo`."""
    return _page_info(part, cursors, more, before)


def page_size(field: Field) -> int:
    """`first` of a connection.

    Raises:
        GraphQLError: it is missing or too large.
    """
    first = field.arguments.get("first")
    if first is None:
        raise GraphQLError(f"you must provide one of first or last for {field.name}")
    if not 1 <= first <= LARGEST_PAGE:
        raise GraphQLError(f"first must be between 1 and {LARGEST_PAGE} for {field.name}")
    return int(first)


def _page_info(part: Field, cursors: list[str], more: bool, before: bool) -> dict[str, Any]:
    values = {
        "hasNextPage": more,
        "hasPreviousPage": before,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else None,
        "__typename": "PageInfo",
    }
    return {field.key: values[field.name] for field in part.selection}


def _positions(counts: Ints) -> Ints:
    """The position of each child within its parent, from 0."""
    begins = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) - np.repeat(begins, counts)


def _cursor(key: Any) -> str:
    return base64.b64encode(f"row:{key}".encode()).decode()


def _read_cursor(text: str) -> int:
    try:
        return int(base64.b64decode(text, validate=True).decode().removeprefix("row:"))
    except ValueError:
        raise GraphQLError(f"Invalid cursor {text!r}") from None
