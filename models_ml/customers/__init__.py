"""Customers: what they will buy and what they are worth."""

from models_ml.customers.config import NextPurchaseSettings, SequenceSettings, ValueSettings
from models_ml.customers.judging import judge_value
from models_ml.customers.next_purchase import backtest_next_purchases, next_purchases
from models_ml.customers.sequences import sequences
from models_ml.customers.value import clv

__all__ = [
    "NextPurchaseSettings",
    "SequenceSettings",
    "ValueSettings",
    "backtest_next_purchases",
    "clv",
    "judge_value",
    "next_purchases",
    "sequences",
]
