"""The simulated JD POP over real HTTP; requests are signed here, by code of the test's own."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.sandbox.servers.credentials import Jd
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
SHOP = Jd()
END = datetime.fromisoformat("2026-07-01T00:10:00")
BEGIN = END - timedelta(days=9)
SEARCH = "jingdong.pop.order.search"
ENCRYPTED = "jingdong.pop.order.enSearch"
APPLICATIONS = "jingdong.pop.afs.soa.refundapply.queryPageList"
SERVICES = "jingdong.asc.serviceAndRefund.view"
STATES = (
    "WAIT_SELLER_STOCK_OUT,WAIT_GOODS_RECEIVE_CONFIRM,WAIT_SELLER_DELIVERY,PAUSE,FINISHED_L,"
    "TRADE_CANCELED,LOCKED,POP_ORDER_PAUSE"
)
FIELDS = (
    "orderId,orderTotalPrice,orderSellerPrice,orderPayment,balanceUsed,sellerDiscount,orderState,"
    "orderStartTime,paymentConfirmTime,modified,logisticsId,waybill,itemInfoList,couponDetailList,"
    "directParentOrderId,consigneeInfo,pin,nothingOfThatName"
)
NOT_YET = "0001-01-01 00:00:00"
Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def served() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: ServedSandbox) -> ServedSandbox:
    served.control(faults={}, expired=[], as_of=END.isoformat())
    return served


@pytest.fixture
def call(sandbox: ServedSandbox) -> Iterator[Call]:
    """Calls a method and returns the answer, fractions as decimals."""
    with httpx.Client(base_url=sandbox.url) as client:

        def send(method: str, common: dict[str, str] | None = None, **values: Any) -> Any:
            answer = client.post("/jd/routerjson", data=_signed(method, values, common or {}))
            assert answer.status_code == 200
            ((name, content),) = json.loads(answer.content, parse_float=Decimal).items()
            known = ("error_response", f"{method.replace('.', '_')}_responce")
            assert name in known
            return content

        yield send


def _signed(method: str, values: dict[str, Any], common: dict[str, str]) -> dict[str, str]:
    form = {
        "method": method,
        "app_key": SHOP.app_key,
        "access_token": SHOP.access_token,
        "timestamp": _clock(0),
        "v": "2.0",
        "360buy_param_json": json.dumps(values),
        **common,
    }
    secret = form.pop("secret", SHOP.app_secret)
    form = {name: value for name, value in form.items() if value != ""}
    text = "".join(f"{name}{value}" for name, value in sorted(form.items()))
    return form | {"sign": hashlib.md5(f"{secret}{text}{secret}".encode()).hexdigest().upper()}


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(time.time() + 28_800 + seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _search(call: Call, start: datetime, end: datetime, **changes: Any) -> dict[str, Any]:
    usual = {"order_state": STATES, "optional_fields": FIELDS, "page": "1", "page_size": "100"}
    method = changes.pop("method", SEARCH)
    content = call(method, **usual | {"start_date": str(start), "end_date": str(end)} | changes)
    return content["searchorderinfo_result"]


def _every_order(call: Call, **changes: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        page = len(rows) // 100 + 1
        found = _search(call, BEGIN, END, page=str(page), **changes)
        rows += found["orderInfoList"]
        if len(rows) >= found["orderTotal"]:
            return rows


def _services(call: Call) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for start, end in ((BEGIN, END - timedelta(days=4)), (END - timedelta(days=4), END)):
        window = {"applyTimeBegin": str(start), "applyTimeEnd": str(end)}
        result = call(SERVICES, **window, pageNumber=1, pageSize=50)["pageResult"]
        assert len(result["data"]) == result["totalCount"]
        rows += result["data"]
    return rows


def _fen(text: str) -> int:
    return int(Decimal(text) * 100)


def test_orders_without_the_split_ones_are_the_truth(call: Call, sandbox: ServedSandbox) -> None:
    truth = sandbox.truth()["jd"]
    rows = _every_order(call, dateType=1)
    assert len({row["orderId"] for row in rows}) == len(rows)
    parents = {row["directParentOrderId"] for row in rows} - {"0"}
    left = [row for row in rows if row["orderId"] not in parents]
    assert len(parents) > 5
    assert len(left) == truth["orders"] > 200
    paid = [_fen(row["orderPayment"]) + _fen(row["balanceUsed"]) for row in left]
    assert sum(paid) == truth["order_fen"]
    assert any(_fen(row["balanceUsed"]) for row in left)
    items = [item for row in left for item in row["itemInfoList"]]
    assert len(items) == truth["lines"]
    assert sum(int(item["itemTotal"]) for item in items) == truth["pieces"]
    assert sum(row["paymentConfirmTime"] != NOT_YET for row in left) == truth["payments"]
    waybills = [row["waybill"] for row in left if row["waybill"]]
    assert len(set(waybills)) == len(waybills) == truth["parcels"]
    companies = Counter(row["logisticsId"] for row in left if row["waybill"])
    by_carrier = truth["parcels_by_carrier"]
    assert companies == {
        "467": by_carrier["sf"],
        "463": by_carrier["yto"],
        "2087": by_carrier["jd"],
    }


def test_halves_of_a_split_order_add_up_to_it(call: Call) -> None:
    rows = {row["orderId"]: row for row in _every_order(call, dateType=1)}
    halves: dict[str, list[dict[str, Any]]] = {}
    for row in rows.values():
        if row["directParentOrderId"] != "0":
            halves.setdefault(row["directParentOrderId"], []).append(row)
    for number, parts in halves.items():
        parent = rows[number]
        assert parent["orderState"] == "TRADE_CANCELED"
        assert parent["waybill"] == ""
        assert len(parts) == 2
        for name in ("orderTotalPrice", "orderSellerPrice", "sellerDiscount"):
            assert sum(_fen(part[name]) for part in parts) == _fen(parent[name])
        skus = [item["skuId"] for part in parts for item in part["itemInfoList"]]
        assert skus == [item["skuId"] for item in parent["itemInfoList"]]


def test_money_of_an_order_adds_up(call: Call) -> None:
    with_line, without_line = 0, 0
    for row in _every_order(call, dateType=1):
        listed = sum(_fen(item["jdPrice"]) * int(item["itemTotal"]) for item in row["itemInfoList"])
        assert listed == _fen(row["orderTotalPrice"])
        assert listed - _fen(row["sellerDiscount"]) == _fen(row["orderSellerPrice"])
        coupons = row["couponDetailList"]
        assert sum(_fen(c["couponPrice"]) for c in coupons) == _fen(row["sellerDiscount"])
        with_line += sum("skuId" in coupon for coupon in coupons)
        without_line += sum("skuId" not in coupon for coupon in coupons)
    assert with_line
    assert without_line


def test_an_order_is_split_only_some_time_after_its_payment(
    call: Call, sandbox: ServedSandbox
) -> None:
    rows = _every_order(call, dateType=1)
    half = next(row for row in rows if row["directParentOrderId"] != "0")
    number = half["directParentOrderId"]
    paid = half["paymentConfirmTime"]
    assert paid != NOT_YET
    just_paid = datetime.fromisoformat(paid) + timedelta(minutes=1)
    sandbox.control(as_of=just_paid.isoformat())
    found = {row["orderId"]: row for row in _every_order(call, dateType=1)}
    assert found[number]["orderState"] == "WAIT_SELLER_STOCK_OUT"
    assert number not in {row["directParentOrderId"] for row in found.values()}
    split = datetime.fromisoformat(paid) + timedelta(minutes=20)
    sandbox.control(as_of=split.isoformat())
    changed = _search(call, split, split)["orderInfoList"]
    assert {row["orderState"] for row in changed if row["orderId"] == number} == {"TRADE_CANCELED"}
    assert sum(row["directParentOrderId"] == number for row in changed) == 2


def test_every_order_was_modified_in_one_span(call: Call, sandbox: ServedSandbox) -> None:
    rows: list[dict[str, Any]] = []
    for hours in range(0, 9 * 24, 4):
        start = BEGIN + timedelta(hours=hours)
        end = start + timedelta(hours=4, seconds=-1)
        found = _search(call, start, end)
        assert found["orderTotal"] == len(found["orderInfoList"])
        assert [r["modified"] for r in found["orderInfoList"]] == sorted(
            r["modified"] for r in found["orderInfoList"]
        )
        rows += found["orderInfoList"]
    assert {row["orderId"] for row in rows} == {
        row["orderId"] for row in _every_order(call, dateType=1)
    }


def test_a_refund_does_not_move_its_order_but_a_hold_does(
    call: Call, sandbox: ServedSandbox
) -> None:
    applications = _applications(call)
    waits = [row for row in applications if row["reason"] == "未发货取消"]
    asked = datetime.fromisoformat(waits[-1]["applyTime"])
    sandbox.control(as_of=asked.isoformat())
    changed = _search(call, asked, asked)["orderInfoList"]
    held = {row["orderId"]: row["orderState"] for row in changed}
    assert held[waits[-1]["orderId"]] == "LOCKED"


def _applications(call: Call, **window: Any) -> list[dict[str, Any]]:
    span = window or {"applyTimeStart": str(BEGIN), "applyTimeEnd": str(END)}
    result = call(APPLICATIONS, **span, pageIndex=1, pageSize=50)["queryResult"]
    assert result["success"] is True
    assert result["totalCount"] == len(result["result"])
    return list(result["result"])


def test_refunds_are_the_truth(call: Call, sandbox: ServedSandbox) -> None:
    truth = sandbox.truth()["jd"]
    applications, services = _applications(call), _services(call)
    back = [row for row in services if "afsRefundId" in row]
    assert len(applications) + len(back) == truth["refunds"]
    fen = sum(row["applyRefundSum"] for row in applications)
    fen += sum(int(Decimal(row["refoundAmount"]) * 100) for row in back)
    assert fen == truth["refund_fen"]
    granted = [row for row in applications if row["status"] == 3]
    assert len(granted) + len(back) == truth["refunds_by_outcome"]["refunded"]
    assert {row["status"] for row in back} == {13}
    orders = {row["orderId"] for row in _every_order(call, dateType=1)}
    assert {row["orderId"] for row in applications} <= orders
    bills = [row["sameOrderServiceBill"] for row in services]
    assert {str(bill["orderId"]) for bill in bills} <= orders
    asked = datetime.fromtimestamp(bills[0]["afsApplyTime"] / 1_000 + 28_800, UTC)
    sandbox.control(as_of=asked.replace(tzinfo=None).isoformat())
    truth, services = sandbox.truth()["jd"], _services(call)
    assert services[0]["sameOrderServiceBill"]["serviceId"] == bills[0]["serviceId"]
    assert "afsRefundId" not in services[0]
    back = [row for row in services if "afsRefundId" in row]
    assert len(_applications(call)) + len(back) == truth["refunds"]


def test_applications_can_be_asked_for_by_the_time_of_their_check(call: Call) -> None:
    everything = _applications(call)
    checked = [row for row in everything if row["checkTime"]]
    found = _applications(call, checkTimeStart=str(BEGIN), checkTimeEnd=str(END))
    assert found == checked
    assert len(checked) < len(everything) or all(row["status"] for row in everything)
    open_ones = _applications(call, applyTimeStart=str(BEGIN), applyTimeEnd=str(END), status=0)
    assert open_ones == [row for row in everything if row["status"] == 0]


def test_only_asked_states_and_fields_come(call: Call) -> None:
    rows = _every_order(call, order_state="FINISHED_L,TRADE_CANCELED", optional_fields="orderId")
    assert rows
    assert all(list(row) == ["orderId"] for row in rows)
    to_ship = _search(call, BEGIN, END, order_state="WAIT_SELLER_STOCK_OUT", dateType=1)
    without_span = _search(
        call, BEGIN, END, order_state="WAIT_SELLER_STOCK_OUT", start_date="", end_date=""
    )
    assert without_span["orderTotal"] == to_ship["orderTotal"] > 0
    down = _search(call, BEGIN, END, sortType=1)["orderInfoList"]
    assert [row["modified"] for row in down] == sorted(
        (row["modified"] for row in down), reverse=True
    )


def test_encrypted_search_hides_people(call: Call) -> None:
    open_row = _search(call, BEGIN, END, page_size="1")["orderInfoList"][0]
    (row,) = _search(call, BEGIN, END, page_size="1", method=ENCRYPTED)["orderInfoList"]
    assert row["orderId"] == open_row["orderId"]
    for name in ("fullname", "mobile", "fullAddress"):
        assert row["consigneeInfo"][name] != open_row["consigneeInfo"][name]
    assert row["consigneeInfo"]["province"] == open_row["consigneeInfo"]["province"]


@pytest.mark.parametrize(
    ("code", "common"),
    [
        ("12", {"secret": "another"}),
        ("11", {"sign": ""}),
        ("19", {"access_token": SHOP.expired_token}),
        ("19", {"access_token": ""}),
        ("18", {"app_key": "unknown"}),
        ("8", {"timestamp": _clock(-600)}),
        ("8", {"timestamp": "now"}),
        ("7", {"timestamp": ""}),
        ("4", {"v": ""}),
        ("5", {"v": "1.0"}),
        ("15", {"method": "jingdong.guess"}),
        ("21", {"360buy_param_json": "[1]"}),
    ],
)
def test_every_wrong_request_has_its_code(
    call: Call, sandbox: ServedSandbox, code: str, common: dict[str, str]
) -> None:
    if "sign" in common:
        form = {**_signed(SEARCH, {}, {}), "sign": ""}
        answer = httpx.post(f"{sandbox.url}/jd/routerjson", data=form).json()
        assert answer["error_response"]["code"] == code
        return
    assert call(SEARCH, common)["code"] == code


def test_both_ways_to_write_the_time_are_taken(call: Call) -> None:
    for text in (_clock(0), f"{_clock(0)}.123+0800"):
        content = call(APPLICATIONS, {"timestamp": text}, pageIndex=1, pageSize=1)
        assert content["queryResult"]["success"] is True


def test_what_a_service_refuses_is_told_inside_its_answer(call: Call) -> None:
    month = timedelta(days=32)
    for changes in (
        {"order_state": ""},
        {"order_state": "RECEIPTS_CONFIRM"},
        {"optional_fields": ""},
        {"page": "0"},
        {"page_size": "101"},
        {"start_date": str(END - month)},
        {"end_date": ""},
    ):
        refused = _search(call, BEGIN, END, **changes)["apiResult"]
        assert refused["success"] is False, changes
        assert refused["chineseErrCode"]
    week = {"applyTimeBegin": str(END - timedelta(days=7)), "applyTimeEnd": str(END)}
    for size, changes in (
        (50, {"applyTimeBegin": str(BEGIN)}),
        (51, {}),
        (50, {"applyTimeEnd": ""}),
    ):
        content = call(SERVICES, **week | changes, pageNumber=1, pageSize=size)
        assert content["pageResult"]["success"] is False
    for number, size in ((101, 50), (1, 51), (0, 50)):
        content = call(APPLICATIONS, pageIndex=number, pageSize=size)
        assert content["queryResult"]["success"] is False
    assert call(SERVICES, pageNumber=1, pageSize=1)["pageResult"]["success"] is False


def test_throttling_and_outages_come_in_its_own_words(call: Call, sandbox: ServedSandbox) -> None:
    for fault, code in (("throttled", "2"), ("unavailable", "67")):
        sandbox.control(faults=Faults(**{fault: 1.0}))
        assert call(SEARCH)["code"] == code
    sandbox.control(faults={}, expired=["jd"])
    assert call(SEARCH)["code"] == "19"
