"""API keys: kept as hashes, ended and revoked; what a key permits; `fourflow api-keys`."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from connectors.database.engine import open_database
from connectors.database.schema import api_keys
from connectors.errors import ForbiddenError, InputError
from connectors.settings import load_settings
from orchestration.api.access import Access
from orchestration.api.cursors import Cursor, read_cursor
from orchestration.api.keys import KeyRequest, authenticate, create_key, list_keys, revoke_key
from orchestration.api.remembered import RememberedAnswers
from orchestration.api.throttle import Throttle, TooManyRequestsError
from orchestration.cli.main import app

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
ACCESS = Access("", ("orders:read",), channels=("a", "b"), hidden_columns=("*cost*",))


def test_key_is_known_until_it_ends_or_is_revoked(engine: Engine):
    asked = KeyRequest("shop", ACCESS, "me", timedelta(days=1))
    made = create_key(engine, asked, now=NOW)
    found = authenticate(engine, made.key, now=NOW)
    assert found is not None
    assert (found.channels, found.businesses) == (("a", "b"), None)
    assert found.hidden_columns == ("*cost*",)
    assert authenticate(engine, made.key, now=NOW + timedelta(days=1)) is None
    assert authenticate(engine, made.key[:-1], now=NOW) is None
    other = create_key(engine, asked, now=NOW)
    mixed = made.key.replace(made.key_id, other.key_id)
    assert authenticate(engine, mixed, now=NOW) is None, "a secret opens only its own key"
    first = revoke_key(engine, made.key_id, now=NOW)
    again = revoke_key(engine, made.key_id, now=NOW + timedelta(hours=1))
    assert (first.revoked_at, again.revoked_at) == (NOW, NOW)
    assert authenticate(engine, made.key, now=NOW) is None
    assert authenticate(engine, other.key, now=NOW) is not None
    with pytest.raises(InputError, match="no API key"):
        revoke_key(engine, "nobody", now=NOW)


def test_key_itself_is_not_kept(engine: Engine):
    made = create_key(engine, KeyRequest("shop", ACCESS, "me"), now=NOW)
    with engine.connect() as connection:
        stored = str(connection.execute(select(api_keys)).one())
    secret = made.key.rpartition(f"{made.key_id}_")[2]
    assert len(secret) >= 43, "256 bits"
    assert secret not in stored
    assert made.key not in repr(made)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (KeyRequest(" ", ACCESS, "me"), "name"),
        (KeyRequest("x", Access("", ()), "me"), "No scope"),
        (KeyRequest("x", Access("", ("all",)), "me"), "all can't be given"),  # type: ignore[arg-type]
        (KeyRequest("x", Access("", ("stock:read",), channels=()), "me"), "at least one"),
        (KeyRequest("x", Access("", ("decisions:write",)), "me"), "--person"),
        (KeyRequest("x", Access("", ("stock:read",), requests_per_minute=0), "me"), "one request"),
    ],
)
def test_keys_that_make_no_sense_are_not_made(engine: Engine, request_: KeyRequest, says: str):
    with pytest.raises(InputError, match=says):
        create_key(engine, request_, now=NOW)
    assert list_keys(engine) == []


def test_rows_are_permitted_only_when_something_says_so_and_nothing_denies_it():
    access = Access("", (), channels=("a",), businesses=("x",))
    assert access.permits([{"channel": "a"}, {"business": "x", "channel": "a"}])
    assert not access.permits([{"channel": "a"}]), "its business is not known"
    assert not access.permits([{"channel": "a", "business": "x"}, {"channel": "b"}])
    assert Access("", ()).permits([])
    with pytest.raises(ForbiddenError, match="channel"):
        access.conditions(["business"], "stock")
    assert access.conditions(["business", "channel"], "orders")[1] == {
        "scope_business": ["x"],
        "scope_channel": ["a"],
    }


def test_digest_is_of_what_is_seen():
    assert Access("1", ("stock:read",)).digest() == Access("2", ("stock:read",)).digest()
    seen = [
        Access("", ("stock:read",)),
        Access("", ("orders:read",)),
        Access("", ("stock:read",), channels=("a",)),
        Access("", ("stock:read",), businesses=("a",)),
        Access("", ("stock:read",), hidden_columns=("a",)),
    ]
    assert len({one.digest() for one in seen}) == len(seen)


def test_bucket_fills_evenly_and_never_above_a_minutes_worth():
    seconds = [0.0]
    throttle = Throttle(lambda: seconds[0], callers=2)
    for _ in range(60):
        throttle.take("a", 60)
    with pytest.raises(TooManyRequestsError) as refused:
        throttle.take("a", 60)
    assert refused.value.seconds == 1
    seconds[0] = 1_000.0
    taken = 0
    while not throttle.is_empty("a", 60):
        throttle.take("a", 60)
        taken += 1
    assert taken == 60
    throttle.take("b", 60)
    throttle.take("c", 60)
    assert not throttle.is_empty("a", 60), "the one not seen longest is forgotten"


def test_cursor_is_read_as_it_was_written():
    cursor = Cursor("20261121T090000Z-0000", "淘宝:1|/+")
    assert read_cursor(cursor.text()) == cursor
    assert read_cursor(None) is None
    for bad in ("", "x", "WzEsMl0", "é", "W10"):
        with pytest.raises(InputError, match="not one of ours"):
            read_cursor(bad)


def test_commands_make_list_and_revoke(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOURFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("FOURFLOW_CONFIG", "none")
    run = CliRunner().invoke
    made = run(
        app,
        ["api-keys", "create", "agent", "--scope", "orders:read", "--channel", "a", "--json"],
    )
    key = json.loads(made.stdout)
    engine = open_database(load_settings())
    found = authenticate(engine, key["key"], now=datetime.now(UTC))
    assert found is not None
    assert found.channels == ("a",)
    (listed,) = json.loads(run(app, ["api-keys", "list", "--json"]).stdout)
    assert (listed["name"], listed["key_id"], listed["is_good"]) == ("agent", key["key_id"], True)
    assert "agent" in run(app, ["api-keys", "list"]).stdout
    assert "revoked" in run(app, ["api-keys", "revoke", key["key_id"]]).stdout
    assert authenticate(engine, key["key"], now=datetime.now(UTC)) is None


def test_answers_are_remembered_within_their_bytes():
    answers = RememberedAnswers(most_bytes=10)
    for tag in ("a", "b", "a"):
        answers.keep(tag, b"12345")
    assert answers.find("b") == b"12345"
    answers.keep("c", b"12345")
    assert answers.find("a") is None, "not used longest"
    assert answers.find("b") == answers.find("c") == b"12345"
    answers.keep("d", b"12345678901")
    assert [answers.find(tag) for tag in "abcd"] == [None] * 4, "larger than all that fits"
