"""What the SF Express connector asks, and what it makes of the answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from dlt.extract.exceptions import ResourceExtractionError

from connectors.errors import PermanentError, TransientError
from connectors.settings import Settings
from connectors.sources.api.connector import find_connector
from connectors.sources.api.reading import Reading, TrackingNumber
from connectors.sources.sf_express.signing import sign
from tests.connector_contract import whatever_is_missing

NOW = datetime(2026, 6, 30, tzinfo=UTC)
ROUTE = {"acceptTime": "2026-06-29 10:00:00", "opCode": "50", "remark": "顺丰速运 已收取快件"}
Answer = Callable[[dict[str, Any]], dict[str, Any] | httpx.Response]


def accepted(data: object) -> dict[str, Any]:
    text = data if isinstance(data, str) else json.dumps(data)
    return {"apiResultCode": "A1000", "apiErrorMsg": "", "apiResultData": text}


def told(numbers: list[str], **others: Any) -> dict[str, Any]:
    responses = [{"mailNo": number, "routes": [ROUTE]} for number in numbers]
    good = {"success": True, "errorCode": "S0000", "msgData": {"routeResps": responses}}
    return accepted(good | others)


class Sf:
    """A service that answers as the test says and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.questions: list[dict[str, Any]] = []
        self.forms: list[dict[str, str]] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        question = json.loads(form["msgData"])
        self.forms.append(form)
        self.questions.append(question)
        answer = self._answer(question)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def read(
    sf: Sf, *numbers: str, parcels: list[TrackingNumber] | None = None, **config: Any
) -> tuple[list[dict[str, Any]], list[str]]:
    """The records that one reading lands, and its problems."""
    connector = find_connector("sf_express")
    account = connector.config.model_validate(
        {"partner_id": "P", "check_word": "W", "requests_per_second": 10_000, **config}
    )
    problems: list[str] = []
    reading = Reading(
        "sf_express",
        "main",
        NOW,
        on_problem=lambda _entity, problem: problems.append(problem),
        tracking_numbers=lambda: parcels or [TrackingNumber(n, "sf") for n in numbers],
        transport=httpx.MockTransport(sf),
    )
    try:
        tables = list(connector.source(account, reading).resources["routes"])
    except ResourceExtractionError as error:
        raise error.__cause__ or error from None
    return [json.loads(row["payload"]) for t in tables for row in t.to_pylist()], problems


def test_waybills_are_asked_for_ten_at_a_time_and_signed():
    sf = Sf(lambda question: told(question["trackingNumber"]))
    records, problems = read(sf, *(f"SF{n}" for n in range(25)), workers=1)
    assert [len(question["trackingNumber"]) for question in sf.questions] == [10, 10, 5]
    assert [record["mailNo"] for record in records] == [f"SF{n}" for n in range(25)]
    assert problems == []
    for form in sf.forms:
        assert form["msgDigest"] == sign(form["msgData"], form["timestamp"], "W")
        assert form["serviceCode"] == "EXP_RECE_SEARCH_ROUTES"
    assert len({form["requestID"] for form in sf.forms}) == 3


def test_a_call_has_one_phone_number():
    sf = Sf(lambda question: told(question["trackingNumber"]))
    parcels = [
        TrackingNumber("SF1", "sf", "1111"),
        TrackingNumber("SF2", "sf", "2222"),
        TrackingNumber("SF3", "sf", "1111"),
        TrackingNumber("SF4", "sf"),
    ]
    read(sf, parcels=parcels, workers=1)
    assert [(q["trackingNumber"], q.get("checkPhoneNo")) for q in sf.questions] == [
        (["SF1", "SF3"], "1111"),
        (["SF2"], "2222"),
        (["SF4"], None),
    ]
    read(sf, parcels=parcels, workers=1, phone_tail="4088")
    assert sf.questions[-1]["checkPhoneNo"] == "4088"
    assert len(sf.questions[-1]["trackingNumber"]) == 4


def test_recorded_answer_is_one_record_with_two_routes(reference: Path):
    sample = reference / "fixtures" / "sf" / "search_routes_doc_sample.json"
    answer = json.loads(sample.read_text(encoding="utf-8"))
    records, problems = read(Sf(lambda _question: answer), "SF1011603494291")
    assert [(r["mailNo"], [s["opCode"] for s in r["routes"]]) for r in records] == [
        ("SF1011603494291", ["655", "54"])
    ]
    assert problems == []


@pytest.mark.parametrize("success", [True, "true", "TRUE"])
def test_success_may_be_text(success: object):
    records, _ = read(Sf(lambda q: told(q["trackingNumber"], success=success)), "SF1")
    assert len(records) == 1


def test_waybill_without_routes_is_an_answer():
    empty = {"routeResps": [{"mailNo": "SF1", "routes": []}, {"mailNo": "SF2", "routes": None}]}
    records, problems = read(Sf(lambda q: told([], msgData=empty)), "SF1", "SF2")
    assert [record["mailNo"] for record in records] == ["SF1", "SF2"]
    assert problems == []


def test_waybill_that_sf_says_nothing_about_is_told_and_asked_again_next_time():
    records, problems = read(Sf(lambda _question: told(["SF1"])), "SF1", "SF2")
    assert [record["mailNo"] for record in records] == ["SF1"]
    assert problems == [
        "sf_express (main) said nothing about a waybill that it was asked about "
        "(parcels SF2; asked about again next time)."
    ]


def test_bad_waybill_does_not_cost_the_others_their_answer():
    def answer(question: dict[str, Any]) -> dict[str, Any]:
        numbers = question["trackingNumber"]
        if {"SF3", "SF4"} & set(numbers):
            return accepted({"success": "false", "errorCode": "8013", "errorMsg": "运单号错误"})
        return told(numbers)

    records, problems = read(Sf(answer), *(f"SF{n}" for n in range(10)))
    assert sorted(record["mailNo"] for record in records) == [
        f"SF{n}" for n in range(10) if n not in (3, 4)
    ]
    assert len(problems) == 1
    assert "8013" in problems[0]
    assert "SF3, SF4" in problems[0]


@pytest.mark.parametrize(
    "answer",
    [
        {"apiResultCode": "A1005", "apiErrorMsg": "流量受控"},
        {"apiResultCode": "A1007", "apiErrorMsg": "重复请求"},
        {"apiResultCode": "A1099", "apiErrorMsg": "系统异常"},
        accepted({"success": False, "errorCode": "S0005", "errorMsg": "timeout"}),
        accepted('{"success": true, "msg'),
        accepted([]),
        told(["SF999"]),
        {"no": "code"},
        httpx.Response(200, text="<html>maintenance</html>"),
        httpx.Response(500),
        httpx.Response(429, headers={"retry-after": "0"}),
    ],
)
def test_what_passes_by_itself_is_asked_again(answer: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("connectors.sources.api.client.time.sleep", lambda _seconds: None)
    answers = iter([answer, told(["SF1"])])
    sf = Sf(lambda _question: next(answers))
    records, problems = read(sf, "SF1")
    assert len(records) == 1
    assert problems == []
    assert len({form["requestID"] for form in sf.forms}) == 2


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("A1001", "update Fourflow"),
        ("A1002", "set this machine's clock"),
        ("A1003", "white list"),
        ("A1004", "ask SF's open platform"),
        ("A1006", "check check_word"),
        ("A1008", "check partner_id"),
        ("A1009", "check check_word and base_url"),
        ("A1010", "check check_word"),
        ("A1011", "subscribe the service"),
        ("A1015", "check base_url"),
        ("A1234", "自定义原因"),
    ],
)
def test_what_a_person_must_mend_ends_the_reading_at_once(code: str, advice: str):
    sf = Sf(lambda _question: {"apiResultCode": code, "apiErrorMsg": "自定义原因"})
    with pytest.raises(PermanentError, match=advice) as caught:
        read(sf, *(f"SF{n}" for n in range(100)), workers=1)
    assert len(sf.forms) == 1
    assert code in str(caught.value)


def test_service_that_stays_down_is_given_up_soon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("connectors.sources.api.client.time.sleep", lambda _seconds: None)
    sf = Sf(lambda _question: httpx.Response(503))
    with pytest.raises(TransientError, match="503"):
        read(sf, *(f"SF{n}" for n in range(1_000)), workers=1, attempts=2)
    assert len(sf.forms) == 5 * 2


def test_check_says_that_credentials_are_good_even_if_the_waybill_is_not():
    connector = find_connector("sf_express")
    account = connector.config.model_validate({"partner_id": "P", "check_word": "W"})
    refused = accepted({"success": False, "errorCode": "8013", "errorMsg": "运单号错误"})
    transport = httpx.MockTransport(Sf(lambda _question: refused))
    verdict = connector.check(account, Reading("sf_express", "main", NOW, transport=transport))
    assert verdict == "SF Express answers for main: it knows the partner and the check word."


def test_nothing_is_missing_beside_the_code(settings: Settings):
    assert whatever_is_missing(settings, find_connector("sf_express")) == []
