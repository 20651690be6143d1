"""Replenishment: from a forecast and a stock position to a quantity to order."""

from models_ml.replenishment.config import ReplenishmentConfig, ScenarioConfig
from models_ml.replenishment.making import bill_in_force, plan_making, with_components
from models_ml.replenishment.netting import open_proposals
from models_ml.replenishment.orders import ReplenishmentPlan, plan_orders
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
from models_ml.replenishment.supply import with_supply_terms

__all__ = [
    "ArticleCosts",
    "ReorderPolicy",
    "Replay",
    "ReplenishmentConfig",
    "ReplenishmentPlan",
    "ScenarioConfig",
    "StockState",
    "bill_in_force",
    "estimated_demand",
    "exact_reorder_policy",
    "open_proposals",
    "perfect_foresight",
    "plan_making",
    "plan_orders",
    "policy",
    "policy_cost",
    "quantile_reorder_policy",
    "replay_policy",
    "replenishment_positions",
    "rounded_order",
    "seasonal_cover_orders",
    "with_components",
    "with_supply_terms",
    "within_budget",
]
