"""The HTTP interface on a small published home: every path, every refusal, no foreign rows."""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import insert
from starlette.testclient import TestClient

from connectors.database.engine import open_database, write_transaction
from connectors.database.schema import approval_verdicts, approvals, decisions, outbox
from connectors.lake.attach import connect_writer
from connectors.lake.reader import open_published
from connectors.settings import Settings, load_settings
from orchestration.access.log import list_access
from orchestration.api.access import API_SCOPES, Access
from orchestration.api.keys import KeyRequest, create_key, revoke_key
from orchestration.api.service import make_api
from orchestration.metrics.layer import MetricLayer, MetricQuery
from tests.unit.app_streamlit.published_fixture import publish, write_lake

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
EAST = "江苏省"
POLICY = f"""
roles:
  manager: {{pages: ["*"], actions: ["*"]}}
  viewer: {{pages: ["*"]}}
  live: {{pages: [orders], actions: [approve], rows: {{channels: [douyin_live]}}}}
  east:
    pages: [orders]
    actions: [approve]
    rows: {{businesses: [fourflow_demo], regions: [{EAST}]}}
    hidden: [gross_amount, "*margin*", "fct_orders.customer_key"]
  warehouse: {{pages: [stock], rows: {{sites: [wh_east]}}}}
people:
  - {{email: li@example.cn, name: Li, role: east, rows: {{channels: [douyin_live]}}}}
"""
CHANNEL_OF_SOURCE = {"taobao": "tmall_flagship", "douyin": "douyin_live", "sandbox": "store_pos"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings(home=tmp_path_factory.mktemp("api"), config="none")
    write_lake(settings)
    with connect_writer(settings, purpose="test") as connection:
        connection.execute(
            "create or replace table lake.marts.fct_orders as "
            f"select *, case when unit_count % 2 = 0 then '{EAST}' else '浙江省' end as province "
            "from lake.marts.fct_orders"
        )
    publish(settings, "run-1", NOW - timedelta(days=1))
    publish(settings, "run-2", NOW)
    (Path(settings.root) / "approvals.yml").write_text(
        "kinds: [approval]\ncurrency: CNY\ntiers:\n  - {tier: manager, role: manager, hours: 24}\n"
        "four_eyes_above: 20000\npeople: {manager: [Wang, Li]}\n",
        encoding="utf-8",
    )
    (Path(settings.root) / "access.yml").write_text(POLICY, encoding="utf-8")
    return settings


@pytest.fixture(scope="module")
def app(home: Settings) -> FastAPI:
    return make_api(home, now=lambda: NOW)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    return TestClient(app)


@pytest.fixture(scope="module")
def key(home: Settings) -> Callable[..., dict[str, str]]:
    """Headers with a new key; all scopes and rows, many requests, unless said otherwise."""
    engine = open_database(home)

    def make(**access: Any) -> dict[str, str]:
        wanted = {"scopes": API_SCOPES, "person": "Wang", "requests_per_minute": 100_000, **access}
        made = create_key(engine, KeyRequest("test", Access("", **wanted), "test"), now=NOW)
        return {"authorization": f"Bearer {made.key}"}

    return make


_numbers = itertools.count(1)


@pytest.fixture
def ask_for_approval(home: Settings) -> Callable[..., str]:
    """A new decision that waits for a verdict; its id."""
    engine = open_database(home)

    def make(
        needed: int = 1, options: Sequence[str] = (), is_asked: bool = True, **subject: Any
    ) -> str:
        decision_id = f"{next(_numbers):064x}"
        with write_transaction(engine) as connection:
            connection.execute(insert(decisions).values(
                decision_id=decision_id, rule_id="big_order", rule_version=1, kind="approval",
                subject=json.dumps(subject), occurrence="once", occurred_at=NOW,
                publication_id="20261120T090000Z-0000", snapshot_id=1,
                explanation={"margin_amount": "7.00", "limit": "100"},
                message={"en": "Margin is 7.00"}, amount=Decimal("12000.50"), currency_code="CNY",
                state="awaiting_approval", created_at=NOW, updated_at=NOW,
                options=[{
                    "name": one, "label": {"en": one}, "cost": "12.00", "currency_code": "CNY",
                    "actions": [{"type": one, "to": None, "sinks": ["jsonl"],
                                 "message": {"en": one}, "fields": {}}],
                } for one in options],
            ))  # fmt: skip
            if not is_asked:
                return decision_id
            connection.execute(insert(approvals).values(
                decision_id=decision_id, tier="manager", role="manager", needed=needed,
                recommended="approve", state="awaiting", requested_at=NOW,
                due_at=NOW + timedelta(hours=12), escalations=0,
            ))  # fmt: skip
        return decision_id

    return make


def problem_of(response: Any, status: int) -> str:
    """The sentence of a refusal, which must be of that status and shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert told["status"] == status
    assert set(told) == {"type", "title", "status", "detail"}
    assert told["detail"].endswith((".", "?"))
    return str(told["detail"])


def pages(client: TestClient, path: str, headers: dict[str, str], limit: int) -> Iterator[Any]:
    """Rows of all pages of a list."""
    joined = "&" if "?" in path else "?"
    page = client.get(f"{path}{joined}limit={limit}", headers=headers).json()
    yield from page["rows"]
    while page["next_cursor"]:
        following = f"{path}{joined}limit={limit}&cursor={page['next_cursor']}"
        page = client.get(following, headers=headers).json()
        yield from page["rows"]


def oracle(home: Settings, sql: str) -> list[dict[str, Any]]:
    with open_published(home) as lake:
        return lake.rows(sql)


def test_orders_are_paged_newest_first_without_gap_or_repetition(client, key, home):
    found = list(pages(client, "/orders?channel=douyin_live", key(), 37))
    expected = oracle(
        home,
        "select order_key, gross_amount from fct_orders where channel = 'douyin_live' "
        "order by created_at desc, order_key desc",
    )
    assert [(row["order_key"], row["gross_amount"]) for row in found] == [
        (row["order_key"], str(row["gross_amount"])) for row in expected
    ]


def test_order_filters(client, key, home):
    path = "/orders?created_from=2026-11-01&created_to=2026-11-03&business=fourflow_demo"
    (expected,) = oracle(
        home,
        "select count(*) as number from fct_orders where business = 'fourflow_demo' "
        "and created_on between date '2026-11-01' and date '2026-11-03'",
    )
    assert len(list(pages(client, path, key(), 500))) == expected["number"] > 0


def test_order_has_its_timeline(client, key, home):
    (paid, *_) = oracle(
        home, "select order_key from fct_order_events where event = 'paid' order by 1 limit 1"
    )
    life = client.get(f"/orders/{paid['order_key']}", headers=key()).json()
    assert life["order"]["order_key"] == paid["order_key"]
    assert [event["event"] for event in life["timeline"]] == ["created", "paid"]
    assert life["timeline"][1]["seconds_to_known"] == 3600
    assert "no order" in problem_of(client.get("/orders/x:1", headers=key()), 404)


def test_stock(client, key, home):
    path = "/stock?business=fourflow_demo&sku=SKU-0008"
    rows = list(pages(client, path, key(), 1))
    assert [(row["site"], row["available_to_sell"]) for row in rows] == [
        ("store_pos", 3),
        ("wh_east", 75),
    ]
    assert rows[1]["stock_value"] == "9000.00"
    shown = client.get(path, headers=key(hidden_columns=("stock_v*",))).json()["rows"]
    assert all("stock_value" not in row for row in shown)
    assert shown[0]["on_hand"] == 3


def test_audience_holds_keys_and_nothing_personal(client, key, home):
    found = list(pages(client, "/audiences/champions", key(), 50))
    expected = oracle(
        home, "select customer_key from dim_customers where rfm_segment = 'champions' order by 1"
    )
    assert [row["customer_key"] for row in found] == [row["customer_key"] for row in expected]
    assert {name for row in found for name in row} == {"customer_key", "business", "channel"}
    assert "champions" in problem_of(client.get("/audiences/vip", headers=key()), 404)


def test_metric_is_the_figure_of_pages_and_command_line(client, key, home):
    query = MetricQuery(
        ("net_sales",),
        ("channel", "month"),
        ("day >= '2026-10-01' and business = 'fourflow_demo'",),
    )
    with open_published(home) as lake:
        expected = MetricLayer(home, may_parse=False).rows(query, lake)
    answer = client.get(
        "/metrics/net_sales",
        params={
            "by": ["channel", "month"],
            "where": ["day >= '2026-10-01'", "business = 'fourflow_demo'"],
        },
        headers=key(),
    ).json()
    assert answer["rows"] == json.loads(json.dumps(expected, default=str))
    assert answer["groups"] == ["channel", "month", "currency_code"]
    few = client.get("/metrics/net_sales?by=day&limit=3", headers=key()).json()
    assert (len(few["rows"]), few["has_more"]) == (3, True)


def test_metrics_are_listed_and_described(client, key):
    listed = client.get("/metrics", headers=key()).json()["metrics"]
    names = {one["name"] for one in listed}
    assert {"order_count", "net_sales"} <= names
    described = client.get("/metrics/order_count/dimensions", headers=key()).json()
    assert {"channel", "business"} <= {name.rsplit("__", 1)[-1] for name in described["dimensions"]}
    kept = client.get("/metrics", headers=key(hidden_columns=("net_sales",))).json()["metrics"]
    hidden = names - {one["name"] for one in kept}
    assert "net_sales" in hidden
    assert "net_sales_per_buyer" in hidden, "what is computed from a hidden metric is hidden too"


def test_publications_and_as_of(client, key):
    headers = key()
    newest, before = client.get("/publications", headers=headers).json()["publications"]
    assert newest["published_at"] > before["published_at"]
    old = client.get(f"/orders?limit=1&as_of={before['publication_id']}", headers=headers).json()
    assert old["publication_id"] == before["publication_id"]
    by_time = client.get("/orders?limit=1&as_of=2026-11-20", headers=headers).json()
    assert by_time["publication_id"] == before["publication_id"]
    (only,) = client.get("/publications?as_of=2026-11-20", headers=headers).json()["publications"]
    assert only == before
    too_early = client.get("/orders?as_of=2020-01-01", headers=headers)
    assert "Nothing was published" in problem_of(too_early, 404)
    assert "ISO time" in problem_of(client.get("/orders?as_of=yesterday", headers=headers), 422)


def test_pages_stay_in_the_publication_where_they_began(client, key):
    headers = key()
    before = client.get("/publications", headers=headers).json()["publications"][1]
    first = client.get(f"/orders?limit=1&as_of={before['publication_id']}", headers=headers).json()
    second = client.get(f"/orders?limit=1&cursor={first['next_cursor']}", headers=headers).json()
    assert second["publication_id"] == before["publication_id"]


def test_health_needs_no_key_and_tells_nothing_else(client):
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


PATHS = {
    "/metrics": "metrics:read",
    "/metrics/order_count": "metrics:read",
    "/metrics/order_count/dimensions": "metrics:read",
    "/orders": "orders:read",
    "/orders/taobao:T1": "orders:read",
    "/stock": "stock:read",
    "/decisions": "decisions:read",
    "/decisions/1": "decisions:read",
    "/audiences/champions": "audiences:read",
    "/publications": "publications:read",
}


@pytest.mark.parametrize("path", PATHS)
def test_no_key_no_data_and_no_scope_no_data(client, key, path):
    assert "key is needed" in problem_of(client.get(path), 401)
    others = tuple(scope for scope in API_SCOPES if scope != PATHS[path])
    refused = client.get(path, headers=key(scopes=others))
    assert f"lacks the scope {PATHS[path]}" in problem_of(refused, 403)


def test_bad_ended_and_revoked_keys_are_refused_and_guessing_is_slowed(home, key):
    client = TestClient(make_api(home, now=lambda: NOW, clock=lambda: 0.0))
    engine = open_database(home)
    access = Access("", ("stock:read",))
    ended = create_key(
        engine, KeyRequest("t", access, "t", timedelta(days=1)), now=NOW - timedelta(days=1)
    )
    revoked = create_key(engine, KeyRequest("t", access, "t"), now=NOW)
    revoke_key(engine, revoked.key_id, now=NOW)
    for bad in (ended.key, revoked.key, "ffk_1_2", "x", f"{ended.key}x"):
        refused = client.get("/stock", headers={"authorization": f"Bearer {bad}"})
        assert refused.headers["www-authenticate"] == "Bearer"
        problem_of(refused, 401)
    for _ in range(25):
        client.get("/stock", headers={"authorization": "Bearer guess"})
    assert "bad keys" in problem_of(client.get("/stock", headers=key()), 429)


def test_each_key_has_its_own_rate(home, key):
    seconds = [0.0]
    client = TestClient(make_api(home, now=lambda: NOW, clock=lambda: seconds[0]))
    slow, other = key(requests_per_minute=2), key(requests_per_minute=2)
    assert [client.get("/stock", headers=slow).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get("/stock", headers=slow)
    assert refused.headers["retry-after"] == "30"
    assert "2 requests a minute" in problem_of(refused, 429)
    assert client.get("/stock", headers=other).status_code == 200
    seconds[0] = 30.0
    assert [client.get("/stock", headers=slow).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/orders?limit=0", "limit can't be used"),
        ("/orders?created_from=soon", "created_from can't be used"),
        ("/orders?cursor=abc", "cursor is not one of ours"),
        ("/orders?cursor=WyJ4IiwgIm5vbmUiXQ", "neither the id"),
        ("/metrics/order_count?grain=eon", "grain can't be used"),
        ("/metrics/order_count?by=weather", "cannot be grouped or filtered by weather"),
        ("/metrics/order_count?where=1 = (select 1)", "subqueries"),
        ("/metrics/order_count?where=channel = 'x') or (1=1", "not usable"),
        ("/metrics/order_count?where=contains(channel, '{{ 1 }}')", "braces"),
        ("/orders?order_no=%00", "NUL"),
    ],
)
def test_what_cannot_be_used_is_said(client, key, path, says):
    assert says in problem_of(client.get(path, headers=key()), 422)


def test_unknown_paths_and_methods_are_problems_too(client, key):
    problem_of(client.get("/nothing"), 404)
    problem_of(client.delete("/orders"), 405)
    assert "no metric" in problem_of(client.get("/metrics/weather", headers=key()), 404)
    newer = client.get("/metrics/parcel_count", headers=key())
    assert "older than the metric" in problem_of(newer, 404)


def test_etag_follows_publication_question_and_what_the_key_sees(client, key):
    headers = key()
    first = client.get("/orders?limit=2", headers=headers)
    tag = first.headers["etag"]
    same = client.get("/orders?limit=2", headers={**headers, "if-none-match": f'"x", W/{tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert client.get("/orders?limit=2", headers=key()).headers["etag"] == tag
    others = [
        client.get("/orders?limit=3", headers=headers),
        client.get("/orders?limit=2&as_of=2026-11-20", headers=headers),
        client.get("/orders?limit=2", headers=key(channels=("douyin_live",))),
        client.get("/orders?limit=2", headers=key(hidden_columns=("paid_at",))),
        client.get("/metrics/order_count?limit=2", headers=headers),
    ]
    assert len({tag, *(one.headers["etag"] for one in others)}) == 6
    stolen = client.get("/orders?limit=2", headers={"if-none-match": tag})
    problem_of(stolen, 401)


CRAFTED = [
    "channel = 'tmall_flagship'",
    "channel <> 'douyin_live' or channel is null",
    "true or channel = 'douyin_live'",
    "not channel = 'douyin_live'",
    "contains(channel, 'a') or 1 = 1",
    "\"channel\" in ('tmall_flagship', 'store_pos', '-')",
    "business = 'online_retail' or true",
]
ASKED = [
    "/orders?limit=500",
    "/orders?channel=tmall_flagship",
    "/orders?channel=douyin_live' or '1'='1",
    "/orders?business=online_retail",
    "/orders?source=taobao&limit=500",
    "/decisions?limit=500",
    "/metrics/order_count?by=channel",
    "/metrics/net_sales?by=channel&by=business",
    "/metrics/order_count?by=customer&limit=10000",
    "/metrics/average_order_value?by=channel&by=day",
    "/metrics/net_sales_per_buyer?by=channel&by=month",
    *(f"/audiences/{one}?limit=500" for one in ("champions", "loyal", "promising", "at_risk")),
    *(f"/metrics/order_count?by=channel&where={one}" for one in CRAFTED),
    *(f"/metrics/buyer_count?by=channel&where={one}" for one in CRAFTED),
]


@pytest.mark.parametrize("source", ["taobao", "douyin"])
def test_a_key_of_one_channel_never_sees_anothers_rows(client, key, home, ask_for_approval, source):
    for name, channel in CHANNEL_OF_SOURCE.items():
        ask_for_approval(order_key=f"{name}:X", channel=channel)
    channel = CHANNEL_OF_SOURCE[source]
    headers = key(channels=(channel,), businesses=("fourflow_demo",))
    foreign = {*CHANNEL_OF_SOURCE.values(), "online_retail"} - {channel}
    foreign |= {f"{other}:" for other in CHANNEL_OF_SOURCE if other != source}
    for path in ASKED:
        answer = client.get(path, headers=headers)
        if answer.status_code == 200:
            body = json.dumps([answer.json().get("rows")])
            assert [one for one in foreign if one in body] == [], path
        else:
            problem_of(answer, 403)
    own = oracle(home, f"select order_key from fct_orders where channel = '{channel}'")
    seen = {row["order_key"] for row in pages(client, "/orders", headers, 200)}
    assert seen == {row["order_key"] for row in own}
    counted = client.get("/metrics/order_count", headers=headers).json()["rows"]
    assert counted == [{"order_count": len(own)}]


def test_orders_and_cursors_of_others_look_as_if_they_did_not_exist(client, key):
    headers = key(channels=("douyin_live",))
    page = client.get("/orders?channel=tmall_flagship&limit=1", headers=key()).json()
    order_key = page["rows"][0]["order_key"]
    assert "no order" in problem_of(client.get(f"/orders/{order_key}", headers=headers), 404)
    stolen = client.get(f"/orders?cursor={page['next_cursor']}", headers=headers)
    assert "not one of ours" in problem_of(stolen, 422)


def test_what_cannot_be_restricted_is_refused(client, key):
    headers = key(channels=("douyin_live",))
    assert "channel" in problem_of(client.get("/stock", headers=headers), 403)
    by_business = key(businesses=("online_retail",))
    rows = client.get("/stock", headers=by_business).json()["rows"]
    assert [row["sku"] for row in rows] == ["85123A"]


def test_hidden_columns_are_nowhere(client, key, ask_for_approval):
    decision_id = ask_for_approval(order_key="douyin:X", channel="douyin_live")
    headers = key(hidden_columns=("*margin*", "gross_*", "order_no"))
    row = client.get("/orders?limit=1", headers=headers).json()["rows"][0]
    assert "paid_amount" in row
    assert not {"gross_amount", "order_no"} & set(row)
    assert "order_no" in problem_of(client.get("/orders?order_no=T1", headers=headers), 403)
    problem_of(client.get("/metrics/gross_sales", headers=headers), 403)
    by = client.get("/metrics/order_count?where=order_no = 'x'", headers=headers)
    assert "order_no" in problem_of(by, 403)
    decision = client.get(f"/decisions/{decision_id}", headers=headers).json()["decision"]
    assert decision["state"] == "awaiting_approval"
    assert not {"explanation", "message", "amount"} & set(decision)


def test_decisions_are_listed_by_page_and_shown(client, key, ask_for_approval):
    made = [ask_for_approval(order_key=f"douyin:{n}", channel="douyin_live") for n in range(3)]
    found = list(pages(client, "/decisions?kind=approval", key(), 2))
    ids = [one["decision_id"] for one in found]
    assert set(made) <= set(ids)
    assert len(set(ids)) == len(ids)
    later = client.get("/decisions?as_of=2020-01-01", headers=key())
    problem_of(later, 404)
    shown = client.get(f"/decisions/{made[0]}", headers=key()).json()
    assert shown["decision"]["amount"] == "12000.50"
    assert shown["approval"]["state"] == "awaiting"
    problem_of(client.get("/decisions/none", headers=key()), 404)


def test_verdicts_are_given_once_however_often_they_are_sent(client, key, home, ask_for_approval):
    decision_id = ask_for_approval(channel="douyin_live")
    path = f"/decisions/{decision_id}"
    for _ in range(2):
        given = client.post(f"{path}/approve", headers=key(), json={})
        assert (given.status_code, given.json()["state"]) == (200, "approved")
    said = [(one["approver"], one["channel"]) for one in given.json()["verdicts"]]
    assert said == [("Wang", "api")]
    late = client.post(f"{path}/reject", headers=key(person="Li"), json={"reason": "no"})
    assert "approved by Wang at" in problem_of(late, 409), "it says who was faster"
    with open_database(home).connect() as connection:
        kept = connection.execute(
            approval_verdicts.select().where(approval_verdicts.c.decision_id == decision_id)
        ).all()
    assert len(kept) == 1


def test_two_people_are_two_keys(client, key, ask_for_approval):
    path = f"/decisions/{ask_for_approval(needed=2, channel='douyin_live')}/approve"
    states = [
        client.post(path, headers=key(person=person), json={}).json()["state"]
        for person in ("Wang", "Wang", "Li")
    ]
    assert states == ["awaiting", "awaiting", "approved"]


def test_verdicts_that_are_refused_change_nothing(client, key, ask_for_approval):
    path = f"/decisions/{ask_for_approval(channel='douyin_live')}"
    binary = {**key(), "content-type": "application/json"}
    refused = [
        (client.post(f"{path}/reject", headers=key(), json={}), 422, "give a reason"),
        (client.post(f"{path}/reject", headers=key(), json={"why": "x"}), 422, "why"),
        (client.post(f"{path}/approve", headers=key(), content=b"{"), 422, "can't be used"),
        (client.post(f"{path}/approve", headers=binary, content=b"\xff"), 400, "UTF-8"),
        (client.post(f"{path}/approve", headers=key(person="Zhao"), json={}), 403, "Zhao may not"),
        (client.post(f"{path}/approve", headers=key(channels=("store_pos",)), json={}), 404, "no"),
        (client.post(f"{path}/approve", json={}), 401, "key is needed"),
    ]
    for response, status, says in refused:
        assert says in problem_of(response, status)
    reading = key(scopes=("decisions:read",))
    problem_of(client.post(f"{path}/approve", headers=reading, json={}), 403)
    assert client.get(path, headers=reading).json()["approval"]["state"] == "awaiting"
    given = client.post(f"{path}/reject", headers=key(), json={"reason": "not worth it"})
    assert given.json()["state"] == "rejected"


def test_an_approval_executes_the_option_that_it_chooses(client, key, home, ask_for_approval):
    decision_id = ask_for_approval(2, options=("reship", "refund"), channel="douyin_live")
    path = f"/decisions/{decision_id}"
    shown = client.get(path, headers=key()).json()
    assert [(one["name"], one["cost"]) for one in shown["options"]] == [
        ("reship", "12.00"),
        ("refund", "12.00"),
    ]
    wrong = client.post(f"{path}/approve", headers=key(), json={"option": "reshp"})
    assert "did you mean reship" in problem_of(wrong, 422)
    for _ in range(2):
        first = client.post(f"{path}/approve", headers=key(), json={"option": "reship"})
        assert first.json()["state"] == "awaiting"
    other = client.post(f"{path}/approve", headers=key(person="Li"), json={"option": "refund"})
    assert "Wang approved reship" in problem_of(other, 409)
    body = {"option": "reship", "reason": "it was lost"}
    done = client.post(f"{path}/approve", headers=key(person="Li"), json=body).json()
    assert done["state"] == "approved"
    assert [(one["approver"], one["option"], one["reason"]) for one in done["verdicts"]] == [
        ("Wang", "reship", None),
        ("Li", "reship", "it was lost"),
    ]
    changed = client.post(f"{path}/approve", headers=key(), json={"option": "refund"})
    problem_of(changed, 409)
    with open_database(home).connect() as connection:
        sent = connection.execute(outbox.select().where(outbox.c.decision_id == decision_id)).all()
    assert [one.payload["data"]["action"]["type"] for one in sent] == ["reship"]


def test_an_option_is_chosen_where_nobody_is_asked(client, key, ask_for_approval):
    decision_id = ask_for_approval(options=("reship", "refund"), is_asked=False, channel="x")
    path = f"/decisions/{decision_id}/choose"
    for _ in range(2):
        chosen = client.post(path, headers=key(), json={"option": "refund", "reason": "wish"})
        assert chosen.status_code == 200, chosen.text
        told = chosen.json()
        assert (told["option"], told["chosen_by"], told["reason"]) == ("refund", "Wang", "wish")
    late = client.post(path, headers=key(person="Li"), json={"option": "reship"})
    assert "Wang chose refund" in problem_of(late, 409)
    history = client.get(path.removesuffix("/choose"), headers=key()).json()["history"]
    assert [one["option"] for one in history] == ["refund"], "once"
    asked = ask_for_approval(options=("reship",), channel="x")
    refused = client.post(f"/decisions/{asked}/choose", headers=key(), json={"option": "reship"})
    assert "whoever approves chooses" in problem_of(refused, 409)


def test_an_answer_to_what_has_changed_is_refused_and_says_by_whom(client, key, ask_for_approval):
    path = f"/decisions/{ask_for_approval(2, channel='douyin_live')}"
    seen_at = client.get(path, headers=key()).json()["decision"]["updated_at"]
    assert client.post(f"{path}/approve", headers=key(), json={}).status_code == 200
    body = {"seen_at": "2026-11-20T00:00:00Z", "reason": "too much"}
    stale = client.post(f"{path}/reject", headers=key(person="Li"), json=body)
    assert "by Wang" in problem_of(stale, 409)
    body["seen_at"] = seen_at
    given = client.post(f"{path}/reject", headers=key(person="Li"), json=body)
    assert given.json()["state"] == "rejected"


# ---------------------------------------------------------------------------------------------
# One policy: what a role sees in the dashboards is what its keys see.

ROWS_OF = {
    "manager": "true",
    "live": "channel = 'douyin_live'",
    "east": f"business = 'fourflow_demo' and province = '{EAST}'",
    "warehouse": None,
}
HIDDEN_OF = {"east": {"gross_amount", "customer_key"}}
LISTED = {
    "/orders": ("fct_orders", "order_key"),
    "/audiences/champions": ("dim_customers", "customer_key"),
    "/audiences/at_risk": ("dim_customers", "customer_key"),
    "/stock": ("rpt_stock_matrix", "sku"),
}


@pytest.mark.parametrize("role", ROWS_OF)
@pytest.mark.parametrize("path", LISTED)
def test_roles_see_their_rows_and_columns(client, key, home, role, path):
    """Role by list: the rows are those that plain SQL on the whole lake finds, or none."""
    table, named = LISTED[path]
    headers = key(role=role)
    condition = {
        ("warehouse", "/stock"): "site = 'wh_east'",
        ("live", "/stock"): None,
        ("east", "/stock"): None,
    }.get((role, path), ROWS_OF[role])
    if condition is None:
        problem_of(client.get(path, headers=headers), 403)
        return
    segment = path.removeprefix("/audiences/")
    more = f" and rfm_segment = '{segment}'" if segment != path else ""
    expected = oracle(home, f"select {named} from {table} where {condition}{more}")
    rows = list(pages(client, path, headers, 500))
    assert sorted(row[named] for row in rows) == sorted(row[named] for row in expected)
    hidden = HIDDEN_OF.get(role, set()) - ({"customer_key"} if table == "dim_customers" else set())
    assert not hidden & {name for row in rows for name in row}


@pytest.mark.parametrize("role", ROWS_OF)
def test_roles_see_metrics_of_their_rows(client, key, home, role):
    headers = key(role=role)
    count = client.get("/metrics/order_count?by=business", headers=headers)
    if ROWS_OF[role] is None:
        problem_of(count, 403)
        return
    expected = oracle(
        home,
        "select business, count(*) as order_count from fct_orders "
        f"where order_type = 'sale' and {ROWS_OF[role]} group by 1 order by 1",
    )
    assert count.json()["rows"] == expected
    gross = client.get("/metrics/gross_sales", headers=headers)
    if role == "east":
        assert all(row["gross_sales"] is None for row in gross.json()["rows"])
        by = client.get("/metrics/order_count?by=gross_amount", headers=headers)
        assert by.status_code in (403, 422)
    else:
        (total,) = oracle(
            home,
            "select sum(gross_amount)::decimal(18, 2) as total from fct_orders where "
            f"currency_code = 'CNY' and {ROWS_OF[role]}",
        )
        shown = {row["currency_code"]: row["gross_sales"] for row in gross.json()["rows"]}
        assert Decimal(shown["CNY"]) == pytest.approx(total["total"])


def test_a_key_of_a_person_is_that_person(client, key, ask_for_approval):
    """Rows of both the role and the person; verdicts in the name that approvals.yml knows."""
    headers = key(principal="LI@example.cn", person=None)
    found = list(pages(client, "/orders", headers, 500))
    assert {row["channel"] for row in found} == {"douyin_live"}
    everyone = client.get("/orders?channel=douyin_live&limit=500", headers=key(role="manager"))
    assert 0 < len(found) < len(everyone.json()["rows"])
    decision_id = ask_for_approval(business="fourflow_demo", channel="douyin_live", region=EAST)
    given = client.post(f"/decisions/{decision_id}/approve", headers=headers, json={}).json()
    assert [one["approver"] for one in given["verdicts"]] == ["Li"]


def test_verdicts_need_the_role_to_approve_and_the_decision_to_be_seen(
    client, key, ask_for_approval
):
    east = ask_for_approval(business="fourflow_demo", channel="douyin_live", region=EAST)
    west = ask_for_approval(business="fourflow_demo", channel="douyin_live", region="浙江省")
    lacks = client.post(f"/decisions/{east}/approve", headers=key(role="viewer"), json={})
    assert "may not approve" in problem_of(lacks, 403)
    for answer in ("approve", "reject", "choose"):
        body = {"reason": "x", **({"option": "x"} if answer == "choose" else {})}
        sent = client.post(f"/decisions/{west}/{answer}", headers=key(role="east"), json=body)
        assert "no decision" in problem_of(sent, 404)
    shown = client.get(f"/decisions/{east}", headers=key(role="east")).json()["decision"]
    assert not {"explanation", "message", "amount"} & set(shown), "a margin is among its values"


def test_a_role_that_is_gone_and_a_broken_policy_let_nobody_in(home, app, key):
    client = TestClient(app)
    problem_of(client.get("/orders", headers=key(role="gone")), 403)
    path = Path(home.root) / "access.yml"
    path.write_text("roles: {", encoding="utf-8")
    try:
        told = problem_of(client.get("/orders", headers=key(role="manager")), 503)
        assert "access.yml" not in told, "its mistakes are not the caller's business"
        assert client.get("/orders?limit=1", headers=key()).status_code == 200, "older than roles"
    finally:
        path.write_text(POLICY, encoding="utf-8")
    assert client.get("/orders?limit=1", headers=key(role="manager")).status_code == 200


def test_a_changed_policy_changes_answers_and_their_etags(home, client, key):
    headers = key(role="live")
    before = client.get("/orders?limit=500", headers=headers)
    path = Path(home.root) / "access.yml"
    narrower = POLICY.replace("rows: {channels: [douyin_live]}}", "rows: {channels: [store_pos]}}")
    assert narrower != POLICY
    path.write_text(narrower, encoding="utf-8")
    try:
        known = {**headers, "if-none-match": before.headers["etag"]}
        after = client.get("/orders?limit=500", headers=known)
        assert after.status_code == 200
        assert {row["channel"] for row in after.json()["rows"]} == {"store_pos"}
    finally:
        path.write_text(POLICY, encoding="utf-8")


def test_reads_writes_and_refusals_are_in_the_access_log(home, key, ask_for_approval):
    app = make_api(home, now=lambda: NOW)
    east = ask_for_approval(business="fourflow_demo", channel="douyin_live", region=EAST)
    headers = key(role="east", person="Wang")
    with TestClient(app) as client:  # the end of it writes what was gathered
        for _ in range(3):
            page = client.get("/orders?limit=2", headers=headers)
        client.get("/orders", headers={**headers, "if-none-match": page.headers["etag"]})
        client.get("/stock", headers=headers)
        client.get("/orders/taobao:none", headers=headers)
        client.get("/orders", headers={"authorization": "Bearer nobody"})
        client.get("/audiences/champions?cursor=made-up", headers=headers)
        client.post(f"/decisions/{east}/approve", headers=headers, json={})
    entries = list_access(open_database(home), 7)
    told = {(one["event"], one["subject"], one["role"], one["row_count"]): one for one in entries}
    publication = page.json()["publication_id"]
    read = told["read", "GET /orders", "east", 106]
    assert (read["publication_id"], read["detail"]) == (publication, "4 times")
    assert "site" not in str(told["refused", "GET /stock", "east", None]["detail"])
    assert ("refused", "GET /orders/taobao:none", "east", None) in told
    assert told["refused", "GET /orders", None, None]["person"] == "unknown"
    forged = told["refused", "GET /audiences/champions", "east", None]["detail"]
    assert "not one of ours" in str(forged)
    assert ("wrote", f"approve {east}", "east", None) in told
    assert {one["door"] for one in entries} == {"api"}


_TRIED_PATHS = (
    "/orders", "/orders", "/orders/{order_key}", "/metrics/order_count", "/metrics/net_sales",
    "/metrics/average_order_value", "/audiences/champions", "/audiences/at_risk", "/decisions",
    "/decisions/{decision_id}", "/stock", "/metrics/buyer_count", "/publications",
)  # fmt: skip
_TRIED_VALUES = (
    "浙江省", "tmall_flagship", "online_retail", "' or '1'='1", "x' or 1=1 --", "%", "*", "-", "",
    "$channel", "{{ 1 }}", "浙江省') or (1=1", "江苏省\u0000", "null", "taobao",
)  # fmt: skip
_TRIED_CONDITIONS = (
    "province = '{v}'", "order__province = '{v}'", "channel = '{v}' or 1 = 1",
    "true or channel is null", "not (business = '{v}')", "customer__province = '浙江省'",
    "contains(channel, '{v}')",
    "1 = 1) or (channel is not null", "channel in ('{v}', 'tmall_flagship')",
    "gross_amount > 1000", "length(channel) > 0",
)  # fmt: skip
_TRIED_GROUPS = (
    "channel", "business", "customer", "day", "source", "order", "region", "province",
    "order__province", "customer__province", "gross_amount",
)  # fmt: skip


def tried(chance: random.Random, stolen: dict[str, list[str]]) -> tuple[str, dict[str, str]]:
    """One crafted request of a key of one region: an address and headers."""
    path = chance.choice(_TRIED_PATHS)
    path = path.replace("{order_key}", quote(chance.choice(stolen["order_key"]), safe=":"))
    path = path.replace("{decision_id}", chance.choice(stolen["decision_id"]))
    query: list[tuple[str, str]] = []
    for name in ("business", "channel", "order_status", "order_no", "customer_key", "site",
                 "rule_id", "province", "region", "role", "columns", "principal"):  # fmt: skip
        if chance.random() < 0.12:
            query.append((name, chance.choice([*_TRIED_VALUES, *stolen["customer_key"]])))
    if path.startswith("/metrics"):
        query += [("by", one) for one in chance.sample(_TRIED_GROUPS, chance.randrange(3))]
        if chance.random() < 0.6:
            where = chance.choice(_TRIED_CONDITIONS)
            query.append(("where", where.replace("{v}", chance.choice(_TRIED_VALUES))))
    if chance.random() < 0.25:
        query.append(("as_of", chance.choice(["2026-11-20", *stolen["publication_id"]])))
    if chance.random() < 0.25:
        query.append(("cursor", chance.choice(stolen["cursor"])))
    if chance.random() < 0.5:
        query.append(("limit", chance.choice(["1", "500", "10000"])))
    headers = {}
    if chance.random() < 0.4:
        headers["if-none-match"] = ", ".join(chance.sample(stolen["etag"], 3))
    if chance.random() < 0.1:
        headers |= {"x-forwarded-user": "manager", "x-role": "manager", "cookie": "role=manager"}
    return f"{path}?{urlencode(query)}", headers


def test_five_hundred_crafted_requests_of_a_region_see_nothing_of_others(
    client, key, home, ask_for_approval
):
    """What the manager's key was given (ids, cursors, ETags) is known to who tries."""
    for region, channel in ((EAST, "douyin_live"), ("浙江省", "store_pos"), (None, "store_pos")):
        ask_for_approval(
            business="fourflow_demo", channel=channel, **({"region": region} if region else {})
        )
    manager, mine = key(role="manager"), key(role="east")
    whole = client.get("/orders?limit=500", headers=manager)
    others = [
        row for row in oracle(home, "select * from fct_orders")
        if row["province"] != EAST or row["business"] != "fourflow_demo"
    ]  # fmt: skip
    pages_seen = [client.get(one, headers=manager) for one in (
        "/orders?limit=1", "/orders?limit=500", "/audiences/champions?limit=1", "/stock?limit=1",
        "/decisions?limit=1", "/metrics/order_count", "/metrics/order_count?by=channel",
    )]  # fmt: skip
    listed = client.get("/decisions?limit=500", headers=manager).json()["rows"]
    stolen = {
        "order_key": [row["order_key"] for row in others[:40]],
        "decision_id": [row["decision_id"] for row in listed],
        "customer_key": [row["customer_key"] for row in whole.json()["rows"][:5]],
        "publication_id": [whole.json()["publication_id"]],
        "cursor": [text for one in pages_seen if (text := one.json().get("next_cursor"))],
        "etag": [one.headers["etag"] for one in pages_seen],
    }  # fmt: skip
    foreign = {row["order_key"] for row in others} | {"浙江省", "online_retail", "store_pos:"}
    most = len(oracle(
        home, "select 1 from fct_orders where business = 'fourflow_demo' "
        f"and province = '{EAST}'",
    ))  # fmt: skip
    chance = random.Random(20261123)
    leaked, answered, harmful = [], 0, 0
    for number in range(500):
        address, headers = tried(chance, stolen)
        answer = client.get(address, headers={**mine, **headers})
        assert answer.status_code in (200, 304, 401, 403, 404, 422), (address, answer.text)
        assert answer.status_code != 304, f"an ETag of others was taken: {address}"
        if answer.status_code == 200:
            answered += 1
            if leaks(answer.json(), foreign, most):
                leaked.append(address)
        if number % 10 == 0:  # the same by the manager's key: they are real attempts
            theirs = client.get(address, headers=manager)
            harmful += theirs.status_code == 200 and leaks(theirs.json(), foreign, most)
    assert leaked == []
    assert answered > 150
    assert harmful > 10


def leaks(told: dict[str, Any], foreign: set[str], most: int) -> bool:
    """Whether an answer names orders or regions of others, hidden columns, or counts too much."""
    rows = [*told.get("rows", []), *([told["order"]] if "order" in told else [])]
    if "decision" in told:
        rows.append(told["decision"])
    body = json.dumps(rows, ensure_ascii=False)
    values = [str(value) for row in rows for value in row.values()]
    named = any(value in foreign for value in values) or "浙江省" in body
    counted = any(int(row.get("order_count") or 0) > most for row in rows)
    shown = any("gross_amount" in row or "margin" in json.dumps(row) for row in rows)
    return named or counted or shown


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_as_described(app, key, mode):
    headers = key()
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    described = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) == 17

    def conforms(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=checks)

    for operation in operations:
        if mode is GenerationMode.NEGATIVE and operation.path in ("/health",):
            continue  # nothing can be sent that is not as described
        strategy = operation.as_strategy(generation_mode=mode)
        bounded = hypothesis_settings(
            max_examples=10,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        bounded(given(case=strategy)(conforms))()
