"""The simulated TOP over real HTTP; requests are signed here, by code of the test's own."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest

from connectors.sandbox.files.defects import plan_defects
from connectors.sandbox.platforms import SALE, TMALL
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.servers.credentials import Taobao
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.servers.views import RefundJourneys
from connectors.sandbox.stages.terms import agree_terms
from connectors.sandbox.world import NEVER, DefectRates, WorldConfig

CONFIG = WorldConfig(
    end_date=date(2026, 6, 30),
    days=12,
    orders_per_day=500,
    defects=DefectRates(edited_orders=0.02),
)
SHOP = Taobao()
ALL_TYPES = "guarantee_trade,step,nopaid"
_STATES = {
    "WAIT_BUYER_PAY": "awaiting_payment",
    "WAIT_SELLER_SEND_GOODS": "paid",
    "WAIT_BUYER_CONFIRM_GOODS": "shipped",
    "TRADE_FINISHED": "completed",
    "TRADE_CLOSED": "cancelled",
    "TRADE_CLOSED_BY_TAOBAO": "cancelled",
    "TRADE_MYSTERY": "unknown",
}
_OUTCOMES = {"SUCCESS": "refunded", "SELLER_REFUSE_BUYER": "rejected", "CLOSED": "withdrawn"}
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


def _signature(parameters: dict[str, str], secret: str, method: str) -> str:
    text = "".join(f"{key}{value}" for key, value in sorted(parameters.items()))
    if method == "md5":
        return hashlib.md5(f"{secret}{text}{secret}".encode()).hexdigest().upper()
    digest = {"hmac": "md5", "hmac-sha256": "sha256"}[method]
    return hmac.new(secret.encode(), text.encode(), digest).hexdigest().upper()


def _request(method: str, *, sign_method: str = "md5", **parameters: Any) -> dict[str, str]:
    now = datetime.now(UTC) + timedelta(hours=8)
    values = {
        "method": method,
        "app_key": SHOP.app_key,
        "session": SHOP.session,
        "timestamp": now.strftime("%Y-%m-%d %H:%M:%S"),
        "format": "json",
        "v": "2.0",
        "sign_method": sign_method,
        **{name: str(value) for name, value in parameters.items()},
    }
    values = {name: value for name, value in values.items() if value}
    secret = values.pop("secret", SHOP.app_secret)
    return {**values, "sign": _signature(values, secret, sign_method)}


@pytest.fixture
def call(sandbox: ServedSandbox) -> Iterator[Call]:
    """Calls a method and returns the envelope's content."""
    with httpx.Client(base_url=sandbox.url) as client:

        def send(method: str, **parameters: Any) -> dict[str, Any]:
            answer = client.post("/taobao/router/rest", data=_request(method, **parameters))
            assert answer.status_code == 200
            (content,) = answer.json().values()
            return content

        yield send


def _all_pages(call: Call, method: str, **parameters: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    page = 1
    while True:
        content = call(
            method, use_has_next="true", **({"page_size": 100, "page_no": page} | parameters)
        )
        (key,) = {"trades", "refunds"} & content.keys() or {None}
        rows += next(iter(content[key].values())) if key else []
        if not content["has_next"]:
            return rows
        page += 1


def _fen(text: str) -> int:
    yuan, cents = text.split(".")
    return int(yuan) * 100 + int(cents)


def test_pages_list_every_order_once_newest_first(call: Call, world: World) -> None:
    rows = _all_pages(
        call, "taobao.trades.sold.get", fields="tid,created", type=ALL_TYPES, page_size=37
    )
    expected = world.orders.number[world.orders.channel == TMALL].tolist()
    assert [row["tid"] for row in rows] == expected[::-1]
    assert [row["created"] for row in rows] == sorted((r["created"] for r in rows), reverse=True)


def test_presales_and_discounts_of_the_trade_are_told_line_by_line(
    call: Call, sandbox: ServedSandbox, world: World
) -> None:
    terms = agree_terms(world)
    presale = np.flatnonzero(terms.is_presale & (world.orders.channel == TMALL))
    latest = int(terms.deposit_paid_at[presale][terms.deposit_paid_at[presale] != NEVER].max())
    sandbox.control(as_of=datetime.fromtimestamp(latest, UTC).replace(tzinfo=None))
    fields = (
        "tid,type,status,payment,total_fee,discount_fee,pay_time,step_trade_status,step_paid_fee"
    )
    rows = _all_pages(call, "taobao.trades.sold.get", fields=f"{fields},orders", type=ALL_TYPES)
    steps = [row for row in rows if row["type"] == "step"]
    assert all(("step_trade_status" in row) == (row["type"] == "step") for row in rows)
    for row in steps:
        final = row["step_trade_status"] == "FRONT_PAID_FINAL_PAID"
        assert final == ("pay_time" in row)
        if final:
            assert row["step_paid_fee"] == row["payment"]
        elif row["step_trade_status"] == "FRONT_PAID_FINAL_NOPAID":
            assert row["status"] == "WAIT_BUYER_PAY"
            assert 0 < _fen(row["step_paid_fee"]) < _fen(row["payment"])
    shares = 0
    for row in rows:
        for line in row["orders"]["order"]:
            share = _fen(line["part_mjz_discount"])
            assert _fen(line["payment"]) - share == _fen(line["divide_order_fee"])
            full = _fen(line["price"]) * line["num"]
            assert full - _fen(line["discount_fee"]) == _fen(line["payment"])
            shares += share
    truth = sandbox.terms()["tmall_flagship"]
    waiting = [row for row in steps if row["step_trade_status"] == "FRONT_PAID_FINAL_NOPAID"]
    assert truth["presales"] == len(steps) > 10
    assert truth["waiting_deposits"] == len(waiting)
    assert truth["waiting_deposit_fen"] == sum(_fen(row["step_paid_fee"]) for row in waiting)
    assert (
        shares == sum(_fen(row["discount_fee"]) for row in rows) == truth["order_discount_fen"] > 0
    )


def test_orders_without_a_payment_are_absent_unless_their_type_is_asked_for(
    call: Call, world: World
) -> None:
    rows = _all_pages(call, "taobao.trades.sold.get", fields="tid", page_size=100)
    sales = (world.orders.channel == TMALL) & (world.orders.order_type == SALE)
    assert {row["tid"] for row in rows} == set(world.orders.number[sales].tolist())
    assert len(rows) < (world.orders.channel == TMALL).sum()


def test_day_windows_by_modification_cover_the_whole_time_once(call: Call, world: World) -> None:
    rows = []
    for day in range(19, 31):
        rows += _all_pages(
            call,
            "taobao.trades.sold.increment.get",
            fields="tid,modified",
            type=ALL_TYPES,
            start_modified=f"2026-06-{day} 00:00:00",
            end_modified=f"2026-06-{day} 23:59:59",
        )
    assert sorted(row["tid"] for row in rows) == sorted(
        world.orders.number[world.orders.channel == TMALL].tolist()
    )


def test_amounts_and_lines_are_those_of_the_world(call: Call, world: World) -> None:
    rows = _all_pages(
        call, "taobao.trades.sold.get", fields="tid,payment,pay_time,orders", type=ALL_TYPES
    )
    mine = world.orders.channel == TMALL
    assert sum(_fen(row["payment"]) for row in rows) == world.orders.total[mine].sum()
    paid = sum(_fen(row["payment"]) for row in rows if "pay_time" in row)
    assert paid == world.paid[mine].sum()
    lines = [line for row in rows for line in row["orders"]["order"]]
    assert len(lines) == world.orders.line_count[mine].sum()
    assert len({line["oid"] for line in lines}) == len(lines)
    for row in rows:
        amounts = [_fen(line["divide_order_fee"]) for line in row["orders"]["order"]]
        assert sum(amounts) == _fen(row["payment"])
        if len(amounts) == 1:
            assert row["orders"]["order"][0]["oid"] == row["tid"]


def test_refunds_are_those_of_the_world(call: Call, world: World) -> None:
    rows = _all_pages(
        call,
        "taobao.refunds.receive.get",
        fields="refund_id,refund_fee,status,tid,oid",
        type=ALL_TYPES,
    )
    mine = world.orders.channel[world.refunds.order] == TMALL
    assert len(rows) == mine.sum() > 10
    granted = mine & (world.refunds.decided_at != NEVER) & ~world.refunds.rejected
    success = [row for row in rows if row["status"] == "SUCCESS"]
    assert len(success) == granted.sum()
    assert sum(_fen(row["refund_fee"]) for row in success) == world.refunds.amount[granted].sum()
    assert {row["status"] for row in rows} > {
        "SUCCESS",
        "WAIT_SELLER_AGREE",
        "WAIT_BUYER_RETURN_GOODS",
        "WAIT_SELLER_CONFIRM_GOODS",
    }


def test_refunds_of_presales_are_absent_unless_their_type_is_asked_for(call: Call) -> None:
    usual = _all_pages(call, "taobao.refunds.receive.get", fields="refund_id")
    presales = _all_pages(call, "taobao.refunds.receive.get", fields="refund_id", type="step")
    assert presales
    assert not {row["refund_id"] for row in usual} & {row["refund_id"] for row in presales}


def test_the_discount_of_the_trades_is_that_of_the_truth(
    call: Call, sandbox: ServedSandbox
) -> None:
    rows = _all_pages(call, "taobao.trades.sold.get", fields="discount_fee", type=ALL_TYPES)
    truth = sandbox.terms()["tmall_flagship"]
    assert sum(_fen(row["discount_fee"]) for row in rows) == truth["order_discount_fen"]


def test_only_what_happened_by_then_is_visible(
    call: Call, sandbox: ServedSandbox, world: World
) -> None:
    sandbox.control(as_of="2026-06-25T12:00:00")
    noon = world.config.start_second + 6 * 86_400 + 12 * 3_600
    rows = _all_pages(
        call,
        "taobao.trades.sold.get",
        fields="tid,status,created,modified,pay_time,consign_time,end_time",
        type=ALL_TYPES,
    )
    mine = (world.orders.channel == TMALL) & (world.orders.created_at <= noon)
    assert len(rows) == mine.sum()
    shipped = (world.journeys.shipped_at <= noon) & mine
    assert sum("consign_time" in row for row in rows) == shipped.sum()
    for row in rows:
        times = [value for name, value in row.items() if name not in ("tid", "status")]
        assert max(times) <= "2026-06-25 12:00:00"
        ended = ("TRADE_FINISHED", "TRADE_CLOSED", "TRADE_CLOSED_BY_TAOBAO")
        assert ("end_time" in row) == (row["status"] in ended)


@pytest.mark.parametrize(
    "time", ["2026-06-21T03:00:00", "2026-06-26T12:00:00", "2026-06-30T23:59:59"]
)
def test_the_truth_is_the_sum_over_the_pages(call: Call, sandbox: ServedSandbox, time: str) -> None:
    sandbox.control(as_of=time)
    truth = sandbox.truth()["tmall_flagship"]
    fields = "tid,status,payment,pay_time,consign_time,orders"
    rows = _all_pages(call, "taobao.trades.sold.get", fields=fields, type=ALL_TYPES)
    refunds = _all_pages(
        call, "taobao.refunds.receive.get", fields="status,refund_fee", type=ALL_TYPES
    )
    lines = [line for row in rows for line in row["orders"]["order"]]
    outcomes = Counter(_OUTCOMES.get(refund["status"], "refunding") for refund in refunds)
    granted = [refund for refund in refunds if refund["status"] == "SUCCESS"]
    states = Counter(_STATES[row["status"]] for row in rows)
    assert truth == {
        "orders": len(rows),
        "order_fen": sum(_fen(row["payment"]) for row in rows),
        "orders_by_status": {state: states[state] for state in truth["orders_by_status"]},
        "lines": len(lines),
        "pieces": sum(line["num"] for line in lines),
        "line_fen": sum(_fen(line["divide_order_fee"]) for line in lines),
        "payments": sum("pay_time" in row for row in rows),
        "paid_fen": sum(_fen(row["payment"]) for row in rows if "pay_time" in row),
        "refunds": len(refunds),
        "refund_fen": sum(_fen(refund["refund_fee"]) for refund in refunds),
        "refunds_by_outcome": {name: outcomes[name] for name in truth["refunds_by_outcome"]},
        "refunded_fen": sum(_fen(refund["refund_fee"]) for refund in granted),
        "parcels": sum("consign_time" in row for row in rows),
        "parcels_by_carrier": truth["parcels_by_carrier"],
    }
    assert sum(truth["parcels_by_carrier"].values()) == truth["parcels"]


def test_an_edited_order_is_too_high_until_its_correction(
    call: Call, sandbox: ServedSandbox, world: World
) -> None:
    plan = plan_defects(world)
    order = next(o for o in plan.edited_orders.tolist() if world.orders.channel[o] == TMALL)
    tid = int(world.orders.number[order])

    def trade() -> dict[str, Any]:
        fields = "payment,modified,orders"
        return call("taobao.trade.fullinfo.get", fields=fields, tid=tid)["trade"]

    corrected = trade()
    before = datetime.fromtimestamp(int(plan.edited_at[order]) - 1, UTC)
    sandbox.control(as_of=before.replace(tzinfo=None))
    first = trade()
    assert _fen(first["payment"]) > _fen(corrected["payment"]) == world.orders.total[order]
    assert first["modified"] < corrected["modified"]
    lines = first["orders"]["order"]
    assert sum(_fen(line["divide_order_fee"]) for line in lines) == _fen(first["payment"])


def test_a_touched_order_moves_to_the_top_of_the_increment(
    call: Call, sandbox: ServedSandbox, world: World
) -> None:
    tid = str(world.orders.number[world.orders.channel == TMALL][0])
    state = sandbox.control(touch={"channel": "tmall_flagship", "orders": [tid]})
    window = {"start_modified": "2026-06-30 12:00:00", "end_modified": state["now"]}
    content = call("taobao.trades.sold.increment.get", fields="tid,modified", page_size=1, **window)
    first = content["trades"]["trade"][0]
    assert (str(first["tid"]), first["modified"]) == (tid, state["now"])


def test_only_the_asked_fields_come_and_what_has_not_happened_is_absent(call: Call) -> None:
    content = call(
        "taobao.trades.sold.get", fields="tid,pay_time,orders.oid", status="WAIT_BUYER_PAY"
    )
    trades = content["trades"]["trade"]
    assert {name for trade in trades for name in trade} == {"tid", "orders"}
    assert all(line.keys() == {"oid"} for trade in trades for line in trade["orders"]["order"])


def test_an_empty_answer_has_no_trades_key(call: Call) -> None:
    window = {"start_created": "2026-06-30 00:00:00", "end_created": "2026-06-30 00:00:00"}
    content = call("taobao.trades.sold.get", fields="tid", **window)
    assert content.keys() == {"total_results", "request_id"}


def test_total_or_has_next_but_never_both(call: Call) -> None:
    assert "total_results" in call("taobao.trades.sold.get", fields="tid")
    content = call("taobao.trades.sold.get", fields="tid", use_has_next="true")
    assert content["has_next"] is True
    assert "total_results" not in content


def test_oaid_needs_all_five_fields_of_the_receiver(call: Call, world: World) -> None:
    tid = str(world.orders.number[world.orders.channel == TMALL][0])
    needed = "receiver_name,receiver_address,created,receiver_mobile,receiver_phone"
    method = "taobao.trade.fullinfo.get"
    assert "oaid" in call(method, tid=tid, fields=needed, include_oaid="x")["trade"]
    assert "oaid" not in call(method, tid=tid, fields="created", include_oaid="x")["trade"]


@pytest.mark.parametrize("sign_method", ["md5", "hmac", "hmac-sha256"])
def test_every_sign_method_is_verified(call: Call, sign_method: str) -> None:
    method = "taobao.trades.sold.get"
    assert "trades" in call(method, fields="tid", sign_method=sign_method)
    refused = call(method, fields="tid", sign_method=sign_method, secret="another")
    assert refused["code"] == 25


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (27, {"session": SHOP.expired_session}),
        (11, {"session": SHOP.poor_session}),
        (26, {"session": ""}),
        (29, {"app_key": "87654321"}),
        (28, {"app_key": ""}),
        (30, {"timestamp": ""}),
        (31, {"timestamp": "2020-01-01 00:00:00"}),
        (31, {"timestamp": "yesterday"}),
        (33, {"v": "1.0"}),
        (22, {"method": "taobao.trades.sold.guess"}),
        (40, {"fields": ""}),
        (40, {"start_modified": ""}),
        (41, {"start_modified": "2026-06-28 00:00:00"}),
        (41, {"start_modified": "2026-07-01 00:00:00"}),
        (41, {"start_modified": "2026-01-01 00:00:00", "end_modified": "2026-01-01 01:00:00"}),
        (41, {"end_modified": "30/06/2026"}),
        (41, {"page_size": 101}),
        (41, {"page_no": 0}),
    ],
)
def test_wrong_requests_get_their_own_code(call: Call, code: int, wrong: dict[str, Any]) -> None:
    right = {
        "method": "taobao.trades.sold.increment.get",
        "fields": "tid",
        "start_modified": "2026-06-30 00:00:00",
        "end_modified": "2026-06-30 12:00:00",
    }
    assert "total_results" in call(**right)
    assert call(**(right | wrong))["code"] == code


def test_a_clock_that_is_off_by_twenty_minutes_is_refused(call: Call) -> None:
    for minutes, code in ((-20, 31), (20, 31), (-8, None), (8, None)):
        sent = datetime.now(UTC) + timedelta(hours=8, minutes=minutes)
        content = call(
            "taobao.trades.sold.get",
            fields="tid",
            timestamp=sent.strftime("%Y-%m-%d %H:%M:%S"),
        )
        assert content.get("code") == code


def test_the_good_session_can_expire(call: Call, sandbox: ServedSandbox) -> None:
    sandbox.control(expired=["taobao"])
    assert call("taobao.trades.sold.get", fields="tid")["code"] == 27


def test_an_unknown_trade_is_a_service_error(call: Call) -> None:
    content = call("taobao.trade.fullinfo.get", fields="tid", tid=1)
    assert (content["code"], content["sub_code"]) == (15, "isv.trade-not-exist")


def test_flow_control_and_a_busy_platform_speak_in_envelopes(
    call: Call, sandbox: ServedSandbox
) -> None:
    sandbox.control(faults=Faults(throttled=1.0, retry_after_seconds=3))
    content = call("taobao.trades.sold.get", fields="tid")
    assert (content["code"], content["sub_msg"]) == (7, "This ban will last for 3 more seconds")
    sandbox.control(faults=Faults(unavailable=1.0))
    assert call("taobao.trades.sold.get", fields="tid")["sub_code"].startswith("isp.")


def test_without_asking_for_json_the_answer_is_xml(sandbox: ServedSandbox) -> None:
    request = _request("taobao.trades.sold.get", fields="tid", format="")
    answer = httpx.post(f"{sandbox.url}/taobao/router/rest", data=request)
    assert answer.headers["content-type"].startswith("text/xml")


def test_nothing_happens_after_the_last_day(world: World) -> None:
    """Platforms that are asked days later know no later stage of a refund still open at the end."""
    times = RefundJourneys.of(world).times
    happened = times[times != NEVER]
    assert happened.max() <= CONFIG.end_second
    is_open = world.refunds.decided_at == NEVER
    assert is_open.any(), "otherwise nothing could have gone on"
