"""The allocation policy: what a person decides about who gets what; see allocation_policy.yml."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from connectors.declarations import Declared, read_declared
from connectors.settings import Settings
from models_ml.allocation.config import AllocationConfig

SHIPPED_POLICY = Path(__file__).with_name("allocation_policy.yml")
POLICY_NAME = "allocation.yml"
SiteKind = Literal["store", "warehouse"]
_DEFAULT = AllocationConfig()
_Cost = Annotated[float, Field(ge=0, description="Cost in the business currency.")]
_Priority = Annotated[int, Field(ge=1, le=1000, description="The lowest number comes first.")]


class SitePolicy(Declared):
    """What is special about a site."""

    is_accepting: bool = Field(default=True, description="Whether orders may go to it.")
    capacity_units: int | None = Field(
        default=None, ge=0, description="Most units that it may have reserved at a time."
    )
    base_cost: _Cost = 0.0


class AllocationPolicy(Declared):
    """The whole policy."""

    cost_per_km: _Cost = _DEFAULT.cost_per_km
    split_cost: _Cost = _DEFAULT.split_cost
    split_threshold: _Cost = _DEFAULT.split_threshold
    store_radius_km: float = Field(
        default=3.0, ge=0, description="How far from a store an address may be."
    )
    segment_priorities: dict[str, _Priority] = Field(
        default_factory=dict, description="Priority by customer segment."
    )
    default_priority: _Priority = 3
    safety_stock_kept_at: tuple[SiteKind, ...] = Field(
        default=("store",), description="Kinds of sites that keep their safety stock."
    )
    transfer_days: int = Field(default=2, ge=0, description="Days from one site to another.")
    drop_ship_suppliers: tuple[str, ...] = Field(
        default=(),
        description="Suppliers that send to customers, as in dim_suppliers; the first goes first.",
    )
    sites: dict[str, SitePolicy] = Field(default_factory=dict, description="Sites by their code.")

    def config(self) -> AllocationConfig:
        """The policy as the model takes it."""
        return AllocationConfig(
            cost_per_km=self.cost_per_km,
            store_radius_km=self.store_radius_km,
            split_cost=self.split_cost,
            split_threshold=self.split_threshold,
        )

    def priority(self, segment: object) -> int:
        """Of a customer of this segment; of anybody else's, the default."""
        if isinstance(segment, str):
            return self.segment_priorities.get(segment, self.default_priority)
        return self.default_priority


def load_allocation_policy(settings: Settings) -> AllocationPolicy:
    """The policy in force: `allocation.yml` beside fourflow.yml or in home, or the shipped one.

    Raises:
        InputError: the file cannot be read or says what can't be; names file, line and key.
    """
    return read_declared(
        AllocationPolicy, settings.beside_configuration(POLICY_NAME) or SHIPPED_POLICY
    )
