"""The simulated Shopify Admin API over real HTTP."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from connectors.sandbox.platforms import CHANNELS, SHOPIFY
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.servers.credentials import Shopify
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import DefectRates, WorldConfig

CONFIG = WorldConfig(
    end_date=date(2026, 6, 30),
    days=12,
    orders_per_day=900,
    defects=DefectRates(edited_orders=0.02),
)
SHOP = Shopify()
Call = Callable[..., dict[str, Any]]

MONEY = "{ shopMoney { amount currencyCode } }"
ORDERS = f"""
query Orders($first: Int!, $cursor: String, $search: String, $key: OrderSortKeys) {{
  orders(first: $first, after: $cursor, query: $search, sortKey: $key) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ ...Order }}
  }}
}}
fragment Order on Order {{
  id name createdAt updatedAt cancelledAt closedAt
  displayFinancialStatus displayFulfillmentStatus
  totalPriceSet {MONEY} currentTotalPriceSet {MONEY}
  totalRefundedSet {MONEY} totalDiscountsSet {MONEY}
  lineItems(first: 4) {{ nodes {{ id sku quantity currentQuantity
    discountedTotalSet {MONEY} originalUnitPriceSet {MONEY} }} }}
  fulfillments {{ createdAt displayStatus trackingInfo {{ company number }} }}
  transactions {{ kind status gateway amountSet {MONEY} }}
  refunds {{ id createdAt totalRefundedSet {MONEY}
    refundLineItems(first: 4) {{ edges {{ node {{ quantity subtotalSet {MONEY}
      lineItem {{ id }} }} }} }} }}
}}
"""


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(CONFIG)


@pytest.fixture(scope="module")
def served() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: ServedSandbox) -> Iterator[ServedSandbox]:
    """The served sandbox, put back to its beginning after the test."""
    served.control(options={"shopify": {"restore_rate": 1_000_000}})
    yield served
    served.control(faults={}, expired=[], as_of="2026-06-30T23:59:59")


@pytest.fixture
def call(sandbox: ServedSandbox) -> Iterator[Call]:
    """Sends a query with its variables and returns the whole answer."""
    with httpx.Client(base_url=sandbox.url, timeout=30) as client:

        def send(query: str, **variables: Any) -> dict[str, Any]:
            answer = client.post(
                "/shopify/admin/api/2026-07/graphql.json",
                json={"query": query, "variables": variables},
                headers={"X-Shopify-Access-Token": SHOP.access_token},
            )
            assert answer.status_code == 200
            return answer.json()

        yield send


def _orders(call: Call, first: int = 30, **variables: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = call(ORDERS, first=first, cursor=cursor, key="UPDATED_AT", **variables)
        assert "errors" not in answer, answer
        page = answer["data"]["orders"]
        rows += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return rows
        cursor = page["pageInfo"]["endCursor"]


def _fen(bag: dict[str, Any]) -> int:
    assert bag["shopMoney"]["currencyCode"] == "CNY"
    yuan, cents = bag["shopMoney"]["amount"].split(".")
    return int(yuan) * 100 + int(cents)


def _gids(world: World) -> set[str]:
    mine = world.orders.number[world.orders.channel == SHOPIFY].tolist()
    return {f"gid://shopify/Order/{number}" for number in mine}


def test_pages_list_every_order_once_by_time_of_update(call: Call, world: World) -> None:
    rows = _orders(call)
    assert len(rows) == len({row["id"] for row in rows}) > 500
    assert {row["id"] for row in rows} == _gids(world)
    assert [row["updatedAt"] for row in rows] == sorted(row["updatedAt"] for row in rows)


def test_half_open_search_windows_cover_everything_once(call: Call, world: World) -> None:
    ids: list[str] = []
    for day in range(18, 31):
        search = (
            f"updated_at:>='2026-06-{day}T12:00:00Z' AND "
            f"updated_at:<'2026-06-{day}T12:00:00Z'".replace(
                f"<'2026-06-{day}T", f"<'2026-{'06' if day < 30 else '07'}-{day % 30 + 1:02d}T"
            )
        )
        ids += [row["id"] for row in _orders(call, search=search)]
    assert len(ids) == len(set(ids))
    assert set(ids) == _gids(world)


@pytest.mark.parametrize(
    "moment", ["2026-06-21T03:00:00", "2026-06-26T12:00:00", "2026-06-30T23:59:59"]
)
def test_the_truth_is_the_sum_over_the_pages(
    call: Call, sandbox: ServedSandbox, moment: str
) -> None:
    sandbox.control(as_of=moment)
    truth = sandbox.truth()[CHANNELS[SHOPIFY]]
    rows = _orders(call)
    lines = [line for row in rows for line in row["lineItems"]["nodes"]]
    sales = [t for row in rows for t in row["transactions"] if t["kind"] == "SALE"]
    refunds = [refund for row in rows for refund in row["refunds"]]
    refunded = [edge["node"] for one in refunds for edge in one["refundLineItems"]["edges"]]
    states = Counter(_state(row) for row in rows)
    assert (truth["orders"], truth["lines"]) == (len(rows), len(lines))
    assert truth["orders_by_status"] == {s: states[s] for s in truth["orders_by_status"]}
    assert truth["order_fen"] == sum(_fen(row["totalPriceSet"]) for row in rows)
    assert truth["pieces"] == sum(line["quantity"] for line in lines)
    assert truth["line_fen"] == sum(_fen(line["discountedTotalSet"]) for line in lines)
    assert truth["payments"] == len(sales)
    assert truth["paid_fen"] == sum(_fen(sale["amountSet"]) for sale in sales)
    assert truth["refunds_by_outcome"]["refunded"] == len(refunded)
    assert truth["refunded_fen"] == sum(_fen(one["subtotalSet"]) for one in refunded)
    assert truth["refunded_fen"] == sum(_fen(one["totalRefundedSet"]) for one in refunds)
    assert truth["refunded_fen"] == sum(_fen(row["totalRefundedSet"]) for row in rows)
    parcels = [parcel for row in rows for parcel in row["fulfillments"]]
    assert truth["parcels_by_carrier"] == {"sf": len(parcels), "yto": 0, "jd": 0}


def _state(row: dict[str, Any]) -> str:
    if row["cancelledAt"]:
        return "cancelled"
    if row["closedAt"]:
        return "completed"
    if row["displayFulfillmentStatus"] == "FULFILLED":
        return "shipped"
    return "awaiting_payment" if row["displayFinancialStatus"] == "PENDING" else "paid"


def test_refunds_shrink_only_the_current_figures(call: Call) -> None:
    rows = [row for row in _orders(call) if row["refunds"]]
    assert {row["displayFinancialStatus"] for row in rows} == {"REFUNDED", "PARTIALLY_REFUNDED"}
    for row in rows:
        total, refunded = _fen(row["totalPriceSet"]), _fen(row["totalRefundedSet"])
        assert _fen(row["currentTotalPriceSet"]) == total - refunded
        assert (row["displayFinancialStatus"] == "REFUNDED") == (refunded == total)
        back = Counter()
        for refund in row["refunds"]:
            for edge in refund["refundLineItems"]["edges"]:
                back[edge["node"]["lineItem"]["id"]] += edge["node"]["quantity"]
        for line in row["lineItems"]["nodes"]:
            assert line["quantity"] - line["currentQuantity"] == back[line["id"]]
    several = [r for row in rows for r in row["refunds"] if len(r["refundLineItems"]["edges"]) > 1]
    assert several, "a cancelled order's lines come back in one refund"


def test_a_cursor_stays_in_place_while_orders_move(
    call: Call, sandbox: ServedSandbox, world: World
) -> None:
    page = call(ORDERS, first=40, key="UPDATED_AT")["data"]["orders"]
    seen = [row["id"] for row in page["nodes"]]
    moved = [gid.rpartition("/")[2] for gid in seen[:7]]
    sandbox.control(touch={"channel": CHANNELS[SHOPIFY], "orders": moved})
    while page["pageInfo"]["hasNextPage"]:
        cursor = page["pageInfo"]["endCursor"]
        page = call(ORDERS, first=40, cursor=cursor, key="UPDATED_AT")["data"]["orders"]
        seen += [row["id"] for row in page["nodes"]]
    assert set(seen) == _gids(world)
    assert [gid.rpartition("/")[2] for gid in seen[-7:]] == moved


def test_lines_have_pages_of_their_own(call: Call, world: World) -> None:
    order = int((world.orders.channel == SHOPIFY).argmax())
    while world.orders.channel[order] != SHOPIFY or world.orders.line_count[order] != 3:
        order += 1
    query = """query Lines($id: ID!, $cursor: String) { order(id: $id) {
        lineItems(first: 2, after: $cursor) { edges { cursor node { id sku } }
        pageInfo { hasNextPage hasPreviousPage endCursor } } } }"""
    gid = f"gid://shopify/Order/{world.orders.number[order]}"
    first = call(query, id=gid)["data"]["order"]["lineItems"]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    cursor = first["pageInfo"]["endCursor"]
    assert cursor == first["edges"][-1]["cursor"]
    second = call(query, id=gid, cursor=cursor)["data"]["order"]["lineItems"]
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (
        False,
        True,
    )
    skus = [edge["node"]["sku"] for edge in first["edges"] + second["edges"]]
    begin = int(world.orders.first_line[order])
    assert skus == [world.products.skus[k] for k in world.lines.sku[begin : begin + 3].tolist()]


def test_only_asked_fields_come_under_their_aliases(call: Call) -> None:
    query = """{ recent: orders(first: 2, reverse: true, sortKey: CREATED_AT) {
        edges { cursor node { __typename number: name tags customer { id email } } } } }"""
    data = call(query)["data"]
    (edge, _) = data["recent"]["edges"]
    assert edge.keys() == {"cursor", "node"}
    assert edge["node"].keys() == {"__typename", "number", "tags", "customer"}
    assert (edge["node"]["__typename"], edge["node"]["customer"]["email"]) == ("Order", None)


def test_cost_is_told_and_a_query_that_costs_too_much_is_refused(call: Call) -> None:
    answer = call(ORDERS, first=10, key="UPDATED_AT")
    cost = answer["extensions"]["cost"]
    assert 0 < cost["actualQueryCost"] <= cost["requestedQueryCost"] <= 1_000
    assert cost["throttleStatus"]["maximumAvailable"] == 10_000_000
    refused = call(ORDERS, first=250, key="UPDATED_AT")
    assert refused["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert "data" not in refused


def test_an_empty_bucket_throttles_inside_http_200(call: Call, sandbox: ServedSandbox) -> None:
    sandbox.control(options={"shopify": {"restore_rate": 100}})
    assert "data" in call(ORDERS, first=30, key="UPDATED_AT")
    # The bucket fills again while a slow machine asks.
    answers = (call(ORDERS, first=30, key="UPDATED_AT") for _ in range(60))
    last = next(answer for answer in answers if "errors" in answer)
    assert [error["extensions"]["code"] for error in last["errors"]] == ["THROTTLED"]
    status = last["extensions"]["cost"]["throttleStatus"]
    assert status["currentlyAvailable"] < last["extensions"]["cost"]["requestedQueryCost"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ orders(first: 1) { nodes { colour } } }", "undefinedField"),
        ("{ orders { nodes { id } } }", "argumentError"),
        ("{ orders(first: 251) { nodes { id } } }", "argumentError"),
        ('{ orders(first: 1, after: "x") { nodes { id } } }', "argumentError"),
        ('{ orders(first: 1, query: "colour:red") { nodes { id } } }', "argumentError"),
        ("{ orders(first: 1, query: \"updated_at:>='soon'\") { nodes { id } } }", "argumentError"),
        ("{ orders(first: 1 ", "argumentError"),
        ("query Q($first: Int!) { orders(first: $first) { nodes { id } } }", "argumentError"),
        ('{ node(id: "gid://shopify/Metaobject/1") { id } }', "INVALID"),
    ],
)
def test_wrong_queries_are_errors_inside_http_200(call: Call, query: str, code: str) -> None:
    answer = call(query)
    assert answer["errors"][0]["extensions"]["code"] == code
    assert "data" not in answer


def test_tokens_scopes_and_versions(sandbox: ServedSandbox) -> None:
    def send(token: str, version: str = "2026-07") -> httpx.Response:
        return httpx.post(
            f"{sandbox.url}/shopify/admin/api/{version}/graphql.json",
            json={"query": "{ orders(first: 1) { nodes { id } } }"},
            headers={"X-Shopify-Access-Token": token},
        )

    assert send("nonsense").status_code == 401
    denied = send(SHOP.poor_token).json()
    assert denied["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert send(SHOP.access_token).headers["x-shopify-api-version"] == "2026-07"
    old = send(SHOP.access_token, "2023-01")
    assert (old.status_code, old.headers["x-shopify-api-version"]) == (200, "2025-10")
    assert send(SHOP.access_token, "latest").status_code == 404
    sandbox.control(expired=["shopify"])
    assert send(SHOP.access_token).status_code == 401


def test_flow_control_and_a_broken_platform(call: Call, sandbox: ServedSandbox) -> None:
    query = "{ shop { name currencyCode } ordersCount { count } }"
    sandbox.control(faults=Faults(throttled=1.0))
    assert call(query)["errors"][0]["extensions"]["code"] == "THROTTLED"
    sandbox.control(faults=Faults(unavailable=1.0))
    assert call(query)["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    sandbox.control(faults={})
    assert call(query)["data"]["shop"] == {"name": "Sandbox Global", "currencyCode": "CNY"}


BULK = f"""{{ orders(query: "created_at:>=2026-06-18") {{ edges {{ node {{ id updatedAt
    totalPriceSet {MONEY} refunds {{ id totalRefundedSet {MONEY} }}
    lineItems {{ edges {{ node {{ id quantity discountedTotalSet {MONEY} }} }} }} }} }} }} }}"""
RUN = """mutation Run($text: String!, $grouped: Boolean!) {
    bulkOperationRunQuery(query: $text, groupObjects: $grouped) {
    bulkOperation { id status url } userErrors { field message } } }"""


def _finished(call: Call, gid: str) -> dict[str, Any]:
    query = """query Poll($id: ID!) { node(id: $id) { ... on BulkOperation {
        status errorCode objectCount rootObjectCount fileSize url } } }"""
    for _ in range(200):
        operation = call(query, id=gid)["data"]["node"]
        if operation["status"] == "COMPLETED":
            return operation
        assert operation["status"] in ("CREATED", "RUNNING")
        assert operation["url"] is None
        time.sleep(0.02)
    raise AssertionError("the bulk operation did not end")


@pytest.mark.parametrize("grouped", [False, True])
def test_a_bulk_operation_writes_parents_before_children(
    call: Call, world: World, grouped: bool
) -> None:
    started = call(RUN, text=BULK, grouped=grouped)["data"]["bulkOperationRunQuery"]
    assert started["userErrors"] == []
    assert started["bulkOperation"]["url"] is None
    operation = _finished(call, started["bulkOperation"]["id"])
    body = httpx.get(operation["url"]).content
    assert len(body) == int(operation["fileSize"])
    rows = [json.loads(line) for line in body.splitlines()]
    parents = [row for row in rows if "__parentId" not in row]
    children = [row for row in rows if "__parentId" in row]
    counts = (int(operation["objectCount"]), int(operation["rootObjectCount"]))
    assert counts == (len(rows), len(parents))
    assert {row["id"] for row in parents} == _gids(world)
    mine = world.orders.channel == SHOPIFY
    assert len(children) == world.orders.line_count[mine].sum()
    amount = sum(_fen(row["discountedTotalSet"]) for row in children)
    assert amount == world.orders.total[mine].sum()
    seen: set[str] = set()
    follows = 0
    for before, row in zip([{}, *rows], rows, strict=False):
        if "__parentId" in row:
            assert row["__parentId"] in seen
            follows += row["__parentId"] in (before.get("id"), before.get("__parentId"))
        else:
            seen.add(row["id"])
    assert (follows == len(children)) == grouped


def test_a_bulk_operation_without_rows_has_no_url(call: Call) -> None:
    query = '{ orders(query: "created_at:>=2027-01-01") { edges { node { id } } } }'
    started = call(RUN, text=query, grouped=False)["data"]["bulkOperationRunQuery"]
    operation = _finished(call, started["bulkOperation"]["id"])
    assert (operation["url"], operation["objectCount"]) == (None, "0")


@pytest.mark.parametrize(
    "query",
    [
        "{ shop { name } }",
        "{ orders { edges { node { colour } } } }",
        "{ orders { nodes { id refunds { refundLineItems { nodes { id } } } } } }",
    ],
)
def test_what_cannot_run_in_bulk_is_a_user_error(call: Call, query: str) -> None:
    content = call(RUN, text=query, grouped=False)["data"]["bulkOperationRunQuery"]
    assert content["bulkOperation"] is None
    assert content["userErrors"][0]["message"]


def test_one_bulk_operation_at_a_time(call: Call) -> None:
    first = call(RUN, text=BULK, grouped=False)["data"]["bulkOperationRunQuery"]
    second = call(RUN, text=BULK, grouped=False)["data"]["bulkOperationRunQuery"]
    assert "already in progress" in second["userErrors"][0]["message"]
    _finished(call, first["bulkOperation"]["id"])
    current = call("{ currentBulkOperation { id status } }")["data"]["currentBulkOperation"]
    assert current == {"id": first["bulkOperation"]["id"], "status": "COMPLETED"}
