"""The leakage gate: refuses columns that are known only after the decision, and says why.

What is looked at, in this order: the declared time of availability; times that lie after the
decision; how well one column alone ranks the label (as a number, as a category judged on blocks of
time other than those learnt from, by its missing values); amounts that have a value, or agree with
another amount, only where the answer is one; two numbers whose difference is the answer; columns
that equal a total over the whole period of some other column. The gate cannot know what a column
means: a column that is noisy, late and undeclared passes, so declare `available_at`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from models_ml.risk.columns import (
    Column,
    as_numbers,
    as_text,
    as_times,
    assembled_times,
)
from models_ml.risk.config import GateConfig
from models_ml.risk.examples import Availability, Examples
from models_ml.risk.history import CategoryHistory

Refused = dict[str, str]
"""Column -> the reason in one sentence, in the order in which columns were refused."""


@dataclass(frozen=True)
class _Evidence:
    """Labelled rows drawn evenly over time, with columns read once."""

    columns: Mapping[str, Column]
    labels: np.ndarray
    decided_at: np.ndarray
    numbers: dict[str, np.ndarray]
    texts: dict[str, np.ndarray]
    missing: dict[str, np.ndarray]
    auc: dict[str, float]
    """Column -> how well it ranks alone, 0.5..1."""


def refuse_columns(
    examples: Examples,
    columns: Mapping[str, Column],
    *,
    availability: Mapping[str, Availability | None],
    config: GateConfig,
) -> Refused:
    """Columns that must not be features, each with its reason.

    Args:
        examples: the rows, in order of decision time.
        columns: what may become a feature; see `columns.describe_columns`.
        availability: what is declared about a column; None = known when decided. Other columns
            are undeclared.
        config: the limits.
    """
    refused: Refused = {}
    for name, declared in availability.items():
        if declared is not None and name in columns:
            _add(refused, name, _declared_late(examples, name, declared))
    for name, column in columns.items():
        if column.kind == "time" and name not in availability:
            _add(refused, name, _time_after(examples, name, config))
    _refuse_assembled(examples, columns, availability, config, refused)
    evidence = _collect(examples, columns, config)
    _refuse_alone(evidence, examples, availability, config, refused)
    _refuse_one_sided(evidence, availability, config, refused)
    _refuse_agreeing(evidence, availability, config, refused)
    _refuse_differences(evidence, availability, config, refused)
    _refuse_totals(evidence, examples, availability, config, refused)
    return refused


def _add(refused: Refused, name: str, reason: str) -> None:
    if reason and name not in refused:
        refused[name] = reason


def _declared_late(examples: Examples, name: str, declared: Availability) -> str:
    has_value = examples.frame[name].notna().to_numpy()
    late = has_value & (np.isnat(declared.at) | (declared.at > examples.decided_at))
    if not late.any():
        return ""
    return (
        f"It is declared to be available {declared.words}, which is later than the decision in "
        f"{int(late.sum()):,} of {len(late):,} rows."
    )


def _time_after(examples: Examples, name: str, config: GateConfig) -> str:
    times = as_times(examples.frame[name])
    return _after(times, examples, name, config)


def _after(times: np.ndarray, examples: Examples, name: str, config: GateConfig) -> str:
    present = ~np.isnat(times)
    late = present & (times > examples.decided_at)
    if not present.any() or late.sum() <= config.late_share * present.sum():
        return ""
    if is_promise(name, config) and present.all():
        return ""
    return (
        f"Its times lie after the decision in {int(late.sum()):,} of {int(present.sum()):,} rows; "
        "if it was fixed at the decision (a promise), declare available_at."
    )


def is_promise(name: str, config: GateConfig) -> bool:
    """Whether a column's name says that its time was promised or planned."""
    lowered = name.lower()
    return any(word in lowered for word in config.promise_words)


def _refuse_assembled(
    examples: Examples,
    columns: Mapping[str, Column],
    availability: Mapping[str, Availability | None],
    config: GateConfig,
    refused: Refused,
) -> None:
    undeclared = [name for name in columns if name not in availability and name not in refused]
    for names, days in assembled_times(examples.frame, undeclared).items():
        reason = _after(days, examples, names[0], config)
        for name in names if reason else ():
            together = ", ".join(one.strip() for one in names)
            _add(refused, name, f"{together} make one day. {reason}")


def _collect(examples: Examples, columns: Mapping[str, Column], config: GateConfig) -> _Evidence:
    places = np.flatnonzero(examples.is_labelled)
    if len(places) > config.most_rows:
        places = places[np.linspace(0, len(places) - 1, config.most_rows).astype(int)]
    frame = examples.frame.iloc[places]
    labels = examples.labels[places].astype(np.int64)
    decided = examples.decided_at[places]
    numbers, texts, missing, auc = {}, {}, {}, {}
    for name, column in columns.items():
        if column.kind == "constant":
            continue
        missing[name] = frame[name].isna().to_numpy()
        values = _as_plain_numbers(frame[name], column, decided)
        if values is not None:
            numbers[name] = values
        else:
            texts[name] = as_text(frame[name])
        auc[name] = _alone(values, texts.get(name), missing[name], labels, config)
    return _Evidence(columns, labels, decided, numbers, texts, missing, auc)


def _as_plain_numbers(
    values: pd.Series, column: Column, decided_at: np.ndarray
) -> np.ndarray | None:
    """Numbers, times as hours from the decision, identifiers as numbers where they are."""
    if column.kind == "time":
        hours = (as_times(values) - decided_at) / np.timedelta64(1, "h")
        return np.asarray(hours, dtype=np.float64)
    if column.kind in ("number", "identifier"):
        numbers = as_numbers(values)
        return numbers if np.isfinite(numbers).any() else None
    return None


def _alone(
    numbers: np.ndarray | None,
    texts: np.ndarray | None,
    missing: np.ndarray,
    labels: np.ndarray,
    config: GateConfig,
) -> float:
    """The best AUC of one column: missing or not, as a number either way round, by levels."""
    found = [two_sided_auc(missing.astype(float), labels)]
    levels = np.zeros(len(labels), dtype=np.int64)
    if numbers is not None:
        filled = np.where(np.isnan(numbers), np.nanmin(numbers) - 1.0, numbers)
        found.append(two_sided_auc(filled, labels))
        levels = _bins(numbers, config)
    elif texts is not None:
        levels = pd.factorize(texts)[0] + 1
    found.append(auc_of(_rates_of_other_blocks(levels, labels, config), labels))
    return max(found)


def _bins(numbers: np.ndarray, config: GateConfig) -> np.ndarray:
    """Codes (n,): 0 is missing, frequent values have a bin of their own."""
    present = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, config.bins + 1)))
    left = np.searchsorted(edges, numbers, side="left")
    codes = 1 + left + np.searchsorted(edges, numbers, side="right")
    result: np.ndarray = np.where(np.isnan(numbers), 0, codes)
    return result


def _rates_of_other_blocks(
    levels: np.ndarray, labels: np.ndarray, config: GateConfig
) -> np.ndarray:
    """Each row's level's share of positives in the other blocks of time, float64 (n,).

    Blocks are stretches of time, not random rows: what lives only for a while (a device of a
    fraud ring) has no rate elsewhere, what means the answer has one everywhere.
    """
    blocks = np.arange(len(levels)) * config.folds // max(len(levels), 1)
    size = int(levels.max(initial=0)) + 1
    rows, positives = np.bincount(levels, minlength=size), np.bincount(levels, labels, size)
    result = np.zeros(len(levels))
    for block in range(config.folds):
        inside = blocks == block
        other_rows = rows - np.bincount(levels[inside], minlength=size)
        other_positives = positives - np.bincount(levels[inside], labels[inside], size)
        base = other_positives.sum() / max(other_rows.sum(), 1)
        rate = (other_positives + config.prior_rows * base) / (other_rows + config.prior_rows)
        # The base of the other blocks falls when this one's is high: compare within, not across.
        result[inside] = rate[levels[inside]] - base
    return result


def auc_of(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties count half; 0.5 with one class."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return 0.5
    ranks = rankdata(scores)
    return float(
        (ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    )


def two_sided_auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """The AUC of the better direction, 0.5..1."""
    area = auc_of(scores, labels)
    return max(area, 1 - area)


def _refuse_alone(
    evidence: _Evidence,
    examples: Examples,
    availability: Mapping[str, Availability | None],
    config: GateConfig,
    refused: Refused,
) -> None:
    for name, area in evidence.auc.items():
        limit = config.declared_auc if name in availability else config.near_perfect_auc
        if area < limit or name in refused:
            continue
        if _is_running_count(name, evidence, examples, config):
            continue
        missing = two_sided_auc(evidence.missing[name].astype(float), evidence.labels)
        how = "whether it is filled" if missing >= limit else "it"
        refused[name] = (
            f"Alone, {how} ranks the label with an AUC of {area:.3f} (limit {limit:.2f}): it is "
            "most likely written down when the answer is known."
        )


def _refuse_one_sided(
    evidence: _Evidence,
    availability: Mapping[str, Availability | None],
    config: GateConfig,
    refused: Refused,
) -> None:
    """Amounts that are anything but 0 or missing under one answer only, like a sum refunded."""
    for name in _amounts(evidence, config, refused):
        if name in availability:
            continue
        filled = np.nan_to_num(evidence.numbers[name], nan=0.0) != 0
        expected = filled.sum() * min(evidence.labels.mean(), 1 - evidence.labels.mean())
        if filled.mean() > 0.5 or expected < config.least_expected:
            continue
        share = float(evidence.labels[filled].mean())
        if min(share, 1 - share) <= config.equality_never:
            answer = round(share)
            refused[name] = (
                f"It is 0 or missing wherever the label is {1 - answer} and has a value in "
                f"{filled.mean():.0%} of the rows: it is written down only after the answer."
            )


def _refuse_agreeing(
    evidence: _Evidence,
    availability: Mapping[str, Availability | None],
    config: GateConfig,
    refused: Refused,
) -> None:
    """Amounts that agree with another one often under one answer and never under the other."""
    amounts = _amounts(evidence, config, refused)
    for first, second in combinations(amounts, 2):
        equal = np.isclose(evidence.numbers[first], evidence.numbers[second], rtol=0, atol=5e-3)
        shares = [float(equal[evidence.labels == answer].mean()) for answer in (0, 1)]
        if min(shares) > config.equality_never or max(shares) < config.equality_often:
            continue
        culprit, other = _later_of(first, second, evidence, availability)
        if culprit and not {first, second} & set(refused):
            answer = int(np.argmax(shares))
            refused[culprit] = (
                f"It equals {other} in {max(shares):.0%} of the rows with label {answer} and in "
                f"{min(shares):.1%} of the others: it is settled only with the answer."
            )


def _refuse_differences(
    evidence: _Evidence,
    availability: Mapping[str, Availability | None],
    config: GateConfig,
    refused: Refused,
) -> None:
    """Pairs whose difference is the answer: an amount paid and due, days taken and promised."""
    names = [
        name
        for name, values in evidence.numbers.items()
        if name not in refused
        and evidence.columns[name].kind in ("number", "time")
        and len(np.unique(values[~np.isnan(values)][:5_000])) > 2
    ]
    step = max(len(evidence.labels) // 6_000, 1)
    labels = evidence.labels[::step]
    values = {
        name: np.nan_to_num(evidence.numbers[name][::step], nan=-1.0, posinf=0, neginf=0)
        for name in names
    }
    for first, second in combinations(names, 2):
        if {first, second} & set(refused):
            continue
        gap = values[first] - values[second]
        area = max(two_sided_auc(gap, labels), two_sided_auc(np.abs(gap), labels))
        single = max(evidence.auc[first], evidence.auc[second])
        if area < config.joint_auc or area < single + (1 - single) / 2:
            continue
        culprit, other = _later_of(first, second, evidence, availability)
        if culprit:
            refused[culprit] = (
                f"Its difference from {other} ranks the label with an AUC of {area:.3f}: "
                "together they are the answer, and this one is the later of the two."
            )


def _amounts(evidence: _Evidence, config: GateConfig, refused: Refused) -> list[str]:
    return [
        name
        for name, values in evidence.numbers.items()
        if evidence.columns[name].kind == "number"
        and name not in refused
        and len(np.unique(values[~np.isnan(values)])) >= config.least_distinct
    ]


def _later_of(
    first: str,
    second: str,
    evidence: _Evidence,
    availability: Mapping[str, Availability | None],
) -> tuple[str, str]:
    """Of two columns the one to refuse and the other; nothing when both are declared.

    A declared column stays. A plan follows from the other columns (the shipping mode gives the
    promised days), a result doesn't; where that tells nothing, the one that ranks better goes.
    """
    open_names = [name for name in (first, second) if name not in availability]
    if not open_names:
        return "", ""
    if len(open_names) == 1:
        culprit = open_names[0]
    else:
        followed = {name: _follows(name, evidence, {first, second}) for name in (first, second)}
        if abs(followed[first] - followed[second]) > 0.2:
            culprit = min(followed, key=followed.__getitem__)
        else:
            culprit = max((first, second), key=evidence.auc.__getitem__)
    return culprit, second if culprit == first else first


def _follows(name: str, evidence: _Evidence, apart: set[str]) -> float:
    """Share of a number's variance that the best single category explains (eta squared), 0..1."""
    values = np.nan_to_num(evidence.numbers[name], nan=0.0)
    ranks = rankdata(values)
    total = float(((ranks - ranks.mean()) ** 2).sum())
    best = 0.0
    for other, column in evidence.columns.items():
        if other in apart or column.kind != "category" or other not in evidence.texts:
            continue
        codes = pd.factorize(evidence.texts[other])[0] + 1
        counts = np.bincount(codes)
        means = np.bincount(codes, ranks) / np.maximum(counts, 1)
        between = float((counts * (means - ranks.mean()) ** 2).sum())
        best = max(best, between / total if total else 0.0)
    return best


def _refuse_totals(
    evidence: _Evidence,
    examples: Examples,
    availability: Mapping[str, Availability | None],
    config: GateConfig,
    refused: Refused,
) -> None:
    """Numbers that equal a category's count or positives over the whole period, future included."""
    candidates = [
        name
        for name in evidence.numbers
        if name not in refused
        and name not in availability
        and evidence.columns[name].kind == "number"
    ]
    keys = [name for name, one in evidence.columns.items() if one.kind in ("category", "key")]
    if not candidates:
        return
    labels = np.where(examples.is_labelled, examples.labels, 0).astype(np.float64)
    numbers = {name: as_numbers(examples.frame[name]) for name in candidates}
    for key in keys:
        codes = pd.factorize(as_text(examples.frame[key]))[0] + 1
        rows = np.bincount(codes)
        positives = np.bincount(codes, labels)
        totals = {
            "number of rows": rows[codes].astype(float),
            "number of positive labels": positives[codes],
            "share of positive labels": (positives / np.maximum(rows, 1))[codes],
        }
        if len(rows) < config.least_distinct or rows.max() < 3:
            continue
        earlier = _earlier_rows(codes)
        for name in candidates:
            if name in refused or _same(numbers[name], earlier, config):
                continue
            for what, total in totals.items():
                if _same(numbers[name], total, config):
                    refused[name] = (
                        f"It is the {what} of {key} over the whole period, later orders included; "
                        "count only what was known before each decision."
                    )
                    break


def _same(numbers: np.ndarray, total: np.ndarray, config: GateConfig) -> bool:
    present = ~np.isnan(numbers)
    if present.mean() < 0.5 or np.ptp(total[present]) == 0 or np.ptp(numbers[present]) == 0:
        return False
    step = max(int(present.sum()) // 20_000, 1)
    ranks = rankdata(numbers[present][::step]), rankdata(total[present][::step])
    if np.ptp(ranks[0]) == 0 or np.ptp(ranks[1]) == 0:
        return False
    return float(np.corrcoef(*ranks)[0, 1]) >= config.same_aggregate


def _earlier_rows(codes: np.ndarray) -> np.ndarray:
    """How many rows of the same code come before each row (rows are in order of time)."""
    return pd.Series(codes).groupby(codes).cumcount().to_numpy(dtype=np.float64)


def _is_running_count(
    name: str, evidence: _Evidence, examples: Examples, config: GateConfig
) -> bool:
    """Whether a number is the count of earlier rows or positives of a category: honest as-of."""
    if name not in evidence.numbers or evidence.columns[name].kind != "number":
        return False
    numbers = as_numbers(examples.frame[name])
    for key, column in evidence.columns.items():
        if column.kind not in ("category", "key"):
            continue
        texts = as_text(examples.frame[key])
        history = CategoryHistory(
            texts,
            decided_at=examples.decided_at,
            known_at=examples.known_at,
            labels=examples.labels,
        ).as_of(texts, examples.decided_at)
        if any(_same(numbers, counts, config) for counts in (history.rows, history.positives)):
            return True
    return False
