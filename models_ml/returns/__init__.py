"""Return risk of an order line: features, candidates, honest test, calibrated scores, reasons."""

from models_ml.returns.config import LeakageError, ReturnRiskConfig
from models_ml.returns.evaluate import ReturnRiskReport
from models_ml.returns.model import train
from models_ml.returns.scoring import NotEnoughData, TrainedReturnRisk, score

__all__ = [
    "LeakageError",
    "NotEnoughData",
    "ReturnRiskConfig",
    "ReturnRiskReport",
    "TrainedReturnRisk",
    "score",
    "train",
]
