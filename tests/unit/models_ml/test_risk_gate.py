"""The leakage gate: what is known only later is refused with a reason, what is honest passes."""

import numpy as np
import pandas as pd
import pytest

from models_ml.frames import FrameError
from models_ml.risk.columns import as_numbers, assembled_times, describe_columns
from models_ml.risk.config import GateConfig
from models_ml.risk.examples import read_availability, read_examples
from models_ml.risk.gate import auc_of, refuse_columns


@pytest.fixture(scope="module")
def world() -> pd.DataFrame:
    """Shipments that are late or not; the mode tells much and is honest."""
    rng = np.random.default_rng(6)
    count = 4_000
    placed = pd.Timestamp("2026-01-01") + pd.to_timedelta(
        np.sort(rng.uniform(0, 200, count)), unit="D"
    )
    mode = rng.integers(0, 4, count)
    promised = np.array([0, 1, 2, 4])[mode]
    real = np.maximum(promised + rng.integers(-2, 3, count) + (mode == 1), 0)
    due = np.round(np.exp(rng.normal(4, 1, count)), 2)
    late = (real > promised).astype(int)
    device = rng.integers(0, 300, count)
    frame = pd.DataFrame(
        {
            "mode": np.array(["same day", "first", "second", "standard"])[mode],
            "promised_days": promised,
            "promised_at": placed + pd.to_timedelta(promised, unit="D"),
            "registered_at": placed - pd.to_timedelta(rng.uniform(1, 99, count), unit="D"),
            "due": due,
            "device": [f"d{number}" for number in device],
            "late": late,
            "placed_at": placed,
        }
    )
    frame["real_days"] = real
    return frame


def refused(frame: pd.DataFrame, available_at: dict | None = None) -> dict[str, str]:
    examples = read_examples(
        frame, label="late", decided_at="placed_at", matured_at=None, group=None
    )
    columns = describe_columns(examples.frame, reserved=(), most_levels=30)
    availability = {
        name: read_availability(frame, name, declared, examples.decided_at)
        for name, declared in (available_at or {}).items()
    }
    return refuse_columns(examples, columns, availability=availability, config=GateConfig())


HONEST = ["mode", "promised_days", "promised_at", "registered_at", "due", "device"]


def test_honest_columns_pass(world) -> None:
    assert refused(world[[*HONEST, "late", "placed_at"]]) == {}


def noisy_copy(frame: pd.DataFrame) -> np.ndarray:
    flip = np.random.default_rng(0).random(len(frame)) < 0.03
    return np.where(flip, 1 - frame["late"], frame["late"])


@pytest.mark.parametrize(
    ("leak", "words"),
    [
        (lambda f: f["real_days"], "Its difference from promised_days"),
        (lambda f: f["placed_at"] + pd.to_timedelta(f["real_days"] + 0.1, unit="D"), "lie after"),
        (noisy_copy, "Alone, it ranks the label"),
        (lambda f: np.where(f["late"] == 1, "complained", "content"), "Alone, it ranks"),
        (lambda f: f["due"].where(f["late"] == 0), "whether it is filled"),
        (
            lambda f: f["due"].where(f["late"] == 0, 0.0),
            r"ranks the label|equals due|difference from due",
        ),
        (
            lambda f: f["due"] * (1 - 0.1 * f["late"]),
            r"It equals due in 100% of the rows with label 0",
        ),
        (lambda f: f.groupby("device")["late"].transform("mean"), "share of positive labels of"),
        (lambda f: f.groupby("device")["late"].transform("size"), "number of rows of device"),
    ],
    ids=[
        "days",
        "time",
        "noisy",
        "status",
        "missing",
        "paid",
        "discounted",
        "rate",
        "count",
    ],
)
def test_columns_known_later_are_refused_and_nothing_else(world, leak, words) -> None:
    frame = world[[*HONEST, "late", "placed_at"]].assign(leak=leak(world))
    found = refused(frame)
    assert set(found) == {"leak"}
    assert pd.Series([found["leak"]]).str.contains(words).all(), found["leak"]
    assert found["leak"].endswith((".", "available_at."))


def test_amount_paid_late_against_the_amount_due(world) -> None:
    """Many who owe nothing more also show 0, so the column alone is not near-perfect."""
    rng = np.random.default_rng(0)
    paid = world["due"].where((world["late"] == 0) & (rng.random(len(world)) < 0.75), 0.0)
    found = refused(world[[*HONEST, "late", "placed_at"]].assign(paid=paid))
    assert set(found) == {"paid"}
    assert "equals due" in found["paid"] or "0 or missing" in found["paid"]


def test_sum_that_exists_under_one_answer_only(world) -> None:
    """A refund: most good orders have none either, so no single cut ranks well."""
    rng = np.random.default_rng(0)
    is_refunded = (world["late"] == 0) & (rng.random(len(world)) < 0.2)
    frame = world[[*HONEST, "late", "placed_at"]]
    found = refused(frame.assign(refunded=(world["due"] * 0.5).where(is_refunded, 0.0)))
    assert set(found) == {"refunded"}
    assert "0 or missing wherever the label is 1" in found["refunded"]
    either = rng.random(len(world)) < 0.2
    assert refused(frame.assign(voucher=(world["due"] * 0.1).where(either))) == {}


def test_declared_times_decide(world) -> None:
    frame = world[[*HONEST, "late", "placed_at"]].assign(
        score=np.arange(len(world)) % 7,
        eta=world["placed_at"] + pd.Timedelta(days=3),
        handed_over=world["placed_at"] + pd.Timedelta(days=1),
    )
    assert set(refused(frame)) == {"handed_over"}
    late = {"score": "handed_over", "handed_over": None, "due": pd.Timedelta(hours=1)}
    found = refused(frame, late)
    assert set(found) == {"score", "due"}
    assert "declared to be available in handed_over" in found["score"]
    assert refused(frame, {"score": "registered_at", "handed_over": None}) == {}
    with pytest.raises(FrameError, match="which is no column of the frame"):
        refused(frame, {"score": "after shipping"})


def test_running_counts_are_honest_even_when_they_tell_all(world) -> None:
    device = world["device"]
    earlier = world.groupby("device").cumcount()
    frame = world[["mode", "due", "placed_at"]].assign(
        device=device, orders_before=earlier, late=(earlier > 8).astype(int)
    )
    assert refused(frame) == {}
    unexplained = frame.drop(columns="device")
    assert set(refused(unexplained)) == {"orders_before"}


def test_device_of_a_burst_is_honest(world) -> None:
    """A ring's device is always bad, but only for a week: it has no rate in other weeks."""
    burst = (world.index > 1_000) & (world.index < 1_300)
    frame = world[["mode", "placed_at"]].assign(
        device=np.where(burst, "ring", world["device"]), late=burst.astype(int)
    )
    assert refused(frame) == {}


def test_days_in_three_columns_make_one_time(world) -> None:
    shipped = world["placed_at"] + pd.to_timedelta(world["real_days"] + 1, unit="D")
    frame = world[["mode", "late", "placed_at"]].assign(
        **{
            " Shipment Year ": shipped.dt.year.astype(str),
            " Shipment Month ": shipped.dt.month.astype(str),
            " Shipment Day ": shipped.dt.day.astype(str),
            "Order Year": world["placed_at"].dt.year,
            "Order Month": world["placed_at"].dt.month,
            "Order Day": world["placed_at"].dt.day,
        }
    )
    found = refused(frame)
    assert set(found) == {" Shipment Year ", " Shipment Month ", " Shipment Day "}
    assert assembled_times(frame, ["mode"]) == {}


def test_kinds_of_columns() -> None:
    count = 400
    frame = pd.DataFrame(
        {
            "amount": [f"¥{number},000.50" for number in range(count)],
            "clock": [f"{number % 24:02}:30" for number in range(count)],
            "day": pd.date_range("2026-01-01", periods=count).astype(str),
            "客户编号": [str(1_000 + number % 90) for number in range(count)],
            "zip": [f"0{number % 50:04}" for number in range(count)],
            "order": [f"X{number}" for number in range(count)],
            "province": ["上海", "浙江 "] * (count // 2),
            "flag": [True, False] * (count // 2),
            "empty": [None] * count,
            "mixed": [1, "two"] * (count // 2),
        }
    )
    kinds = {
        name: column.kind
        for name, column in describe_columns(frame, reserved=(), most_levels=30).items()
    }
    assert kinds == {
        "amount": "number", "clock": "number", "day": "time", "客户编号": "key", "zip": "key",
        "order": "identifier", "province": "category", "flag": "number", "empty": "constant",
        "mixed": "category",
    }  # fmt: skip
    assert as_numbers(frame["amount"])[3] == 3_000.5
    assert as_numbers(frame["clock"])[5] == 5.5


def test_auc_equals_counting_pairs() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 8, 80), rng.integers(0, 2, 80)
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high in scores[labels == 1]
        for low in scores[labels == 0]
    ]
    assert auc_of(scores, labels) == pytest.approx(np.mean(pairs))
