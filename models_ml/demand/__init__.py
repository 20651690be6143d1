"""Demand of every series: history to matrix, methods, combination, quantiles, back-test."""

from models_ml.demand.config import DemandConfig
from models_ml.demand.daily import DailyConfig, DemandBacktest, backtest_demand, forecast_demand
from models_ml.demand.interface import backtest, forecast
from models_ml.demand.report import Report, wape

__all__ = [
    "DailyConfig",
    "DemandBacktest",
    "DemandConfig",
    "Report",
    "backtest",
    "backtest_demand",
    "forecast",
    "forecast_demand",
    "wape",
]
