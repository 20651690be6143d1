"""Which methods to mix, by velocity class, from what they said at earlier origins."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from models_ml.demand.config import VELOCITY_CLASSES, DemandConfig
from models_ml.demand.season import divide
from models_ml.demand.series import SeriesMatrix

BOOSTED = "boosted"


def velocity_classes(past: SeriesMatrix, *, config: DemandConfig) -> np.ndarray:
    """Place in `VELOCITY_CLASSES` of every series, int64 (n,).

    By the recent mean number of units a period: `fast` from `fast_from`, `medium` from
    `medium_from`, else `slow`. The limits are per day and grow with the length of the period, up to
    a week: a week of a fast seller is 7 units.
    """
    recent = slice(max(past.periods - config.recent_periods(past), 0), past.periods)
    known = past.known[:, recent]
    pace = divide((past.units[:, recent] * known).sum(axis=1), known.sum(axis=1))
    days = config.days_a_period(past)
    return np.where(
        pace >= config.fast_from * days, 0, np.where(pace >= config.medium_from * days, 1, 2)
    )


def error_scale(past: SeriesMatrix) -> np.ndarray:
    """Root mean square of the one-period differences since the first sale, float64 (n,).

    The divisor of RMSSE in the M5 competitors' guide; NaN where nothing ever changed.
    """
    sold = (past.units > 0).cumsum(axis=1) > 0
    usable = past.known[:, 1:] & past.known[:, :-1] & sold[:, :-1]
    squares = np.where(usable, np.diff(past.units, axis=1) ** 2, 0.0).sum(axis=1)
    mean = divide(squares, usable.sum(axis=1))
    return np.where(mean > 0, np.sqrt(mean), np.nan)


def absolute_scale(past: SeriesMatrix) -> np.ndarray:
    """Mean absolute one-period difference since the first sale (pinball's divisor in M5), (n,)."""
    sold = (past.units > 0).cumsum(axis=1) > 0
    usable = past.known[:, 1:] & past.known[:, :-1] & sold[:, :-1]
    total = np.where(usable, np.abs(np.diff(past.units, axis=1)), 0.0).sum(axis=1)
    mean = divide(total, usable.sum(axis=1))
    return np.where(mean > 0, mean, np.nan)


@dataclass(frozen=True)
class Judged:
    """One earlier origin: what came and what every method had said."""

    classes: np.ndarray
    """int64 (n,), velocity class at that origin."""
    scale: np.ndarray
    """float64 (n,), see `error_scale`."""
    actual: np.ndarray
    """float64 (n, h), NaN where unknown or cut off by a stock-out."""
    said: dict[str, np.ndarray]
    """Method -> float64 (n, h)."""
    past: SeriesMatrix


Weights = dict[int, dict[str, float]]
"""Velocity class -> method -> weight; the weights of a class add up to 1."""


def combine(said: dict[str, np.ndarray], classes: np.ndarray, weights: Weights) -> np.ndarray:
    """The weighted forecast, float64 (n, h)."""
    result = np.zeros_like(next(iter(said.values())))
    for place, mix in weights.items():
        rows = classes == place
        for name, weight in mix.items():
            result[rows] += weight * said[name][rows]
    return result


def choose_weights(judged: list[Judged], *, config: DemandConfig) -> Weights:
    """Weights >= 0 that add up to 1, class by class.

    Candidates are the weights with the least scaled squared error and plain averages of the best
    few methods. The mix with the lowest score is taken; the score adds the scaled squared and the
    absolute error, each over that of the best single method. Squared errors favour the mean, which
    stock needs; absolute errors keep spikes from deciding. Errors of all classes weigh in a little,
    so a class with few observations does not trust one lucky method.
    """
    names = [name for name in judged[0].said if name not in config.baselines_only]
    pooled = _gram(judged, names, None), _absolute_products(judged, names, None)
    weights: Weights = {}
    for place in range(len(VELOCITY_CLASSES)):
        own = _gram(judged, names, place), _absolute_products(judged, names, place)
        share = config.class_prior if own[0][3] else 1.0
        gram = own[0][0] + share * pooled[0][0]
        cross = own[0][1] + share * pooled[0][1]
        energy = own[0][2] + share * pooled[0][2]
        rows = own[1] if own[0][3] else pooled[1]
        products = Products(gram, cross, energy, *rows)
        weights[place] = _best_mix(products, names, config)
    return weights


@dataclass(frozen=True)
class Products:
    """What is needed to score a mix of m methods."""

    gram: np.ndarray
    """Mean products of scaled forecasts, (m, m)."""
    cross: np.ndarray
    """Mean products of scaled forecasts and outcomes, (m,)."""
    energy: float
    """Mean square of scaled outcomes."""
    said: np.ndarray
    """Forecasts in units, (m, cells)."""
    actual: np.ndarray
    """Outcomes in units, (cells,)."""


def _best_mix(products: Products, names: list[str], config: DemandConfig) -> dict[str, float]:
    """The candidate with the lowest score; see `choose_weights`."""
    gram, cross = products.gram, products.cross

    def squared(mix: np.ndarray) -> float:
        return float(mix @ gram @ mix - 2 * cross @ mix) + products.energy + 1e-12

    def absolute(mix: np.ndarray) -> float:
        return float(np.abs(mix @ products.said - products.actual).sum()) + 1e-9

    singles = np.eye(len(names))
    best = (min(map(squared, singles)), min(map(absolute, singles)))

    def score(mix: np.ndarray) -> float:
        share = config.absolute_share
        return (1 - share) * squared(mix) / best[0] + share * absolute(mix) / best[1]

    is_boosted = np.array([float(name == BOOSTED) for name in names])
    order = np.argsort([score(one) for one in singles], kind="stable")
    fitted = _simplex(gram, cross, names, config)
    candidates = [np.array([fitted.get(name, 0.0) for name in names])]
    for size in config.averaged_methods:
        chosen = order[:size]
        candidates.append(singles[chosen].mean(axis=0))
        candidates.append(0.5 * candidates[0] + 0.5 * candidates[-1])
        if is_boosted.any():
            candidates.extend(
                share * is_boosted + (1 - share) * singles[chosen].mean(axis=0)
                for share in config.boosted_shares
            )
    mix = min(candidates, key=score)
    return {name: float(w) for name, w in zip(names, mix, strict=True) if w > 0}


def _absolute_products(
    judged: list[Judged], names: list[str], place: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """What every method said and what came, in units, float64 (m, cells) and (cells,)."""
    said, actual = [], []
    for one in judged:
        rows = np.ones(len(one.classes), bool) if place is None else one.classes == place
        usable = np.isfinite(one.actual[rows])
        said.append(np.stack([one.said[name][rows][usable] for name in names]))
        actual.append(one.actual[rows][usable])
    return np.concatenate(said, axis=1), np.concatenate(actual)


def _gram(
    judged: list[Judged], names: list[str], place: int | None
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Mean products of scaled forecasts with one another, with the outcome, and the outcome's."""
    gram, cross, count = np.zeros((len(names), len(names))), np.zeros(len(names)), 0
    energy = 0.0
    for one in judged:
        rows = np.isfinite(one.scale) & (one.scale > 0)
        if place is not None:
            rows &= one.classes == place
        actual = one.actual[rows] / one.scale[rows, None]
        usable = np.isfinite(actual)
        stack = np.stack([(one.said[name][rows] / one.scale[rows, None])[usable] for name in names])
        gram += stack @ stack.T
        cross += stack @ actual[usable]
        energy += float(actual[usable] @ actual[usable])
        count += int(usable.sum())
    return gram / max(count, 1), cross / max(count, 1), energy / max(count, 1), count


def _simplex(
    gram: np.ndarray, cross: np.ndarray, names: list[str], config: DemandConfig
) -> dict[str, float]:
    size = len(names)
    equal = np.full(size, 1.0 / size)
    ridge = config.combination_prior * (np.trace(gram) / size + 1e-12) * np.eye(size)
    quadratic, linear = gram + ridge, cross + ridge @ equal
    # min w'Qw - 2 l'w on the simplex, as non-negative least squares with a heavy row for the sum.
    root = np.linalg.cholesky(quadratic + 1e-10 * np.trace(quadratic) * np.eye(size)).T
    heavy = 1e3 * np.sqrt(np.trace(quadratic))
    left = np.vstack([root, heavy * np.ones(size)])
    right = np.append(np.linalg.solve(root.T, linear), heavy)
    solution = optimize.nnls(left, right)[0]
    solution = np.where(solution > config.least_weight, solution, 0.0)
    total = solution.sum()
    solution = solution / total if total > 0 else equal
    return {name: float(w) for name, w in zip(names, solution, strict=True) if w > 0}
