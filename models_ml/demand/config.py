"""What a person may set in the demand models; every number says its unit.

A period is a day, a week or a month, whatever the data's frequency is.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models_ml.demand.series import SeriesMatrix

VELOCITY_CLASSES = ("fast", "medium", "slow")
DAYS_A_PERIOD = {"h": 1 / 24, "D": 1.0, "B": 1.0, "W": 7.0, "M": 7.0, "Q": 7.0, "Y": 7.0}
"""Days by which velocity limits grow; from a week on they stay those of a week."""


@dataclass(frozen=True)
class DemandConfig:
    """Settings of the methods, the boosted model, the combination and the quantiles."""

    history_periods: int = 1_100
    """Periods of history used at most, counted back from the origin."""
    fast_from: float = 1.0
    """Units a day from which a series is `fast`."""
    medium_from: float = 1.0 / 7.0
    """Units a day from which a series is `medium`; below it is `slow`."""

    moving_average_periods: tuple[int, ...] = (4, 13, 28)
    """Periods averaged by the moving averages."""
    half_lives: tuple[float, ...] = (3.0, 8.0, 28.0, 90.0)
    """Half-lives of simple exponential smoothing, in periods: short follows, long is steady."""
    seasonal_average_seasons: int = 8
    """Seasons averaged by the seasonal moving average."""
    spike_cap: float = 2.0
    """Multiple of the mean of the periods with demand at which the capped methods cut."""
    croston_alpha: float = 0.1
    """Smoothing constant of SBA and TSB."""
    adida_alphas: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3)
    """Smoothing constants that ADIDA chooses from."""
    adida_periods: tuple[int, ...] = (1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 60)
    """Lengths of ADIDA's blocks, in periods; the nearest to the mean interval is taken."""

    least_seasons: float = 1.5
    """Whole years of history from which weeks or months of the year get factors."""
    season_seasons_short: int = 26
    """Weeks from which weekday factors are measured."""
    season_seasons_long: int = 4
    """Years from which factors of weeks or months are measured."""
    season_prior_units: float = 20.0
    """Units of the common profile mixed into each series' own."""

    boosting_rounds: int = 120
    """Trees of the boosted model; none switches it off."""
    boosting_rows: int = 600_000
    """Training rows at most."""
    boosting_least_rows: int = 400
    """Training rows below which nothing is boosted."""
    boosting_origins: int = 26
    """Training origins at most."""
    boosting_origins_a_horizon: int = 2
    """Training origins in the length of one horizon."""
    boosting_steps: int = 4
    """Coming periods learnt from at a series and origin at least, where rows must be drawn."""
    boosting_years: float = 1.5
    """Years back from which origins are taken, in years (at least four seasons)."""
    boosting_rate: float = 0.05
    """Learning rate."""
    boosting_leaves: int = 31
    """Leaves of a tree."""
    boosting_least_leaf: int = 30
    """Rows in a leaf at least (or one in 2,000)."""
    tweedie_power: float = 1.3
    """Power of the Tweedie variance: 1 is Poisson, 2 is gamma."""
    spike_ratio: float = 3.0
    """Multiple of a series' level or root mean square at which the boosted model's targets end."""
    level_half_lives: tuple[float, float, float] = (5.0, 20.0, 75.0)
    """Half-lives of the levels the boosted model starts from, in periods."""
    threads: int = 0
    """Processor threads of the boosted model; 0 takes what OpenMP is allowed."""

    cold_periods: int = 8
    """Known periods below which a series leans on its look-alikes."""
    cold_prior_periods: float = 4.0
    """Periods of the look-alikes' pace that such a series' own history is weighed against."""

    validation_windows: int = 3
    """Earlier windows that choose the combination and calibrate the quantiles."""
    judged_series: int = 6_000
    """Series judged in such a window at most, drawn at random, as many of each velocity class."""
    least_train_periods: int = 8
    """History before the oldest of them, in periods."""
    combination_prior: float = 0.05
    """Share of the data that an equal mix of all methods weighs."""
    class_prior: float = 1.0
    """Weight of all classes' errors beside those of the class itself."""
    averaged_methods: tuple[int, ...] = (1, 2, 3, 5, 8)
    """Sizes of the plain averages of the best methods that compete with fitted weights."""
    boosted_shares: tuple[float, ...] = (0.35, 0.65, 1.0)
    """Shares of the boosted model in further candidates, beside an average of the best few."""
    absolute_share: float = 0.3
    """Share of the absolute error in what the mixes are chosen by; squared errors are the rest."""
    least_weight: float = 0.02
    """Weights below this are dropped."""
    baselines_only: tuple[str, ...] = ("naive", "seasonal_naive")
    """Methods that are judged but never mixed in."""

    judge_every_quantile: bool = True
    """Whether every method of a back-test gets quantiles, or only the seasonal naive."""

    dispersion_periods: int = 91
    """Periods from which a series' own dispersion is measured."""
    dispersion_prior_units: float = 30.0
    """Units of information that the class's dispersion weighs."""
    least_dispersion: float = 0.02
    """Smallest dispersion phi of the variance m + phi m^2."""
    calibration_prior: float = 50.0
    """Outcomes that "no correction" weighs in a class's calibration."""
    seed: int = 7
    """Seed of the boosted model and of the randomised transforms."""

    def days_a_period(self, past: "SeriesMatrix") -> float:
        """Days by which the velocity limits are multiplied."""
        return DAYS_A_PERIOD[past.calendar.freq]

    def recent_periods(self, past: "SeriesMatrix") -> int:
        """Periods that tell a series' velocity: 12 weeks of days, 13 weeks, 6 months."""
        return {"h": 24 * 28, "D": 84, "B": 60, "W": 13, "M": 6, "Q": 4, "Y": 3}[past.calendar.freq]

    def boosting_window(self, past: "SeriesMatrix") -> int:
        """Periods back from which training origins are taken."""
        year = {"h": 24 * 365, "D": 365, "B": 261, "W": 52, "M": 12, "Q": 4, "Y": 1}
        periods = int(self.boosting_years * year[past.calendar.freq])
        return max(periods, 24 if past.calendar.freq in ("M", "Q", "Y") else 0)
