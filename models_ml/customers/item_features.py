"""What is known at one moment of customers, items and pairs of them, as features.

Counts and days are logarithms (of 1 more), shares are plain.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import linalg, sparse

from models_ml.customers.coded import ItemPurchases
from models_ml.customers.config import NextPurchaseSettings

ITEM_FEATURES: Final = (
    "recent_popularity", "season_popularity", "new_buyers", "days_since_sold", "days_on_sale",
    "repeat_share",
)  # fmt: skip
CUSTOMER_FEATURES: Final = ("orders", "days_since_order", "basket_size")


@dataclass(frozen=True)
class Habits:
    """Pairs of a customer and an item bought before, ordered by customer and item."""

    customer: np.ndarray
    item: np.ndarray
    features: np.ndarray
    count: np.ndarray
    last_days: np.ndarray


@dataclass(frozen=True)
class Known:
    """Everything that was known at one moment, as features."""

    bought: ItemPurchases
    habits: Habits
    items: np.ndarray
    customers: np.ndarray
    history: sparse.csr_matrix
    together: np.ndarray
    profile: sparse.csr_matrix
    autoencoder: np.ndarray
    compared: np.ndarray
    """Places of the items that `together` and `autoencoder` compare."""

    def blocks(
        self, chosen: np.ndarray, settings: NextPurchaseSettings
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Customers, and the similarity of each item to their past in two ways (customers, items).

        Args:
            chosen: customers, ascending.
            settings: of the size of a block.
        """
        count = len(self.bought.items)
        step = max(1, settings.block_cells // count)
        for begin in range(0, len(chosen), step):
            block = chosen[begin : begin + step]
            near, linear = np.zeros((2, len(block), count), dtype=np.float32)
            near[:, self.compared] = np.log1p(self.history[block] @ self.together)
            told = self.profile[block] @ self.autoencoder
            linear[:, self.compared] = np.sign(told) * np.sqrt(np.abs(told))
            yield block, near, linear


def habit_names(settings: NextPurchaseSettings) -> tuple[str, ...]:
    """Names of the columns of `Habits.features`."""
    decayed = (f"orders_decayed_{days:g}" for days in settings.half_lives_days)
    return ("orders_with_item", *decayed, "share_of_orders", "overdue")


def known_features(bought: ItemPurchases, settings: NextPurchaseSettings) -> Known:
    """Features of everything that was bought before `bought.now`."""
    age = bought.age_days
    history = bought.matrix(0.5 ** (age / settings.history_half_life_days))
    once = bought.matrix(np.ones(len(age)))
    once.data[:] = 1.0
    buyers = np.asarray(once.sum(axis=0)).ravel()
    compared = np.sort(np.argsort(-buyers, kind="stable")[: settings.most_items])
    items_each = np.maximum(np.asarray(once.sum(axis=1)).ravel(), settings.least_basket)
    profile = (sparse.diags(1 / np.sqrt(items_each)) @ once[:, compared]).tocsr()
    customers, order_count = _customer_features(bought)
    habits = _habits(bought, order_count, settings)
    return Known(
        bought,
        habits,
        _item_features(bought, habits, settings),
        customers,
        history[:, compared].astype(np.float32),
        _baskets_together(bought, compared, settings),
        profile.astype(np.float32),
        _autoencoder(profile, settings.ridge),
        compared,
    )


def _habits(
    bought: ItemPurchases, order_count: np.ndarray, settings: NextPurchaseSettings
) -> Habits:
    age = bought.age_days
    key = bought.customer * len(bought.items) + bought.item
    pair, place = np.unique(key, return_inverse=True)
    customer, item = pair // len(bought.items), pair % len(bought.items)
    count = np.bincount(place)
    last, first = np.full(len(pair), np.inf), np.zeros(len(pair))
    np.minimum.at(last, place, age)
    np.maximum.at(first, place, age)
    # Time since the last purchase over the customer's own mean interval; 0 is due right now.
    interval = (first - last) / np.maximum(count - 1, 1)
    overdue = np.where(count > 1, np.log((last + 1) / (interval + 1)), 0.0)
    decayed = [np.bincount(place, 0.5 ** (age / days)) for days in settings.half_lives_days]
    share = count / order_count[customer]
    columns = [np.log1p(count), *map(np.log1p, decayed), share, overdue]
    return Habits(customer, item, np.column_stack(columns), count, last)


def _item_features(
    bought: ItemPurchases, habits: Habits, settings: NextPurchaseSettings
) -> np.ndarray:
    age, count = bought.age_days, len(bought.items)
    recent = age <= settings.recent_days
    in_season = age <= settings.season_days
    key = bought.customer * count + bought.item
    pair, place = np.unique(key, return_inverse=True)
    first_age = np.zeros(len(pair))
    np.maximum.at(first_age, place, age)
    is_first = age >= first_age[place]
    last, first = np.full(count, np.inf), np.zeros(count)
    np.minimum.at(last, bought.item, age)
    np.maximum.at(first, bought.item, age)
    buyers = np.bincount(habits.item, minlength=count)
    came_back = np.bincount(habits.item[habits.count > 1], minlength=count)
    prior = settings.repeat_prior
    return np.column_stack(
        [
            np.log1p(np.bincount(bought.item[recent], minlength=count)),
            np.log1p(np.bincount(bought.item[in_season], minlength=count)),
            np.log1p(np.bincount(bought.item[recent & is_first], minlength=count)),
            np.log1p(last),
            np.log1p(first),
            (came_back + prior / 10) / (buyers + prior),
        ]
    )


def _customer_features(bought: ItemPurchases) -> tuple[np.ndarray, np.ndarray]:
    """Features of customers, and their number of orders."""
    first_row = np.unique(bought.order, return_index=True)[1]
    owner, count = bought.customer[first_row], len(bought.customers)
    orders = np.bincount(owner, minlength=count)
    last = np.full(count, np.inf)
    np.minimum.at(last, bought.customer, bought.age_days)
    basket = np.bincount(bought.customer, minlength=count) / orders
    return np.column_stack([np.log1p(orders), np.log1p(last), np.log1p(basket)]), orders


def _baskets_together(
    bought: ItemPurchases, compared: np.ndarray, settings: NextPurchaseSettings
) -> np.ndarray:
    """Cosine of items over baskets that count the less the older they are; 0 with itself."""
    weight = np.sqrt(0.5 ** (bought.age_days / settings.basket_half_life_days))
    shape = int(bought.order.max()) + 1, len(bought.items)
    baskets = sparse.csr_matrix((weight, (bought.order, bought.item)), shape=shape)
    baskets = baskets[:, compared].astype(np.float32)
    common: np.ndarray = (baskets.T @ baskets).toarray()
    norm = np.sqrt(np.maximum(np.diag(common), np.finfo(np.float32).tiny))
    common /= norm[:, None]
    common /= norm
    np.fill_diagonal(common, 0.0)
    return common


def _autoencoder(profile: sparse.csr_matrix, ridge: float) -> np.ndarray:
    gram = (profile.T @ profile).toarray()
    gram[np.diag_indices_from(gram)] += ridge
    inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
    inverse /= -np.diag(inverse)
    np.fill_diagonal(inverse, 0.0)
    weights: np.ndarray = inverse.astype(np.float32)
    return weights
