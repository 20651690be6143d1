"""Tracking links: signed, expiring, rate limited, and without a word about the customer."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from connectors.errors import ContractError, InputError
from orchestration.tracking.links import ExpiredLinkError, ForgedLinkError, TrackingLinks
from orchestration.tracking.pages import VISITS_A_MINUTE, TrackingPages, page_routes
from orchestration.tracking.parcels import parcels_of

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
LINKS = TrackingLinks("a key", "https://shop.example/")
TABLES = """
create table carriers as select 'sf' as carrier, 'SF Express' as label_en, '顺丰速运' as label_zh;
create table fct_parcel_performance as
select 'shop:1' as order_key, 'SF10000001234' as parcel_no, 'b' as business, 'sf' as carrier,
    'out_for_delivery' as shipment_status, timestamptz '2026-11-18 02:00:00+00' as shipped_at,
    timestamptz '2026-11-21 10:00:00+00' as promised_at, null::timestamptz as delivered_at
union all select 'shop:2', 'SF20000009999', 'b', 'sf', 'delivered',
    timestamptz '2026-11-01 02:00:00+00',
    null, timestamptz '2026-11-03 02:00:00+00';
create table fct_shipment_scans as
select 'b' as business, 'sf10000001234' as tracking_no, * from (values
    ('created', '上海市', '张三已揽件', timestamptz '2026-11-18 02:00:00+00'),
    ('in_transit', '上海市,上海市', '电话13800138000', timestamptz '2026-11-18 05:00:00+00'),
    ('in_transit', '上海市', '离开', timestamptz '2026-11-18 06:00:00+00'),
    ('unknown', '湖北省,武汉市', '?', timestamptz '2026-11-19 01:00:00+00'),
    ('out_for_delivery', '武汉市中山路123号2栋', '李四派送 13900139000',
        timestamptz '2026-11-20 01:00:00+00')
) as scans (shipment_status, place, description, happened_at);
"""


@pytest.fixture
def rows():
    connection = duckdb.connect()
    connection.execute(TABLES)

    def ask(sql, params):
        result = connection.cursor().execute(sql, params)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    return ask


class Clock:
    def __init__(self):
        self.now, self.seconds = NOW, 0.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(rows, clock):
    pages = TrackingPages(
        LINKS,
        lambda: (NOW, rows),
        ZoneInfo("Asia/Shanghai"),
        now=lambda: clock.now,
        clock=lambda: clock.seconds,
    )
    return TestClient(Starlette(routes=list(page_routes(pages))))


def path(order_key="shop:1", **changes):
    return LINKS.issue(order_key, now=NOW, **changes).url.removeprefix("https://shop.example")


def test_the_parcel_is_told_without_anybodys_data(client):
    answer = client.get(path(), headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert answer.status_code == 200
    for shown in (
        "派送中",
        "顺丰速运",
        "尾号 1234",
        "上海市",
        "2026-11-20 09:00",
        "2026-11-21 18:00",
    ):
        assert shown in answer.text
    for hidden in ("张三", "李四", "13800138000", "13900139000", "中山路", "SF1000000", "9999"):
        assert hidden not in answer.text
    assert answer.text.count("<li>") == 3, "two scans at one place with one state are one step"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "Out for delivery" in client.get(path() + "?lang=en").text


def test_an_order_without_parcels_says_so(client):
    assert "Nothing has been sent yet" in client.get(path("shop:3")).text


def test_forged_links_are_refused(client):
    good = path()
    token = good.rpartition("/")[2]
    other = TrackingLinks("another key", "").issue("shop:1", now=NOW).url
    for bad in (good[:-1] + ("A" if good[-1] != "A" else "B"), "/track/x", other, good + "x" * 600):
        answer = client.get(bad)
        assert answer.status_code == 403, bad
        assert "Parcel" not in answer.text
    body, _, signature = token.rpartition(".")
    swapped = path("shop:2").rpartition("/")[2].rpartition(".")[0]
    assert client.get(f"/track/{swapped}.{signature}").status_code == 403
    assert body != swapped


def test_a_link_ends(client, clock):
    link = path(valid_for=timedelta(days=2))
    clock.now = NOW + timedelta(days=2, seconds=-1)
    assert client.get(link).status_code == 200
    clock.now = NOW + timedelta(days=2)
    assert client.get(link).status_code == 410
    with pytest.raises(ExpiredLinkError):
        LINKS.read(link.rpartition("/")[2], now=clock.now)
    with pytest.raises(ForgedLinkError):
        LINKS.read("", now=NOW)


def test_who_asks_too_often_waits(client, clock):
    headers = {"x-forwarded-for": "203.0.113.7"}
    codes = [
        client.get("/track/guess", headers=headers).status_code for _ in range(VISITS_A_MINUTE)
    ]
    assert set(codes) == {403}
    refused = client.get(path(), headers=headers)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    clock.seconds += 60
    assert client.get(path(), headers=headers).status_code == 200


def test_nothing_published_is_not_an_error_page(clock):
    def newest():
        raise ContractError("Nothing was published yet.")

    pages = TrackingPages(LINKS, newest, ZoneInfo("UTC"), now=lambda: clock.now)
    client = TestClient(Starlette(routes=list(page_routes(pages))), raise_server_exceptions=False)
    assert client.get(path()).status_code == 503


def test_a_link_needs_an_order_and_some_time():
    with pytest.raises(InputError):
        LINKS.issue(" ", now=NOW)
    with pytest.raises(InputError):
        LINKS.issue("shop:1", now=NOW, valid_for=timedelta(0))


def test_the_other_orders_parcels_are_not_told(rows):
    assert [parcel.ending for parcel in parcels_of(rows, "shop:2")] == ["9999"]
