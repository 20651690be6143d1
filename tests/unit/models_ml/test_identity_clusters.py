import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.frames import FrameError
from models_ml.identity.clusters import cluster_accounts


def _links(*rows: tuple) -> pd.DataFrame:
    columns = ["account_a", "account_b", "match_probability", "is_decided"]
    return pd.DataFrame([(*row, False)[:4] for row in rows], columns=columns)


def _apart(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["account_a", "account_b"], dtype=object)


def _people(links: pd.DataFrame, apart: pd.DataFrame, most: int = 10) -> set[str]:
    """Each cluster as its accounts in one word."""
    found = cluster_accounts(links, apart, most_accounts=most)
    return {"".join(sorted(rows)) for _, rows in found.groupby("cluster")["account"]}


def test_links_chain_and_separate_chains_stay_separate():
    assert _people(_links(("a", "b", 0.9), ("b", "c", 0.9), ("x", "y", 0.9)), _apart()) == {
        "abc",
        "xy",
    }


def test_of_two_ways_between_people_who_must_stay_apart_the_weakest_link_gives_way():
    links = _links(("a", "b", 0.99), ("b", "c", 0.95), ("c", "d", 0.99))
    assert _people(links, _apart(("a", "d"))) == {"ab", "cd"}
    # Another path doesn't bring them together either.
    links = _links(("a", "b", 0.99), ("b", "c", 0.95), ("c", "d", 0.99), ("a", "c", 0.96))
    assert _people(links, _apart(("a", "d"))) == {"ab", "cd"}


def test_a_decision_that_two_are_different_beats_an_earlier_chain_of_decisions_that_they_are_one():
    links = _links(("a", "b", 1.0, True), ("b", "c", 1.0, True))
    assert _people(links, _apart(("a", "c"))) == {"ab", "c"}


def test_a_phone_that_a_hundred_share_makes_no_giant_but_decisions_go_beyond_the_limit():
    shared = [("hub", f"p{number:03}", 0.96) for number in range(100)]
    found = cluster_accounts(_links(*shared), _apart(), most_accounts=5)
    assert found.groupby("cluster").size().max() == 5
    decided = [("hub", f"q{number}", 1.0, True) for number in range(9)]
    found = cluster_accounts(_links(*shared, *decided), _apart(), most_accounts=5)
    hub = found.set_index("account")["cluster"]["hub"]
    assert set(found[found["cluster"] == hub]["account"]) == {"hub", *(f"q{n}" for n in range(9))}


def test_no_links_no_clusters_and_a_missing_key_is_named():
    assert cluster_accounts(_links(), _apart(("a", "b")), most_accounts=5).empty
    with pytest.raises(FrameError, match="without account_b"):
        cluster_accounts(_links(("a", None, 0.9)), _apart(), most_accounts=5)


_pairs = st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh"))


@given(
    st.lists(st.tuples(_pairs, st.integers(1, 9), st.booleans()), max_size=14),
    st.lists(_pairs.filter(lambda pair: pair[0] != pair[1]), max_size=4),
    st.integers(2, 6),
)
def test_the_same_as_joining_one_link_after_the_other(links, apart, most):
    """Oracle: lists of accounts, joined in the order of the links' strength."""
    rows = [(a, b, weight / 10, decided) for (a, b), weight, decided in links]
    clusters = {account: {account} for account in "abcdefgh"}
    for a, b, _, decided in sorted(rows, key=lambda r: (not r[3], -r[2], r[0], r[1])):
        joined = clusters[a] | clusters[b]
        parted = any(set(pair) <= joined for pair in apart)
        grows = clusters[a] is not clusters[b]
        if grows and not parted and (decided or len(joined) <= most):
            for account in joined:
                clusters[account] = joined
    named = set(itertools.chain.from_iterable(pair for pair, _, _ in links))
    want = {"".join(sorted(clusters[account])) for account in named}
    assert _people(_links(*rows), _apart(*apart), most) == want


def test_accounts_named_by_number_cluster_as_their_names_do() -> None:
    rng = np.random.default_rng(4)
    ends = rng.integers(0, 60, (90, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    numbers = pd.DataFrame(ends, columns=["account_a", "account_b"]).assign(
        match_probability=rng.choice([0.9, 0.95], len(ends)), is_decided=False
    )
    parted = rng.integers(0, 60, (40, 2))
    parted = parted[parted[:, 0] != parted[:, 1]]
    apart = pd.DataFrame(parted, columns=["account_a", "account_b"])

    def named(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(
            **{end: frame[end].map("p{:02}".format) for end in ("account_a", "account_b")}
        )

    by_number = cluster_accounts(numbers, apart, most_accounts=8)
    by_name = cluster_accounts(named(numbers), named(apart), most_accounts=8)
    assert by_name["account"].tolist() == by_number["account"].map("p{:02}".format).tolist()
    assert by_name["cluster"].tolist() == by_number["cluster"].map("p{:02}".format).tolist()
    assert by_number["cluster"].nunique() < len(by_number)
