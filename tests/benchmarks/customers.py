"""Customer value against the published fit, next purchases, sequences, a million customers.

CDNOW's 1/10 sample, calibrated on 39 weeks (to 1997-09-30) and judged on the next 39: Fader, Hardie
and Lee (2005) print r .243, alpha 4.414, a .793, b 2.426, log likelihood -9,582.4.

Online Retail I: what known customers buy from 2011-10-10 to 2011-12-09, by what they bought before;
sales of articles with five digits. The learnt mix was designed and its parameters were chosen on
the windows from 2011-06-10 and 2011-08-10; `FINAL_LOOKS` counts how often the last one was seen.
"""

import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from connectors.sandbox.platforms import SALE
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.stages.catalogue import CATEGORIES
from connectors.sandbox.stages.following import FIRST, THEN, WITHIN_DAYS
from connectors.sandbox.world import NEVER, Scenario, WorldConfig
from models_ml.customers import backtest_next_purchases, clv, sequences
from models_ml.customers.purchases import BgNbd, Histories
from tests.conftest import real_data_folder

CUT = pd.Timestamp("1997-09-30")
HORIZON_DAYS = 273
NEXT_CUTS = ("2011-06-10", "2011-08-10", "2011-10-10")
NEXT_DAYS = 61
FINAL_LOOKS = 5
"""Twice for the baselines, once each for a first version of the mix, the one in use, and one that
counts habits by the customer's own orders too, which gained nothing and was dropped."""


def run() -> dict[str, Any]:
    """Figures of each part, prefixed with its name."""
    parts = {
        "cdnow": cdnow(),
        "million": a_million_customers(),
        "next": next_purchase_recall(),
        "sequence": planted_sequence(),
    }
    return {f"{name}_{k}": v for name, part in parts.items() for k, v in part.items()}


def cdnow_purchases(folder: Path) -> pd.DataFrame:
    """`customer`, `day`, `amount` of the sample's purchases."""
    read = pd.read_parquet(folder / "cdnow" / "cdnow_sample.parquet")
    return pd.DataFrame(
        {
            "customer": read["sample_id"],
            "day": pd.to_datetime(read["date"].astype(str)),
            "amount": read["dollar_value"].astype(float),
        }
    )


def cdnow() -> dict[str, float]:
    """Parameters, and the errors of purchases in the hold-out."""
    bought = cdnow_purchases(real_data_folder())
    started = time.perf_counter()
    found = clv(
        bought[bought["day"] <= CUT],
        customer="customer",
        time="day",
        amount="amount",
        horizon_days=HORIZON_DAYS,
        as_of=CUT.date(),
    )
    seconds = time.perf_counter() - started
    later = bought[bought["day"] > CUT].drop_duplicates(["customer", "day"])
    actual = later.groupby("customer").size().reindex(found["customer"]).fillna(0).to_numpy()
    error = found["expected_purchases"].to_numpy() - actual
    figures = {name: round(value, 3) for name, value in found.attrs["parameters"].items()}
    propensity = found["purchase_probability"].to_numpy()
    return figures | {
        "customers": len(found),
        "rmse": round(float(np.sqrt(np.mean(error**2))), 4),
        "mae": round(float(np.mean(np.abs(error))), 4),
        "bias": round(float(error.sum() / actual.sum()), 4),
        "share_bg_nbd": round(found.attrs["shares"]["bg_nbd"], 3),
        "propensity_mean": round(float(propensity.mean()), 4),
        "propensity_actual": round(float((actual > 0).mean()), 4),
        "propensity_brier": round(float(np.mean((propensity - (actual > 0)) ** 2)), 4),
        "seconds": round(seconds, 1),
    }


def simulated_histories(customers: int, *, seed: int = 1) -> Histories:
    """Histories by BG/NBD itself: r .24, alpha 4.4, a .8, b 2.4; ages up to 100 weeks, by day."""
    random = np.random.default_rng(seed)
    age = random.integers(7, 700, customers) / 7
    rate = random.gamma(0.24, 1 / 4.4, customers)
    stay = random.beta(0.8, 2.4, customers)
    left = random.geometric(np.clip(stay, 1e-12, 1))
    frequency, last = np.zeros(customers), np.zeros(customers)
    time_now, going = np.zeros(customers), np.ones(customers, dtype=bool)
    while going.any():
        time_now[going] += random.exponential(1 / np.maximum(rate[going], 1e-12))
        going &= time_now < age
        frequency[going] += 1
        last[going] = time_now[going]
        going &= frequency < left
    return Histories(frequency, np.round(last * 7) / 7, age)


def a_million_customers() -> dict[str, float]:
    """Seconds that BG/NBD takes for a million simulated customers, and what it finds."""
    histories = simulated_histories(1_000_000)
    started = time.perf_counter()
    found = BgNbd.fit(histories)
    seconds = time.perf_counter() - started
    return {
        "r": round(found.r, 3),
        "alpha": round(found.alpha, 3),
        "a": round(found.a, 3),
        "b": round(found.b, 3),
        "fit_seconds": round(seconds, 1),
    }


def online_retail_purchases(folder: Path) -> pd.DataFrame:
    """`customer`, `at`, `item`, `order` of the sold articles of known customers."""
    path = folder / "online_retail_1" / "online_retail.parquet"
    columns = ["CustomerID", "InvoiceDate", "StockCode", "InvoiceNo", "Quantity", "UnitPrice"]
    lines = pd.read_parquet(path, columns=columns)
    sold = lines["CustomerID"].notna() & ~lines["InvoiceNo"].str.startswith("C")
    sold &= (lines["Quantity"].astype(int) > 0) & (lines["UnitPrice"].astype(float) > 0)
    sold &= lines["StockCode"].str.match(r"\d{5}")
    named = dict(zip(columns, ["customer", "at", "item", "order"], strict=False))
    return lines.loc[sold, columns[:4]].rename(columns=named)


def next_purchase_recall() -> dict[str, float]:
    """Recall at ten of every method, on the windows of the design and on the last one."""
    bought = online_retail_purchases(real_data_folder())
    at = pd.to_datetime(bought["at"])
    figures: dict[str, float] = {"final_looks": FINAL_LOOKS}
    for text in NEXT_CUTS:
        cut, started = pd.Timestamp(text), time.perf_counter()
        judged = backtest_next_purchases(
            bought[at < cut + pd.Timedelta(days=NEXT_DAYS)],
            customer="customer",
            time="at",
            item="item",
            order="order",
            cut=cut,
            horizon_days=NEXT_DAYS,
        )
        seconds = time.perf_counter() - started
        figures[f"{text}_customers"] = int(judged["customers"].iloc[0])
        figures[f"{text}_seconds"] = round(seconds, 1)
        for row in judged.to_dict("records"):
            for name in ("recall", "hit_rate", "repeat_recall", "explore_recall"):
                figures[f"{text}_{row['method']}_{name}"] = round(row[name], 4)
    return figures


def paid_categories(world: World) -> pd.DataFrame:
    """`customer`, `at`, `item` (category) of the paid orders of a simulated world's accounts."""
    orders, lines = world.orders, world.lines
    counts = (orders.order_type == SALE) & (orders.account >= 0)
    counts &= world.journeys.paid_at != NEVER
    order = lines.order[counts[lines.order]]
    category = world.products.category[lines.sku[counts[lines.order]]]
    return pd.DataFrame(
        {
            "customer": orders.account[order],
            "at": pd.to_datetime(orders.created_at[order], unit="s"),
            "item": np.array([known.slug for known in CATEGORIES])[category],
        }
    )


def planted_rule(world: World) -> dict[str, float]:
    """Formula, then diapers within 90 days, as `sequences` finds it."""
    found = sequences(
        paid_categories(world),
        customer="customer",
        time="at",
        item="item",
        within_days=WITHIN_DAYS,
        as_of=pd.Timestamp(world.config.end_second, unit="s"),
    ).set_index(["antecedent_item", "consequent_item"])
    rule: dict[str, float] = found.loc[(FIRST, THEN)].to_dict()
    return rule


def planted_sequence() -> dict[str, float]:
    """The planted rule in 200 days of 600 orders."""
    config = WorldConfig(
        end_date=date(2026, 11, 20), days=200, orders_per_day=600, scenario=Scenario.full()
    )
    rule = planted_rule(simulate(config))
    return {name: round(float(value), 4) for name, value in rule.items()}
