"""Transfers before purchases: what another site has to spare, where that is cheaper, exactly.

A minimum-cost flow for every article: each unit that a site lacks comes from another site's surplus
or from the supplier. A transferred unit costs handling and freight and saves what holding it where
it is would cost until it is sold there; a purchased one costs its handling. Money is counted in
hundredths, so the optimum is exact; then lines that save less than a transfer costs are dropped.
"""

import numpy as np
import pandas as pd
from ortools.graph.python import min_cost_flow

from models_ml.frames import as_float, require_columns
from models_ml.replenishment.config import ReplenishmentConfig
from models_ml.replenishment.positions import lacking_units

TRANSFER_COLUMNS = (
    "business", "sku", "from_site", "to_site", "business_date", "quantity", "lacking_quantity",
    "surplus_quantity", "distance_km", "transfer_cost", "purchase_cost", "saved_amount",
    "currency_code",
)  # fmt: skip
SITE_COLUMNS = ("business", "site", "latitude", "longitude")
EARTH_RADIUS_KM = 6371.0
_HUNDREDTHS = 100
_NEVER_SOLD_DAYS = 3650.0


def plan_transfers(
    positions: pd.DataFrame,
    sites: pd.DataFrame,
    weights: pd.DataFrame,
    config: ReplenishmentConfig,
    *,
    refused: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What should go from one site to another.

    Args:
        positions: what `replenishment_positions` gives.
        sites: rows of `dim_sites`; coordinates may be missing.
        weights: business, sku, weight_kg.
        config: settings.
        refused: business, sku, from_site, to_site that must not be proposed.

    Returns:
        One row a business, SKU and pair of sites, TRANSFER_COLUMNS; money as float64 to the cent.
    """
    require_columns(sites, SITE_COLUMNS, name="sites")
    frame = _with_surplus(positions, weights, config)
    pairs = _pairs(frame, sites, config)
    if refused is not None and not refused.empty:
        keys = ["business", "sku", "from_site", "to_site"]
        found = pd.MultiIndex.from_frame(pairs[keys]).isin(pd.MultiIndex.from_frame(refused[keys]))
        pairs = pairs[~found]
    if pairs.empty or not config.transfers:
        return pd.DataFrame(columns=list(TRANSFER_COLUMNS))
    pairs = pairs.assign(quantity=cheapest_flow(pairs))
    pairs["saved"] = (pairs["purchase_unit"] - pairs["transfer_unit"]) * pairs["quantity"]
    worth = (pairs["quantity"] > 0) & (pairs["saved"] >= config.transfer_line_cost * _HUNDREDTHS)
    kept = pairs[worth]
    units = kept["quantity"]
    return pd.DataFrame(
        {
            **{name: kept[name] for name in TRANSFER_COLUMNS[:9]},
            # What holding the surplus costs belongs to buying: in the flow it is a gain of moving.
            "transfer_cost": (kept["transfer_unit"] + kept["held_unit"]) * units / _HUNDREDTHS,
            "purchase_cost": (kept["purchase_unit"] + kept["held_unit"]) * units / _HUNDREDTHS,
            "saved_amount": kept["saved"] / _HUNDREDTHS,
            "currency_code": kept["currency_code"],
        }
    ).reset_index(drop=True)


def cheapest_flow(pairs: pd.DataFrame) -> np.ndarray:
    """Units of each pair in the cheapest way to fill all that is lacking, int64 (n,).

    Args:
        pairs: one row an article (`business`, `sku`) and pair of sites (`from_place`, `to_place`:
            places of the positions), with `surplus_quantity`, `lacking_quantity`, and cost of a
            unit in whole hundredths: `transfer_unit`, `purchase_unit`.
    """
    froms, from_node = np.unique(pairs["from_place"].to_numpy(), return_inverse=True)
    tos, to_node = np.unique(pairs["to_place"].to_numpy(), return_inverse=True)
    to_node = to_node + len(froms)
    surplus = pairs.groupby("from_place")["surplus_quantity"].first().loc[froms].to_numpy()
    lacking = pairs.groupby("to_place")["lacking_quantity"].first().loc[tos].to_numpy()
    purchase = pairs.groupby("to_place")["purchase_unit"].first().loc[tos].to_numpy()
    origin = len(froms) + len(tos)
    network = min_cost_flow.SimpleMinCostFlow()
    arcs = network.add_arcs_with_capacity_and_unit_cost(
        from_node,
        to_node,
        pairs[["surplus_quantity", "lacking_quantity"]].min(axis=1).to_numpy(dtype=np.int64),
        pairs["transfer_unit"].to_numpy(dtype=np.int64),
    )
    network.add_arcs_with_capacity_and_unit_cost(
        np.full(len(froms), origin),
        np.arange(len(froms)),
        surplus.astype(np.int64),
        np.zeros(len(froms), dtype=np.int64),
    )
    network.add_arcs_with_capacity_and_unit_cost(
        np.full(len(tos), origin),
        np.arange(len(tos)) + len(froms),
        lacking.astype(np.int64),
        purchase.astype(np.int64),
    )
    network.set_node_supply(origin, int(lacking.sum()))
    network.set_nodes_supplies(np.arange(len(tos)) + len(froms), -lacking.astype(np.int64))
    status = network.solve()
    if status != network.OPTIMAL:
        raise ArithmeticError(f"The flow of {len(pairs)} transfers has no optimum ({status}).")
    return np.asarray(network.flows(arcs), dtype=np.int64)


def _with_surplus(
    positions: pd.DataFrame, weights: pd.DataFrame, config: ReplenishmentConfig
) -> pd.DataFrame:
    """Positions with what they lack and can spare, and what a unit is worth elsewhere."""
    frame = positions.merge(
        weights[["business", "sku", "weight_kg"]], on=["business", "sku"], how="left"
    )
    frame["place"] = np.arange(len(frame))
    frame["lacking_quantity"] = np.ceil(lacking_units(frame) - 1e-9).astype(np.int64)
    leaving = np.minimum(frame["proposed"], 0)  # it is still on the shelf, but not to spare
    free = frame["on_hand"] - frame["reserved"] + leaving
    spare = np.minimum(frame["stock_position"], free) - np.ceil(frame["order_up_to"])
    frame["surplus_quantity"] = np.maximum(spare.to_numpy(), 0).astype(np.int64)
    weight = as_float(frame["weight_kg"])
    frame["weight_kg"] = np.where(weight > 0, weight, config.default_weight_kg)
    cover = (frame["lead_time_days"] + frame["review_period_days"]).to_numpy(dtype=float)
    over_cover = frame["expected_lead_time_demand"] + frame["expected_review_demand"]
    daily = over_cover.to_numpy(dtype=float) / cover
    days = np.full(len(frame), _NEVER_SOLD_DAYS)
    position = frame["stock_position"].to_numpy(dtype=float)
    np.divide(position, daily, out=days, where=daily > 1e-9)
    cost = as_float(frame["unit_cost"].astype(object))
    held = np.minimum(config.annual_holding_rate * days / 365.0, 1.0)
    frame["held_cost"] = np.nan_to_num(cost) * np.maximum(held, 0.0)
    return frame


def _pairs(frame: pd.DataFrame, sites: pd.DataFrame, config: ReplenishmentConfig) -> pd.DataFrame:
    """Pairs of a site with a surplus and one that lacks, with the cost of a unit each way."""
    shared = ["business", "sku"]
    lacking = frame.loc[
        frame["lacking_quantity"] > 0,
        [*shared, "site", "place", "lacking_quantity", "business_date", "weight_kg",
         "currency_code"],
    ].rename(columns={"site": "to_site", "place": "to_place"})  # fmt: skip
    spare = frame.loc[
        frame["surplus_quantity"] > 0,
        [*shared, "site", "place", "surplus_quantity", "held_cost"],
    ].rename(columns={"site": "from_site", "place": "from_place"})
    pairs = lacking.merge(spare, on=shared)
    pairs["distance_km"] = _distances(pairs, sites, config)
    freight = config.transfer_cost_per_kg_km * pairs["weight_kg"] * pairs["distance_km"]
    cost = np.rint((config.transfer_handling + freight) * _HUNDREDTHS).astype(np.int64)
    pairs["held_unit"] = np.rint(pairs["held_cost"] * _HUNDREDTHS).astype(np.int64)
    pairs["transfer_unit"] = cost - pairs["held_unit"]
    pairs["purchase_unit"] = round(config.purchase_handling * _HUNDREDTHS)
    return pairs


def _distances(pairs: pd.DataFrame, sites: pd.DataFrame, config: ReplenishmentConfig) -> np.ndarray:
    """Great-circle kilometres of every pair, to the metre."""
    places = sites.drop_duplicates(["business", "site"])[list(SITE_COLUMNS)]
    angles = []
    for side in ("from_site", "to_site"):
        found = pairs[["business", side]].merge(
            places, left_on=["business", side], right_on=["business", "site"], how="left"
        )
        angles += [np.radians(as_float(found[name])) for name in ("latitude", "longitude")]
    lat1, lon1, lat2, lon2 = angles
    half = (
        np.sin((lat2 - lat1) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    )
    found = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return np.asarray(np.round(np.where(np.isnan(found), config.default_distance_km, found), 3))
