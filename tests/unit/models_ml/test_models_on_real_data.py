"""The models on real data sets and at size; with `--log-cli-level=INFO` the figures are shown."""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from models_ml.demand import backtest_demand
from models_ml.returns import TrainedReturnRisk, score, train
from models_ml.risk.learners import BASE_RATE
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


@pytest.mark.heavy
@pytest.mark.parametrize("read", [read_m5, read_online_retail], ids=["m5", "online_retail"])
def test_demand_beats_the_seasonal_naive(real_data, read) -> None:
    daily = read(real_data)
    origin = pd.to_datetime(daily["business_date"]).max().date()
    backtest = backtest_demand(daily, origin=origin)
    figures = backtest.evaluations(evaluated_at=NOW).set_index("metric")
    logger.info("%s\n%s", read.__name__, figures[["value", "baseline_value"]].round(4))
    for metric in ("wape", "rmsse", "scaled_pinball"):
        assert figures.loc[metric, "value"] < 0.92 * figures.loc[metric, "baseline_value"]
    assert figures.loc["interval_coverage", "value"] >= 0.78


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
    assert report.kept == report.learner
    assert ours.average_precision > 2 * report.base_rate
    assert ours.brier < report.scores[BASE_RATE].brier
    assert ours.ece < 0.02
    assert report.random_split.average_precision > ours.average_precision
