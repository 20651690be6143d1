"""What an article weighs, packed for sale; of some nobody knows, as in most shops."""

from typing import Final

import numpy as np

from connectors.sandbox.stages.catalogue import CATEGORIES, Products
from connectors.sandbox.world import Ints, WorldConfig

UNKNOWN_WEIGHT: Final = -1
GRAMS: Final = {
    "infant_formula": (800, 1_200),
    "diapers": (1_500, 3_500),
    "feeding": (100, 450),
    "toys": (200, 1_800),
    "kids_apparel": (120, 700),
    "shoes": (300, 800),
    "baby_care": (150, 600),
    "travel_gear": (4_500, 12_000),
}
"""Lightest and heaviest article of each category."""


def weigh_products(config: WorldConfig, products: Products) -> Ints:
    """Grams of one unit of each SKU; `UNKNOWN_WEIGHT` where nobody has weighed it."""
    random = config.random("weights")
    low, high = np.array([GRAMS[category.slug] for category in CATEGORIES])[products.category].T
    grams = low + (random.random(len(products)) * (high - low)).astype(np.int64)
    is_known = random.random(len(products)) < config.scenario.weighed_share
    return np.where(is_known, grams, UNKNOWN_WEIGHT)
