"""The vectorised panel and methods against plain loops written from the definitions."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.demand.config import DemandConfig
from models_ml.demand.methods import (
    available_methods,
    forecast_discounted_level,
    forecast_seasonal_moving_average,
    forecast_seasonal_naive,
    weekday_factors,
)
from models_ml.demand.panel import History, build_panel
from models_ml.frames import FrameError

CONFIG = DemandConfig(weekday_days=28, weekday_prior_units=5.0)


@st.composite
def histories(draw):
    series, days = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    quantity = rng.poisson(draw(st.sampled_from([0.2, 3.0])), (series, days)).astype(float)
    started = rng.integers(0, days + 2, series)
    quantity[np.arange(days)[None, :] < started[:, None]] = 0.0
    return History(quantity, started)


def naive_seasonal_average(units, started, horizon, weeks):
    last = len(units) - 1
    window = [day for day in range(max(0, last + 1 - 7 * weeks), last + 1) if day >= started]
    expected = []
    for ahead in range(1, horizon + 1):
        same = [units[day] for day in window if (last + ahead - day) % 7 == 0]
        everything = [units[day] for day in window]
        pool = same or everything
        expected.append(sum(pool) / len(pool) if pool else 0.0)
    return expected


def naive_factors(history, config):
    """By weekday counted from the origin's own, straight from the docstring."""
    last = history.days - 1
    window = range(max(0, history.days - config.weekday_days), history.days)
    profile = []
    for phase in range(7):
        days = [day for day in window if (day - last) % 7 == phase]
        sold = sum(
            history.quantity[row, day] for row in range(len(history.started)) for day in days
        )
        profile.append(sold / len(days) if days else 0.0)
    mean = sum(profile) / 7
    profile = [value / mean if mean else 1.0 for value in profile]
    result = []
    for row, start in enumerate(history.started):
        lived = [day for day in window if day >= start]
        total = sum(history.quantity[row, day] for day in window)
        factors = []
        for phase in range(7):
            sold = sum(history.quantity[row, day] for day in window if (day - last) % 7 == phase)
            seen = sum((day - last) % 7 == phase for day in lived)
            share = (sold + config.weekday_prior_units * profile[phase] / 7) / (
                total + config.weekday_prior_units
            )
            factors.append(share * (len(lived) + 7) / (seen + 1))
        result.append([factor * 7 / sum(factors) for factor in factors])
    return result


@given(histories(), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_seasonal_naive_repeats_the_last_week(history, horizon) -> None:
    expected = forecast_seasonal_naive(history, horizon)
    for row in range(len(history.started)):
        for ahead in range(1, horizon + 1):
            day = history.days - 1 + ahead
            while day >= history.days:
                day -= 7
            assert expected[row, ahead - 1] == (history.quantity[row, day] if day >= 0 else 0.0)


@given(histories(), st.integers(1, 20), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_seasonal_moving_average_equals_a_plain_loop(history, horizon, weeks) -> None:
    expected = forecast_seasonal_moving_average(history, horizon, weeks=weeks)
    for row, start in enumerate(history.started):
        naive = naive_seasonal_average(history.quantity[row], start, horizon, weeks)
        np.testing.assert_allclose(expected[row], naive, atol=1e-9)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_weekday_factors_equal_a_plain_loop(history) -> None:
    np.testing.assert_allclose(
        weekday_factors(history, config=CONFIG), naive_factors(history, CONFIG), atol=1e-9
    )


@given(histories(), st.sampled_from([3, 14]))
@settings(max_examples=60, deadline=None)
def test_discounted_level_equals_a_plain_loop(history, half_life) -> None:
    expected = forecast_discounted_level(history, 9, half_life=half_life, config=CONFIG)
    factors = naive_factors(history, CONFIG)
    last = history.days - 1
    for row, start in enumerate(history.started):
        top = bottom = 0.0
        for day in range(start, history.days):
            weight = 0.5 ** ((last - day) / half_life)
            top += weight * history.quantity[row, day]
            bottom += weight * factors[row][(day - last) % 7]
        level = top / bottom if bottom > 0 else 0.0
        naive = [level * factors[row][ahead % 7] for ahead in range(1, 10)]
        np.testing.assert_allclose(expected[row], naive, atol=1e-9)


def test_level_without_seasons_is_simple_exponential_smoothing() -> None:
    rng = np.random.default_rng(1)
    units = rng.poisson(4.0, 400).astype(float)
    flat = DemandConfig(weekday_prior_units=1e12)
    alpha = 1 - 0.5 ** (1 / 14)
    level = units[0]
    for value in units[1:]:
        level += alpha * (value - level)
    profile_free = History(np.tile(units, (7, 1)), np.zeros(7, dtype=int))
    # Seven copies shifted by a day each have a flat pooled profile.
    shifted = np.vstack([np.roll(units, shift) for shift in range(7)])
    shifted[0] = units
    history = History(shifted, profile_free.started)
    expected = forecast_discounted_level(history, 7, half_life=14, config=flat)
    assert expected[0].mean() == pytest.approx(level, rel=0.01)


def test_closed_weekday_gets_no_demand() -> None:
    units = np.tile([5.0, 5, 5, 5, 5, 0, 5], (3, 12))
    history = History(units, np.zeros(3, dtype=int))
    for method in available_methods(DemandConfig()):
        expected = method.forecast(history, 14)
        assert expected[:, [5, 12]].max() == pytest.approx(0.0)
        np.testing.assert_allclose(np.delete(expected, [5, 12], axis=1), 5.0, rtol=1e-6)


def test_panel_equals_a_pivot_table(daily_world, last_day) -> None:
    daily = daily_world()
    panel = build_panel(
        daily.sample(frac=1.0, random_state=1), origin=last_day, config=DemandConfig()
    )
    pivot = daily.pivot_table(index="sku", columns="business_date", values="quantity")
    days = [panel.first_day + timedelta(days=day) for day in range(panel.quantity.shape[1])]
    wanted = pivot.reindex(columns=days).fillna(0.0)
    assert panel.skus.tolist() == wanted.index.tolist()
    assert panel.last_day == last_day
    np.testing.assert_array_equal(panel.quantity, wanted.to_numpy())
    first = daily.groupby("sku")["business_date"].min()
    assert [days[column] for column in panel.started] == first.tolist()


def test_panel_keeps_at_most_the_wanted_history_and_nothing_later(daily_world) -> None:
    origin = date(2025, 3, 1)
    panel = build_panel(daily_world(), origin=origin, config=DemandConfig(history_days=30))
    assert panel.quantity.shape[1] == 30
    assert panel.last_day == origin
    assert panel.started.min() == 0


def test_panel_without_sales_is_empty() -> None:
    daily = pd.DataFrame(columns=["business", "sku", "business_date", "quantity"])
    panel = build_panel(daily, origin=date(2025, 1, 1), config=DemandConfig())
    assert panel.business == ""
    assert len(panel.skus) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": [-1, 2]}, "below zero"),
        ({"quantity": [None, 2]}, "without quantity"),
        ({"business_date": ["2025-01-01", "2025-01-01"], "sku": ["a", "a"]}, "share sku"),
        ({"business": ["x", "y"]}, "several businesses"),
        ({"sku": [None, "b"]}, "without sku"),
    ],
)
def test_bad_daily_rows_are_refused(change, message) -> None:
    daily = pd.DataFrame(
        {
            "business": "shop",
            "sku": ["a", "b"],
            "business_date": ["2025-01-01", "2025-01-02"],
            "quantity": [1, 2],
        }
    ).assign(**change)
    with pytest.raises(FrameError, match=message):
        build_panel(daily, origin=date(2025, 1, 5), config=DemandConfig())
