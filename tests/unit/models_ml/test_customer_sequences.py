"""Sequences: the mart's own examples, a naive walk, the planted rule of the simulated world."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from connectors.sandbox.retailer import simulate
from connectors.sandbox.stages.following import WITHIN_DAYS, find_follow_ups
from connectors.sandbox.world import DAY, NEVER, Scenario, WorldConfig
from models_ml.customers import SequenceSettings, sequences
from tests.benchmarks.customers import planted_rule

NAMES: dict[str, Any] = {"customer": "person", "time": "at", "item": "item"}
COUNTS = ["follower_count", "matured_follower_count", "buyer_count", "matured_buyer_count"]


def naive(
    purchases: pd.DataFrame, within: timedelta, as_of: datetime, settings: SequenceSettings
) -> dict[tuple[str, str], list[Any]]:
    """Counts, and the sorted lags, by walking through every customer's purchases."""
    bought: dict[str, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for person, at, item in purchases[["person", "at", "item"]].itertuples(index=False):
        bought[person][item].add(at)
    bought = {p: items for p, items in bought.items() if len(items) <= settings.most_items}
    everything = sorted({item for items in bought.values() for item in items})
    buyers = {item: [p for p in bought if item in bought[p]] for item in everything}
    found = {}
    for first, then in product(everything, everything):
        if min(len(buyers[first]), len(buyers[then])) < settings.least_followers:
            continue
        lags, matured, matured_buyers = [], 0, 0
        for person in buyers[first]:
            began = min(bought[person][first])
            is_over = began + within <= as_of
            matured_buyers += is_over
            after = [at for at in bought[person].get(then, ()) if began < at <= began + within]
            if after:
                lags.append((min(after) - began).days)
                matured += is_over
        if len(lags) >= settings.least_followers:
            counts = [len(lags), matured, len(buyers[first]), matured_buyers]
            found[first, then] = [*counts, len(buyers[then]), len(bought), sorted(lags)]
    return found


@pytest.mark.parametrize("block_pairs", [4_000_000, 40])
def test_rules_are_those_of_a_naive_walk(block_pairs: int) -> None:
    random, start = np.random.default_rng(5), datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        (f"p{random.integers(40)}", start + timedelta(hours=int(random.integers(2400))), item)
        for item in random.choice(list("abcdefghi"), 500, p=[0.3, 0.2, *[0.08] * 6, 0.02])
    ]
    frame = pd.DataFrame(rows, columns=["person", "at", "item"])
    as_of = start + timedelta(hours=2400)
    settings = SequenceSettings(least_followers=5, most_items=7, block_pairs=block_pairs)
    found = sequences(frame, **NAMES, within_days=20, as_of=as_of, settings=settings)
    expected = naive(frame, timedelta(days=20), as_of, settings)

    assert 10 < len(found) == len(expected)
    for rule in found.itertuples():
        *counts, lags = expected[rule.antecedent_item, rule.consequent_item]
        named = [*COUNTS, "consequent_buyer_count", "customer_count"]
        assert [getattr(rule, name) for name in named] == counts
        assert rule.total_lag_days == sum(lags)
        assert rule.median_lag_days == np.median(lags)
        assert rule.support == pytest.approx(counts[0] / counts[5])
        assert rule.confidence == pytest.approx(counts[1] / counts[3])
        assert rule.lift == pytest.approx(counts[1] / counts[3] / (counts[4] / counts[5]))
        ends = binomtest(counts[1], counts[3]).proportion_ci(method="wilson")
        assert [rule.confidence_low, rule.confidence_high] == pytest.approx(ends)


def test_the_example_of_the_mart_gives_the_mart_s_counts() -> None:
    """The rows and figures of the unit test of fct_product_sequences."""
    rows = [
        ("anna", "2024-01-01", "formula"), ("anna", "2024-03-31", "diapers"),
        ("ben", "2024-01-01", "formula"), ("ben", "2024-03-31 00:00:01", "diapers"),
        ("cleo", "2024-01-01", "diapers"), ("cleo", "2024-02-01", "formula"),
        ("cleo", "2024-02-01", "diapers"),
        ("dora", "2024-06-01", "formula"), ("dora", "2024-06-03 12:00:00", "diapers"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["person", "at", "item"])
    frame["at"] = pd.to_datetime(frame["at"], format="ISO8601", utc=True)
    found = sequences(
        frame,
        **NAMES,
        within_days=90,
        as_of=datetime(2024, 6, 29, tzinfo=UTC),
        settings=SequenceSettings(least_followers=1),
    ).set_index(["antecedent_item", "consequent_item"])

    counts = [*COUNTS, "consequent_buyer_count", "customer_count", "total_lag_days"]
    assert found[counts].T.to_dict("list") == {
        ("formula", "diapers"): [2, 1, 4, 3, 4, 4, 92],
        ("diapers", "diapers"): [1, 1, 4, 2, 4, 4, 31],
        ("diapers", "formula"): [1, 1, 4, 2, 4, 4, 31],
    }
    assert found.loc[("formula", "diapers"), "median_lag_days"] == 46


def test_nothing_follows_in_a_frame_of_strangers() -> None:
    frame = pd.DataFrame({"person": list("abc"), "at": "2026-01-01", "item": list("xyz")})
    found = sequences(frame, **NAMES, within_days=30)
    assert found.empty
    assert {"confidence", "lift", "median_lag_days"} <= set(found.columns)


def test_a_window_of_nothing_is_refused() -> None:
    frame = pd.DataFrame({"person": ["a"], "at": ["2026-01-01"], "item": ["x"]})
    with pytest.raises(ValueError, match="within_days is 0"):
        sequences(frame, **NAMES, within_days=0)


def test_the_planted_rule_is_found_with_its_rate_inside_the_interval() -> None:
    """Formula, then diapers: the counts are the simulated world's own."""
    config = WorldConfig(
        end_date=date(2026, 11, 20),
        days=150,
        orders_per_day=150,
        product_count=100,
        scenario=Scenario.full(),
    )
    world = simulate(config)
    rule = planted_rule(world)
    told = find_follow_ups(
        world.products, len(world.accounts), world.orders, world.lines, world.journeys.paid_at
    )
    bought, followed = told.first_at != NEVER, told.followed_at != NEVER
    matured = told.first_at <= config.end_second - WITHIN_DAYS * DAY

    assert rule["buyer_count"] == bought.sum()
    assert rule["follower_count"] == followed.sum()
    assert rule["matured_buyer_count"] == matured.sum() > 100
    assert rule["matured_follower_count"] == (matured & followed).sum()
    planted = config.scenario.follow_up_share
    assert rule["confidence_low"] < planted < rule["confidence_high"]
    assert rule["confidence_high"] - rule["confidence_low"] < 0.2
    assert rule["lift"] > 1
    lags = (told.followed_at - told.first_at)[followed] // DAY
    assert rule["median_lag_days"] == np.median(lags)
