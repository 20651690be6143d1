"""When customers buy: BG/NBD and NBD by maximum likelihood on compressed statistics.

BG/NBD: Fader, Hardie and Lee (2005), "Counting your customers the easy way", equations 6
(likelihood) and 10 (conditional expectation). While alive a customer buys by a Poisson process
whose rate is gamma(r, alpha) over customers, and leaves after any purchase with a probability that
is beta(a, b).
NBD: the same without leaving (Ehrenberg 1959). Customers with equal statistics are one row with a
count, gamma functions are computed once per frequency, gradients are analytic.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1, psi

_BOUND: Final = 12.0
"""Of the logarithm of a parameter: beyond, the likelihood is flat."""


@dataclass(frozen=True)
class Histories:
    """Purchase histories of n customers; several purchases of a day are one.

    Attributes:
        frequency: (n,) purchases after the first.
        recency: (n,) periods from the first to the last purchase.
        age: (n,) periods from the first purchase to now.
    """

    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray


class _Compressed:
    """Distinct histories with their number, and where each one's frequency and age stand."""

    def __init__(self, histories: Histories) -> None:
        frequency = histories.frequency.astype(np.float64)
        recency = np.where(frequency > 0, histories.recency, 0.0)
        # One complex number a history sorts three times as fast as a row of three.
        ages, age_code = np.unique(histories.age, return_inverse=True)
        counts, count_code = np.unique(frequency, return_inverse=True)
        times, time_code = np.unique(recency, return_inverse=True)
        key = (count_code * len(times) + time_code) * len(ages) + age_code
        kept, weight = np.unique(key, return_counts=True)
        self.weight = weight.astype(np.float64)
        self.age_code, rest = kept % len(ages), kept // len(ages)
        self.time_code, self.count_code = rest % len(times), rest // len(times)
        self.counts, self.ages, self.times = counts, ages, times
        self.repeats = (counts > 0)[self.count_code]

    def frequency(self) -> np.ndarray:
        frequency: np.ndarray = self.counts[self.count_code]
        return frequency


@dataclass(frozen=True)
class BgNbd:
    """A fitted BG/NBD model, per period."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    @classmethod
    def fit(cls, histories: Histories) -> Self:
        """Maximum likelihood.

        Args:
            histories: of at least one customer with an age above 0.
        """
        data = _Compressed(histories)
        start = np.log([1.0, max(float(np.mean(histories.age)), 0.1), 1.0, 2.0])
        found = minimize(
            _bg_nbd_objective,
            start,
            args=(data,),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-_BOUND, _BOUND)] * 4,
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9},
        )
        r, alpha, a, b = np.exp(found.x).tolist()
        return cls(r, alpha, a, b, -float(found.fun) * data.weight.sum())

    def alive(self, histories: Histories) -> np.ndarray:
        """Probability of not having left (n,); 1 for who has bought once (equation 7 of 2005)."""
        x, age = histories.frequency, histories.age
        left = (self.r + x) * np.log((self.alpha + age) / (self.alpha + histories.recency))
        gone = np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1) + left
        alive: np.ndarray = np.where(x > 0, 1 / (1 + np.exp(np.minimum(gone, 700))), 1.0)
        return alive

    def expected(self, histories: Histories, periods: float) -> np.ndarray:
        """Expected purchases in the next `periods` (n,), equation 10.

        Where almost nobody leaves or all buy at one rate, the parameters grow beyond what the
        hypergeometric series can tell; who lives then buys at the posterior mean rate, which is
        the most there can be.
        """
        r, x = self.r + histories.frequency, histories.frequency
        whole, alive = self.alpha + histories.age, self.alive(histories)
        most = r / whole * periods * alive
        # At a = 1 numerator and denominator vanish together.
        a = self.a if abs(self.a - 1) > 1e-6 else 1 + 1e-6
        with np.errstate(over="ignore", invalid="ignore"):
            series = hyp2f1(r, self.b + x, self.a + self.b + x - 1, periods / (whole + periods))
            grown = 1 - (whole / (whole + periods)) ** r * series
            bought = (a + self.b + x - 1) / (a - 1) * grown * alive
        told: np.ndarray = np.where(np.isfinite(bought), np.clip(bought, 0.0, most), most)
        return told

    def any_purchase(self, histories: Histories, periods: float) -> np.ndarray:
        """Probability of at least one purchase in the next `periods` (n,)."""
        whole = self.alpha + histories.age
        none = (whole / (whole + periods)) ** (self.r + histories.frequency)
        some: np.ndarray = self.alive(histories) * (1 - none)
        return some


def _bg_nbd_objective(theta: np.ndarray, data: _Compressed) -> tuple[float, np.ndarray]:
    """Mean negative log likelihood and its gradient by the logarithms of r, alpha, a and b."""
    r, alpha, a, b = np.exp(theta)
    x, code = data.counts, data.count_code
    log_age, log_time = np.log(alpha + data.ages), np.log(alpha + data.times)
    log_age, log_time = log_age[data.age_code], log_time[data.time_code]
    frequency = data.frequency()
    by_count = (
        *(gammaln(r + x) - gammaln(r) + r * np.log(alpha),),
        gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x),
    )
    stays = -(r + frequency) * log_age
    odds = np.log(a) - np.log(b + np.maximum(x, 1) - 1)
    leaves = np.where(data.repeats, odds[code] - (r + frequency) * log_time, -np.inf)
    both = np.logaddexp(stays, leaves)
    value = (by_count[0] + by_count[1])[code] + both
    left = np.exp(leaves - both)
    by_r = (psi(r + x) - psi(r) + np.log(alpha))[code] - (1 - left) * log_age - left * log_time
    pull = (1 - left) * np.exp(-log_age) + left * np.exp(-log_time)
    by_alpha = r / alpha - (r + frequency) * pull
    shared = psi(a + b) - psi(a + b + x)
    by_a = shared[code] + left / a
    by_b = (shared + psi(b + x) - psi(b))[code] - left / (b + np.maximum(x, 1) - 1)[code]
    total = data.weight.sum()
    gradient = np.array(
        [data.weight @ part * scale for part, scale in zip(
            (by_r, by_alpha, by_a, by_b), (r, alpha, a, b), strict=True
        )]
    )  # fmt: skip
    return -float(data.weight @ value) / total, -gradient / total


@dataclass(frozen=True)
class Nbd:
    """A fitted NBD model, per period: nobody ever leaves."""

    r: float
    alpha: float

    @classmethod
    def fit(cls, histories: Histories) -> Self:
        """Maximum likelihood of the repeat purchases within each customer's age."""
        pairs = np.column_stack([histories.frequency, histories.age])
        distinct, weight = np.unique(pairs, axis=0, return_counts=True)
        x, age = distinct.T

        def objective(theta: np.ndarray) -> float:
            r, alpha = np.exp(theta)
            value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + age)
            return -float(weight @ value) / float(weight.sum())

        start = np.log([1.0, max(float(np.mean(age)), 0.1)])
        found = minimize(objective, start, method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * 2)
        return cls(*np.exp(found.x).tolist())

    def expected(self, histories: Histories, periods: float) -> np.ndarray:
        """Expected purchases in the next `periods` (n,): the posterior mean rate times them."""
        rate: np.ndarray = (self.r + histories.frequency) / (self.alpha + histories.age)
        return rate * periods


@dataclass(frozen=True)
class GammaGamma:
    """Spend per purchase: Fader and Hardie (2013), "The Gamma-Gamma model of monetary value"."""

    p: float
    q: float
    gamma: float

    @classmethod
    def fit(cls, purchases: np.ndarray, mean_amount: np.ndarray) -> Self | None:
        """Maximum likelihood over customers with purchases and a positive mean; None if too few.

        Args:
            purchases: (n,) number of purchases.
            mean_amount: (n,) their mean amount.
        """
        used = (purchases > 0) & (mean_amount > 0)
        x, mean = purchases[used], mean_amount[used]
        if len(x) < 3 or np.ptp(mean) == 0:
            return None
        # Amounts near 1 keep the three parameters in comparable units.
        unit = float(np.median(mean))
        scaled = mean / unit

        def objective(theta: np.ndarray) -> float:
            p, q, gamma = np.exp(theta)
            value = (
                gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
                + (p * x - 1) * np.log(scaled) + p * x * np.log(x)
                - (p * x + q) * np.log(gamma + x * scaled)
            )  # fmt: skip
            return -float(value.mean())

        found = minimize(objective, np.zeros(3), method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * 3)
        p, q, gamma = np.exp(found.x).tolist()
        return cls(p, q, gamma * unit)

    def expected(self, purchases: np.ndarray, mean_amount: np.ndarray) -> np.ndarray:
        """Expected amount of a customer's further purchases (n,)."""
        whole = purchases * np.where(purchases > 0, mean_amount, 0.0)
        # With q at most 1 the mean over customers does not exist: a customer's own takes over.
        denominator = np.maximum(self.p * purchases + self.q - 1, 1e-9)
        expected: np.ndarray = self.p * (self.gamma + whole) / denominator
        return expected
