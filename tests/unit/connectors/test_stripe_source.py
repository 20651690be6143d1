"""Stripe's lists: every record once whatever goes wrong, and nothing of customers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import PermanentError, TransientError
from connectors.settings import Settings
from connectors.sources.api.landing import load_account
from connectors.sources.api.reading import Reading, Window
from connectors.sources.stripe.source import CONNECTOR, StripeAccount, _Stripe, _without_people
from tests.platforms import bronze_payloads

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
KEY = "rk_test_51secretpart"
PATH = "/v1/balance_transactions"


class Listing:
    """A list as Stripe pages it: newest first, each page behind an id."""

    def __init__(self, times: list[int]) -> None:
        self.records = [
            {"id": f"txn_{number}", "created": created} for number, created in enumerate(times)
        ]
        self.faults: list[Any] = []
        self.asked: list[httpx.Request] = []
        self.on_page: Callable[[], None] = lambda: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            if fault is not None:
                return fault
        asked = request.url.params
        low, high = int(asked["created[gte]"]), int(asked["created[lt]"])
        listed = sorted(
            (record for record in self.records if low <= record["created"] < high),
            key=lambda record: (-record["created"], record["id"]),
        )
        if after := asked.get("starting_after"):
            listed = listed[[record["id"] for record in listed].index(after) + 1 :]
        size = int(asked["limit"])
        answer = {"object": "list", "data": listed[:size], "has_more": len(listed) > size}
        self.on_page()
        return httpx.Response(200, json=answer)


def account_of(**changes: Any) -> StripeAccount:
    return StripeAccount.model_validate(
        {"api_key": KEY, "requests_per_second": 100_000, "attempts": 4, "page_size": 3, **changes}
    )


def read(listing: Listing, window: Window | None = None, **changes: Any) -> list[str]:
    account = account_of(**changes)
    reading = Reading("stripe", "main", NOW, transport=httpx.MockTransport(listing))
    window = window or Window(NOW - timedelta(days=1), NOW)
    with reading.client(account) as client:
        pages = _Stripe(account, client).pages(PATH, window)
        return [record["id"] for records in pages for record in records]


def seconds(hours: float) -> int:
    return int((NOW - timedelta(hours=hours)).timestamp())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
def test_every_record_of_the_window_comes_once(count: int):
    listing = Listing([seconds(1 + n / 10) for n in range(count)] + [seconds(30), seconds(-1)])
    assert sorted(read(listing)) == sorted(f"txn_{number}" for number in range(count))


def test_records_that_are_created_meanwhile_move_nothing():
    listing = Listing([seconds(n) for n in range(1, 11)])

    def create() -> None:
        number = len(listing.records)
        listing.records.append({"id": f"txn_{number}", "created": int(NOW.timestamp()) + number})

    listing.on_page = create
    assert sorted(read(listing)) == sorted(f"txn_{number}" for number in range(10))


@given(
    count=st.integers(min_value=0, max_value=20),
    faults=st.lists(st.sampled_from(["drop", "cut", "html", "429", "500", "fine"]), max_size=8),
)
def test_faults_lose_nothing_and_double_nothing(count: int, faults: list[str]):
    listing = Listing([seconds(1) for _ in range(count)])
    made = {
        "drop": httpx.ReadError("gone"),
        "cut": httpx.Response(200, content=b'{"object": "list", "da'),
        "html": httpx.Response(200, text="<html></html>"),
        "429": httpx.Response(429, headers={"retry-after": "0"}),
        "500": httpx.Response(500, json={"error": {"type": "api_error"}}),
        "fine": None,
    }
    # Never as many in a row as there are attempts.
    spaced = [fault for name in faults for fault in (made[name], None)]
    listing.faults = spaced
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("connectors.sources.api.client.time.sleep", lambda _seconds: None)
        found = read(listing)
    assert sorted(found) == sorted(f"txn_{number}" for number in range(count))


def test_a_page_that_repeats_for_ever_ends_the_reading():
    listing = Listing([seconds(n) for n in range(1, 11)])
    first = {"data": [{"id": "a"}, {"id": "b"}], "has_more": True}
    listing.faults = [httpx.Response(200, json=first) for _ in range(8)]
    with pytest.raises(TransientError, match="does not follow the one before"):
        read(listing)


@pytest.mark.parametrize(
    "answer",
    [
        {"object": "charge", "id": "ch_1"},
        {"data": [{"id": "txn_1"}]},
        {"data": {"id": "txn_1"}, "has_more": False},
        {"data": ["txn_1"], "has_more": False},
        {"data": [{"object": "balance_transaction"}], "has_more": True},
        [],
    ],
)
def test_an_answer_that_is_no_list_of_objects_is_one_sentence(answer: Any):
    listing = Listing([])
    listing.faults = [httpx.Response(200, json=answer) for _ in range(8)]
    with pytest.raises(TransientError, match="something that is no list"):
        read(listing)


def test_calls_carry_key_version_and_window():
    listing = Listing([seconds(1)])
    read(listing, api_version="2024-06-20")
    (request,) = listing.asked
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["stripe-version"] == "2024-06-20"
    assert request.url.params["created[gte]"] == str(seconds(24))


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "check api_key"), (403, "permission"), (400, "resource_missing")],
)
def test_refusals_say_what_to_do_and_nothing_of_the_key(status: int, told: str):
    listing = Listing([])
    error = {"type": "x", "code": "resource_missing", "message": f"Invalid API Key: {KEY}"}
    listing.faults = [httpx.Response(status, json={"error": error})]
    with pytest.raises(PermanentError, match=told) as caught:
        read(listing)
    assert KEY not in str(caught.value)
    assert "secretpart" not in str(caught.value)
    assert len(listing.asked) == 1


def test_nothing_of_the_customer_is_kept(reference: Path):
    fixtures = reference / "fixtures" / "stripe"
    transaction = json.loads((fixtures / "balance_transaction.json").read_text())
    charge = json.loads((fixtures / "charge.json").read_text())
    charge["metadata"] = {"order_id": "1001", "name": "Jenny"}
    expanded = _without_people({**transaction, "source": charge}, "order_id")
    assert expanded["source"]["id"] == charge["id"]
    assert expanded["source"]["order_no"] == "1001"
    assert set(expanded["source"]) <= {"id", "object", "charge", "payment_intent", "order_no"}
    refund = json.loads((fixtures / "refund.json").read_text())
    kept = _without_people({**transaction, "source": refund}, "order_id")
    assert kept["source"]["charge"] == refund["charge"]
    assert _without_people(transaction, "order_id")["source"] == {"id": transaction["source"]}
    assert transaction["net"] == transaction["amount"] - transaction["fee"]


def test_a_payout_that_fails_later_is_read_again(settings: Settings):
    """Two readings a week apart: the payout's failure arrives, the transaction is not doubled."""
    payout = {"id": "po_1", "created": seconds(2), "status": "paid"}
    transaction = {"id": "txn_1", "created": seconds(2), "source": "po_1"}

    def answer(request: httpx.Request) -> httpx.Response:
        record = payout if request.url.path == "/v1/payouts" else transaction
        asked = request.url.params
        is_asked = int(asked["created[gte]"]) <= record["created"] < int(asked["created[lt]"])
        return httpx.Response(200, json={"data": [record] if is_asked else [], "has_more": False})

    for now in (NOW, NOW + timedelta(days=7)):
        reading = Reading("stripe", "main", now, transport=httpx.MockTransport(answer))
        assert load_account(settings, CONNECTOR, account_of(), reading).problems == ()
        payout = {**payout, "status": "failed"}
    statuses = [record["status"] for record in bronze_payloads(settings, "stripe_payouts")]
    assert statuses == ["paid", "failed"]
    assert len(list(bronze_payloads(settings, "stripe_balance_transactions"))) == 1


def test_check_is_one_sentence():
    reading = Reading("stripe", "main", NOW, transport=httpx.MockTransport(Listing([seconds(1)])))
    told = CONNECTOR.check(account_of(), reading)
    assert told == "Stripe answers for main: 1 balance transactions in the last day."
