"""Risks of orders: learnt from looks, judged by the day of the answer, blind to the future."""

import dataclasses
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from models_ml.frames import FrameError
from models_ml.order_risks import (
    DAY_COLUMNS,
    FRAUD,
    LATE_DELIVERY,
    NON_PAYMENT,
    SCORE_COLUMNS,
    NotEnoughData,
    TrainedOrderRisk,
    days_of,
    prepare,
    score,
    score_without_model,
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


def made_orders() -> pd.DataFrame:
    """100 days of orders; large ones at night are often fraud, a ring of ten attacks on day 97."""
    rng = np.random.default_rng(4)
    count = 4_000
    day = np.sort(rng.uniform(0, 100, count))
    who = rng.integers(0, 900, count)
    amount = np.round(np.exp(rng.normal(5, 0.7, count)), 2)
    is_fraud = rng.random(count) < np.where(amount > 300, 0.3, 0.003)
    orders = pd.DataFrame(
        {
            "customer_key": [f"c{one}" for one in who],
            "device_token": [f"d{one}" for one in who],
            "address_token": [f"home{one // 2}" for one in who],
            "day": day,
            "gross_amount": amount,
            "is_fraud": is_fraud,
        }
    )
    step = np.arange(30)
    ring = pd.DataFrame(
        {
            "customer_key": [f"ring{one % 10}" for one in step],
            "device_token": [f"ring-device{one % 2}" for one in step],
            "address_token": "ring-home",
            "day": 97 + step / 12,
            "gross_amount": 80.0,
            "is_fraud": True,
        }
    )
    both = pd.concat([orders, ring]).sort_values("day", kind="stable", ignore_index=True)
    both["decided_at"] = pd.Timestamp("2026-03-20", tz="UTC") + pd.to_timedelta(both["day"], "D")
    as_of = both["decided_at"].max() + pd.Timedelta(hours=1)
    known_at = both["decided_at"] + pd.to_timedelta(np.where(both["is_fraud"], 6, 21), unit="D")
    is_known = known_at <= as_of
    return both.assign(
        business="shop",
        order_key=[f"o{number:05}" for number in range(len(both))],
        order_no=[f"N{number}" for number in range(len(both))],
        currency_code="CNY",
        channel="web",
        province="浙江省",
        line_count=1,
        unit_count=1,
        hour_of_day=both["decided_at"].dt.hour,
        day_of_week=both["decided_at"].dt.dayofweek + 1,
        is_open=~is_known & (both["day"] > 95),
        is_fraud=both["is_fraud"].astype(object).where(is_known, None),
        label_known_at=known_at.where(is_known),
    )


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return made_orders()


def fraud_model(orders: pd.DataFrame, as_of: datetime) -> TrainedOrderRisk:
    trained = train(prepare(orders, FRAUD), FRAUD, as_of=as_of)
    assert isinstance(trained, TrainedOrderRisk), trained
    return trained


def test_fraud_is_learnt_from_answers_and_a_ring_is_seen_without_any(orders) -> None:
    as_of = orders["decided_at"].max() + pd.Timedelta(hours=1)
    model = fraud_model(orders, as_of)
    assert model.report.average_precision > 3 * model.report.base_rate
    stream = prepare(orders, FRAUD)
    open_orders = stream[stream["is_open"]]
    scored = score(model, open_orders, scored_at=as_of)
    assert tuple(scored.columns) == SCORE_COLUMNS
    assert list(scored["order_no"]) == list(open_orders["order_no"])
    is_ring = open_orders["customer_key"].str.startswith("ring").to_numpy()
    listed = scored["is_above_threshold"].to_numpy(dtype=bool)
    assert listed[is_ring].sum() >= 20  # of 30, the first are not suspicious yet
    assert (scored["risk_score"][is_ring & listed] >= 0.95).sum() >= 20
    why = scored[is_ring & (scored["risk_score"] >= 0.95)]
    assert why["reasons_en"].str.contains("other customers came to its device lately").all()
    assert why["reasons_zh"].str.contains("位客户使用同一设备").all()
    assert not why["reasons_en"].str.contains("not above the average").any()
    large = (open_orders["gross_amount"] > 300).to_numpy() & ~is_ring
    assert scored["risk_score"][large].mean() > 5 * scored["risk_score"][~large & ~is_ring].mean()
    # Without a model the watch says the same of the ring, and nothing of anybody else.
    alone = score_without_model(stream, FRAUD, business="shop", scored_at=as_of)
    assert tuple(alone.columns) == SCORE_COLUMNS
    assert set(alone["order_key"]) == set(scored["order_key"][scored["risk_score"] >= 0.95])
    assert score_without_model(stream, NON_PAYMENT, business="shop", scored_at=as_of).empty


def test_fraud_that_is_known_or_happens_later_changes_no_score(orders) -> None:
    cut = orders["decided_at"].max() - pd.Timedelta(days=1)
    later = orders.copy()
    unknown = later["label_known_at"] > cut
    later.loc[unknown, "is_fraud"] = ~later.loc[unknown, "is_fraud"].astype(bool)
    after = later["decided_at"] > cut
    later.loc[after, ["device_token", "address_token", "gross_amount"]] = ["one", "one", 9e5]
    told = []
    for frame in (orders, later):
        model = fraud_model(frame, cut)
        stream = prepare(frame, FRAUD)
        rows = stream[(stream["decided_at"] <= cut) & stream["is_open"]]
        told.append((score(model, rows, scored_at=cut), days_of(model, as_of=cut, time_zone=ZONE)))
    for ours, theirs in zip(*told, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert (told[0][0]["risk_score"] >= 0.95).any()  # the ring is among them


def test_days_count_the_orders_of_an_attack_too(orders) -> None:
    """The ring comes a month earlier here, so its orders are answered."""
    moved = orders.copy()
    is_ring = moved["customer_key"].str.startswith("ring")
    moved.loc[is_ring, "decided_at"] -= pd.Timedelta(days=10)
    moved.loc[is_ring, "label_known_at"] = moved.loc[is_ring, "decided_at"] + pd.Timedelta(days=6)
    moved.loc[is_ring, "is_fraud"] = True
    moved = moved.sort_values("decided_at", kind="stable", ignore_index=True)
    as_of = moved["decided_at"].max() + pd.Timedelta(hours=1)
    model = fraud_model(moved, as_of)
    assert len(model.attacks) >= 20
    assert model.attacks["label"].all()
    days = days_of(model, as_of=as_of, time_zone=ZONE)
    without = days_of(
        dataclasses.replace(model, attacks=model.attacks.head(0)), as_of=as_of, time_zone=ZONE
    )
    more = days["hit_count"].sum() - without["hit_count"].sum()
    on = model.attacks["known_at"].map(
        lambda at: at.tz_localize("UTC").astimezone(ZoneInfo(ZONE)).date()
    )
    assert more == on.isin(set(days["answered_on"].dt.date)).sum() >= 20


def test_too_few_frauds_train_nothing(orders) -> None:
    lack = train(prepare(orders.assign(is_fraud=None), FRAUD), FRAUD, as_of=AS_OF)
    assert isinstance(lack, NotEnoughData)
    with pytest.raises(FrameError, match="lacks the column"):
        train(orders, FRAUD, as_of=AS_OF)  # not prepared
