"""Train and score one risk on the looks at one business's orders; the work is `models_ml.risk`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from models_ml import risk as order_risk
from models_ml.frames import (
    as_float,
    as_instant,
    as_utc,
    require_columns,
    require_one_business,
    require_unique,
    require_values,
)
from models_ml.order_risks.config import OrderRisk
from models_ml.order_risks.fraud import (
    RING_COLUMNS,
    WATCH_SCORE,
    ring_words,
    watch_alone,
    with_watch,
)
from models_ml.risk import NotEnoughData, Report, RiskModel
from models_ml.risk.model import CHALLENGER
from models_ml.risk.reasons import BASE_RATE_ONLY, NO_RAISED_RISK

NO_REASONS = (BASE_RATE_ONLY.code, NO_RAISED_RISK.code)
DECIDED_AT, MATURED_AT, IS_OPEN = "decided_at", "label_known_at", "is_open"
_GROUP = "subject"
SCORE_COLUMNS = (
    "business",
    "order_key",
    "order_no",
    "parcel_no",
    "gross_amount",
    "currency_code",
    "risk",
    "risk_score",
    "is_above_threshold",
    "top_reasons",
    "reasons_en",
    "reasons_zh",
    "challenger_score",
    "model_version",
    "decided_at",
    "scored_at",
)


@dataclass(frozen=True)
class TrainedOrderRisk:
    """A model that may score looks at orders of its business."""

    business: str
    risk: OrderRisk
    model: RiskModel
    attacks: pd.DataFrame
    """As `model.recent`, of the answered orders that the watch counted to an attack: the model
    neither learns from them, which would teach it that everything is fraud, nor is judged by them.
    """

    @property
    def report(self) -> Report:
        """What the test said."""
        return self.model.report

    @property
    def challenger(self) -> str | None:
        """Name of the candidate that runs in shadow."""
        return None if self.model.challenger is None else self.model.challenger.name


def train(
    examples: pd.DataFrame, risk: OrderRisk, *, as_of: datetime
) -> TrainedOrderRisk | NotEnoughData:
    """Train on what was known at `as_of`.

    Args:
        examples: rows of the risk's mart of one business: its subject, features and label,
            `business`, `decided_at`, `label_known_at`. Looks that came later, and labels known
            later, are not looked at.
        risk: which one.
        as_of: the present; a naive time is taken as UTC.

    Returns:
        The model with its report, or `NotEnoughData` where there are too few answers or only one
        kind of them.

    Raises:
        FrameError: a missing column, several businesses, two rows for one look, an empty time.
    """
    keys = ("business", *risk.subject, DECIDED_AT)
    require_columns(examples, (*keys, MATURED_AT, risk.label), name="examples")
    require_values(examples, keys, name="examples")
    examples = examples[as_utc(examples[DECIDED_AT]) <= as_instant(as_of)]
    if examples.empty:
        return NotEnoughData("There is no order up to this time, so nothing to learn from.")
    business = require_one_business(examples, name="examples")
    if risk.attack is not None:
        require_columns(examples, [risk.attack], name="examples")
    require_unique(examples, [*risk.subject, DECIDED_AT], name="examples")
    # The same looks give the same model, in whatever order the lake hands them over.
    examples = examples.sort_values([DECIDED_AT, *risk.subject], ignore_index=True)
    frame = build_features(examples, risk)
    frame[_GROUP] = examples.groupby(list(risk.subject), sort=False).ngroup().to_numpy()
    frame[risk.label] = _labels(examples, risk)
    frame[MATURED_AT] = as_utc(examples[MATURED_AT])
    attacked = is_attack(examples, risk)
    model = order_risk.train(
        frame[~attacked].reset_index(drop=True),
        label=risk.label,
        decided_at=DECIDED_AT,
        matured_at=MATURED_AT,
        group=_GROUP,
        available_at=dict.fromkeys(risk.features),
        cost=risk.costs,
        config=risk.config,
        as_of=as_of,
        name=risk.name.replace("_", "-"),
    )
    if isinstance(model, NotEnoughData):
        return model
    return TrainedOrderRisk(business, risk, model, _answered_attacks(frame[attacked], risk, model))


def _labels(examples: pd.DataFrame, risk: OrderRisk) -> pd.Series:
    """The labels, without those of the time in which nothing has a history yet."""
    labels = pd.Series(examples[risk.label].to_numpy(dtype=object))
    start = examples[DECIDED_AT].iloc[0] + pd.Timedelta(days=risk.warm_up_days)
    return labels.mask((examples[DECIDED_AT] < start).to_numpy(), None)


def _answered_attacks(rows: pd.DataFrame, risk: OrderRisk, model: RiskModel) -> pd.DataFrame:
    """What was foretold of orders of an attack, by who answered them by now."""
    known_at = as_utc(rows[MATURED_AT])
    is_answered = known_at <= model.trained_as_of
    rows, known_at = rows[is_answered], known_at[is_answered]
    told = np.full(len(rows), WATCH_SCORE.attack_risk)
    return pd.DataFrame(
        {
            "group": -1 - rows[_GROUP].to_numpy(dtype=np.int64),  # the model numbers its own anew
            "decided_at": as_utc(rows[DECIDED_AT]),
            "known_at": known_at,
            "label": rows[risk.label].astype("float64").to_numpy(dtype=np.int64),
            "probability": told,
            CHALLENGER: told,
        }
    )


def prepare(examples: pd.DataFrame, risk: OrderRisk) -> pd.DataFrame:
    """The examples of one business with what has to be counted row after row.

    To be called before `train` and `score`, with everything that the mart has: each row only knows
    the rows before it.
    """
    return examples if risk.prepare is None else risk.prepare(examples)


def is_attack(examples: pd.DataFrame, risk: OrderRisk) -> np.ndarray:
    """Which rows the watch counts to an attack, bool (n,); none where a risk has no watch."""
    if risk.attack is None:
        return np.zeros(len(examples), dtype=bool)
    result: np.ndarray = examples[risk.attack].to_numpy(dtype=bool)
    return result


def score_without_model(
    looks: pd.DataFrame, risk: OrderRisk, *, business: str, scored_at: datetime
) -> pd.DataFrame:
    """What can be said where there are too few answers to train on: the watch's word, if any.

    Args:
        looks: prepared rows of the mart; the open ones are scored.
        risk: which one.
        business: whose looks they are.
        scored_at: written into every row.
    """
    if risk.attack is None:
        return pd.DataFrame(columns=list(SCORE_COLUMNS))
    return watch_alone(looks, business=business, scored_at=scored_at)[list(SCORE_COLUMNS)]


def score(model: TrainedOrderRisk, looks: pd.DataFrame, *, scored_at: datetime) -> pd.DataFrame:
    """Probability that each order goes wrong, why, and what the challenger says.

    Args:
        model: what `train` returned.
        looks: rows of the same mart and business; no label needed.
        scored_at: written into every row; see `RiskModel.score`.

    Returns:
        One row a look in the order given, with SCORE_COLUMNS.

    Raises:
        FrameError: a missing column, several businesses, a look after `scored_at`.
        ValueError: the looks are of another business than the model.
    """
    if looks.empty:
        return pd.DataFrame(columns=list(SCORE_COLUMNS))
    business = require_one_business(looks, name="looks")
    if business != model.business:
        raise ValueError(f"The model is of business {model.business}, the looks are of {business}.")
    frame = build_features(looks, model.risk)
    scored = model.model.score(frame, scored_at=scored_at, with_challenger=True).rename(
        columns={
            "probability": "risk_score",
            "reason_codes": "top_reasons",
            CHALLENGER: "challenger_score",
        }
    )
    attacked = is_attack(looks, model.risk)
    if attacked.any():
        _say_attacks(scored, looks, attacked, threshold=model.model.costs.threshold)
    return scored.assign(
        business=business,
        risk=model.risk.name,
        order_key=looks["order_key"].to_numpy(),
        **_of_the_order(looks),
        parcel_no=looks["parcel_no"].to_numpy() if "parcel_no" in model.risk.subject else None,
        decided_at=looks[DECIDED_AT].to_numpy(),
    )[list(SCORE_COLUMNS)]


def _of_the_order(looks: pd.DataFrame) -> dict[str, Any]:
    """What a rule says of an order, where the mart tells it; no amount without its currency."""
    names = ("order_no", "gross_amount", "currency_code")
    if not {*names} <= {*looks.columns}:
        return dict.fromkeys(names)
    return {name: looks[name].to_numpy() for name in names}


def _say_attacks(
    scored: pd.DataFrame, looks: pd.DataFrame, attacked: np.ndarray, *, threshold: float
) -> None:
    """Raise what belongs to an attack, and say first what the watch saw; changes `scored`."""
    for name in ("risk_score", "challenger_score"):
        scored[name] = with_watch(scored[name].to_numpy(dtype=np.float64), attacked)
    scored["is_above_threshold"] = scored["risk_score"] >= threshold
    is_raised = ~scored["top_reasons"].isin(NO_REASONS).to_numpy()[attacked]
    ring = ring_words(looks[attacked])
    for name in RING_COLUMNS:
        joint = "；" if name == "reasons_zh" else "; "
        before = scored[name].to_numpy(dtype=object)[attacked]
        scored.loc[attacked, name] = [
            f"{ours}{joint}{theirs}" if says_more else ours
            for ours, theirs, says_more in zip(ring[name], before, is_raised, strict=True)
        ]


def build_features(looks: pd.DataFrame, risk: OrderRisk) -> pd.DataFrame:
    """The declared columns as numbers and text with `decided_at`, index 0..n-1.

    Everything else, the label among it, is left behind.

    Raises:
        FrameError: a feature column is missing or holds no numbers.
    """
    require_columns(
        looks,
        (*risk.numbers, *(name for name, _ in risk.hours), *risk.categories, DECIDED_AT),
        name="looks",
    )
    columns: dict[str, object] = {name: as_float(looks[name]) for name in risk.numbers}
    for minutes, hours in risk.hours:
        columns[hours] = (as_float(looks[minutes]) / 60.0).round(1)
    columns |= {name: looks[name].to_numpy() for name in risk.categories}
    columns[DECIDED_AT] = as_utc(looks[DECIDED_AT])
    return pd.DataFrame(columns)
