"""Replenishment: from a forecast and a stock position to a quantity to order."""

from models_ml.replenishment.config import ReplenishmentConfig
from models_ml.replenishment.positions import replenishment_positions

__all__ = ["ReplenishmentConfig", "replenishment_positions"]
