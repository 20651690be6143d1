"""What a person may set: costs, splits, the gate's limits, the learners."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real

COST_NAMES = {"fn": "false_negative", "fp": "false_positive", "review_capacity": "capacity"}
"""Short names that a mapping of costs may use."""


@dataclass(frozen=True)
class Costs:
    """What decisions cost, all in one unit; the ratios decide, not the unit.

    An order is worth a review when probability * false_negative exceeds
    review + (1 - probability) * false_positive (Elkan 2001).
    """

    false_negative: float = 10.0
    """Loss from an order of the bad kind that passed."""
    false_positive: float = 1.0
    """Loss from stopping a good order."""
    review: float = 0.0
    """Work on every order that is looked at, whatever comes of it."""
    capacity: float = 0.05
    """Share of the orders that people can look at, 0 < share <= 1."""

    def __post_init__(self) -> None:
        """Refuse costs that give no threshold.

        Raises:
            ValueError: a negative cost, no loss from a missed order, or a capacity outside (0, 1].
        """
        if min(self.false_negative, self.false_positive, self.review) < 0:
            raise ValueError("A cost is negative; give losses as positive numbers.")
        if self.false_negative == 0:
            raise ValueError("A missed order costs nothing, so nothing is worth a look; give one.")
        if not 0 < self.capacity <= 1:
            raise ValueError(f"The capacity {self.capacity} is no share above 0 and up to 1.")

    @property
    def threshold(self) -> float:
        """The probability from which a look costs less than letting the order pass."""
        stake = self.false_negative + self.false_positive
        return min((self.review + self.false_positive) / stake, 1.0)


def read_costs(cost: "Costs | Mapping[str, float] | float | None") -> Costs:
    """Costs from what a caller may pass: nothing, the price of a miss, a mapping, or Costs.

    Raises:
        ValueError: a name that is not a cost.
    """
    if cost is None:
        return Costs()
    if isinstance(cost, Costs):
        return cost
    if isinstance(cost, Real):
        return Costs(false_negative=float(cost))
    if not isinstance(cost, Mapping):
        raise ValueError(  # noqa: TRY004 - one kind of error for every bad cost
            f"Costs of type {type(cost).__name__} are not understood; pass a mapping or Costs."
        )
    known = {item.name for item in fields(Costs)}
    named = {COST_NAMES.get(name, name): float(value) for name, value in cost.items()}
    unknown = sorted(set(named) - known)
    if unknown:
        raise ValueError(
            f"There is no cost called {', '.join(unknown)}; use {', '.join(sorted(known))}."
        )
    return Costs(**named)


@dataclass(frozen=True)
class GateConfig:
    """Limits of the leakage gate."""

    near_perfect_auc: float = 0.92
    """A column that ranks this well alone is refused unless it is declared as available."""
    declared_auc: float = 0.99
    """The same for a column whose declared time of availability is in order."""
    joint_auc: float = 0.97
    """Two columns whose difference ranks this well carry the answer between them."""
    late_share: float = 0.01
    """Share of an undeclared time column that may lie after the decision (clocks that differ)."""
    same_aggregate: float = 0.995
    """Rank correlation from which a column is some other column's total over the whole period."""
    equality_never: float = 0.002
    """A class in which two amounts agree in no more than this share of the rows ..."""
    equality_often: float = 0.3
    """... while they agree in at least this share of the other class."""
    least_expected: float = 30.0
    """Rows of the rarer answer that chance would have put among an amount's filled rows."""
    least_distinct: int = 20
    """Different values from which a column of numbers may be an amount."""
    bins: int = 20
    """Bins of a number when it is looked at as a category."""
    folds: int = 4
    """Blocks of time for statistics learnt on other rows than those judged."""
    prior_rows: float = 20.0
    """Rows of the base rate mixed into a level's own rate."""
    most_rows: int = 30_000
    """Rows looked at, drawn evenly over time."""
    promise_words: tuple[str, ...] = (
        "promis", "estimat", "schedul", "expect", "planned", "due", "deadline", "eta", "requested",
        "承诺", "预计", "预约", "计划", "约定", "截止", "期望", "要求",
    )  # fmt: skip
    """Words in the name of a time that is fixed at the decision although it lies after it."""


@dataclass(frozen=True)
class CountedRate:
    """A rate whose two counts the frame already holds as of each decision.

    (events + k * average) / (trials + k), the posterior mean of a beta-binomial with k =
    `RiskConfig.prior_rows`; the average is sum(events) / sum(trials) over the rows to fit. The
    column of events is replaced by the rate.
    """

    name: str
    events: str
    trials: str


@dataclass(frozen=True)
class Phrase:
    """A reason: its code and its words, in which {value} and {typical} are filled in."""

    code: str
    en: str
    zh: str


@dataclass(frozen=True)
class ReasonGroup:
    """Features that are one thing to a person; the first one decides between high and low."""

    features: tuple[str, ...]
    high: Phrase
    """Said where the first feature is above its typical value."""
    low: Phrase


@dataclass(frozen=True)
class RiskConfig:
    """Settings of splits, features, learners, calibration and promotion."""

    test_share: float = 0.2
    """Newest share of the matured rows, kept for the test."""
    calibrate_share: float = 0.25
    """Newest share of the rows before the test, kept for calibration."""
    validation_share: float = 0.25
    """Newest share of the rows to fit, used to choose between the learners."""
    whole_cohort_share: float = 0.99
    """Share of the labels that must have had time to become known before a day is learnt from."""
    least_rows: int = 100
    """Least rows in each of the three parts."""
    least_class_rows: int = 10
    """Least rows of each answer in each of the three parts."""
    most_fit_rows: int = 200_000
    """Rows to fit at most, the newest ones: bounds time and memory."""
    most_levels: int = 30
    """Levels of a category that the learners see; rarer ones are one level."""
    least_level_rows: int = 20
    """Rows to fit that a level must have to be one of its own."""
    prior_rows: float = 20.0
    """Rows of the base rate mixed into a level's earlier rate."""
    isotonic_from_events: int = 1_000
    """Rows of the rarer answer in the rows to calibrate from which isotonic may be chosen."""
    calibration_bins: int = 10
    """Bins of equal size of the expected calibration error."""
    calibration_half_life_events: float = 200.0
    """Events (rows of the rarer answer) after which a row counts half in the calibration."""
    calibration_prior_rows: float = 50.0
    """Imagined rows that say that the model's own probabilities are right."""
    renewals: int = 12
    """Stretches of the test; at the start of each the calibration is renewed, with what is known
    by then, as a run of every day would do."""
    refit_every: int = 3
    """Renewals between two at which the model is fitted again too."""
    drift_days: float = 14.0
    """Newest days whose inputs and scores are compared with those learnt from."""
    promotion_margin: float = 0.05
    """Relative gain in average precision that a better model must show over a simpler one."""
    boosting_rounds: int = 80
    """Trees of a gradient boosting."""
    rates: tuple[CountedRate, ...] = ()
    """Rates to build from counts in the frame."""
    reason_groups: tuple[ReasonGroup, ...] = ()
    """Words for features that belong together; every other feature speaks for itself."""
    reasons: int = 3
    """Most reasons given for a row."""
    least_effect: float = 0.1
    """Log-odds that a reason must add to be named."""
    seed: int = 7
    gate: GateConfig = field(default_factory=GateConfig)
