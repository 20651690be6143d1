"""Which channel, region or step explains a change of conversion.

Two answers for every value of every dimension. How much of the gap it *contributes*: rate effect
plus mix effect (Kitagawa 1955), through a chain of steps by the logarithmic mean (LMDI; Ang 2004),
so that the contributions of a dimension sum to the gap. And how well it *explains* the change by
itself: the log likelihood gained when only its cells may have changed, all by one factor, against
no change (an expectation-based scan; Neill 2009). A value that merely holds part of what changed
elsewhere contributes, but explains worse than where the change is.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from models_ml.frames import FrameError, as_float, require_columns, require_values

CAUSE_COLUMNS: Final = (
    "dimension", "value", "trials_before", "trials_after", "rate_before", "rate_after",
    "rate_effect", "mix_effect", "contribution", "change", "explains", "rank",
)  # fmt: skip
EVERYWHERE: Final = "(everywhere)"
_TINY: Final = 1e-12
_PRIOR: Final = 1.0
_COUNTS: Final = ("_done", "_tried")


def explain_change(
    counts: pd.DataFrame,
    *,
    successes: str,
    trials: str,
    current: str,
    dimensions: Sequence[str],
    step: str = "",
) -> pd.DataFrame:
    """Rank the values of all dimensions by how well each explains a change by itself.

    Args:
        counts: rows of the time before and of the time after, at any grain that has the dimensions.
        successes: column of counts.
        trials: column of counts.
        current: column that is true for the time after.
        dimensions: columns whose values may be the cause.
        step: column of the funnel's step; the gap is then that of the product of the steps' rates.
            It is a dimension too. None if empty.

    Returns:
        One row per dimension and value, and one of dimension `(everywhere)`; `rank` 1 is the best
        explanation. `contribution` = `rate_effect` + `mix_effect` sums, over the values of each
        dimension, to the gap. Rates are of the value's own trials and successes, over all steps.
        `change` is the relative change of its cells, `explains` the log likelihood gained.

    Raises:
        FrameError: a column or value is missing, a count is negative, successes exceed trials, or
            a time has no trials.
    """
    axes = [*dict.fromkeys([*dimensions, *([step] if step else [])])]
    cells = _cells(counts, successes, trials, current, axes)
    scanned = _scan(cells, axes)
    contributed = [_contributions(cells, axis, step) for axis in axes]
    found = pd.concat([_whole(cells, step), *contributed], ignore_index=True)
    found = found.merge(scanned, on=["dimension", "value"], how="left", validate="one_to_one")
    order = ["explains", "dimension", "value"]
    found = found.sort_values(order, ascending=[False, True, True], ignore_index=True)
    return found.assign(rank=np.arange(1, len(found) + 1))[list(CAUSE_COLUMNS)]


def _cells(
    counts: pd.DataFrame, successes: str, trials: str, current: str, axes: list[str]
) -> pd.DataFrame:
    """Counts before (suffix 0) and after (suffix 1) of each combination of values."""
    columns = [successes, trials, current, *axes]
    require_columns(counts, columns, name="counts")
    require_values(counts, [successes, trials, current], name="counts")
    done, tried = as_float(counts[successes]), as_float(counts[trials])
    wrong = (done < 0) | (tried < 0) | (done > tried)
    if wrong.any():
        raise FrameError(
            f"The frame counts has {int(wrong.sum())} row(s) with a negative count or more "
            f"{successes} than {trials}; correct them.",
            counts[wrong],
        )
    named = counts[axes].astype("string").fillna("(none)").astype(object)
    named = named.assign(_done=done, _tried=tried, _after=counts[current].astype(bool).to_numpy())
    for after, word in ((False, "before"), (True, "after")):
        if not named.loc[named["_after"] == after, "_tried"].sum() > 0:
            raise FrameError(f"The frame counts has no {trials} {word} the change; add that time.")
    suffixed = {
        f"{name}{int(after)}": named[name].where(named["_after"] == after, 0.0)
        for name in _COUNTS
        for after in (False, True)
    }
    return named.assign(**suffixed).groupby(axes, sort=True)[list(suffixed)].sum().reset_index()


def _scan(cells: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """Relative change and log likelihood gained if only this value's cells changed.

    Weighted least squares of observed minus expected on expected: with cell variances V,
    change = sum(E (y - E) / V) / sum(E^2 / V), gain = sum(E (y - E) / V)^2 / (2 sum(E^2 / V)).
    """
    before, after = cells["_tried0"].to_numpy(), cells["_tried1"].to_numpy()
    pooled = cells["_done0"].sum() / cells["_tried0"].sum()
    rate = (cells["_done0"].to_numpy() + _PRIOR * pooled) / (before + _PRIOR)
    expected = after * rate
    variance = np.maximum(expected * (1 - rate) * (1 + after / (before + _PRIOR)), _TINY)
    score = expected * (cells["_done1"].to_numpy() - expected) / variance
    known = pd.DataFrame({"score": score, "weight": expected**2 / variance})
    parts = [(EVERYWHERE, pd.Series(EVERYWHERE, index=cells.index))]
    parts += [(axis, cells[axis]) for axis in axes]
    found = []
    for dimension, values in parts:
        summed = known.groupby(values.to_numpy()).sum()
        weight = np.maximum(summed["weight"].to_numpy(), _TINY)
        change = summed["score"].to_numpy() / weight
        found.append(
            pd.DataFrame(
                {
                    "dimension": dimension,
                    "value": summed.index.to_numpy(dtype=object),
                    "change": change,
                    "explains": change**2 * weight / 2,
                }
            )
        )
    return pd.concat(found, ignore_index=True)


def _contributions(cells: pd.DataFrame, axis: str, step: str) -> pd.DataFrame:
    """Rate and mix effect of each value of a dimension on the gap."""
    steps = [part for _, part in cells.groupby(step)] if step else [cells]
    scale = _step_scales(steps)
    effects = [_effects(part, axis) * factor for part, factor in zip(steps, scale, strict=True)]
    if axis == step:
        # Of a step by itself all is rate effect: its trials are the successes of the one before.
        effects = [
            pd.DataFrame(
                {"rate_effect": [sums.to_numpy().sum()], "mix_effect": [0.0]}, index=sums.index[:1]
            )
            for sums in effects
        ]
    summed = pd.concat(effects).groupby(level=0).sum()
    return _told(axis, cells.groupby(axis)[list(_suffixed())].sum(), summed)


def _step_scales(steps: list[pd.DataFrame]) -> list[float]:
    """What a point of each step's rate is worth in points of the product of all steps' rates."""
    rates = np.array(
        [
            [max(p[f"_done{t}"].sum() / max(p[f"_tried{t}"].sum(), _TINY), _TINY) for t in (0, 1)]
            for p in steps
        ]
    )
    whole = _logarithmic_mean(*rates.prod(axis=0))
    return [whole / _logarithmic_mean(before, after) for before, after in rates]


def _logarithmic_mean(before: float, after: float) -> float:
    if np.isclose(before, after, rtol=1e-9, atol=0):
        return (before + after) / 2
    return float((after - before) / np.log(after / before))


def _effects(cells: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Kitagawa's rate and mix effects on the rate of all cells, indexed by the axis's values."""
    summed = cells.groupby(axis)[list(_suffixed())].sum()
    totals = summed.sum()
    overall = totals["_done0"] / max(totals["_tried0"], _TINY)
    weight_before = summed["_tried0"] / max(totals["_tried0"], _TINY)
    weight_after = summed["_tried1"] / max(totals["_tried1"], _TINY)
    before = _rate(summed, 0).fillna(overall)
    after = _rate(summed, 1).fillna(before)
    return pd.DataFrame(
        {
            "rate_effect": weight_after * (after - before),
            "mix_effect": (weight_after - weight_before) * (before - overall),
        }
    )


def _whole(cells: pd.DataFrame, step: str) -> pd.DataFrame:
    """The gap itself, as the contribution of everything."""
    one = cells.assign(**{EVERYWHERE: EVERYWHERE})
    return _contributions(one, EVERYWHERE, step)


def _told(axis: str, summed: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    effects = effects.reindex(summed.index).fillna(0.0)
    return pd.DataFrame(
        {
            "dimension": axis,
            "value": summed.index.to_numpy(dtype=object),
            "trials_before": summed["_tried0"].to_numpy(),
            "trials_after": summed["_tried1"].to_numpy(),
            "rate_before": _rate(summed, 0).to_numpy(),
            "rate_after": _rate(summed, 1).to_numpy(),
            "rate_effect": effects["rate_effect"].to_numpy(),
            "mix_effect": effects["mix_effect"].to_numpy(),
            "contribution": effects.sum(axis=1).to_numpy(),
        }
    )


def _rate(summed: pd.DataFrame, time: int) -> pd.Series:
    tried = summed[f"_tried{time}"]
    return summed[f"_done{time}"] / tried.where(tried > 0)


def _suffixed() -> tuple[str, ...]:
    return tuple(f"{name}{time}" for name in _COUNTS for time in (0, 1))
