"""What the JD connector makes of the platform's answers: spans, pages, digits and errors."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
import pytest
from pydantic import ValidationError

from connectors.errors import FourflowError, PermanentError, TransientError
from connectors.settings import Settings
from connectors.sources.api.reading import CHINA, Page, Reading, Window
from connectors.sources.jd import source as jd
from connectors.sources.jd.gateway import Gateway, JdAccount
from connectors.sources.jd.signing import sign
from tests.connector_contract import landed, read, whatever_is_missing

NOW = datetime(2026, 6, 30, 4, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(minutes=30), NOW)
SEARCH = "jingdong.pop.order.search"
APPLICATIONS = "jingdong.pop.afs.soa.refundapply.queryPageList"
SERVICES = "jingdong.asc.serviceAndRefund.view"
Answer = Callable[[dict[str, str]], httpx.Response]
Read = Callable[[Gateway, JdAccount], Iterable[Page]]


def account(**changes: Any) -> JdAccount:
    keys = {"app_key": "k", "app_secret": "s", "access_token": "t"}
    pace = {"attempts": 2, "requests_per_second": 10_000}
    return JdAccount.model_validate(keys | pace | changes)


def changed(gateway: Gateway, config: JdAccount) -> Iterable[Page]:
    return jd._pages(gateway, config, jd._orders(config, by_creation=False), WINDOW)


def read_pages(answer: Answer, read: Read = changed, **changes: Any) -> list[Page]:
    config = account(**changes)
    reading = Reading("jd", "shop", NOW, transport=httpx.MockTransport(lambda r: answer(form(r))))
    with reading.client(config) as client:
        return list(read(Gateway(config, client), config))


def form(request: httpx.Request) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(request.content.decode()).items()}


def asked(values: dict[str, str]) -> dict[str, Any]:
    parameters: dict[str, Any] = json.loads(values["360buy_param_json"])
    return parameters


def told(method: str, content: dict[str, Any]) -> httpx.Response:
    body = {f"{method.replace('.', '_')}_responce": {"code": "0", **content}}
    return httpx.Response(200, content=orjson.dumps(body))


def orders(rows: list[dict[str, Any]], total: int) -> httpx.Response:
    result = {"apiResult": {"success": True}, "orderTotal": total, "orderInfoList": rows}
    return told(SEARCH, {"searchorderinfo_result": result})


def error(code: str, chinese: str = "没有说明", english: str = "") -> Answer:
    body = {"error_response": {"code": code, "zh_desc": chinese, "en_desc": english}}
    return lambda _form: httpx.Response(200, content=orjson.dumps(body))


def test_it_comes_with_all_that_a_connector_needs(settings: Settings):
    assert whatever_is_missing(settings, jd.CONNECTOR) == []


def test_pages_are_read_from_the_last_to_the_first():
    rows = [{"orderId": str(n), "modified": f"2026-06-30 11:{n:02d}:00"} for n in range(7)]
    pages_asked: list[str] = []

    def answer(values: dict[str, str]) -> httpx.Response:
        parameters = asked(values)
        pages_asked.append(parameters["page"])
        page = int(parameters["page"])
        return orders(rows[(page - 1) * 3 : page * 3], len(rows))

    pages = read_pages(answer, page_size=3)
    assert pages_asked == ["1", "3", "2", "1"]
    assert [row["orderId"] for page in pages for row in page.records] == list("6345012")


def test_nothing_is_missed_while_orders_change_between_pages():
    rows = {str(n): 30 + n for n in range(9)}  # order -> minute of its last change
    touched = iter(["8", "0", "4", "2"])
    seen: set[str] = set()

    def answer(values: dict[str, str]) -> httpx.Response:
        parameters = asked(values)
        inside = sorted((n for n, minute in rows.items() if minute < 60), key=lambda n: rows[n])
        page, size = int(parameters["page"]), int(parameters["page_size"])
        shown = inside[(page - 1) * size : page * size]
        records = [{"orderId": n, "modified": f"2026-06-30 11:{rows[n]}:00"} for n in shown]
        moved = next(touched, None)
        if moved is not None:
            rows[moved] = 60
        return orders(records, len(inside))

    for page in read_pages(answer, page_size=2):
        seen.update(record["orderId"] for record in page.records)
    left = {number for number, minute in rows.items() if minute >= 60}
    assert left == {"8", "0", "4", "2"}
    assert set(rows) - left <= seen, "an order slipped past a page's edge"


def test_every_call_is_signed_anew_and_asks_for_every_state():
    seen: list[dict[str, str]] = []

    def answer(values: dict[str, str]) -> httpx.Response:
        seen.append(values)
        return httpx.Response(500) if len(seen) == 1 else orders([], 0)

    assert read_pages(answer) == []
    assert len(seen) == 2
    for values in seen:
        assert values["sign"] == sign(values, "s")
        local = datetime.strptime(values["timestamp"], "%Y-%m-%d %H:%M:%S.%f%z")
        assert abs(local - datetime.now(UTC)) < timedelta(minutes=1)
        assert values["timestamp"].endswith("+0800")
        parameters = asked(values)
        assert parameters["order_state"].count(",") == 7
        assert {"FINISHED_L", "TRADE_CANCELED"} < set(parameters["order_state"].split(","))
        assert {"orderId", "modified", "actualPay"} < set(parameters["optional_fields"].split(","))
        assert (parameters["dateType"], parameters["end_date"]) == (0, "2026-06-30 12:00:00")


def test_a_shop_may_read_encrypted_and_other_fields():
    asked_for: list[tuple[str, str]] = []

    def answer(values: dict[str, str]) -> httpx.Response:
        asked_for.append((values["method"], asked(values)["optional_fields"]))
        content = {"apiResult": {"success": True}, "orderTotal": 0, "orderInfoList": None}
        return told(values["method"], {"searchorderinfo_result": content})

    assert read_pages(answer, search="enSearch", further_fields="") == []
    ((method, fields),) = asked_for
    assert method == "jingdong.pop.order.enSearch"
    assert fields.endswith(",storeOrder")


class Platform:
    """A shop with one refund of each kind; remembers the spans that it was asked for."""

    def __init__(self) -> None:
        self.spans: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        values = form(request)
        method, parameters = values["method"], asked(values)
        (first, start), (_last, end) = [
            (name, value) for name, value in parameters.items() if "ime" in name or "_date" in name
        ]
        self.spans.setdefault((method, first), []).append((start, end))
        if method == SEARCH:
            return orders([], 0)
        if method == APPLICATIONS:
            rows = [{"id": 77, "orderId": "285300000000000001", "status": 3}]
            return told(method, {"queryResult": _listed(rows, "result", 1)})
        rows = [{"sameOrderServiceBill": {"serviceId": 21, "orderId": 2**62 + 1}, "status": 13}]
        return told(method, {"pageResult": _listed(rows, "data", 1)})


def _listed(rows: list[dict[str, Any]], name: str, count: int) -> dict[str, Any]:
    return {"success": True, "totalCount": count, name: rows[:count]}


def test_a_first_reading_asks_by_creation_and_by_application(settings: Settings):
    platform = Platform()
    config = account(start="2026-06-20")
    report = read(settings, jd.CONNECTOR, config, platform, now=NOW)
    assert report.problems == ()
    assert set(platform.spans) == {
        (SEARCH, "start_date"),
        (APPLICATIONS, "applyTimeStart"),
        (SERVICES, "applyTimeBegin"),
    }
    for (method, _), spans in platform.spans.items():
        assert spans[0][0] == "2026-06-20 00:00:00"
        assert spans[-1][1] == "2026-06-30 11:58:00", "two minutes behind the present"
        assert all(before[1] == after[0] for before, after in pairwise(spans))
        longest = timedelta(days=7 if method == SERVICES else 1)
        for start, end in spans:
            assert datetime.fromisoformat(end) - datetime.fromisoformat(start) <= longest
    records = landed(settings, jd.CONNECTOR, "service_refunds")
    assert f'"orderId":{2**62 + 1}' in records[0], "ids keep their digits"


def test_later_readings_ask_by_both_times_and_now_and_then_for_all_recent_refunds(
    settings: Settings,
):
    config = account(start="2026-06-29", recheck_hours=6, recheck_days=30)
    at = datetime(2026, 6, 30, 8, 30, tzinfo=CHINA)  # rechecks are due at 8:00, 14:00, ...
    read(settings, jd.CONNECTOR, config, Platform(), now=at)
    quiet = Platform()
    read(settings, jd.CONNECTOR, config, quiet, now=at + timedelta(hours=5))
    assert quiet.spans[APPLICATIONS, "checkTimeStart"] == [
        ("2026-06-30 08:18:00", "2026-06-30 13:28:00")
    ]
    assert (
        quiet.spans[APPLICATIONS, "applyTimeStart"] == (quiet.spans[APPLICATIONS, "checkTimeStart"])
    )
    assert quiet.spans[SERVICES, "approveTimeBegin"] == quiet.spans[SERVICES, "applyTimeBegin"]
    due = Platform()
    read(settings, jd.CONNECTOR, config, due, now=at + timedelta(hours=6))
    assert due.spans[APPLICATIONS, "checkTimeStart"] == [
        ("2026-06-30 13:18:00", "2026-06-30 14:28:00")
    ]
    assert due.spans[APPLICATIONS, "applyTimeStart"][0][0] == "2026-05-31 14:28:00"
    assert due.spans[SERVICES, "applyTimeBegin"][0][0] == "2026-05-31 14:28:00"
    assert due.spans[SERVICES, "applyTimeBegin"][-1][1] == "2026-06-30 14:28:00"


def test_a_span_with_more_pages_than_jd_serves_is_read_in_halves():
    spans: list[tuple[str, str]] = []

    def answer(values: dict[str, str]) -> httpx.Response:
        parameters = asked(values)
        start, end = parameters["start_date"], parameters["end_date"]
        spans.append((start, end))
        span = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        many = span > timedelta(minutes=10)
        row = {"orderId": start, "modified": "m"}
        return orders([row] * (2 if many else 1), 201 if many else 1)

    pages = read_pages(answer, page_size=2)
    assert [page.records[0]["orderId"] for page in pages] == [
        f"2026-06-30 11:{minute}" for minute in ("30:00", "37:30", "45:00", "52:30")
    ]
    assert spans[0] == ("2026-06-30 11:30:00", "2026-06-30 12:00:00")


def test_money_and_ids_keep_the_digits_that_were_sent():
    def answer(_form: dict[str, str]) -> httpx.Response:
        row = '{"orderId":285300000177497180,"modified":"m","refoundAmount":59.90}'
        content = f'{{"apiResult":{{"success":true}},"orderTotal":1,"orderInfoList":[{row}]}}'
        body = f'"code":"0","searchorderinfo_result":{content}'
        return httpx.Response(200, text=f'{{"jingdong_pop_order_search_responce":{{{body}}}}}')

    (page,) = read_pages(answer)
    sent = b'{"orderId":285300000177497180,"modified":"m","refoundAmount":59.90}'
    assert orjson.dumps(page.records[0]) == sent


def test_the_right_spelling_of_the_answer_is_understood_too():
    content = {"apiResult": {"success": "true"}, "orderTotal": 0}
    body = {"jingdong_pop_order_search_response": {"searchorderinfo_result": content}}
    assert read_pages(lambda _form: httpx.Response(200, content=orjson.dumps(body))) == []


def failed(**result: Any) -> Answer:
    content = {"apiResult": {"success": False, **result}}
    return lambda _form: told(SEARCH, {"searchorderinfo_result": content})


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (error("19", "无效access_token"), PermanentError, "set the new `access_token`"),
        (error("12", "无效签名", "Invalid Signature"), PermanentError, "check app_key and app_se"),
        (error("8", "非法的时间戳参数"), PermanentError, "set this machine's clock"),
        (error("18", "无效的app_key"), PermanentError, "check app_key: JD does not know it"),
        (error("20", "应用权限不足。"), PermanentError, "permission package"),
        (error("99", "别的\n原因"), PermanentError, "别的 原因"),
        (error("2", "限制时间内调用失败次数"), TransientError, "too many calls"),
        (error("67", "平台连接后端服务超时，请稍后重试"), TransientError, "请稍后重试"),
        (
            failed(numberCode="10100021", chineseErrCode="订单状态不正确"),
            PermanentError,
            "order_st",
        ),
        (failed(numberCode="1", chineseErrCode="系统繁忙"), TransientError, "系统繁忙"),
        (failed(), PermanentError, "with code unknown: no reason given"),
        (
            lambda _f: told(SEARCH, {"code": "103", "zh_desc": "无效的应用"}),
            PermanentError,
            "code 103: 无效的应用",
        ),
        (
            lambda _f: httpx.Response(200, content=b'{"code":"10500001","errorMessage":"no shop"}'),
            PermanentError,
            "code 10500001: no shop",
        ),
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
            lambda _f: httpx.Response(200, content=b'{"other_responce": {}}'),
            TransientError,
            "without `searchorderinfo_result`",
        ),
        (lambda _f: httpx.Response(200, content=b"[1]"), TransientError, "without `searchorder"),
        (
            lambda _f: told(
                SEARCH,
                {"searchorderinfo_result": {"apiResult": {"success": True}, "orderInfoList": {}}},
            ),
            TransientError,
            "no list of records",
        ),
        (
            lambda _f: orders([{"orderId": "1", "modified": "x"}], 5),
            TransientError,
            "with 1 records although there are 5",
        ),
    ],
)
def test_errors_say_what_to_do_in_one_sentence(
    answer: Answer, kind: type[FourflowError], sentence: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("connectors.sources.jd.gateway._PAUSE", timedelta())
    with pytest.raises(kind) as raised:
        read_pages(answer)
    text = str(raised.value)
    assert sentence in text
    assert text.startswith("jd (shop)")
    assert text.endswith(".")
    assert not text.endswith("..")
    assert "\n" not in text


def test_page_that_repeats_for_ever_ends_the_reading():
    rows = [{"orderId": n, "modified": "2026-06-30 11:00:00"} for n in range(2)]
    with pytest.raises(TransientError, match="the records of the page before it"):
        read_pages(lambda _form: orders(rows, 6), page_size=2)


def test_more_than_a_hundred_orders_a_page_are_no_configuration():
    with pytest.raises(ValidationError, match="page_size"):
        account(page_size=101)
