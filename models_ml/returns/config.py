"""What a person may set in the return-risk model, and which columns it may ever see."""

from dataclasses import dataclass, field

from models_ml.returns.reasons import REASON_GROUPS
from models_ml.risk import Costs, CountedRate, RiskConfig

KEY_COLUMNS = ("business", "order_key", "line_no", "customer_key")
NUMERIC_FEATURES = (
    "quantity",
    "unit_price",
    "line_amount",
    "order_line_count",
    "order_amount",
    "hour_of_day",
    "day_of_week",
    "customer_prior_lines",
    "customer_prior_returned_lines",
    "customer_prior_days",
    "sku_prior_lines",
    "sku_prior_returned_lines",
)
CATEGORY_FEATURES = ("channel",)
DECLARED_FEATURES = (*NUMERIC_FEATURES, *CATEGORY_FEATURES)
"""Columns known when the order is placed; a feature that is not in this list is refused."""


class LeakageError(ValueError):
    """A feature could tell the answer: it is not declared as known when the order is placed."""


def _risk_config() -> RiskConfig:
    rates = tuple(
        CountedRate(
            f"{subject}_prior_return_rate",
            events=f"{subject}_prior_returned_lines",
            trials=f"{subject}_prior_lines",
        )
        for subject in ("customer", "sku")
    )
    return RiskConfig(rates=rates, prior_rows=10.0, reason_groups=REASON_GROUPS)


@dataclass(frozen=True)
class ReturnRiskConfig:
    """Which columns are used, what mistakes cost, and the settings of `models_ml.risk`."""

    features: tuple[str, ...] = DECLARED_FEATURES
    """Columns used, a subset of DECLARED_FEATURES."""
    costs: Costs = field(default_factory=Costs)
    """What a missed return and a needless look cost."""
    risk: RiskConfig = field(default_factory=_risk_config)

    def __post_init__(self) -> None:
        """Refuse features that are not known when the order is placed.

        Raises:
            LeakageError: a feature is not declared.
        """
        check_features(self.features)


def check_features(features: tuple[str, ...]) -> None:
    """The leakage guard: only declared columns may be features.

    The label, the time it became known and anything counted after the order are never declared.

    Raises:
        LeakageError: names the refused columns.
    """
    refused = [name for name in features if name not in DECLARED_FEATURES]
    if refused:
        raise LeakageError(
            f"The column(s) {', '.join(refused)} are not declared as known when the order is "
            "placed, so they may carry the answer; remove them from the features."
        )
