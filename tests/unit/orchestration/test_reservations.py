"""Stock is promised once: alone, in bundles, at once, by queue; and the entries explain it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from connectors.database.engine import write_transaction
from connectors.database.schema import stock_balances
from connectors.errors import InputError
from orchestration.allocation.consistency import inconsistencies
from orchestration.allocation.reservations import (
    Line,
    components,
    count_stock,
    expire_reservations,
    find_reservation,
    receive,
    release,
    reserve,
    retry_waiting,
    ship,
)
from tests.benchmarks.reservations import reserve_at_once

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HEAVY = bool(os.environ.get("FOURFLOW_TEST_HEAVY"))
BUNDLES = {"box": {"cup": 2, "tea": 1}, "crate": {"box": 3, "tea": 1}}


def balance(engine: Engine, sku: str, site: str = "shop") -> tuple[int, int]:
    with engine.connect() as connection:
        b = stock_balances.c
        query = select(b.on_hand, b.reserved).where(b.site == site, b.sku == sku)
        return tuple(connection.execute(query).one())


@pytest.fixture
def stocked(engine: Engine) -> Engine:
    receive(engine, [Line("shop", "cup", 10), Line("shop", "tea", 4)], document="gr-1", now=NOW)
    return engine


def test_reservation_is_all_or_nothing_and_says_what_is_missing(stocked: Engine) -> None:
    good = reserve(stocked, "a", [Line("shop", "cup", 8), Line("shop", "tea", 4)], now=NOW)
    assert (good.state, good.reason) == ("reserved", None)
    bad = reserve(stocked, "b", [Line("shop", "cup", 1), Line("shop", "tea", 1)], now=NOW)
    assert bad.state == "refused"
    assert bad.reason == "1 of tea wanted at shop, 0 free (4 on hand, 4 reserved)"
    assert balance(stocked, "cup") == (10, 8), "nothing of a refused request is kept"
    unknown = reserve(stocked, "c", [Line("moon", "cup", 1)], now=NOW)
    assert unknown.reason == "moon does not keep cup"
    assert inconsistencies(stocked) == []


def test_asking_again_changes_nothing_and_another_request_needs_another_key(
    stocked: Engine,
) -> None:
    for _ in range(3):
        assert reserve(stocked, "a", [Line("shop", "cup", 8)], now=NOW).state == "reserved"
    assert balance(stocked, "cup") == (10, 8)
    with pytest.raises(InputError, match="exists with other lines"):
        reserve(stocked, "a", [Line("shop", "cup", 9)], now=NOW)


def test_bundle_is_reserved_in_its_components_together_with_single_articles(
    stocked: Engine,
) -> None:
    """The same component twice in one request: each line alone would fit, both do not."""
    lines = [Line("shop", "box", 3), Line("shop", "tea", 2)]
    refused = reserve(stocked, "a", lines, now=NOW, bundles=BUNDLES)
    assert refused.reason == "5 of tea wanted at shop, 4 free (4 on hand, 0 reserved)"
    fits = [Line("shop", "box", 3), Line("shop", "tea", 1)]
    assert reserve(stocked, "b", fits, now=NOW, bundles=BUNDLES).state == "reserved"
    assert (balance(stocked, "cup"), balance(stocked, "tea")) == ((10, 6), (4, 4))


def test_bundles_of_bundles_are_taken_apart() -> None:
    found = components([Line("s", "crate", 2), Line("s", "cup", 1)], BUNDLES)
    assert found == [Line("s", "cup", 13), Line("s", "tea", 8)]
    with pytest.raises(InputError, match="contains itself"):
        components([Line("s", "a", 1)], {"a": {"b": 1}, "b": {"a": 1}})
    with pytest.raises(InputError, match="positive quantity"):
        components([Line("s", "a", 0)], {})


def test_released_stock_is_free_again_and_shipped_stock_is_gone(stocked: Engine) -> None:
    reserve(stocked, "a", [Line("shop", "cup", 6)], now=NOW)
    reserve(stocked, "b", [Line("shop", "cup", 4)], now=NOW)
    for _ in range(2):
        assert ship(stocked, "a", now=NOW).state == "shipped"
        assert release(stocked, "b", now=NOW, reason="cancelled").state == "released"
    assert balance(stocked, "cup") == (4, 0)
    assert release(stocked, "a", now=NOW, reason="too late").state == "shipped"
    with pytest.raises(InputError, match="is released"):
        ship(stocked, "b", now=NOW)
    assert inconsistencies(stocked) == []


def test_queue_is_served_in_order_when_goods_arrive(stocked: Engine) -> None:
    requests = [("big", 6, 100), ("small", 1, 100), ("vip", 2, 1), ("other", 9, 100)]
    for minute, (key, quantity, priority) in enumerate(requests):
        sku = "cup" if key == "other" else "tea"
        moment = NOW + timedelta(minutes=minute)
        reserve(stocked, f"own-{key}", [Line("shop", sku, 4)], now=NOW) if minute == 0 else None
        found = reserve(
            stocked, key, [Line("shop", sku, quantity)], now=moment, priority=priority, waits=True
        )
        assert found.state == ("reserved" if key == "other" else "waiting")
    receive(stocked, [Line("shop", "tea", 4)], document="gr-2", now=NOW)
    served = [one.reservation_id for one in retry_waiting(stocked, now=NOW)]
    assert served == ["vip"], "small must not overtake big, which has waited longer"
    receive(stocked, [Line("shop", "tea", 6)], document="gr-3", now=NOW)
    assert [one.reservation_id for one in retry_waiting(stocked, now=NOW)] == ["big", "small"]
    assert find_reservation(stocked, "small").state == "reserved"
    assert inconsistencies(stocked) == []


def test_refused_request_may_be_tried_again_under_its_key(stocked: Engine) -> None:
    lines = [Line("shop", "tea", 5)]
    assert reserve(stocked, "a", lines, now=NOW).state == "refused"
    receive(stocked, [Line("shop", "tea", 1)], document="gr-2", now=NOW)
    assert reserve(stocked, "a", lines, now=NOW).state == "reserved"


def test_document_is_booked_once(stocked: Engine) -> None:
    for _ in range(2):
        receive(stocked, [Line("shop", "tea", 5)], document="gr-2", now=NOW)
        count_stock(stocked, [Line("shop", "cup", 7)], document="count-1", now=NOW)
    assert (balance(stocked, "tea"), balance(stocked, "cup")) == ((9, 0), (7, 0))


def test_count_below_what_is_reserved_stops_further_promises_and_shipping(stocked: Engine) -> None:
    reserve(stocked, "a", [Line("shop", "cup", 8)], now=NOW)
    count_stock(stocked, [Line("shop", "cup", 5)], document="count-1", now=NOW)
    assert reserve(stocked, "b", [Line("shop", "cup", 1)], now=NOW).state == "refused"
    with pytest.raises(InputError, match="less than 8 of cup"):
        ship(stocked, "a", now=NOW)
    assert balance(stocked, "cup") == (5, 8)
    release(stocked, "a", now=NOW, reason="short")
    assert reserve(stocked, "c", [Line("shop", "cup", 5)], now=NOW).state == "reserved"
    assert inconsistencies(stocked) == []


def test_reservation_that_is_not_shipped_in_time_ends(stocked: Engine) -> None:
    until = NOW + timedelta(hours=1)
    reserve(stocked, "a", [Line("shop", "cup", 8)], now=NOW, expires_at=until)
    reserve(stocked, "b", [Line("shop", "cup", 2)], now=NOW)
    assert expire_reservations(stocked, now=NOW) == 0
    assert expire_reservations(stocked, now=until) == 1
    assert find_reservation(stocked, "a").state == "expired"
    assert balance(stocked, "cup") == (10, 2)


def test_balance_that_somebody_changed_by_hand_is_found(stocked: Engine) -> None:
    with write_transaction(stocked) as connection:
        connection.execute(
            update(stock_balances).where(stock_balances.c.sku == "tea").values(on_hand=99)
        )
    (found,) = inconsistencies(stocked)
    assert "99 on hand and 0 reserved, its entries sum to 4 and 0" in found.sentence


steps = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "wait", "release", "ship", "receive", "count", "retry"]),
        st.integers(0, 5), st.sampled_from(["cup", "tea", "box"]), st.integers(1, 6),
    ), max_size=25,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def test_any_sequence_keeps_the_books_and_the_promise(
    steps: list[tuple[str, int, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Against a naive model: what is free never falls below zero except by a count."""
    engine = _fresh(tmp_path_factory)
    receive(engine, [Line("s", "cup", 6), Line("s", "tea", 3)], document="open", now=NOW)
    for number, (what, key, sku, quantity) in enumerate(steps):
        before = {one: balance(engine, one, "s") for one in ("cup", "tea")}
        try:
            _step(engine, what, f"r{key}-{sku}-{quantity}", Line("s", sku, quantity), number)
        except InputError:
            assert {one: balance(engine, one, "s") for one in before} == before
        for one, (on_hand, reserved) in before.items():
            now_on_hand, now_reserved = balance(engine, one, "s")
            assert now_reserved >= 0
            if now_reserved > reserved:
                assert now_reserved <= now_on_hand
            if what in ("reserve", "wait", "retry", "release"):
                assert now_on_hand == on_hand
    assert inconsistencies(engine) == []
    engine.dispose()


def _step(engine: Engine, what: str, key: str, line: Line, number: int) -> None:
    single = Line("s", "tea" if line.sku == "box" else line.sku, line.quantity)
    actions: dict[str, Callable[[], object]] = {
        "reserve": lambda: reserve(engine, key, [line], now=NOW, bundles=BUNDLES),
        "wait": lambda: reserve(engine, key, [line], now=NOW, bundles=BUNDLES, waits=True),
        "release": lambda: release(engine, key, now=NOW, reason="cancelled"),
        "ship": lambda: ship(engine, key, now=NOW),
        "receive": lambda: receive(engine, [single], document=f"gr-{number}", now=NOW),
        "count": lambda: count_stock(engine, [single], document=f"c-{number}", now=NOW),
        "retry": lambda: retry_waiting(engine, now=NOW),
    }
    actions[what]()


def _fresh(factory: pytest.TempPathFactory) -> Engine:
    """A database of its own, copied from one that is at the newest schema."""
    from tests.delivery_trials import open_sqlite, prepare_sqlite

    template = factory.getbasetemp() / "reservations.sqlite"
    if not template.exists():
        prepare_sqlite(template)
    path = factory.mktemp("books") / "operations.sqlite"
    path.write_bytes(template.read_bytes())
    return open_sqlite(path)


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_processes_at_once_never_promise_twice(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Acceptance: 10,000 reservations from 8 processes (here fewer; all of them when heavy)."""
    url = f"sqlite:///{tmp_path / 'operations.sqlite'}"
    if backend == "postgresql":
        url = request.getfixturevalue("make_postgres_database")()
    requests = 10_000 if HEAVY else 400
    figures = reserve_at_once(url, requests)
    assert figures["reserved"] + figures["refused"] == requests
    assert figures["reserved"] > 0
    assert figures["refused"] > 0
    wrong = ("unexplained", "negative_balances", "inconsistent", "unfinished")
    assert {name: figures[name] for name in wrong} == dict.fromkeys(wrong, 0)
