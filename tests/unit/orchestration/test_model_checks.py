"""Models in use are checked for calibration, baselines, age and drift; each check can fail."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from orchestration.learning.checks import check_models
from orchestration.learning.ml_tables import ML_TABLES

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    for table in ("model_versions", "return_risk_scores", "order_risk_days", "demand_evaluations"):
        columns = ", ".join(f"{name} {kind}" for name, kind in ML_TABLES[table].items())
        connection.execute(f"create table {table} ({columns})")
    connection.execute("create table int_business_clock (business varchar, as_of timestamptz)")
    connection.execute("insert into int_business_clock values ('shop', $now)", {"now": NOW})
    yield connection
    connection.close()


def version(
    lake,
    *,
    ece: float,
    days: int = 30,
    registered: datetime = NOW,
    psi: float | None = None,
) -> None:
    report = {
        "scores": {"base_rate": {"ece": ece}, "gradient_boosting": {"ece": 0.9}},
        "base_rate": 0.04,
        "window_end": (NOW - timedelta(days=days)).isoformat(),
    }
    if psi is not None:  # earlier releases wrote none
        report["drift"] = [
            {"input": name, "psi": one, "limit": 0.25, "has_drifted": one > 0.25}
            for name, one in (("quantity", 0.9), ("score", psi), ("channel", 0.01))
        ]
    lake.execute(
        "insert into model_versions by name select 'return_risk' as model, 'shop' as business, "
        "'base_rate' as in_use, $report as report, $at as registered_at",
        {"report": json.dumps(report), "at": registered},
    )


def score(lake, risk: float) -> None:
    lake.execute(
        "insert into return_risk_scores by name select 'shop' as business, $risk as risk_score",
        {"risk": risk},
    )


def evaluated(lake, metric: str, value: float, baseline: float, *, days: int = 0) -> None:
    lake.execute(
        "insert into demand_evaluations by name select 'shop' as business, $metric as metric, "
        "$value as value, 'seasonal_naive' as baseline_name, $baseline as baseline_value, "
        "$at as window_end",
        {"metric": metric, "value": value, "baseline": baseline, "at": NOW - timedelta(days=days)},
    )


def failed(lake, table: str) -> set[str]:
    return {name for name, problems in check_models(lake, table).items() if problems}


def test_a_sound_model_passes_and_nothing_learnt_is_no_fault(lake) -> None:
    assert failed(lake, "return_risk_scores") == failed(lake, "demand_forecasts") == set()
    version(lake, ece=0.01)
    score(lake, 0.05)
    evaluated(lake, "wape", 0.8, 0.9)
    evaluated(lake, "interval_coverage", 0.93, 0.8)
    assert failed(lake, "return_risk_scores") == failed(lake, "demand_forecasts") == set()


@pytest.mark.parametrize(
    ("ece", "days", "risk", "wrong"),
    [
        (0.06, 30, 0.05, {"is_calibrated"}),
        (0.01, 76, 0.05, {"is_trained_lately"}),
        (0.01, 30, 0.081, {"has_not_drifted"}),
        (0.01, 30, 0.019, {"has_not_drifted"}),
    ],
)
def test_each_fault_of_a_risk_is_told(lake, ece, days, risk, wrong) -> None:
    version(lake, ece=0.9, days=300, registered=NOW - timedelta(days=1))  # not in use any more
    version(lake, ece=ece, days=days)
    score(lake, risk)
    assert failed(lake, "return_risk_scores") == wrong
    (sentence,) = check_models(lake, "return_risk_scores")[next(iter(wrong))]
    assert "shop" in sentence


def test_moved_scores_are_told_and_a_moved_input_alone_is_not(lake) -> None:
    score(lake, 0.05)
    version(lake, ece=0.01, psi=0.26, registered=NOW - timedelta(days=1))
    assert failed(lake, "return_risk_scores") == {"scores_are_as_learnt"}
    (sentence,) = check_models(lake, "return_risk_scores")["scores_are_as_learnt"]
    assert "of shop have moved since what it learnt from (PSI 0.26, usual up to 0.25)" in sentence
    assert "most moved inputs: quantity 0.90, channel 0.01." in sentence
    version(lake, ece=0.01, psi=0.24)
    assert failed(lake, "return_risk_scores") == set()


@pytest.mark.parametrize(
    ("metric", "value", "baseline", "days", "wrong"),
    [
        ("interval_coverage", 0.74, 0.8, 0, {"is_calibrated"}),
        ("wape", 0.91, 0.9, 0, {"beats_its_baseline"}),
        ("bias_rate", 0.91, 0.9, 0, set()),
        ("wape", 0.8, 0.9, 8, {"is_trained_lately"}),
    ],
)
def test_each_fault_of_a_forecast_is_told(lake, metric, value, baseline, days, wrong) -> None:
    evaluated(lake, metric, value, baseline, days=days)
    assert failed(lake, "demand_forecasts") == wrong


def listed(lake, listed: int, hits: int) -> None:
    lake.execute(
        "insert into order_risk_days by name select 'late_delivery' as risk, 'shop' as business, "
        "0.2 as threshold, 50 as answered_count, 12 as event_count, $listed as listed_count, "
        "$hits as hit_count",
        {"listed": listed, "hits": hits},
    )


def test_a_list_that_comes_true_too_seldom_is_named(lake) -> None:
    listed(lake, 15, 1)
    assert failed(lake, "order_risk_scores") == set()  # too few to say
    listed(lake, 20, 6)
    assert failed(lake, "order_risk_scores") == set()  # 7 of 35 is the threshold
    listed(lake, 1, 0)
    assert failed(lake, "order_risk_scores") == {"has_not_drifted"}
    (sentence,) = check_models(lake, "order_risk_scores")["has_not_drifted"]
    assert "(late delivery), 7 of the 36 that had been listed" in sentence
