"""Parameters of customer value and of the next purchase."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ValueSettings:
    """Parameters of `clv`.

    Attributes:
        days_per_period: time unit of the purchase process; a week is usual, so that parameters
            can be compared with published ones.
        backtest_shares: of the observed time, where the back-test cuts: it learns before and
            judges after.
        least_backtest_customers: below, there is no back-test and BG/NBD alone is used.
        most_backtest_customers: drawn above.
        boosting_rounds: trees of the gradient boosting.
        boosting_leaf: customers in a leaf, at least.
        boosting_rate: its learning rate.
        seed: of draws.
    """

    days_per_period: float = 7.0
    backtest_shares: tuple[float, ...] = (0.4, 0.55, 0.7)
    least_backtest_customers: int = 500
    most_backtest_customers: int = 20_000
    boosting_rounds: int = 60
    boosting_leaf: int = 20
    boosting_rate: float = 0.05
    seed: int = 1
