"""Model cards say what the report says, and survive odd names and missing numbers."""

import json
import re

import pytest

from models_ml.evaluations import promotion_reason
from models_ml.model_cards import render_card
from models_ml.risk import RiskConfig, evaluate
from models_ml.risk.learners import BASE_RATE
from orchestration.learning.registry import report_as_json

ROLES = {"label": "is_bad", "decided_at": "placed_at", "matured_at": "known_at"}


@pytest.fixture(scope="module")
def report(risky_orders):
    frame = risky_orders.drop(columns="risk").rename(columns={"channel": "chan|nel"})
    told = frame["is_bad"].where(frame.index % 50 != 0, 1 - frame["is_bad"])
    config = RiskConfig(boosting_rounds=20, renewals=2)
    return evaluate(frame.assign(verdict=told), config=config, **ROLES)


def _card(report) -> str:
    facts = json.loads(report_as_json(report))
    return render_card(facts, title="Late", facts={"Data": "made up"}, command="fourflow x")


def test_every_figure_of_the_card_is_the_reports(report) -> None:
    card = _card(report)
    names = ("average_precision", "roc_auc", "brier", "log_loss", "ece")
    for candidate, scores in [*report.scores.items(), ("random split", report.random_split)]:
        label = candidate if ":" in candidate else candidate.replace("_", " ")
        line = next(line for line in card.splitlines() if line.startswith(f"| {label}"))
        shown = [float(cell) for cell in re.findall(r"\| (\d\.\d{4}) (?=\|)", line)]
        assert shown == [round(getattr(scores, name), 4) for name in names]
    assert f"Rows to test on | {report.rows['test']:,} |" in card
    assert f"on costs {report.expected_cost:.4f} a row" in card
    assert card.count("█ |") == len(report.calibration)
    bins = card.split("## Calibration")[1].split("## Costs")[0]
    for row in report.calibration.itertuples():
        line = f"| {row.row_count:,} | {row.predicted_rate:.4f} | {row.observed_rate:.4f} |"
        assert line in bins


def test_refused_columns_and_odd_names_are_in_the_card(report) -> None:
    card = _card(report)
    assert list(report.refused_columns) == ["verdict"]
    assert f"- `verdict`: {report.refused_columns['verdict']}" in card
    assert "| chan\\|nel | app |" in card
    tables = [line for line in card.splitlines() if line.startswith("| chan")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {4, 8}  # drift and slices


def test_a_slice_without_a_figure_shows_a_dash(report) -> None:
    facts = json.loads(report_as_json(report))
    facts["slices"][0]["average_precision"] = None
    card = render_card(facts, title="t", facts={}, command="c")
    assert "| – |" in card.split("## Slices")[1]


def test_the_reason_of_a_promotion_names_both_figures(report) -> None:
    learner = report.scores[report.learner].average_precision
    kept = promotion_reason(report.scores, kept=report.learner, margin=0.05)
    assert f"{learner:.4f}" in kept
    assert "not worse" in kept
    beaten = promotion_reason(report.scores, kept=BASE_RATE, margin=0.05)
    assert beaten.endswith("base_rate stays in use.")
    assert f"({report.scores[BASE_RATE].average_precision:.4f}," in beaten
