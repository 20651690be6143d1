"""Return risk in a real lake: learnt, scored, registered once a version, listed, on a card."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from connectors.database.engine import open_database
from connectors.database.publications import record_publication
from connectors.lake.attach import connect_snapshot, connect_writer, newest_snapshot
from connectors.lake.reader import open_published
from connectors.settings import Settings, load_settings
from orchestration.cli import models
from orchestration.learning.ml_tables import ML_TABLES
from orchestration.learning.registry import registered
from orchestration.learning.training import learn_returns
from tests.benchmarks.ml import version_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def made_examples(count: int = 1_500) -> pd.DataFrame:
    """Lines whose dear ones come back; the newest 14 days are open, one line is of the future."""
    rng = np.random.default_rng(4)
    ordered = pd.date_range("2026-01-01", periods=count, freq="2h", tz="UTC")
    price = np.round(np.exp(rng.normal(3, 1, count)), 2)
    is_returned = rng.random(count) < 1 / (1 + np.exp(3.5 - price / 15))
    frame = pd.DataFrame(
        {
            "business": "shop",
            "order_key": [f"shop:{number}" for number in range(count)],
            "line_no": 1,
            "customer_key": [f"shop:-:{number % 90}" for number in range(count)],
            "channel": rng.choice(["web", "app"], count),
            "ordered_at": ordered,
            "quantity": rng.integers(1, 4, count),
            "unit_price": price,
            "line_amount": price,
            "order_line_count": 1,
            "order_amount": price,
            "hour_of_day": ordered.hour,
            "day_of_week": ordered.dayofweek + 1,
            "is_returned": pd.array(is_returned, dtype="boolean"),
            "label_known_at": ordered + pd.Timedelta(days=14),
        }
    )
    for name in ("customer_prior_lines", "sku_prior_lines", "customer_prior_days"):
        frame[name] = rng.integers(1, 30, count)
    for name in ("customer_prior_returned_lines", "sku_prior_returned_lines"):
        frame[name] = rng.integers(0, 2, count)
    frame.loc[frame["label_known_at"] > ordered[-1], "is_returned"] = pd.NA
    frame.loc[count - 1, "ordered_at"] = NOW + pd.Timedelta(days=300)
    return frame


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home with a lake in which return risk was learnt twice from the same lines."""
    found = load_settings(home=tmp_path_factory.mktemp("home"))
    examples = made_examples()
    with connect_writer(found, purpose="test") as connection:
        connection.execute("create schema lake.marts")
        connection.register("made", examples)
        connection.execute(
            "create table lake.marts.fct_return_risk_examples as select * replace "
            "(unit_price::decimal(18, 6) as unit_price) from made"
        )
        connection.execute(
            "create table lake.marts.int_business_clock as select 'shop' as business, "
            "max(ordered_at) filter (ordered_at < timestamptz '2026-06-01 00:00:00+00') as as_of "
            "from made"
        )
    first, second = (learn_returns(found, now=NOW) for _ in range(2))
    assert first.rows == second.rows
    assert "1 lines are dated in the future" in first.notes[0]
    assert second.notes == ["shop: inputs unchanged, kept what was learnt at 2026-06-01 00:00"]
    with connect_writer(found, purpose="test") as connection:
        snapshot_id = newest_snapshot(connection)
    record_publication(
        open_database(found),
        run_id="run-1",
        snapshot_id=snapshot_id,
        git_commit="",
        manifest_hash="",
        checks={},
        row_counts={},
        now=NOW,
    )
    return found


def test_a_version_is_registered_once_with_what_it_was_learnt_from(settings) -> None:
    connection = connect_snapshot(settings)
    try:
        known = registered(connection)
    finally:
        connection.close()
    assert list(known.columns) == list(ML_TABLES["model_versions"])
    assert len(known) == 1
    row = known.iloc[0]
    assert (row["model"], row["business"]) == ("return_risk", "shop")
    assert row["snapshot_id"] > 0
    assert row["is_promoted"] == (row["learner"] == row["in_use"])
    report = json.loads(row["report"])
    assert f"{report['average_precision']:.4f}" in row["reason"]
    assert report["rows"]["test"] > 100


def test_open_lines_are_scored_with_reasons(settings) -> None:
    with open_published(settings) as lake:
        scores = lake.query("select * from return_risk_scores")
        figures = lake.query("select * from return_risk_evaluations")
    examples = made_examples()
    is_open = examples["is_returned"].isna() & (examples["ordered_at"] < NOW)
    assert set(scores["order_key"]) == set(examples.loc[is_open, "order_key"])
    dearest = examples[is_open].nlargest(1, "unit_price")["order_key"].item()
    row = scores.set_index("order_key").loc[dearest]
    assert row["is_above_threshold"]
    assert row["top_reasons"] != "no_raised_risk"
    assert row["reasons_en"]
    assert row["reasons_zh"]
    assert set(figures["model_version"]) == set(scores["model_version"])


def test_versions_are_listed_and_have_cards(settings, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(models, "load_settings", lambda: settings)
    listed = CliRunner().invoke(models.app, ["list", "--json"])
    assert listed.exit_code == 0, listed.output
    (version,) = json.loads(listed.output)
    assert "report" not in version
    made = CliRunner().invoke(models.app, ["cards", "--folder", str(tmp_path), "--json"])
    assert made.exit_code == 0, made.output
    (path,) = json.loads(made.output)["cards"]
    assert path == str(tmp_path / "return-risk-shop.md")
    card = (tmp_path / "return-risk-shop.md").read_text(encoding="utf-8")
    assert card.startswith("# Return risk of shop\n")
    assert version["model_version"] in card
    assert version["reason"] in card


def test_cards_of_a_benchmark_name_what_there_is(tmp_path) -> None:
    unknown = ["cards", "--benchmark", "risk", "--case", "tmal", "--folder", str(tmp_path)]
    result = CliRunner().invoke(models.app, unknown)
    assert "There is no data set tmal" in str(result.exception)
    result = CliRunner().invoke(models.app, ["cards", "--benchmark", "funnel"])
    assert "judges no risk models" in str(result.exception)
    result = CliRunner().invoke(models.app, ["cards", "--kept", str(tmp_path)])
    assert "has no figures of this code" in str(result.exception)
    result = CliRunner().invoke(models.app, ["cards", "--benchmark", "risk", "--kept", "x"])
    assert "keeps no figures" in str(result.exception)


def test_cards_of_kept_figures_say_them_beside_their_targets(tmp_path) -> None:
    figures = {"recall_20": 0.25, "recall_20_ewma": 0.2, "root_cause_top1": 0.95}
    figures |= {"series_days_per_false_alarm": 1_234.0}
    kept = tmp_path / f"alerts-{version_of('alerts')}.json"
    kept.write_text(json.dumps({"seconds": 1, "figures": figures}), encoding="utf-8")
    made = CliRunner().invoke(
        models.app, ["cards", "--kept", str(tmp_path), "--folder", str(tmp_path), "--json"]
    )
    assert made.exit_code == 0, made.output
    assert json.loads(made.output)["cards"] == [str(tmp_path / "alerts.md")]  # no other is kept
    card = (tmp_path / "alerts.md").read_text(encoding="utf-8")
    assert "| drop of 20 %, recall | 0.25 | >= 0.5 | **missed** |" in card
    assert "| root cause first | 0.95 | >= 0.9 | met |" in card
    assert "| recall 20 ewma | 0.2 |" in card
    assert "| series days per false alarm | 1,234 |" in card
