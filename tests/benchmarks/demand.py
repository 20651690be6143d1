"""Demand on the M5 subset, Online Retail (500 articles, days and weeks) and Stallion.

The configuration is the default one; origins are the newest ones of each set. Since the coming
season's factor reached the boosted model, configurations were chosen on the windows before those
origins; `FINAL_LOOKS` counts how often the judged ones were seen since. `size()` is the run
on a simulated retailer of the full size of M5: 30,490 series of 1,941 days, nine quantiles.
"""

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models_ml.demand import Report, backtest, forecast
from models_ml.demand.report import JUDGED_LEVELS
from tests.conftest import real_data_folder

PLANNED = ("price_regular", "discount", "easter_day", "good_friday", "new_year", "christmas",
           "labor_day", "independence_day")  # fmt: skip
"""Covariates of Stallion that a brewer knows months ahead: prices and holidays."""


FINAL_LOOKS = 1
"""Before that the judged windows were looked at several times while the mix was developed."""
OWN_METHODS = ("chosen", "boosted", "capped_")
"""What is not a simple method of the literature: `by_method` shows them all."""


def run() -> dict[str, Any]:
    """Figures of every set, and whether the mix is better than every simple method."""
    folder = real_data_folder()
    sets = {
        "m5": (read_m5(folder), {"horizon": 28, "freq": "D", "origins": 2}),
        "online_retail_days": (
            read_online_retail(folder, "D"),
            {"horizon": 28, "freq": "D", "origins": 2},
        ),
        "online_retail_weeks": (
            read_online_retail(folder, "W"),
            {"horizon": 4, "freq": "W", "origins": 3},
        ),
        "stallion": (
            read_stallion(folder),
            {"horizon": 3, "freq": "MS", "origins": 3, "covariates": list(PLANNED)},
        ),
    }
    figures: dict[str, Any] = {f"size_{name}": value for name, value in size().items()}
    for name, (frame, settings) in sets.items():
        started = time.perf_counter()
        report = backtest(frame, id="id", time="time", y="y", **settings)
        figures |= {f"{name}_{key}": value for key, value in summary(report).items()}
        figures[f"{name}_seconds"] = round(time.perf_counter() - started, 1)
    return figures


def summary(report: Report) -> dict[str, Any]:
    """The mix beside the best simple method of each figure, the classes lost, and coverage."""
    table = report.by_method()
    simple = table[~table.index.str.startswith(OWN_METHODS)]
    figures: dict[str, Any] = {}
    for column in ("wape", "rmsse", "scaled_pinball", "pinball_rate"):
        figures[column] = round(report.figure(column), 4)
        figures[f"{column}_best_simple"] = round(float(simple[column].min()), 4)
        figures[f"{column}_best_simple_method"] = str(simple[column].idxmin())
    figures["classes_where_simple_is_better"] = ", ".join(_lost(report))
    for (velocity, share), row in report.coverage().iterrows():
        if share in (0.8, 0.95):
            figures[f"coverage_{velocity}_{share:g}"] = round(float(row["coverage"]), 4)
            figures[f"coverage_randomised_{velocity}_{share:g}"] = round(
                float(row["coverage_randomised"]), 4
            )
    return figures


def _lost(report: Report) -> list[str]:
    """Classes and figures in which the best simple method in hindsight is better than the mix."""
    found = []
    for velocity, table in report.by_class().groupby(level=0):
        own = table.droplevel(0)
        simple = own[~own.index.str.startswith(OWN_METHODS)]
        for column in ("wape", "scaled_pinball"):
            if own.at["chosen", column] > simple[column].min():
                found.append(f"{velocity} {column}")
    return found


def size() -> dict[str, Any]:
    """Seconds and peak memory of one forecast of full size, without making up the frame."""
    series, days, horizon = 30_490, 1_941, 28
    rng = np.random.default_rng(11)
    level = rng.gamma(0.5, 2.0, series).astype(np.float32)
    profile = np.array([0.8, 0.8, 0.9, 0.9, 1.1, 1.3, 1.2], dtype=np.float32)
    units = np.empty((series, days), dtype=np.int16)
    for start in range(0, series, 2_000):
        part = level[start : start + 2_000, None] * profile[np.arange(days) % 7]
        units[start : start + 2_000] = rng.poisson(part)
    ids = pd.Categorical.from_codes(
        np.repeat(np.arange(series, dtype=np.int32), days), [f"S{n:05}" for n in range(series)]
    )
    frame = pd.DataFrame(
        {"id": ids, "time": np.tile(np.arange(days, dtype=np.int32), series), "y": units.ravel()}
    )
    started, processor = time.perf_counter(), time.process_time()
    made = forecast(
        frame, id="id", time="time", y="y", horizon=horizon, freq="D",
        quantiles=JUDGED_LEVELS,
    )  # fmt: skip
    return {
        "rows": len(made),
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def read_m5(folder: Path) -> pd.DataFrame:
    """149 series of daily sales."""
    sales = pd.read_parquet(folder / "m5_subset" / "sales_long.parquet")
    return sales.rename(columns={"date": "time", "sales": "y"})[["id", "time", "y"]]


def read_online_retail(folder: Path, freq: str) -> pd.DataFrame:
    """The 500 articles with the most units, every period from the first to the last whole one."""
    lines = pd.read_parquet(folder / "online_retail_1" / "online_retail.parquet")
    lines = lines.drop(columns="source_file").drop_duplicates()
    lines = lines[lines["StockCode"].str.match(r"^\d{5}")]
    lines["y"] = lines["Quantity"].astype(float)
    lines = lines[(lines["y"] > 0) & (lines["UnitPrice"].astype(float) > 0)]
    lines["time"] = pd.to_datetime(lines["InvoiceDate"]).dt.to_period(freq).dt.start_time
    units = lines.groupby(["StockCode", "time"])["y"].sum().unstack(fill_value=0.0)
    units = units.loc[units.sum(axis=1).nlargest(500).index]
    every = pd.date_range(
        units.columns.min(), units.columns.max(), freq="W-MON" if freq == "W" else freq
    )
    units = units.reindex(columns=every, fill_value=0.0)
    whole = units.iloc[:, :-1] if freq == "W" else units
    return (
        whole.rename_axis(columns="time")
        .stack()
        .rename("y")
        .rename_axis(index={"StockCode": "id"})
        .reset_index()
    )


def read_stallion(folder: Path) -> pd.DataFrame:
    """350 series of monthly volume with planned prices and holidays."""
    frame = pd.read_parquet(folder / "stallion" / "stallion.parquet")
    frame["id"] = frame["agency"].astype(str) + "|" + frame["sku"].astype(str)
    frame = frame.rename(columns={"date": "time", "volume": "y"}).sort_values(["id", "time"])
    return frame[["id", "time", "y", *PLANNED]]


if __name__ == "__main__":
    print(size())  # noqa: T201
