"""API keys: kept as hashes, ended and revoked; what a key permits; `fourflow api-keys`."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine, select, text
from typer.testing import CliRunner

from connectors.database.engine import open_database
from connectors.database.schema import api_keys
from connectors.errors import ForbiddenError, InputError
from connectors.lake.sight import EVERYTHING, Sight
from connectors.settings import load_settings
from orchestration.access.policy import AccessPolicy
from orchestration.api.access import Access
from orchestration.api.cursors import Cursor, read_cursor
from orchestration.api.keys import KeyRequest, authenticate, create_key, list_keys, revoke_key
from orchestration.api.remembered import Answer, Recent, RememberedAnswers
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
        (
            KeyRequest("x", Access("", ("stock:read",), role="a", principal="b"), "me"),
            "leave --role",
        ),
    ],
)
def test_keys_that_make_no_sense_are_not_made(engine: Engine, request_: KeyRequest, says: str):
    with pytest.raises(InputError, match=says):
        create_key(engine, request_, now=NOW)
    assert list_keys(engine) == []


POLICY = AccessPolicy.model_validate(
    {
        "roles": {
            "sales": {
                "pages": ["orders"],
                "rows": {"channels": ["a", "b"]},
                "hidden": ["*cost*"],
            },
            "manager": {"pages": ["*"], "actions": ["*"]},
        },
        "people": [
            {"group": "all", "role": "manager"},
            {"email": "li@x.cn", "name": "Li", "role": "sales", "rows": {"channels": ["b"]}},
        ],
        "everyone": "manager",
    }
)


def test_own_conditions_only_narrow_those_of_the_policy():
    """Rows are those that both permit, hidden columns those that either hides."""

    def sight(**access: Any) -> Sight:
        return Access("k", (), **access).viewer(lambda: POLICY).sight

    assert sight(role="manager") == EVERYTHING
    assert sight(role="sales") == Sight.of({"channel": ["a", "b"]}, ["*cost*"])
    assert sight(role="sales", channels=("b", "c")) == Sight.of({"channel": ["b"]}, ["*cost*"])
    assert sight(role="sales", channels=("c",)).permitted() == {"channel": ()}, "no row at all"
    assert sight(role="sales", regions=("江苏省",), hidden_columns=("margin",)) == Sight.of(
        {"channel": ["a", "b"], "region": ["江苏省"]}, ["*cost*", "margin"]
    )
    assert sight(principal="LI@x.cn") == Sight.of({"channel": ["b"]}, ["*cost*"])


def test_a_key_acts_as_its_principal_or_in_the_name_it_was_given():
    li = Access("k", (), principal="li@x.cn").viewer(lambda: POLICY)
    assert (li.person, li.role, li.may("approve")) == ("Li", "sales", False)
    shop = Access("k", (), role="manager", person="Wang").viewer(lambda: POLICY)
    assert (shop.person, shop.role, shop.may("approve")) == ("Wang", "manager", True)


@pytest.mark.parametrize(
    "access", [Access("k", (), role="gone"), Access("k", (), principal="all"),
               Access("k", (), principal="nobody@x.cn")]
)  # fmt: skip
def test_whom_the_policy_does_not_name_sees_nothing(access: Access):
    """Neither a group nor `everyone` stands for a principal: nobody signed in."""
    with pytest.raises(ForbiddenError, match=r"access\.yml"):
        access.viewer(lambda: POLICY)


def test_a_key_older_than_roles_sees_what_it_saw_whatever_the_policy_says(engine: Engine):
    """As revision 0004 kept it: without role, principal, regions and sites."""
    secret = "ffk_0123456789ab_" + "x" * 43
    with engine.begin() as connection:
        connection.execute(text(
            "insert into api_keys (key_id, name, key_hash, scopes, channels, hidden_columns, "
            "requests_per_minute, created_at, created_by) values ('0123456789ab', 'old', :hash, "
            "'[\"orders:read\"]', '[\"a\"]', '[\"*cost*\"]', 60, '2026-11-01 00:00:00', 'me')"
        ), {"hash": hashlib.sha256(secret.encode()).hexdigest()})  # fmt: skip
    found = authenticate(engine, secret, now=NOW)
    assert found is not None

    def never() -> AccessPolicy:
        raise AssertionError("it has no place in the policy")

    assert found.viewer(never).sight == Sight.of({"channel": ["a"]}, ["*cost*"])


def test_digest_is_of_what_is_seen():
    seen = [
        Access("", ()),
        Access("", (), channels=("a",)),
        Access("", (), businesses=("a",)),
        Access("", (), regions=("a",)),
        Access("", (), sites=("a",)),
        Access("", (), hidden_columns=("a",)),
    ]
    assert len({one.own_sight().digest() for one in seen}) == len(seen)
    same = [
        Access("1", ("orders:read",), channels=("a", "b")),
        Access("2", (), channels=("b", "a")),
    ]
    assert len({one.own_sight().digest() for one in same}) == 1


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


def test_a_key_needs_a_place_in_the_policy_that_there_is(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOURFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("FOURFLOW_CONFIG", "none")
    (tmp_path / "access.yml").write_text(
        "roles:\n  sales: {pages: [orders]}\npeople:\n  - {email: li@x.cn, role: sales}\n",
        encoding="utf-8",
    )
    asked = ["api-keys", "create", "agent", "--scope", "orders:read", "--json"]

    def made(*more: str) -> Result:
        return CliRunner().invoke(app, [*asked, *more])

    for more, says in [
        ((), "needs a place"),
        (("--role", "sale"), "no role sale"),
        (("--principal", "wang@x.cn"), "wang@x.cn is not among"),
    ]:
        refused = made(*more)
        assert refused.exit_code != 0
        assert says in str(refused.exception) + refused.output
    for more in (("--role", "sales"), ("--principal", "Li@x.cn")):
        found = authenticate(
            open_database(load_settings()), json.loads(made(*more).stdout)["key"],
            now=datetime.now(UTC),
        )  # fmt: skip
        assert found is not None
        assert more[1] in (found.role, found.principal)


def test_answers_are_remembered_within_their_bytes():
    answers = RememberedAnswers(most_bytes=10)
    five = Answer(b"12345", 1)
    for tag in ("a", "b", "a"):
        answers.keep(tag, five)
    assert answers.find("b") == five
    answers.keep("c", five)
    assert answers.find("a") is None, "not used longest"
    assert answers.find("b") == answers.find("c") == five
    answers.keep("d", Answer(b"12345678901"))
    assert [answers.find(tag) for tag in "abcd"] == [None] * 4, "larger than all that fits"


def test_an_answer_that_many_ask_for_at_once_is_made_once():
    answers, made, gate = RememberedAnswers(most_bytes=10), [], threading.Event()

    def make() -> Answer:
        gate.wait(10)
        made.append(1)
        return Answer(b"1")

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(answers.once, "a", make) for _ in range(8)]
        gate.set()
        assert {one.result().body for one in asked} == {b"1"}
    assert len(made) == 1
    with pytest.raises(ZeroDivisionError):
        answers.once("b", lambda: Answer(bytes(1 // 0)))
    assert answers.once("b", lambda: Answer(b"2")).body == b"2", "a failure is not remembered"


def test_what_was_looked_up_is_good_for_a_moment():
    seconds = [0.0]
    recent: Recent[str, int] = Recent(lambda: seconds[0], 1.0, most=2)
    recent.keep("a", 1)
    assert recent.find("a") == 1
    seconds[0] = 1.0
    assert recent.find("a") is None
    for name in "abc":
        recent.keep(name, 2)
    assert [recent.find(name) for name in "abc"] == [None, 2, 2]
