"""What the Pinduoduo connector makes of the platform's answers: spans, pages, digits and errors."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
import pytest
from pydantic import ValidationError

from connectors.errors import FourflowError, PermanentError, TransientError
from connectors.settings import Settings
from connectors.sources.api.reading import Page, Reading, Window
from connectors.sources.pdd import source as pdd
from connectors.sources.pdd.gateway import Gateway, PddAccount
from connectors.sources.pdd.signing import sign
from tests.connector_contract import whatever_is_missing

NOW = datetime(2026, 6, 30, 4, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(minutes=30), NOW)
INCREMENT = "pdd.order.number.list.increment.get"
Answer = Callable[[dict[str, str]], httpx.Response]
Read = Callable[[Gateway, PddAccount], Iterable[Page]]


def account(**changes: Any) -> PddAccount:
    keys = {"client_id": "c", "client_secret": "s", "access_token": "t"}
    pace = {"attempts": 2, "requests_per_second": 10_000}
    return PddAccount.model_validate(keys | pace | changes)


def increment(gateway: Gateway, config: PddAccount) -> Iterable[Page]:
    return pdd._orders(gateway, config, INCREMENT, WINDOW)


def read_pages(answer: Answer, read: Read = increment, **changes: Any) -> list[Page]:
    def handler(request: httpx.Request) -> httpx.Response:
        form = {key: values[0] for key, values in parse_qs(request.content.decode()).items()}
        return answer(form)

    config = account(**changes)
    reading = Reading("pdd", "shop", NOW, transport=httpx.MockTransport(handler))
    with reading.client(config) as client:
        return list(read(Gateway(config, client), config))


def orders(rows: list[dict[str, Any]], total: int) -> httpx.Response:
    content = {"order_sn_list": rows, "total_count": total}
    return httpx.Response(200, content=orjson.dumps({"order_sn_increment_get_response": content}))


def error(code: int, message: str = "m", sub_message: str = "") -> Answer:
    body = {"error_response": {"error_code": code, "error_msg": message, "sub_msg": sub_message}}
    return lambda _form: httpx.Response(200, content=orjson.dumps(body))


def test_it_comes_with_all_that_a_connector_needs(settings: Settings):
    assert whatever_is_missing(settings, pdd.CONNECTOR) == []


def test_pages_are_read_from_the_last_to_the_first():
    rows = [{"order_sn": n, "updated_at": f"2026-06-30 11:{n:02d}:00"} for n in range(7)]
    asked: list[int] = []

    def answer(form: dict[str, str]) -> httpx.Response:
        page = int(form["page"])
        asked.append(page)
        return orders(rows[(page - 1) * 3 : page * 3], len(rows))

    pages = read_pages(answer, page_size=3)
    assert asked == [1, 3, 2, 1]
    assert [row["order_sn"] for page in pages for row in page.records] == [6, 3, 4, 5, 0, 1, 2]


def test_every_call_is_signed_anew_and_filters_nothing():
    seen: list[dict[str, str]] = []

    def answer(form: dict[str, str]) -> httpx.Response:
        seen.append(form)
        return httpx.Response(500) if len(seen) == 1 else orders([], 0)

    assert read_pages(answer) == []
    assert len(seen) == 2
    for form in seen:
        assert form["sign"] == sign(form, "s")
        assert (form["order_status"], form["refund_status"], form["is_lucky_flag"]) == (
            "5",
        ) * 2 + ("0",)
        assert int(form["end_updated_at"]) == int(NOW.timestamp()) - 1
        assert abs(int(form["timestamp"]) - time.time()) < 60


def test_spans_of_half_an_hour_touch_and_never_overlap():
    spans: list[tuple[int, int]] = []

    def answer(form: dict[str, str]) -> httpx.Response:
        spans.append((int(form["start_updated_at"]), int(form["end_updated_at"])))
        content = {"refund_list": [], "total_count": 0}
        body = {"refund_increment_get_response": content}
        assert (form["after_sales_type"], form["after_sales_status"]) == ("1", "1")
        return httpx.Response(200, content=orjson.dumps(body))

    def read(gateway: Gateway, config: PddAccount) -> Iterable[Page]:
        window = Window(NOW - timedelta(minutes=75, milliseconds=300), NOW)
        for part in window.split(timedelta(minutes=30)):
            yield from pdd._refunds(gateway, config, part)

    assert read_pages(answer, read) == []
    assert len(spans) == 3
    assert all(after[0] == before[1] + 1 for before, after in pairwise(spans))
    assert all(end - start < 1_800 for start, end in spans)
    assert spans[-1][1] == int(NOW.timestamp()) - 1


def test_money_keeps_the_digits_that_were_sent():
    def answer(_form: dict[str, str]) -> httpx.Response:
        row = '{"order_sn":"1","updated_at":"u","pay_amount":1234567890123456.78,"postage":1.50}'
        content = f'{{"order_sn_list":[{row}],"total_count":1}}'
        return httpx.Response(200, text=f'{{"order_sn_increment_get_response":{content}}}')

    (page,) = read_pages(answer)
    assert b'"pay_amount":1234567890123456.78,"postage":1.50' in orjson.dumps(page.records[0])


def test_recorded_answers_are_read(reference: Path):
    folder = reference / "fixtures" / "pdd"

    def recorded(name: str) -> Answer:
        content = (folder / name).read_bytes()
        return lambda _form: httpx.Response(200, content=content)

    def deals(gateway: Gateway, config: PddAccount) -> Iterable[Page]:
        return pdd._orders(gateway, config, "pdd.order.list.get", WINDOW)

    def refunds(gateway: Gateway, config: PddAccount) -> Iterable[Page]:
        return pdd._refunds(gateway, config, WINDOW)

    (page,) = read_pages(recorded("order_list_get_doc_sample.json"), deals)
    assert b'"pay_amount":1.0,' in orjson.dumps(page.records[0])
    (page,) = read_pages(recorded("refund_list_increment_get_doc_sample.json"), refunds)
    assert [row["order_sn"] for row in page.records] == ["190228-355530178612389"]
    assert page.cursor is not None
    assert page.cursor(page.records[0]) == "1551612204"
    with pytest.raises(PermanentError, match="code 10001: 公共参数错误:type"):
        read_pages(recorded("error_response.json"))


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (error(20004), PermanentError, "check client_id and client_secret"),
        (error(10019), PermanentError, "authorise the shop again"),
        (error(20005), PermanentError, "list of allowed addresses"),
        (error(30000), PermanentError, "permission package"),
        (error(10001, "公共参数错误:timestamp"), PermanentError, "set this machine's clock"),
        (error(10000, "m", "时间跨度过长"), PermanentError, "时间跨度过长"),
        (error(70031), TransientError, "too many calls"),
        (error(52102, "m", "稍后重试"), TransientError, "稍后重试"),
        (
            lambda _f: httpx.Response(200, content=b"<html>mending</html>"),
            TransientError,
            "web page",
        ),
        (
            lambda _f: httpx.Response(200, content='{"order": "断'.encode()[:-1]),
            TransientError,
            "ends in the middle",
        ),
        (
            lambda _f: httpx.Response(200, content=b'{"other_response": {}}'),
            TransientError,
            "without `order_sn_increment_get_response`",
        ),
        (lambda _f: httpx.Response(200, content=b"[1]"), TransientError, "without `order_sn"),
        (
            lambda _f: orders([{"order_sn": "1", "updated_at": "x"}], 5),
            TransientError,
            "with 1 records although there are 5",
        ),
    ],
)
def test_errors_say_what_to_do_in_one_sentence(
    answer: Answer, kind: type[FourflowError], sentence: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("connectors.sources.pdd.gateway._PAUSE", timedelta())
    with pytest.raises(kind) as raised:
        read_pages(answer)
    text = str(raised.value)
    assert sentence in text
    assert text.startswith("pdd (shop)")
    assert text.endswith(".")
    assert "\n" not in text


def test_page_that_repeats_for_ever_ends_the_reading():
    rows = [{"order_sn": n, "updated_at": "2026-06-30 11:00:00"} for n in range(2)]
    with pytest.raises(TransientError, match="the records of the page before it"):
        read_pages(lambda _form: orders(rows, 6), page_size=2)


def test_reading_closer_than_three_minutes_is_no_configuration():
    with pytest.raises(ValidationError, match="behind_seconds"):
        account(behind_seconds=60)
