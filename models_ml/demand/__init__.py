"""Daily demand of every SKU: history to matrix, methods, back-test, forecast with interval."""

from models_ml.demand.backtest import DemandBacktest, backtest_demand, wape
from models_ml.demand.config import DemandConfig
from models_ml.demand.forecast import forecast_demand

__all__ = ["DemandBacktest", "DemandConfig", "backtest_demand", "forecast_demand", "wape"]
