"""Return risk of an order line: its columns, costs and reasons; the rest is `models_ml.risk`."""

from models_ml.returns.config import LeakageError, ReturnRiskConfig
from models_ml.returns.model import SCORE_COLUMNS, TrainedReturnRisk, score, train
from models_ml.risk import NotEnoughData

__all__ = [
    "SCORE_COLUMNS",
    "LeakageError",
    "NotEnoughData",
    "ReturnRiskConfig",
    "TrainedReturnRisk",
    "score",
    "train",
]
