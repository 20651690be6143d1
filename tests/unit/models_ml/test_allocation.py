"""Allocation: who comes first, from where, in how many parcels, from which batch, and why not."""

from datetime import date
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.allocation.config import AllocationConfig
from models_ml.allocation.planning import AllocationPlan, allocate, fill_rates
from models_ml.allocation.problem import EARTH_RADIUS_KM, build_problem
from models_ml.frames import FrameError
from tests.benchmarks.allocation import made_up, optimum

AS_OF = date(2026, 11, 22)
KM = float(np.degrees(1 / EARTH_RADIUS_KM))
PLAIN = AllocationConfig(store_radius_km=None, split_cost=0, cost_per_km=1)


def lines(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows of (order, article, quantity), then options by name; kilometres north of the origin."""
    made = []
    for number, (order, sku, quantity, *more) in enumerate(rows):
        given = more[0] if more else {}
        made.append({
            "order_id": order, "line_no": number, "sku": sku, "quantity": quantity,
            "priority": given.get("priority", 1),
            "ordered_at": pd.Timestamp("2026-11-21", tz="UTC") + pd.Timedelta(
                minutes=given.get("minute", number)),
            "latitude": given.get("km", 0) * KM, "longitude": 0.0,
            "order_amount": given.get("amount", 100.0),
        })  # fmt: skip
    return pd.DataFrame(made)


def sites(**of: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([
        {"site": name, "kind": facts.get("kind", "warehouse"), "latitude": facts.get("km", 0) * KM,
         "longitude": 0.0, "is_accepting": facts.get("is_accepting", True),
         "capacity_units": facts.get("capacity"), "base_cost": facts.get("base", 0.0)}
        for name, facts in of.items()
    ])  # fmt: skip


def stock(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows of (site, article, quantity), then batch, received_on and expires_on."""
    full = [(*row, *("b", None, None)[len(row) - 3 :]) for row in rows]
    return pd.DataFrame(
        full, columns=["site", "sku", "quantity", "batch", "received_on", "expires_on"]
    )


def served(plan: AllocationPlan) -> dict[tuple[str, int], dict[str, int]]:
    found: dict[tuple[str, int], dict[str, int]] = {}
    for row in plan.picks.itertuples():
        at = found.setdefault((str(row.order_id), int(row.line_no)), {})
        at[str(row.site)] = at.get(str(row.site), 0) + int(row.quantity)
    return found


def test_nearest_site_with_stock_serves_and_the_line_says_so() -> None:
    where = sites(near={"km": 1}, far={"km": 50})
    wanted = lines(("a", "x", 2), ("b", "x", 2))
    plan = allocate(wanted, stock(("near", "x", 3), ("far", "x", 9)), where, PLAIN, as_of=AS_OF)
    assert served(plan) == {("a", 0): {"near": 2}, ("b", 1): {"near": 1, "far": 1}}
    assert plan.cost == pytest.approx(3 * 1 + 50)
    why = plan.picks.set_index("site")["reason"]
    assert set(why["near"]) == {"cheapest of 2 sites with stock"}
    assert why["far"].startswith("1 of 2 sites with stock would be cheaper")


@pytest.mark.parametrize(("km", "site"), [(2.99, "store"), (3.0, "store"), (3.01, "central")])
def test_store_serves_up_to_three_kilometres_and_no_further(km: float, site: str) -> None:
    where = sites(store={"kind": "store", "base": 9.0}, central={"km": 40})
    there = stock(("store", "x", 5), ("central", "x", 5))
    plan = allocate(lines(("a", "x", 1, {"km": km})), there, where, as_of=AS_OF)
    assert served(plan) == {("a", 0): {site: 1}}
    assert plan.picks["distance_km"].iloc[0] == pytest.approx(km if site == "store" else 40 - km)


def test_no_store_is_near_a_place_of_which_only_the_region_is_known() -> None:
    where = sites(store={"kind": "store"}, central={"km": 40})
    there = stock(("store", "x", 5), ("central", "x", 5))
    for precision, site in (("address", "store"), ("region", "central"), ("unknown", "central")):
        wanted = lines(("a", "x", 1)).assign(precision=precision)
        plan = allocate(wanted, there, where, as_of=AS_OF)
        assert served(plan) == {("a", 0): {site: 1}}
        assert plan.picks["distance_km"].isna().all() == (precision == "unknown")
    with pytest.raises(FrameError, match="precision is none of address, region, unknown"):
        allocate(lines(("a", "x", 1)).assign(precision="city"), there, where, as_of=AS_OF)


def test_site_whose_place_is_not_known_counts_as_the_farthest() -> None:
    where = sites(lost={}, near={"km": 1}, far={"km": 50}).assign(is_located=[False, True, True])
    there = stock(("lost", "x", 9), ("near", "x", 1), ("far", "x", 9))
    plan = allocate(lines(("a", "x", 2)), there, where, PLAIN, as_of=AS_OF)
    assert plan.cost == 1 + 50, "one from near by; the other as if from the farthest"
    assert (plan.picks.set_index("site")["unit_cost"].drop("near") == 50).all()


@pytest.mark.parametrize(("facts", "units", "site"), [
    ({"is_accepting": False}, 5, "central"), ({"capacity": 0}, 5, "central"),
    ({}, 0, "central"), ({}, 5, "store"),
])  # fmt: skip
def test_store_that_opted_out_is_full_or_has_none_is_passed_over(
    facts: dict[str, Any], units: int, site: str
) -> None:
    where = sites(store={"kind": "store", **facts}, central={"km": 40})
    there = stock(("store", "x", units), ("central", "x", 5))
    plan = allocate(lines(("a", "x", 1)), there, where, as_of=AS_OF)
    assert served(plan) == {("a", 0): {site: 1}}


def test_capacity_is_shared_by_all_articles_and_goes_to_who_comes_first() -> None:
    where = sites(near={"capacity": 3}, far={"km": 10})
    there = stock(("near", "x", 9), ("near", "y", 9), ("far", "x", 9), ("far", "y", 9))
    wanted = lines(("a", "x", 2), ("b", "y", 2))
    plan = allocate(wanted, there, where, PLAIN, as_of=AS_OF)
    by_site = plan.picks.groupby("site")["quantity"].sum().to_dict()
    assert by_site == {"far": 1, "near": 3}
    assert plan.waiting.empty


def test_priority_then_age_decides_who_is_served_whatever_it_costs() -> None:
    """The vip is far and came last; the cheap near ones must not take her unit."""
    wanted = lines(
        ("near", "x", 1, {"minute": 0}), ("older", "x", 1, {"priority": 2, "minute": 1}),
        ("vip", "x", 1, {"km": 900, "priority": 0, "minute": 9}),
    )  # fmt: skip
    for units, expected in ((1, {"vip"}), (2, {"vip", "near"}), (3, {"vip", "near", "older"})):
        plan = allocate(wanted, stock(("s", "x", units)), sites(s={}), PLAIN, as_of=AS_OF)
        assert set(plan.picks["order_id"]) == expected
        assert set(plan.waiting["order_id"]) == {"vip", "near", "older"} - expected
    rates = fill_rates(
        allocate(wanted, stock(("s", "x", 2)), sites(s={}), PLAIN, as_of=AS_OF), wanted
    )
    assert rates["fill_rate"].to_list() == [1.0, 1.0, 0.0]


def test_who_is_not_served_is_told_why() -> None:
    where = sites(store={"kind": "store"}, closed={"is_accepting": False}, central={})
    there = stock(("store", "x", 5), ("closed", "y", 5), ("central", "z", 1))
    wanted = lines(("a", "x", 1, {"km": 9}), ("b", "y", 1), ("c", "z", 2), ("d", "?", 1))
    plan = allocate(wanted, there, where, as_of=AS_OF)
    why = dict(zip(plan.waiting["order_id"], plan.waiting["reason"], strict=True))
    assert why == {
        "a": "the sites that have the article may not serve this address or accept no orders",
        "b": "the sites that have the article may not serve this address or accept no orders",
        "c": "lines that come first took the stock, or the sites' capacity is used up",
        "d": "no site has the article",
    }
    assert plan.waiting.set_index("order_id").loc["c", "quantity"] == 1


@pytest.mark.parametrize(("split_cost", "parcels"), [(0.0, 2), (9.9, 2), (10.1, 1), (99.0, 1)])
def test_order_is_joined_where_that_costs_less_than_the_parcel(
    split_cost: float, parcels: int
) -> None:
    where = sites(near={}, far={"km": 10})
    there = stock(("near", "x", 5), ("far", "x", 5), ("far", "y", 5))
    config = AllocationConfig(store_radius_km=None, cost_per_km=1, split_cost=split_cost)
    plan = allocate(lines(("a", "x", 1), ("a", "y", 1)), there, where, config, as_of=AS_OF)
    assert plan.parcels == parcels
    assert plan.waiting.empty


def test_cheap_order_waits_rather_than_be_split_and_a_dear_one_does_not() -> None:
    there = stock(("one", "x", 5), ("two", "y", 5))
    config = AllocationConfig(store_radius_km=None, split_threshold=50)
    wanted = lines(
        ("cheap", "x", 1, {"amount": 40.0}), ("cheap", "y", 1, {"amount": 40.0}),
        ("dear", "x", 1, {"amount": 120.0}), ("dear", "y", 1, {"amount": 120.0}),
    )  # fmt: skip
    plan = allocate(wanted, there, sites(one={}, two={}), config, as_of=AS_OF)
    assert set(plan.picks["order_id"]) == {"dear"}
    reason = "the order would be split and is worth less than 50"
    assert plan.waiting["reason"].to_list() == [reason, reason]


@pytest.mark.parametrize(("order", "first"), [("fefo", "fresh"), ("fifo", "old")])
def test_batches_go_in_their_order_and_expired_ones_not_at_all(order: Any, first: str) -> None:
    there = stock(
        ("s", "x", 2, "old", "2026-01-01", "2027-12-31"),
        ("s", "x", 2, "fresh", "2026-11-01", "2026-12-31"),
        ("s", "x", 2, "gone", "2025-01-01", "2026-11-21"),
    )
    config = AllocationConfig(store_radius_km=None, batch_order=order)
    wanted = lines(("a", "x", 1), ("b", "x", 2), ("c", "x", 2))
    plan = allocate(wanted, there, sites(s={}), config, as_of=AS_OF)
    other = {"fresh": "old", "old": "fresh"}[first]
    picks = plan.picks[["order_id", "batch", "quantity"]].to_numpy().tolist()
    assert picks == [["a", first, 1], ["b", first, 1], ["b", other, 1], ["c", other, 1]]
    assert plan.waiting["quantity"].to_list() == [1]


def test_shelf_life_is_kept() -> None:
    there = stock(("s", "x", 2, "b1", None, "2026-11-30"))
    config = AllocationConfig(store_radius_km=None, shelf_life_days=9)
    assert allocate(lines(("a", "x", 1)), there, sites(s={}), config, as_of=AS_OF).picks.empty
    config = AllocationConfig(store_radius_km=None, shelf_life_days=8)
    assert len(allocate(lines(("a", "x", 1)), there, sites(s={}), config, as_of=AS_OF).picks) == 1


def test_plan_is_the_optimum_of_another_solver() -> None:
    frames = made_up(900, 60, 6)
    problem = build_problem(*frames, AllocationConfig(store_radius_km=60), as_of=AS_OF)
    found, best = optimum(problem, 60)
    assert found == pytest.approx(best, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), capacity=st.sampled_from([None, 5, 20]), joins=st.booleans())
def test_plan_never_gives_out_more_than_there_is(
    seed: int, capacity: int | None, joins: bool
) -> None:
    wanted, there, where = made_up(40, 6, 4, seed)
    where = where.assign(capacity_units=capacity)
    config = AllocationConfig(store_radius_km=80, split_cost=50 if joins else 0)
    plan = allocate(wanted, there, where, config, as_of=AS_OF)
    out = plan.picks.groupby(["site", "sku"])["quantity"].sum()
    assert (out <= there.set_index(["site", "sku"])["quantity"].reindex(out.index)).all()
    if capacity is not None:
        assert (plan.picks.groupby("site")["quantity"].sum() <= capacity).all()
    key = ["order_id", "line_no"]
    told = pd.concat([plan.picks, plan.waiting]).groupby(key)["quantity"].sum()
    asked = wanted.set_index(key)["quantity"]
    assert told.sort_index().to_dict() == asked.sort_index().to_dict()
    assert plan.cost == pytest.approx((plan.picks["quantity"] * plan.picks["unit_cost"]).sum())


def test_small_case_is_the_best_of_all_possible_ones() -> None:
    """Every way to serve two units each from two shelves, tried out."""
    where, there = sites(p={"km": 2}, q={"km": 7}), stock(("p", "x", 1), ("q", "x", 3))
    wanted = lines(("a", "x", 2, {"km": 1}), ("b", "x", 2, {"km": 9}))
    best = min(
        a * 1 + (2 - a) * 6 + b * 7 + (2 - b) * 2
        for a, b in product(range(3), repeat=2)
        if a + b <= 1 and 4 - a - b <= 3
    )  # fmt: skip
    assert allocate(wanted, there, where, PLAIN, as_of=AS_OF).cost == pytest.approx(best)


@pytest.mark.parametrize(("change", "problem"), [
    ({"quantity": 0}, "whole number of at least 1"), ({"latitude": None}, "without latitude"),
    ({"line_no": 0}, "share"),
])  # fmt: skip
def test_frame_that_cannot_be_used_is_refused(change: dict[str, Any], problem: str) -> None:
    wanted = lines(("a", "x", 1), ("a", "y", 1)).assign(**change)
    with pytest.raises(FrameError, match=problem):
        allocate(wanted, stock(("s", "x", 1)), sites(s={}), as_of=AS_OF)


def test_nothing_to_allocate_is_an_empty_plan() -> None:
    plan = allocate(lines(("a", "x", 1)).iloc[:0], stock(("s", "x", 1)), sites(s={}), as_of=AS_OF)
    assert (len(plan.picks), len(plan.waiting), plan.parcels) == (0, 0, 0)


def test_settings_outside_their_range_are_refused() -> None:
    for wrong in ({"cost_per_km": -1.0}, {"store_radius_km": -1.0}, {"shelf_life_days": -1}):
        with pytest.raises(ValueError, match="at least 0"):
            AllocationConfig(**wrong)  # type: ignore[arg-type]
