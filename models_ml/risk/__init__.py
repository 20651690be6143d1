"""Risk of an order: leakage gate, honest evaluation, calibrated models, costs, fraud rings."""

from models_ml.risk.config import (
    Costs,
    CountedRate,
    GateConfig,
    Phrase,
    ReasonGroup,
    RiskConfig,
)
from models_ml.risk.evaluate import evaluate
from models_ml.risk.fraud import FraudConfig, Watch, WatchConfig, score_stream, sharing_features
from models_ml.risk.model import NotEnoughData, RiskModel, train
from models_ml.risk.report import OneColumnBaseline, Report

__all__ = [
    "Costs",
    "CountedRate",
    "FraudConfig",
    "GateConfig",
    "NotEnoughData",
    "OneColumnBaseline",
    "Phrase",
    "ReasonGroup",
    "Report",
    "RiskConfig",
    "RiskModel",
    "Watch",
    "WatchConfig",
    "evaluate",
    "score_stream",
    "sharing_features",
    "train",
]
