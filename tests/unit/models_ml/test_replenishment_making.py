"""Explosion of bills of material: netting, time phasing and what is pegged to what."""

import math
from datetime import date, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.frames import FrameError
from models_ml.replenishment import (
    ReplenishmentConfig,
    ReplenishmentPlan,
    bill_in_force,
    plan_making,
    replenishment_positions,
    with_components,
)
from models_ml.replenishment.making import levels_of

MONDAY = date(2025, 6, 30)
SITES = pd.DataFrame(
    [("shop", "east", 31.23, 121.47)], columns=["business", "site", "latitude", "longitude"]
)
WEIGHTS = pd.DataFrame([("shop", "SET", 1.0)], columns=["business", "sku", "weight_kg"])
PRODUCTS = ["sku", "unit_cost", "lead_time_days", "pack_size", "minimum_order_quantity"]
# A set is two teas, of which one in fifty breaks, and a kit; a kit is three cups in a box.
BILL = (("SET", "TEA", 2, 0.02), ("SET", "KIT", 1, 0), ("KIT", "CUP", 3, 0), ("KIT", "BOX", 1, 0))
TERMS = (
    ("SET", None, 2, 1, 1), ("KIT", None, 1, 1, 1), ("TEA", Decimal(10), 5, 10, 20),
    ("CUP", Decimal(2), 3, 6, 6), ("BOX", Decimal(1), 9, 1, 1),
)  # fmt: skip
COUNTS = {"SET": 0, "KIT": 4, "TEA": 15, "CUP": 0, "BOX": 1000}


def bill_of(rows, products=None, **more) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["sku", "component_sku", "quantity", "scrap_rate"])
    frame = frame.assign(business="shop", valid_from=pd.NaT, valid_until=pd.NaT).assign(**more)
    known = pd.DataFrame(columns=["sku"]) if products is None else products
    return bill_in_force(frame, known, business_date=MONDAY)


def plan_of(
    bill: pd.DataFrame,
    counts: dict[str, int],
    terms=TERMS,
    *,
    level=3.0,
    proposed=None,
    budget=None,
) -> ReplenishmentPlan:
    forecasts = pd.DataFrame(
        [
            {
                "business": "shop", "sku": "SET", "origin_date": MONDAY - timedelta(days=1),
                "horizon_days": day, "expected_quantity": level, "lower_quantity": 0.0,
                "upper_quantity": 2 * level, "cumulative_error_spread": 4.0 * day**0.5,
            }
            for day in range(1, 29)
        ]
    )  # fmt: skip
    products = pd.DataFrame(terms, columns=PRODUCTS).assign(business="shop", currency_code="CNY")
    stock = pd.DataFrame(
        [("east", sku, count, 0, 0) for sku, count in counts.items()],
        columns=["site", "sku", "on_hand", "reserved", "inbound"],
    ).assign(business="shop", business_date=MONDAY)
    config = ReplenishmentConfig(budget=budget)
    positions = replenishment_positions(
        with_components(stock, bill), forecasts, products,
        business_date=MONDAY, config=config, proposed=proposed,
    )  # fmt: skip
    return plan_making(positions, SITES, WEIGHTS, bill, config)


def by_sku(frame: pd.DataFrame, column: str) -> dict[str, int]:
    return dict(zip(frame["sku"], frame[column], strict=True))


def test_what_a_set_lacks_is_made_of_parts_that_are_netted_and_bought() -> None:
    plan = plan_of(bill_of(BILL), COUNTS)
    row = plan.positions.set_index("sku").loc["SET"]
    sets = math.ceil(row["order_up_to"])  # nothing is there, and it comes one by one
    assert by_sku(plan.work_orders, "quantity") == {"SET": sets, "KIT": sets - 4}
    teas = math.ceil(sets * 2 / 0.98)
    required = plan.requirements.set_index(["sku", "component_sku"])["required_quantity"].to_dict()
    assert required == {
        ("SET", "TEA"): teas, ("SET", "KIT"): sets,
        ("KIT", "CUP"): 3 * (sets - 4), ("KIT", "BOX"): sets - 4,
    }  # fmt: skip
    assert by_sku(plan.positions, "suggested_quantity") == {
        "SET": 0, "KIT": 0, "BOX": 0,
        "TEA": max(20, 10 * math.ceil((teas - 15) / 10)),
        "CUP": 6 * math.ceil(3 * (sets - 4) / 6),
    }  # fmt: skip
    assert f"to make others {teas}" in plan.positions.set_index("sku").loc["TEA", "explanation_en"]


def test_work_starts_when_the_last_component_is_there() -> None:
    """Cups come after 3 days, kits take 1; teas come after 5 days, sets take 2."""
    orders = plan_of(bill_of(BILL), COUNTS).work_orders.set_index("sku")
    days = {
        sku: tuple((row[name] - MONDAY).days for name in ("starts_on", "finishes_on", "wanted_on"))
        for sku, row in orders.iterrows()
    }
    assert days == {"KIT": (3, 4, 1), "SET": (5, 7, 2)}
    assert orders["days_late"].to_dict() == {"KIT": 3, "SET": 5}
    assert orders["waits_for"].to_dict() == {"KIT": "CUP", "SET": "TEA"}
    assert orders.loc["KIT", "level"] == 1
    rich = plan_of(bill_of(BILL), {**COUNTS, "KIT": 500, "TEA": 500})
    assert by_sku(rich.work_orders, "days_late") == {"SET": 0}
    assert rich.work_orders["waits_for"].tolist() == [None]
    assert not rich.requirements["is_short"].any()
    assert (rich.positions["suggested_quantity"] == 0).all()


def test_planning_again_after_the_proposal_proposes_nothing_more() -> None:
    first = plan_of(bill_of(BILL), COUNTS)
    proposed = first.positions[["business", "site", "sku", "suggested_quantity"]]
    proposed = proposed.rename(columns={"suggested_quantity": "quantity"})
    again = plan_of(bill_of(BILL), COUNTS, proposed=proposed)
    assert (again.positions["suggested_quantity"] == 0).all()
    pd.testing.assert_frame_equal(again.work_orders, first.work_orders)


def test_a_component_that_the_site_has_never_held_is_planned_there() -> None:
    plan = plan_of(bill_of(BILL), {"SET": 0})
    assert set(plan.positions["sku"]) == {"SET", "KIT", "TEA", "CUP", "BOX"}
    assert (
        by_sku(plan.positions, "suggested_quantity")["BOX"]
        == by_sku(plan.work_orders, "quantity")["KIT"]
    )


def test_a_budget_buys_components_and_making_costs_none_of_it() -> None:
    plan = plan_of(bill_of(BILL), COUNTS, budget=Decimal(200))
    assert "SET" in by_sku(plan.work_orders, "quantity"), "an article without a price is still made"
    assert sum(one for one in plan.positions["suggested_amount"] if one is not None) <= 200


def test_what_a_supplier_sells_is_bought_and_a_circle_is_not_exploded() -> None:
    sold = pd.DataFrame([("KIT", "S1")], columns=["sku", "supplier_key"])
    assert set(bill_of(BILL, sold)["sku"]) == {"SET"}
    circle = bill_of([*BILL, ("CUP", "KIT", 1, 0)])
    assert set(circle["sku"]) == {"SET"}
    assert levels_of(bill_of(BILL)) == [["SET"], ["KIT"]]
    over = bill_of(BILL, valid_until=date(2025, 6, 29))
    assert over.empty
    assert by_sku(plan_of(over, COUNTS).positions, "suggested_quantity")["SET"] > 0


@given(
    uses=st.lists(st.integers(0, 4), min_size=6, max_size=6),
    counts=st.lists(st.integers(0, 60), min_size=4, max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_netting_level_by_level_equals_a_hand_count(uses: list[int], counts: list[int]) -> None:
    """SET may hold A, B and C; A may hold B and C; B may hold C: units are netted once."""
    pairs = [("SET", "A"), ("SET", "B"), ("SET", "C"), ("A", "B"), ("A", "C"), ("B", "C")]
    rows = [(*pair, use, 0) for pair, use in zip(pairs, uses, strict=True) if use]
    terms = [(sku, Decimal(1), 1, 1, 1) for sku in ("SET", "A", "B", "C")]
    have = dict(zip(("SET", "A", "B", "C"), counts, strict=True))
    plan = plan_of(bill_of(rows), have, terms)
    row = plan.positions.set_index("sku").loc["SET"]
    is_low = have["SET"] < row["reorder_point"]
    lacking = {"SET": math.ceil(row["order_up_to"] - have["SET"] - 1e-9) if is_low else 0}
    gross = dict.fromkeys("ABC", 0)
    for sku in ("SET", "A", "B", "C"):
        if sku != "SET":
            lacking[sku] = max(0, gross[sku] - have[sku])
        for (product, component), use in zip(pairs, uses, strict=True):
            if product == sku:
                gross[component] += use * lacking[sku]
    made = {product for product, *_ in rows}
    bought = by_sku(plan.positions, "suggested_quantity")
    orders = by_sku(plan.work_orders, "quantity") if len(plan.work_orders) else {}
    for sku, units in lacking.items():
        assert (orders.get(sku, 0), bought[sku]) == ((units, 0) if sku in made else (0, units))


def test_missing_columns_are_named() -> None:
    with pytest.raises(FrameError, match="component_sku"):
        bill_in_force(pd.DataFrame({"sku": []}), pd.DataFrame(), business_date=MONDAY)
