"""From judging a risk to using it: the kept model, scores as of the decision, reasons in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from models_ml.frames import FrameError
from models_ml.risk import CountedRate, NotEnoughData, RiskConfig, RiskModel, train
from models_ml.risk.history import log_odds
from models_ml.risk.learners import BASE_RATE, LOGISTIC
from models_ml.risk.model import SCORE_COLUMNS

ROLES = {"label": "is_bad", "decided_at": "placed_at", "matured_at": "known_at"}
QUICK = RiskConfig(boosting_rounds=20, renewals=2, refit_every=3)
COST = {"false_negative": 5, "false_positive": 1}
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def orders(risky_orders) -> pd.DataFrame:
    return risky_orders.drop(columns="risk")


@pytest.fixture(scope="module")
def model(orders) -> RiskModel:
    trained = train(orders, config=QUICK, cost=COST, **ROLES)
    assert isinstance(trained, RiskModel)
    return trained


def test_scores_are_near_the_true_risk_and_follow_the_costs(model, orders, risky_orders) -> None:
    newest = orders.tail(600)
    result = model.score(newest, scored_at=NOW)
    assert tuple(result.columns) == SCORE_COLUMNS
    assert result.index.equals(newest.index)
    assert np.corrcoef(result["probability"], risky_orders["risk"].tail(600))[0, 1] > 0.6
    assert (result["is_above_threshold"] == (result["probability"] >= 1 / 6)).all()
    assert 0 < result["is_above_threshold"].mean() < 1
    assert set(result["scored_at"]) == {pd.Timestamp(NOW)}


def test_what_is_kept_is_used(model, orders) -> None:
    assert model.fitted.name == model.report.kept == model.report.learner
    plain = train(orders, config=replace(QUICK, promotion_margin=3.0), **ROLES)
    result = plain.score(orders.tail(20), scored_at=NOW)
    assert plain.fitted.name == plain.report.kept == BASE_RATE != plain.report.learner
    assert result["probability"].nunique() == 1
    assert set(result["reason_codes"]) == {"base_rate_only"}


def test_rows_are_scored_from_the_features_that_were_learnt_from(model, orders) -> None:
    """One row alone, later, without its label, in another order: the same score."""
    together = model.score(orders, scored_at=NOW)
    shuffled = orders.drop(columns=["is_bad", "known_at"]).sample(200, random_state=1)
    pd.testing.assert_frame_equal(
        model.score(shuffled, scored_at=NOW), together.loc[shuffled.index]
    )
    alone = model.score(shuffled.head(1), scored_at=NOW)
    pd.testing.assert_frame_equal(alone, together.loc[shuffled.index[:1]])


def test_scoring_at_a_past_moment_uses_nothing_known_later(orders) -> None:
    """Everything later is moved, turned round or removed, and no score of that moment changes."""
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    later = pd.to_datetime(orders["placed_at"], utc=True) > moment
    told_later = orders["known_at"].dt.tz_localize("UTC") > moment
    changed = orders.copy()
    changed.loc[told_later, "is_bad"] = 1 - changed.loc[told_later, "is_bad"]
    changed.loc[told_later, "known_at"] += timedelta(days=70)
    changed.loc[later, "shop"] = "shop 1"
    changed.loc[later, "金额"] = "999999"
    known = orders[~later].tail(400)
    scores = [
        train(frame, config=QUICK, as_of=moment, **ROLES).score(known, scored_at=moment)
        for frame in (orders, changed, orders[~later])
    ]
    pd.testing.assert_frame_equal(scores[0], scores[1])
    pd.testing.assert_frame_equal(scores[0], scores[2])
    with_later = train(changed, config=QUICK, **ROLES).score(
        known, scored_at=datetime(2027, 1, 1, tzinfo=UTC)
    )
    assert not np.array_equal(scores[0]["probability"], with_later["probability"])


def test_a_model_that_knows_more_does_not_score_the_past(model, orders) -> None:
    with pytest.raises(ValueError, match="train one with as_of at that time"):
        model.score(orders.head(5), scored_at=datetime(2026, 2, 1, tzinfo=UTC))


def test_reasons_name_what_raised_the_risk_in_both_languages(model, orders) -> None:
    result = model.score(orders, scored_at=NOW)
    is_raised = result["probability"] > model.base_rate
    assert set(result.loc[~is_raised, "reason_codes"]) == {"no_raised_risk"}
    raised = result[is_raised]
    counts = raised["reason_codes"].str.split(", ").explode().value_counts()
    assert counts.index[0] in {"shop:earlier_rate:high", "金额:high", "channel:level"}
    assert raised["reason_codes"].str.split(", ").str.len().max() == QUICK.reasons
    dear = raised[raised["reason_codes"].str.startswith("金额:high")].iloc[0]
    amount = orders.loc[dear.name, "金额"]
    assert dear["reasons_en"].startswith(f"金额 {amount} is above ")
    assert dear["reasons_zh"].startswith(f"金额 {amount} 高于 ")
    app = raised[raised["reason_codes"].str.contains("channel:level")]
    assert app["reasons_en"].str.contains("channel is app").mean() > 0.9
    unexplained = model.score(orders, scored_at=NOW, reasons=0)
    np.testing.assert_array_equal(unexplained["probability"], result["probability"])
    assert set(unexplained["reason_codes"]) == {"no_raised_risk"}


def test_reasons_of_a_logistic_regression_are_its_coefficients(model, orders) -> None:
    """The drop in log-odds of each feature equals coefficient times distance, by hand."""
    trained = model
    if trained.fitted.name != LOGISTIC:
        config = replace(QUICK, boosting_rounds=1)
        trained = train(orders, config=config, **ROLES)
    assert trained.fitted.name == LOGISTIC
    explainer, pipeline = trained.explainer, trained.fitted.model.classifier
    rows = orders.tail(30)
    values = trained.builder.build(rows, rows["placed_at"].to_numpy("datetime64[us]")).values
    columns, weights = pipeline[0], pipeline[1].coef_[0]
    for group, places in zip(explainer.groups, explainer.places, strict=True):
        usual = values.copy()
        usual[:, places] = explainer.typical[places]
        by_hand = (columns.transform(values) - columns.transform(usual)) @ weights
        predict = trained.fitted.model.predict
        asked = log_odds(predict(values)) - log_odds(predict(usual))
        np.testing.assert_allclose(asked, by_hand, atol=1e-6, err_msg=str(group.features))


def test_odd_rows_are_scored(model, orders) -> None:
    odd = orders.tail(4).copy()
    odd["shop"] = ["never seen {x}", None, "shop 1", "shop 2"]
    odd["channel"] = ["fax", None, "web", ""]
    odd["金额"] = [None, "1,250.50", "-", "¥3"]
    odd["first_seen"] = pd.NaT
    result = model.score(odd, scored_at=NOW)
    assert result["probability"].between(0, 1).all()
    empty = model.score(odd.head(0), scored_at=NOW)
    assert tuple(empty.columns) == SCORE_COLUMNS
    assert empty.empty


def test_frames_that_cannot_be_scored_are_refused(model, orders) -> None:
    with pytest.raises(FrameError, match=r"lacks the column\(s\) shop"):
        model.score(orders.drop(columns="shop"), scored_at=NOW)
    late = orders.tail(3).assign(placed_at=["2026-05-01", "2026-07-01", None])
    with pytest.raises(FrameError, match="2 row") as caught:
        model.score(late, scored_at=NOW)
    assert len(caught.value.rows) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.head(0), "has no rows"),
        (lambda frame: frame.head(150), "matured rows to"),
        (lambda frame: frame.assign(is_bad=0), "holds only 0"),
    ],
)
def test_too_little_history_gives_a_reason_instead_of_a_model(orders, change, words) -> None:
    result = train(change(orders), config=QUICK, **ROLES)
    assert isinstance(result, NotEnoughData)
    assert words in result.reason
    with pytest.raises(FrameError, match="lacks"):
        train(change(orders).drop(columns="is_bad"), config=QUICK, **ROLES)


def test_rates_are_built_from_counts_that_the_frame_holds(orders) -> None:
    rng = np.random.default_rng(9)
    trials = rng.integers(0, 40, len(orders))
    events = rng.binomial(trials, np.where(orders["is_bad"] == 1, 0.5, 0.3))
    frame = orders.assign(trials=trials, events=events)
    config = replace(QUICK, rates=(CountedRate("past_rate", "events", "trials"),))
    trained = train(frame, config=config, **ROLES)
    assert "past_rate" in trained.explainer.names
    assert "events" not in trained.explainer.names
    high = frame.tail(1).assign(trials=40, events=36)
    result = trained.score(high, scored_at=NOW).iloc[0]
    assert "past_rate:high" in result["reason_codes"]
