"""What a person may set in the replenishment rule; every number says its unit."""

from dataclasses import dataclass
from decimal import Decimal
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
    default_minimum_order: int = 1
    """Least order of a product without one, units >= 1."""
    review_weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    """Weekdays on which orders are placed, Monday is 0; on others nothing is suggested."""
    budget: Decimal | None = None
    """Most money for one day's suggestions of a business, in its currency; None: no limit."""
    lead_time_prior_orders: float = 5.0
    """Received orders at which the measured lead time counts as much as the agreed one."""
    spike_window_days: int = 56
    """Days in which a spike of the demand counts."""
    spike_deviations: float = 6.0
    """Standard deviations above the usual day at which a day is a spike."""
    spike_least_units: float = 10.0
    """Units below which no day is a spike."""
    spike_growth: float = 1.5
    """How far a forecast may exceed the pace without spikes, as a factor, after a spike."""
    transfers: bool = True
    """Whether sites give each other what they have to spare."""
    refusal_days: int = 28
    """Days in which a transfer that somebody rejected is not proposed again."""
    transfer_cost_per_kg_km: float = 0.001
    """Freight between two sites, in the business currency."""
    transfer_handling: float = 0.5
    """Cost of picking and putting away a unit that is transferred, in the business currency."""
    transfer_line_cost: float = 5.0
    """Cost of one transferred line; one that saves less is not worth it."""
    purchase_handling: float = 0.5
    """Cost of ordering and receiving a purchased unit, in the business currency."""
    annual_holding_rate: float = 0.25
    """Cost of holding stock for a year, as a share of its cost."""
    default_weight_kg: float = 0.5
    """Weight of a unit that nobody knows."""
    default_distance_km: float = 800.0
    """Distance between sites of which one has no coordinates."""

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
        if self.default_minimum_order < 1 or (self.budget is not None and self.budget < 0):
            raise ValueError("default_minimum_order must be at least 1, budget at least 0.")
        if not self.review_weekdays or not set(self.review_weekdays) <= set(range(7)):
            raise ValueError("review_weekdays must name at least one day, 0 (Monday) to 6.")
        if self.spike_growth < 1 or self.spike_deviations <= 0 or self.spike_window_days < 10:
            raise ValueError(
                "spike_growth must be at least 1, spike_deviations above 0, spike_window_days at "
                "least 10."
            )
        self._refuse_negative_costs()

    def _refuse_negative_costs(self) -> None:
        costs = (
            "lead_time_prior_orders",
            "transfer_cost_per_kg_km",
            "transfer_handling",
            "transfer_line_cost",
            "purchase_handling",
            "annual_holding_rate",
            "default_weight_kg",
            "default_distance_km",
        )
        for name in costs:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0.")


@dataclass(frozen=True)
class ScenarioConfig:
    """Settings of the weekly policy; chosen by replaying earlier windows, then left alone."""

    scenarios: int = 500
    """Scenarios of the weeks up to the arrival."""
    seed: int = 7
    """Seed of the scenarios."""
    level_half_lives: tuple[tuple[float, float], ...] = ((4.0, 0.3), (26.0, 0.7))
    """Half-life in weeks and weight of every discounted mean in the level."""
    mean_share: float = 0.94
    """Share of the mean that is planned for: means of skewed histories overstate a usual week."""
    least_mean: float = 0.01
    """Units a week that a series sells at least."""
    season_least_weeks: int = 60
    """Weeks of history below which there are no factors of the week of the year."""
    season_group_series: float = 20.0
    """Series that a group holds on average to have a season of its own."""
    season_prior_units: float = 2_000.0
    """Units a week at which a group's own season counts half."""
    season_smoothing: float = 0.15
    """Weight of the two neighbouring weeks together in a factor."""
    season_power: float = 0.95
    """Power of the factors: below 1 draws them towards 1."""
    trend_group_series: tuple[float, float] = (5.0, 12.0)
    """Series that a group holds on average for its members to follow its trend: from, to."""
    trend_half_life: float = 4.0
    """Half-life of a group's recent sales, in weeks."""
    trend_prior_units: float = 10.0
    """Units that "no trend" weighs."""
    trend_power: float = 0.4
    """Power of a group's departure that a series takes over."""
    spike_deviations: float = 2.0
    """Standard deviations above the year's mean at which a week is cut."""
    spike_dispersion: float = 0.5
    """Dispersion of that standard deviation."""
    dispersion_weeks: int = 52
    """Weeks from which the dispersion is measured."""
    dispersion_prior_units: float = 20.0
    """Units of information that the dispersion of series of similar pace weighs."""
    dispersion_share: float = 0.7
    """Share of the measured dispersion that is planned for: it also holds what levels follow."""
    least_dispersion: float = 0.02
    """Smallest dispersion."""
    pace_groups: int = 8
    """Groups of similar pace."""
