"""Risks of an order that come true by themselves: late delivery, non-payment."""

from models_ml.order_risks.config import LATE_DELIVERY, NON_PAYMENT, ORDER_RISKS, OrderRisk
from models_ml.order_risks.days import DAY_COLUMNS, days_of
from models_ml.order_risks.model import SCORE_COLUMNS, TrainedOrderRisk, score, train
from models_ml.risk import NotEnoughData

__all__ = [
    "DAY_COLUMNS",
    "LATE_DELIVERY",
    "NON_PAYMENT",
    "ORDER_RISKS",
    "SCORE_COLUMNS",
    "NotEnoughData",
    "OrderRisk",
    "TrainedOrderRisk",
    "days_of",
    "score",
    "train",
]
