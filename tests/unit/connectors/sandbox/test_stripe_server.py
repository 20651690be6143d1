"""The simulated Stripe: its key, its lists, its words for what is wrong."""

from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.servers.credentials import Stripe
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.servers.stripe import StripeServer
from connectors.sandbox.stages.card_settling import describe_card_account
from connectors.sandbox.world import DAY, WorldConfig

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=20, orders_per_day=300, product_count=60)
KEY = {"authorization": f"Bearer {Stripe().api_key}"}
TRANSACTIONS, PAYOUTS = "/stripe/v1/balance_transactions", "/stripe/v1/payouts"
END = 1_782_835_200  # 2026-07-01 00:00:00 in Shanghai
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(CONFIG)


class Seconds:
    """A clock that only the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def retail(world: World) -> Retail:
    return Retail(world)


@pytest.fixture
def ask(retail: Retail, seconds: Seconds, serve: Callable[..., Any]) -> Ask:
    client = serve("stripe", StripeServer(retail, clock=seconds).routes())

    def send(path: str, headers: dict[str, str] | None = None, **parameters: Any) -> httpx.Response:
        seconds.now += 1
        answer: httpx.Response = client.get(
            path, params=parameters, headers=KEY if headers is None else headers
        )
        return answer

    return send


def _all(ask: Ask, path: str, limit: int = 100, **filters: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        after = {"starting_after": rows[-1]["id"]} if rows else {}
        answer = ask(path, limit=limit, **filters, **after).json()
        rows += answer["data"]
        if not answer["has_more"]:
            return rows


def test_the_lists_are_the_truth(ask: Ask, retail: Retail) -> None:
    for as_of in (retail.as_of - 9 * DAY, retail.as_of):
        retail.move_to(as_of)
        truth = describe_card_account(retail.card_account, CONFIG, as_of)
        rows, found = _all(ask, TRANSACTIONS), {}
        assert len({row["id"] for row in rows}) == len(rows)
        for row in rows:
            assert row["net"] == row["amount"] - row["fee"]
            assert row["fee"] == sum(part["amount"] for part in row["fee_details"])
            kind = found.setdefault(row["reporting_category"], [0, 0])
            kind[0], kind[1] = kind[0] + 1, kind[1] + row["net"]
        told = {name: [kind["entries"], kind["net_fen"]] for name, kind in truth["entries"].items()}
        assert found == told
        states: dict[str, int] = {}
        for payout in _all(ask, PAYOUTS):
            states[payout["status"]] = states.get(payout["status"], 0) + payout["amount"]
        assert states == {name: each["amount_fen"] for name, each in truth["payouts"].items()}


def test_pages_are_newest_first_and_follow_an_id(ask: Ask) -> None:
    whole = [row["id"] for row in _all(ask, TRANSACTIONS)]
    created = [row["created"] for row in _all(ask, TRANSACTIONS)]
    assert created == sorted(created, reverse=True)
    assert [row["id"] for row in _all(ask, TRANSACTIONS, limit=7)] == whole
    answer = ask(TRANSACTIONS).json()
    assert (answer["object"], answer["url"]) == ("list", "/v1/balance_transactions")
    assert [row["id"] for row in answer["data"]] == whole[:10]
    before = ask(TRANSACTIONS, ending_before=whole[20], limit=5).json()
    assert [row["id"] for row in before["data"]] == whole[15:20]
    assert before["has_more"] is True


def test_a_span_keeps_its_ends_as_asked(ask: Ask) -> None:
    rows = _all(ask, TRANSACTIONS)
    middle = rows[len(rows) // 2]["created"]
    for name, holds in (
        ("created[gte]", lambda at: at >= middle),
        ("created[gt]", lambda at: at > middle),
        ("created[lte]", lambda at: at <= middle),
        ("created[lt]", lambda at: at < middle),
        ("created", lambda at: at == middle),
    ):
        found = [row["id"] for row in _all(ask, TRANSACTIONS, **{name: middle})]
        assert found == [row["id"] for row in rows if holds(row["created"])], name


def test_a_payout_lists_what_it_paid_out(ask: Ask) -> None:
    for payout in _all(ask, PAYOUTS):
        rows = _all(ask, TRANSACTIONS, payout=payout["id"])
        own = [row for row in rows if row["type"] == "payout"]
        assert [row["id"] for row in own] == [payout["balance_transaction"]]
        assert sum(row["net"] for row in rows if row["type"] != "payout") == payout["amount"]


def test_a_failed_payout_says_why_and_its_money_is_back(ask: Ask, retail: Retail) -> None:
    (failed,) = _all(ask, PAYOUTS, status="failed")
    assert failed["failure_code"] == "account_closed"
    (back,) = _all(ask, TRANSACTIONS, source=failed["id"], type="payout_failure")
    assert back["id"] == failed["failure_balance_transaction"]
    assert back["amount"] == failed["amount"]
    retail.move_to(back["created"] + 8 * 3_600 - 1)
    (earlier,) = [row for row in _all(ask, PAYOUTS) if row["id"] == failed["id"]]
    assert (earlier["status"], earlier["failure_balance_transaction"]) == ("paid", None)


def test_sources_are_ids_unless_expanded(ask: Ask) -> None:
    plain = _all(ask, TRANSACTIONS)
    whole = _all(ask, TRANSACTIONS, **{"expand[]": "data.source"})
    assert [row["source"] for row in plain] == [row["source"]["id"] for row in whole]
    objects = {row["reporting_category"]: row["source"] for row in whole}
    assert objects["charge"]["metadata"]["order_id"]
    for name, kind in (("refund", "re_"), ("dispute", "dp_")):
        assert objects[name]["id"].startswith(kind)
        assert objects[name]["charge"].startswith("ch_")
        assert objects[name]["metadata"] == {}
    assert objects["payout"]["object"] == "payout"


def test_money_is_pending_before_it_is_available(ask: Ask) -> None:
    rows = _all(ask, TRANSACTIONS)
    assert {row["status"] for row in rows} == {"pending", "available"}
    for row in rows:
        assert (row["status"] == "available") == (row["available_on"] < END)


@pytest.mark.parametrize(
    ("status", "code", "headers", "asked"),
    [
        (401, None, {}, {}),
        (401, None, {"authorization": "Bearer sk_test_other"}, {}),
        (400, None, {**KEY, "stripe-version": "newest"}, {}),
        (400, "parameter_unknown", KEY, {"page": 1}),
        (400, "parameter_unknown", KEY, {"created[from]": 1}),
        (400, "parameter_invalid_integer", KEY, {"limit": 101}),
        (400, "parameter_invalid_integer", KEY, {"limit": 0}),
        (400, "parameter_invalid_integer", KEY, {"created[gte]": "yesterday"}),
        (400, "resource_missing", KEY, {"starting_after": "txn_other"}),
        (400, None, KEY, {"starting_after": "a", "ending_before": "b"}),
    ],
)
def test_wrong_requests_are_told_in_its_own_words(
    ask: Ask, status: int, code: str | None, headers: dict[str, str], asked: dict[str, Any]
) -> None:
    answer = ask(TRANSACTIONS, headers, **asked)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error.get("code") == code
    assert error["type"] == "invalid_request_error"
    assert answer.headers["request-id"].startswith("req_")
    assert ask(TRANSACTIONS).status_code == 200


def test_the_key_may_be_the_user_of_basic_authentication(ask: Ask) -> None:
    basic = httpx.BasicAuth(Stripe().api_key, "").auth_flow(httpx.Request("GET", "http://x"))
    assert ask(PAYOUTS, {"authorization": next(basic).headers["authorization"]}).status_code == 200
    assert ask("/stripe/v1/charges").status_code == 404


def test_an_expired_key_has_its_own_code(ask: Ask, retail: Retail) -> None:
    retail.expired = {"stripe"}
    assert ask(PAYOUTS).json()["error"]["code"] == "api_key_expired"


def test_calls_a_second_are_limited(ask: Ask, retail: Retail, seconds: Seconds) -> None:
    retail.change_options("stripe", {"calls_per_second": 2})
    statuses = []
    for _ in range(3):
        seconds.now -= 1  # `ask` moves it on: all three within one second
        statuses.append(ask(PAYOUTS).status_code)
    assert statuses == [200, 200, 429]
    assert ask(PAYOUTS).status_code == 200
