"""What the list of each day was worth, once the answers are known; champion beside challenger.

An order counts on the day on which its answer became known, by what was foretold at the last look
before it. So the figures of a day are whole when it ends: nothing that is still open is missing.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from models_ml.frames import as_instant
from models_ml.order_risks.model import TrainedOrderRisk
from models_ml.risk.model import CHALLENGER

DAYS = 14
DAY_COLUMNS = (
    "business",
    "risk",
    "answered_on",
    "model_version",
    "in_use",
    "challenger",
    "threshold",
    "answered_count",
    "event_count",
    "listed_count",
    "hit_count",
    "squared_error",
    "challenger_listed_count",
    "challenger_hit_count",
    "challenger_squared_error",
)


def days_of(model: TrainedOrderRisk, *, as_of: datetime, time_zone: str) -> pd.DataFrame:
    """One row a whole day, at most the newest DAYS of them, with DAY_COLUMNS; sums only.

    What was foretold is what would have been in use at the time of each look: fitted and calibrated
    on answers known by then. Days before which some looks belong to the rows that the first of
    those models was fitted on are left out, as some of their answers would be missing.

    Args:
        model: what `train` returned.
        as_of: the present; its own day is not over, so it is left out.
        time_zone: of the days.
    """
    recent = model.model.recent
    if not model.attacks.empty:
        recent = pd.concat([recent, model.attacks], ignore_index=True)
    last_looks = recent.sort_values("decided_at", kind="stable").drop_duplicates(
        "group", keep="last"
    )
    zone = ZoneInfo(time_zone)
    days = _local_days(last_looks["known_at"].to_numpy(), zone)
    whole_from = _local_days(np.array([model.model.recent_from]), zone)[0] + 1
    today = _local_days(np.array([as_instant(as_of)]), zone)[0]
    is_whole = (days >= max(whole_from, today - DAYS)) & (days < today)
    last_looks, days = last_looks[is_whole], days[is_whole]
    threshold = model.model.costs.threshold
    is_event = last_looks["label"].to_numpy() == 1
    columns: dict[str, np.ndarray] = {
        "answered_count": np.ones(len(days), dtype=np.int64),
        "event_count": is_event.astype(np.int64),
    }
    for name, column in (("", "probability"), ("challenger_", CHALLENGER)):
        told = last_looks[column].to_numpy(dtype=np.float64)
        columns[f"{name}listed_count"] = (told >= threshold).astype(np.int64)
        columns[f"{name}hit_count"] = ((told >= threshold) & is_event).astype(np.int64)
        columns[f"{name}squared_error"] = (told - is_event) ** 2
    sums = pd.DataFrame(columns).groupby(days).sum()
    return sums.assign(
        business=model.business,
        risk=model.risk.name,
        answered_on=sums.index.to_numpy().astype("datetime64[D]"),
        model_version=model.model.model_version,
        in_use=model.report.kept,
        challenger=model.challenger,
        threshold=threshold,
    )[list(DAY_COLUMNS)].reset_index(drop=True)


def _local_days(instants: np.ndarray, zone: ZoneInfo) -> np.ndarray:
    """Days since 1970 in a time zone, int64 (n,)."""
    local = pd.DatetimeIndex(instants, tz="UTC").tz_convert(zone).tz_localize(None)
    days: np.ndarray = local.to_numpy().astype("datetime64[D]").astype(np.int64)
    return days
