"""Replenishment against the formulas written out row by row."""

import math
from datetime import date, timedelta
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.frames import FrameError
from models_ml.replenishment import ReplenishmentConfig, replenishment_positions
from models_ml.replenishment.demand_over_days import DemandOverDays
from models_ml.replenishment.positions import POSITION_COLUMNS

TODAY = date(2025, 6, 30)
ORIGIN = date(2025, 6, 29)


def make_forecasts(levels: dict[str, float], *, days: int = 28, spread: float = 3.0):
    rows = [
        {
            "business": "shop",
            "sku": sku,
            "origin_date": ORIGIN,
            "forecast_date": ORIGIN + timedelta(days=day),
            "horizon_days": day,
            "expected_quantity": level * (1 + (day % 7 == 0)),
            "lower_quantity": 0.0,
            "upper_quantity": 2 * level,
            "cumulative_error_spread": spread * math.sqrt(day),
        }
        for sku, level in levels.items()
        for day in range(1, days + 1)
    ]
    return pd.DataFrame(rows)


def make_stock(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["site", "sku", "on_hand", "reserved", "inbound"])
    return frame.assign(business="shop", business_date=TODAY)


def make_products(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["sku", "unit_cost", "lead_time_days", "pack_size"])
    return frame.assign(business="shop", currency_code="CNY")


def quantile(mean: float, variance: float, level: float = 0.95) -> int:
    """Negative binomial (Poisson) quantile by adding up its probabilities from 0 on."""
    if variance <= mean * (1 + 1e-9):
        units, chance = 0, math.exp(-mean)
        total = chance
        while total < level - 1e-12:
            units += 1
            chance *= mean / units
            total += chance
        return units
    size, stays = mean**2 / (variance - mean), mean / variance
    units, chance = 0, stays**size
    total = chance
    while total < level - 1e-12:
        units += 1
        chance *= (size + units - 1) / units * (1 - stays)
        total += chance
    return units


@given(
    st.lists(
        st.tuples(st.integers(-5, 90), st.integers(0, 30), st.integers(0, 60)),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 45),
    st.integers(1, 24),
    st.floats(0.1, 9.0),
    st.sampled_from(["reserved", "equal"]),
)
@settings(max_examples=60, deadline=None)
def test_every_row_equals_the_formulas(counts, lead_time, pack, level, site_share) -> None:
    config = ReplenishmentConfig(site_share=site_share)
    stock = make_stock([(f"w{number}", "A", *count) for number, count in enumerate(counts)])
    forecasts = make_forecasts({"A": level})
    products = make_products([("A", "3.25", lead_time, pack)])
    result = replenishment_positions(stock, forecasts, products, business_date=TODAY, config=config)
    daily = forecasts["expected_quantity"].tolist()
    mean_day = sum(daily) / 28

    def demand(days: int) -> float:
        return sum(daily[:days]) + max(days - 28, 0) * mean_day

    def spread(days: int) -> float:
        return 3.0 * math.sqrt(min(days, 28)) * math.sqrt(max(days, 28) / 28)

    weights = [reserved if site_share == "reserved" else 0 for _, reserved, _ in counts]
    assert result["site_share"].sum() == pytest.approx(1.0)
    for row, (on_hand, reserved, inbound), weight in zip(
        result.itertuples(), counts, weights, strict=True
    ):
        share = (weight + 10 / len(counts)) / (sum(weights) + 10)
        over_lead = share * demand(lead_time)
        over_review = share * (demand(lead_time + 7) - demand(lead_time))
        mean = over_lead + over_review
        reorder = max(quantile(mean, share * spread(lead_time + 7) ** 2), mean)
        safety = reorder - mean
        position = on_hand - reserved + inbound
        packs = max(math.ceil((reorder + over_review - position) / pack - 1e-9), 0)
        wanted = packs * pack if position < reorder else 0
        assert row.stock_position == position
        assert row.expected_lead_time_demand == pytest.approx(over_lead)
        assert row.expected_review_demand == pytest.approx(over_review)
        assert row.safety_stock == pytest.approx(safety)
        assert row.reorder_point == pytest.approx(reorder)
        assert row.suggested_quantity == wanted
        assert row.suggested_quantity % pack == 0
        assert row.suggested_amount == Decimal("3.25") * wanted


def test_inbound_counts_as_stock_so_a_second_run_orders_nothing() -> None:
    stock = make_stock([("w", "A", 10, 4, 0)])
    forecasts, products = make_forecasts({"A": 5.0}), make_products([("A", "2", 7, 12)])
    first = replenishment_positions(stock, forecasts, products, business_date=TODAY)
    ordered = int(first["suggested_quantity"].iloc[0])
    assert ordered > 0
    again = replenishment_positions(
        stock.assign(inbound=ordered), forecasts, products, business_date=TODAY
    )
    assert again["suggested_quantity"].iloc[0] == 0
    assert again["stock_position"].iloc[0] == 10 - 4 + ordered


def test_columns_types_and_order() -> None:
    stock = make_stock([("w2", "B", 5, 0, 0), ("w1", "B", 5, 0, 0), ("w1", "A", 50, None, 2)])
    result = replenishment_positions(
        stock,
        make_forecasts({"A": 1.0, "B": 2.0}),
        make_products([("A", Decimal("1.234567"), None, None), ("B", None, 3, 6)]),
        business_date=TODAY,
    )
    assert tuple(result.columns) == POSITION_COLUMNS
    assert list(zip(result["site"], result["sku"], strict=True)) == [
        ("w1", "A"),
        ("w1", "B"),
        ("w2", "B"),
    ]
    first = result.iloc[0]
    assert (first["lead_time_days"], first["pack_size"], first["reserved"]) == (7, 1, 0)
    assert first["unit_cost"] == Decimal("1.234567")
    assert isinstance(first["suggested_amount"], Decimal)
    assert first["suggested_amount"].as_tuple().exponent == -2
    assert result.iloc[1]["unit_cost"] is None
    assert result.iloc[1]["suggested_amount"] is None
    assert result.iloc[1]["suggested_quantity"] % 6 == 0
    assert set(result["origin_date"]) == {ORIGIN}
    assert set(result["business_date"]) == {TODAY}


def test_sku_without_forecast_or_product_has_no_demand() -> None:
    result = replenishment_positions(
        make_stock([("w", "X", 0, 0, 0), ("w", "Y", 0, 3, 0)]),
        make_forecasts({"A": 1.0}),
        make_products([("A", "1", 5, 1)]),
        business_date=TODAY,
    )
    assert result["reorder_point"].tolist() == [0.0, 0.0]
    assert result["suggested_quantity"].tolist() == [0, 3]
    assert result["origin_date"].isna().all()
    assert result["currency_code"].isna().all()


def test_no_stock_count_of_the_day_gives_an_empty_frame_with_columns() -> None:
    forecasts, products = make_forecasts({"A": 1.0}), make_products([("A", "1", 5, 1)])
    stock = make_stock([("w", "A", 1, 0, 0)])
    for nothing in (stock.head(0), stock.assign(business_date=TODAY - timedelta(days=8))):
        result = replenishment_positions(nothing, forecasts, products, business_date=TODAY)
        assert result.empty
        assert tuple(result.columns) == POSITION_COLUMNS


def test_no_forecast_at_all_still_answers() -> None:
    result = replenishment_positions(
        make_stock([("w", "A", 5, 0, 0)]),
        make_forecasts({"A": 1.0}).head(0),
        make_products([("A", "1", 5, 1)]),
        business_date=TODAY,
    )
    assert result["suggested_quantity"].tolist() == [0]
    assert result["reorder_point"].tolist() == [0.0]


def test_known_site_sales_decide_the_shares() -> None:
    sales = pd.DataFrame(
        {"business": "shop", "site": ["w1", "w2"], "sku": "A", "quantity": [270, 20]}
    )
    result = replenishment_positions(
        make_stock([("w1", "A", 0, 0, 0), ("w2", "A", 0, 500, 0)]),
        make_forecasts({"A": 4.0}),
        make_products([("A", "1", 7, 1)]),
        business_date=TODAY,
        site_demand=sales,
    )
    np.testing.assert_allclose(result["site_share"], [275 / 300, 25 / 300])


def test_higher_service_level_needs_more_stock() -> None:
    arguments = (
        make_stock([("w", "A", 0, 0, 0)]),
        make_forecasts({"A": 4.0}),
        make_products([("A", "1", 7, 1)]),
    )
    points = [
        replenishment_positions(
            *arguments, business_date=TODAY, config=ReplenishmentConfig(service_level=level)
        )["reorder_point"].iloc[0]
        for level in (0.5, 0.9, 0.99)
    ]
    assert points == sorted(points)
    assert points[0] < points[1] < points[2]


def test_spread_falls_back_to_the_daily_interval_never_below_poisson() -> None:
    forecasts = make_forecasts({"A": 4.0, "B": 0.1}).drop(columns="cumulative_error_spread")
    demand = DemandOverDays.from_forecasts(forecasts)
    days = np.array([14, 14])
    spread = demand.spread_over(np.array([0, 1]), days)
    a_day = (8.0 / (2 * NormalDist().inv_cdf(0.9))) ** 2
    expected = forecasts[forecasts["sku"] == "A"]["expected_quantity"].head(14)
    assert spread[0] == pytest.approx(math.sqrt(sum(max(a_day, units) for units in expected)))
    assert spread[1] == pytest.approx(math.sqrt(demand.expected_over(np.array([1]), days[:1])[0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, f, p: (pd.concat([s, s]), f, p), "stock has 2 rows"),
        (lambda s, f, p: (s, pd.concat([f, f]), p), "forecasts has 56 rows"),
        (lambda s, f, p: (s, f[f["horizon_days"] != 3], p), "without all of the days 1..28"),
        (lambda s, f, p: (s, f, pd.concat([p, p])), "products has 2 rows"),
        (lambda s, f, p: (s.drop(columns="inbound"), f, p), "inbound"),
        (lambda s, f, p: (s.assign(on_hand="many"), f, p), "no number"),
    ],
)
def test_bad_frames_are_refused(change, message) -> None:
    frames = (
        make_stock([("w", "A", 1, 0, 0)]),
        make_forecasts({"A": 1.0}),
        make_products([("A", "1", 5, 1)]),
    )
    with pytest.raises(FrameError, match=message):
        replenishment_positions(*change(*frames), business_date=TODAY)


@pytest.mark.parametrize(
    "setting",
    [
        {"service_level": 0.4},
        {"service_level": 1.0},
        {"review_period_days": 0},
        {"default_pack_size": 0},
    ],
)
def test_settings_outside_their_range_are_refused(setting) -> None:
    with pytest.raises(ValueError, match="must be"):
        ReplenishmentConfig(**setting)
