"""What a person may set in the demand models; every number says its unit."""

from dataclasses import dataclass

VELOCITY_CLASSES = ("fast", "medium", "slow")


@dataclass(frozen=True)
class DemandConfig:
    """Settings of the panel, the methods, the back-test and the interval."""

    horizon_days: int = 28
    """Days judged after every origin of the back-test."""
    folds: int = 4
    """Wanted origins; the oldest one only serves the first choice of a method."""
    min_train_days: int = 14
    """Least history before the oldest origin, in days."""
    history_days: int = 730
    """Days of history used at most, counted back from the origin."""
    active_days: int = 182
    """A series without a sale in so many days gets no forecast: its demand is taken as zero."""
    recent_days: int = 84
    """Days from which velocity class and spread are measured."""
    fast_from: float = 1.0
    """Units a day from which a series is `fast`."""
    medium_from: float = 1.0 / 7.0
    """Units a day from which a series is `medium`; below it is `slow`."""
    moving_average_weeks: int = 8
    """Weeks averaged by the seasonal moving average."""
    half_lives_days: tuple[int, ...] = (14, 28, 56)
    """Half-lives tried by the discounted level, in days: short follows, long is steady."""
    weekday_days: int = 182
    """Days from which weekday factors are measured."""
    weekday_prior_units: float = 20.0
    """Units of the whole business's weekday profile mixed into each series' own."""
    interval_share: float = 0.8
    """Share of days that shall fall inside the interval."""
    default_method: str = "discounted_level_28"
    """Method where the history is too short for a back-test."""
    choice_margin: float = 0.0
    """Share by which a method must beat the seasonal naive to be preferred to it."""
