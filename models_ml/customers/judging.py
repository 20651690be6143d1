"""Customer value on days that it has not seen, beside what anybody could say without a model."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from models_ml.customers.config import ValueSettings
from models_ml.customers.value import clv
from models_ml.evaluations import Figure, expected_calibration_error
from models_ml.frames import as_days, as_float

LEAST_CUSTOMERS: Final = 100
"""Fewer known at the cut, or fewer than a tenth of them buying after it, prove nothing."""
LEAST_DAYS: Final = 14
"""Of the judged window."""
BEST_SHARE: Final = 0.1
"""Of the customers: whose later money is counted."""
_BINS: Final = 10


class Judged:
    """What a hold-out found.

    Attributes:
        figures: each with its baseline; empty where the history is too short.
        first: the first judged day.
        last: the last one.
        count: of judged customers.
    """

    def __init__(
        self, figures: Sequence[Figure], first: pd.Timestamp, last: pd.Timestamp, count: int
    ) -> None:
        self.figures = tuple(figures)
        self.first = first
        self.last = last
        self.count = count


def judge_value(
    purchases: pd.DataFrame,
    *,
    customer: str,
    time: str,
    amount: str,
    horizon_days: int,
    as_of: object = None,
    settings: ValueSettings | None = None,
) -> Judged:
    """Learn until a cut, foretell the days after it, and compare with what came.

    The window is the horizon, or a third of the observed days where they are fewer. Customers who
    came after the cut are nobody's to foretell and are left out.

    Args:
        purchases: as `clv` takes them.
        customer: column of customer ids.
        time: column of dates.
        amount: column of amounts, 0 or more.
        horizon_days: days that are looked ahead in use.
        as_of: the last observed day; that of the last purchase if left out.
        settings: of the models.

    Returns:
        `purchases_rmse` and `purchases_bias` beside customers going on at their pace so far,
        `purchase_auc` beside the days since they last bought, `purchase_ece` beside one share for
        all, and `best_tenth_share` of later money beside those who have brought most so far.

    Raises:
        FrameError: as `clv` does.
    """
    day = as_days(purchases[time])
    last = day.max() if as_of is None else np.datetime64(pd.Timestamp(str(as_of)), "D")
    window = min(horizon_days, int((last - day.min()).astype(int)) // 3)
    cut = last - np.timedelta64(window, "D")
    is_known = day <= cut
    nothing = Judged((), pd.Timestamp(cut) + pd.Timedelta(days=1), pd.Timestamp(last), 0)
    if window < LEAST_DAYS or purchases.loc[is_known, customer].nunique() < LEAST_CUSTOMERS:
        return nothing
    told = clv(
        purchases[is_known],
        customer=customer,
        time=time,
        amount=amount,
        horizon_days=window,
        as_of=cut,
        settings=settings,
    )
    came = _came(purchases[~is_known], customer, time, amount, told[customer])
    if (came["days"] > 0).mean() < BEST_SHARE:
        return nothing
    return Judged(_figures(told, came, window), nothing.first, nothing.last, len(told))


def _came(
    later: pd.DataFrame, customer: str, time: str, amount: str, known: pd.Series
) -> pd.DataFrame:
    """Days with a purchase and money of each known customer after the cut."""
    counted = pd.DataFrame(
        {"who": later[customer], "day": as_days(later[time]), "amount": as_float(later[amount])}
    )
    counted = counted.groupby("who").agg(days=("day", "nunique"), amount=("amount", "sum"))
    return counted.reindex(known).fillna(0.0)


def _figures(told: pd.DataFrame, came: pd.DataFrame, window: int) -> list[Figure]:
    expected = told["expected_purchases"].to_numpy()
    actual = came["days"].to_numpy()
    pace = told["frequency"].to_numpy() / np.maximum(told["age_days"].to_numpy(), 1) * window
    bought = (actual > 0).astype(int)
    chance = told["purchase_probability"].to_numpy()
    since = (told["age_days"] - told["recency_days"]).to_numpy()
    so_far = (told["mean_amount"] * (told["frequency"] + 1)).to_numpy()
    money = came["amount"].to_numpy()
    figures = [
        ("purchases_rmse", _rmse(expected, actual), "pace_so_far", _rmse(pace, actual)),
        ("purchases_bias", _bias(expected, actual), "pace_so_far", _bias(pace, actual)),
        (
            "purchase_ece",
            expected_calibration_error(bought, chance, bins=_BINS),
            "constant_rate",
            expected_calibration_error(bought, np.full(len(bought), bought.mean()), bins=_BINS),
        ),
    ]
    if bought.min() < bought.max():
        figures.append(
            (
                "purchase_auc",
                float(roc_auc_score(bought, chance)),
                "days_since_purchase",
                float(roc_auc_score(bought, -since)),
            )
        )
    if money.sum() > 0:
        figures.append(
            (
                "best_tenth_share",
                _share_of_best(told["expected_value"].to_numpy(), money),
                "amount_so_far",
                _share_of_best(so_far, money),
            )
        )
    return figures


def _rmse(expected: np.ndarray, actual: np.ndarray) -> float:
    return float(np.sqrt(np.mean((expected - actual) ** 2)))


def _bias(expected: np.ndarray, actual: np.ndarray) -> float:
    """Too much (+) or too little (-) in all, as a share of what came."""
    return float((expected.sum() - actual.sum()) / actual.sum())


def _share_of_best(worth: np.ndarray, money: np.ndarray) -> float:
    """Of the later money, what the tenth with the highest worth brought."""
    best = np.argsort(-worth, kind="stable")[: max(1, round(len(worth) * BEST_SHARE))]
    return float(money[best].sum() / money.sum())
