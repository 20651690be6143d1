"""What customers will buy and be worth: purchase process, boosting, and a back-test that decides.

BG/NBD and NBD (`purchases.py`), BG/NBD adjusted by what customers spend, and gradient boosting each
predict purchases. On earlier cuts of the same data each is fitted before the cut and judged after
it; least squares with shares of 0 and more that sum to one says how to mix them, drawn to equal
shares of the first two. Where the mix errs clearly more there, BG/NBD alone is used. All are
brought to BG/NBD's total, and the overall level of the judged windows is left out: one season
promises nothing about the next. Amounts per purchase follow the Gamma-Gamma model.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from models_ml.customers.config import ValueSettings
from models_ml.customers.purchases import BgNbd, GammaGamma, Histories, Nbd
from models_ml.frames import FrameError, as_days, as_float, require_columns, require_values

VALUE_COLUMNS: Final = (
    "frequency", "recency_days", "age_days", "mean_amount", "probability_alive",
    "purchase_probability", "expected_purchases", "expected_amount", "expected_value", "model",
)  # fmt: skip
MEMBERS: Final = ("bg_nbd", "bg_nbd_by_amount", "nbd", "boosting")
ALONE: Final = np.eye(len(MEMBERS))[0]
"""Shares that leave BG/NBD alone."""
_PRIOR: Final = np.array([0.5, 0.5, 0.0, 0.0])
"""Shares that the learnt ones are drawn to: few earlier windows prefer now one, now another."""
_RECENT: Final = (28, 84)


@dataclass(frozen=True)
class _Purchases:
    """Days on which customers bought: sorted by customer and day, one row each."""

    customer: np.ndarray
    day: np.ndarray
    amount: np.ndarray
    count: int


def clv(
    transactions: pd.DataFrame,
    *,
    customer: str,
    time: str,
    amount: str,
    horizon_days: int,
    as_of: object = None,
    settings: ValueSettings | None = None,
) -> pd.DataFrame:
    """Expected purchases and value of every customer in the days after the last one observed.

    Args:
        transactions: one row per purchase, in any order; those of a customer on one day are one
            purchase. Refunds are netted before; an amount of 0 is a purchase that earns nothing.
        customer: column of customer ids.
        time: column of dates or instants; of an instant the day in UTC counts.
        amount: column of amounts, 0 or more.
        horizon_days: days to look ahead, at least 1.
        as_of: the last observed day; that of the last transaction if left out.
        settings: of the models.

    Returns:
        One row per customer, ordered by `customer` (as named): `frequency` (days with a purchase
        after the first), `recency_days` (first to last purchase), `age_days` (first purchase to
        `as_of`), `mean_amount` of a day with a purchase, `probability_alive`,
        `purchase_probability` (at least one in the horizon), `expected_purchases`,
        `expected_amount` of a purchase, `expected_value` (their product) and `model`. `attrs` has
        `parameters` (per week unless the settings say otherwise), `shares` and `backtest` (root
        mean squared error of each model on the earlier cuts).

    Raises:
        FrameError: a column or value is missing, an amount is negative, a purchase is after
            `as_of`, or there is no transaction at all.
        ValueError: `horizon_days` is below 1.
    """
    chosen = settings or ValueSettings()
    if horizon_days < 1:
        raise ValueError(f"horizon_days is {horizon_days}; it must be at least 1.")
    bought, labels, today = _bought(transactions, customer, time, amount, as_of)
    known = _histories(bought, today, chosen)
    shares, errors = _learnt_shares(bought, today, chosen)
    members = _predict(
        bought, today, horizon_days, chosen, with_boosting=shares[MEMBERS.index("boosting")] > 0
    )
    purchases = sum(share * members[name] for name, share in zip(MEMBERS, shares, strict=True))
    process = BgNbd.fit(known)
    periods = horizon_days / chosen.days_per_period
    spend, repeat_mean = _spend(bought, known)
    made = pd.DataFrame(
        {
            customer: labels,
            "frequency": known.frequency.astype(np.int64),
            "recency_days": np.round(known.recency * chosen.days_per_period).astype(np.int64),
            "age_days": np.round(known.age * chosen.days_per_period).astype(np.int64),
            "mean_amount": np.bincount(bought.customer, bought.amount) / (known.frequency + 1),
            "probability_alive": process.alive(known),
            "purchase_probability": process.any_purchase(known, periods),
            "expected_purchases": purchases,
            "expected_amount": _expected_amount(spend, known, repeat_mean, bought),
        }
    )
    made["expected_value"] = made["expected_purchases"] * made["expected_amount"]
    made["model"] = "bg_nbd" if shares[0] == 1 else "mix"
    made.attrs = {
        "parameters": _parameters(process, spend),
        "shares": dict(zip(MEMBERS, shares.tolist(), strict=True)),
        "backtest": errors,
    }
    return made


def _bought(
    transactions: pd.DataFrame, customer: str, time: str, amount: str, as_of: object
) -> tuple[_Purchases, np.ndarray, np.datetime64]:
    require_columns(transactions, (customer, time, amount), name="transactions")
    require_values(transactions, (customer, time, amount), name="transactions")
    if transactions.empty:
        raise FrameError("The frame transactions has no row; pass at least one purchase.")
    paid = as_float(transactions[amount])
    if (paid < 0).any():
        raise FrameError(
            f"The frame transactions has {int((paid < 0).sum())} row(s) with a negative {amount}; "
            "net refunds against their purchases first.",
            transactions[paid < 0],
        )
    day = as_days(transactions[time])
    today = day.max() if as_of is None else np.datetime64(pd.Timestamp(str(as_of)), "D")
    if (day > today).any():
        raise FrameError(
            f"The frame transactions has {int((day > today).sum())} row(s) after {today}, the day "
            "to look ahead from; leave them out.",
            transactions[day > today],
        )
    code, labels = pd.factorize(transactions[customer], sort=True)
    number = day.astype(np.int64)
    key = code * (int(number.max()) - int(number.min()) + 1) + number - int(number.min())
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    bought = _Purchases(code[first], number[first], np.bincount(place, paid), len(labels))
    return bought, np.asarray(labels), today


def _histories(bought: _Purchases, today: np.datetime64, settings: ValueSettings) -> Histories:
    """Of every customer who has bought by then; customers are numbered without gaps."""
    number = int(today.astype("datetime64[D]").astype(np.int64))
    ends = np.flatnonzero(np.diff(bought.customer, append=-1))
    begins = np.r_[0, ends[:-1] + 1]
    unit = settings.days_per_period
    return Histories(
        frequency=(ends - begins).astype(np.float64),
        recency=(bought.day[ends] - bought.day[begins]) / unit,
        age=(number - bought.day[begins]) / unit,
    )


def _until(bought: _Purchases, day: int) -> tuple[_Purchases, np.ndarray]:
    """The purchases up to a day, customers numbered anew, and their old numbers."""
    kept = bought.day <= day
    old, new = np.unique(bought.customer[kept], return_inverse=True)
    return _Purchases(new, bought.day[kept], bought.amount[kept], len(old)), old


def _predict(
    bought: _Purchases,
    today: np.datetime64,
    horizon_days: int,
    settings: ValueSettings,
    *,
    with_boosting: bool,
) -> dict[str, np.ndarray]:
    """Expected purchases by each member, fitted on nothing but these purchases."""
    known = _histories(bought, today, settings)
    periods = horizon_days / settings.days_per_period
    found = {
        "bg_nbd": BgNbd.fit(known).expected(known, periods),
        "bg_nbd_by_amount": _adjusted(bought, today, horizon_days, settings),
        "nbd": Nbd.fit(known).expected(known, periods),
        "boosting": np.zeros(bought.count),
    }
    if with_boosting:
        found["boosting"] = _boosted(bought, today, horizon_days, settings)
    total = found["bg_nbd"].sum()
    return {name: made * (total / max(made.sum(), 1e-12)) for name, made in found.items()}


def _adjusted(
    bought: _Purchases, today: np.datetime64, horizon_days: int, settings: ValueSettings
) -> np.ndarray:
    """BG/NBD's expectation times a power of itself and of the customer's mean amount.

    The process knows when customers bought, not for how much; who spends more comes back more
    often. A Poisson regression learns both powers at earlier cuts, on what was bought since.
    """
    number = int(today.astype("datetime64[D]").astype(np.int64))
    observed = number - int(bought.day.min())
    told, counts, levels = [], [], []
    for share in settings.backtest_shares:
        cut = number - round(observed * (1 - share))
        before, old = _until(bought, cut)
        later = np.bincount(bought.customer[bought.day > cut], minlength=bought.count)[old]
        if before.count < settings.least_backtest_customers or not later.sum() > 0:
            continue
        columns, expected = _amount_columns(before, np.datetime64(cut, "D"), number - cut, settings)
        level = expected * (later.sum() / expected.sum())
        told.append(columns)
        counts.append(later / level)
        levels.append(level)
    columns, expected = _amount_columns(bought, today, horizon_days, settings)
    if not told:
        return expected
    model = make_pipeline(
        StandardScaler(), PoissonRegressor(alpha=settings.amount_penalty, max_iter=500)
    )
    model.fit(
        np.concatenate(told),
        np.concatenate(counts),
        poissonregressor__sample_weight=np.concatenate(levels),
    )
    adjusted: np.ndarray = expected * model.predict(columns)
    return adjusted


def _amount_columns(
    bought: _Purchases, today: np.datetime64, horizon_days: int, settings: ValueSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the mean amount and of BG/NBD's expectation (n, 2), and the latter (n,)."""
    known = _histories(bought, today, settings)
    process = BgNbd.fit(known)
    expected = np.maximum(process.expected(known, horizon_days / settings.days_per_period), 1e-6)
    mean = np.bincount(bought.customer, bought.amount) / (known.frequency + 1)
    return np.column_stack([np.log1p(mean), np.log(expected)]), expected


def _boosted(
    bought: _Purchases, today: np.datetime64, horizon_days: int, settings: ValueSettings
) -> np.ndarray:
    """Gradient boosting of purchases, learnt on the newer half of the observed time at most."""
    number = int(today.astype("datetime64[D]").astype(np.int64))
    window = min(horizon_days, (number - int(bought.day.min())) // 2)
    before, old = _until(bought, number - window)
    later = np.bincount(bought.customer[bought.day > number - window], minlength=bought.count)[old]
    if not later.sum() > 0:
        return np.zeros(bought.count)
    model = HistGradientBoostingRegressor(
        loss="poisson",
        max_iter=settings.boosting_rounds,
        learning_rate=settings.boosting_rate,
        min_samples_leaf=settings.boosting_leaf,
        max_leaf_nodes=8,
        random_state=settings.seed,
    )
    cut = today - np.timedelta64(window, "D")
    # On one thread: beside other processes the threads of so small trees wait for each other.
    with threadpool_limits(limits=1, user_api="openmp"):
        model.fit(_features(before, cut, settings), later)
        predicted: np.ndarray = model.predict(_features(bought, today, settings))
    return predicted


def _features(bought: _Purchases, today: np.datetime64, settings: ValueSettings) -> np.ndarray:
    known = _histories(bought, today, settings)
    number = int(today.astype("datetime64[D]").astype(np.int64))
    recent = [
        np.bincount(bought.customer[bought.day > number - days], minlength=bought.count)
        for days in _RECENT
    ]
    since = known.age - known.recency
    mean = np.bincount(bought.customer, bought.amount) / (known.frequency + 1)
    return np.column_stack([known.frequency, known.recency, known.age, since, mean, *recent])


def _learnt_shares(
    bought: _Purchases, today: np.datetime64, settings: ValueSettings
) -> tuple[np.ndarray, dict[str, float]]:
    """Shares of the members in the order of MEMBERS, and their errors on the earlier cuts."""
    bought = _sampled(bought, settings)
    number = int(today.astype("datetime64[D]").astype(np.int64))
    observed = number - int(bought.day.min())
    predicted, actual, weight = [], [], []
    for share in settings.backtest_shares:
        cut = number - round(observed * (1 - share))
        before, old = _until(bought, cut)
        window = number - cut
        if before.count < settings.least_backtest_customers or window < settings.days_per_period:
            continue
        at = np.datetime64(cut, "D")
        members = _predict(before, at, window, settings, with_boosting=True)
        predicted.append(np.column_stack([members[name] for name in MEMBERS]) / window)
        later = np.bincount(bought.customer[bought.day > cut], minlength=bought.count)
        actual.append(later[old] / window)
        weight.append(np.full(before.count, float(window)))
    if not predicted:
        return ALONE, {}
    found, truth = np.concatenate(predicted), np.concatenate(actual)
    return _mixed(found, truth, np.concatenate(weight), settings)


def _mixed(
    found: np.ndarray, truth: np.ndarray, weight: np.ndarray, settings: ValueSettings
) -> tuple[np.ndarray, dict[str, float]]:
    scale = np.sqrt(weight)
    raw, _ = nnls(found * scale[:, None], truth * scale)
    learnt = raw / raw.sum() if raw.sum() > 0 else _PRIOR
    mix = (1 - settings.learnt_weight) * _PRIOR + settings.learnt_weight * learnt
    # Each is judged at the level that suits it best: only who differs from whom counts.
    candidates = {**dict(zip(MEMBERS, np.eye(len(MEMBERS)), strict=True)), "mix": mix}
    errors = {name: _error(found @ share, truth, weight) for name, share in candidates.items()}
    is_kept = errors["mix"] <= errors["bg_nbd"] * (1 + settings.most_loss)
    chosen = mix if is_kept else ALONE
    return chosen, errors


def _error(rate: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    """Root mean squared error of purchases at the best common level."""
    level = (weight * rate) @ truth / max(float((weight * rate) @ rate), 1e-12)
    return float(np.sqrt(np.mean(((level * rate - truth) * weight) ** 2)))


def _sampled(bought: _Purchases, settings: ValueSettings) -> _Purchases:
    if bought.count <= settings.most_backtest_customers:
        return bought
    random = np.random.default_rng(settings.seed)
    drawn = random.choice(bought.count, settings.most_backtest_customers, replace=False)
    kept = np.isin(bought.customer, drawn)
    old, new = np.unique(bought.customer[kept], return_inverse=True)
    return _Purchases(new, bought.day[kept], bought.amount[kept], len(old))


def _spend(bought: _Purchases, known: Histories) -> tuple[GammaGamma | None, np.ndarray]:
    """The spend model of repeat purchases, and their mean amount of each customer (0 without)."""
    is_first = np.diff(bought.customer, prepend=-1) != 0
    repeat = np.bincount(
        bought.customer, np.where(is_first, 0.0, bought.amount), minlength=bought.count
    )
    mean = repeat / np.maximum(known.frequency, 1)
    return GammaGamma.fit(known.frequency, mean), mean


def _expected_amount(
    spend: GammaGamma | None, known: Histories, repeat_mean: np.ndarray, bought: _Purchases
) -> np.ndarray:
    if spend is None:
        return np.full(bought.count, bought.amount.mean())
    return spend.expected(known.frequency, repeat_mean)


def _parameters(process: BgNbd, spend: GammaGamma | None) -> dict[str, float]:
    found = {"r": process.r, "alpha": process.alpha, "a": process.a, "b": process.b}
    found["log_likelihood"] = process.log_likelihood
    if spend is not None:
        found |= {"p": spend.p, "q": spend.q, "gamma": spend.gamma}
    return found
