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
from tests.online_retail import read_return_examples, read_sales_lines

NOW = datetime(2025, 1, 1, tzinfo=UTC)
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
