"""All benchmarks of models, one after another; each one's figures carry its name in front."""

import importlib
from pathlib import Path
from typing import Any

MODELS = ("demand", "replenishment", "risk", "fraud", "customers", "identity", "alerts")
"""Benchmarks of models by name; `fourflow bench NAME` runs one alone."""


def run() -> dict[str, Any]:
    """Figures of every benchmark of models that this checkout has, and which ones ran."""
    here = Path(__file__).parent
    present = [name for name in MODELS if (here / f"{name}.py").is_file()]
    figures: dict[str, Any] = {"benchmarks": ", ".join(present)}
    for name in present:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        figures |= {f"{name}_{figure}": value for figure, value in module.run().items()}
    return figures
