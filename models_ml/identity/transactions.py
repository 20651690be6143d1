"""Which transaction of one ledger is which of another: scored pairs, then one-to-one assignment.

Two systems book one payment with other amounts (fees, exchange), days later, under a memo of their
own. Candidates are scored by Splink (see `linkage.py`): amount near, days apart, and how far the
memos agree from their beginning, where agreeing on a rare beginning says more than on a frequent
one (term frequencies). The links are then the one-to-one choice with the largest total weight, so
that a pair is given up where both sides fit better elsewhere.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from splink import DuckDBAPI, Linker, SettingsCreator
from splink import comparison_level_library as levels
from splink import comparison_library as comparisons
from splink.blocking_rule_library import CustomRule

from models_ml.frames import require_columns, require_unique, require_values

TRANSACTION_COLUMNS: Final = ("transaction_id", "booked_on", "amount", "memo")
MATCH_COLUMNS: Final = (
    "origin_id", "destination_id", "match_probability", "match_weight", "margin",
    "days_apart", "amount_difference", "shared_memo_length",
)  # fmt: skip
_PREFIXES: Final = (18, 15, 12, 9, 6, 3)
_RATIOS: Final = (0.005, 0.015, 0.03, 0.05, 0.08)
_DAYS: Final = (2, 6, 12)


@dataclass(frozen=True, kw_only=True)
class MatchingPolicy:
    """What may be one payment at all; within it the weights are learnt from the data.

    Attributes:
        earliest_days: of the destination after the origin; negative if it may come before.
        latest_days: likewise.
        largest_ratio: how far the larger of two amounts may exceed the smaller, as a share.
        least_probability: links below are left out. It is that of a pair by itself; as each
            transaction has at most one partner, the only candidate of both is right far more often.
        most_random_pairs: pairs drawn to learn how often strangers agree.
        seed: of that draw.
    """

    earliest_days: int = 0
    latest_days: int = 31
    largest_ratio: float = 0.15
    least_probability: float = 0.001
    most_random_pairs: int = 2_000_000
    seed: int = 1


def match_transactions(
    origin: pd.DataFrame, destination: pd.DataFrame, policy: MatchingPolicy | None = None
) -> pd.DataFrame:
    """One-to-one links between the transactions of two ledgers.

    Args:
        origin: `transaction_id` (unique), `booked_on` (date), `amount` (positive), `memo` (text).
        destination: the same columns.
        policy: what may be one payment.

    Returns:
        `MATCH_COLUMNS`, strongest first: each transaction occurs at most once. `match_weight` is in
        bits; `margin` is how much more than the best other candidate of either side.

    Raises:
        FrameError: a column or value is missing, or an id occurs twice.
    """
    chosen = policy or MatchingPolicy()
    ledgers = [_prepared(origin, "origin"), _prepared(destination, "destination")]
    if any(ledger.empty for ledger in ledgers):
        return pd.DataFrame({name: [] for name in MATCH_COLUMNS})
    candidates = _scored(ledgers[0], ledgers[1], chosen)
    return _described(_assigned(candidates, chosen.least_probability), *ledgers)


def _prepared(ledger: pd.DataFrame, name: str) -> pd.DataFrame:
    require_columns(ledger, TRANSACTION_COLUMNS, name=name)
    require_values(ledger, TRANSACTION_COLUMNS[:3], name=name)
    require_unique(ledger, ["transaction_id"], name=name)
    memo = ledger["memo"].fillna("").astype(str).str.upper().str.split().str.join(" ")
    days = pd.to_datetime(ledger["booked_on"]).to_numpy(dtype="datetime64[D]")
    made = pd.DataFrame(
        {
            "transaction_id": ledger["transaction_id"].astype(str),
            "day": days.astype(np.int64),
            "amount": ledger["amount"].astype(float),
            "memo": memo.where(memo != "", None),
        }
    )
    # Splink does not learn what a training rule names: rules bound pairs by columns of their own.
    made = made.assign(bound_day=made["day"], bound_amount=made["amount"])
    for length in _PREFIXES:
        made[f"memo_{length}"] = memo.str[:length].where(memo.str.len() >= length, None)
    return made.sort_values("transaction_id", ignore_index=True)


def _scored(
    origin: pd.DataFrame, destination: pd.DataFrame, policy: MatchingPolicy
) -> pd.DataFrame:
    near = _near(policy)
    settings = SettingsCreator(
        link_type="link_only",
        unique_id_column_name="transaction_id",
        comparisons=[_memo(), _amount(), _days()],
        blocking_rules_to_generate_predictions=[
            CustomRule(f"l.amount = r.amount and {near}"),
            CustomRule(f"l.memo_6 = r.memo_6 and {near}"),
            CustomRule(f"l.memo_3 = r.memo_3 and {near}"),
        ],
        additional_columns_to_retain=["day"],
        retain_matching_columns=False,
        # At most one pair a transaction is a true one, and most have theirs.
        probability_two_random_records_match=1 / max(len(origin), len(destination)),
        max_iterations=50,
    )
    api = DuckDBAPI()
    # Splink calls the table whose name sorts first the left one.
    tables = [
        api.register(origin, dataset_display_name="a_origin"),
        api.register(destination, dataset_display_name="b_destination"),
    ]
    linker = Linker(tables, settings, log_level=logging.ERROR)
    training = linker.training
    training.estimate_u_using_random_sampling(max_pairs=policy.most_random_pairs, seed=policy.seed)
    training.estimate_parameters_using_expectation_maximisation(
        CustomRule(f"l.amount = r.amount and {near}")
    )
    training.estimate_parameters_using_expectation_maximisation(
        CustomRule(f"l.memo_12 = r.memo_12 and {near}")
    )
    # Weaker pairs can't be links, yet they count as the other candidates of a link's margin.
    predicted = linker.inference.predict(threshold_match_probability=policy.least_probability / 100)
    scored: pd.DataFrame = predicted.as_pandas_dataframe()
    return scored.rename(
        columns={"transaction_id_l": "origin_id", "transaction_id_r": "destination_id"}
    )


def _near(policy: MatchingPolicy) -> str:
    most = 1 + policy.largest_ratio
    return (
        f"r.bound_day - l.bound_day between {policy.earliest_days} and {policy.latest_days}"
        f" and r.bound_amount <= l.bound_amount * {most}"
        f" and l.bound_amount <= r.bound_amount * {most}"
    )


def _memo() -> Any:
    agreeing = [
        levels.ExactMatchLevel(f"memo_{length}", term_frequency_adjustments=True)
        for length in _PREFIXES
    ]
    return comparisons.CustomComparison(
        output_column_name="memo",
        comparison_levels=[
            levels.NullLevel("memo"),
            levels.ExactMatchLevel("memo", term_frequency_adjustments=True),
            *agreeing,
            levels.ElseLevel(),
        ],
    )


def _amount() -> Any:
    ratio = "greatest(amount_l, amount_r) / least(amount_l, amount_r) - 1"
    return comparisons.CustomComparison(
        output_column_name="amount",
        comparison_levels=[
            levels.NullLevel("amount"),
            levels.ExactMatchLevel("amount"),
            *(levels.CustomLevel(f"{ratio} <= {limit}", f"within {limit}") for limit in _RATIOS),
            levels.ElseLevel(),
        ],
    )


def _days() -> Any:
    return comparisons.CustomComparison(
        output_column_name="day",
        comparison_levels=[
            levels.NullLevel("day"),
            *(
                levels.CustomLevel(f"day_r - day_l between 0 and {limit}", f"up to {limit} days")
                for limit in _DAYS
            ),
            levels.ElseLevel(),
        ],
    )


def _assigned(candidates: pd.DataFrame, least_probability: float) -> pd.DataFrame:
    """The one-to-one choice of largest total weight, with each link's margin."""
    weight = candidates["match_weight"].to_numpy(dtype=np.float64)
    margin = weight - np.maximum(
        _best_other(candidates["origin_id"], weight),
        _best_other(candidates["destination_id"], weight),
    )
    considered = candidates["match_probability"].to_numpy() >= least_probability
    links = candidates.assign(margin=margin)[considered].reset_index(drop=True)
    if links.empty:
        return links
    left, origins = pd.factorize(links["origin_id"])
    right, destinations = pd.factorize(links["destination_id"])
    # Every origin may also stay alone, which costs most: a stand-in destination of its own.
    alone = np.arange(len(origins))
    highest = links["match_weight"].max() + 1
    cost = np.concatenate([highest - links["match_weight"], np.full(len(origins), 2 * highest)])
    graph = coo_array(
        (
            cost,
            (
                np.concatenate([left, alone]),
                np.concatenate([right, len(destinations) + alone]),
            ),
        ),
        shape=(len(origins), len(destinations) + len(origins)),
    ).tocsr()
    rows, columns = min_weight_full_bipartite_matching(graph)
    partner = np.full(len(origins), -1)
    partner[rows] = columns
    chosen: pd.DataFrame = links[partner[left] == right]
    return chosen


def _best_other(side: pd.Series, weight: np.ndarray) -> np.ndarray:
    """The largest weight among the other candidates of the same transaction (n,); -inf if none."""
    number, _ = pd.factorize(side)
    order = np.lexsort((-weight, number))
    sorted_number, sorted_weight = number[order], weight[order]
    first = np.r_[True, sorted_number[1:] != sorted_number[:-1]]
    has_second = np.r_[~first[1:], False]
    best_at = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    second = np.where(has_second[best_at], np.r_[sorted_weight[1:], -np.inf][best_at], -np.inf)
    other = np.empty(len(order))
    other[order] = np.where(first, second, sorted_weight[best_at])
    return other


def _described(
    links: pd.DataFrame, origin: pd.DataFrame, destination: pd.DataFrame
) -> pd.DataFrame:
    left = origin.set_index("transaction_id").loc[links["origin_id"]]
    right = destination.set_index("transaction_id").loc[links["destination_id"]]
    memos = zip(left["memo"].fillna(""), right["memo"].fillna(""), strict=True)
    found = pd.DataFrame(
        {
            "origin_id": links["origin_id"].to_numpy(),
            "destination_id": links["destination_id"].to_numpy(),
            "match_probability": links["match_probability"].to_numpy(dtype=np.float64),
            "match_weight": links["match_weight"].to_numpy(dtype=np.float64),
            "margin": links["margin"].to_numpy(dtype=np.float64),
            "days_apart": right["day"].to_numpy() - left["day"].to_numpy(),
            "amount_difference": right["amount"].to_numpy() - left["amount"].to_numpy(),
            "shared_memo_length": [_shared_length(a, b) for a, b in memos],
        }
    )
    order = ["match_weight", "origin_id"]
    return found.sort_values(order, ascending=[False, True], ignore_index=True)


def _shared_length(left: str, right: str) -> int:
    for position, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return position
    return min(len(left), len(right))
