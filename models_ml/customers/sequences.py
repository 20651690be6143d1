"""Sequential association: who bought A buys B within so many days.

The counts are those of the dbt model `fct_product_sequences`: B follows A when it is bought after
the customer's first purchase of A and within the window; A follows itself when it is bought again.
Who has not followed yet and still can is no counterexample: confidence counts only customers whose
window is over. Support, confidence and lift: Agrawal and Srikant (1995), "Mining sequential
patterns"; Brin et al. (1997), "Dynamic itemset counting".
"""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd

from models_ml.customers.coded import DAY, ItemPurchases, item_purchases
from models_ml.customers.config import SequenceSettings
from models_ml.experiments import wilson_intervals


def sequences(
    purchases: pd.DataFrame,
    *,
    customer: str,
    time: str,
    item: str,
    within_days: int,
    as_of: datetime | None = None,
    settings: SequenceSettings | None = None,
) -> pd.DataFrame:
    """Which item follows which, and how surely.

    Args:
        purchases: one row per bought item, in any order; returns are left out before.
        customer: column of customer ids.
        time: column of instants or dates; naive ones are taken as UTC.
        item: column of item ids: articles or categories.
        within_days: window after the first purchase of the antecedent, at least 1.
        as_of: the present; the time of the last purchase if left out.
        settings: least number of followers, resellers, level of the interval.

    Returns:
        A row per rule, the surest first: `antecedent_item`, `consequent_item`, `follower_count`,
        `matured_follower_count`, `buyer_count`, `matured_buyer_count` (of the antecedent),
        `consequent_buyer_count`, `customer_count`; `support` (followers of all customers),
        `confidence` (of the matured buyers, null without any) with `confidence_low` and
        `confidence_high` (Wilson), `lift` (confidence over the share of all customers who buy the
        consequent at all), `median_lag_days` and `total_lag_days` of the followers in full days.

    Raises:
        FrameError: see `item_purchases`.
        ValueError: `within_days` is below 1.
    """
    if within_days < 1:
        raise ValueError(f"within_days is {within_days}; it must be at least 1.")
    chosen = settings or SequenceSettings()
    bought = item_purchases(
        purchases, customer=customer, time=time, item=item, as_of=as_of, order_span=1
    )
    return _rules(bought, within_days * DAY, chosen)


def _rules(bought: ItemPurchases, window: int, settings: SequenceSettings) -> pd.DataFrame:
    items, customer_count, rows = _countable(bought, settings)
    customer, item, at = rows
    is_first = _changes(customer, item)
    matured = at + window <= bought.now
    parts = list(_followed(rows, is_first, window, settings.block_pairs))
    key, lag, first = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((lag, key))
    key, lag, is_matured = key[order], lag[order], matured[first[order]]
    pair, begin, count = np.unique(key, return_index=True, return_counts=True)
    buyers = np.bincount(item[is_first], minlength=len(items))
    matured_buyers = np.bincount(item[is_first & matured], minlength=len(items))
    antecedent, consequent = pair // len(items), pair % len(items)
    sums = [np.add.reduceat(values, begin) if len(pair) else begin for values in (is_matured, lag)]
    made = pd.DataFrame(
        {
            "antecedent_item": items[antecedent],
            "consequent_item": items[consequent],
            "follower_count": count,
            "matured_follower_count": sums[0].astype(np.int64),
            "buyer_count": buyers[antecedent],
            "matured_buyer_count": matured_buyers[antecedent],
            "consequent_buyer_count": buyers[consequent],
            "customer_count": customer_count,
            "median_lag_days": (lag[begin + (count - 1) // 2] + lag[begin + count // 2]) / 2,
            "total_lag_days": sums[1].astype(np.int64),
        }
    )
    return _measured(made[count >= settings.least_followers], settings)


def _countable(
    bought: ItemPurchases, settings: SequenceSettings
) -> tuple[np.ndarray, int, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Labels of frequent items, all customers that count, and their rows in order."""
    pair = np.unique(bought.customer * len(bought.items) + bought.item)
    different = np.bincount(pair // len(bought.items), minlength=len(bought.customers))
    counts = different <= settings.most_items
    pair = pair[counts[pair // len(bought.items)]]
    buyers = np.bincount(pair % len(bought.items), minlength=len(bought.items))
    frequent = buyers >= settings.least_followers
    kept = counts[bought.customer] & frequent[bought.item]
    number = np.cumsum(frequent) - 1
    rows = bought.customer[kept], number[bought.item[kept]], bought.at[kept]
    order = np.lexsort(rows[::-1])
    return bought.items[frequent], int(counts.sum()), tuple(part[order] for part in rows)


def _changes(*columns: np.ndarray) -> np.ndarray:
    """Whether a row of sorted columns differs from the one before it (n,)."""
    changed = np.ones(len(columns[0]), dtype=bool)
    if len(changed):
        changed[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return changed


def _followed(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    is_first: np.ndarray,
    window: int,
    block_pairs: int,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Key of antecedent and consequent, lag in days and row of the first purchase, in blocks."""
    customer, item, at = rows
    count = int(item.max(initial=0)) + 1
    earlier = np.where(is_first, np.iinfo(np.int64).min, np.roll(at, 1))
    firsts = np.flatnonzero(is_first)
    begin = np.searchsorted(customer, customer[firsts])
    length = np.searchsorted(customer, customer[firsts], side="right") - begin
    block = np.cumsum(length) // block_pairs
    for number in np.unique(block):
        chosen = block == number
        first = np.repeat(firsts[chosen], length[chosen])
        ends = np.cumsum(length[chosen])
        within = np.arange(len(first)) - np.repeat(ends - length[chosen], length[chosen])
        later = np.repeat(begin[chosen], length[chosen]) + within
        # The purchase of the consequent before it, if any, is not after the antecedent.
        follows = (at[later] > at[first]) & (at[later] <= at[first] + window)
        follows &= earlier[later] <= at[first]
        first, later = first[follows], later[follows]
        yield item[first] * count + item[later], (at[later] - at[first]) // DAY, first
    yield (np.empty(0, dtype=np.int64),) * 3


def _measured(rules: pd.DataFrame, settings: SequenceSettings) -> pd.DataFrame:
    base = rules["matured_buyer_count"].to_numpy()
    low, high = wilson_intervals(
        rules["matured_follower_count"].to_numpy(), base, confidence=settings.confidence_level
    )
    known = rules.assign(
        support=rules["follower_count"] / rules["customer_count"],
        confidence=rules["matured_follower_count"] / rules["matured_buyer_count"],
        confidence_low=low,
        confidence_high=high,
    )
    usual = known["consequent_buyer_count"] / known["customer_count"]
    known["lift"] = known["confidence"] / usual
    lags = ["median_lag_days", "total_lag_days"]
    columns = [*(name for name in known.columns if name not in lags), *lags]
    order = ["confidence_low", "antecedent_item", "consequent_item"]
    ranked = known[columns].sort_values(order, ascending=[False, True, True], na_position="last")
    return ranked.reset_index(drop=True)
