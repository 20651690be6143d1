"""Customers: what they will buy and what they are worth."""

from models_ml.customers.config import ValueSettings
from models_ml.customers.value import clv

__all__ = ["ValueSettings", "clv"]
