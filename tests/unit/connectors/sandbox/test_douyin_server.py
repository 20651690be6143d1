"""The simulated Doudian over real HTTP; requests are signed here, by code of the test's own."""

import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest

from connectors.sandbox.platforms import DOUYIN
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.servers.credentials import Douyin
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.stages.terms import agree_terms
from connectors.sandbox.world import NEVER, DefectRates, WorldConfig

CONFIG = WorldConfig(
    end_date=date(2026, 6, 30),
    days=12,
    orders_per_day=600,
    defects=DefectRates(edited_orders=0.02),
)
SHOP = Douyin()
START = 1_781_798_400  # 2026-06-19 00:00 in Shanghai
_STATES = {
    1: "awaiting_payment",
    105: "paid",
    2: "allocated",
    3: "shipped",
    5: "completed",
    4: "cancelled",
}
_OUTCOMES = {12: "refunded", 27: "rejected", 29: "rejected", 28: "withdrawn"}
Call = Callable[..., dict[str, Any]]


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
    yield served
    served.control(faults={}, expired=[], as_of="2026-06-30T23:59:59")


def _signed(
    method: str,
    body: str,
    *,
    secret: str = SHOP.app_secret,
    digest: str = "hmac-sha256",
    **system: str,
) -> dict[str, str]:
    query = {
        "app_key": SHOP.app_key,
        "method": method,
        "timestamp": str(int(time.time())),
        "v": "2",
        "sign_method": digest,
        "access_token": SHOP.access_token,
        **system,
    }
    text = (
        f"{secret}app_key{query['app_key']}method{query['method']}param_json{body}"
        f"timestamp{query['timestamp']}v{query['v']}{secret}"
    ).encode()
    if digest == "md5":
        del query["sign_method"]  # the platform's default
        return {**query, "sign": hashlib.md5(text).hexdigest()}
    return {**query, "sign": hmac.new(secret.encode(), text, "sha256").hexdigest()}


@pytest.fixture
def call(sandbox: ServedSandbox) -> Iterator[Call]:
    """Calls a method and returns the whole envelope."""
    with httpx.Client(base_url=sandbox.url) as client:

        def send(
            method: str, values: dict[str, Any], sent_body: str | None = None, **system: str
        ) -> dict[str, Any]:
            body = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            answer = client.post(
                "/douyin/" + method.replace(".", "/"),
                params=_signed(method, body, **system),
                content=(body if sent_body is None else sent_body).encode(),
                headers={"content-type": "application/json"},
            )
            assert answer.status_code == 200
            return answer.json()

        yield send


def _orders(call: Call, **values: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    page = 0
    while True:
        data = call("order.searchList", {"page": page, "size": 100, **values})["data"]
        rows += data["shop_order_list"]
        page += 1
        if page * 100 >= data["total"]:
            return rows


def _aftersales(call: Call, **values: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    page = 0
    while True:
        data = call("afterSale.List", {"page": page, "size": 30, **values})["data"]
        rows += data["items"]
        page += 1
        if not data["has_more"]:
            assert len(rows) == data["total"]
            return rows


def test_pages_list_every_order_once_in_both_directions(call: Call, world: World) -> None:
    numbers = [str(n) for n in world.orders.number[world.orders.channel == DOUYIN].tolist()]
    assert [row["order_id"] for row in _orders(call, order_asc=True)] == numbers
    assert [row["order_id"] for row in _orders(call)] == numbers[::-1]
    by_update = _orders(call, order_by="update_time", order_asc=True)
    assert sorted(row["order_id"] for row in by_update) == sorted(numbers)
    assert [r["update_time"] for r in by_update] == sorted(r["update_time"] for r in by_update)


def test_update_windows_cover_the_whole_time_once(call: Call, world: World) -> None:
    rows = []
    for day in range(12):
        begin = START + day * 86_400
        rows += _orders(
            call, update_time_start=begin, update_time_end=begin + 86_399, order_by="update_time"
        )
    assert len(rows) == len({row["order_id"] for row in rows})
    assert len(rows) == (world.orders.channel == DOUYIN).sum()


@pytest.mark.parametrize(
    "moment", ["2026-06-21T03:00:00", "2026-06-26T12:00:00", "2026-06-30T23:59:59"]
)
def test_the_truth_is_the_sum_over_the_pages(
    call: Call, sandbox: ServedSandbox, moment: str
) -> None:
    sandbox.control(as_of=moment)
    truth = sandbox.truth()["douyin_live"]
    rows, items = _orders(call), _aftersales(call)
    lines = [line for row in rows for line in row["sku_order_list"]]
    infos = [item["aftersale_info"] for item in items]
    outcomes = Counter(_OUTCOMES.get(info["aftersale_status"], "refunding") for info in infos)
    states = Counter(_STATES[row["order_status"]] for row in rows)
    # What is partly paid has the time of its deposit.
    paid = [row for row in rows if row["pay_time"] and row["main_status"] != 103]
    parcels = [parcel for row in rows for parcel in row["logistics_info"]]
    carriers = Counter(parcel["company"] for parcel in parcels)
    assert truth == {
        "orders": len(rows),
        "order_fen": sum(row["pay_amount"] for row in rows),
        "orders_by_status": {state: states[state] for state in truth["orders_by_status"]},
        "lines": len(lines),
        "pieces": sum(line["item_num"] for line in lines),
        "line_fen": sum(line["pay_amount"] for line in lines),
        "payments": len(paid),
        "paid_fen": sum(row["pay_amount"] for row in paid),
        "refunds": len(infos),
        "refund_fen": sum(info["refund_amount"] for info in infos),
        "refunds_by_outcome": {name: outcomes[name] for name in truth["refunds_by_outcome"]},
        "refunded_fen": sum(i["refund_amount"] for i in infos if i["aftersale_status"] == 12),
        "parcels": len(parcels),
        "parcels_by_carrier": {
            "sf": carriers["shunfeng"], "yto": carriers["yuantong"], "jd": carriers["jd"]
        },
    }  # fmt: skip


def test_what_has_not_happened_is_zero_and_ids_are_larger_than_a_float_holds(call: Call) -> None:
    rows = _orders(call)
    unpaid = [row for row in rows if row["main_status"] == 1]
    assert {(row["pay_time"], row["ship_time"], row["finish_time"]) for row in unpaid} == {
        (0, 0, 0)
    }
    for row in rows:
        assert isinstance(row["order_id"], str)
        amounts = [line["pay_amount"] for line in row["sku_order_list"]]
        assert sum(amounts) == row["pay_amount"] == row["order_amount"] - row["promotion_amount"]
        for line in row["sku_order_list"]:
            assert line["product_id"] > 2**53
            assert line["parent_order_id"] == row["order_id"]
            alone = len(row["sku_order_list"]) == 1
            assert (line["order_id"] == row["order_id"]) == alone


def test_a_closed_order_tells_by_main_status_and_payment_how_it_was_closed(call: Call) -> None:
    closed = [row for row in _orders(call) if row["order_status"] == 4]
    unpaid = [row for row in closed if row["pay_time"] == 0]
    refunded = [row for row in closed if row["pay_time"] > 0]
    assert {row["main_status"] for row in unpaid} == {4}
    assert {row["main_status"] for row in refunded} >= {21, 39}
    assert unpaid
    for row in refunded:
        assert (row["main_status"] == 21) == (row["ship_time"] == 0)


def test_a_waiting_deposit_shows_in_main_status_alone(
    call: Call, sandbox: ServedSandbox, world: World
) -> None:
    terms = agree_terms(world)
    mine = (world.orders.channel == DOUYIN) & (terms.deposit_paid_at != NEVER)
    order = int(np.flatnonzero(mine & (world.orders.day == 6))[0])
    deposit_paid_at = int(terms.deposit_paid_at[order])
    sandbox.control(as_of=datetime.fromtimestamp(deposit_paid_at, UTC).replace(tzinfo=None))
    waiting = [row for row in _orders(call) if row["main_status"] == 103]
    assert sandbox.terms()["douyin_live"]["waiting_deposits"] == len(waiting)
    (row,) = [row for row in waiting if row["order_id"] == str(world.orders.number[order])]
    assert (row["order_status"], row["trade_type"]) == (1, 2)
    assert row["pay_time"] == row["update_time"] == deposit_paid_at - 8 * 3_600


def test_a_discount_is_borne_by_shop_platform_and_host(call: Call, sandbox: ServedSandbox) -> None:
    rows, truth = _orders(call), sandbox.terms()["douyin_live"]
    for row in rows:
        borne = row["shop_cost_amount"] + row["platform_cost_amount"] + row["author_cost_amount"]
        assert borne == row["promotion_amount"] == row["order_amount"] - row["pay_amount"]
        assert row["shop_cost_amount"] >= 0
        lines = row["sku_order_list"]
        assert row["platform_cost_amount"] == sum(r["promotion_platform_amount"] for r in lines)
    assert sum(row["promotion_amount"] for row in rows) == truth["discount_fen"]
    assert sum(row["platform_cost_amount"] for row in rows) == truth["platform_cost_fen"] > 0
    assert sum(row["author_cost_amount"] for row in rows) == truth["author_cost_fen"] > 0


def test_aftersales_refer_to_the_child_and_number_their_types_otherwise(
    call: Call, world: World
) -> None:
    rows = {line["order_id"]: line for row in _orders(call) for line in row["sku_order_list"]}
    items = [item["aftersale_info"] for item in _aftersales(call)]
    assert len(items) == (world.orders.channel[world.refunds.order] == DOUYIN).sum()
    for info in items:
        line = rows[info["related_id"]]["after_sale_info"]
        expected = {0: 0, 1: 1, 2: 2}[info["aftersale_type"]]
        assert line["after_sale_type"] == expected
        before_shipping = info["aftersale_type"] == 2 and info["aftersale_status"] == 12
        assert line["after_sale_status"] == (51 if before_shipping else info["aftersale_status"])
        if info["aftersale_status"] == 28:
            assert info["refund_status"] == 1
    assert {info["aftersale_status"] for info in items} >= {6, 7, 11, 12, 28}


def test_an_aftersale_does_not_move_the_update_time_of_its_order(call: Call, world: World) -> None:
    rows = {row["order_id"]: row for row in _orders(call)}
    later = [
        item
        for item in _aftersales(call)
        if rows[item["order_info"]["shop_order_id"]]["update_time"]
        < item["aftersale_info"]["apply_time"]
    ]
    assert later


def test_filters_of_status_and_of_aftersales(call: Call) -> None:
    everything = _orders(call)
    some = _orders(call, combine_status=[{"order_status": "2,3"}])
    assert [r["order_id"] for r in some] == [
        r["order_id"] for r in everything if r["order_status"] in (2, 3)
    ]
    items = _aftersales(call, standard_aftersale_status=[12], order_by=["update_time asc"])
    times = [item["aftersale_info"]["update_time"] for item in items]
    assert times == sorted(times)
    assert {item["aftersale_info"]["aftersale_status"] for item in items} == {12}
    order = items[0]["order_info"]["shop_order_id"]
    assert {i["order_info"]["shop_order_id"] for i in _aftersales(call, order_id=order)} == {order}


def test_detail_is_the_row_of_the_list(call: Call) -> None:
    row = _orders(call)[3]
    data = call("order.orderDetail", {"shop_order_id": row["order_id"]})["data"]
    assert data == {"shop_order_detail": row}


def test_the_only_page_of_nothing_is_an_empty_list(call: Call) -> None:
    data = call("order.searchList", {"page": 0, "size": 10, "create_time_start": START + 10**7})
    assert data["code"] == 10_000
    assert data["data"] == {"total": 0, "page": 0, "size": 10, "shop_order_list": []}


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (30_001, {"access_token": SHOP.expired_token}),
        (30_005, {"access_token": SHOP.poor_token}),
        (30_002, {"access_token": "nonsense"}),
        (40_001, {"app_key": "1"}),
        (40_003, {"secret": "another"}),
        (40_004, {"v": "1"}),
        (40_004, {"timestamp": "soon"}),
    ],
)
def test_wrong_system_parameters_get_their_own_code(
    call: Call, code: int, wrong: dict[str, str]
) -> None:
    assert call("order.searchList", {"page": 0, "size": 1})["code"] == 10_000
    answer = call("order.searchList", {"page": 0, "size": 1}, **wrong)
    assert (answer["code"], answer["data"]) == (code, None)


@pytest.mark.parametrize("seconds", [-1_200, 1_200])
def test_a_clock_that_is_wrong_by_twenty_minutes_is_refused(call: Call, seconds: int) -> None:
    stamp = str(int(time.time()) + seconds)  # now, not when the test was collected
    answer = call("order.searchList", {"page": 0, "size": 1}, timestamp=stamp)
    assert (answer["code"], answer["data"]) == (40_005, None)


def test_a_body_written_otherwise_than_signed_is_refused(call: Call) -> None:
    answer = call("order.searchList", {"page": 0, "size": 1}, sent_body='{"page": 0, "size": 1}')
    assert answer["code"] == 40_003


def test_text_timestamps_and_md5_are_accepted(call: Call) -> None:
    text = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    assert call("order.searchList", {"page": 0, "size": 1}, timestamp=text)["code"] == 10_000
    assert call("order.searchList", {"page": 0, "size": 1}, digest="md5")["code"] == 10_000


@pytest.mark.parametrize(
    "values",
    [
        {"size": 10},
        {"page": 0},
        {"page": 0, "size": 101},
        {"page": -1, "size": 10},
        {"page": 101, "size": 100},
        {"page": 0, "size": 10, "order_by": "name"},
        {"page": 0, "size": 10, "create_time_start": START - 10**8},
        {"page": 0, "size": 10, "create_time_start": "2026-06-19"},
        {"page": 0, "size": 10, "update_time_start": START, "update_time_end": START - 1},
        {"page": 0, "size": 10, "main_status": "3"},
    ],
)
def test_wrong_values_are_refused(call: Call, values: dict[str, Any]) -> None:
    answer = call("order.searchList", values)
    assert (answer["code"], answer["sub_code"].split(":")[0]) == (40_004, "isv.parameter-invalid")


def test_unknown_orders_flow_control_and_expiry(call: Call, sandbox: ServedSandbox) -> None:
    assert call("order.orderDetail", {"shop_order_id": "1"})["code"] == 50_002
    sandbox.control(faults=Faults(throttled=1.0))
    assert call("order.searchList", {"page": 0, "size": 1})["code"] == 80_000
    sandbox.control(faults=Faults(unavailable=1.0))
    assert call("order.searchList", {"page": 0, "size": 1})["code"] == 20_000
    sandbox.control(faults={}, expired=["douyin"])
    assert call("order.searchList", {"page": 0, "size": 1})["code"] == 30_001
