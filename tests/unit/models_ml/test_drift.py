"""Drift: the stability index of its definition, its limit where nothing moves, its alarm."""

import math

import numpy as np
import pandas as pd
import pytest

from models_ml.drift import LEAST_LIMIT, as_table, drift_row, limit_of, stability_index
from models_ml.risk import evaluate


def test_the_index_is_that_of_the_definition() -> None:
    training, current = [1.0] * 60 + [2.0] * 30 + [math.nan] * 10, [1.0] * 20 + [3.0] * 30
    shares = {  # half a row is added to each of the four bins
        "p": [60.5 / 102, 30.5 / 102, 0.5 / 102, 10.5 / 102],
        "q": [20.5 / 52, 0.5 / 52, 30.5 / 52, 0.5 / 52],
    }
    by_hand = sum((q - p) * math.log(q / p) for p, q in zip(shares["p"], shares["q"], strict=True))
    index, bins = stability_index(np.array(training), np.array(current), is_category=True)
    assert (index, bins) == (pytest.approx(by_hand), 4)
    # A number with few values is counted by value too.
    assert stability_index(np.array(training), np.array(current))[0] == pytest.approx(by_hand)


def test_what_does_not_move_passes_and_what_moves_does_not() -> None:
    rng = np.random.default_rng(5)
    few = [stability_index(rng.normal(size=60), rng.normal(size=40)) for _ in range(400)]
    above = np.mean([index > limit_of(bins, 60, 40) for index, bins in few])
    assert above < 0.03  # 1 % by chance, while a limit of 0.25 alone would be passed by:
    assert np.mean([index > LEAST_LIMIT for index, _ in few]) > 0.2
    rows = [
        drift_row("same", rng.normal(size=3_000), rng.normal(size=900), groups=(3_000, 900)),
        drift_row("moved", rng.normal(size=3_000), rng.normal(0.8, size=900), groups=(3_000, 900)),
    ]
    table = as_table(rows)
    assert list(table["input"]) == ["moved", "same"]
    assert list(table["has_drifted"]) == [True, False]


def test_an_evaluation_tells_which_input_moved() -> None:
    rng = np.random.default_rng(2)
    count = 3_000
    day = np.sort(rng.uniform(0, 200, count))
    weight = rng.normal(size=count)
    frame = pd.DataFrame(
        {
            "placed_at": pd.Timestamp("2026-01-01") + pd.to_timedelta(day, unit="D"),
            "weight": weight,
            "price": rng.normal(size=count) + np.where(day > 186, 2.0, 0.0),
            "late": (rng.random(count) < 1 / (1 + np.exp(-weight))).astype(int),
        }
    )
    drift = evaluate(frame, label="late", decided_at="placed_at").drift.set_index("input")
    assert set(drift.index) == {"weight", "price", "score"}
    assert drift["has_drifted"].to_dict() == {"weight": False, "price": True, "score": False}
    newest = frame["placed_at"] > frame["placed_at"].max() - pd.Timedelta(days=14)
    assert set(drift["current_rows"]) == {int(newest.sum())}
