"""Return risk: no leakage, honest comparison, calibration on known probabilities, reasons."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.evaluations import (
    EVALUATION_COLUMNS,
    Scores,
    expected_calibration_error,
    promote,
)
from models_ml.frames import FrameError
from models_ml.returns import (
    LeakageError,
    NotEnoughData,
    ReturnRiskConfig,
    TrainedReturnRisk,
    score,
    train,
)
from models_ml.returns.config import DECLARED_FEATURES
from models_ml.returns.model import SCORE_COLUMNS, build_features
from models_ml.returns.reasons import REASON_CODES
from models_ml.risk.columns import describe_columns
from models_ml.risk.examples import read_examples
from models_ml.risk.features import FeatureBuilder
from models_ml.risk.learners import BASE_RATE

AS_OF = datetime(2025, 6, 30, tzinfo=UTC)
CONFIG = ReturnRiskConfig()


@pytest.fixture(scope="module")
def model_of_world():
    """Trains once a module on whatever world is asked first."""
    cache: dict[str, TrainedReturnRisk] = {}

    def get(world: pd.DataFrame) -> TrainedReturnRisk:
        if "model" not in cache:
            trained = train(world, as_of=AS_OF)
            assert isinstance(trained, TrainedReturnRisk)
            cache["model"] = trained
        return cache["model"]

    return get


@pytest.fixture(scope="module")
def _worlds():
    return {}


@pytest.fixture
def world(return_world, _worlds) -> pd.DataFrame:
    if "world" not in _worlds:
        _worlds["world"] = return_world()
    return _worlds["world"]


@pytest.mark.parametrize(
    "column", ["is_returned", "label_known_at", "returned_quantity", "refunded_amount", "true_risk"]
)
def test_columns_that_tell_the_answer_are_refused(column, world) -> None:
    with pytest.raises(LeakageError, match=column):
        ReturnRiskConfig(features=(*DECLARED_FEATURES, column))
    assert column not in build_features(world.assign(**{column: 1}), config=CONFIG)


def test_a_planted_answer_changes_no_score(world, model_of_world) -> None:
    planted = world.assign(returned_quantity=world["is_returned"].astype(int))
    plain = score(model_of_world(world), world, scored_at=AS_OF)
    trained = train(planted, as_of=AS_OF)
    assert isinstance(trained, TrainedReturnRisk)
    pd.testing.assert_frame_equal(plain, score(trained, planted, scored_at=AS_OF))


def test_what_happens_after_the_present_changes_no_score(world) -> None:
    as_of = datetime(2025, 4, 30, tzinfo=UTC)
    later_order = world["ordered_at"] > as_of
    later_label = world["label_known_at"] > as_of
    changed = world.copy()
    changed.loc[later_label, "is_returned"] = ~changed.loc[later_label, "is_returned"]
    changed.loc[later_label, "label_known_at"] += timedelta(days=50)
    changed.loc[later_order, "unit_price"] *= 1_000
    changed.loc[later_order, "ordered_at"] += timedelta(days=90)
    first, second = train(world, as_of=as_of), train(changed, as_of=as_of)
    cut = train(world[~later_order], as_of=as_of)
    assert first.report.summary() == second.report.summary() == cut.report.summary()
    assert first.report.scores == second.report.scores == cut.report.scores
    known = world[~later_order].tail(500)
    scores = score(first, known, scored_at=as_of)
    pd.testing.assert_frame_equal(scores, score(second, known, scored_at=as_of))
    pd.testing.assert_frame_equal(scores, score(cut, known, scored_at=as_of))


def test_model_beats_every_baseline_and_is_kept(world, model_of_world) -> None:
    report = model_of_world(world).report
    assert report.kept == report.learner
    names = list(report.scores)
    assert names[0] == BASE_RATE
    assert names[1].startswith("one_column:")
    ours, column, base = (report.scores[name] for name in (report.learner, names[1], BASE_RATE))
    assert base.average_precision == pytest.approx(report.base_rate)
    assert ours.average_precision > column.average_precision > base.average_precision
    assert ours.brier < base.brier
    assert report.random_split.average_precision > 0
    assert report.refused_columns == {}
    assert f"in use: {report.learner}" in report.summary()


def test_probabilities_are_calibrated_against_the_truth(world, model_of_world) -> None:
    result = score(model_of_world(world), world, scored_at=AS_OF)
    truth = world["true_risk"].to_numpy()
    risk = result["risk_score"].to_numpy()
    order = np.argsort(risk, kind="stable")
    gaps = [abs(truth[part].mean() - risk[part].mean()) for part in np.array_split(order, 10)]
    assert np.mean(gaps) < 0.03
    assert np.corrcoef(truth, risk)[0, 1] > 0.5
    assert model_of_world(world).report.scores[model_of_world(world).report.learner].ece < 0.05


def test_evaluation_rows_name_each_baseline(world, model_of_world) -> None:
    report = model_of_world(world).report
    frame = report.frame(
        model="return_risk", business="shop", model_version="v", evaluated_at=AS_OF
    )
    assert tuple(frame.columns) == EVALUATION_COLUMNS
    precision = frame[frame["metric"] == "average_precision"].set_index("baseline_name")
    assert set(precision.index) == {*report.scores, "random_split"} - {report.learner}
    assert precision.loc[BASE_RATE, "baseline_value"] == pytest.approx(report.base_rate)
    kept = frame[frame["metric"] == "is_learner_kept"].iloc[0]
    assert (kept["value"], kept["baseline_name"]) == (1.0, report.kept)
    assert (frame["row_count"] == report.rows["test"]).all()
    assert not frame.duplicated(["metric", "baseline_name"]).any()


def test_noise_is_not_promoted(return_world) -> None:
    noise = return_world(lines=6_000, signal=0.0)
    trained = train(noise, as_of=AS_OF)
    assert isinstance(trained, TrainedReturnRisk)
    assert trained.report.kept == BASE_RATE
    assert trained.report.learner != BASE_RATE
    assert f"in use: {BASE_RATE}" in trained.report.summary()
    result = score(trained, noise.head(50), scored_at=AS_OF)
    assert result["risk_score"].nunique() == 1
    assert result["risk_score"].iloc[0] == pytest.approx(noise["is_returned"].mean(), abs=0.02)
    assert set(result["top_reasons"]) == {"base_rate_only"}


def test_scores_follow_the_contract(world, model_of_world) -> None:
    model = model_of_world(world)
    unlabelled = world.drop(columns=["is_returned", "label_known_at", "true_risk"]).tail(500)
    result = score(model, unlabelled, scored_at=AS_OF)
    assert tuple(result.columns) == SCORE_COLUMNS
    assert result["order_key"].tolist() == unlabelled["order_key"].tolist()
    assert result["risk_score"].between(0, 1).all()
    assert set(result["model_version"]) == {model.model.model_version}
    codes = {code for text in result["top_reasons"] for code in text.split(", ")}
    assert codes <= set(REASON_CODES)
    assert result["top_reasons"].str.split(", ").str.len().max() <= model.config.risk.reasons
    above = result["risk_score"] >= model.config.costs.threshold
    assert (result["is_above_threshold"] == above).all()
    assert 0 < above.mean() < 1
    low = result["risk_score"] <= model.model.base_rate
    assert set(result.loc[low, "top_reasons"]) == {"no_raised_risk"}
    assert "sku_return_rate_high" in codes


def test_line_with_a_bad_history_is_told_so(world, model_of_world) -> None:
    line = world.tail(1).assign(
        customer_prior_lines=40,
        customer_prior_returned_lines=36,
        sku_prior_lines=200,
        sku_prior_returned_lines=150,
    )
    result = score(model_of_world(world), line, scored_at=AS_OF).iloc[0]
    assert result["risk_score"] > 0.3
    assert "customer_return_rate_high" in result["top_reasons"]
    assert "sku_return_rate_high" in result["top_reasons"]


def test_scoring_is_row_by_row(world, model_of_world) -> None:
    model = model_of_world(world)
    together = score(model, world.tail(60), scored_at=AS_OF)
    alone = pd.concat(
        [score(model, world.iloc[[place]], scored_at=AS_OF) for place in range(-60, 0, 20)]
    )
    pd.testing.assert_frame_equal(
        together.iloc[::20].reset_index(drop=True), alone.reset_index(drop=True)
    )


def test_training_twice_on_rows_in_any_order_gives_the_same_model(world, model_of_world) -> None:
    again = train(world.sample(frac=1.0, random_state=9).sort_values("ordered_at"), as_of=AS_OF)
    model = model_of_world(world)
    assert again.model.model_version == model.model.model_version
    assert again.report.rows == model.report.rows
    repeat = train(world.sample(frac=1, random_state=1), as_of=AS_OF)
    assert repeat.report.scores == model.report.scores
    pd.testing.assert_frame_equal(
        score(repeat, world, scored_at=AS_OF), score(model, world, scored_at=AS_OF)
    )


def test_unknown_channel_missing_numbers_and_decimals_are_scored(world, model_of_world) -> None:
    odd = world.tail(3).copy()
    odd["channel"] = ["never seen", None, "web"]
    odd["customer_key"] = None
    odd["customer_prior_days"] = [None, 3, 4]
    odd["unit_price"] = [Decimal("12.50"), None, Decimal(3)]
    result = score(model_of_world(world), odd, scored_at=AS_OF)
    assert result["risk_score"].between(0, 1).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.head(0), "nothing to learn from"),
        (lambda frame: frame.head(200), "matured rows to"),
        (lambda frame: frame.assign(is_returned=False), "holds only 0"),
        (lambda frame: frame.assign(is_returned=True), "holds only 1"),
        (lambda frame: frame.assign(is_returned=None, label_known_at=pd.NaT), "holds no value"),
    ],
)
def test_too_little_data_gives_a_reason_instead_of_a_model(world, change, words) -> None:
    result = train(change(world), as_of=AS_OF)
    assert isinstance(result, NotEnoughData)
    assert words in result.reason
    assert result.reason.endswith(".")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="unit_price"), "unit_price"),
        (lambda frame: pd.concat([frame, frame.head(1)]), "share their order_key"),
        (lambda frame: frame.assign(business=["a", "b"] * (len(frame) // 2)), "several businesses"),
        (lambda frame: frame.assign(ordered_at=pd.NaT), "without ordered_at"),
    ],
)
def test_bad_examples_are_refused(world, change, message) -> None:
    with pytest.raises(FrameError, match=message):
        train(change(world), as_of=AS_OF)


def test_lines_of_another_source_are_not_scored(world, model_of_world) -> None:
    with pytest.raises(ValueError, match="of business shop"):
        score(model_of_world(world), world.assign(business="other"), scored_at=AS_OF)
    empty = score(model_of_world(world), world.head(0), scored_at=AS_OF)
    assert tuple(empty.columns) == SCORE_COLUMNS


def test_rates_are_learnt_where_fitted_and_equal_a_plain_loop(world) -> None:
    features = build_features(world, config=CONFIG)
    examples = read_examples(
        features.assign(is_returned=world["is_returned"]),
        label="is_returned",
        decided_at="ordered_at",
        matured_at=None,
        group=None,
    )
    columns = describe_columns(examples.frame, reserved=(), most_levels=30)
    builder = FeatureBuilder(
        examples, columns, fit=np.arange(len(world)) < 1_000, config=CONFIG.risk
    )
    matrix = builder.build(features.tail(20), features["ordered_at"].tail(20).to_numpy())
    rates = matrix.values[:, matrix.names.index("sku_prior_return_rate")]
    seen = features.head(1_000)
    average = seen["sku_prior_returned_lines"].sum() / seen["sku_prior_lines"].sum()
    for row, rate in zip(features.tail(20).itertuples(), rates, strict=True):
        wanted = (row.sku_prior_returned_lines + 10 * average) / (row.sku_prior_lines + 10)
        assert rate == pytest.approx(wanted)
    assert "sku_prior_returned_lines" not in matrix.names


def test_fewer_features_work(world) -> None:
    config = ReturnRiskConfig(features=("unit_price", "quantity"))
    trained = train(world, as_of=AS_OF, config=config)
    assert isinstance(trained, TrainedReturnRisk)
    assert not any("prior_return_rate" in name for name in trained.report.scores)
    assert len(score(trained, world.tail(5), scored_at=AS_OF)) == 5


def test_fitting_is_bounded_by_the_newest_rows(world) -> None:
    bounded = replace(CONFIG, risk=replace(CONFIG.risk, most_fit_rows=1_500))
    trained = train(world, as_of=AS_OF, config=bounded)
    assert trained.report.rows["fit"] == 1_500


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_calibration_error_equals_a_plain_loop(pairs) -> None:
    labels = np.array([int(label) for label, _ in pairs])
    risk = np.array([value for _, value in pairs])
    ordered = sorted(range(len(pairs)), key=lambda place: (risk[place], place))
    base, extra = divmod(len(pairs), 5)
    total, start = 0.0, 0
    for number in range(5):
        size = base + (number < extra)
        part = ordered[start : start + size]
        start += size
        if part:
            total += abs(sum(labels[p] for p in part) - sum(risk[p] for p in part))
    assert expected_calibration_error(labels, risk, bins=5) == pytest.approx(total / len(pairs))


@pytest.mark.parametrize(
    ("precision", "brier", "kept"),
    [
        ((0.10, 0.104, 0.109), (0.09, 0.08, 0.08), "c"),
        ((0.10, 0.104, 0.1045), (0.09, 0.08, 0.08), "a"),
        ((0.10, 0.20, 0.205), (0.09, 0.08, 0.07), "b"),
        ((0.10, 0.20, 0.30), (0.09, 0.08, 0.085), "b"),
        ((0.10, 0.20, 0.30), (0.09, 0.095, 0.1), "a"),
    ],
)
def test_promotion_needs_margin_and_a_brier_score_not_worse(precision, brier, kept) -> None:
    scores = {
        name: Scores(ap, 0.5, loss, 0.3, 0.0)
        for name, ap, loss in zip("abc", precision, brier, strict=True)
    }
    assert promote(scores, margin=0.05) == kept
