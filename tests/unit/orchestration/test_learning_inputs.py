"""What a step of learning keeps: businesses whose inputs are those that it last learnt from."""

from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import pandas as pd
import pytest

from orchestration.learning import inputs as learning_inputs
from orchestration.learning.inputs import LastTime, last_time

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
TUESDAY = datetime(2026, 6, 2, tzinfo=UTC)
READ = "select business, sku, quantity from sales"


class Lake:
    """A lake in memory, and a step that learns the sum of each business's sales."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("attach ':memory:' as lake; create schema lake.ml")
        self.connection.execute("create table sales (business varchar, sku varchar, quantity int)")

    def sell(self, business: str, quantity: int) -> None:
        self.connection.execute("insert into sales values ($1, 'a', $2)", [business, quantity])

    def learn(self, now: datetime, step: str = "demand", read: str = READ) -> LastTime:
        """Look back, then write what a step would: here the inputs alone decide."""
        before = last_time(self.connection, step, (), read=read, now=now)
        self.connection.register("inputs", before.inputs)
        self.connection.execute(
            "create or replace table lake.ml.learning_inputs as select step::varchar as step, "
            "business::varchar as business, fingerprint::varchar as fingerprint, "
            "learnt_at::timestamptz as learnt_at from inputs"
        )
        return before


@pytest.fixture
def lake() -> Iterator[Lake]:
    made = Lake()
    made.sell("shop", 1)
    made.sell("till", 2)
    yield made
    made.connection.close()


def test_the_first_time_nothing_is_kept(lake: Lake) -> None:
    before = lake.learn(MONDAY)
    assert before.kept == {}
    assert not before.is_current


def test_the_same_inputs_are_not_learnt_from_again(lake: Lake) -> None:
    lake.learn(MONDAY)
    again = lake.learn(TUESDAY)
    assert again.is_current
    assert again.kept == {"shop": MONDAY, "till": MONDAY}


def test_only_a_business_that_changed_is_learnt_anew(lake: Lake) -> None:
    lake.learn(MONDAY)
    lake.sell("till", 3)
    changed = lake.learn(TUESDAY)
    assert changed.kept == {"shop": MONDAY}
    assert not changed.is_current
    assert lake.learn(TUESDAY).kept == {"shop": MONDAY, "till": TUESDAY}


def test_the_order_of_rows_says_nothing_and_a_repeated_row_does(lake: Lake) -> None:
    lake.sell("shop", 4)
    lake.learn(MONDAY)
    lake.connection.execute("create or replace table sales as from sales order by quantity desc")
    assert lake.learn(TUESDAY).is_current
    lake.sell("shop", 4)
    lake.sell("shop", 4)
    assert "shop" not in lake.learn(TUESDAY).kept


def test_a_business_that_left_is_forgotten(lake: Lake) -> None:
    lake.learn(MONDAY)
    lake.connection.execute("delete from sales where business = 'till'")
    left = lake.learn(TUESDAY)
    assert left.kept == {"shop": MONDAY}
    assert not left.is_current
    assert list(left.inputs["business"]) == ["shop"]


def test_other_code_learns_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.learn(MONDAY)
    monkeypatch.setattr(learning_inputs, "code_version", lambda: "other")
    assert lake.learn(TUESDAY).kept == {}


def test_steps_do_not_know_of_each_other(lake: Lake) -> None:
    lake.learn(MONDAY)
    other = lake.learn(TUESDAY, step="returns")
    assert other.kept == {}
    assert sorted(other.inputs["step"].unique()) == ["demand", "returns"]
    assert lake.learn(TUESDAY).kept == {"shop": MONDAY, "till": MONDAY}


def test_what_was_learnt_of_a_kept_business_is_handed_on(lake: Lake) -> None:
    lake.connection.execute(
        "create table lake.ml.demand_backtest as select unnest(['shop', 'till']) as business, "
        "'naive' as method"
    )
    lake.learn(MONDAY)
    lake.sell("till", 3)
    before = last_time(lake.connection, "demand", ("demand_backtest",), read=READ, now=TUESDAY)
    expected = pd.DataFrame({"business": ["shop"], "method": ["naive"]})
    pd.testing.assert_frame_equal(before.rows["demand_backtest"], expected, check_dtype=False)
