"""Orders that are entered here: the answer before, placing once, and who may order for whom."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from starlette.testclient import TestClient

from connectors.database.engine import open_database, write_transaction
from connectors.database.schema import entered_orders
from connectors.errors import InputError
from connectors.inbox.segments import Message, read_segment, sealed_segments
from connectors.lake.attach import connect_writer
from connectors.lake.reader import open_published
from connectors.settings import Settings, load_settings
from orchestration.access.log import list_access
from orchestration.allocation.order_stock import awaited_orders, reserved_lines, settle
from orchestration.allocation.reservations import Line, count_stock, reserve
from orchestration.api.access import Access, ApiScope
from orchestration.api.keys import KeyRequest, create_key
from orchestration.api.service import make_api
from orchestration.order_entry import placing
from orchestration.order_entry.answering import OrderRequest, RequestedLine
from orchestration.order_entry.placing import Entry, LackingError, find_order, place_order
from tests.unit.app_streamlit.published_fixture import publish

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TODAY = date(2026, 11, 21)
AGENT, OTHER, NEWCOMER, BUSY, RACER = (f"erp:agents:A{number}" for number in range(1, 6))
# The first agent may owe 1,000 and owes 300, so 700 are left.
LAKE = f"""
create schema if not exists lake.marts;
create table lake.marts.dim_customers as select * from (values
    ('{AGENT}', 'shop', 'agents', 'CNY', '江苏省'), ('{OTHER}', 'shop', 'agents', 'CNY', '浙江省'),
    ('{NEWCOMER}', 'shop', 'agents', 'CNY', null), ('{BUSY}', 'shop', 'agents', 'CNY', null),
    ('{RACER}', 'shop', 'agents', 'CNY', null)
) as t(customer_key, business, channel, currency_code, province);
create table lake.marts.fct_customer_exposures as select * from (values
    ('{AGENT}', 'shop', 'agents', 1000::decimal(18, 2), 300::decimal(18, 2), 30, 'CNY'),
    ('{OTHER}', 'shop', 'agents', 1000::decimal(18, 2), 0::decimal(18, 2), 45, 'CNY'),
    ('{BUSY}', 'shop', 'agents', 1000::decimal(18, 2), 300::decimal(18, 2), 30, 'CNY'),
    ('{RACER}', 'shop', 'agents', 100::decimal(18, 2), 0::decimal(18, 2), 30, 'CNY')
) as t(customer_key, business, channel, credit_limit, exposure_amount, payment_terms_days,
    currency_code);
create table lake.marts.dim_products as select * from (values
    ('shop', 'MILK', 'Milk', 12.5::decimal(18, 6), 'CNY'),
    ('shop', 'SOAP', 'Soap', 9::decimal(18, 6), 'CNY'),
    ('shop', 'CUP', 'Cup', 2, 'CNY'), ('shop', 'PEN', 'Pen', 30, 'CNY'),
    ('shop', 'BAG', 'Bag', 20, 'CNY'), ('shop', 'TOY', 'Toy', 10, 'CNY'), ('shop', 'GIFT', 'Gift', null, 'CNY')
) as t(business, sku, name, list_price, currency_code);
create table lake.marts.dim_prices as select * from (values
    ('1', 'shop', '*', 'MILK', 11::decimal(18, 6), 'CNY', date '2026-01-01', null::date),
    ('2', 'shop', 'agents', 'MILK', 10::decimal(18, 6), 'CNY', date '2026-01-01', null),
    ('3', 'shop', 'agents', 'MILK', 8::decimal(18, 6), 'CNY', date '2026-12-01', null),
    ('4', 'shop', 'agents', 'SOAP', 5::decimal(18, 6), 'CNY', date '2026-01-01', date '2026-06-30')
) as t(price_key, business, channel, sku, unit_price, currency_code, valid_from, valid_until);
create table lake.marts.dim_sites as select * from (values
    ('shop:east', 'shop', 'east', null::date), ('shop:west', 'shop', 'west', null),
    ('shop:old', 'shop', 'old', date '2026-01-31')
) as t(site_key, business, site, closed_on);
create table lake.marts.fct_stock_availability as select * from (values
    ('shop', 'east', 'MILK', date '2026-11-20', 12, 2), ('shop', 'west', 'MILK', date '2026-11-20', 6, 0),
    ('shop', 'east', 'TOY', date '2026-11-20', 10, 0),
    ('shop', 'east', 'CUP', date '2026-11-20', 3, 0),
    ('shop', 'east', 'BAG', date '2026-11-20', 9, 0),
    ('shop', 'east', 'PEN', date '2026-11-20', 900, 0),
    ('shop', 'old', 'MILK', date '2026-01-20', 900, 0), ('shop', 'west', 'SOAP', date '2026-11-20', 3, 0)
) as t(business, site, sku, counted_on, on_hand, outbound);
create table lake.marts.fct_available_to_promise as select * from (values
    ('shop', 'east', 'MILK', date '2026-11-20', 0::decimal(18, 6), 0::decimal(18, 6)),
    ('shop', 'east', 'MILK', date '2026-11-25', 20, 0),
    ('shop', 'east', 'TOY', date '2026-11-25', 20, 0),
    ('shop', 'west', 'SOAP', date '2026-11-23', 0, 5),
    ('shop', 'west', 'SOAP', date '2026-11-30', 40, 0)
) as t(business, site, sku, available_on, purchase_quantity, other_inbound_quantity);
create table lake.marts.fct_orders as select * from (values
    ('erp:1', '{AGENT}', 'agents', timestamptz '2026-11-20 03:00:00+00'),
    ('erp:2', '{OTHER}', 'agents', timestamptz '2026-11-20 04:00:00+00'),
    ('erp:4', '{BUSY}', 'agents', timestamptz '2026-11-20 05:00:00+00')
) as t(order_key, customer_key, channel, created_at);
create table lake.marts.fct_order_events as select 'erp:1' as order_key, 'created' as event
"""  # noqa: E501


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings(home=tmp_path_factory.mktemp("order_entry"), config="none")
    with connect_writer(settings, purpose="test") as connection:
        for statement in LAKE.split(";\n"):
            connection.execute(statement)
    publish(settings, "run-1", NOW - timedelta(hours=1))
    return settings


@pytest.fixture(scope="module")
def client(home) -> TestClient:
    return TestClient(make_api(home, now=lambda: NOW))


@pytest.fixture(scope="module")
def key(home) -> Callable[..., dict[str, str]]:
    """Headers with a new key of one customer, or (None) of a portal."""

    def make(customer_key: str | None = AGENT, **access: Any) -> dict[str, str]:
        scopes: tuple[ApiScope, ...] = ("orders:read", "orders:write")
        wanted = Access("", **{"scopes": scopes, "customer_key": customer_key, **access})
        made = create_key(open_database(home), KeyRequest("test", wanted, "test"), now=NOW)
        return {"authorization": f"Bearer {made.key}"}

    return make


def lines(**quantities: int) -> dict[str, Any]:
    return {"lines": [{"sku": sku, "quantity": number} for sku, number in quantities.items()]}


def test_the_answer_tells_credit_prices_and_stock(client, key):
    answer = client.post("/orders/check", headers=key(), json=lines(MILK=10, SOAP=4)).json()

    assert answer["can_be_placed"] is False
    assert answer["order_amount"] == "136.00"  # the agents' 10 for milk, the article's 9 for soap
    assert answer["credit"] == {
        "credit_limit": "1000.00", "exposure_amount": "300.00", "pending_amount": "0.00",
        "headroom_amount": "700.00", "left_amount": "564.00", "payment_terms_days": 30,
    }  # fmt: skip
    milk, soap = answer["lines"]
    # 12 were counted, of which 2 had been sold; the site that is closed doesn't count.
    assert (milk["site"], milk["free_quantity"], milk["is_available"]) == ("east", 10, True)
    assert (soap["site"], soap["free_quantity"], soap["available_on"]) == ("west", 3, "2026-11-23")
    assert answer["lacks"] == [
        "line 2: 4 of SOAP wanted, 3 free at west; all of it from 2026-11-23."
    ]


def test_lines_of_one_article_do_not_get_the_same_units(client, key):
    wanted = {"lines": [{"sku": "MILK", "quantity": number} for number in (8, 6, 5)]}

    answer = client.post("/orders/check", headers=key(), json=wanted).json()

    told = [(one["site"], one["free_quantity"], one["available_on"]) for one in answer["lines"]]
    assert told == [
        ("east", 10, "2026-11-21"), ("west", 6, "2026-11-21"), ("east", 2, "2026-11-25"),
    ]  # fmt: skip


def test_what_the_books_have_reserved_is_not_promised_again(client, key, home):
    engine = open_database(home)
    count_stock(engine, [Line("shop:east", "TOY", 10)], document="count", now=NOW)
    assert reserve(engine, "someone", [Line("shop:east", "TOY", 7)], now=NOW).state == "reserved"

    answer = client.post("/orders/check", headers=key(), json=lines(TOY=7)).json()

    assert (answer["lines"][0]["site"], answer["lines"][0]["available_on"]) == (
        "east",
        "2026-11-25",
    )
    assert answer["lacks"] == [
        "line 1: 7 of TOY wanted, 3 free at east; all of it from 2026-11-25."
    ]


def test_the_limit_counts_what_was_ordered_since_the_publication(client, key, home):
    with write_transaction(open_database(home)) as connection:
        for order_key, amount in (("order_entry:A1:9", "650.00"), ("erp:4", "70.00")):
            connection.execute(insert(entered_orders).values(
                order_key=order_key, customer_key=BUSY, state="placed", request_hash="",
                order_amount=Decimal(amount), currency_code="CNY", record={}, entered_by="x",
                entered_at=NOW, updated_at=NOW,
            ))  # fmt: skip

    exact = client.post("/orders/check", headers=key(BUSY), json=lines(MILK=5)).json()
    above = client.post("/orders/check", headers=key(BUSY), json=lines(MILK=6)).json()

    # The publication holds erp:4, so it is in the exposure and not pending.
    assert exact["credit"]["pending_amount"] == "650.00"
    assert (exact["credit"]["left_amount"], exact["lacks"]) == ("0.00", [])
    assert above["lacks"] == [
        "credit: 60.00 CNY ordered, 50.00 left of the limit of 1000.00: 10.00 too much."
    ]


def test_customers_without_a_limit_get_no_credit(client, key):
    answer = client.post("/orders/check", headers=key(NEWCOMER), json=lines(MILK=1)).json()

    assert answer["lacks"] == [
        f"credit: {NEWCOMER} has no credit limit in CNY, so it can't order on credit; have finance "
        "set one."
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"sku": "NONE", "quantity": 1}, "line 1: there is no article NONE; correct its sku."),
        ({"sku": "GIFT", "quantity": 1}, "line 1: GIFT has no price in CNY; give a unit_price."),
        ({"sku": "MILK", "quantity": 1, "unit_price": "9.99"},
         "line 1: MILK costs 10.000000 CNY and not 9.990000; leave the unit_price out."),
    ],
)  # fmt: skip
def test_lines_that_cannot_be_sold_say_why(client, key, line, says):
    answer = client.post("/orders/check", headers=key(), json={"lines": [line]}).json()

    assert [one.replace("9.99;", "9.990000;") for one in answer["lacks"]] == [says]


def test_a_portal_may_agree_on_other_prices(client, key):
    wanted = {"customer_key": AGENT, "lines": [{"sku": "MILK", "quantity": 3, "unit_price": 9.5}]}

    answer = client.post("/orders/check", headers=key(None), json=wanted).json()

    assert (answer["order_amount"], answer["lacks"]) == ("28.50", [])


def test_a_key_of_one_customer_is_of_no_other(client, key, home):
    own = key()
    wanted = {**lines(MILK=1), "customer_key": OTHER}

    assert client.post("/orders/check", headers=own, json=wanted).status_code == 403
    assert client.get(f"/orders?customer_key={OTHER}", headers=own).status_code == 403
    assert [one["order_key"] for one in client.get("/orders", headers=own).json()["rows"]] == [
        "erp:1"
    ]
    assert client.get("/orders/erp:2", headers=own).status_code == 404
    assert client.get("/orders/erp:1", headers=own).status_code == 200
    # What one key was told is not another's answer, however alike the question.
    etag = client.get("/orders", headers=own).headers["etag"]
    others = client.get("/orders", headers={**key(OTHER), "if-none-match": etag})
    assert [one["order_key"] for one in others.json()["rows"]] == ["erp:2"]
    with pytest.raises(InputError, match="told apart by customer"):
        key(scopes=("orders:write", "metrics:read"))


def test_what_a_key_may_not_see_it_is_not_answered_from(client, key):
    wanted = {"customer_key": AGENT, **lines(MILK=1)}
    nobody = {"customer_key": "erp:agents:A9", **lines(MILK=1)}

    of_channel = client.post("/orders/check", headers=key(None, channels=("agents",)), json=wanted)
    of_region = client.post("/orders/check", headers=key(None, regions=("浙江省",)), json=wanted)
    reading = client.post("/orders/check", headers=key(None, scopes=("orders:read",)), json=wanted)
    unknown = client.post("/orders/check", headers=key(None), json=nobody)
    unnamed = client.post("/orders/check", headers=key(None), json=lines(MILK=1))

    assert (of_channel.status_code, reading.status_code) == (403, 403)
    assert "can't be told apart by channel" in of_channel.json()["detail"]
    assert of_region.json()["detail"].startswith(f"There is no customer {AGENT}")
    assert unknown.status_code == unnamed.status_code == 422


def inbox(home: Settings, order_no: str) -> list[Message]:
    """What waits of one order, in the order in which it was kept."""
    messages = [
        message
        for path in sealed_segments(home.inbox_path)
        for message in read_segment(path).messages
    ]
    return [one for one in messages if json.loads(one.payload)["order_no"] == order_no]


def reserved(home: Settings | Engine, order_key: str) -> list[tuple[str, str, int]]:
    frame = reserved_lines(home if isinstance(home, Engine) else open_database(home))
    of_order = frame[frame["order_key"] == order_key]
    return [(row.site_key, row.sku, row.quantity) for row in of_order.itertuples()]


def free(client: TestClient, headers: dict[str, str], sku: str) -> int:
    answer = client.post("/orders/check", headers=headers, json=lines(**{sku: 1})).json()
    found: int = answer["lines"][0]["free_quantity"]
    return found


def test_an_order_is_placed_once_however_often_it_is_sent(client, key, home):
    own = key(OTHER)
    order = {"order_no": "P-1", **lines(BAG=2, SOAP=1)}

    first, again = (client.post("/orders", headers=own, json=order) for _ in range(2))
    written = {**order, "lines": [{**one, "unit_price": None} for one in order["lines"]]}
    alike = client.post("/orders", headers=own, json=written)
    other = client.post("/orders", headers=own, json={**order, **lines(BAG=3)})
    same_number = client.post("/orders", headers=key(), json={"order_no": "P-1", **lines(BAG=1)})

    assert first.status_code == again.status_code == alike.status_code == 200
    assert first.json() == again.json() == alike.json()
    placed = first.json()
    assert (placed["order_key"], placed["order_amount"]) == ("order_entry:A2:P-1", "49.00")
    assert [line["site"] for line in placed["lines"]] == ["east", "west"]
    assert reserved(home, "order_entry:A2:P-1") == [
        ("shop:east", "BAG", 2),
        ("shop:west", "SOAP", 1),
    ]
    (message,) = inbox(home, "A2:P-1")
    record = json.loads(message.payload)
    assert (message.source, message.account) == ("order_entry", "portal")
    assert (record["order_amount"], record["status"]) == ("49.00", "portal/allocated")
    assert [line["line_amount"] for line in record["lines"]] == ["40.00", "9.00"]
    assert other.status_code == 409
    assert "stands for another order" in other.json()["detail"]
    assert same_number.json()["order_key"] == "order_entry:A1:P-1"  # a number of its own
    assert free(client, own, "BAG") == 6
    checked = client.post("/orders/check", headers=own, json=lines(BAG=1)).json()
    assert checked["credit"]["pending_amount"] == "49.00"
    wrote = [one for one in list_access(open_database(home)) if one["event"] == "wrote"]
    assert "order order_entry:A2:P-1" in {one["subject"] for one in wrote}


def test_an_order_that_lacks_something_is_refused_and_leaves_nothing(client, key, home):
    order = {"order_no": "P-2", **lines(MILK=900)}

    answer = client.post("/orders", headers=key(OTHER), json=order)

    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json()["detail"] == (
        "Line 1: 900 of MILK wanted, 10 free at east. Credit: 9000.00 CNY ordered, 951.00 left of "
        "the limit of 1000.00: 8049.00 too much."
    )
    assert (reserved(home, "order_entry:A2:P-2"), inbox(home, "A2:P-2")) == ([], [])
    with pytest.raises(InputError, match="was entered here"):
        find_order(open_database(home), "order_entry:A2:P-2")


def test_what_a_kill_left_half_way_is_finished(client, key, home, monkeypatch):
    own, order = key(OTHER), {"order_no": "P-3", **lines(BAG=1)}
    engine, late = open_database(home), NOW + timedelta(hours=1)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(placing, "write_segment", full)
        assert client.post("/orders", headers=own, json=order).status_code == 503
    assert inbox(home, "A2:P-3") == []
    assert client.post("/orders", headers=own, json=order).json()["state"] == "placed"
    assert len(reserved(home, "order_entry:A2:P-3")) == len(inbox(home, "A2:P-3")) == 1

    with monkeypatch.context() as broken:
        broken.setattr(placing, "write_segment", full)
        client.post("/orders", headers=own, json={**order, "order_no": "P-4"})
        broken.setattr(placing, "reserve_all", full)
        with pytest.raises(OSError, match="space"):
            client.post("/orders", headers=own, json={**order, "order_no": "P-5"})
    assert placing.hand_over_rest(home, engine, now=NOW) == 0  # they may be under way
    assert placing.hand_over_rest(home, engine, now=late) == 2
    assert [find_order(engine, "order_entry:A2:P-4").state, len(inbox(home, "A2:P-4"))] == [
        "placed",
        1,
    ]
    with pytest.raises(InputError):  # nobody was told of it, and nothing of it was reserved
        find_order(engine, "order_entry:A2:P-5")


@pytest.mark.parametrize(("sku", "customer", "fit"), [("CUP", OTHER, 3), ("PEN", RACER, 3)])
def test_orders_at_once_pass_neither_stock_nor_credit(home, engine, sku, customer, fit):
    read = open_published(home).rows

    def order(number: int) -> bool:
        request = OrderRequest(customer, (RequestedLine(sku, 1),))
        entry = Entry(f"RACE-{sku}-{number}", "portal", "test")
        try:
            place_order(home, engine, read, request, entry, now=NOW)
        except LackingError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        placed = list(pool.map(order, range(6)))

    assert sum(placed) == fit
    for number, is_placed in enumerate(placed):
        order_key = f"order_entry:{customer.rsplit(':', 1)[-1]}:RACE-{sku}-{number}"
        assert len(reserved(engine, order_key)) == is_placed


def test_a_cancelled_order_gives_back_what_it_had(client, key, home):
    own, order_key = key(OTHER), "order_entry:A2:P-6"
    before = free(client, own, "BAG")
    client.post("/orders", headers=own, json={"order_no": "P-6", **lines(BAG=2)})
    assert free(client, own, "BAG") == before - 2

    of_others = client.post("/orders/cancel", headers=key(), json={"order_key": order_key})
    first, again = (
        client.post("/orders/cancel", headers=own, json={"order_key": order_key}) for _ in range(2)
    )

    assert of_others.status_code == 404
    assert (first.json(), first.json()["state"]) == (again.json(), "cancelled")
    assert (free(client, own, "BAG"), reserved(home, order_key)) == (before, [])
    statuses = [json.loads(one.payload)["status"] for one in inbox(home, "A2:P-6")]
    assert statuses == ["portal/allocated", "portal/cancelled"]


def test_a_run_leaves_alone_what_was_entered_while_it_ran(client, key, home):
    engine, order_key = open_database(home), "order_entry:A2:P-7"
    client.post("/orders", headers=key(OTHER), json={"order_no": "P-7", **lines(BAG=1)})

    settle(engine, {}, {}, now=NOW, awaited=awaited_orders(engine, now=NOW))
    assert len(reserved(home, order_key)) == 1
    # It never came: two days later its stock is for others.
    settle(engine, {}, {}, now=NOW, awaited=awaited_orders(engine, now=NOW + timedelta(days=3)))
    assert reserved(home, order_key) == []
