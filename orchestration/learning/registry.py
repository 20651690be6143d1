"""The registry of models, `ml.model_versions`: what was learnt from what, and why it is in use.

A row a model, business and version; a version is its settings and its data window, so that a run on
the same data adds none. Rows are never changed: the newest one of a model and business is in use.
"""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb
import pandas as pd

from models_ml.evaluations import promotion_reason
from models_ml.risk import Report, RiskModel
from orchestration.learning.ml_tables import ML_TABLES, empty_frame
from orchestration.publishing import git_commit

TABLE = "model_versions"
_KEY = ["model", "business", "model_version"]


def registry_row(
    model: RiskModel, *, name: str, business: str, snapshot_id: int, registered_at: datetime
) -> dict[str, Any]:
    """The row of a model that was just learnt from a snapshot of the lake."""
    report = model.report
    return {
        "model": name,
        "business": business,
        "model_version": model.model_version,
        "snapshot_id": snapshot_id,
        "code_version": git_commit(),
        "learner": report.learner,
        "in_use": report.kept,
        "challenger": None if model.challenger is None else model.challenger.name,
        "is_promoted": report.kept == report.learner,
        "reason": promotion_reason(
            report.scores, kept=report.kept, margin=model.config.promotion_margin
        ),
        "report": report_as_json(report),
        "registered_at": pd.Timestamp(registered_at),
    }


def report_as_json(report: Report) -> str:
    """The whole report as JSON; a figure that is no number becomes null."""
    return json.dumps(_finite(report.to_dict()), ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def registered(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """All rows of the registry; none before the first model.

    A column that an earlier release did not write is empty.
    """
    try:
        known = connection.execute("select * from lake.ml.model_versions").df()
    except duckdb.CatalogException:
        return empty_frame(TABLE)
    return known.reindex(columns=[*ML_TABLES[TABLE]])


def with_new_versions(known: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The registry with the versions that it lacks; a version keeps the row it has."""
    if not rows:
        return known
    new = pd.DataFrame(list(rows))
    stacked = new if known.empty else pd.concat([known, new], ignore_index=True)
    return stacked.drop_duplicates(_KEY, keep="first", ignore_index=True)
