"""What a person may set in the return-risk model, and which columns it may ever see."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class ReturnRiskConfig:
    """Settings of features, splits, calibration and promotion."""

    features: tuple[str, ...] = DECLARED_FEATURES
    """Columns used, a subset of DECLARED_FEATURES."""
    prior_lines: float = 10.0
    """Lines of the average mixed into a customer's or a SKU's own return rate."""
    test_share: float = 0.2
    """Newest share of the matured lines, kept for the test."""
    calibrate_share: float = 0.25
    """Newest share of the lines before the test, kept for calibration."""
    validation_share: float = 0.25
    """Newest share of the lines to fit, used to choose between the learners."""
    least_rows: int = 100
    """Least lines in each of the three parts."""
    least_class_rows: int = 10
    """Least returned and least kept lines in each of the three parts."""
    most_fit_rows: int = 200_000
    """Lines to fit at most, the newest ones: bounds time and memory."""
    isotonic_from_rows: int = 1_000
    """Lines to calibrate from which isotonic regression is used; sigmoid below."""
    promotion_margin: float = 0.05
    """Relative gain in average precision that a better model must show over a simpler one."""
    calibration_bins: int = 10
    """Bins of equal size of the expected calibration error."""
    reasons: int = 3
    """Most reasons given for a line."""
    seed: int = 7

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
