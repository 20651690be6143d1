"""The three risks: which columns they may see, what mistakes cost, and their words.

A parcel and an unpaid order are looked at again and again until the answer is known, so a row is a
look and the time that has passed is a feature: what was foretold at shipping is worth little on the
day before the promise runs out. Fraud is judged once, when the order is placed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from models_ml.order_risks.fraud import EVIDENCE, IS_ATTACK, SHARING, WATCH_SCORE, as_stream
from models_ml.order_risks.reasons import (
    FRAUD_REASONS,
    LATE_DELIVERY_REASONS,
    NON_PAYMENT_REASONS,
)
from models_ml.risk import Costs, CountedRate, ReasonGroup, RiskConfig


@dataclass(frozen=True)
class OrderRisk:
    """One kind of risk. Everything that is not named as a feature stays out of the model."""

    name: str
    """What the model is called in the registry and in every table."""
    subject: tuple[str, ...]
    """Columns that say what is at risk; its looks are never torn apart."""
    label: str
    numbers: tuple[str, ...]
    """Columns of numbers known at the look."""
    hours: tuple[tuple[str, str], ...]
    """Columns of minutes known at the look, each with its feature in hours."""
    categories: tuple[str, ...]
    """Columns of text known at the look."""
    costs: Costs
    reasons: tuple[ReasonGroup, ...]
    rates: tuple[CountedRate, ...] = field(default=())
    prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    """Adds what has to be counted row after row; each row only knows the rows before it."""
    warm_up_days: float = 0.0
    """Time from the first row in which what came before is not seen whole: history, no lesson."""
    attack: str | None = None
    """Column that says that the watch counts a row to an attack, without any model."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that are built."""
        return (*self.numbers, *(name for _, name in self.hours), *self.categories)

    @property
    def config(self) -> RiskConfig:
        """Settings of `models_ml.risk`."""
        return RiskConfig(reason_groups=self.reasons, rates=self.rates)


LATE_DELIVERY = OrderRisk(
    name="late_delivery",
    subject=("order_key", "parcel_no"),
    label="is_late",
    numbers=(
        "distance_km",
        "weight_kg",
        "scan_count",
        "is_out_for_delivery",
        "has_exception",
        "carrier_open_parcels",
    ),
    hours=(
        ("shipped_minutes", "hours_since_shipping"),
        ("remaining_minutes", "hours_to_promise"),
        ("unseen_minutes", "hours_unseen"),
    ),
    categories=("channel", "carrier", "lane", "site", "transport_mode"),
    # A word to the customer in time is cheap, a complaint and a second parcel are not.
    costs=Costs(false_negative=4.0, false_positive=1.0, capacity=0.1),
    reasons=LATE_DELIVERY_REASONS,
)
NON_PAYMENT = OrderRisk(
    name="non_payment",
    subject=("order_key",),
    label="is_unpaid",
    numbers=(
        "age_hours",
        "gross_amount",
        "line_count",
        "unit_count",
        "hour_of_day",
        "day_of_week",
        "customer_prior_orders",
        "customer_prior_unpaid_orders",
    ),
    hours=(),
    categories=("channel", "province"),
    # A reminder is cheap, but most who wait would have paid: it must not become a habit.
    costs=Costs(false_negative=1.0, false_positive=1.0, capacity=0.1),
    reasons=NON_PAYMENT_REASONS,
    rates=(
        CountedRate(
            "customer_prior_unpaid_rate",
            events="customer_prior_unpaid_orders",
            trials="customer_prior_orders",
        ),
    ),
)
FRAUD = OrderRisk(
    name="fraud",
    subject=("order_key",),
    label="is_fraud",
    numbers=(
        "gross_amount",
        "line_count",
        "unit_count",
        "hour_of_day",
        "day_of_week",
        *SHARING,
        EVIDENCE,
    ),
    hours=(),
    # Of a device, an address and a customer: earlier frauds that were known by then.
    categories=("channel", "province", "device_token", "address_token", "customer_key"),
    # A fraud loses the goods and the money; a look holds an order for an hour.
    costs=Costs(false_negative=10.0, false_positive=1.0, capacity=0.02),
    reasons=FRAUD_REASONS,
    prepare=as_stream,
    warm_up_days=WATCH_SCORE.watch.warm_up_days,
    attack=IS_ATTACK,
)
ORDER_RISKS = (LATE_DELIVERY, NON_PAYMENT, FRAUD)
