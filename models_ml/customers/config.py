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
        learnt_weight: of the shares that earlier cuts would have, beside equal shares of BG/NBD and
            of BG/NBD by amount.
        most_loss: relative error by which the mix may be worse than BG/NBD alone at the earlier
            cuts and still be used: their windows are short.
        amount_penalty: of the regression that adjusts BG/NBD by what customers spend.
        boosting_rounds: trees of the gradient boosting.
        boosting_leaf: customers in a leaf, at least.
        boosting_rate: its learning rate.
        seed: of draws.
    """

    days_per_period: float = 7.0
    backtest_shares: tuple[float, ...] = (0.4, 0.55, 0.7)
    least_backtest_customers: int = 500
    most_backtest_customers: int = 20_000
    learnt_weight: float = 0.25
    most_loss: float = 0.02
    amount_penalty: float = 0.01
    boosting_rounds: int = 60
    boosting_leaf: int = 20
    boosting_rate: float = 0.05
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class NextPurchaseSettings:
    """Parameters of `next_purchases`; frozen on Online Retail I before 2011-10-10.

    Attributes:
        half_lives_days: of the decayed counts of what a customer bought.
        history_half_life_days: of a customer's history when similar items are looked for.
        basket_half_life_days: of baskets, when items are compared.
        recent_days: window of recent popularity.
        season_days: longer window of popularity.
        most_items: that are compared with each other: those with most buyers.
        ridge: penalty of the linear autoencoder of items.
        least_basket: customers with fewer items count as if they had so many.
        repeat_prior: added to an item's buyers, and a tenth of it to those who came back for it.
        most_examples: pairs without a purchase that the mix is learnt from, drawn above.
        least_purchases: below so many purchases in the window to learn from, of items bought before
            or new, there is no learnt mix.
        inverse_penalty: of the logistic regressions.
        untuned_shares: of personal frequency, similar items and popularity without a learnt mix.
        block_cells: customers times items in memory at once.
        seed: of draws.
    """

    half_lives_days: tuple[float, ...] = (30.0, 90.0, 240.0)
    history_half_life_days: float = 90.0
    basket_half_life_days: float = 120.0
    recent_days: int = 28
    season_days: int = 91
    most_items: int = 4_000
    ridge: float = 5.0
    least_basket: int = 5
    repeat_prior: float = 20.0
    most_examples: int = 200_000
    least_purchases: int = 50
    inverse_penalty: float = 0.1
    untuned_shares: tuple[float, float, float] = (0.6, 0.3, 0.1)
    block_cells: int = 4_000_000
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class SequenceSettings:
    """Parameters of `sequences`; the first two are what `fct_product_sequences` takes too.

    Attributes:
        least_followers: customers that a rule needs, and an item's buyers.
        most_items: customers with more different items are resellers and don't count.
        confidence_level: of the interval.
        block_pairs: pairs of purchases in memory at once.
    """

    least_followers: int = 5
    most_items: int = 200
    confidence_level: float = 0.95
    block_pairs: int = 4_000_000
