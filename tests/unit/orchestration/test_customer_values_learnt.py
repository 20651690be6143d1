"""Values of customers in a real lake: who is valued, kept while nothing is new, refused if few."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from connectors.lake.attach import connect_snapshot, connect_writer
from connectors.settings import Settings, load_settings
from models_ml.customers import clv
from orchestration.learning.checks import check_models
from orchestration.learning.customer_values import VALUE_HORIZON_DAYS, learn_customer_values

NOW = datetime(2026, 7, 1, tzinfo=UTC)
LAST = date(2026, 6, 30)
PEOPLE = {("shop", "CNY"): 160, ("shop", "USD"): 20, ("mall", "CNY"): 12}


def made_purchases() -> pd.DataFrame:
    """Orders of three groups of people; one order in twenty was refunded beyond its amount."""
    random = np.random.default_rng(8)
    rows = []
    for (business, currency), people in PEOPLE.items():
        for number in range(people):
            day = int(random.integers(0, 80))
            while day <= 119:
                amount = Decimal(str(round(float(random.lognormal(4, 0.5)), 2)))
                rows.append(
                    {
                        "business": business,
                        "person_key": f"{business}:{currency}:{number:03}",
                        "channel": "web" if random.random() < 0.7 else "app",
                        "is_purchase": True,
                        "created_on": LAST - timedelta(days=119 - day),
                        "net_amount": -amount if random.random() < 0.05 else amount,
                        "currency_code": currency,
                    }
                )
                day += 1 + int(random.exponential(18))
    after = {**rows[0], "created_on": LAST + timedelta(days=3)}  # of the future: not learnt from
    return pd.DataFrame([*rows, {**rows[0], "is_purchase": False}, after])


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home with a lake that has nothing but purchases and the clock."""
    found = load_settings(home=tmp_path_factory.mktemp("home"))
    with connect_writer(found, purpose="test") as connection:
        connection.execute("create schema lake.marts")
        connection.register("made", made_purchases())
        connection.execute(
            "create table lake.marts.fct_person_orders as select * replace "
            "(net_amount::decimal(18, 2) as net_amount, created_on::date as created_on) from made"
        )
        connection.execute(
            "create table lake.marts.int_business_clock as "
            "select unnest(['shop', 'mall']) as business, date '2026-06-30' as as_of_date"
        )
    return found


def query(settings: Settings, sql: str) -> pd.DataFrame:
    connection = connect_snapshot(settings)
    try:
        return connection.execute(sql).df()
    finally:
        connection.close()


def test_customers_are_valued_as_the_model_says_of_their_net_purchases(settings):
    learnt = learn_customer_values(settings, now=NOW)
    assert learnt.rows["customer_values"] == PEOPLE["shop", "CNY"]
    assert sum("too few to value" in note for note in learnt.notes) == 2
    bought = made_purchases().query("business == 'shop' and currency_code == 'CNY' and is_purchase")
    bought = bought[bought["created_on"] <= LAST]
    expected = clv(
        bought.assign(paid=bought["net_amount"].clip(lower=Decimal(0)).astype(float)),
        customer="person_key",
        time="created_on",
        amount="paid",
        horizon_days=VALUE_HORIZON_DAYS,
        as_of=LAST,
    )
    found = query(settings, "select * from customer_values order by person_key")
    assert list(found["person_key"]) == list(expected["person_key"])
    assert list(found["expected_purchases"]) == pytest.approx(list(expected["expected_purchases"]))
    assert list(found["expected_value"].astype(float)) == pytest.approx(
        list(expected["expected_value"]), abs=0.006
    )
    first = bought.sort_values("created_on", kind="stable").groupby("person_key")["channel"].first()
    assert dict(zip(found["person_key"], found["channel"], strict=True)) == first.to_dict()


def test_nothing_new_keeps_what_was_learnt_and_a_purchase_learns_again(settings):
    before = learn_customer_values(settings, now=NOW)
    kept = learn_customer_values(settings, now=NOW + timedelta(hours=1))
    assert kept.rows == before.rows
    assert all("inputs unchanged" in note for note in kept.notes)
    with connect_writer(settings, purpose="test") as connection:
        connection.execute(
            "insert into lake.marts.fct_person_orders by name "
            "select 'shop' as business, 'shop:CNY:new' as person_key, 'web' as channel, "
            "true as is_purchase, date '2026-06-29' as created_on, 10 as net_amount, "
            "'CNY' as currency_code"
        )
    again = learn_customer_values(settings, now=NOW + timedelta(hours=2))
    assert again.rows["customer_values"] == before.rows["customer_values"] + 1
    assert sum("inputs unchanged" in note for note in again.notes) == 1  # the mall's


def test_checks_name_a_model_that_loses_to_the_pace_so_far_and_one_that_is_far_off(settings):
    learn_customer_values(settings, now=NOW)
    connection = connect_snapshot(settings)
    try:
        assert not any(check_models(connection, "customer_values").values())
        connection.execute(
            "create temp table customer_value_evaluations as "
            "select * replace (if(metric = 'purchases_bias', 0.8, 9.0) as value) "
            "from customer_value_evaluations"
        )
        found = check_models(connection, "customer_values")
    finally:
        connection.close()
    (worse,) = found["beats_its_baseline"]
    assert "off by 9.00 purchases a customer" in worse
    (far,) = found["is_calibrated"]
    assert "foretold 80 % too high" in far


def test_an_installation_without_purchases_of_people_has_empty_tables(tmp_path):
    found = load_settings(home=tmp_path)
    with connect_writer(found, purpose="test") as connection:
        connection.execute("create schema lake.marts")
    learnt = learn_customer_values(found, now=NOW)
    assert learnt.rows == {"customer_values": 0, "customer_value_evaluations": 0}
    assert query(found, "select * from lake.ml.customer_values").empty
