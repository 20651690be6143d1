"""Why a line's risk is above the average, in codes a page can put into words.

For each group of features the line is asked again with the group's typical values; the drop in
log-odds is the group's part in the risk. It is a question to the model, not a causal claim.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models_ml.returns.candidates import BASE_RATE, Fitted

NO_RAISED_RISK = "no_raised_risk"
BASE_RATE_ONLY = "base_rate_only"
LEAST_EFFECT = 0.1
"""Log-odds that a group must add to be named."""


@dataclass(frozen=True)
class ReasonGroup:
    """Features that are one thing to a person; the first one decides between high and low."""

    columns: tuple[str, ...]
    high: str
    """Code where the first feature is above its typical value."""
    low: str


REASON_GROUPS = (
    ReasonGroup(
        ("customer_prior_return_rate",), "customer_return_rate_high", "customer_return_rate_low"
    ),
    ReasonGroup(("sku_prior_return_rate",), "sku_return_rate_high", "sku_return_rate_low"),
    ReasonGroup(
        ("customer_prior_lines", "customer_prior_days", "is_customer_known"),
        "customer_long_known",
        "customer_new",
    ),
    ReasonGroup(("sku_prior_lines",), "sku_often_sold", "sku_rarely_sold"),
    ReasonGroup(("quantity",), "quantity_high", "quantity_low"),
    ReasonGroup(("unit_price",), "unit_price_high", "unit_price_low"),
    ReasonGroup(("order_amount", "line_amount"), "order_amount_high", "order_amount_low"),
    ReasonGroup(("order_line_count",), "order_line_count_high", "order_line_count_low"),
    ReasonGroup(("hour_of_day", "day_of_week"), "order_time_unusual", "order_time_unusual"),
    ReasonGroup(("channel",), "channel_risk_high", "channel_risk_high"),
)
REASON_CODES = tuple(
    dict.fromkeys(
        [code for group in REASON_GROUPS for code in (group.high, group.low)]
        + [NO_RAISED_RISK, BASE_RATE_ONLY]
    )
)
"""Every code that `top_reasons` may hold."""


def typical_values(fitted: Fitted, features: pd.DataFrame) -> pd.DataFrame:
    """One row: the median of every number and the commonest text, after rates are derived."""
    derived = fitted.pipeline["rates"].transform(features)
    values = {
        name: column.median() if column.dtype.kind == "f" else column.mode().iloc[0]
        for name, column in derived.items()
    }
    return pd.DataFrame([values])


def explain(
    fitted: Fitted,
    features: pd.DataFrame,
    *,
    raised: np.ndarray,
    typical: pd.DataFrame,
    most: int,
) -> np.ndarray:
    """Codes of each row, joined with a comma, object (n,).

    Args:
        fitted: the model.
        features: rows from `build_features`.
        raised: bool (n,), rows worth explaining; the others get `no_raised_risk`.
        typical: see `typical_values`.
        most: codes at most.
    """
    if fitted.candidate.name == BASE_RATE:
        return np.full(len(features), BASE_RATE_ONLY, dtype=object)
    result = np.full(len(features), NO_RAISED_RISK, dtype=object)
    if not raised.any():
        return result
    derived = fitted.pipeline["rates"].transform(features[raised])
    effects, codes = _ask_again(fitted, derived, typical)
    order = np.argsort(-effects, axis=0, kind="stable")[:most]
    named = np.take_along_axis(effects, order, axis=0) >= LEAST_EFFECT
    best = np.where(named, np.take_along_axis(codes, order, axis=0), "")
    joined = [", ".join(code for code in row if code) for row in best.T.tolist()]
    result[raised] = [text or NO_RAISED_RISK for text in joined]
    return result


def _ask_again(
    fitted: Fitted, derived: pd.DataFrame, typical: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds each group adds, (groups, n), and the code it would have, (groups, n)."""
    odds = _log_odds(fitted.raw_probabilities(derived))
    effects, codes = [], []
    for group in REASON_GROUPS:
        present = [name for name in group.columns if name in derived]
        if fitted.candidate.column and fitted.candidate.column not in present:
            present = []
        if not present:
            continue
        usual = derived.assign(**{name: typical[name].iloc[0] for name in present})
        effects.append(odds - _log_odds(fitted.raw_probabilities(usual)))
        first = derived[present[0]]
        is_high = (first > typical[present[0]].iloc[0]).to_numpy(dtype=bool)
        codes.append(np.where(is_high, group.high, group.low))
    return np.array(effects), np.array(codes, dtype=object)


def _log_odds(risk: np.ndarray) -> np.ndarray:
    bounded = np.clip(risk, 1e-6, 1 - 1e-6)
    result: np.ndarray = np.log(bounded / (1 - bounded))
    return result
