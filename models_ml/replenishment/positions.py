"""When to order and how much: periodic review with a reorder point and an order-up-to level.

Formulas (Silver, Pyke & Thomas, Inventory and Production Management in Supply Chains, (R, s, S)),
with L the lead time, R the review period and D(a..b) the demand of those days:

    stock position   = on hand - reserved + inbound + proposed
    variance of D    = forecast's variance + (mean day x spread of L)^2
    reorder point    = quantile(service level) of D(1..L+R), negative binomial
    safety stock     = reorder point - E[D(1..L+R)]
    order-up-to      = reorder point + E[D(L+1..L+R)]
    lacking          = order-up-to - position, if position < reorder point
    suggested        = lacking - transfers in, at least the minimum order, up to whole packs

What is inbound or proposed counts as stock, or every run would order the same units again. Which
part of `lacking` comes from other sites is `transfers`' question, what a budget leaves `orders`'.
"""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
from scipy import stats

from models_ml.frames import (
    as_days,
    as_float,
    require_columns,
    require_unique,
    require_values,
)
from models_ml.replenishment.config import ReplenishmentConfig
from models_ml.replenishment.demand_over_days import DemandOverDays
from models_ml.replenishment.spikes import guard_against_spikes

STOCK_COLUMNS = ("business", "business_date", "site", "sku", "on_hand", "reserved", "inbound")
PRODUCT_COLUMNS = (
    "business",
    "sku",
    "unit_cost",
    "lead_time_days",
    "pack_size",
    "currency_code",
)
# Columns that products may have besides: see `supply.with_supply_terms`.
SUPPLY_DEFAULTS: Mapping[str, float | None] = {
    "supplier_key": None,
    "minimum_order_quantity": None,
    "lead_time_spread_days": 0.0,
}
SITE_DEMAND_COLUMNS = ("business", "site", "sku", "quantity")
POSITION_COLUMNS = (
    "business",
    "site",
    "sku",
    "business_date",
    "on_hand",
    "reserved",
    "inbound",
    "stock_position",
    "lead_time_days",
    "expected_lead_time_demand",
    "safety_stock",
    "reorder_point",
    "pack_size",
    "suggested_quantity",
    "unit_cost",
    "suggested_amount",
    "currency_code",
    "origin_date",
    "review_period_days",
    "expected_review_demand",
    "order_up_to",
    "site_share",
    "proposed",
    "supplier_key",
    "minimum_order_quantity",
    "lead_time_spread_days",
    "is_spike_guarded",
)
CENT = Decimal("0.01")
UNIT_COST_STEP = Decimal("0.000001")
LEAST_DEMAND = 1e-6
"""Units below which there is no demand; distributions of less are not computable."""
ROUNDING_SLACK = 1e-9
"""Units that floating-point sums may be off by without costing another pack."""


def replenishment_positions(
    stock: pd.DataFrame,
    forecasts: pd.DataFrame,
    products: pd.DataFrame,
    *,
    business_date: date,
    config: ReplenishmentConfig | None = None,
    site_demand: pd.DataFrame | None = None,
    proposed: pd.DataFrame | None = None,
    history: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What every site should order of every SKU it holds, on one day.

    Forecasts are made per SKU. A site's share of them is its share of `site_demand` when given,
    else of the reserved units (`site_share="reserved"`) or equal; `equal_prior_units` spread
    evenly keep a site without any from getting nothing. The stock on hand is not used: a site that
    has run out would be given no demand. The variance is shared like the demand, as if every unit
    chose its site independently, so a site's spread is sqrt(share) of the SKU's.

    Args:
        stock: rows of `fct_stock_positions`; of every site its newest count up to `business_date`,
            unless that is older than `stock_age_days`. on_hand, reserved, inbound in units; null
            counts as zero.
        forecasts: rows of `demand_forecasts`, one origin a series; with `cumulative_error_spread`
            for the best safety stock (see `DemandOverDays.from_forecasts`). A SKU without rows has
            no demand.
        products: rows of `dim_products`, one a business and SKU, with the terms of
            `with_supply_terms` where they are known; missing products, lead times, packs and
            minimum orders take the configured defaults, a missing cost gives no amount.
        business_date: today; sites that were counted on an earlier day keep that day.
        config: settings; the defaults when None.
        site_demand: business, site, sku, quantity: units sold by each site in a recent time.
        proposed: business, site, sku, quantity: what was proposed and not ordered yet, as
            `netting.open_proposals` gives it.
        history: business, sku, business_date, quantity: demand by day, for the spike guard.

    Returns:
        One row per business, site and SKU with POSITION_COLUMNS, sorted by them. Units are floats
        except on_hand, reserved, inbound, stock_position and suggested_quantity; unit_cost and
        suggested_amount are Decimal or None. Empty when no stock was counted in those days.

    Raises:
        FrameError: a missing column or key, two rows for one key, or a value that is no number.
    """
    settings = config or ReplenishmentConfig()
    require_columns(stock, STOCK_COLUMNS, name="stock")
    require_columns(products, PRODUCT_COLUMNS, name="products")
    today = _newest_counts(stock, business_date, settings)
    if today.empty:
        return pd.DataFrame(columns=list(POSITION_COLUMNS))
    require_values(today, ("business", "site", "sku"), name="stock")
    require_unique(today, ["business", "site", "sku"], name="stock")
    require_unique(products, ["business", "sku"], name="products")
    frame = today[["business", "site", "sku"]].sort_values(["business", "site", "sku"])
    today = today.loc[frame.index]
    frame = frame.reset_index(drop=True)
    for name in ("on_hand", "reserved", "inbound"):
        frame[name] = np.nan_to_num(as_float(today[name])).round().astype(np.int64)
    frame["business_date"] = as_days(today["business_date"]).astype(object)
    frame["proposed"] = _proposed_units(frame, proposed)
    frame["stock_position"] = (
        frame["on_hand"] - frame["reserved"] + frame["inbound"] + frame["proposed"]
    )
    frame = _add_products(frame, products, settings)
    frame["site_share"] = _site_shares(frame, site_demand, settings)
    demand = DemandOverDays.from_forecasts(forecasts)
    is_guarded = np.zeros(len(demand.keys), dtype=bool)
    if history is not None and len(demand.keys):
        origin = as_days(demand.keys["origin_date"]).max().item()
        demand, is_guarded = guard_against_spikes(demand, history, origin=origin, config=settings)
    frame = _add_levels(frame, demand, is_guarded, settings)
    frame["suggested_quantity"] = suggested_units(frame)
    frame["suggested_amount"] = pd.Series(suggested_amounts(frame), dtype=object)
    return frame[list(POSITION_COLUMNS)]


def suggested_amounts(frame: pd.DataFrame) -> list[Decimal | None]:
    """What the suggested units cost, to the cent; None where the cost is not known."""
    return [
        None if cost is None else (cost * quantity).quantize(CENT, rounding=ROUND_HALF_UP)
        for cost, quantity in zip(
            frame["unit_cost"], frame["suggested_quantity"].tolist(), strict=True
        )
    ]


def _proposed_units(frame: pd.DataFrame, proposed: pd.DataFrame | None) -> np.ndarray:
    """Units of each row that were proposed and not ordered yet, int64 (n,)."""
    if proposed is None or proposed.empty:
        return np.zeros(len(frame), dtype=np.int64)
    require_unique(proposed, ["business", "site", "sku"], name="proposed")
    joined = frame[["business", "site", "sku"]].merge(
        proposed[list(SITE_DEMAND_COLUMNS)], on=["business", "site", "sku"], how="left"
    )
    return np.asarray(np.nan_to_num(as_float(joined["quantity"])).round(), dtype=np.int64)


def _newest_counts(
    stock: pd.DataFrame, business_date: date, config: ReplenishmentConfig
) -> pd.DataFrame:
    """The rows of every site's newest count: sites may come from sources that end on other days."""
    days = as_days(stock["business_date"])
    today = np.datetime64(business_date, "D")
    usable = (days <= today) & (days >= today - np.timedelta64(config.stock_age_days, "D"))
    counts = stock[usable].assign(counted=days[usable])
    newest = counts.groupby(["business", "site"], dropna=False)["counted"].transform("max")
    result: pd.DataFrame = counts[counts["counted"] == newest].drop(columns="counted")
    return result


def _add_products(
    frame: pd.DataFrame, products: pd.DataFrame, config: ReplenishmentConfig
) -> pd.DataFrame:
    terms = products.copy()
    for name, value in SUPPLY_DEFAULTS.items():
        if name not in terms.columns:
            terms[name] = value
    terms = terms[[*PRODUCT_COLUMNS, *SUPPLY_DEFAULTS]]
    joined = frame.merge(terms, on=["business", "sku"], how="left", validate="many_to_one")
    lead_time = as_float(joined["lead_time_days"])
    pack = as_float(joined["pack_size"])
    lead_time = np.where(lead_time >= 0, lead_time, config.default_lead_time_days)
    pack = np.where(pack >= 1, pack, config.default_pack_size)
    joined["lead_time_days"] = np.ceil(lead_time).astype(np.int64)
    joined["pack_size"] = np.ceil(pack).astype(np.int64)
    least = as_float(joined["minimum_order_quantity"])
    least = np.where(least >= 1, least, config.default_minimum_order)
    joined["minimum_order_quantity"] = np.ceil(least).astype(np.int64)
    spread = np.nan_to_num(as_float(joined["lead_time_spread_days"]))
    joined["lead_time_spread_days"] = np.maximum(spread, 0.0)
    supplier = joined["supplier_key"].astype(object)
    joined["supplier_key"] = supplier.where(supplier.notna(), None)
    costs = [_as_cost(value) for value in joined["unit_cost"]]
    joined["unit_cost"] = pd.Series(costs, index=joined.index, dtype=object)
    joined["currency_code"] = (
        joined["currency_code"].astype(object).where(joined["currency_code"].notna(), None)
    )
    return joined


def _as_cost(value: object) -> Decimal | None:
    if value is None or bool(pd.isna(value)):  # type: ignore[call-overload]
        return None
    return Decimal(str(value)).quantize(UNIT_COST_STEP, rounding=ROUND_HALF_UP)


def _site_shares(
    frame: pd.DataFrame, site_demand: pd.DataFrame | None, config: ReplenishmentConfig
) -> np.ndarray:
    """Each row's share of its SKU's demand, float64 (n,); the shares of a SKU add up to 1."""
    if site_demand is not None:
        require_columns(site_demand, SITE_DEMAND_COLUMNS, name="site_demand")
        require_unique(site_demand, ["business", "site", "sku"], name="site_demand")
        known = frame[["business", "site", "sku"]].merge(
            site_demand[list(SITE_DEMAND_COLUMNS)], on=["business", "site", "sku"], how="left"
        )
        weight = np.nan_to_num(as_float(known["quantity"]))
    elif config.site_share == "reserved":
        weight = frame["reserved"].to_numpy(dtype=np.float64)
    else:
        weight = np.zeros(len(frame))
    weight = np.maximum(weight, 0.0)
    groups = frame.assign(weight=weight).groupby(["business", "sku"])["weight"]
    total = groups.transform("sum").to_numpy(dtype=np.float64)
    sites = groups.transform("size").to_numpy(dtype=np.float64)
    prior = config.equal_prior_units
    share: np.ndarray = (weight + prior / sites) / (total + prior)
    return share


def _add_levels(
    frame: pd.DataFrame,
    demand: DemandOverDays,
    is_guarded: np.ndarray,
    config: ReplenishmentConfig,
) -> pd.DataFrame:
    """Expected demand, safety stock, reorder point and order-up-to level of every row."""
    places = demand.keys.assign(series=np.arange(len(demand.keys)))
    joined = frame.merge(places, on=["business", "sku"], how="left", validate="many_to_one")
    series = joined.pop("series").fillna(-1).to_numpy(dtype=np.int64)
    joined["origin_date"] = joined["origin_date"].astype(object).where(series >= 0, None)
    share = joined["site_share"].to_numpy(dtype=np.float64)
    lead_time = joined["lead_time_days"].to_numpy(dtype=np.int64)
    cover = lead_time + config.review_period_days
    over_lead_time = share * demand.expected_over(series, lead_time)
    over_cover = share * demand.expected_over(series, cover)
    variance = share * demand.spread_over(series, cover) ** 2
    of_lead_time = joined["lead_time_spread_days"].to_numpy(dtype=np.float64)
    variance += (over_cover / cover * of_lead_time) ** 2
    joined["review_period_days"] = config.review_period_days
    joined["expected_lead_time_demand"] = over_lead_time
    joined["expected_review_demand"] = over_cover - over_lead_time
    joined["reorder_point"] = np.maximum(
        demand_quantile(over_cover, variance, config.service_level), over_cover
    )
    joined["safety_stock"] = joined["reorder_point"] - over_cover
    joined["order_up_to"] = joined["reorder_point"] + joined["expected_review_demand"]
    joined["is_spike_guarded"] = (series >= 0) & (
        is_guarded[series] if len(is_guarded) else np.zeros(len(series), dtype=bool)
    )
    return joined


def demand_quantile(mean: np.ndarray, variance: np.ndarray, level: float) -> np.ndarray:
    """Least whole units that suffice with this probability, float64 (n,); 0 without demand.

    Negative binomial of this mean and variance, Poisson where it is not above the mean.
    """
    result = np.zeros(len(mean))
    some = mean > LEAST_DEMAND
    wide = some & (variance > mean * (1 + 1e-9))
    size = mean[wide] ** 2 / (variance[wide] - mean[wide])
    result[wide] = stats.nbinom.ppf(level, size, mean[wide] / variance[wide])
    narrow = some & ~wide
    result[narrow] = stats.poisson.ppf(level, mean[narrow])
    return result


def lacking_units(frame: pd.DataFrame) -> np.ndarray:
    """Units up to the order-up-to level, 0 at or above the reorder point, float64 (n,)."""
    position = frame["stock_position"].to_numpy(dtype=np.float64)
    missing = np.maximum(frame["order_up_to"].to_numpy(dtype=np.float64) - position, 0.0)
    is_below = position < frame["reorder_point"].to_numpy(dtype=np.float64)
    lacking: np.ndarray = np.where(is_below, missing, 0.0)
    return lacking


def suggested_units(frame: pd.DataFrame, transferred: np.ndarray | float = 0) -> np.ndarray:
    """Whole packs of at least the minimum order for what is lacking, int64 (n,).

    Args:
        frame: positions.
        transferred: units that come from other sites.
    """
    missing = lacking_units(frame) - transferred
    pack = frame["pack_size"].to_numpy(dtype=np.float64)
    least = frame["minimum_order_quantity"].to_numpy(dtype=np.float64)
    wanted = np.where(missing > ROUNDING_SLACK, np.maximum(missing, least), 0.0)
    packs: np.ndarray = np.ceil(wanted / pack - ROUNDING_SLACK)
    return np.asarray(packs * pack, dtype=np.int64)
