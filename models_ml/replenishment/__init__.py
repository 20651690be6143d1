"""Replenishment: from a forecast and a stock position to a quantity to order."""

from models_ml.replenishment.config import ReplenishmentConfig, ScenarioConfig
from models_ml.replenishment.policy import policy
from models_ml.replenishment.positions import replenishment_positions
from models_ml.replenishment.simulation import (
    Replay,
    StockState,
    perfect_foresight,
    replay_policy,
    seasonal_cover_orders,
)

__all__ = [
    "Replay",
    "ReplenishmentConfig",
    "ScenarioConfig",
    "StockState",
    "perfect_foresight",
    "policy",
    "replay_policy",
    "replenishment_positions",
    "seasonal_cover_orders",
]
