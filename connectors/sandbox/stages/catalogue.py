"""The products of the simulated retailer: a shop for families with small children.

Here: the product table of truth with its velocity classes and planted return effects.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from connectors.sandbox.platforms import CHANNELS, DOUYIN, STORE
from connectors.sandbox.world import (
    DAY,
    HOUR,
    NEVER,
    Flags,
    Floats,
    Ints,
    WorldConfig,
    choose_weighted,
)


@dataclass(frozen=True)
class Category:
    """One category: what it costs, how it sells and how often it comes back."""

    slug: str
    nouns: tuple[str, ...]
    price_yuan: tuple[int, int]
    share: float
    return_effect: float
    weekend_factor: float


CATEGORIES: Final = (
    Category("infant_formula", ("婴儿配方奶粉", "有机奶粉"), (168, 428), 0.10, -1.3, 1.0),
    Category("diapers", ("纸尿裤", "拉拉裤"), (69, 239), 0.12, -0.9, 1.05),
    Category("feeding", ("宽口径奶瓶", "硅胶餐具", "吸管杯"), (29, 159), 0.16, -0.4, 1.0),
    Category("toys", ("益智积木", "绘本套装", "毛绒玩偶"), (39, 329), 0.17, 0.0, 1.25),
    Category("kids_apparel", ("纯棉连体衣", "儿童羽绒服", "针织开衫"), (59, 499), 0.18, 1.1, 1.2),
    Category("shoes", ("学步鞋", "儿童运动鞋"), (99, 399), 0.10, 0.9, 1.15),
    Category("baby_care", ("婴儿润肤乳", "洗发沐浴露"), (35, 189), 0.11, -0.6, 0.95),
    Category("travel_gear", ("轻便婴儿推车", "安全座椅"), (499, 2899), 0.06, 0.3, 1.1),
)
VELOCITY_CLASSES: Final = ("A", "B", "C")
_CLASS_SHARES = (0.2, 0.3, 0.5)
_CLASS_WEIGHTS = (0.70, 0.22, 0.08)
_BRANDS = ("小鹿", "星河", "暖树", "云朵", "山竹", "海豚", "麦芽", "橙子")
SKU_RETURN_EFFECT_SD: Final = 0.5
_NEVER_REPRICED = 12  # the twelve dearest are what companies buy
_REPRICED_BETWEEN = (0.25, 0.75)
_REPRICED_AT_HOUR = 9
_EARLIER_PRICE_FACTORS = (0.85, 0.9, 1.1, 1.2)


@dataclass(frozen=True)
class Products:
    """One element per SKU. Money in fen; `channel_weights` is channels x SKUs.

    `list_price` is the newest one; before `repriced_at` (`NEVER` for most) it was `earlier_price`.
    """

    skus: tuple[str, ...]
    names: tuple[str, ...]
    category: Ints
    velocity: Ints
    unit_cost: Ints
    list_price: Ints
    lead_time_days: Ints
    pack_size: Ints
    channel_weights: Floats
    growth: Floats
    return_effect: Floats
    repriced_at: Ints
    earlier_price: Ints

    def __len__(self) -> int:
        return len(self.skus)

    def of_category(self, slug: str) -> Flags:
        """Which SKUs are of a category."""
        slugs = [category.slug for category in CATEGORIES]
        found: Flags = self.category == slugs.index(slug)
        return found

    def prices_at(self, sku: Ints, times: Ints) -> Ints:
        """The list price of each SKU at the local second beside it, in fen."""
        return np.where(
            times < self.repriced_at[sku], self.earlier_price[sku], self.list_price[sku]
        )


def simulate_products(config: WorldConfig) -> Products:
    """The product table: categories, prices, velocity classes and planted return effects."""
    random = config.random("products")
    count = config.product_count
    category = np.sort(choose_weighted(random, np.array([c.share for c in CATEGORIES]), count))
    category[: len(CATEGORIES)] = np.arange(len(CATEGORIES))
    low = np.array([c.price_yuan[0] for c in CATEGORIES])[category]
    high = np.array([c.price_yuan[1] for c in CATEGORIES])[category]
    # Log-uniform within the category, then the usual price endings: 9.00 or 9.90 yuan.
    yuan = np.exp(np.log(low) + random.random(count) * (np.log(high) - np.log(low)))
    tens = np.maximum(yuan.astype(np.int64) // 10, 1)
    list_price = tens * 1_000 + 900 + np.where(random.random(count) < 0.5, 90, 0)
    unit_cost = (list_price * random.integers(45, 71, count)) // 100
    velocity = choose_weighted(random, np.array(_CLASS_SHARES), count)
    weights = _sales_weights(random, velocity, list_price)
    cheap = list_price < 8_000
    pack_size = np.where(cheap, random.choice([12, 24, 48], count), random.choice([1, 4, 6], count))
    nouns = [
        CATEGORIES[c].nouns[int(n * len(CATEGORIES[c].nouns))]
        for c, n in zip(category.tolist(), random.random(count).tolist(), strict=True)
    ]
    brands = random.integers(0, len(_BRANDS), count).tolist()
    effects = np.array([c.return_effect for c in CATEGORIES])[category]
    return Products(
        skus=tuple(f"SKU{number:05d}" for number in range(1, count + 1)),
        names=tuple(
            f"{_BRANDS[b]} {noun} {number:03d}"
            for number, (b, noun) in enumerate(zip(brands, nouns, strict=True), start=1)
        ),
        category=category,
        velocity=velocity,
        unit_cost=unit_cost,
        list_price=list_price,
        lead_time_days=random.integers(3, 15, count),
        pack_size=pack_size.astype(np.int64),
        channel_weights=weights,
        growth=random.normal(0.0, 0.25, count),
        return_effect=effects + random.normal(0.0, SKU_RETURN_EFFECT_SD, count),
        repriced_at=np.full(count, NEVER),
        earlier_price=list_price,
    )


def change_prices(config: WorldConfig, products: Products) -> Products:
    """Give some SKUs another price before a day in the middle of the window.

    The dearest keep theirs. Assumption: demand doesn't answer to the price.
    """
    random = config.random("prices")
    count = len(products)
    changes = random.random(count) < config.scenario.repriced_share
    changes &= products.list_price < np.sort(products.list_price)[-_NEVER_REPRICED]
    low, high = (int(share * config.days) for share in _REPRICED_BETWEEN)
    day = random.integers(low, max(high, low + 1), count)
    factor = random.choice(_EARLIER_PRICE_FACTORS, count)
    # Endings stay as they are: 9.00 or 9.90 yuan.
    tens = np.maximum(np.rint(products.list_price * factor / 1_000).astype(np.int64) - 1, 1)
    earlier = tens * 1_000 + products.list_price % 1_000
    changes &= earlier != products.list_price
    at = config.start_second + day * DAY + _REPRICED_AT_HOUR * HOUR
    return replace(
        products,
        repriced_at=np.where(changes, at, NEVER),
        earlier_price=np.where(changes, earlier, products.list_price),
    )


def _sales_weights(random: np.random.Generator, velocity: Ints, list_price: Ints) -> Floats:
    """Shares of the sales per channel: class A sells most, dear products sell less often."""
    members = np.bincount(velocity, minlength=len(_CLASS_SHARES))
    base = np.array(_CLASS_WEIGHTS)[velocity] / np.maximum(members, 1)[velocity]
    base *= random.lognormal(0.0, 0.4, len(velocity)) * (list_price / 10_000.0) ** -0.25
    weights = base * random.lognormal(0.0, 0.3, (len(CHANNELS), len(velocity)))
    weights[DOUYIN] **= 1.15  # live selling concentrates on fewer products
    # The store carries about two products in three; the others never sell there.
    carried = random.random(len(velocity)) < 0.65
    carried[int(np.argmax(base))] = True
    weights[STORE] *= carried
    weights /= weights.sum(axis=1, keepdims=True)
    return weights
