"""Risk of an order: leakage gate, honest evaluation, calibrated models, costs, fraud rings."""

from models_ml.risk.config import Costs, GateConfig, RiskConfig
from models_ml.risk.evaluate import evaluate
from models_ml.risk.fraud import FraudConfig, Watch, WatchConfig, score_stream, sharing_features
from models_ml.risk.report import OneColumnBaseline, Report

__all__ = [
    "Costs",
    "FraudConfig",
    "GateConfig",
    "OneColumnBaseline",
    "Report",
    "RiskConfig",
    "Watch",
    "WatchConfig",
    "evaluate",
    "score_stream",
    "sharing_features",
]
