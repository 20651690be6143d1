"""What a customer buys next: a learnt mix of own habits, similar items and popularity.

Two logistic regressions say how likely a customer buys an item within the horizon: one for items
the customer has bought before, from how often, how recently and how regularly; one for new ones,
from items that go with them. Both know the item's popularity and the customer's pace. They are
learnt one horizon ago, from what was known by then, on what was bought since.

Similar items: cosine of baskets (Sarwar et al. 2001, "Item-based collaborative filtering") and the
closed-form linear autoencoder of customers (Steck 2019, "Embarrassingly shallow autoencoders for
sparse data", equation 8). How often each customer bought each item is the baseline to beat (Li et
al. 2023, "A next basket recommendation reality check").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models_ml.customers.coded import DAY, ItemPurchases, item_purchases
from models_ml.customers.config import NextPurchaseSettings
from models_ml.customers.item_features import (
    CUSTOMER_FEATURES,
    ITEM_FEATURES,
    Known,
    habit_names,
    known_features,
)
from models_ml.frames import FrameError, as_instant

METHODS: Final = ("popularity", "item_item", "personal", "untuned_mix", "learnt_mix")
"""Ways to rank that `backtest_next_purchases` compares."""

_PAIR_ITEM: Final = {
    "repeat": (0, 1, 3, 5),
    "explore": (0, 2, 3, 4),
}
"""Which of the item's features tell something of a repeated and of a new item."""


@dataclass(frozen=True)
class Mix:
    """Weights of the features of one kind of pair, in natural units; scores are log odds."""

    intercept: float
    pair: np.ndarray
    item: np.ndarray
    customer: np.ndarray


@dataclass(frozen=True)
class _Examples:
    """Pairs to learn from: places, features of the pair, whether bought, how many it stands for."""

    customer: np.ndarray
    item: np.ndarray
    features: np.ndarray
    label: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class _Ranking:
    """One way to rank, of `METHODS`."""

    known: Known
    mixes: dict[str, Mix]
    method: str
    settings: NextPurchaseSettings


def next_purchases(
    purchases: pd.DataFrame,
    *,
    customer: str,
    time: str,
    item: str,
    horizon_days: int,
    order: str | None = None,
    count: int = 10,
    as_of: datetime | None = None,
    customers: Sequence[object] | None = None,
    settings: NextPurchaseSettings | None = None,
) -> pd.DataFrame:
    """The items that each customer most likely buys in the days ahead.

    Args:
        purchases: one row per bought item, in any order; returns are left out before.
        customer: column of customer ids.
        time: column of dates or instants; naive ones are taken as UTC.
        item: column of item ids.
        horizon_days: days to look ahead, at least 1.
        order: column of order ids; without it all of a customer's day (UTC) is one order.
        count: items a customer (fewer where fewer were ever sold), at least 1.
        as_of: the present; the time of the last purchase if left out.
        customers: who is wanted; all if left out. Who never bought gets no row.
        settings: of the model.

    Returns:
        `count` rows per customer, ordered by customer and rank: `customer` and `item` (as named),
        `rank`, `probability` that the customer, if buying anything within the horizon, buys the
        item (null without a learnt mix), `is_repeat`, `order_count` (the customer's orders with the
        item) and `days_since_bought` (null for a new item). `attrs` has `model` (learnt_mix, or
        untuned_mix where one horizon ago there was too little to learn from) and `weights`, by kind
        of pair and feature.

    Raises:
        FrameError: see `item_purchases`.
        ValueError: `horizon_days` or `count` is below 1.
    """
    if min(horizon_days, count) < 1:
        raise ValueError(
            f"horizon_days is {horizon_days} and count {count}; both must be at least 1."
        )
    chosen = settings or NextPurchaseSettings()
    bought = item_purchases(
        purchases, customer=customer, time=time, item=item, order=order, as_of=as_of
    )
    wanted = np.arange(len(bought.customers))
    if customers is not None:
        wanted = np.flatnonzero(pd.Index(bought.customers).isin(list(customers)))
    mixes = _learn(bought, horizon_days, chosen)
    known = known_features(bought, chosen)
    method = "learnt_mix" if mixes else "untuned_mix"
    ranked = _rank(_Ranking(known, mixes, method, chosen), wanted, count)
    made = pd.DataFrame(
        {
            customer: bought.customers[ranked["customer"]],
            "rank": ranked["rank"],
            item: bought.items[ranked["item"]],
            "probability": ranked["score"] if mixes else np.nan,
            "is_repeat": ranked["order_count"] > 0,
            "order_count": ranked["order_count"],
            "days_since_bought": ranked["days_since_bought"],
        }
    )
    made.attrs = {
        "model": method,
        "weights": {kind: _named(kind, mix, chosen) for kind, mix in mixes.items()},
    }
    return made


def backtest_next_purchases(
    purchases: pd.DataFrame,
    *,
    customer: str,
    time: str,
    item: str,
    cut: datetime,
    horizon_days: int,
    order: str | None = None,
    count: int = 10,
    settings: NextPurchaseSettings | None = None,
) -> pd.DataFrame:
    """How well each method foretells what is bought from a cut on; all learn before it.

    Judged are the customers who bought both before the cut and in the horizon after it. Recall is
    the share of min(`count`, what the customer bought) that is among the first `count`; an item
    that nobody had bought before the cut can't be found, but counts.

    Args:
        purchases: one row per bought item.
        customer: column of customer ids.
        time: column of dates or instants; naive ones are taken as UTC.
        item: column of item ids.
        cut: learning is before, judging from then on.
        horizon_days: days judged, at least 1.
        order: column of order ids.
        count: items a customer.
        settings: of the model.

    Returns:
        A row per `method` (see `METHODS`; learnt_mix is left out where it can't be learnt):
        `recall`, `hit_rate` (share of customers with at least one found), `repeat_recall` and
        `explore_recall` (only items bought before, only others, each from a list of its own),
        `customers`, `repeat_customers` and `explore_customers` (who bought such).

    Raises:
        FrameError: see `item_purchases`, or nobody bought before and after the cut.
    """
    chosen = settings or NextPurchaseSettings()
    names = {"customer": customer, "time": time, "item": item, "order": order}
    everything = item_purchases(purchases, **names)  # type: ignore[arg-type]
    begin = int(as_instant(cut).astype(np.int64))
    bought = everything.before(begin)
    later = _later(everything, bought, begin, begin + horizon_days * DAY)
    known, mixes = known_features(bought, chosen), _learn(bought, horizon_days, chosen)
    methods = METHODS if mixes else METHODS[:-1]
    return _judged([_Ranking(known, mixes, method, chosen) for method in methods], later, count)


def _later(
    everything: ItemPurchases, bought: ItemPurchases, begin: int, end: int
) -> sparse.csr_matrix:
    """What each customer of `bought` bought from `begin` to before `end`: customers x items.

    Items that were unknown before are further columns at the end.
    """
    inside = (everything.at >= begin) & (everything.at < end)
    inside &= np.isin(everything.customers, bought.customers)[everything.customer]
    labels = everything.customers[everything.customer[inside]]
    row = np.searchsorted(bought.customers, labels)
    unknown = ~np.isin(everything.items, bought.items)
    place = np.where(unknown, 0, np.searchsorted(bought.items, everything.items))
    place[unknown] = len(bought.items) + np.arange(unknown.sum())
    shape = len(bought.customers), len(bought.items) + int(unknown.sum())
    column = place[everything.item[inside]]
    later = sparse.csr_matrix((np.ones(len(row)), (row, column)), shape=shape)
    later.data[:] = 1.0
    return later


def _learn(
    bought: ItemPurchases, horizon_days: int, settings: NextPurchaseSettings
) -> dict[str, Mix]:
    """The mix of each kind of pair as it stood one horizon ago; empty if there is too little."""
    begin = bought.now - horizon_days * DAY
    if not (bought.at < begin).any():
        return {}
    before = bought.before(begin)
    later = _later(bought, before, begin, bought.now + 1)[:, : len(before.items)].tocsr()
    pairs = later.nonzero()
    is_habit = np.isin(
        pairs[0] * len(before.items) + pairs[1],
        np.unique(before.customer * len(before.items) + before.item),
    )
    if min(is_habit.sum(), (~is_habit).sum()) < settings.least_purchases:
        return {}
    known = known_features(before, settings)
    return {
        "repeat": _learn_repeat(known, later, settings),
        "explore": _learn_explore(known, later, settings),
    }


def _learn_repeat(known: Known, later: sparse.csr_matrix, settings: NextPurchaseSettings) -> Mix:
    habits, came = known.habits, np.diff(later.indptr) > 0
    kept = came[habits.customer]
    row, column = habits.customer[kept], habits.item[kept]
    pairs = np.column_stack(
        [habits.features[kept], _similar_at(known, row, column, settings)[:, 0]]
    )
    label = np.asarray(later[row, column]).ravel() > 0
    examples = _Examples(row, column, pairs, label, np.ones(len(row)))
    return _fitted(known, "repeat", examples, settings)


def _learn_explore(known: Known, later: sparse.csr_matrix, settings: NextPurchaseSettings) -> Mix:
    """From every new item bought and a draw of those that weren't, weighted to be all of them."""
    random, count = np.random.default_rng(settings.seed), len(known.bought.items)
    habit = np.unique(known.habits.customer * count + known.habits.item)
    bought = np.ravel_multi_index(later.nonzero(), later.shape)
    bought = np.setdiff1d(bought, habit)
    came = np.flatnonzero(np.diff(later.indptr))
    habit = habit[np.isin(habit // count, came)]
    total = len(came) * count
    drawn = np.unique(random.integers(0, total, min(total, settings.most_examples)))
    drawn = came[drawn // count] * count + drawn % count
    drawn = np.setdiff1d(drawn, np.union1d(habit, bought))
    left = total - len(habit) - len(bought)
    pair = np.r_[bought, drawn]
    weight = np.r_[np.ones(len(bought)), np.full(len(drawn), left / max(len(drawn), 1))]
    label = np.arange(len(pair)) < len(bought)
    order = np.argsort(pair)
    row, column = np.divmod(pair[order], count)
    similar = _similar_at(known, row, column, settings)
    examples = _Examples(row, column, similar, label[order], weight[order])
    return _fitted(known, "explore", examples, settings)


def _similar_at(
    known: Known, row: np.ndarray, column: np.ndarray, settings: NextPurchaseSettings
) -> np.ndarray:
    """Both similarities of pairs that are ordered by customer (n, 2)."""
    found = np.zeros((len(row), 2))
    for block, near, linear in known.blocks(np.unique(row), settings):
        begin, end = np.searchsorted(row, [block[0], block[-1] + 1])
        place = np.searchsorted(block, row[begin:end])
        found[begin:end, 0] = near[place, column[begin:end]]
        found[begin:end, 1] = linear[place, column[begin:end]]
    return found


def _fitted(known: Known, kind: str, examples: _Examples, settings: NextPurchaseSettings) -> Mix:
    pairs, items = examples.features, known.items[examples.item][:, _PAIR_ITEM[kind]]
    features = np.column_stack([pairs, items, known.customers[examples.customer]])
    weight = examples.weight / examples.weight.mean()
    learner = LogisticRegression(C=settings.inverse_penalty, max_iter=500)
    model = make_pipeline(StandardScaler(), learner)
    model.fit(features, examples.label, logisticregression__sample_weight=weight)
    scale, mean = model[0].scale_, model[0].mean_
    natural = learner.coef_[0] / scale
    intercept = float(learner.intercept_[0] - natural @ mean)
    ends = np.cumsum([pairs.shape[1], items.shape[1]])
    return Mix(intercept, *np.split(natural, ends))


def _named(kind: str, mix: Mix, settings: NextPurchaseSettings) -> dict[str, float]:
    similar = ("basket_similarity",) if kind == "repeat" else ("basket_similarity", "autoencoder")
    pair = (*habit_names(settings), *similar) if kind == "repeat" else similar
    item = (ITEM_FEATURES[place] for place in _PAIR_ITEM[kind])
    names = ("intercept", *pair, *item, *CUSTOMER_FEATURES)
    values = np.r_[mix.intercept, mix.pair, mix.item, mix.customer].tolist()
    return dict(zip(names, values, strict=True))


def _scores(
    ranking: _Ranking, block: np.ndarray, similar: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a block (customers, items), and the places of its habits in `known.habits`."""
    known, habits = ranking.known, ranking.known.habits
    begin, end = np.searchsorted(habits.customer, [block[0], block[-1] + 1])
    mine = begin + np.flatnonzero(np.isin(habits.customer[begin:end], block))
    at = np.searchsorted(block, habits.customer[mine]), habits.item[mine]
    if ranking.method == "learnt_mix":
        return _mixed(ranking, block, similar, mine), mine
    popular = np.expm1(known.items[:, ITEM_FEATURES.index("recent_popularity")])
    personal = np.zeros_like(similar[0], dtype=np.float64)
    personal[at] = habits.count[mine]
    members = (personal, similar[0].astype(np.float64), np.tile(popular, (len(block), 1)))
    shares = {
        "personal": (1.0, 0.0, 1e-9),  # popularity breaks ties
        "item_item": (0.0, 1.0, 0.0),
        "popularity": (0.0, 0.0, 1.0),
        "untuned_mix": ranking.settings.untuned_shares,
    }[ranking.method]
    mixed = np.zeros_like(personal)
    for share, member in zip(shares, members, strict=True):
        mixed += share * member / np.maximum(member.max(axis=1, keepdims=True), 1e-12)
    return mixed, mine


def _mixed(
    ranking: _Ranking,
    block: np.ndarray,
    similar: tuple[np.ndarray, np.ndarray],
    mine: np.ndarray,
) -> np.ndarray:
    """Probabilities by both mixes."""
    known, mixes, habits = ranking.known, ranking.mixes, ranking.known.habits
    at = np.searchsorted(block, habits.customer[mine]), habits.item[mine]
    new, again = mixes["explore"], mixes["repeat"]
    odds = new.pair[0] * similar[0] + new.pair[1] * similar[1]
    odds = odds + known.items[:, _PAIR_ITEM["explore"]] @ new.item
    odds += (known.customers[block] @ new.customer)[:, None] + new.intercept
    own = np.column_stack([habits.features[mine], similar[0][at]]) @ again.pair
    own += (known.items[:, _PAIR_ITEM["repeat"]] @ again.item)[habits.item[mine]]
    own += known.customers[habits.customer[mine]] @ again.customer + again.intercept
    odds[at] = own
    probability: np.ndarray = 1 / (1 + np.exp(-odds))
    return probability


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    """Places of the largest scores of each row, best first; among equals the first item."""
    count = min(count, scores.shape[1])
    least = -np.partition(-scores, count - 1, axis=1)[:, count - 1 : count]
    above, level = scores > least, scores == least
    room = count - above.sum(axis=1, keepdims=True)
    kept = above | (level & (np.cumsum(level, axis=1) <= room))
    place = np.nonzero(kept)[1].reshape(len(scores), count)
    order = np.argsort(-np.take_along_axis(scores, place, axis=1), axis=1, kind="stable")
    best: np.ndarray = np.take_along_axis(place, order, axis=1)
    return best


def _rank(ranking: _Ranking, wanted: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """The first items of the wanted customers, one element a row of the result."""
    known, parts = ranking.known, []
    for block, *similar in known.blocks(wanted, ranking.settings):
        scores, mine = _scores(ranking, block, (similar[0], similar[1]))
        best = _best(scores, count)
        habits = known.habits
        at = np.searchsorted(block, habits.customer[mine]), habits.item[mine]
        orders, last = np.zeros(scores.shape, dtype=np.int64), np.full(scores.shape, np.nan)
        orders[at], last[at] = habits.count[mine], habits.last_days[mine]
        parts.append(
            (
                np.repeat(block, best.shape[1]),
                best.ravel(),
                np.tile(np.arange(1, best.shape[1] + 1), len(block)),
                *(
                    np.take_along_axis(values, best, axis=1).ravel()
                    for values in (scores, orders, last)
                ),
            )
        )
    names = ("customer", "item", "rank", "score", "order_count", "days_since_bought")
    if not parts:
        return dict.fromkeys(names, np.empty(0, dtype=np.int64))
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))


def _judged(rankings: list[_Ranking], later: sparse.csr_matrix, count: int) -> pd.DataFrame:
    """The table of `backtest_next_purchases`."""
    judged = np.flatnonzero(np.diff(later.indptr))
    if not len(judged):
        raise FrameError(
            "The frame purchases has no customer who bought before the cut and in the horizon "
            "after it; cut earlier or look further ahead."
        )
    known, settings = rankings[0].known, rankings[0].settings
    found: dict[str, list[np.ndarray]] = {ranking.method: [] for ranking in rankings}
    for block, *similar in known.blocks(judged, settings):
        bought = later[block].toarray() > 0
        for ranking in rankings:
            scores, mine = _scores(ranking, block, (similar[0], similar[1]))
            own = np.zeros(scores.shape, dtype=bool)
            own[np.searchsorted(block, known.habits.customer[mine]), known.habits.item[mine]] = True
            found[ranking.method].append(_found(scores, own, bought, count))
    return pd.DataFrame(
        [{"method": method} | _figures(np.concatenate(blocks)) for method, blocks in found.items()]
    )


def _found(scores: np.ndarray, own: np.ndarray, bought: np.ndarray, count: int) -> np.ndarray:
    """Of all, of repeated and of new items each customer's capped recall and how many there were.

    Args:
        scores: (customers, items).
        own: which were bought before (customers, items).
        bought: which are bought later (customers, items and unknown items).
        count: items a customer.

    Returns:
        Customers x kinds x (recall, how many).
    """
    truth, total = bought[:, : scores.shape[1]], bought.sum(axis=1)
    again = (truth & own).sum(axis=1)
    kinds = (
        (scores, total),
        (np.where(own, scores, -np.inf), again),
        (np.where(own, -np.inf, scores), total - again),
    )
    parts = []
    for kind, there in kinds:
        best = _best(kind, count)
        shown = np.isfinite(np.take_along_axis(kind, best, axis=1))
        hits = (np.take_along_axis(truth, best, axis=1) & shown).sum(axis=1)
        parts.append(np.column_stack([hits / np.maximum(np.minimum(there, count), 1), there]))
    return np.stack(parts, axis=1)


def _figures(found: np.ndarray) -> dict[str, float]:
    of_all, repeat, explore = (found[found[:, k, 1] > 0, k, 0] for k in range(3))
    return {
        "recall": _mean(of_all),
        "hit_rate": _mean(of_all > 0),
        "customers": len(of_all),
        "repeat_recall": _mean(repeat),
        "repeat_customers": len(repeat),
        "explore_recall": _mean(explore),
        "explore_customers": len(explore),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
