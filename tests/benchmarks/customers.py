"""CDNOW customer value against the published fit, a million customers, Online Retail I.

CDNOW's 1/10 sample, calibrated on 39 weeks (to 1997-09-30) and judged on the next 39: Fader, Hardie
and Lee (2005) print r .243, alpha 4.414, a .793, b 2.426, log likelihood -9,582.4.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models_ml.customers import clv
from models_ml.customers.purchases import BgNbd, Histories
from tests.conftest import real_data_folder

CUT = pd.Timestamp("1997-09-30")
HORIZON_DAYS = 273


def run() -> dict[str, Any]:
    """Figures of each part, prefixed with its name."""
    parts = {"cdnow": cdnow(), "million": a_million_customers()}
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
