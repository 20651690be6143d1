"""The simulated SF Express: its digest, its errors, JSON in JSON, and routes that are the truth."""

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import quote_plus

import numpy as np
import pytest

from connectors.sandbox.files.rendering import tracking_numbers
from connectors.sandbox.platforms import PROVINCES, SF
from connectors.sandbox.retailer import simulate
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.sf_express import SfExpressServer
from connectors.sandbox.stages.scanning import describe_scans
from connectors.sandbox.world import DAY, NEVER, WorldConfig
from tests.conftest import PROJECT_ROOT

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=15, orders_per_day=200)
SAMPLE = PROJECT_ROOT.parent / "shared/reference/fixtures/sf/search_routes_doc_sample.json"


@pytest.fixture(scope="module")
def retail() -> Retail:
    return Retail(simulate(CONFIG))


@pytest.fixture
def client(retail: Retail, clock: Any, serve: Callable[..., Any]) -> Any:
    return serve("sf_express", SfExpressServer(retail, clock).routes())


@pytest.fixture(scope="module")
def parcels(retail: Retail) -> list[int]:
    """The rows of all SF parcels."""
    journeys = retail.world.journeys
    rows = np.flatnonzero((journeys.labelled_at != NEVER) & (journeys.carrier == SF))
    return rows.tolist()


def numbers_of(retail: Retail, rows: list[int]) -> list[str]:
    return tracking_numbers(retail.world, np.array(rows, dtype=np.int64)).to_pylist()


def call(client: Any, retail: Retail, msg_data: Any, **changes: str) -> dict[str, Any]:
    """The outer answer of a signed call; `changes` are made after signing."""
    partner = retail.credentials.sf_express
    text = msg_data if isinstance(msg_data, str) else json.dumps(msg_data, ensure_ascii=False)
    stamp = str(int(time.time() * 1000))
    encoded = quote_plus(f"{text}{stamp}{partner.check_word}", safe="*").replace("~", "%7E")
    given = {
        "partnerID": partner.partner_id,
        "requestID": str(uuid.uuid4()),
        "serviceCode": "EXP_RECE_SEARCH_ROUTES",
        "timestamp": stamp,
        "msgDigest": base64.b64encode(hashlib.md5(encoded.encode()).digest()).decode(),
        "msgData": text,
        **changes,
    }
    response = client.post("/sf_express/std/service", data=given)
    assert response.status_code == 200
    return response.json()


def asked(numbers: list[str], **more: str) -> dict[str, Any]:
    return {
        "language": "zh-CN",
        "trackingType": "1",
        "trackingNumber": numbers,
        "methodType": "1",
        **more,
    }


def routes_of(
    client: Any, retail: Retail, numbers: list[str], **more: str
) -> dict[str, list[dict[str, str]]]:
    answer = call(client, retail, asked(numbers, **more))
    assert answer["apiResultCode"] == "A1000"
    assert isinstance(answer["apiResultData"], str)
    data = json.loads(answer["apiResultData"])
    assert (data["success"], data["errorCode"]) == (True, "S0000")
    return {r["mailNo"]: r["routes"] for r in data["msgData"]["routeResps"]}


def test_the_answer_is_json_in_json_with_the_documented_fields(
    client: Any, retail: Retail, parcels: list[int]
) -> None:
    if not SAMPLE.exists():
        pytest.skip(f"the documented answer is not at {SAMPLE}")
    sample = json.loads(SAMPLE.read_text(encoding="utf-8"))
    inner = json.loads(sample["apiResultData"])
    answer = call(client, retail, asked(numbers_of(retail, parcels[:1]), checkPhoneNo="4088"))
    assert set(answer) == set(sample)
    data = json.loads(answer["apiResultData"])
    assert set(data) == set(inner)
    documented = inner["msgData"]["routeResps"][0]
    told = data["msgData"]["routeResps"][0]
    assert set(told) == set(documented)
    assert set(told["routes"][0]) == set(documented["routes"][0])
    assert all(isinstance(value, str) for value in told["routes"][0].values())


def test_all_routes_of_all_parcels_are_the_truth(
    client: Any, retail: Retail, parcels: list[int]
) -> None:
    truth = describe_scans(retail.world, retail.scans, retail.as_of)["carriers"]["sf"]
    scans, copies, delivered, second, back = 0, 0, 0, 0, []
    codes: set[str] = set()
    for start in range(0, len(parcels), 10):
        numbers = numbers_of(retail, parcels[start : start + 10])
        told = routes_of(client, retail, numbers, checkPhoneNo="4088")
        assert list(told) == numbers
        for routes in told.values():
            distinct = {json.dumps(route, sort_keys=True) for route in routes}
            scans, copies = scans + len(distinct), copies + len(routes) - len(distinct)
            op_codes = [json.loads(route)["opCode"] for route in sorted(distinct)]
            codes.update(op_codes)
            delivered += "80" in op_codes
            second += "8000" in op_codes
            assert [r["acceptTime"] for r in routes] == sorted(r["acceptTime"] for r in routes)
            back += [r["remark"].partition("：")[2] for r in routes if r["opCode"] == "648"]
    assert (scans, copies) == (truth["scans"], truth["duplicate_rows"])
    assert delivered == truth["delivered"]
    assert second > 0
    assert {"655", "50", "30", "31", "36", "44", "70", "204", "125", "658", "33", "648"} <= codes
    returned = routes_of(client, retail, back[:10], checkPhoneNo="4088")
    assert any("80" in [r["opCode"] for r in routes] for routes in returned.values())


def test_routes_grow_with_the_time(retail: Retail, parcels: list[int], client: Any) -> None:
    number = numbers_of(retail, parcels[:1])[0]
    end = retail.as_of
    told = []
    try:
        for as_of in (CONFIG.start_second, CONFIG.start_second + 2 * DAY, end):
            retail.move_to(as_of)
            told.append(routes_of(client, retail, [number], checkPhoneNo="4088")[number])
    finally:
        retail.move_to(end)
    assert told[0] == []
    assert 0 < len(told[1]) <= len(told[2])


def test_other_accounts_parcels_need_the_end_of_a_phone_number(
    client: Any, retail: Retail, parcels: list[int]
) -> None:
    orders, accounts = retail.world.orders, retail.world.accounts
    north = next(p for p in parcels if PROVINCES[orders.province[p]][2])
    south = next(p for p in parcels if not PROVINCES[orders.province[p]][2])
    receiver = str(accounts.phone[orders.account[north]])[-4:]
    wrong = str((int(receiver) + 1) % 10_000).zfill(4)
    for row, phone, sees in (
        (south, "", True),
        (south, wrong, row_has(retail, south, wrong)),
        (north, "", False),
        (north, wrong, False),
        (north, receiver, True),
        (north, retail.credentials.sf_express.check_phone_no, True),
    ):
        number = numbers_of(retail, [row])[0]
        more = {"checkPhoneNo": phone} if phone else {}
        assert bool(routes_of(client, retail, [number], **more)[number]) is sees


def row_has(retail: Retail, row: int, phone: str) -> bool:
    account = retail.world.orders.account[row]
    return str(retail.world.accounts.phone[account])[-4:] == phone


def test_unknown_numbers_have_no_routes(client: Any, retail: Retail) -> None:
    told = routes_of(client, retail, ["SF1", "SF9999999999999", "YT3100000000000", "快递"])
    assert list(told.values()) == [[], [], [], []]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"msgDigest": "AAAA"}, "A1006"),
        ({"msgData": '{"trackingType":"1","trackingNumber":[]}'}, "A1006"),
        ({"msgDigest": ""}, "A1001"),
        ({"requestID": ""}, "A1001"),
        ({"requestID": "x" * 41}, "A1001"),
        ({"partnerID": "OTHER"}, "A1008"),
        ({"serviceCode": "EXP_RECE_CREATE_ORDER"}, "A1004"),
        ({"timestamp": "yesterday"}, "A1002"),
    ],
)
def test_what_is_wrong_is_named(
    client: Any, retail: Retail, changes: dict[str, str], code: str
) -> None:
    answer = call(client, retail, asked(["SF3100000000000"]), **changes)
    assert answer["apiResultCode"] == code
    assert answer["apiErrorMsg"]
    assert answer["apiResultData"] == ""


def test_a_clock_twenty_minutes_off_is_refused(client: Any, retail: Retail, clock: Any) -> None:
    for ahead in (-1_200.0, 1_200.0):
        clock.ahead = ahead
        answer = call(client, retail, asked(["SF3100000000000"]))
        assert answer["apiResultCode"] == "A1002"


def test_the_digest_is_over_the_text_as_java_encodes_it(client: Any, retail: Retail) -> None:
    text = json.dumps(asked(["SF3100000000000"], remark="空 格*~-_.+%&中文"), ensure_ascii=False)
    assert call(client, retail, text)["apiResultCode"] == "A1000"


def test_a_request_id_is_accepted_once(client: Any, retail: Retail) -> None:
    same = str(uuid.uuid4())
    codes = [
        call(client, retail, asked(["SF3100000000000"]), requestID=same)["apiResultCode"]
        for _ in range(2)
    ]
    assert codes == ["A1000", "A1007"]


@pytest.mark.parametrize(
    "msg_data",
    [
        asked([f"SF{n}" for n in range(11)]),
        asked([]),
        {**asked(["SF1"]), "trackingType": "2"},
        {"trackingType": "1"},
        "no JSON",
    ],
)
def test_business_errors_are_told_inside_an_accepted_call(
    client: Any, retail: Retail, msg_data: Any
) -> None:
    answer = call(client, retail, msg_data)
    assert answer["apiResultCode"] == "A1000"
    data = json.loads(answer["apiResultData"])
    assert data["success"] is False
    assert data["errorCode"] != "S0000"
