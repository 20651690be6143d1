"""What the Kuaidi100 connector asks, and what it makes of the answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from dlt.extract.exceptions import ResourceExtractionError

from connectors.errors import InputError, PermanentError
from connectors.settings import Settings
from connectors.sources.api.connector import find_connector
from connectors.sources.api.reading import Reading, TrackingNumber
from connectors.sources.kuaidi100.signing import sign
from tests.connector_contract import whatever_is_missing

NOW = datetime(2026, 6, 30, tzinfo=UTC)
Answer = Callable[[dict[str, Any]], dict[str, Any] | httpx.Response]


def track(number: str, **others: Any) -> dict[str, Any]:
    scan = {"time": "2026-06-29 10:00:00", "context": "已揽收", "statusCode": "103"}
    good = {"message": "ok", "nu": number, "com": "yuantong", "status": "200", "state": "103"}
    return {**good, "data": [scan], **others}


def refusal(code: str, message: str = "原因") -> dict[str, Any]:
    return {"result": False, "returnCode": code, "message": message}


class Kuaidi100:
    """A service that answers as the test says and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.params: list[dict[str, Any]] = []
        self.forms: list[dict[str, str]] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        param = json.loads(form["param"])
        self.forms.append(form)
        self.params.append(param)
        answer = self._answer(param)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def read(
    service: Kuaidi100, *parcels: TrackingNumber, **config: Any
) -> tuple[list[dict[str, Any]], list[str]]:
    """The records that one reading lands, and its problems."""
    connector = find_connector("kuaidi100")
    account = connector.config.model_validate(
        {"customer": "C", "key": "K", "requests_per_second": 10_000, "workers": 1, **config}
    )
    problems: list[str] = []
    reading = Reading(
        "kuaidi100",
        "main",
        NOW,
        on_problem=lambda _entity, problem: problems.append(problem),
        tracking_numbers=lambda: parcels,
        transport=httpx.MockTransport(service),
    )
    try:
        tables = list(connector.source(account, reading).resources["tracks"])
    except ResourceExtractionError as error:
        raise error.__cause__ or error from None
    return [json.loads(row["payload"]) for t in tables for row in t.to_pylist()], problems


def yto(*numbers: str) -> list[TrackingNumber]:
    return [TrackingNumber(number, "yuantong") for number in numbers]


def test_each_parcel_is_one_signed_query():
    service = Kuaidi100(lambda param: track(param["num"]))
    records, problems = read(service, *yto("YT1", "YT2", "YT3"))
    assert [record["nu"] for record in records] == ["YT1", "YT2", "YT3"]
    assert problems == []
    for form in service.forms:
        assert form["sign"] == sign(form["param"], "K", "C")
        assert form["customer"] == "C"
    assert service.params[0] == {
        "com": "yuantong", "num": "YT1", "phone": "", "from": "", "to": "", "resultv2": "4",
        "show": "0", "order": "desc",
    }  # fmt: skip


def test_several_workers_ask_every_parcel_once():
    service = Kuaidi100(lambda param: track(param["num"]))
    numbers = [f"YT{n}" for n in range(200)]
    records, _ = read(service, *yto(*numbers), workers=8)
    assert sorted(record["nu"] for record in records) == sorted(numbers)
    assert sorted(param["num"] for param in service.params) == sorted(numbers)


def test_good_answer_may_say_that_its_result_is_false():
    service = Kuaidi100(lambda param: track(param["num"], result=False))
    records, problems = read(service, *yto("YT1"))
    assert len(records) == 1
    assert problems == []


def test_nothing_known_yet_is_an_answer_and_no_problem():
    records, problems = read(Kuaidi100(lambda _p: refusal("500", "查询无结果")), *yto("YT1"))
    assert [(r["nu"], r["com"], r["returnCode"]) for r in records] == [("YT1", "yuantong", "500")]
    assert problems == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refusal("400"), "does not fit the carrier"),
        (refusal("408"), "set phone_tail"),
        (refusal("502", "该单号半小时内重复查询，已被锁定"), "locked a number"),
        (refusal("777", "没见过"), "没见过"),
    ],
)
def test_refused_parcel_is_a_problem_of_its_own(answer: dict[str, Any], told: str):
    service = Kuaidi100(lambda p: answer if p["num"] == "YT2" else track(p["num"]))
    records, problems = read(service, *yto("YT1", "YT2", "YT3"))
    assert [record["nu"] for record in records] == ["YT1", "YT2", "YT3"], "it counts as asked"
    assert len(problems) == 1
    assert told in problems[0]
    assert "YT2" in problems[0]
    assert len(service.forms) == 3, "a refused number is not asked again at once"


@pytest.mark.parametrize(
    ("code", "advice"),
    [("503", "check customer and key"), ("504", "the trial is over"), ("601", "top up")],
)
def test_refusal_of_everything_ends_the_reading_at_once(code: str, advice: str):
    service = Kuaidi100(lambda _param: refusal(code))
    with pytest.raises(PermanentError, match=advice):
        read(service, *yto(*(f"YT{n}" for n in range(50))))
    assert len(service.forms) == 1


def test_what_was_paid_for_lands_when_the_balance_ends():
    left = iter([True] * 3)
    service = Kuaidi100(lambda p: track(p["num"]) if next(left, False) else refusal("601"))
    records, problems = read(service, *yto(*(f"YT{n}" for n in range(50))))
    assert [record["nu"] for record in records] == ["YT0", "YT1", "YT2"]
    assert "top up the balance" in problems[0]
    assert problems[1] == "The parcels after that were not asked about this time."
    assert len(service.forms) == 4


@pytest.mark.parametrize(
    "answer",
    [
        refusal("501"),
        refusal("502", "服务器繁忙"),
        track("YT999"),
        {"message": "neither"},
        [],
        httpx.Response(200, content=b'{"message": "ok", "nu": "YT1", "st'),
        httpx.Response(502),
    ],
)
def test_what_passes_by_itself_is_asked_again(answer: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("connectors.sources.api.client.time.sleep", lambda _seconds: None)
    answers = iter([answer, track("YT1")])
    records, problems = read(Kuaidi100(lambda _param: next(answers)), *yto("YT1"))
    assert [record["nu"] for record in records] == ["YT1"]
    assert problems == []


def test_carriers_that_want_a_phone_number_are_not_asked_without():
    service = Kuaidi100(lambda param: track(param["num"]))
    sf = TrackingNumber("SF1", "shunfeng")
    zto = TrackingNumber("ZTO1", "zhongtong", "4088")
    records, problems = read(service, sf, zto, *yto("YT1"))
    assert [(p["num"], p["phone"]) for p in service.params] == [("ZTO1", "4088"), ("YT1", "")]
    assert len(records) == 2
    assert len(problems) == 1
    assert "set phone_tail" in problems[0]


def test_unknown_carrier_in_the_configuration_is_named(settings: Settings):
    connector = find_connector("kuaidi100")
    account = connector.config.model_validate({"customer": "C", "key": "K", "carriers": ["ytoo"]})
    assert connector.parcels is not None
    with pytest.raises(InputError, match="yto"):
        list(connector.parcels(settings, account, Reading("kuaidi100", "main", NOW)))


def test_check_needs_no_parcel_that_exists():
    connector = find_connector("kuaidi100")
    account = connector.config.model_validate({"customer": "C", "key": "K"})
    transport = httpx.MockTransport(Kuaidi100(lambda _param: refusal("500")))
    verdict = connector.check(account, Reading("kuaidi100", "main", NOW, transport=transport))
    assert verdict == "Kuaidi100 answers for main: it knows the customer and the key."


def test_nothing_is_missing_beside_the_code(settings: Settings):
    assert whatever_is_missing(settings, find_connector("kuaidi100")) == []
