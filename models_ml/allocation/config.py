"""What a person may set in the allocation policy; every number says its unit."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class AllocationConfig:
    """Settings of one allocation."""

    cost_per_km: float = 0.01
    """Cost of a unit and kilometre, in the business currency, >= 0."""
    store_radius_km: float | None = 3.0
    """A store serves orders up to this distance, before warehouses; None: like warehouses."""
    split_cost: float = 6.0
    """Cost of one more parcel of an order, in the business currency, >= 0."""
    split_threshold: float = 0.0
    """Orders worth less than this are not split: they wait; 0: any order may be."""
    batch_order: Literal["fefo", "fifo"] = "fefo"
    """Which batch goes first: the one that expires first, or the one that came first."""
    shelf_life_days: int = 0
    """Days that a batch must keep after the allocation, >= 0."""

    def __post_init__(self) -> None:
        """Refuse settings outside their range.

        Raises:
            ValueError: names the setting.
        """
        if min(self.cost_per_km, self.split_cost, self.split_threshold) < 0:
            raise ValueError("cost_per_km, split_cost and split_threshold must be at least 0.")
        if self.store_radius_km is not None and self.store_radius_km < 0:
            raise ValueError("store_radius_km must be at least 0, or None.")
        if self.shelf_life_days < 0:
            raise ValueError("shelf_life_days must be at least 0.")
