"""Fraud: features as of each order, an alarm for rings, silence for families and pick-up points."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import poisson

from models_ml.frames import FrameError
from models_ml.risk.fraud import (
    FraudConfig,
    Watch,
    WatchConfig,
    _surprise,
    score_stream,
    sharing_features,
)

KEYS = ("device", "address", "phone", "card")
ROLES = {"account": "account", "time": "placed_at", "label": "is_fraud", "known_at": "known_at"}


@pytest.fixture(scope="module")
def stream() -> pd.DataFrame:
    """People who share homes and a pick-up point, and one ring on day 60."""
    rng = np.random.default_rng(8)
    count, people = 2_500, 800
    who = rng.integers(0, people, count)
    day = np.sort(rng.uniform(0, 90, count))
    orders = pd.DataFrame(
        {
            "account": [f"u{one}" for one in who],
            "device": [f"d{one}" for one in who],
            "address": [f"point{one % 4}" if one % 5 == 0 else f"home{one // 2}" for one in who],
            "phone": [f"p{one // 2}" if one % 3 == 0 else f"p-{one}" for one in who],
            "card": pd.Series([f"c{one}" for one in who]).mask(rng.random(count) < 0.1),
            "day": day,
            "is_fraud": 0,
        }
    )
    size = 40
    step = np.arange(size)
    ring = pd.DataFrame(
        {
            "account": [f"ring{one}" for one in step],
            "device": [f"rd{one // 10}" for one in step],
            "address": [f"ra{one // 20}" for one in step],
            "phone": [f"rp{one}" for one in step],
            "card": [f"rc{(one + 5) // 10}" for one in step],
            "day": 60 + step / size,
            "is_fraud": 1,
        }
    )
    both = pd.concat([orders, ring]).sort_values("day", kind="stable", ignore_index=True)
    both["placed_at"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(both["day"], unit="D")
    both["known_at"] = both["placed_at"] + pd.Timedelta(days=20)
    return both


def test_features_equal_a_plain_walk(stream) -> None:
    part = stream.iloc[1_600:1_800].reset_index(drop=True)
    found = sharing_features(
        part, account="account", time="placed_at", keys=KEYS, windows_hours=(24.0,)
    )
    for place, row in part.iterrows():
        before = part.iloc[:place]
        recent = before[before["placed_at"] >= row["placed_at"] - pd.Timedelta(hours=24)]
        assert found.loc[place, "account_orders"] == (before["account"] == row["account"]).sum()
        for key in KEYS:
            same = before[before[key] == row[key]]
            others = set(same["account"]) - {row["account"]}
            assert found.loc[place, f"{key}_orders"] == len(same)
            assert found.loc[place, f"{key}_orders_24h"] == (recent[key] == row[key]).sum()
            assert found.loc[place, f"{key}_accounts"] == len(others)
            first = same.groupby("account")["placed_at"].min()
            came = first[first.index.isin(others)]
            within = (came >= row["placed_at"] - pd.Timedelta(hours=24)).sum()
            assert found.loc[place, f"{key}_accounts_24h"] == within


def test_ring_is_seen_at_once_and_nobody_else(stream) -> None:
    scored = score_stream(stream, **ROLES)
    ring = stream["is_fraud"] == 1
    flagged = scored["is_attack"]
    caught = np.flatnonzero((flagged & ring)[ring])
    assert caught[0] < 10
    assert len(caught) == ring.sum() - caught[0]
    assert not (flagged & ~ring).any()
    assert not scored.loc[stream["day"] < 60, "is_alarm"].any()
    assert scored.loc[flagged, "is_flagged"].all()
    assert scored["shared"][flagged].str.contains("device|card").all()


def test_nothing_later_changes_a_score(stream) -> None:
    """Everything after day 62, verdicts included, is another story: scores before stay."""
    cut = stream["day"] < 62
    changed = stream.copy()
    changed.loc[~cut, ["device", "card"]] = "one for all"
    changed.loc[~cut, "account"] = [f"x{number}" for number in range(int((~cut).sum()))]
    later = changed["known_at"] > changed.loc[~cut, "placed_at"].min()
    changed.loc[later, "is_fraud"] = 1 - changed.loc[later, "is_fraud"]
    config = FraudConfig(least_frauds=5, refit_days=7)
    first = score_stream(stream, config=config, **ROLES)[cut]
    second = score_stream(changed, config=config, **ROLES)[cut]
    pd.testing.assert_frame_equal(first, second)


def test_one_kind_of_sharing_alone_is_no_ring() -> None:
    watch = Watch(WatchConfig(warm_up_days=0))
    verdicts = [
        watch.observe(f"a{number}", number / 50, {"device": "tablet", "card": f"c{number}"})
        for number in range(60)
    ]
    assert max(one.evidence for one in verdicts) == 6.0
    assert not any(one.is_suspicious for one in verdicts)


def test_alarm_ends_when_the_ring_is_gone() -> None:
    watch = Watch(WatchConfig(warm_up_days=0))
    values = {"device": "d", "card": "c"}
    ring = [watch.observe(f"r{number}", number / 20, values) for number in range(10)]
    assert [one.is_attack for one in ring] == [False] * 5 + [True] * 5
    assert watch.observe("u", 5.0, {"device": "other"}).is_alarm
    assert not watch.observe("u", 20.0, {"device": "other"}).is_alarm
    assert not watch.observe("r99", 20.1, {"device": "d"}).is_attack


@pytest.mark.parametrize(("count", "expected"), [(1, 0.1), (4, 0.3), (12, 3.0), (25, 0.5)])
def test_surprise_is_the_poisson_tail(count, expected) -> None:
    wanted = -poisson.logsf(count - 1, expected)
    assert _surprise(count, expected) == pytest.approx(wanted, rel=2e-2)
    assert _surprise(1, 5.0) == 0.0


def test_bad_streams_are_refused(stream) -> None:
    with pytest.raises(FrameError, match="lacks the column"):
        score_stream(stream.drop(columns="card"), **ROLES)
    turned = stream.iloc[::-1]
    with pytest.raises(FrameError, match="sort by placed_at") as caught:
        score_stream(turned, **ROLES)
    assert len(caught.value.rows) == 20
