"""Fraud: what an order shares with whom, read from the stream of orders as it came.

Each row is built from the orders before it alone: velocity and sharing of device and address, and
the evidence of the watch, which needs no label (`models_ml.risk.fraud`). Where too few frauds are
known to train a model, the watch speaks alone, of orders that belong to an attack and no others.
"""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd

from models_ml.frames import as_instant, as_utc, require_columns, require_values
from models_ml.risk import Watch, WatchConfig, sharing_features
from models_ml.risk.config import Phrase
from models_ml.versions import config_hash

KEYS = (("device", "device_token"), ("address", "address_token"))
"""What may be shared, and the column that holds it."""
WINDOWS_HOURS = (24.0, 168.0, 720.0)
IS_ATTACK, SHARED, OTHERS = "is_attack", "shared", "sharing_accounts"
SHARING = (
    "account_orders",
    "account_hours",
    *(
        f"{key}_{what}"
        for key, _ in KEYS
        for what in ("orders", "accounts", *(f"accounts_{hours:g}h" for hours in WINDOWS_HOURS))
    ),
)
EVIDENCE = "sharing_evidence"


@dataclass(frozen=True)
class WatchScore:
    """What an order of an attack is said to be worth a look."""

    watch: WatchConfig = field(default_factory=WatchConfig)
    attack_risk: float = 0.95
    """Share of orders of an attack that are fraud; the bench's rings had 0.977 to 1.0."""


WATCH_SCORE = WatchScore()
RING_COLUMNS = ("top_reasons", "reasons_en", "reasons_zh")
_RING = Phrase(
    "ring",
    "{value} other customers came to its {what} lately",
    "近期另有 {value} 位客户使用同一{what}",
)
_WHAT = {"device": ("device", "设备"), "address": ("address", "地址")}
_EITHER = ("device or address", "设备或地址")
"""Of an order that belongs to an attack because its values were marked before."""


def as_stream(orders: pd.DataFrame) -> pd.DataFrame:
    """The orders of one business in order of time, with SHARING, EVIDENCE and the watch's word.

    Args:
        orders: rows of `fct_fraud_examples`.

    Raises:
        FrameError: a column, a customer or a time is missing.
    """
    names = [column for _, column in KEYS]
    require_columns(orders, ("order_key", "customer_key", "decided_at", *names), name="examples")
    require_values(orders, ("customer_key", "decided_at"), name="examples")
    orders = orders.sort_values(["decided_at", "order_key"], ignore_index=True)
    stream = orders.rename(columns={column: key for key, column in KEYS})
    shared = sharing_features(
        stream,
        account="customer_key",
        time="decided_at",
        keys=tuple(key for key, _ in KEYS),
        windows_hours=WINDOWS_HOURS,
    )
    longest = [f"{key}_accounts_{WINDOWS_HOURS[-1]:g}h" for key, _ in KEYS]
    watched = _watched(stream)
    return orders.assign(
        **{name: shared[name].to_numpy() for name in SHARING},
        **{OTHERS: shared[longest].max(axis=1).to_numpy()},
        **watched,
    )


def _watched(stream: pd.DataFrame) -> dict[str, np.ndarray]:
    watch = Watch(WATCH_SCORE.watch)
    moments = as_utc(stream["decided_at"])
    days = (moments - moments[:1]) / np.timedelta64(1, "D")
    texts = [
        stream[key].astype("object").where(stream[key].notna(), None).to_numpy() for key, _ in KEYS
    ]
    verdicts = [
        watch.observe(
            str(account),
            float(day),
            {key: str(one) for (key, _), one in zip(KEYS, values, strict=True) if one is not None},
        )
        for account, day, *values in zip(stream["customer_key"], days, *texts, strict=True)
    ]
    return {
        EVIDENCE: np.array([one.evidence for one in verdicts], dtype=np.float64),
        IS_ATTACK: np.array([one.is_attack for one in verdicts], dtype=bool),
        SHARED: np.array([", ".join(one.shared) for one in verdicts], dtype=object),
    }


def with_watch(risk: np.ndarray, is_attack: np.ndarray) -> np.ndarray:
    """The model's probability and the watch's, as if they were independent signs."""
    watched = np.where(is_attack, WATCH_SCORE.attack_risk, 0.0)
    result: np.ndarray = 1.0 - (1.0 - risk) * (1.0 - watched)
    return result


def ring_words(stream: pd.DataFrame) -> pd.DataFrame:
    """Code and words of what the watch saw, index as given."""
    rows = []
    for shared, others in zip(stream[SHARED], stream[OTHERS], strict=True):
        en, zh = _WHAT.get(str(shared), _EITHER)
        count = f"{int(others):,}"
        rows.append(
            (
                _RING.code,
                _RING.en.format(value=count, what=en),
                _RING.zh.format(value=count, what=zh),
            )
        )
    return pd.DataFrame(rows, columns=list(RING_COLUMNS), index=stream.index)


def watch_alone(stream: pd.DataFrame, *, business: str, scored_at: datetime) -> pd.DataFrame:
    """Scores of the open orders that belong to an attack; of the others nothing is said.

    Args:
        stream: what `as_stream` returned.
        business: whose orders they are.
        scored_at: written into every row.

    Returns:
        Rows with the columns of `score`; no challenger.
    """
    found = stream[stream["is_open"].astype(bool) & stream[IS_ATTACK]]
    return found.assign(
        business=business,
        risk="fraud",
        parcel_no=None,
        risk_score=WATCH_SCORE.attack_risk,
        is_above_threshold=True,
        **{name: ring_words(found)[name].to_numpy() for name in RING_COLUMNS},
        challenger_score=np.nan,
        model_version=f"fraud-watch-{config_hash(WATCH_SCORE)}",
        scored_at=pd.Timestamp(as_instant(scored_at), tz="UTC"),
    )
