"""What the Taobao connector makes of TOP's answers: pages, and errors that say what to do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
import pytest

from connectors.errors import FourflowError, PermanentError, TransientError
from connectors.sources.api.reading import Reading, Window
from connectors.sources.taobao import source as taobao
from connectors.sources.taobao.gateway import TaobaoAccount, Top
from connectors.sources.taobao.signing import sign

NOW = datetime(2026, 6, 30, 4, 0, tzinfo=UTC)
METHOD = "taobao.trades.sold.increment.get"
Answer = Callable[[dict[str, str]], httpx.Response]


def read_pages(answer: Answer, **config: Any) -> list[Any]:
    def handler(request: httpx.Request) -> httpx.Response:
        form = {key: values[0] for key, values in parse_qs(request.content.decode()).items()}
        return answer(form)

    account = TaobaoAccount(
        app_key="k", app_secret="s", session="t", attempts=2, requests_per_second=10_000, **config
    )
    reading = Reading("taobao", "shop", NOW, transport=httpx.MockTransport(handler))
    span = taobao._span(Window(NOW - timedelta(hours=1), NOW), "start_modified", "end_modified")
    with reading.client(account) as client:
        top = Top(account, client)
        return list(taobao._pages(top, account, METHOD, "trades", span))


def trades(rows: list[dict[str, Any]], total: int) -> httpx.Response:
    content: dict[str, Any] = {"total_results": total, "request_id": "r"}
    if rows:
        content["trades"] = {"trade": rows}
    return httpx.Response(
        200, content=orjson.dumps({"trades_sold_increment_get_response": content})
    )


def error(code: int, sub_code: str = "", sub_msg: str = "") -> Answer:
    body = {"error_response": {"code": code, "msg": "m", "sub_code": sub_code, "sub_msg": sub_msg}}
    return lambda _form: httpx.Response(200, content=orjson.dumps(body))


def test_pages_are_read_from_the_last_to_the_first():
    rows = [{"tid": n, "modified": f"2026-06-30 11:{n:02d}:00"} for n in range(7)]
    asked: list[int] = []

    def answer(form: dict[str, str]) -> httpx.Response:
        page = int(form["page_no"])
        asked.append(page)
        return trades(rows[(page - 1) * 3 : page * 3], len(rows))

    pages = read_pages(answer, page_size=3)
    assert asked == [1, 3, 2, 1]
    assert [row["tid"] for page in pages for row in page.records] == [6, 3, 4, 5, 0, 1, 2]


def test_first_page_that_comes_again_as_the_last_is_not_taken_for_it():
    rows = [{"tid": n, "modified": f"2026-06-30 11:{n:02d}:00"} for n in range(7)]
    asked: list[int] = []

    def answer(form: dict[str, str]) -> httpx.Response:
        asked.append(int(form["page_no"]))
        page = 1 if len(asked) == 2 else asked[-1]  # the first page is told twice
        return trades(rows[(page - 1) * 3 : page * 3], len(rows))

    pages = read_pages(answer, page_size=3)
    assert asked == [1, 3, 3, 2, 1]
    assert [row["tid"] for page in pages for row in page.records] == [6, 3, 4, 5, 0, 1, 2]


def test_window_without_orders_has_no_page():
    assert read_pages(lambda _form: trades([], 0)) == []


def test_every_call_is_signed_anew_and_asks_for_every_type():
    seen: list[dict[str, str]] = []

    def answer(form: dict[str, str]) -> httpx.Response:
        seen.append(form)
        return httpx.Response(500) if len(seen) == 1 else trades([], 0)

    read_pages(answer)
    assert len(seen) == 2
    for form in seen:
        assert form["sign"] == sign(form, "s", "hmac-sha256")
        assert {"step", "cod", "guarantee_trade"} <= set(form["type"].split(","))
        assert form["end_modified"] == "2026-06-30 11:59:59"


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (error(25, "isv.invalid-signature"), PermanentError, "check app_key and app_secret"),
        (error(27, "isv.invalid-sessionkey"), PermanentError, "authorise the shop again"),
        (error(11, "isv.permission-api-package-limit"), PermanentError, "permission package"),
        (error(24, "isv.invalid-timestamp"), PermanentError, "set this machine's clock"),
        (
            error(7, "accesscontrol.limited-by-app-access-count"),
            PermanentError,
            "used up; wait for midnight",
        ),
        (
            error(
                7,
                "accesscontrol.limited-by-api-access-count",
                "This ban will last for 0 more seconds",
            ),
            TransientError,
            "too many calls",
        ),
        (error(15, "isp.trade-service-unavailable", "busy"), TransientError, "busy"),
        (error(40, "isv.missing-parameter:fields", "fields"), PermanentError, "fields"),
        (
            lambda _f: httpx.Response(200, content=b"<html>mending</html>"),
            TransientError,
            "web page",
        ),
        (
            lambda _f: httpx.Response(200, content=b'{"trades_sold_incr'),
            TransientError,
            "ends in the middle",
        ),
        (lambda _f: httpx.Response(403, content=b"no"), PermanentError, "check the address"),
        (lambda _f: httpx.Response(200, content=b"[1]"), TransientError, "not an object"),
        (
            lambda _f: trades([{"tid": 1, "modified": "x"}], 5),
            TransientError,
            "with 1 records although there are 5",
        ),
    ],
)
def test_errors_say_what_to_do_in_one_sentence(
    answer: Answer, kind: type[FourflowError], sentence: str
):
    with pytest.raises(kind) as raised:
        read_pages(answer)
    text = str(raised.value)
    assert sentence in text
    assert text.startswith("taobao (shop)")
    assert text.endswith(".")
    assert "\n" not in text


def test_page_that_repeats_for_ever_ends_the_reading():
    rows = [{"tid": n, "modified": "2026-06-30 11:00:00"} for n in range(2)]
    with pytest.raises(TransientError, match="the records of the page before it"):
        read_pages(lambda _form: trades(rows, 6), page_size=2)


def test_ban_is_waited_for_and_the_call_repeated():
    calls = 0

    def answer(form: dict[str, str]) -> httpx.Response:
        nonlocal calls
        calls += 1
        if calls == 1:
            return error(7, "accesscontrol.limited-by-api-access-count")(form)
        return trades([{"tid": 1, "modified": "x"}], 1)

    assert [page.records for page in read_pages(answer)] == [[{"tid": 1, "modified": "x"}]]
    assert calls == 2
