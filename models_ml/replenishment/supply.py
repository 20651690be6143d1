"""What buying an article means: from whom, at what price, in what lots, and how long it takes.

Terms of suppliers go before the article's own; lead times that orders took are drawn towards the
agreed one, because a supplier with three late orders is not known to be late.
"""

from datetime import date

import numpy as np
import pandas as pd

from models_ml.frames import as_days, as_float, require_columns
from models_ml.replenishment.config import ReplenishmentConfig

PRICE_COLUMNS = (
    "business", "sku", "supplier_key", "unit_price", "currency_code", "minimum_order_quantity",
    "pack_size", "lead_time_days", "valid_from", "valid_until", "priority",
)  # fmt: skip
RECEIVED_COLUMNS = ("business", "sku", "ordered_on", "received_on")
SUPPLY_COLUMNS = ("supplier_key", "minimum_order_quantity", "lead_time_spread_days")
_KEY = ["business", "sku"]


def with_supply_terms(
    products: pd.DataFrame,
    prices: pd.DataFrame,
    received: pd.DataFrame,
    *,
    business_date: date,
    config: ReplenishmentConfig,
) -> pd.DataFrame:
    """Products with the terms they are bought on.

    Args:
        products: rows of `dim_products`.
        prices: rows of `dim_supplier_prices` with the supplier's lead time filled in; of several
            that hold on the day the lowest `priority`, then the lowest price goes first. Prices of
            another currency than the product's cost replace cost and currency together.
        received: purchase order lines that came in: `RECEIVED_COLUMNS`.
        business_date: day of the plan.
        config: settings.

    Returns:
        The products with SUPPLY_COLUMNS, and cost, currency, pack and lead time as bought.

    Raises:
        FrameError: a missing column.
    """
    require_columns(prices, PRICE_COLUMNS, name="supplier prices")
    require_columns(received, RECEIVED_COLUMNS, name="received")
    chosen = _in_force(prices, business_date)
    joined = products.merge(chosen, on=_KEY, how="left", suffixes=("", "_of_supplier"))
    bought = joined["unit_price"].notna()
    joined["unit_cost"] = joined["unit_price"].where(bought, joined["unit_cost"])
    joined["currency_code"] = joined["currency_code_of_supplier"].where(
        bought, joined["currency_code"]
    )
    for name in ("pack_size", "lead_time_days"):
        theirs = joined[f"{name}_of_supplier"]
        joined[name] = theirs.where(theirs.notna(), joined[name])
    joined = _with_lead_times(joined, received, config)
    columns = [*products.columns, *(c for c in SUPPLY_COLUMNS if c not in products.columns)]
    result: pd.DataFrame = joined[columns]
    return result


def _in_force(prices: pd.DataFrame, business_date: date) -> pd.DataFrame:
    """The price of each article that holds, one a business and SKU."""
    today = np.datetime64(business_date, "D")
    first, last = as_days(prices["valid_from"]), as_days(prices["valid_until"])
    holds = (np.isnat(first) | (first <= today)) & (np.isnat(last) | (last >= today))
    found = prices.loc[holds, list(PRICE_COLUMNS)].assign(
        amount=as_float(prices.loc[holds, "unit_price"])
    )
    found = found.sort_values(
        [*_KEY, "priority", "amount", "supplier_key"], na_position="last", kind="stable"
    )
    cheapest: pd.DataFrame = found.drop_duplicates(_KEY)
    result: pd.DataFrame = cheapest[[*_KEY, *PRICE_COLUMNS[2:8]]]
    return result


def _with_lead_times(
    joined: pd.DataFrame, received: pd.DataFrame, config: ReplenishmentConfig
) -> pd.DataFrame:
    """Lead times and their spread: orders that came in, drawn towards what was agreed."""
    took = (as_days(received["received_on"]) - as_days(received["ordered_on"])).astype(np.float64)
    lines = received[_KEY].assign(took=took)
    lines = lines[np.isfinite(took) & (took >= 0)]
    measured = lines.groupby(_KEY)["took"].agg(["size", "mean", "var"]).reset_index()
    joined = joined.merge(measured, on=_KEY, how="left")
    orders = np.nan_to_num(as_float(joined["size"]))
    agreed = as_float(joined["lead_time_days"])
    agreed = np.where(agreed >= 0, agreed, config.default_lead_time_days)
    weight = orders / (orders + config.lead_time_prior_orders) if len(joined) else orders
    weight = np.nan_to_num(weight)
    mean = np.nan_to_num(as_float(joined["mean"]))
    joined["lead_time_days"] = np.where(
        orders > 0, weight * mean + (1 - weight) * agreed, as_float(joined["lead_time_days"])
    )
    # A measured departure from the agreed time is uncertainty as well until it is certain.
    variance = np.nan_to_num(as_float(joined["var"])) + (1 - weight) * (mean - agreed) ** 2
    joined["lead_time_spread_days"] = np.where(orders > 0, np.sqrt(variance * weight), 0.0)
    return joined
