"""Which accounts are one person, given links between them and pairs that must stay apart.

The strongest links join first (Kruskal's order). A link that would put two accounts that must stay
apart into one cluster, or make a cluster too large, is not followed: one shared phone number or one
wrong link can't collapse a hundred people into one.
"""

from typing import Final

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from models_ml.frames import require_columns, require_values

LINK_COLUMNS: Final = ("account_a", "account_b", "match_probability", "is_decided")
APART_COLUMNS: Final = ("account_a", "account_b")


def cluster_accounts(
    links: pd.DataFrame, apart: pd.DataFrame, *, most_accounts: int
) -> pd.DataFrame:
    """The cluster of every account that some link names.

    Args:
        links: `account_a`, `account_b` (text or whole numbers), `match_probability` (0 to 1) and
            `is_decided` (a person decided it: comes first and counts at any size); in any order.
        apart: `account_a`, `account_b` of pairs that are never one person.
        most_accounts: accounts above which a cluster grows by decided links only.

    Returns:
        `account` (unique) and `cluster`, the smallest account of it, ordered by account. Equal
        input in another order gives equal output.

    Raises:
        FrameError: a column or a value is missing.
    """
    require_columns(links, LINK_COLUMNS, name="links")
    require_columns(apart, APART_COLUMNS, name="apart")
    require_values(links, LINK_COLUMNS, name="links")
    if links.empty:
        return pd.DataFrame({"account": [], "cluster": []}, dtype=object)
    ends = [links[name].to_numpy() for name in ("account_a", "account_b")]
    is_number = all(np.issubdtype(end.dtype, np.integer) for end in ends)
    accounts = np.unique(np.concatenate([end if is_number else end.astype(object) for end in ends]))
    number = pd.Series(np.arange(len(accounts)), index=accounts)
    left = number.reindex(links["account_a"]).to_numpy()
    right = number.reindex(links["account_b"]).to_numpy()
    root = _components(left, right, len(accounts))
    parted = _numbered_pairs(apart, number)
    doubtful = _doubtful(root, parted, most_accounts)
    chosen = np.flatnonzero(doubtful[root[left]])
    if len(chosen):
        order = _strongest_first(links.iloc[chosen])
        grown = _Clusters(len(accounts), parted, most_accounts)
        decided = links["is_decided"].to_numpy(dtype=bool)
        for position in chosen[order].tolist():
            grown.join(int(left[position]), int(right[position]), at_any_size=decided[position])
        root = np.where(doubtful[root], grown.roots(), root)
    # Accounts are sorted: the first of a cluster is its smallest.
    _, first, cluster = np.unique(root, return_index=True, return_inverse=True)
    return pd.DataFrame({"account": accounts, "cluster": accounts[first[cluster]]})


def _components(left: np.ndarray, right: np.ndarray, count: int) -> np.ndarray:
    """Connected component of each account, named by one of its accounts' numbers (n,)."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    _, first = np.unique(label, return_index=True)
    roots: np.ndarray = first[label]
    return roots


def _numbered_pairs(apart: pd.DataFrame, number: pd.Series) -> np.ndarray:
    """The pairs of which both accounts are linked to something, as numbers (n, 2)."""
    pairs = np.column_stack([number.reindex(apart[name]).to_numpy() for name in APART_COLUMNS])
    known: np.ndarray = pairs[~np.isnan(pairs.astype(float)).any(axis=1)].astype(np.int64)
    return known


def _doubtful(root: np.ndarray, parted: np.ndarray, most_accounts: int) -> np.ndarray:
    """Whether the component with that root can't simply be one person (n,)."""
    doubtful = np.bincount(root, minlength=len(root)) > most_accounts
    left, right = root[parted[:, 0]], root[parted[:, 1]]
    doubtful[left[left == right]] = True
    return doubtful


def _strongest_first(links: pd.DataFrame) -> np.ndarray:
    """Positions of the links in the order in which they join; ties by the accounts."""
    return np.lexsort(
        (
            _sortable(links["account_b"]),
            _sortable(links["account_a"]),
            -links["match_probability"].to_numpy(dtype=np.float64),
            ~links["is_decided"].to_numpy(dtype=bool),
        )
    )


def _sortable(accounts: pd.Series) -> np.ndarray:
    """Whole numbers as they are, anything else as text."""
    is_number = pd.api.types.is_integer_dtype(accounts)
    values: np.ndarray = (accounts if is_number else accounts.astype(str)).to_numpy()
    return values


class _Clusters:
    """A union-find over account numbers that refuses what must not become one."""

    def __init__(self, count: int, parted: np.ndarray, most_accounts: int) -> None:
        self._parent = list(range(count))
        self._size = [1] * count
        self._most = most_accounts
        self._apart: dict[int, set[int]] = {}
        for left, right in parted.tolist():
            self._apart.setdefault(left, set()).add(right)
            self._apart.setdefault(right, set()).add(left)

    def join(self, left: int, right: int, *, at_any_size: bool) -> None:
        """Make the clusters of both one, unless they must stay apart or would be too large."""
        kept, gone = self._root(left), self._root(right)
        if kept == gone or gone in self._apart.get(kept, ()):
            return
        size = self._size[kept] + self._size[gone]
        if size > self._most and not at_any_size:
            return
        self._parent[gone], self._size[kept] = kept, size
        for other in self._apart.pop(gone, set()):
            self._apart[other].discard(gone)
            self._apart[other].add(kept)
            self._apart.setdefault(kept, set()).add(other)

    def roots(self) -> np.ndarray:
        """Root of each account (n,)."""
        return np.array([self._root(account) for account in range(len(self._parent))])

    def _root(self, account: int) -> int:
        while self._parent[account] != account:
            self._parent[account] = self._parent[self._parent[account]]
            account = self._parent[account]
        return account
