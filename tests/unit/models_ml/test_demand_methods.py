"""The vectorised local methods against plain loops written from their definitions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.demand.boosting import fit_boosted
from models_ml.demand.config import DemandConfig
from models_ml.demand.local import (
    available_methods,
    forecast_level,
    forecast_moving_average,
    forecast_sba,
    forecast_seasonal_average,
    forecast_seasonal_naive,
    forecast_tsb,
    without_spikes,
)
from models_ml.demand.season import seasonal_factors
from models_ml.demand.series import Calendar, SeriesMatrix

CONFIG = DemandConfig()


def matrix(units: np.ndarray, known: np.ndarray | None = None) -> SeriesMatrix:
    known = np.ones(units.shape, bool) if known is None else known
    ids = np.array([f"S{number}" for number in range(len(units))], dtype=object)
    calendar = Calendar("D", "D", pd.Timestamp("2025-01-01"))
    return SeriesMatrix(ids, calendar, 20_000, units * known, known, np.zeros_like(known))


@st.composite
def pasts(draw) -> SeriesMatrix:
    series, days = draw(st.integers(1, 5)), draw(st.integers(2, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    units = rng.poisson(draw(st.sampled_from([0.2, 3.0])), (series, days)).astype(float)
    known = rng.random((series, days)) > draw(st.sampled_from([0.0, 0.3]))
    return matrix(units, known)


def known_units(past: SeriesMatrix, row: int, columns) -> list[float]:
    return [past.units[row, column] for column in columns if past.known[row, column]]


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


@given(pasts(), st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_averages_equal_their_loops(past, horizon) -> None:
    days = past.periods
    average = forecast_moving_average(past, horizon, periods=4)
    seasonal = forecast_seasonal_average(past, horizon, seasons=3)
    naive = forecast_seasonal_naive(past, horizon)
    for row in range(len(past.ids)):
        everything = known_units(past, row, range(days))
        recent = known_units(past, row, range(max(days - 4, 0), days))
        assert average[row, 0] == pytest.approx(mean(recent or everything))
        for ahead in range(horizon):
            same = [days - back * 7 + ahead % 7 for back in (1, 2, 3)]
            pool = known_units(past, row, [column for column in same if column >= 0])
            assert seasonal[row, ahead] == pytest.approx(mean(pool or everything))
            column = days - 7 + ahead % 7
            if column >= 0 and past.known[row, column] and days >= 7:
                assert naive[row, ahead] == past.units[row, column]
            else:
                assert naive[row, ahead] == (everything[-1] if everything else 0.0)


@given(pasts(), st.sampled_from([2.0, 9.0]))
@settings(max_examples=25, deadline=None)
def test_level_is_simple_exponential_smoothing_without_its_start(past, half_life) -> None:
    expected = forecast_level(past, 3, half_life=half_life, seasonal=False, config=CONFIG)
    for row in range(len(past.ids)):
        top = bottom = 0.0
        for column in range(past.periods):
            top, bottom = top * 0.5 ** (1 / half_life), bottom * 0.5 ** (1 / half_life)
            if past.known[row, column]:
                top, bottom = top + past.units[row, column], bottom + 1.0
        assert expected[row] == pytest.approx([top / bottom if bottom else 0.0] * 3, abs=1e-4)


@given(pasts())
@settings(max_examples=25, deadline=None)
def test_croston_variants_equal_their_recursions(past) -> None:
    sba = forecast_sba(past, 1, alpha=0.1)[:, 0]
    for row in range(len(past.ids)):
        size = interval = since = 0.0
        for column in range(past.periods):
            if not past.known[row, column]:
                continue
            since += 1
            units = past.units[row, column]
            if units > 0:
                rate = 0.1 if size else 1.0
                size, interval = size + rate * (units - size), interval + rate * (since - interval)
                since = 0.0
        assert sba[row] == pytest.approx(size / max(interval, 1.0) * 0.95)
    tsb = forecast_tsb(past, 1, alpha=0.1)[:, 0]
    for row in range(len(past.ids)):
        seen = known_units(past, row, range(past.periods))
        sales = [units for units in seen if units > 0]
        chance, size = mean([float(units > 0) for units in seen]), mean(sales)
        for units in seen:
            chance += 0.1 * ((units > 0) - chance)
            size += 0.1 * (units - size) if units > 0 else 0.0
        assert tsb[row] == pytest.approx(chance * size)


def test_every_method_forecasts_a_constant_as_itself_and_nothing_as_zero() -> None:
    units = np.vstack([np.full(120, 4.0), np.zeros(120)])
    for method in available_methods(CONFIG):
        expected = method.forecast(matrix(units), 10)
        assert expected.shape == (2, 10)
        tolerance = 0.051 if method.name == "sba" else 1e-6
        assert expected[0] == pytest.approx(np.full(10, 4.0), rel=tolerance), method.name
        assert (expected[1] == 0).all(), method.name


def test_weekday_factors_of_a_fast_series_are_its_own_and_of_a_slow_one_common() -> None:
    profile = np.array([0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 2.0])
    rng = np.random.default_rng(1)
    steady = np.tile(200 * profile, (8, 20)) + rng.poisson(5, (8, 140))
    odd = np.tile(200 * profile[::-1], (1, 20))
    silent = np.zeros((1, 140))
    silent[0, 70] = 1.0
    past = matrix(np.vstack([steady, odd, silent]))
    factors = seasonal_factors(past, np.arange(140, 147), config=CONFIG)
    assert factors[8] == pytest.approx(profile[::-1] / profile.mean(), rel=0.05)
    # One sale on one weekday moves only that weekday, by a third of a unit's weight in twenty.
    assert factors[9, 1:] == pytest.approx(profile[1:] / profile.mean(), rel=0.25)
    assert factors[9, 0] < 1.0
    assert factors.mean(axis=1) == pytest.approx(np.ones(10))


@pytest.mark.parametrize("first_coming", range(7))
def test_boosted_model_keeps_each_weekday_whatever_the_first_coming_one(first_coming) -> None:
    rng = np.random.default_rng(2)
    profile = np.array([1.6, 1.4, 1.0, 0.9, 0.7, 1.4, 0.0])
    days = 154 + first_coming
    mean = rng.gamma(3.0, 5.0, 40)[:, None] * profile[np.arange(days + 7) % 7]
    past = matrix(rng.poisson(mean[:, :days]).astype(float))
    config = DemandConfig(boosting_rounds=25, boosting_rows=6_000, threads=1)
    boosted = fit_boosted(past, 7, config=config)
    assert boosted is not None
    said = boosted.forecast(past, 7).sum(axis=0)
    assert said == pytest.approx(mean[:, days:].sum(axis=0), rel=0.1, abs=15)


def test_one_spike_does_not_set_the_capped_level() -> None:
    units = np.zeros((2, 60))
    units[:, ::3] = 4.0
    units[1, 57] = 400.0
    past = matrix(units)
    methods = {method.name: method for method in available_methods(CONFIG)}
    said = {name: method.forecast(past, 7).mean(axis=1) for name, method in methods.items()}
    cut = CONFIG.spike_cap * (19 * 4.0 + 400.0) / 20
    assert without_spikes(past, config=CONFIG).units.max(axis=1) == pytest.approx([4.0, cut])
    for capped, plain in (("capped_ses_28.0", "seasonal_ses_28.0"), ("capped_adida", "adida")):
        assert said[capped][0] == pytest.approx(said[plain][0], rel=0.02)
        assert said[capped][1] < 0.5 * said[plain][1]


def test_periods_without_stock_are_no_demand_lost() -> None:
    units = np.full((1, 90), 5.0)
    known = np.ones((1, 90), dtype=bool)
    known[0, 60:80] = False
    for method in available_methods(CONFIG):
        expected = method.forecast(matrix(units, known), 5)
        tolerance = 0.06 if method.name == "sba" else 1e-6
        assert expected == pytest.approx(np.full((1, 5), 5.0), rel=tolerance), method.name
