"""Odoo's records: each once whatever changes meanwhile, and mistakes in one sentence."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from connectors.settings import Settings
from connectors.sources.api.landing import AccountReport, load_account
from connectors.sources.api.reading import Reading
from connectors.sources.odoo.source import CONNECTOR, OdooAccount
from tests.connector_contract import whatever_is_missing
from tests.platforms import bronze_payloads

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
START = datetime(2026, 6, 1, tzinfo=UTC)
TYPES = {
    "write_date": "datetime",
    "name": "char",
    "ref": "char",
    "active": "boolean",
    "customer_rank": "integer",
    "credit_limit": "float",
}


class Odoo:
    """Partners as Odoo keeps them; terms are understood as far as the connector uses them."""

    def __init__(self, count: int) -> None:
        self.partners = {number: self.partner(number, START) for number in range(1, count + 1)}
        self.answers: list[httpx.Response] = []
        self.asked: list[dict[str, Any]] = []
        self.on_page: Callable[[], None] = lambda: None

    @staticmethod
    def partner(number: int, at: datetime) -> dict[str, Any]:
        return {
            "id": number, "name": f"Firm {number}", "ref": False, "active": False,
            "customer_rank": 1, "credit_limit": 0.10, "write_date": f"{at:%Y-%m-%d %H:%M:%S}",
        }  # fmt: skip

    def touch(self, number: int, at: datetime) -> None:
        self.partners[number] = self.partner(number, at)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/fields_get"):
            return httpx.Response(200, json={n: {"type": kind} for n, kind in TYPES.items()})
        asked = orjson.loads(request.content)
        self.asked.append(asked)
        if self.answers:
            return self.answers.pop(0)
        tests = {
            ">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "<": lambda a, b: a < b,
        }  # fmt: skip
        found = [
            record
            for _, record in sorted(self.partners.items())
            if all(tests[sign](record[name], value) for name, sign, value in asked["domain"])
        ]
        self.on_page()
        return httpx.Response(200, content=orjson.dumps(found[: asked["limit"]]))


def read(
    settings: Settings, platform: Any, now: datetime = NOW, entity: str = "customers", **keys: Any
) -> AccountReport:
    account = OdooAccount.model_validate(
        {
            "base_url": "https://odoo.example", "api_key": "k", "page_size": 3, "attempts": 2,
            "requests_per_second": 10_000, **keys,
        }
    )  # fmt: skip
    reading = Reading("odoo", "main", now, transport=httpx.MockTransport(platform))
    return load_account(settings, CONNECTOR, account, reading, entities=(entity,))


def held(settings: Settings) -> list[dict[str, Any]]:
    return list(bronze_payloads(settings, "odoo_customers"))


def test_the_contract_of_connectors_is_kept(settings: Settings):
    assert whatever_is_missing(settings, CONNECTOR) == []


@pytest.mark.parametrize("count", [0, 2, 3, 7])
def test_every_record_is_read_once(settings: Settings, count: int):
    assert read(settings, Odoo(count)).problems == ()
    assert [r["id"] for r in held(settings)] == list(range(1, count + 1))


def test_what_is_empty_is_null_and_digits_stay(settings: Settings):
    odoo = Odoo(1)
    read(settings, odoo)
    (record,) = held(settings)
    assert record["ref"] is None
    assert record["active"] is False
    assert str(record["credit_limit"]) == "0.1"
    # Fields that this version doesn't have are not asked for; archived records are.
    assert set(odoo.asked[0]["fields"]) == {*TYPES}
    assert odoo.asked[0]["context"]["active_test"] is False


def test_records_that_change_between_pages_come_with_the_next_reading(settings: Settings):
    odoo = Odoo(7)
    odoo.on_page = lambda: odoo.touch(5, NOW + timedelta(seconds=1))
    read(settings, odoo)
    assert 5 not in {r["id"] for r in held(settings)}
    odoo.on_page = lambda: None
    read(settings, odoo, NOW + timedelta(hours=1))
    assert sorted(r["id"] for r in held(settings)) == list(range(1, 8))


def test_a_page_that_repeats_moves_nothing(settings: Settings):
    odoo = Odoo(7)
    page = httpx.Response(200, content=orjson.dumps([Odoo.partner(n, START) for n in (1, 2, 3)]))
    odoo.answers = [page, page]
    (problem,) = read(settings, odoo).problems
    assert "other records than were asked for" in problem
    assert held(settings) == []
    assert read(settings, odoo).record_count == 7


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"name": "Unauthorized", "message": "Invalid apikey"}, "set a new `api_key`"),
        (403, {"message": "You are not allowed to access 'Contact'"}, "let the key's user read it"),
        (404, {"message": "the model 'x' is unknown"}, "install the app"),
        (422, {"message": "no argument"}, "no argument; report it"),
        (404, None, "no reason given; install the app"),
        (302, {}, "set base_url to the server's final address"),
        (503, {}, "503"),
        (200, {"fields": 1}, "tells no fields of res.partner"),
    ],
)
def test_a_refusal_is_one_sentence(settings: Settings, status: int, body: Any, words: str):
    content = b"<html>" if body is None else orjson.dumps(body)
    report = read(settings, lambda _request: httpx.Response(status, content=content))
    (problem,) = report.problems
    assert words in problem
    assert "\n" not in problem


def test_a_key_is_only_sent_where_nobody_listens():
    with pytest.raises(ValueError, match="https://"):
        OdooAccount.model_validate({"base_url": "http://odoo.example", "api_key": "k"})
