"""The allocation as arrays: which site may serve which line, at what cost, and what there is."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from models_ml.allocation.config import AllocationConfig
from models_ml.frames import FrameError, require_columns, require_unique, require_values

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

LINE_COLUMNS = (
    "order_id", "line_no", "sku", "quantity", "priority", "ordered_at", "latitude", "longitude",
    "order_amount",
)  # fmt: skip
SITE_COLUMNS = (
    "site", "kind", "latitude", "longitude", "is_accepting", "capacity_units", "base_cost",
)  # fmt: skip
PRECISIONS = ("address", "region", "unknown")
STOCK_COLUMNS = ("site", "sku", "quantity", "batch", "received_on", "expires_on")
EARTH_RADIUS_KM = 6371.0088
_HUNDREDTHS = 100
_NO_LIMIT = 2**40


@dataclass(frozen=True)
class Problem:
    """One allocation; lines are sorted by article, then by who comes first.

    Attributes:
        lines: the lines in that order, fresh index.
        sites: names of the sites, shape (sites,).
        skus: names of the articles, shape (skus,).
        sku_of: article of each line, shape (lines,).
        quantity: units asked for, shape (lines,).
        distance_km: shape (lines, sites); to the metre; NaN where a place is not known.
        cost: of a unit in hundredths, shape (lines, sites).
        offset: put on the cost so that an eligible store goes first, shape (lines, sites).
        allowed: whether the site may serve the line, stock apart, shape (lines, sites).
        stock: units that may be given out, shape (skus, sites).
        capacity: units that a site can send, shape (sites,).
        batches: usable stock by batch, the first to go first.
        dearest: more than cost and offset of any unit.
    """

    lines: pd.DataFrame
    sites: npt.NDArray[np.object_]
    skus: npt.NDArray[np.object_]
    sku_of: Ints
    quantity: Ints
    distance_km: Floats
    cost: Ints
    offset: Ints
    allowed: Flags
    stock: Ints
    capacity: Ints
    batches: pd.DataFrame
    dearest: int


def build_problem(
    lines: pd.DataFrame,
    stock: pd.DataFrame,
    sites: pd.DataFrame,
    config: AllocationConfig,
    *,
    as_of: date,
) -> Problem:
    """Check the frames and put them into arrays.

    Args:
        lines: one row an order line, columns `LINE_COLUMNS`; the lowest priority goes first,
            then the oldest order. A column `precision` may say what the coordinates are: of the
            `address` (else of all), of its `region` (no store counts as near), or `unknown` (they
            are not looked at).
        stock: one row a site, article and batch, columns `STOCK_COLUMNS`; dates may be empty.
        sites: one row a site, columns `SITE_COLUMNS`; kind `store` or `warehouse`, an empty
            capacity means none. A column `is_located` may say that coordinates are not known.
        config: the policy.
        as_of: business date of the allocation.

    Raises:
        FrameError: a frame lacks columns or values, has a key twice or quantities that can't be.
    """
    _check(lines, stock, sites)
    lines = lines.sort_values(
        ["sku", "priority", "ordered_at", "order_id", "line_no"], kind="stable"
    ).reset_index(drop=True)
    skus, sku_of = np.unique(lines["sku"].to_numpy(dtype=object), return_inverse=True)
    sites = sites.sort_values("site").reset_index(drop=True)
    batches = _usable(stock, skus, sites, config, as_of)
    units = np.zeros((len(skus), len(sites)), dtype=np.int64)
    np.add.at(units, (batches["sku_code"], batches["site_code"]), batches["quantity"])
    distance = np.round(_distances(lines, sites), 3)
    base = sites["base_cost"].to_numpy(dtype=float)
    # What is not known counts as far as the farthest that is, so it is never preferred.
    known = ~np.isnan(distance)
    assumed = np.where(known, distance, distance.max(initial=0.0, where=known))
    cost = np.rint((base + assumed * config.cost_per_km) * _HUNDREDTHS).astype(np.int64)
    accepts = sites["is_accepting"].to_numpy(dtype=bool)
    allowed = np.broadcast_to(accepts, cost.shape).copy()
    offset = np.zeros_like(cost)
    if config.store_radius_km is not None:
        is_store = (sites["kind"] == "store").to_numpy()
        exact = (_precision(lines) == "address").to_numpy()[:, None]
        allowed &= ~is_store | (exact & (distance <= config.store_radius_km))
        # More than any detour within an article can save: stores are used first.
        offset[:, ~is_store] = (int(cost.max(initial=0)) + 1) * (len(sites) + 1)
    capacity = sites["capacity_units"].fillna(_NO_LIMIT).to_numpy(dtype=np.int64)
    return Problem(
        lines,
        sites["site"].to_numpy(dtype=object),
        skus,
        sku_of.astype(np.int64),
        lines["quantity"].to_numpy(dtype=np.int64),
        distance,
        cost,
        offset,
        allowed,
        units,
        capacity,
        batches,
        int((cost + offset).max(initial=0)) + 1,
    )


def _check(lines: pd.DataFrame, stock: pd.DataFrame, sites: pd.DataFrame) -> None:
    require_columns(lines, LINE_COLUMNS, name="lines")
    require_columns(stock, STOCK_COLUMNS, name="stock")
    require_columns(sites, SITE_COLUMNS, name="sites")
    require_values(lines, LINE_COLUMNS[:-1], name="lines")
    require_values(stock, ("site", "sku", "quantity"), name="stock")
    require_values(sites, [c for c in SITE_COLUMNS if c != "capacity_units"], name="sites")
    require_unique(lines, ["order_id", "line_no"], name="lines")
    require_unique(stock, ["site", "sku", "batch"], name="stock")
    require_unique(sites, ["site"], name="sites")
    strange = ~_precision(lines).isin(PRECISIONS)
    if strange.any():
        raise FrameError(
            f"The frame lines has {int(strange.sum())} row(s) whose precision is none of "
            f"{', '.join(PRECISIONS)}; correct them.",
            lines[strange],
        )
    for frame, name, least in ((lines, "lines", 1), (stock, "stock", 0)):
        wrong = (frame["quantity"] < least) | (frame["quantity"] % 1 != 0)
        if wrong.any():
            raise FrameError(
                f"The frame {name} has {int(wrong.sum())} row(s) whose quantity is not a whole "
                f"number of at least {least}; correct them.",
                frame[wrong],
            )


def _precision(lines: pd.DataFrame) -> pd.Series:
    """What each line's coordinates are of."""
    if "precision" in lines:
        return lines["precision"]
    return pd.Series("address", index=lines.index)


def _usable(
    stock: pd.DataFrame,
    skus: npt.NDArray[np.object_],
    sites: pd.DataFrame,
    config: AllocationConfig,
    as_of: date,
) -> pd.DataFrame:
    """Batches that are asked for and keep long enough, the first to go first."""
    last = pd.Timestamp(as_of + timedelta(days=config.shelf_life_days))
    expires = pd.to_datetime(stock["expires_on"])
    keeps = expires.isna() | (expires >= last)
    codes = {
        "sku_code": pd.Index(skus).get_indexer(pd.Index(stock["sku"])),
        "site_code": pd.Index(sites["site"]).get_indexer(pd.Index(stock["site"])),
    }
    found = stock.assign(**codes, expires_on=expires)
    found = found[keeps & (found["sku_code"] >= 0) & (found["site_code"] >= 0)]
    found = found.assign(received_on=pd.to_datetime(found["received_on"]))
    dates = ["expires_on", "received_on"]
    by = dates if config.batch_order == "fefo" else dates[::-1]
    return found.sort_values(
        ["sku_code", "site_code", *by, "batch"], na_position="last", kind="stable"
    ).reset_index(drop=True)


def _distances(lines: pd.DataFrame, sites: pd.DataFrame) -> Floats:
    """Great-circle distances in kilometres (haversine formula), shape (lines, sites).

    NaN where the place of the line or of the site is not known.
    """
    lat1 = np.radians(lines["latitude"].to_numpy(dtype=float))[:, None]
    lon1 = np.radians(lines["longitude"].to_numpy(dtype=float))[:, None]
    lat2 = np.radians(sites["latitude"].to_numpy(dtype=float))[None, :]
    lon2 = np.radians(sites["longitude"].to_numpy(dtype=float))[None, :]
    half = (
        np.sin((lat2 - lat1) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    )
    distances: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    distances[(_precision(lines) == "unknown").to_numpy()] = np.nan
    if "is_located" in sites:
        distances[:, ~sites["is_located"].to_numpy(dtype=bool)] = np.nan
    return distances
