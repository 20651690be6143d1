"""Risks of orders: learnt from looks, judged by the day of the answer, blind to the future."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from models_ml.frames import FrameError
from models_ml.order_risks import (
    DAY_COLUMNS,
    LATE_DELIVERY,
    NON_PAYMENT,
    SCORE_COLUMNS,
    NotEnoughData,
    TrainedOrderRisk,
    days_of,
    score,
    train,
)
from models_ml.order_risks.model import build_features

AS_OF = datetime(2026, 6, 30, 6, tzinfo=UTC)
ZONE = "Asia/Shanghai"


def made_looks() -> pd.DataFrame:
    """Parcels of 60 days, promised for the third midnight; one lane is late every other time."""
    rng = np.random.default_rng(11)
    rows = []
    for number in range(1_500):
        shipped = pd.Timestamp("2026-05-01", tz="UTC") + pd.Timedelta(hours=number * 0.966)
        far = number % 3 == 0
        promised = shipped.floor("D") + pd.Timedelta(days=3)
        is_late = rng.random() < (0.5 if far else 0.03)
        delivered = shipped + pd.Timedelta(days=rng.uniform(0.6, 2.0))
        if is_late:
            delivered = promised + pd.Timedelta(hours=9)
        answered = min(delivered, promised)
        looks = [shipped.floor("D") + pd.Timedelta(days=1 + day) for day in range(3)]
        looks = [(at, False) for at in looks if shipped < at < min(answered, pd.Timestamp(AS_OF))]
        if shipped < pd.Timestamp(AS_OF) < answered:
            looks.append((pd.Timestamp(AS_OF), True))
        for at, is_open in looks:
            known = answered <= pd.Timestamp(AS_OF)
            rows.append(
                {
                    "business": "shop",
                    "order_key": f"shop:{number}",
                    "parcel_no": f"P{number}",
                    "decided_at": at,
                    "is_open": is_open,
                    "channel": "web",
                    "carrier": "yto" if number % 2 else "sf",
                    "lane": "far lane" if far else f"lane {number % 5}",
                    "site": "north",
                    "transport_mode": "road",
                    "distance_km": 900.0 + number % 7,
                    "weight_kg": 1.0 + number % 4,
                    "shipped_minutes": int((at - shipped).total_seconds() // 60),
                    "remaining_minutes": int((promised - at).total_seconds() // 60),
                    "unseen_minutes": 60,
                    "scan_count": 2,
                    "is_out_for_delivery": 0,
                    "has_exception": 0,
                    "carrier_open_parcels": 20 + number % 5,
                    "is_late": is_late if known else None,
                    "label_known_at": answered if known else pd.NaT,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def looks() -> pd.DataFrame:
    return made_looks()


@pytest.fixture(scope="module")
def model(looks) -> TrainedOrderRisk:
    trained = train(looks, LATE_DELIVERY, as_of=AS_OF)
    assert isinstance(trained, TrainedOrderRisk), trained
    return trained


def test_the_late_lane_is_found_and_said(model, looks) -> None:
    open_looks = looks[looks["is_open"]]
    scored = score(model, open_looks, scored_at=AS_OF)
    assert tuple(scored.columns) == SCORE_COLUMNS
    assert list(scored["parcel_no"]) == list(open_looks["parcel_no"])
    far = (open_looks["lane"] == "far lane").to_numpy()
    assert scored["risk_score"][far].min() > scored["risk_score"][~far].max()
    assert scored["is_above_threshold"][far].all()
    assert scored["reasons_en"][far].str.contains("often late on this lane").all()
    assert scored["challenger_score"].between(0, 1).all()
    assert model.challenger not in (None, model.report.kept)


def test_days_are_the_last_looks_before_the_answers(model, looks) -> None:
    days = days_of(model, as_of=AS_OF, time_zone=ZONE)
    assert tuple(days.columns) == DAY_COLUMNS
    assert 7 <= len(days) <= 14
    answers = looks.dropna(subset=["label_known_at"]).sort_values("decided_at")
    last = answers.drop_duplicates("parcel_no", keep="last")
    on = last["label_known_at"].map(lambda at: at.astimezone(ZoneInfo(ZONE)).date())
    newest = days["answered_on"].max().date()
    assert newest == date(2026, 6, 29)  # today is not over
    for day in days.to_dict(orient="records"):
        of_day = last[on == day["answered_on"].date()]
        assert day["answered_count"] == len(of_day)
        assert day["event_count"] == of_day["is_late"].sum()
        assert day["hit_count"] <= min(day["listed_count"], day["event_count"])
        assert 0 <= day["squared_error"] <= day["answered_count"]
    total = days[["event_count", "hit_count", "listed_count", "answered_count"]].sum()
    assert total["hit_count"] / total["event_count"] > 0.8  # the lane is known
    assert total["listed_count"] < 0.5 * total["answered_count"]


def test_what_becomes_known_later_changes_no_score(looks) -> None:
    cut = pd.Timestamp("2026-06-22 10:00", tz="UTC")
    past = looks.copy()
    later = past["label_known_at"] > cut
    past.loc[later, "is_late"] = ~past.loc[later, "is_late"].astype(bool)
    past.loc[past["decided_at"] > cut, ["lane", "carrier_open_parcels"]] = ["elsewhere", 999]
    told = []
    for frame in (looks, past):
        trained = train(frame, LATE_DELIVERY, as_of=cut)
        assert isinstance(trained, TrainedOrderRisk)
        rows = frame[(frame["decided_at"] > cut - pd.Timedelta(days=1)) & (frame.decided_at <= cut)]
        told.append(
            (score(trained, rows, scored_at=cut), days_of(trained, as_of=cut, time_zone=ZONE))
        )
    for ours, theirs in zip(*told, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert len(told[0][0]) > 5


def test_the_order_of_rows_changes_nothing(model, looks) -> None:
    shuffled = train(looks.sample(frac=1, random_state=3), LATE_DELIVERY, as_of=AS_OF)
    assert isinstance(shuffled, TrainedOrderRisk)
    open_looks = looks[looks["is_open"]]
    told, again = (score(one, open_looks, scored_at=AS_OF) for one in (model, shuffled))
    pd.testing.assert_frame_equal(told, again)


def test_nothing_but_declared_columns_is_seen(looks) -> None:
    with_leak = looks.assign(delivered_at=looks["label_known_at"])
    for frame in (looks, with_leak):
        built = build_features(frame, LATE_DELIVERY)
        assert set(built.columns) == {*LATE_DELIVERY.features, "decided_at"}


def test_too_little_is_said(looks) -> None:
    few = train(looks.head(50), LATE_DELIVERY, as_of=AS_OF)
    assert isinstance(few, NotEnoughData)
    early = train(looks, LATE_DELIVERY, as_of=datetime(2020, 1, 1, tzinfo=UTC))
    assert isinstance(early, NotEnoughData)
    with pytest.raises(FrameError, match="lacks the column"):
        train(looks, NON_PAYMENT, as_of=AS_OF)
    with pytest.raises(FrameError, match="share their"):
        train(pd.concat([looks, looks]), LATE_DELIVERY, as_of=AS_OF)


def test_another_business_is_refused(model, looks) -> None:
    with pytest.raises(ValueError, match="is of business shop"):
        score(model, looks.head(3).assign(business="other"), scored_at=AS_OF)
    assert score(model, looks.head(0), scored_at=AS_OF).empty
