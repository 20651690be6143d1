"""Transfers, purchases, budget, netting and words of a replenishment plan."""

import itertools
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models_ml.replenishment import (
    ReplenishmentConfig,
    open_proposals,
    plan_orders,
    replenishment_positions,
)
from models_ml.replenishment.demand_over_days import DemandOverDays
from models_ml.replenishment.spikes import guard_against_spikes
from models_ml.replenishment.supply import with_supply_terms
from models_ml.replenishment.transfers import cheapest_flow

MONDAY = date(2025, 6, 30)
SITES = pd.DataFrame(
    [("shop", "east", 31.23, 121.47), ("shop", "north", 39.08, 117.2), ("shop", "near", 31.2, 121)],
    columns=["business", "site", "latitude", "longitude"],
)
WEIGHTS = pd.DataFrame([("shop", "A", 1.0)], columns=["business", "sku", "weight_kg"])


def forecasts_of(levels: dict[str, float], spread: float = 4.0) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "business": "shop",
                "sku": sku,
                "origin_date": MONDAY - timedelta(days=1),
                "horizon_days": day,
                "expected_quantity": level,
                "lower_quantity": 0.0,
                "upper_quantity": 2 * level,
                "cumulative_error_spread": spread * day**0.5,
            }
            for sku, level in levels.items()
            for day in range(1, 29)
        ]
    )


def stock_of(rows: list[tuple[str, str, int, int, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["site", "sku", "on_hand", "reserved", "inbound"])
    return frame.assign(business="shop", business_date=MONDAY).sort_values("site")


def products_of(*rows: tuple[str, str | None, int, int, int]) -> pd.DataFrame:
    columns = ["sku", "unit_cost", "lead_time_days", "pack_size", "minimum_order_quantity"]
    return pd.DataFrame(rows, columns=columns).assign(business="shop", currency_code="CNY")


def plan(stock, forecasts, products, config=None, **given_frames):
    positions = replenishment_positions(
        stock, forecasts, products, business_date=MONDAY, config=config, **given_frames
    )
    return plan_orders(positions, SITES, WEIGHTS, config)


COUNTS = st.tuples(st.integers(-5, 300), st.integers(0, 20), st.integers(0, 60))


@given(
    counts=st.lists(COUNTS, min_size=1, max_size=3),
    level=st.floats(0.0, 9.0),
    pack=st.integers(1, 24),
    least=st.integers(1, 60),
    lead=st.integers(0, 20),
    budget=st.none() | st.integers(0, 3_000),
)
@settings(max_examples=30, deadline=None)
def test_plans_keep_to_what_sites_suppliers_and_budget_allow(
    counts, level, pack, least, lead, budget
) -> None:
    config = ReplenishmentConfig(budget=None if budget is None else Decimal(budget))
    names = SITES["site"].tolist()
    stock = stock_of([(names[n], "A", *count) for n, count in enumerate(counts)])
    products = products_of(("A", "7.30", lead, pack, least))
    made = plan(stock, forecasts_of({"A": level}), products, config)
    rows = made.positions.set_index("site")
    bought = rows["suggested_quantity"]
    assert (bought >= 0).all()
    assert (rows["held_back_quantity"] >= 0).all()
    assert (bought % pack == 0).all()
    assert ((bought == 0) | (bought >= least)).all()
    if budget is not None:
        assert sum(Decimal("7.30") * int(units) for units in bought) <= budget
    for move in made.transfers.itertuples():
        assert move.quantity > 0
        assert move.from_site != move.to_site
        assert move.saved_amount >= config.transfer_line_cost
    for site, row in rows.iterrows():
        out = made.transfers.loc[made.transfers["from_site"] == site, "quantity"].sum()
        into = made.transfers.loc[made.transfers["to_site"] == site, "quantity"].sum()
        assert (row["transfer_out"], row["transfer_in"]) == (out, into)
        assert not (out and into)
        if out:  # a giver keeps what it needs itself, and gives only what is on its shelf
            assert row["on_hand"] - row["reserved"] - out >= row["order_up_to"] - 1e-9
        assert into <= row["lacking_quantity"]
        if row["stock_position"] >= row["reorder_point"]:
            assert bought[site] == into == 0
        elif budget is None:
            covered = row["stock_position"] + into + bought[site]
            assert covered >= row["order_up_to"] - 1e-6


@given(
    counts=st.lists(COUNTS, min_size=1, max_size=3),
    level=st.floats(0.1, 9.0),
    pack=st.integers(1, 24),
)
@settings(max_examples=25, deadline=None)
def test_what_was_proposed_is_netted_exactly(counts, level, pack) -> None:
    names = SITES["site"].tolist()
    stock = stock_of([(names[n], "A", *count) for n, count in enumerate(counts)])
    products = products_of(("A", "7.30", 5, pack, 1))
    forecasts = forecasts_of({"A": level})
    first = plan(stock, forecasts, products)
    again = plan(stock, forecasts, products)
    pd.testing.assert_frame_equal(first.positions, again.positions)
    pd.testing.assert_frame_equal(first.transfers, again.transfers)
    bought = first.positions[["business", "site", "sku"]].assign(
        quantity=first.positions["suggested_quantity"]
        + first.positions["transfer_in"]
        - first.positions["transfer_out"],
        ordered_since=0,
    )
    proposed = open_proposals(bought[bought["quantity"] != 0])
    after = plan(stock, forecasts, products, proposed=proposed)
    assert not after.positions["suggested_quantity"].any()
    assert after.transfers.empty
    # Once they are orders, they are inbound and no longer proposals: the position is the same.
    ordered = stock.assign(
        inbound=stock["inbound"] + bought["quantity"].clip(lower=0).to_numpy(),
        on_hand=stock["on_hand"] + bought["quantity"].clip(upper=0).to_numpy(),
    )
    placed = plan(ordered, forecasts, products)
    assert placed.positions["stock_position"].tolist() == (
        after.positions["stock_position"].tolist()
    )


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 40)), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_backlog_of_proposals_is_what_a_queue_leaves(events) -> None:
    """Played step by step: each order meets the oldest proposals that are still waiting."""
    waiting: list[int] = []
    for quantity, arriving in events:
        ordered = arriving
        waiting.append(quantity)
        for place, units in enumerate(waiting):
            met = min(units, ordered)
            waiting[place] -= met
            ordered -= met
    after = list(itertools.accumulate(ordered for _, ordered in reversed(events)))[::-1]
    rows = [("shop", "east", "A", q, since) for (q, _), since in zip(events, after, strict=True)]
    frame = pd.DataFrame(rows, columns=["business", "site", "sku", "quantity", "ordered_since"])
    assert open_proposals(frame)["quantity"].tolist() == [sum(waiting)]


@given(
    lacking=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    surplus=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    costs=st.lists(st.integers(-50, 200), min_size=4, max_size=4),
    purchase=st.integers(0, 150),
)
@settings(max_examples=60, deadline=None)
def test_transfers_cost_what_the_best_of_all_ways_costs(lacking, surplus, costs, purchase) -> None:
    cells = list(itertools.product(range(len(surplus)), range(len(lacking))))
    pairs = pd.DataFrame(
        [
            {
                "from_place": giver,
                "to_place": 10 + taker,
                "surplus_quantity": surplus[giver],
                "lacking_quantity": lacking[taker],
                "transfer_unit": costs[2 * giver + taker],
                "purchase_unit": purchase,
            }
            for giver, taker in cells
        ]
    )

    def cost(units) -> float:
        given_up = [sum(u for u, (g, _) in zip(units, cells, strict=True) if g == n)
                    for n in range(len(surplus))]  # fmt: skip
        filled = [sum(u for u, (_, t) in zip(units, cells, strict=True) if t == n)
                  for n in range(len(lacking))]  # fmt: skip
        if any(a > b for a, b in zip(given_up, surplus, strict=True)) or any(
            a > b for a, b in zip(filled, lacking, strict=True)
        ):
            return float("inf")
        moved = sum(u * c for u, c in zip(units, pairs["transfer_unit"], strict=True))
        return float(moved + purchase * (sum(lacking) - sum(units)))

    everything = itertools.product(range(5), repeat=len(cells))
    assert cost(cheapest_flow(pairs).tolist()) == min(map(cost, everything))


def test_a_transfer_goes_before_a_purchase_only_where_it_is_cheaper() -> None:
    stock = stock_of([("east", "A", 400, 0, 0), ("near", "A", 0, 0, 0)])
    forecasts, products = forecasts_of({"A": 3.0}), products_of(("A", "50", 5, 1, 1))
    made = plan(stock, forecasts, products)
    (move,) = made.transfers.to_dict("records")
    assert (move["from_site"], move["to_site"]) == ("east", "near")
    near = made.positions.set_index("site").loc["near"]
    assert near["transfer_in"] == move["quantity"] == near["lacking_quantity"]
    assert near["suggested_quantity"] == 0
    assert f"transfers in {move['quantity']}" in near["explanation_en"]
    assert "near lacks" in move["explanation_en"]
    assert move["saved_amount"] == pytest.approx(move["purchase_cost"] - move["transfer_cost"])
    heavy = ReplenishmentConfig(transfer_cost_per_kg_km=10.0)
    dear = plan(stock, forecasts, products, heavy)
    assert dear.transfers.empty
    assert dear.positions.set_index("site").loc["near", "suggested_quantity"] > 0


def test_a_line_explains_its_arithmetic_in_both_languages() -> None:
    stock = stock_of([("east", "A", 12, 4, 24)])
    made = plan(stock, forecasts_of({"A": 4.5}), products_of(("A", "5", 7, 24, 24)))
    (row,) = made.positions.to_dict("records")
    safety, upto = row["safety_stock"], row["order_up_to"]
    assert row["explanation_en"] == (
        f"forecast 63 ± {safety:.0f} over 14 days, order up to {upto:.0f}, on hand 12, "
        f"reserved 4, on order 24, MOQ 24, pack 24 → {row['suggested_quantity']}"
    )
    assert row["explanation_zh"].startswith("14 天预测 63 ± ")
    assert row["suggested_quantity"] == -(-int(np.ceil(upto - 32)) // 24) * 24


def test_a_budget_buys_the_most_urgent_first_and_says_what_it_leaves() -> None:
    stock = stock_of([("east", "A", 30, 0, 0), ("east", "B", 0, 0, 0), ("east", "C", 0, 0, 0)])
    forecasts = forecasts_of({"A": 3.0, "B": 3.0, "C": 3.0})
    products = products_of(("A", "5", 7, 1, 1), ("B", "5", 7, 1, 1), ("C", None, 7, 1, 1))
    free = plan(stock, forecasts, products).positions.set_index("sku")["suggested_quantity"]
    config = ReplenishmentConfig(budget=Decimal(5 * int(free["B"]) + 12))
    rows = plan(stock, forecasts, products, config).positions.set_index("sku")
    assert rows["suggested_quantity"].to_dict() == {"A": 2, "B": free["B"], "C": 0}
    assert rows.loc["A", "held_back_quantity"] == free["A"] - 2
    assert rows["held_back_reason"].tolist() == ["over_budget", None, "over_budget"]
    assert f"({free['A'] - 2} more are beyond the budget)" in rows.loc["A", "explanation_en"]


def test_orders_wait_for_the_day_of_review() -> None:
    stock = stock_of([("east", "A", 0, 0, 0)])
    config = ReplenishmentConfig(review_weekdays=(2,))
    made = plan(stock, forecasts_of({"A": 3.0}), products_of(("A", "5", 7, 1, 1)), config)
    (row,) = made.positions.to_dict("records")
    assert row["suggested_quantity"] == 0
    assert row["held_back_quantity"] > 0
    assert row["next_review_on"] == MONDAY + timedelta(days=2)
    assert row["held_back_reason"] == "not_a_review_day"


def demand_of(units: list[int]) -> pd.DataFrame:
    days = [MONDAY - timedelta(days=1 + n) for n in range(len(units))]
    return pd.DataFrame({"business_date": days, "quantity": units[::-1]}).assign(
        business="shop", sku="A"
    )


def test_a_spike_limits_the_forecast_and_steady_growth_does_not() -> None:
    config = ReplenishmentConfig()
    forecast = DemandOverDays.from_forecasts(forecasts_of({"A": 12.0}))
    origin = MONDAY - timedelta(days=1)
    spiked = demand_of([2] * 50 + [400] + [2] * 5)
    limited, flags = guard_against_spikes(forecast, spiked, origin=origin, config=config)
    assert flags.tolist() == [True]
    assert limited.expected[0, 28] < 0.5 * forecast.expected[0, 28]
    assert (np.diff(limited.expected[0]) >= 0).all()
    grown = demand_of([2] * 28 + [12] * 28)
    same, flags = guard_against_spikes(forecast, grown, origin=origin, config=config)
    assert flags.tolist() == [False]
    assert same is forecast
    # A spike that the forecast has not followed changes nothing.
    calm = DemandOverDays.from_forecasts(forecasts_of({"A": 2.0}))
    assert guard_against_spikes(calm, spiked, origin=origin, config=config)[0] is calm


def test_terms_of_the_first_supplier_hold_and_slow_orders_lengthen_the_lead_time() -> None:
    products = products_of(("A", "9", 5, 1, 1)).drop(columns="minimum_order_quantity")
    price = {
        "business": "shop", "sku": "A", "supplier_key": "s1", "unit_price": Decimal("8"),
        "currency_code": "CNY", "minimum_order_quantity": 24, "pack_size": 12,
        "lead_time_days": 10, "valid_from": None, "valid_until": None, "priority": 1,
    }  # fmt: skip
    prices = pd.DataFrame(
        [
            price,
            price | {"supplier_key": "s2", "unit_price": Decimal("6"), "priority": 2},
            price | {"supplier_key": "s0", "priority": 0, "valid_until": date(2025, 1, 1)},
        ]
    )
    received = pd.DataFrame(
        [("shop", "A", MONDAY - timedelta(days=60), MONDAY - timedelta(days=60 - took))
         for took in (20, 20, 20, 20, 20)],
        columns=["business", "sku", "ordered_on", "received_on"],
    )  # fmt: skip
    config = ReplenishmentConfig(lead_time_prior_orders=5.0)
    (row,) = with_supply_terms(
        products, prices, received, business_date=MONDAY, config=config
    ).to_dict("records")
    assert (row["supplier_key"], row["unit_cost"]) == ("s1", Decimal("8"))
    assert (row["pack_size"], row["minimum_order_quantity"]) == (12, 24)
    assert row["lead_time_days"] == pytest.approx(15.0)  # half of 20, half of the agreed 10
    assert row["lead_time_spread_days"] == pytest.approx(5.0)


@given(st.floats(0.5, 20.0), st.floats(0.0, 10.0))
@settings(max_examples=25, deadline=None)
def test_an_unsure_lead_time_never_lowers_the_safety_stock(level, spread_days) -> None:
    assume(spread_days > 0.01)
    stock = stock_of([("east", "A", 0, 0, 0)])
    products = products_of(("A", "5", 7, 1, 1))
    forecasts = forecasts_of({"A": level})
    sure = replenishment_positions(stock, forecasts, products, business_date=MONDAY)
    unsure = replenishment_positions(
        stock, forecasts, products.assign(lead_time_spread_days=spread_days), business_date=MONDAY
    )
    assert unsure["safety_stock"].iloc[0] >= sure["safety_stock"].iloc[0]
