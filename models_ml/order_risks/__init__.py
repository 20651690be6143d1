"""Risks of an order that a run learns: late delivery, non-payment, fraud."""

from models_ml.order_risks.config import FRAUD, LATE_DELIVERY, NON_PAYMENT, ORDER_RISKS, OrderRisk
from models_ml.order_risks.days import DAY_COLUMNS, days_of
from models_ml.order_risks.model import (
    SCORE_COLUMNS,
    TrainedOrderRisk,
    prepare,
    score,
    score_without_model,
    train,
)
from models_ml.risk import NotEnoughData

__all__ = [
    "DAY_COLUMNS",
    "FRAUD",
    "LATE_DELIVERY",
    "NON_PAYMENT",
    "ORDER_RISKS",
    "SCORE_COLUMNS",
    "NotEnoughData",
    "OrderRisk",
    "TrainedOrderRisk",
    "days_of",
    "prepare",
    "score",
    "score_without_model",
    "train",
]
