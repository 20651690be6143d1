"""The simulated Pinduoduo over real HTTP; requests are signed here, by code of the test's own."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.sandbox.servers.credentials import Pdd
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import DefectRates, WorldConfig

CONFIG = WorldConfig(
    end_date=date(2026, 6, 30),
    days=8,
    orders_per_day=120,
    product_count=60,
    defects=DefectRates(edited_orders=0.02),
)
SHOP = Pdd()
END = 1_782_835_800  # 2026-07-01 00:10:00 in Shanghai
FIRST = END - 8 * 86_400 - 600
DEALS = "pdd.order.list.get"
INCREMENT = "pdd.order.number.list.increment.get"
REFUNDS = "pdd.refund.list.increment.get"
ALL = {"order_status": 5, "refund_status": 5, "is_lucky_flag": 0}
ALL_REFUNDS = {"after_sales_type": 1, "after_sales_status": 1}
Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def served() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: ServedSandbox) -> ServedSandbox:
    served.control(faults={}, expired=[], as_of="2026-07-01T00:10:00")
    return served


@pytest.fixture
def call(sandbox: ServedSandbox) -> Iterator[Call]:
    """Calls a type and returns the envelope's content, doubles as decimals."""
    with httpx.Client(base_url=sandbox.url) as client:

        def send(kind: str, *, as_json: bool = False, **parameters: Any) -> dict[str, Any]:
            values = _signed(kind, parameters)
            how = {"json": values} if as_json else {"data": values}
            answer = client.post("/pdd/api/router", **how)
            assert answer.status_code == 200
            (content,) = json.loads(answer.content, parse_float=Decimal).values()
            return content

        yield send


def _signed(kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    values = {
        "type": kind,
        "client_id": SHOP.client_id,
        "access_token": SHOP.access_token,
        "timestamp": str(int(time.time())),
        "data_type": "JSON",
        **parameters,
    }
    values = {name: value for name, value in values.items() if value != ""}
    secret = values.pop("secret", SHOP.client_secret)
    text = "".join(f"{name}{value}" for name, value in sorted(values.items()))
    sign = hashlib.md5(f"{secret}{text}{secret}".encode()).hexdigest().upper()
    return {**values, "sign": sign}


def _spans(seconds: int) -> Iterator[tuple[int, int]]:
    last = END - 180
    for start in range(FIRST, last, seconds):
        yield start, min(start + seconds, last + 1) - 1


def _deals(call: Call) -> list[dict[str, Any]]:
    rows = []
    for start, end in _spans(86_400):
        content = call(DEALS, **ALL, start_confirm_at=start, end_confirm_at=end)
        assert content["total_count"] == len(content["order_list"]) <= 100
        rows += content["order_list"]
    return rows


def _increments(call: Call, kind: str, group: str, everything: dict[str, int]) -> list[Any]:
    rows: list[Any] = []
    for start, end in _spans(1_800):
        rows += call(kind, **everything, start_updated_at=start, end_updated_at=end)[group]
    return rows


def test_deals_of_all_days_are_the_truth(call: Call, sandbox: ServedSandbox) -> None:
    rows, truth = _deals(call), sandbox.truth()["pdd"]
    items = [item for row in rows for item in row["item_list"]]
    assert len({row["order_sn"] for row in rows}) == len(rows) == truth["orders"] > 200
    assert sum(row["pay_amount"] for row in rows) * 100 == truth["order_fen"]
    assert len(items) == truth["lines"]
    assert sum(item["goods_count"] for item in items) == truth["pieces"]
    assert sum(bool(row["pay_time"]) for row in rows) == truth["payments"]
    assert sum(bool(row["tracking_number"]) for row in rows) == truth["parcels"]
    for row in rows:
        goods = sum(item["goods_price"] * item["goods_count"] for item in row["item_list"])
        assert row["goods_amount"] == goods
        assert row["pay_amount"] == goods - row["discount_amount"]
        if row["order_status"] in (2, 3):
            assert row["receiver_name"] == row["receiver_phone_mask"] == ""


def test_every_order_and_after_sale_is_in_one_half_hour(call: Call, sandbox: ServedSandbox) -> None:
    truth = sandbox.truth()["pdd"]
    orders = _increments(call, INCREMENT, "order_sn_list", ALL)
    assert len({row["order_sn"] for row in orders}) == len(orders) == truth["orders"]
    refunds = _increments(call, REFUNDS, "refund_list", ALL_REFUNDS)
    assert len({row["id"] for row in refunds}) == len(refunds) == truth["refunds"] > 5
    assert sum(Decimal(row["refund_amount"]) for row in refunds) * 100 == truth["refund_fen"]
    granted = [row for row in refunds if row["after_sales_status"] == 10]
    assert len(granted) == truth["refunds_by_outcome"]["refunded"]
    assert sum(Decimal(row["refund_amount"]) for row in granted) * 100 == truth["refunded_fen"]
    assert {type(row["updated_time"]) for row in refunds} == {str}


def test_orders_show_only_once_they_are_a_deal(call: Call, sandbox: ServedSandbox) -> None:
    all_of_them = sandbox.truth()["tmall_flagship"]
    waiting = all_of_them["orders_by_status"]["awaiting_payment"]
    told = sandbox.truth()["pdd"]
    assert waiting > 0
    assert told["orders_by_status"]["awaiting_payment"] == 0
    assert told["orders"] < all_of_them["orders"] - waiting
    assert {row["group_status"] for row in _deals(call)} == {1}


def test_pages_are_newest_first(call: Call) -> None:
    window = {"start_confirm_at": END - 86_400 - 600, "end_confirm_at": END - 601}
    whole = call(DEALS, **ALL, **window)["order_list"]
    pages = []
    for number in range(1, 5):
        pages += call(DEALS, **ALL, **window, page=number, page_size=20)["order_list"]
    assert [row["order_sn"] for row in pages] == [row["order_sn"] for row in whole][:80]
    times = [row["confirm_time"] for row in whole]
    assert times == sorted(times, reverse=True)
    content = call(DEALS, **ALL, **window, page_size=20, use_has_next="true")
    assert content["has_next"] is True
    assert "total_count" not in content


def test_filters_keep_their_status_only(call: Call) -> None:
    window = {"start_confirm_at": END - 86_400 - 600, "end_confirm_at": END - 601}
    for status in (1, 2):
        rows = call(DEALS, **(ALL | {"order_status": status}), **window)["order_list"]
        assert {row["order_status"] for row in rows} == {status}
    one = call(DEALS, **ALL, **window)["order_list"][0]
    found = call("pdd.order.information.get", order_sn=one["order_sn"])
    assert found["order_info"] == one


def test_json_bodies_are_verified_like_forms(call: Call) -> None:
    window = {"start_updated_at": END - 1_800, "end_updated_at": END - 300}
    assert "total_count" in call(INCREMENT, as_json=True, **ALL, **window)
    assert call(INCREMENT, as_json=True, **ALL, **window, secret="x")["error_code"] == 20_004


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (20_004, {"secret": "another"}),
        (10_019, {"access_token": SHOP.expired_token}),
        (20_032, {"access_token": "unknown"}),
        (10_016, {"client_id": "unknown"}),
        (10_001, {"client_id": ""}),
        (10_001, {"timestamp": ""}),
        (10_001, {"timestamp": str(int(time.time()) - 1_200)}),
        (10_001, {"data_type": "XML"}),
        (10_017, {"kind": "pdd.order.guess"}),
        (10_000, {"order_status": ""}),
        (10_000, {"is_lucky_flag": ""}),
        (10_000, {"start_updated_at": END - 300 - 1_801}),
        (10_000, {"end_updated_at": END - 100}),
        (10_000, {"end_updated_at": "yesterday"}),
        (10_000, {"page_size": 101}),
        (10_000, {"page": 0}),
    ],
)
def test_wrong_requests_get_their_own_code(call: Call, code: int, wrong: dict[str, Any]) -> None:
    right = {
        "kind": INCREMENT,
        **ALL,
        "start_updated_at": END - 1_800,
        "end_updated_at": END - 300,
    }
    assert "total_count" in call(**right)
    assert call(**(right | wrong))["error_code"] == code


def test_after_sales_need_both_filters(call: Call) -> None:
    window = {"start_updated_at": END - 1_800, "end_updated_at": END - 300}
    assert "refund_list" in call(REFUNDS, **ALL_REFUNDS, **window)
    for name in ALL_REFUNDS:
        rest = {key: value for key, value in ALL_REFUNDS.items() if key != name}
        assert call(REFUNDS, **rest, **window)["error_code"] == 10_000


def test_throttling_and_outages_come_in_its_own_words(call: Call, sandbox: ServedSandbox) -> None:
    window = {"start_updated_at": END - 1_800, "end_updated_at": END - 300}
    for fault, code in (("throttled", 70_031), ("unavailable", 52_102)):
        sandbox.control(faults=Faults(**{fault: 1.0}))
        assert call(INCREMENT, **ALL, **window)["error_code"] == code
