"""Whose accounts are one person's: what dbt found against what the simulated retailer knows."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

Query = Callable[[str], list[tuple]]


@dataclass(frozen=True)
class PairScores:
    """Of all pairs of accounts of one person: how many found are true, how many true are found."""

    precision: float
    recall: float
    true_pairs: int
    largest_person: int


def score_people(truth: dict, query: Query) -> PairScores:
    """Pairwise scores of `person_accounts` on the retailer's own files."""
    several = truth["planted"]["people"]["of_several_accounts"]
    true = {pair for accounts in several for pair in _pairs(accounts)}
    people = defaultdict(list)
    for customer_key, person_key in query(
        "select customer_key, person_key from person_accounts where customer_key like 'sandbox:%'"
    ):
        people[person_key].append(customer_key.removeprefix("sandbox:"))
    found = {pair for accounts in people.values() for pair in _pairs(accounts)}
    return PairScores(
        precision=len(found & true) / len(found),
        recall=len(found & true) / len(true),
        true_pairs=len(true),
        largest_person=max(Counter(map(len, people.values()))),
    )


def _pairs(accounts: list[str]) -> set[tuple[str, ...]]:
    return set(itertools.combinations(sorted(accounts), 2))
