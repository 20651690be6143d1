"""The models on real data sets and at size; with `--log-cli-level=INFO` the figures are shown."""

import logging
import time
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models_ml.demand import backtest_demand, forecast_demand
from models_ml.demand.folds import CHOSEN
from models_ml.demand.methods import SEASONAL_NAIVE
from models_ml.returns import TrainedReturnRisk, score, train
from models_ml.returns.candidates import BASE_RATE

NOW = datetime(2025, 1, 1, tzinfo=UTC)
WINDOW = pd.Timedelta(days=30)
logger = logging.getLogger(__name__)


def read_m5(folder: Path) -> pd.DataFrame:
    sales = pd.read_parquet(folder / "m5_subset" / "sales_long.parquet")
    sales = sales[sales["sales"] > 0]
    return pd.DataFrame(
        {
            "business": "m5",
            "sku": sales["id"],
            "business_date": sales["date"],
            "quantity": sales["sales"],
        }
    )


def read_sales_lines(folder: Path) -> pd.DataFrame:
    lines = pd.read_parquet(folder / "online_retail_1" / "online_retail.parquet")
    lines = lines.drop(columns="source_file").drop_duplicates()
    lines["quantity"] = lines["Quantity"].astype(float)
    lines["unit_price"] = lines["UnitPrice"].astype(float)
    lines["at"] = pd.to_datetime(lines["InvoiceDate"], utc=True)
    return lines[lines["StockCode"].str.match(r"^\d{5}") & (lines["unit_price"] > 0)]


def read_online_retail(folder: Path) -> pd.DataFrame:
    lines = read_sales_lines(folder)
    sold = lines[lines["quantity"] > 0]
    keys = [sold["StockCode"].rename("sku"), sold["at"].dt.date.rename("business_date")]
    daily = sold.groupby(keys)["quantity"].sum().reset_index()
    return daily.assign(business="online_retail")


@pytest.mark.parametrize("read", [read_m5, read_online_retail], ids=["m5", "online_retail"])
def test_demand_beats_the_seasonal_naive(real_data, read) -> None:
    daily = read(real_data)
    origin = pd.to_datetime(daily["business_date"]).max().date()
    backtest = backtest_demand(daily, origin=origin)
    figures = backtest.evaluations(evaluated_at=NOW).set_index("metric")
    logger.info("%s\n%s", read.__name__, figures[["value", "baseline_value"]].round(4))
    table = backtest.by_class()
    by_class = table[table["method"].isin([CHOSEN, SEASONAL_NAIVE])]
    sums = by_class.groupby(["velocity_class", "method"]).sum(numeric_only=True)
    sums["wape"] = sums["absolute_error"] / sums["actual_quantity"]
    sums["rmsse"] = sums["scaled_error"] / sums["scaled_count"]
    sums["coverage"] = sums["covered_days"] / sums["judged_days"]
    logger.info("%s", sums[["wape", "rmsse", "coverage"]].round(4))
    assert len(backtest.judged_folds) == 3
    assert figures.loc["wape", "value"] < 0.92 * figures.loc["wape", "baseline_value"]
    assert figures.loc["rmsse", "value"] < 0.92 * figures.loc["rmsse", "baseline_value"]
    assert figures.loc["interval_coverage", "value"] == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize(
    ("series", "days", "seconds", "mebibytes"),
    [
        pytest.param(4_000, 400, 20, 500, id="small"),
        pytest.param(30_000, 700, 90, 2_048, id="full", marks=pytest.mark.heavy),
    ],
)
def test_demand_at_size(series, days, seconds, mebibytes) -> None:
    rng = np.random.default_rng(0)
    cells = np.unique(rng.integers(0, series * days, series * days // 5))
    first = date(2023, 1, 1)
    daily = pd.DataFrame(
        {
            "business": "shop",
            "sku": pd.Series((cells // days).astype(str)),
            "business_date": pd.Timestamp(first) + pd.to_timedelta(cells % days, unit="D"),
            "quantity": 1 + rng.poisson(2.0, len(cells)),
        }
    )
    origin = first + timedelta(days=days - 1)
    started = time.perf_counter()
    backtest = backtest_demand(daily, origin=origin)
    backtest.evaluations(evaluated_at=NOW)
    frame = forecast_demand(daily, origin=origin, scored_at=NOW, backtest=backtest)
    took = time.perf_counter() - started
    tracemalloc.start()
    backtest_demand(daily, origin=origin)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    logger.info(
        "%d series x %d days, %d sales rows: %.1f s, peak %.0f MiB allocated",
        series, days, len(daily), took, peak,
    )  # fmt: skip
    assert len(frame) == series * 28
    assert took < seconds
    assert peak < mebibytes


def read_return_examples(folder: Path) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Lines of known customers; returned = cancelled by them within 30 days, last sale first."""
    lines = read_sales_lines(folder).dropna(subset=["CustomerID"]).sort_values("at", kind="stable")
    sold = lines[lines["quantity"] > 0].reset_index(drop=True)
    back = lines[lines["quantity"] < 0][["CustomerID", "StockCode", "at"]]
    back = back.assign(returned_at=back["at"])
    matched = pd.merge_asof(
        sold.reset_index(names="line"),
        back,
        on="at",
        by=["CustomerID", "StockCode"],
        direction="forward",
        allow_exact_matches=False,
    ).dropna(subset=["returned_at"])
    matched = matched.drop_duplicates(["CustomerID", "StockCode", "returned_at"], keep="last")
    returned_at = matched.set_index("line")["returned_at"].reindex(sold.index)
    is_returned = returned_at - sold["at"] <= WINDOW
    known_at = returned_at.where(is_returned, sold["at"] + WINDOW)
    amount = sold["quantity"] * sold["unit_price"]
    invoices = sold.groupby("InvoiceNo")
    examples = pd.DataFrame(
        {
            "business": "online_retail",
            "order_key": sold["InvoiceNo"],
            "line_no": invoices.cumcount() + 1,
            "customer_key": sold["CustomerID"],
            "channel": "web",
            "ordered_at": sold["at"],
            "quantity": sold["quantity"],
            "unit_price": sold["unit_price"],
            "line_amount": amount,
            "order_line_count": invoices["quantity"].transform("size"),
            "order_amount": amount.groupby(sold["InvoiceNo"]).transform("sum"),
            "hour_of_day": sold["at"].dt.hour,
            "day_of_week": sold["at"].dt.day_of_week,
        }
    )
    for name, key in (("customer", "CustomerID"), ("sku", "StockCode")):
        everything = count_before(sold, key, sold["at"])
        examples[f"{name}_prior_lines"] = everything
        examples[f"{name}_prior_returned_lines"] = count_before(sold, key, known_at[is_returned])
    first = sold.groupby("CustomerID")["at"].transform("min")
    examples["customer_prior_days"] = (sold["at"] - first).dt.days
    end = sold["at"].max()
    examples["is_returned"] = is_returned.astype("boolean").where(known_at <= end)
    examples["label_known_at"] = known_at.where(known_at <= end)
    return examples, end


def count_before(sold: pd.DataFrame, key: str, events: pd.Series) -> np.ndarray:
    """Events of the same key strictly before each line."""
    happened = pd.DataFrame({key: sold.loc[events.index, key], "at": events}).sort_values("at")
    happened["count"] = happened.groupby(key).cumcount() + 1
    lines = sold.reset_index(names="line").sort_values("at", kind="stable")
    found = pd.merge_asof(
        lines[["line", key, "at"]], happened, on="at", by=key, allow_exact_matches=False
    )
    return found.set_index("line")["count"].reindex(sold.index).fillna(0).to_numpy()


@pytest.mark.heavy
def test_return_risk_beats_its_baselines_on_real_orders(real_data) -> None:
    examples, end = read_return_examples(real_data)
    started = time.perf_counter()
    trained = train(examples, as_of=end)
    trained_in = time.perf_counter() - started
    assert isinstance(trained, TrainedReturnRisk)
    report = trained.report
    logger.info("%d lines trained in %.1f s: %s", len(examples), trained_in, report.summary())
    logger.info("%s, random split %s, rows %s", report.scores, report.random_split, report.rows)
    started = time.perf_counter()
    scored = score(trained, examples, scored_at=NOW)
    logger.info("%d lines scored in %.1f s", len(scored), time.perf_counter() - started)
    ours = report.scores[report.learner]
    assert report.is_learner_kept
    assert ours.average_precision > 2 * report.base_rate
    assert ours.brier < report.scores[BASE_RATE].brier
    assert ours.ece < 0.02
    assert report.random_split.average_precision > ours.average_precision
