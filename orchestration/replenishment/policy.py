"""The replenishment policy: what a person decides about buying; see replenishment_policy.yml."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from connectors.declarations import Declared, read_declared
from connectors.settings import Settings
from models_ml.replenishment import ReplenishmentConfig

SHIPPED_POLICY = Path(__file__).with_name("replenishment_policy.yml")
POLICY_NAME = "replenishment.yml"
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DEFAULT = ReplenishmentConfig()
_Cost = Annotated[float, Field(ge=0, description="Cost in the business currency.")]


class ReplenishmentPolicy(Declared):
    """The whole policy."""

    service_level: float = Field(
        default=_DEFAULT.service_level, ge=0.5, lt=1, description="Probability to last."
    )
    review_days: tuple[Weekday, ...] = Field(
        default=WEEKDAYS, min_length=1, description="Weekdays on which orders are placed."
    )
    review_period_days: int = Field(
        default=_DEFAULT.review_period_days, ge=1, description="Days between two orders."
    )
    budget: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=2)] | None = Field(
        default=None, description="Most money for one day's purchases."
    )
    default_lead_time_days: int = Field(
        default=_DEFAULT.default_lead_time_days, ge=0, description="Days, where none is known."
    )
    transfers: bool = Field(default=True, description="Whether sites give each other goods.")
    transfer_cost_per_kg_km: _Cost = _DEFAULT.transfer_cost_per_kg_km
    transfer_handling: _Cost = _DEFAULT.transfer_handling
    transfer_line_cost: _Cost = _DEFAULT.transfer_line_cost
    purchase_handling: _Cost = _DEFAULT.purchase_handling
    annual_holding_rate: _Cost = _DEFAULT.annual_holding_rate

    def config(self) -> ReplenishmentConfig:
        """The policy as the model takes it."""
        days = tuple(sorted({WEEKDAYS.index(day) for day in self.review_days}))
        return ReplenishmentConfig(**self.model_dump(exclude={"review_days"}), review_weekdays=days)


def load_replenishment_policy(settings: Settings) -> ReplenishmentPolicy:
    """The policy in force: `replenishment.yml` beside fourflow.yml or in home, or the shipped one.

    Raises:
        InputError: the file cannot be read or says what can't be; names file, line and key.
    """
    return read_declared(
        ReplenishmentPolicy, settings.beside_configuration(POLICY_NAME) or SHIPPED_POLICY
    )
