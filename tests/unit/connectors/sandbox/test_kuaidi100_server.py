"""The simulated Kuaidi100: sign, phone, lock and balance, states, subscriptions and pushes."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from connectors.errors import InputError
from connectors.sandbox.files.rendering import tracking_numbers
from connectors.sandbox.platforms import JD, SF, YTO
from connectors.sandbox.retailer import simulate
from connectors.sandbox.servers.kuaidi100 import Kuaidi100Server
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.stages.scanning import describe_scans
from connectors.sandbox.world import DAY, MINUTE, NEVER, WorldConfig

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=14, orders_per_day=120)
COMPANIES = {SF: "shunfeng", YTO: "yuantong", JD: "jd"}


@pytest.fixture(scope="module")
def shared() -> Retail:
    return Retail(simulate(CONFIG))


@pytest.fixture
def retail(shared: Retail) -> Iterator[Retail]:
    yield shared
    shared.move_to(CONFIG.end_second)


@pytest.fixture
def server(retail: Retail) -> Kuaidi100Server:
    return Kuaidi100Server(retail)


@pytest.fixture
def client(server: Kuaidi100Server, serve: Callable[..., Any]) -> Any:
    return serve("kuaidi100", server.routes())


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest().upper()


def number_of(retail: Retail, row: int) -> str:
    return tracking_numbers(retail.world, np.array([row], dtype=np.int64))[0].as_py()


def parcels_of(retail: Retail, carrier: int) -> list[int]:
    journeys = retail.world.journeys
    rows = np.flatnonzero((journeys.labelled_at != NEVER) & (journeys.carrier == carrier))
    return rows.tolist()


def query(
    client: Any, retail: Retail, com: str, num: str, *, changes: Any = None, **more: str
) -> dict[str, Any]:
    """One signed query; `changes` are made after signing."""
    customer = retail.credentials.kuaidi100
    param = json.dumps({"com": com, "num": num, "phone": "", "resultv2": "4", **more})
    form = {
        "customer": customer.customer,
        "sign": md5(param + customer.key + customer.customer),
        "param": param,
        **(changes or {}),
    }
    response = client.post("/kuaidi100/poll/query.do", data=form)
    assert response.status_code == 200
    return response.json()


def test_all_scans_of_all_parcels_are_the_truth(client: Any, retail: Retail) -> None:
    truth = describe_scans(retail.world, retail.scans, retail.as_of)["carriers"]
    codes: set[str] = set()
    lying = 0
    for carrier, name in ((YTO, "yto"), (JD, "jd")):
        scans, copies, delivered = 0, 0, 0
        for row in parcels_of(retail, carrier):
            number = number_of(retail, row)
            answer = query(client, retail, COMPANIES[carrier], number)
            if answer.get("returnCode") == "500":
                continue
            assert (answer["status"], answer["nu"]) == ("200", number)
            lying += answer.get("result") is False
            distinct = {json.dumps(scan, sort_keys=True) for scan in answer["data"]}
            scans, copies = scans + len(distinct), copies + len(answer["data"]) - len(distinct)
            told = {scan["statusCode"] for scan in answer["data"]}
            codes |= told
            is_delivered = bool(told & {"301", "302", "303", "304"})
            delivered += is_delivered
            assert (answer["ischeck"] == "1") is (is_delivered or "4" in told)
            times = [scan["time"] for scan in answer["data"]]
            assert times == sorted(times, reverse=True)
            assert answer["state"] == answer["data"][0]["statusCode"]
        figures = truth[name]
        assert (scans, copies) == (figures["scans"], figures["duplicate_rows"])
        assert delivered == figures["delivered"]
    assert lying > 0, "a good answer may say result: false"
    assert {"101", "103", "1001", "1002", "5", "204", "501", "301", "304", "6"} <= codes
    assert codes & {"203", "14"}


def test_the_detail_asked_for_decides_codes_and_order(client: Any, retail: Retail) -> None:
    rows = parcels_of(retail, YTO)
    delivered = next(r for r in rows if retail.world.journeys.delivered_at[r] != NEVER)
    number = number_of(retail, delivered)
    plain = query(client, retail, "yuantong", number, resultv2="0")
    named = query(client, retail, "yuantong", number, resultv2="1")
    detailed = query(client, retail, "yuantong", number, resultv2="4", order="asc")
    assert plain["state"] == named["state"] == "3"
    assert detailed["state"] in {"301", "302", "303", "304"}
    assert set(plain["data"][0]) == {"time", "ftime", "context"}
    assert named["data"][0]["status"] == "签收"
    assert "statusCode" not in named["data"][0]
    assert detailed["data"][-1]["statusCode"] == detailed["state"]
    texts = [scan["context"] for scan in plain["data"]]
    assert texts == [scan["context"] for scan in reversed(detailed["data"])]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sign": "00"}, "503"),
        ({"customer": "OTHER"}, "503"),
        ({"param": '{"com":"yuantong","num":"YT1"}'}, "503"),
        ({"sign": ""}, "400"),
        ({"param": ""}, "400"),
    ],
)
def test_what_is_not_signed_is_refused(
    client: Any, retail: Retail, changes: dict[str, str], code: str
) -> None:
    answer = query(client, retail, "yuantong", "YT3100000000000", changes=changes)
    assert answer == {"result": False, "returnCode": code, "message": answer["message"]}


def test_incomplete_and_unknown_numbers_are_told_apart(client: Any, retail: Retail) -> None:
    row = parcels_of(retail, YTO)[0]
    assert query(client, retail, "", number_of(retail, row))["returnCode"] == "400"
    assert query(client, retail, "yuantong", "")["returnCode"] == "400"
    assert query(client, retail, "pony", "YT1")["returnCode"] == "400"
    assert query(client, retail, "yuantong", "YT9999999999999")["returnCode"] == "500"
    assert query(client, retail, "jd", number_of(retail, row))["returnCode"] == "500"


def test_sf_wants_a_phone_number_and_the_right_one(client: Any, retail: Retail) -> None:
    row = parcels_of(retail, SF)[0]
    number = number_of(retail, row)
    receiver = str(retail.world.accounts.phone[retail.world.orders.account[row]])
    wrong = "1200000" + str((int(receiver[-4:]) + 1) % 10_000).zfill(4)
    assert query(client, retail, "shunfeng", number)["returnCode"] == "408"
    assert query(client, retail, "shunfeng", number, phone=wrong)["returnCode"] == "408"
    for phone in (receiver, receiver[-4:], retail.credentials.kuaidi100.phone):
        assert query(client, retail, "shunfeng", number, phone=phone)["status"] == "200"


def test_a_number_is_locked_for_half_an_hour_when_that_is_switched_on(
    client: Any, retail: Retail
) -> None:
    retail.move_to(CONFIG.end_second - DAY)
    one, other = (number_of(retail, row) for row in parcels_of(retail, YTO)[:2])
    assert query(client, retail, "yuantong", one)["status"] == "200"
    assert query(client, retail, "yuantong", one)["status"] == "200"
    retail.change_options("kuaidi100", {"lock_minutes": 30})
    locked = query(client, retail, "yuantong", one)
    assert locked["result"] is False
    assert "锁定" in locked["message"]
    assert query(client, retail, "yuantong", other)["status"] == "200"
    retail.move_to(retail.as_of + 30 * MINUTE)
    assert query(client, retail, "yuantong", one)["status"] == "200"


def test_without_balance_the_key_has_expired(client: Any, retail: Retail) -> None:
    number = number_of(retail, parcels_of(retail, YTO)[0])
    retail.change_options("kuaidi100", {"balance": 1})
    assert query(client, retail, "yuantong", number)["status"] == "200"
    assert query(client, retail, "yuantong", number)["returnCode"] == "601"
    with pytest.raises(InputError, match="no option colour"):
        retail.change_options("kuaidi100", {"colour": "red"})


class Callback:
    """A callback that checks every push's signature; the first answers can be refusals."""

    def __init__(self, salt: str) -> None:
        self.pushes: list[dict[str, Any]] = []
        self.refusals = 0
        taken, callback = self.pushes, self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                assert form["sign"] == md5(form["param"] + salt)
                is_taken = callback.refusals == 0
                if is_taken:
                    taken.append(json.loads(form["param"]))
                else:
                    callback.refusals -= 1
                answer = json.dumps({"result": is_taken, "returnCode": "200", "message": ""})
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_arguments: Any) -> None:
                """Nothing to say."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/kuaidi100"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def callback(retail: Retail) -> Iterator[Callback]:
    made = Callback(retail.credentials.kuaidi100.salt)
    yield made
    made.close()


def subscribe(client: Any, retail: Retail, number: str, address: str, **more: str) -> str:
    customer = retail.credentials.kuaidi100
    param = {
        "company": "yuantong",
        "number": number,
        "key": customer.key,
        "parameters": {"callbackurl": address, "salt": customer.salt, "resultv2": "4"},
        **more,
    }
    form = {"schema": "json", "param": json.dumps(param)}
    return client.post("/kuaidi100/poll", data=form).json()["returnCode"]


def test_a_subscription_is_pushed_what_is_new_until_it_ends(
    client: Any, server: Kuaidi100Server, retail: Retail, callback: Callback
) -> None:
    journeys = retail.world.journeys
    row = next(
        r
        for r in parcels_of(retail, YTO)
        if journeys.delivered_at[r] != NEVER
        and journeys.shipped_at[r] + DAY < journeys.delivered_at[r] < CONFIG.end_second - 2 * DAY
    )
    number = number_of(retail, row)
    retail.move_to(int(journeys.shipped_at[row]) + DAY)
    assert subscribe(client, retail, number, callback.address) == "200"
    assert subscribe(client, retail, number, callback.address) == "501"
    assert asyncio.run(server.push()) == {"sent": 1, "accepted": 1, "refused": 0}
    assert asyncio.run(server.push())["sent"] == 0
    assert asyncio.run(server.push(again=True))["accepted"] == 1
    retail.move_to(CONFIG.end_second)
    callback.refusals = 2
    assert asyncio.run(server.push()) == {"sent": 1, "accepted": 1, "refused": 0}
    first, _, last = callback.pushes
    assert (first["status"], last["status"]) == ("polling", "shutdown")
    assert last["billstatus"] == "check"
    assert last["lastResult"]["ischeck"] == "1"
    assert len(last["lastResult"]["data"]) > len(first["lastResult"]["data"])


def test_a_push_that_nobody_takes_is_sent_again_next_time(
    client: Any, server: Kuaidi100Server, retail: Retail, callback: Callback
) -> None:
    number = number_of(retail, parcels_of(retail, YTO)[0])
    subscribe(client, retail, number, callback.address)
    callback.refusals = 3
    assert asyncio.run(server.push()) == {"sent": 1, "accepted": 0, "refused": 1}
    assert asyncio.run(server.push()) == {"sent": 1, "accepted": 1, "refused": 0}


def test_a_silent_number_is_given_up_after_three_days(
    client: Any, server: Kuaidi100Server, retail: Retail, callback: Callback
) -> None:
    retail.move_to(CONFIG.end_second - 4 * DAY)
    subscribe(client, retail, "YT9999999999999", callback.address)
    assert asyncio.run(server.push())["sent"] == 0
    retail.move_to(CONFIG.end_second)
    assert asyncio.run(server.push())["accepted"] == 1
    assert callback.pushes[0]["status"] == "abort"


def test_wrong_subscriptions_are_refused(client: Any, retail: Retail) -> None:
    address = "http://127.0.0.1:1/"
    assert subscribe(client, retail, "YT1", address, key="other") == "601"
    assert subscribe(client, retail, "YT1", address, company="pony") == "701"
    assert subscribe(client, retail, "", address) == "400"
    assert subscribe(client, retail, "YT1", "nowhere") == "400"
    assert subscribe(client, retail, "SF3100000000000", address, company="shunfeng") == "408"
