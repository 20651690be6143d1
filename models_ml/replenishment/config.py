"""What a person may set in the replenishment rule; every number says its unit."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ReplenishmentConfig:
    """Settings of the reorder point and of the suggested quantity."""

    service_level: float = 0.95
    """Wanted probability of no stock-out in a cycle, 0.5 <= level < 1."""
    review_period_days: int = 7
    """Days between two looks at the stock, >= 1."""
    default_lead_time_days: int = 7
    """Lead time of a product without one, days >= 0."""
    default_pack_size: int = 1
    """Pack of a product without one, units >= 1."""
    stock_age_days: int = 7
    """Most days that a site's newest stock count may be old; an older one gets no suggestion."""
    site_share: Literal["reserved", "equal"] = "reserved"
    """How a SKU's demand falls on its sites when nothing is known of the sites' sales."""
    equal_prior_units: float = 10.0
    """Units spread evenly over a SKU's sites before shares are taken."""

    def __post_init__(self) -> None:
        """Refuse settings outside their range.

        Raises:
            ValueError: names the setting.
        """
        if not 0.5 <= self.service_level < 1:
            raise ValueError("service_level must be at least 0.5 and below 1.")
        if self.review_period_days < 1 or self.default_lead_time_days < 0:
            raise ValueError("review_period_days must be at least 1, a lead time at least 0.")
        if self.stock_age_days < 0:
            raise ValueError("stock_age_days must be at least 0.")
        if self.default_pack_size < 1 or self.equal_prior_units <= 0:
            raise ValueError("default_pack_size must be at least 1, equal_prior_units above 0.")
