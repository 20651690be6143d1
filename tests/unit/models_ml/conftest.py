"""Seeded worlds for the models' tests."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

NOW = datetime(2025, 7, 1, 4, tzinfo=UTC)


@pytest.fixture
def daily_world() -> Callable[..., pd.DataFrame]:
    """A maker of sparse daily sales with a weekday profile, one business."""

    def make(*, series: int = 12, days: int = 120, seed: int = 3) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        level = rng.gamma(0.6, 4.0, series)
        profile = np.array([0.8, 0.9, 1.0, 1.0, 1.3, 2.0, 0.0])
        calendar = pd.date_range("2025-01-01", periods=days)
        mean = level[:, None] * profile[calendar.day_of_week.to_numpy()][None, :]
        units = rng.poisson(mean)
        start = rng.integers(0, max(days // 3, 1), series)
        units[np.arange(days)[None, :] < start[:, None]] = 0
        place, day = np.nonzero(units)
        return pd.DataFrame(
            {
                "business": "shop",
                "sku": [f"S{number:03d}" for number in place],
                "business_date": calendar[day].date,
                "quantity": units[place, day],
            }
        )

    return make


@pytest.fixture
def last_day() -> date:
    """The last day of the default daily world."""
    return date(2025, 4, 30)


@pytest.fixture
def return_world() -> Callable[..., pd.DataFrame]:
    """A maker of order lines whose true probability of a return is known (`true_risk`)."""

    def make(*, lines: int = 8_000, seed: int = 5, signal: float = 1.0) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        customers, skus = lines // 12, 60
        customer_taste = rng.normal(0, 0.9, customers)
        sku_taste = rng.normal(0, 0.9, skus)
        start = np.datetime64("2025-01-01T00:00:00", "us")
        seconds = np.sort(rng.integers(0, 180 * 86_400, lines))
        customer, sku = rng.integers(0, customers, lines), rng.integers(0, skus, lines)
        price = np.round(np.exp(rng.normal(4, 0.8, lines)), 2)
        quantity = 1 + rng.poisson(0.4, lines)
        odds = -2.2 + signal * (
            customer_taste[customer] + sku_taste[sku] + 0.3 * (np.log(price) - 4)
        )
        risk = 1 / (1 + np.exp(-odds))
        is_returned = rng.random(lines) < risk
        ordered = start + seconds.astype("timedelta64[s]")
        delay = np.where(is_returned, rng.integers(1, 14, lines), 14).astype("timedelta64[D]")
        frame = pd.DataFrame(
            {
                "business": "shop",
                "order_key": [f"shop:{number}" for number in range(lines)],
                "line_no": 1,
                "customer_key": [f"shop:-:{number}" for number in customer],
                "sku": [f"S{number}" for number in sku],
                "channel": np.where(rng.random(lines) < 0.5, "web", "app"),
                "ordered_at": pd.DatetimeIndex(ordered).tz_localize("UTC"),
                "quantity": quantity,
                "unit_price": price,
                "line_amount": price * quantity,
                "order_line_count": 1,
                "order_amount": price * quantity,
                "hour_of_day": (seconds // 3_600) % 24,
                "day_of_week": (seconds // 86_400) % 7,
                "is_returned": pd.array(is_returned, dtype="boolean"),
                "label_known_at": pd.DatetimeIndex(ordered + delay).tz_localize("UTC"),
                "true_risk": risk,
            }
        )
        return _with_history(frame, customer, sku)

    return make


def _with_history(frame: pd.DataFrame, customer: np.ndarray, sku: np.ndarray) -> pd.DataFrame:
    """Counts of earlier lines and of returns known before the order, by a plain walk."""
    ordered = frame["ordered_at"].to_numpy()
    known = frame["label_known_at"].to_numpy()
    returned = frame["is_returned"].to_numpy(dtype=bool)
    for name, keys in (("customer", customer), ("sku", sku)):
        lines, back = np.zeros(len(frame), int), np.zeros(len(frame), int)
        for key in np.unique(keys):
            rows = np.flatnonzero(keys == key)
            lines[rows] = np.arange(len(rows))
            events = np.sort(known[rows[returned[rows]]])
            back[rows] = np.searchsorted(events, ordered[rows], side="left")
        frame[f"{name}_prior_lines"], frame[f"{name}_prior_returned_lines"] = lines, back
    first = frame.groupby(customer)["ordered_at"].transform("min")
    frame["customer_prior_days"] = (frame["ordered_at"] - first).dt.days
    return frame


@pytest.fixture(scope="session")
def risky_orders() -> pd.DataFrame:
    """Orders whose risk is known: of amount, channel and shop; odd types on purpose."""
    rng = np.random.default_rng(1)
    count = 3_000
    shop, channel = rng.integers(0, 60, count), rng.integers(0, 3, count)
    amount = np.round(np.exp(rng.normal(4, 1, count)), 2)
    odds = -1.6 + rng.normal(0, 1, 60)[shop] + np.array([0, 0.8, -0.8])[channel]
    risk = 1 / (1 + np.exp(-(odds + 0.7 * (np.log(amount) - 4))))
    placed = pd.Timestamp("2026-01-01") + pd.to_timedelta(
        np.sort(rng.uniform(0, 120, count)), unit="D"
    )
    is_bad = (rng.random(count) < risk).astype(int)
    delay = np.where(is_bad == 1, rng.uniform(1, 5, count), 5)
    return pd.DataFrame(
        {
            "order_no": [f"A{number:06}" for number in range(count)],
            "金额": pd.Series(amount).astype(str).mask(rng.random(count) < 0.05),
            "channel": np.array(["web", "app", None], dtype=object)[channel],
            "shop": [f"shop {number}" for number in shop],
            "first_seen": placed - pd.to_timedelta(rng.uniform(0, 900, count), unit="D"),
            "is_member": rng.random(count) < 0.4,
            "nothing": "same",
            "placed_at": placed.astype(str),
            "known_at": placed + pd.to_timedelta(delay, unit="D"),
            "is_bad": is_bad,
            "risk": risk,
        }
    )
