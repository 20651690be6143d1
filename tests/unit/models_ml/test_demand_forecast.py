"""The pipeline's daily back-test and forecast: additive errors, no look into the future."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from models_ml.demand import DailyConfig, DemandConfig, backtest_demand, forecast_demand, wape
from models_ml.demand.daily import BACKTEST_COLUMNS, FORECAST_COLUMNS
from models_ml.demand.local import SEASONAL_NAIVE
from models_ml.demand.report import CHOSEN
from models_ml.evaluations import EVALUATION_COLUMNS
from models_ml.frames import FrameError

MODEL = DemandConfig(boosting_rounds=20, boosting_rows=5_000, threads=1)
CONFIG = DailyConfig(folds=2, model=MODEL)
NOW = datetime(2025, 7, 1, tzinfo=UTC)
WORLD_END = date(2025, 7, 29)


@pytest.fixture
def world(daily_world) -> pd.DataFrame:
    return daily_world(series=40, days=210)


def test_backtest_sums_equal_a_plain_recount(world) -> None:
    backtest = backtest_demand(world, origin=WORLD_END, config=CONFIG)
    table = backtest.frame()
    assert tuple(table.columns) == BACKTEST_COLUMNS
    assert not table.duplicated(["business", "method", "fold"]).any()
    assert sorted(table["fold"].unique()) == [1, 2]
    units = world.set_index(["sku", "business_date"])["quantity"].to_dict()
    for row in table[table["method"] == SEASONAL_NAIVE].itertuples():
        origin = row.origin_date
        error = actual = bias = 0.0
        series = 0
        for sku in world["sku"].unique():
            past = [units.get((sku, origin - timedelta(days=back)), 0) for back in range(300)]
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
    backtest = backtest_demand(world, origin=WORLD_END, config=CONFIG)
    figures = backtest.evaluations(evaluated_at=NOW).set_index("metric")
    assert tuple(backtest.evaluations(evaluated_at=NOW).columns) == EVALUATION_COLUMNS
    assert figures.loc["wape", "value"] < 0.9 * figures.loc["wape", "baseline_value"]
    assert figures.loc["rmsse", "value"] < figures.loc["rmsse", "baseline_value"]
    assert 0.75 <= figures.loc["interval_coverage", "value"] <= 0.95
    sums = backtest.frame().groupby("method")[["absolute_error", "actual_quantity"]].sum()
    assert figures.loc["wape", "value"] == pytest.approx(
        sums.loc[CHOSEN, "absolute_error"] / sums.loc[CHOSEN, "actual_quantity"]
    )


def test_forecast_has_one_row_per_active_sku_and_day(world) -> None:
    silent = world["sku"] == "S001"
    old = world["business_date"] > date(2025, 1, 20)
    kept = world[~(silent & old)]
    config = DailyConfig(active_days=60, model=MODEL)
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
    settings = {"origin": origin, "scored_at": NOW, "config": CONFIG}
    pd.testing.assert_frame_equal(
        forecast_demand(world, **settings), forecast_demand(changed, **settings)
    )
    pd.testing.assert_frame_equal(
        forecast_demand(world, **settings), forecast_demand(world[~late], **settings)
    )
    pd.testing.assert_frame_equal(
        backtest_demand(world, origin=origin, config=CONFIG).frame(),
        backtest_demand(changed, origin=origin, config=CONFIG).frame(),
    )


def test_same_input_in_any_row_order_gives_the_same_frame(world) -> None:
    settings = {"origin": WORLD_END, "scored_at": NOW, "config": CONFIG}
    shuffled = world.sample(frac=1.0, random_state=4)
    pd.testing.assert_frame_equal(
        forecast_demand(world, **settings), forecast_demand(shuffled, **settings)
    )


def test_short_history_takes_steady_levels_without_a_backtest(daily_world) -> None:
    daily = daily_world(days=20)
    origin = date(2025, 1, 20)
    backtest = backtest_demand(daily, origin=origin)
    assert backtest.frame().empty
    assert tuple(backtest.frame().columns) == BACKTEST_COLUMNS
    assert backtest.evaluations(evaluated_at=NOW).empty
    frame = forecast_demand(daily, origin=origin, scored_at=NOW)
    assert frame["method"].str.contains("seasonal_ses").all()
    assert (frame["upper_quantity"] >= frame["expected_quantity"]).all()
    total = frame.groupby("sku")["expected_quantity"].sum()
    spread = frame.groupby("sku")["cumulative_error_spread"].last()
    assert (spread >= np.sqrt(total) - 1e-9).all()


def test_sixty_days_are_enough_for_a_backtest(daily_world) -> None:
    daily = daily_world(days=60)
    table = backtest_demand(daily, origin=date(2025, 3, 1), config=CONFIG).frame()
    assert sorted(table["fold"].unique()) == [1, 2]
    assert set(table["method"]) == {SEASONAL_NAIVE, CHOSEN}


def test_no_sales_give_empty_frames_with_columns() -> None:
    daily = pd.DataFrame(columns=["business", "sku", "business_date", "quantity"])
    frame = forecast_demand(daily, origin=date(2025, 1, 1), scored_at=NOW)
    assert frame.empty
    assert tuple(frame.columns) == FORECAST_COLUMNS
    assert backtest_demand(daily, origin=date(2025, 1, 1)).frame().empty


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: f.drop(columns="sku"), "lacks the column"),
        (lambda f: f.assign(quantity=-1), "below zero or none"),
        (lambda f: pd.concat([f, f.head(1)]), "share sku and business_date"),
        (lambda f: f.assign(business=["a", *["b"] * (len(f) - 1)]), "one at a time"),
        (lambda f: f.assign(sku=f["sku"].where(f.index != 2)), "without sku"),
    ],
)
def test_bad_sales_are_refused(world, spoil, says) -> None:
    with pytest.raises(FrameError, match=says):
        forecast_demand(spoil(world), origin=WORLD_END, scored_at=NOW)
