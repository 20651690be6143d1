"""Replenishment: from a forecast and a stock position to a quantity to order."""

from models_ml.replenishment.config import ReplenishmentConfig, ScenarioConfig
from models_ml.replenishment.policy import policy
from models_ml.replenishment.positions import replenishment_positions
from models_ml.replenishment.reorder import (
    ArticleCosts,
    ReorderPolicy,
    estimated_demand,
    exact_reorder_policy,
    policy_cost,
    quantile_reorder_policy,
    rounded_order,
    within_budget,
)
from models_ml.replenishment.simulation import (
    Replay,
    StockState,
    perfect_foresight,
    replay_policy,
    seasonal_cover_orders,
)

__all__ = [
    "ArticleCosts",
    "ReorderPolicy",
    "Replay",
    "ReplenishmentConfig",
    "ScenarioConfig",
    "StockState",
    "estimated_demand",
    "exact_reorder_policy",
    "perfect_foresight",
    "policy",
    "policy_cost",
    "quantile_reorder_policy",
    "replay_policy",
    "replenishment_positions",
    "rounded_order",
    "seasonal_cover_orders",
    "within_budget",
]
