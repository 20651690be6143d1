"""Back-test and forecast: additive errors, honest choice, no look into the future."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from models_ml.demand import DemandConfig, backtest_demand, forecast_demand, wape
from models_ml.demand.backtest import BACKTEST_COLUMNS
from models_ml.demand.folds import CHOSEN
from models_ml.demand.forecast import FORECAST_COLUMNS
from models_ml.demand.intervals import fit_spread
from models_ml.demand.methods import SEASONAL_NAIVE, available_methods
from models_ml.demand.panel import build_panel
from models_ml.evaluations import EVALUATION_COLUMNS

NOW = datetime(2025, 7, 1, tzinfo=UTC)
WORLD_END = date(2025, 7, 29)


@pytest.fixture
def world(daily_world) -> pd.DataFrame:
    return daily_world(series=40, days=210)


def test_backtest_sums_equal_a_plain_recount(world) -> None:
    config = DemandConfig(folds=3)
    backtest = backtest_demand(world, origin=WORLD_END, config=config)
    table = backtest.frame()
    assert tuple(table.columns) == BACKTEST_COLUMNS
    assert not table.duplicated(["business", "method", "fold"]).any()
    assert sorted(table["fold"].unique()) == [2, 3]
    panel = build_panel(world, origin=WORLD_END, config=config)
    units = world.set_index(["sku", "business_date"])["quantity"].to_dict()
    for row in table[table["method"] == SEASONAL_NAIVE].itertuples():
        origin = row.origin_date
        error = actual = bias = 0.0
        series = 0
        for sku in panel.skus:
            past = [
                units.get((sku, origin - timedelta(days=back)), 0)
                for back in range(config.active_days)
            ]
            if not any(past):
                continue
            series += 1
            for ahead in range(1, 29):
                said = past[(-ahead) % 7]
                came = units.get((sku, origin + timedelta(days=ahead)), 0)
                error += abs(said - came)
                bias += said - came
                actual += came
        assert (row.series_count, row.horizon_days) == (series, 28)
        assert row.absolute_error == pytest.approx(error)
        assert row.actual_quantity == pytest.approx(actual)
        assert row.bias_quantity == pytest.approx(bias)


def test_wape_is_a_quotient_of_sums() -> None:
    assert wape(3.0, 12.0) == 0.25
    assert np.isnan(wape(3.0, 0.0))


def test_chosen_method_beats_the_seasonal_naive_on_steady_demand(world) -> None:
    backtest = backtest_demand(world, origin=WORLD_END)
    figures = backtest.evaluations(evaluated_at=NOW).set_index("metric")
    assert tuple(backtest.evaluations(evaluated_at=NOW).columns) == EVALUATION_COLUMNS
    assert figures.loc["wape", "value"] < 0.9 * figures.loc["wape", "baseline_value"]
    assert figures.loc["rmsse", "value"] < figures.loc["rmsse", "baseline_value"]
    assert 0.75 <= figures.loc["interval_coverage", "value"] <= 0.95
    sums = backtest.frame().groupby("method")[["absolute_error", "actual_quantity"]].sum()
    assert figures.loc["wape", "value"] == pytest.approx(
        sums.loc[CHOSEN, "absolute_error"] / sums.loc[CHOSEN, "actual_quantity"]
    )


def test_choice_at_a_fold_looks_at_earlier_folds_only(world) -> None:
    backtest = backtest_demand(world, origin=WORLD_END)
    spoilt_fold = replace(backtest.folds[2], actual=backtest.folds[2].actual * 0 + 99)
    spoilt = replace(backtest, folds=(*backtest.folds[:2], spoilt_fold, *backtest.folds[3:]))
    assert spoilt.choice(before=2) == backtest.choice(before=2)
    np.testing.assert_array_equal(spoilt.spread(2).upper, backtest.spread(2).upper)
    assert (spoilt.spread(3).upper > backtest.spread(3).upper).all()


def test_seasonal_naive_stays_where_nothing_beats_it_by_the_margin(world) -> None:
    config = DemandConfig(choice_margin=0.9)
    backtest = backtest_demand(world, origin=WORLD_END, config=config)
    assert set(backtest.choice().values()) <= {SEASONAL_NAIVE, config.default_method}
    forecast = forecast_demand(world, origin=WORLD_END, scored_at=NOW, config=config)
    assert set(forecast["method"]) == {SEASONAL_NAIVE}


def test_forecast_has_one_row_per_active_sku_and_day(world) -> None:
    silent = world["sku"] == "S001"
    old = world["business_date"] > date(2025, 1, 20)
    kept = world[~(silent & old)]
    config = DemandConfig(active_days=60)
    frame = forecast_demand(kept, origin=WORLD_END, scored_at=NOW, horizon_days=35, config=config)
    assert tuple(frame.columns) == FORECAST_COLUMNS
    assert "S001" not in set(frame["sku"])
    assert (frame.groupby("sku").size() == 35).all()
    assert not frame.duplicated(["business", "sku", "forecast_date"]).any()
    assert set(frame["origin_date"]) == {WORLD_END}
    first = frame.iloc[0]
    assert first["forecast_date"] == WORLD_END + timedelta(days=1)
    assert first["horizon_days"] == 1
    assert first["scored_at"] == pd.Timestamp(NOW)
    assert (frame["lower_quantity"] >= 0).all()
    assert (frame["lower_quantity"] <= frame["expected_quantity"]).all()
    assert (frame["expected_quantity"] <= frame["upper_quantity"]).all()
    assert np.isfinite(frame.select_dtypes("number").to_numpy()).all()
    by_sku = frame.groupby("sku")["cumulative_error_spread"]
    assert (by_sku.last() > by_sku.first()).all()


def test_rows_after_the_origin_change_nothing(world) -> None:
    origin = date(2025, 6, 15)
    late = world["business_date"] > origin
    changed = world.copy()
    changed.loc[late, "quantity"] = changed.loc[late, "quantity"] * 1_000 + 7
    changed.loc[late, "business_date"] = [
        day + timedelta(days=400) for day in changed.loc[late, "business_date"]
    ]
    settings = {"origin": origin, "scored_at": NOW}
    pd.testing.assert_frame_equal(
        forecast_demand(world, **settings), forecast_demand(changed, **settings)
    )
    pd.testing.assert_frame_equal(
        forecast_demand(world, **settings), forecast_demand(world[~late], **settings)
    )
    pd.testing.assert_frame_equal(
        backtest_demand(world, origin=origin).by_class(),
        backtest_demand(changed, origin=origin).by_class(),
    )


def test_same_input_in_any_row_order_gives_the_same_frame(world) -> None:
    settings = {"origin": WORLD_END, "scored_at": NOW}
    shuffled = world.sample(frac=1.0, random_state=4)
    pd.testing.assert_frame_equal(
        forecast_demand(world, **settings), forecast_demand(shuffled, **settings)
    )


def test_backtest_may_be_passed_in_but_must_fit(world) -> None:
    backtest = backtest_demand(world, origin=WORLD_END)
    pd.testing.assert_frame_equal(
        forecast_demand(world, origin=WORLD_END, scored_at=NOW, backtest=backtest),
        forecast_demand(world, origin=WORLD_END, scored_at=NOW),
    )
    with pytest.raises(ValueError, match="another business, origin"):
        forecast_demand(world, origin=date(2025, 6, 1), scored_at=NOW, backtest=backtest)


def test_short_history_takes_the_default_method_and_a_poisson_interval(daily_world) -> None:
    daily = daily_world(days=20)
    origin = date(2025, 1, 20)
    backtest = backtest_demand(daily, origin=origin)
    assert backtest.frame().empty
    assert tuple(backtest.frame().columns) == BACKTEST_COLUMNS
    assert backtest.evaluations(evaluated_at=NOW).empty
    frame = forecast_demand(daily, origin=origin, scored_at=NOW)
    assert set(frame["method"]) == {DemandConfig().default_method}
    assert (frame["upper_quantity"] >= frame["expected_quantity"]).all()
    total = frame.groupby("sku")["expected_quantity"].sum()
    spread = frame.groupby("sku")["cumulative_error_spread"].last()
    np.testing.assert_allclose(spread, np.sqrt(total))


def test_sixty_days_are_enough_for_a_backtest(daily_world) -> None:
    daily = daily_world(days=60)
    backtest = backtest_demand(daily, origin=date(2025, 3, 1))
    assert len(backtest.judged_folds) == 3
    assert not backtest.frame().empty


def test_no_sales_give_empty_frames_with_columns() -> None:
    daily = pd.DataFrame(columns=["business", "sku", "business_date", "quantity"])
    frame = forecast_demand(daily, origin=date(2025, 1, 1), scored_at=NOW)
    assert frame.empty
    assert tuple(frame.columns) == FORECAST_COLUMNS
    assert backtest_demand(daily, origin=date(2025, 1, 1)).frame().empty


def test_intervals_hold_their_promise_on_known_noise() -> None:
    rng = np.random.default_rng(2)
    count, horizon = 4_000, 28
    level = rng.uniform(2, 20, count)
    expected = np.repeat(level[:, None], horizon, axis=1)
    actual = rng.poisson(rng.gamma(4.0, expected / 4.0)).astype(float)
    classes = np.where(level > 10, 0, 1)
    scale = np.sqrt(level + level**2 / 4)
    half = count // 2
    first, second = slice(None, half), slice(half, None)
    spread = fit_spread([(classes[first], actual[first], expected[first], scale[first])], share=0.8)
    lower, upper = spread.interval(expected[second], scale[second], classes[second])
    inside = (actual[second] >= lower) & (actual[second] <= upper)
    for place in (0, 1):
        assert inside[classes[second] == place].mean() == pytest.approx(0.8, abs=0.03)
    total_error = (actual - expected)[second].sum(axis=1)
    reach = 1.6449 * spread.cumulative_spread(scale[second], classes[second], horizon)[:, -1]
    assert (total_error <= reach).mean() == pytest.approx(0.95, abs=0.02)


def test_every_method_is_finite_and_not_negative(world) -> None:
    history = build_panel(world, origin=WORLD_END, config=DemandConfig()).upto(WORLD_END)
    for method in available_methods(DemandConfig()):
        expected = method.forecast(history, 40)
        assert expected.shape == (len(history.started), 40)
        assert np.isfinite(expected).all()
        assert (expected >= 0).all()
