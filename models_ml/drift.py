"""How far inputs and scores have moved between two sets of rows: the population stability index.

PSI = sum over bins of (q - p) ln(q / p), with p the share of the rows learnt from and q that of the
newest rows in a bin (Siddiqi 2006, "Credit Risk Scorecards", chapter 9), which is the symmetric
Kullback-Leibler divergence. Bins are tenths of the rows learnt from, levels of a category, and one
for missing values. Where nothing has moved, PSI is about chi-square with bins - 1 degrees of
freedom times (1/n + 1/m) (Yurdakul 2018, "Statistical properties of population stability index"),
so the usual limit of 0.25 is raised where few rows alone make more than that.
"""

import numpy as np
import pandas as pd
from scipy.stats import chi2

LEAST_LIMIT = 0.25
"""From here on a population counts as shifted, as is usual (Siddiqi 2006)."""
CONFIDENCE = 0.99
BINS = 10
_HALF_ROW = 0.5
DRIFT_COLUMNS = ("input", "psi", "limit", "has_drifted", "training_rows", "current_rows")


def stability_index(
    training: np.ndarray, current: np.ndarray, *, is_category: bool = False
) -> tuple[float, int]:
    """PSI of one input and how many bins it was counted in.

    Args:
        training: float (n,), NaN where missing; decides the bins.
        current: float (m,).
        is_category: whether each value is a level of its own.
    """
    known = training[~np.isnan(training)]
    if is_category or len(np.unique(known)) <= BINS:
        edges = np.unique(np.concatenate([known, current[~np.isnan(current)]]))
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1))[1:-1])
    size = len(edges) + 2
    counts = [np.bincount(_bins(values, edges), minlength=size) for values in (training, current)]
    used = (counts[0] + counts[1]) > 0
    shares = [
        (count[used] + _HALF_ROW) / (count.sum() + _HALF_ROW * used.sum()) for count in counts
    ]
    index = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    return index, int(used.sum())


def _bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """0 where missing; a value that is an edge lies in the bin that the edge ends."""
    place = 1 + np.searchsorted(edges, values, side="left")
    result: np.ndarray = np.where(np.isnan(values), 0, place)
    return result


def limit_of(bins: int, training_rows: int, current_rows: int) -> float:
    """PSI from which chance and the usual tolerance no longer explain it."""
    if bins < 2 or not training_rows or not current_rows:
        return LEAST_LIMIT
    by_chance = float(chi2.ppf(CONFIDENCE, bins - 1)) * (1 / training_rows + 1 / current_rows)
    return max(LEAST_LIMIT, by_chance)


def drift_row(
    name: str,
    training: np.ndarray,
    current: np.ndarray,
    *,
    groups: tuple[int, int],
    is_category: bool = False,
) -> dict[str, object]:
    """A row with DRIFT_COLUMNS.

    Args:
        name: of the input.
        training: float (n,).
        current: float (m,).
        groups: of how many independent things these rows are, which the limit counts.
        is_category: whether each value is a level of its own.
    """
    index, bins = stability_index(training, current, is_category=is_category)
    limit = limit_of(bins, *groups)
    return {
        "input": name,
        "psi": index,
        "limit": limit,
        "has_drifted": index > limit,
        "training_rows": len(training),
        "current_rows": len(current),
    }


def as_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows of `drift_row`, the most moved first."""
    table = pd.DataFrame(rows, columns=list(DRIFT_COLUMNS))
    return table.sort_values(["psi", "input"], ascending=[False, True], ignore_index=True)
