"""Why a row's risk is above the average: codes for machines, words in English and Chinese.

For each group of features the model is asked again with the group's typical values; the drop in
log-odds is the group's part in the risk. For the logistic regression that is the group's exact
contribution, for a boosting what the group adds given the row's other values. It is a question to
the model, not a causal claim.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from models_ml.risk.columns import Column, as_text
from models_ml.risk.config import Phrase, ReasonGroup, RiskConfig
from models_ml.risk.features import DECISION_TIME, Matrix
from models_ml.risk.history import log_odds
from models_ml.risk.learners import Model

NO_RAISED_RISK = Phrase("no_raised_risk", "not above the average", "风险不高于平均")
BASE_RATE_ONLY = Phrase("base_rate_only", "every order has the average risk", "所有订单取平均风险")
ROWS_AT_ONCE = 200_000
"""Rows of questions put to the model at once: bounds memory."""
_TIME_UNUSUAL = Phrase("decision_time_unusual", "placed at an unusual time", "下单时间特殊")
_WORDS = {
    "earlier_rate": (
        ("high", "{label} {{value}} went wrong more often", "{label} {{value}} 以往出问题较多"),
        ("low", "{label} {{value}} went wrong less often", "{label} {{value}} 以往出问题较少"),
    ),
    "earlier_rows": (
        ("high", "{label} {{value}} was seen often before", "{label} {{value}} 以前多次出现"),
        ("low", "{label} {{value}} was seldom seen before", "{label} {{value}} 以前很少出现"),
    ),
    "hours_since": (
        ("high", "{label} {{value}} was not seen for long", "{label} {{value}} 很久没有出现"),
        ("low", "{label} {{value}} was seen just before", "{label} {{value}} 不久前刚出现"),
    ),
    "hours": (
        ("high", "{label} is later than usual ({{value}})", "{label}比通常晚 ({{value}})"),
        ("low", "{label} is earlier than usual ({{value}})", "{label}比通常早 ({{value}})"),
    ),
    "level": (
        ("level", "{label} is {{value}}", "{label}为 {{value}}"),
        ("level", "{label} is {{value}}", "{label}为 {{value}}"),
    ),
    "number": (
        ("high", "{label} {{value}} is above {{typical}}", "{label} {{value}} 高于 {{typical}}"),
        ("low", "{label} {{value}} is below {{typical}}", "{label} {{value}} 低于 {{typical}}"),
    ),
}
"""What a feature is -> how it is said to be high and low: code, English, Chinese."""


@dataclass(frozen=True)
class Explainer:
    """Asks a model why; made once with the rows that it was fitted on."""

    groups: tuple[ReasonGroup, ...]
    places: tuple[np.ndarray, ...]
    """Of each group the places of its features in the matrix."""
    names: tuple[str, ...]
    """Names of the features."""
    typical: np.ndarray
    """float64 (features,): median of a number, commonest code of a category."""
    least_effect: float

    def explain(
        self, model: Model, values: np.ndarray, frame: pd.DataFrame, *, most: int
    ) -> dict[str, list[str]]:
        """Codes and words of every row, the strongest reason first.

        Args:
            model: the fitted model, before calibration.
            values: float64 (n, features), the rows' matrix.
            frame: the same rows as they came, for the words.
            most: reasons at most.

        Returns:
            `reason_codes` separated by commas, `reasons_en` and `reasons_zh` by semicolons; rows
            without a reason that adds `least_effect` log-odds have `no_raised_risk`.
        """
        rows = max(ROWS_AT_ONCE // (len(self.groups) + 1), 1)
        parts = [
            self._strongest(model, values[start : start + rows], most)
            for start in range(0, len(values), rows)
        ]
        chosen = np.concatenate(parts) if parts else np.zeros((0, most), dtype=np.int64)
        return self._in_words(chosen, values, frame)

    def _strongest(self, model: Model, values: np.ndarray, most: int) -> np.ndarray:
        """Places of the groups that add most, int (n, most), -1 where none is left."""
        asked = np.repeat(values[None], len(self.groups) + 1, axis=0)
        for number, places in enumerate(self.places, start=1):
            asked[number][:, places] = self.typical[places]
        odds = log_odds(model.predict(asked.reshape(-1, values.shape[1])))
        odds = odds.reshape(len(asked), len(values))
        effects = odds[0] - odds[1:]
        order = np.argsort(-effects, axis=0, kind="stable")[:most]
        is_named = np.take_along_axis(effects, order, axis=0) >= self.least_effect
        chosen: np.ndarray = np.where(is_named, order, -1).T
        return chosen

    def _in_words(
        self, chosen: np.ndarray, values: np.ndarray, frame: pd.DataFrame
    ) -> dict[str, list[str]]:
        codes = np.full(chosen.shape, "", dtype=object)
        english, chinese = codes.copy(), codes.copy()
        for number, group in enumerate(self.groups):
            rows, ranks = np.nonzero(chosen == number)
            if not len(rows):
                continue
            place = self.places[number][0]
            shown = _shown(frame.iloc[rows], self.names[place], values[rows, place])
            typical = _number(self.typical[place])
            is_high = values[rows, place] > self.typical[place]
            for row, rank, value, high in zip(rows, ranks, shown, is_high, strict=True):
                phrase = group.high if high else group.low
                codes[row, rank] = phrase.code
                english[row, rank] = phrase.en.format(value=value, typical=typical)
                chinese[row, rank] = phrase.zh.format(value=value, typical=typical)
        return {
            "reason_codes": _joined(codes, ", ", NO_RAISED_RISK.code),
            "reasons_en": _joined(english, "; ", NO_RAISED_RISK.en),
            "reasons_zh": _joined(chinese, ";", NO_RAISED_RISK.zh),
        }


def make_explainer(
    matrix: Matrix, columns: Mapping[str, Column], *, config: RiskConfig
) -> Explainer:
    """Typical values of the rows of a matrix, and a group for every feature."""
    groups, places, covered = [], [], set[str]()
    for group in config.reason_groups:
        present = [name for name in group.features if name in matrix.names]
        if present:
            groups.append(group)
            places.append(np.array([matrix.names.index(name) for name in present]))
            covered.update(present)
    for group in _groups_of_their_own(matrix.names, columns, covered):
        groups.append(group)
        places.append(np.array([matrix.names.index(name) for name in group.features]))
    return Explainer(
        tuple(groups), tuple(places), matrix.names, _typical_values(matrix), config.least_effect
    )


def _groups_of_their_own(
    names: Iterable[str], columns: Mapping[str, Column], covered: set[str]
) -> list[ReasonGroup]:
    """One group a feature; the parts of the decision time are one together."""
    result, time_parts = [], []
    for name in names:
        if name in covered:
            continue
        column, _, what = name.rpartition(":")
        if column == DECISION_TIME:
            time_parts.append(name)
            continue
        if column not in columns:
            known = columns.get(name)
            column, what = name, "level" if known and known.kind == "category" else "number"
        high, low = (
            Phrase(
                f"{name}:{kind}",
                en.format(label=_braces_kept(column)),
                zh.format(label=_braces_kept(column)),
            )
            for kind, en, zh in _WORDS[what]
        )
        result.append(ReasonGroup((name,), high, low))
    if time_parts:
        result.append(ReasonGroup(tuple(time_parts), _TIME_UNUSUAL, _TIME_UNUSUAL))
    return result


def _braces_kept(label: str) -> str:
    """A column's name may hold braces, which are no placeholders."""
    return label.replace("{", "{{").replace("}", "}}")


def _typical_values(matrix: Matrix) -> np.ndarray:
    typical = np.full(len(matrix.names), np.nan)
    for place, is_category in enumerate(matrix.is_category):
        present = matrix.values[~np.isnan(matrix.values[:, place]), place]
        if not len(present):
            continue
        if is_category:
            codes, counts = np.unique(present, return_counts=True)
            typical[place] = codes[counts.argmax()]
        else:
            typical[place] = np.median(present)
    return typical


def _shown(frame: pd.DataFrame, feature: str, values: np.ndarray) -> list[str]:
    """What a person knows of the value: the column's own text, or else the number."""
    column = feature if feature in frame.columns else feature.rpartition(":")[0]
    if column in frame.columns:
        texts = as_text(frame[column])
        if types.is_float_dtype(frame[column].dtype):  # counts come as floats
            return ["?" if text is None else str(text).removesuffix(".0") for text in texts]
        return ["?" if text is None else str(text) for text in texts]
    return [_number(value) for value in values]


def _number(value: float) -> str:
    if np.isnan(value):
        return "?"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _joined(words: np.ndarray, between: str, nothing: str) -> list[str]:
    return [between.join(word for word in row if word) or nothing for row in words.tolist()]
