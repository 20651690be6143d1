"""The text that names a fitted model: same configuration and data window, same name."""

import hashlib
import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def config_hash(config: "DataclassInstance") -> str:
    """The first 8 hex digits of the SHA-256 of a configuration's canonical JSON."""
    text = json.dumps(asdict(config), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def model_version(
    model: str, config: "DataclassInstance", *, window_start: date, window_end: date
) -> str:
    """Name a model by what it was made from, e.g. `demand-1a2b3c4d-20240101-20241231`.

    No clock and no random part: the same configuration on the same window has the same version.
    """
    return f"{model}-{config_hash(config)}-{window_start:%Y%m%d}-{window_end:%Y%m%d}"
