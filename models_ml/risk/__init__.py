"""Risk of an order: leakage gate, honest evaluation, calibrated models, costs, reasons."""

from models_ml.risk.config import Costs, GateConfig, RiskConfig
from models_ml.risk.evaluate import evaluate
from models_ml.risk.report import OneColumnBaseline, Report

__all__ = ["Costs", "GateConfig", "OneColumnBaseline", "Report", "RiskConfig", "evaluate"]
