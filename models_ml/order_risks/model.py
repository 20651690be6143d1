"""Train and score one risk on the looks at one business's orders; the work is `models_ml.risk`."""

from dataclasses import dataclass
from datetime import datetime

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
from models_ml.risk import NotEnoughData, Report, RiskModel
from models_ml.risk.model import CHALLENGER

DECIDED_AT, MATURED_AT, IS_OPEN = "decided_at", "label_known_at", "is_open"
_GROUP = "subject"
SCORE_COLUMNS = (
    "business",
    "order_key",
    "parcel_no",
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
    require_unique(examples, [*risk.subject, DECIDED_AT], name="examples")
    # The same looks give the same model, in whatever order the lake hands them over.
    examples = examples.sort_values([DECIDED_AT, *risk.subject], ignore_index=True)
    frame = build_features(examples, risk)
    frame[_GROUP] = examples.groupby(list(risk.subject), sort=False).ngroup().to_numpy()
    frame[risk.label] = examples[risk.label].to_numpy()
    frame[MATURED_AT] = as_utc(examples[MATURED_AT])
    model = order_risk.train(
        frame,
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
    return TrainedOrderRisk(business, risk, model)


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
    return scored.assign(
        business=business,
        risk=model.risk.name,
        order_key=looks["order_key"].to_numpy(),
        parcel_no=looks["parcel_no"].to_numpy() if "parcel_no" in model.risk.subject else None,
        decided_at=looks[DECIDED_AT].to_numpy(),
    )[list(SCORE_COLUMNS)]


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
