"""The simulated WeChat Store over real HTTP, called by code of the test's own."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.sandbox.servers.credentials import WechatStore
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import DefectRates, WorldConfig

CONFIG = WorldConfig(
    end_date=date(2026, 6, 30),
    days=6,
    orders_per_day=150,
    product_count=60,
    defects=DefectRates(edited_orders=0.05, unmapped_status=0.02),
)
SHOP = WechatStore()
EC = "/wechat_store/channels/ec"
LIST, ORDER = f"{EC}/order/list/get", f"{EC}/order/get"
AFTER_SALES, AFTER_SALE = (
    f"{EC}/aftersale/getaftersalelist",
    f"{EC}/aftersale/getaftersaleorder",
)
END = datetime(2026, 6, 30, 16, 10, tzinfo=UTC)
WEEK = {"start_time": int(END.timestamp()) - 7 * 86_400, "end_time": int(END.timestamp())}
_STATES = {
    10: "awaiting_payment",
    20: "paid",
    30: "shipped",
    100: "completed",
    200: "cancelled",
    250: "cancelled",
    190: "unknown",
}
_OUTCOMES = {
    "MERCHANT_REFUND_SUCCESS": "refunded",
    "MERCHANT_RETURN_SUCCESS": "refunded",
    "MERCHANT_REJECT_REFUND": "rejected",
    "MERCHANT_REJECT_RETURN": "rejected",
    "USER_CANCELD": "withdrawn",
}
Call = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def served() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: ServedSandbox) -> ServedSandbox:
    options = {
        "calls_per_token": 0,
        "most_listed": 100_000,
        "has_permission": True,
        "is_allowed_address": True,
    }
    served.control(
        faults={}, expired=[], as_of="2026-07-01T00:10:00", options={"wechat_store": options}
    )
    return served


def _token(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    asked = {"grant_type": "client_credential", "appid": SHOP.appid, "secret": SHOP.secret}
    answer = client.post("/wechat_store/cgi-bin/stable_token", json=asked | changes)
    assert answer.status_code == 200
    content: dict[str, Any] = answer.json()
    return content


@pytest.fixture
def client(sandbox: ServedSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url) as client:
        yield client


@pytest.fixture
def call(client: httpx.Client) -> Call:
    """Calls with a good token."""
    token = _token(client)["access_token"]

    def send(path: str, **values: Any) -> dict[str, Any]:
        answer = client.post(path, params={"access_token": token}, json=values)
        assert answer.status_code == 200
        content: dict[str, Any] = answer.json()
        assert set(content) >= {"errcode", "errmsg"}
        return content

    return send


def _every_number(call: Call, **values: Any) -> list[str]:
    numbers: list[str] = []
    key = ""
    while True:
        page = call(LIST, page_size=30, next_key=key, **values)
        numbers += page["order_id_list"]
        key = page["next_key"]
        if not page["has_more"]:
            return numbers


def _orders(call: Call) -> list[dict[str, Any]]:
    numbers = _every_number(call, create_time_range=WEEK)
    return [call(ORDER, order_id=number)["order"] for number in numbers]


def _after_sales(call: Call) -> list[dict[str, Any]]:
    numbers: list[str] = []
    for day in range(8):
        end = int(END.timestamp()) - day * 86_400
        span = {"begin_update_time": end - 86_399, "end_update_time": end}
        key = ""
        while True:
            page = call(AFTER_SALES, **span, next_key=key)
            numbers += page["after_sale_order_id_list"]
            key = page["next_key"]
            if not page["has_more"]:
                break
    assert len(set(numbers)) == len(numbers)
    return [call(AFTER_SALE, after_sale_order_id=n)["after_sale_order"] for n in numbers]


def test_orders_are_the_truth(call: Call, sandbox: ServedSandbox) -> None:
    truth = sandbox.truth()["wechat_store"]
    orders = _orders(call)
    assert len({order["order_id"] for order in orders}) == len(orders) == truth["orders"] > 100
    details = [order["order_detail"] for order in orders]
    prices = [detail["price_info"] for detail in details]
    assert sum(price["order_price"] for price in prices) == truth["order_fen"]
    lines = [line for detail in details for line in detail["product_infos"]]
    assert len(lines) == truth["lines"]
    assert sum(line["sku_cnt"] for line in lines) == truth["pieces"]
    assert sum(line["real_price"] for line in lines) == truth["line_fen"]
    payments = [detail["pay_info"] for detail in details if detail["pay_info"]["transaction_id"]]
    assert len(payments) == len({p["transaction_id"] for p in payments}) == truth["payments"]
    assert all(payment["pay_time"] for payment in payments)
    states = Counter(_STATES[order["status"]] for order in orders)
    assert states == {state: n for state, n in truth["orders_by_status"].items() if n}
    assert states["unknown"]
    parcels = [p for detail in details for p in detail["delivery_info"]["delivery_product_info"]]
    companies = Counter(parcel["delivery_id"].lower() for parcel in parcels)
    assert companies == {n: count for n, count in truth["parcels_by_carrier"].items() if count}


def test_money_of_an_order_adds_up_and_people_are_masked(call: Call) -> None:
    free = 0
    for order in _orders(call):
        detail = order["order_detail"]
        price, lines = detail["price_info"], detail["product_infos"]
        listed = sum(line["sale_price"] * line["sku_cnt"] for line in lines)
        assert listed == price["original_order_price"]
        assert listed - price["discounted_price"] == price["order_price"]
        assert sum(line["real_price"] for line in lines) == price["order_price"]
        is_free = detail["pay_info"]["payment_method"] == 3
        assert is_free == (price["order_price"] == 0)
        free += is_free
        address = detail["delivery_info"]["address_info"]
        assert address["user_name"].endswith("**")
        assert "****" in address["tel_number"]
        assert (order["status"] == 250) <= (detail["pay_info"]["pay_time"] == 0)
    assert free


def test_every_order_was_updated_in_one_span(call: Call) -> None:
    numbers: list[str] = []
    for hours in range(0, 7 * 24, 12):
        start = WEEK["start_time"] + hours * 3_600
        numbers += _every_number(
            call, update_time_range={"start_time": start, "end_time": start + 12 * 3_600 - 1}
        )
    assert sorted(numbers) == sorted(_every_number(call, create_time_range=WEEK))
    both = _every_number(call, create_time_range=WEEK, update_time_range=WEEK)
    assert sorted(both) == sorted(numbers)
    sent = _every_number(call, create_time_range=WEEK, status=30)
    assert 0 < len(sent) < len(numbers)
    buyer = call(ORDER, order_id=numbers[0])["order"]["openid"]
    assert numbers[0] in _every_number(call, create_time_range=WEEK, openid=buyer)


def test_after_sales_are_the_truth_and_move_no_order(call: Call, sandbox: ServedSandbox) -> None:
    truth = sandbox.truth()["wechat_store"]
    found = _after_sales(call)
    assert len(found) == truth["refunds"] > 5
    assert sum(row["refund_info"]["amount"] for row in found) == truth["refund_fen"]
    outcomes = Counter(_OUTCOMES.get(row["status"], "refunding") for row in found)
    assert outcomes == {name: n for name, n in truth["refunds_by_outcome"].items() if n}
    assert {row["type"] for row in found} == {"REFUND", "RETURN"}
    for row in found:
        order = call(ORDER, order_id=row["order_id"])["order"]
        articles = [line["sku_id"] for line in order["order_detail"]["product_infos"]]
        assert row["product_info"]["sku_id"] in articles
        assert row["openid"] == order["openid"]
    asked = datetime.fromtimestamp(found[-1]["create_time"], UTC) + timedelta(hours=8)
    sandbox.control(as_of=asked.replace(tzinfo=None).isoformat())
    order = call(ORDER, order_id=found[-1]["order_id"])["order"]
    assert order["update_time"] < found[-1]["create_time"]
    assert order["aftersale_detail"]["on_aftersale_order_cnt"] >= 1


def test_a_touched_order_leaves_its_span_and_moves_the_pages(
    call: Call, sandbox: ServedSandbox
) -> None:
    first = call(LIST, page_size=10, next_key="", update_time_range=WEEK)
    sandbox.control(touch={"channel": "tmall_flagship", "orders": first["order_id_list"][:2]})
    second = call(LIST, page_size=10, next_key=first["next_key"], update_time_range=WEEK)
    again = call(LIST, page_size=10, next_key="", update_time_range=WEEK)
    moved = again["order_id_list"]
    assert moved[:8] == first["order_id_list"][2:]
    assert second["order_id_list"][0] not in moved, "two orders slipped past the page's edge"


def test_a_token_is_the_same_until_it_ends_or_is_renewed_by_force(
    client: httpx.Client, sandbox: ServedSandbox
) -> None:
    first = _token(client)
    assert first["expires_in"] == 7_200
    assert "errcode" not in first
    assert _token(client, force_refresh=False) == first
    forced = _token(client, force_refresh=True)["access_token"]
    assert forced != first["access_token"]

    def code(token: str) -> int:
        asked = {"create_time_range": WEEK}
        return int(client.post(LIST, params={"access_token": token}, json=asked).json()["errcode"])

    assert [code(token) for token in (first["access_token"], forced, "", "guess")] == [
        40001,
        0,
        41001,
        40001,
    ]
    sandbox.control(options={"wechat_store": {"calls_per_token": 3}})
    assert [code(forced) for _ in range(3)] == [0, 0, 42001]
    renewed = _token(client)["access_token"]
    assert renewed != forced
    assert [code(forced), code(renewed)] == [40001, 0]
    sandbox.control(expired=["wechat_store"])
    assert code(_token(client, force_refresh=True)["access_token"]) == 42001


def test_every_wrong_call_has_its_code(call: Call, client: httpx.Client) -> None:
    for changes, code in (
        ({"grant_type": "guess"}, 40002),
        ({"appid": ""}, 41002),
        ({"appid": "wx0"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "guess"}, 40125),
    ):
        assert _token(client, **changes)["errcode"] == code
    long = WEEK | {"start_time": WEEK["start_time"] - 1}
    day = {"begin_update_time": 1_782_000_000, "end_update_time": 1_782_086_401}
    key = call(LIST, page_size=5, next_key="", create_time_range=WEEK)["next_key"]
    for path, values, code in (
        (LIST, {}, 40097),
        (LIST, {"create_time_range": long}, 40097),
        (LIST, {"create_time_range": [1, 2]}, 47001),
        (LIST, {"create_time_range": {"start_time": "1"}}, 47001),
        (LIST, {"create_time_range": WEEK, "page_size": 101}, 40097),
        (LIST, {"create_time_range": WEEK, "start_create_time": 1}, 40097),
        (LIST, {"create_time_range": WEEK, "page_size": 6, "next_key": key}, 606006),
        (ORDER, {"order_id": "1"}, 100002),
        (AFTER_SALES, {}, 40097),
        (AFTER_SALES, day, 10020004),
        (AFTER_SALE, {"after_sale_order_id": "7"}, 10021050),
    ):
        answer = call(path, **values)
        assert answer["errcode"] == code, (path, values)
        assert " rid: " in answer["errmsg"]


def test_what_the_shop_may_not_is_refused(
    call: Call, client: httpx.Client, sandbox: ServedSandbox
) -> None:
    asked: dict[str, Any] = {"create_time_range": WEEK}
    for option, code in (({"most_listed": 20}, 31042), ({"has_permission": False}, 48001)):
        sandbox.control(options={"wechat_store": option})
        assert call(LIST, **asked)["errcode"] == code
    sandbox.control(options={"wechat_store": {"is_allowed_address": False}})
    assert client.post(LIST, params={"access_token": "any"}, json=asked).status_code == 403
    assert _token(client)["errcode"] == 40164


def test_throttling_and_outages_come_in_its_own_words(call: Call, sandbox: ServedSandbox) -> None:
    for fault, code in (("throttled", 45011), ("unavailable", -1)):
        sandbox.control(faults=Faults(**{fault: 1.0}))
        assert call(LIST, create_time_range=WEEK)["errcode"] == code
