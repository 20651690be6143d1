"""What counts as a change, how quickly the normal rate is learnt, how often to be wrong."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["drop", "rise", "both"]


@dataclass(frozen=True, kw_only=True)
class AlertSettings:
    """Parameters of `detect`.

    Attributes:
        direction: which changes are alerts.
        series_days_per_false_alarm: the owner's budget: on data without changes one alert is
            raised in about so many series-days.
        budget_share: of the budget that the simulation may spend; the rest is for what it doesn't
            draw, such as slow drift.
        sizes: relative changes that are looked for, 0 < size < 1; a rise of that size is
            `1 / (1 - size)`.
        days_between_changes: expected days until a change begins.
        change_days: expected days that a change lasts.
        level_half_life: days after which a day counts half in the normal rate.
        cycle_half_life: the same for weekday and day-type effects.
        cycle_prior: expected successes that a series' own weekday effect needs to weigh as much as
            the one pooled over all series.
        level_prior: trials of the pooled rate that a series starts from.
        least_weight: of a changed day in the normal rate, so that a lasting change becomes normal.
        outlier: standard deviations at which a day's influence is capped.
        warm_up_days: of a series, without scores.
        least_series: from which the effect of a day common to all series is estimated.
        largest_common_effect: a common effect is believed up to so many of its own standard
            deviations; what goes beyond is a change of every series.
        recalibrate_days: after which the threshold is set anew, from what was known by then.
        calibration_days: simulated for it.
        calibration_series: simulated series, at least.
        day_type: column of day types (promotion, holiday …) whose effect is learnt; none if empty.
        seed: of the simulation.
    """

    direction: Direction = "drop"
    series_days_per_false_alarm: float = 90.0
    budget_share: float = 0.85
    sizes: tuple[float, ...] = (0.08, 0.15, 0.25, 0.4, 0.7)
    days_between_changes: float = 150.0
    change_days: float = 5.0
    level_half_life: float = 40.0
    cycle_half_life: float = 180.0
    cycle_prior: float = 300.0
    level_prior: float = 20.0
    least_weight: float = 0.05
    outlier: float = 3.5
    warm_up_days: int = 28
    least_series: int = 10
    largest_common_effect: float = 3.0
    recalibrate_days: int = 90
    calibration_days: int = 140
    calibration_series: int = 200
    day_type: str = ""
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        Raises:
            ValueError: a parameter is out of its range.
        """
        if not self.sizes or not all(0 < size < 1 for size in self.sizes):
            raise ValueError("sizes must hold relative changes between 0 and 1.")
        if self.series_days_per_false_alarm <= 1:
            raise ValueError("series_days_per_false_alarm must be above 1.")
