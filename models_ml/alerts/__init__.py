"""Alerts on daily counts: which series converts less than usual, and what explains it."""

from models_ml.alerts.config import AlertSettings
from models_ml.alerts.detection import detect
from models_ml.alerts.drill import explain_change

__all__ = ["AlertSettings", "detect", "explain_change"]
