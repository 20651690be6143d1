"""Which records are probably one person: Fellegi-Sunter linkage by Splink, on DuckDB in memory.

Fellegi and Sunter (1969), "A theory for record linkage": every field that two records give adds
log2(m / u) to their match weight, m being how often that level of agreement occurs among records of
one person, u among those of two. u is estimated from random pairs, m by expectation maximisation
over pairs that a rule puts together; no labels are needed. The probability that two records are one
person follows from the sum and from how rare such pairs are.
"""

import logging
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_level_library as levels
from splink import comparison_library as comparisons

from models_ml.frames import require_columns, require_unique, require_values

Kind = Literal[
    "person_name", "full_name", "text", "code", "phone", "phone_tokens", "email", "parts", "exact"
]  # fmt: skip

PAIR_COLUMNS: Final = ("record_a", "record_b", "match_probability", "match_weight", "evidence")
_ID = "record_id"
# From the strongest level of agreement to none; `_comparison` makes as many.
_WORDS: Final[dict[Kind, tuple[str, ...]]] = {
    "person_name": (
        "same", "given and family name swapped", "both similar", "same family name",
        "same given name", "one similar", "different",
    ),
    "full_name": ("same", "same visible part", "similar", "different"),
    "text": ("same", "very similar", "similar", "different"),
    "code": ("same", "one slip", "two slips", "different"),
    "phone": ("same", "same visible digits", "one digit differs", "different"),
    "email": ("same", "same before the @", "similar", "different"),
    "phone_tokens": ("same", "same visible digits", "different"),
    "parts": ("same", "mostly the same", "partly the same", "different"),
    "exact": ("same", "different"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing that records tell of a person, and how it is compared.

    Attributes:
        name: what it is called in the evidence.
        kind: `person_name` (given and family name, also the wrong way round), `full_name` (as
            `names.read_name` reads it: key, latin, visible), `text` (similar
            spelling), `code` (digits with a slip: dates, numbers), `phone` (also masked, such as
            `138****1234`), `phone_tokens` (the same by tokens), `email`, `parts` (tokens of a
            text's parts, blanks between; texts that are spelt alike share most), `exact`.
        columns: of the frame: given and family name for `person_name`, the visible digits and the
            whole number for `phone_tokens`, else one.
        weighs_rarity: agreeing on a rare value says more than on a frequent one.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    weighs_rarity: bool = False


@dataclass(frozen=True, kw_only=True)
class LinkagePlan:
    """How the records of one kind of source are linked.

    Attributes:
        fields: what is compared.
        blocking: pairs are compared that agree on all expressions of some tuple (SQL over the
            columns); the recall of linkage can't exceed theirs.
        training: tuples likewise; of their pairs m is learnt, each time for the fields that they
            don't name. Every field needs one that doesn't name it.
        anchors: tuples on which hardly any two people agree; with `anchor_recall`, the share of
            true pairs that agree on some of them, they tell how rare true pairs are.
        anchor_recall: 0 to 1.
        name: the field that tells the members of a household apart; empty if none does.
        household: fields that a household shares. The theory takes fields to be independent; of
            these, where the names differ, only the strongest counts.
        most_random_pairs: pairs drawn for u.
        seed: of that draw.
    """

    fields: tuple[Field, ...]
    blocking: tuple[tuple[str, ...], ...]
    training: tuple[tuple[str, ...], ...]
    anchors: tuple[tuple[str, ...], ...]
    anchor_recall: float = 0.7
    name: str = ""
    household: tuple[str, ...] = ()
    most_random_pairs: int = 2_000_000
    seed: int = 1


def link_records(
    records: pd.DataFrame, plan: LinkagePlan, *, least_probability: float
) -> pd.DataFrame:
    """Pairs of records that are probably one person.

    Args:
        records: `record_id` (unique text) and the columns of the plan; an empty text is a missing
            value.
        plan: what is compared and how pairs are found.
        least_probability: pairs below are left out.

    Returns:
        `record_a` < `record_b` (text), `match_probability` (0 to 1), `match_weight` (bits) and
        `evidence` (each field with its level of agreement), strongest first.

    Raises:
        FrameError: a column is missing, an id is missing or occurs twice.
    """
    columns = [_ID, *dict.fromkeys(c for field in plan.fields for c in field.columns)]
    require_columns(records, columns, name="records")
    require_values(records, [_ID], name="records")
    require_unique(records, [_ID], name="records")
    if len(records) < 2:
        return pd.DataFrame({name: [] for name in PAIR_COLUMNS})
    given = records.assign(**{_ID: records[_ID].astype(str)})
    # Order must not decide what is drawn.
    given = given.sort_values(_ID, ignore_index=True).replace("", None)
    for field in plan.fields:
        if field.kind == "parts":
            column = field.columns[0]
            texts = given[column].fillna("").str.split()
            given = given.assign(**part_filters(texts, column))
    linker = trained_linker(given, plan)
    predicted = linker.inference.predict(threshold_match_probability=least_probability)
    scored = household_once(predicted.as_pandas_dataframe(), plan)
    return _readable(scored[scored["match_probability"] >= least_probability], plan)


def trained_linker(records: pd.DataFrame, plan: LinkagePlan) -> Linker:
    """Splink with weights learnt from the records themselves."""
    linker = Linker(DuckDBAPI().register(records), linker_settings(plan), log_level=logging.ERROR)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on(*rule) for rule in plan.anchors], recall=plan.anchor_recall
    )
    training.estimate_u_using_random_sampling(max_pairs=plan.most_random_pairs, seed=plan.seed)
    for rule in plan.training:
        training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    return linker


def linker_settings(plan: LinkagePlan) -> SettingsCreator:
    """A plan in Splink's terms, nothing learnt yet."""
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name=_ID,
        comparisons=[_comparison(field) for field in plan.fields],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in plan.blocking],
        retain_matching_columns=True,  # with them come the levels of agreement
        retain_intermediate_calculation_columns=True,  # and each field's weight
        max_iterations=50,
    )


def _comparison(field: Field) -> Any:
    column = field.columns[0]
    if field.kind == "person_name":
        return _person_name(field)
    if field.kind == "full_name":
        return _full_name(field)
    exact = levels.ExactMatchLevel(column, term_frequency_adjustments=field.weighs_rarity)
    agreeing: Sequence[Any]
    if field.kind == "text":
        agreeing = (exact, *(levels.JaroWinklerLevel(column, least) for least in (0.92, 0.8)))
    elif field.kind == "code":
        agreeing = (exact, *(levels.DamerauLevenshteinLevel(column, most) for most in (1, 2)))
    elif field.kind == "phone":
        agreeing = _phone(column)
    elif field.kind == "phone_tokens":
        agreeing = _phone_tokens(*field.columns)
    elif field.kind == "email":
        agreeing = (exact, *_email(column))
    else:
        agreeing = (exact, *_parts(column)) if field.kind == "parts" else (exact,)
    return comparisons.CustomComparison(
        output_column_name=field.name,
        comparison_levels=[levels.NullLevel(column), *agreeing, levels.ElseLevel()],
    )


def _person_name(field: Field) -> Any:
    given, family = field.columns
    similar = [levels.JaroWinklerLevel(name, 0.88) for name in (given, family)]
    return comparisons.CustomComparison(
        output_column_name=field.name,
        comparison_levels=[
            levels.And(levels.NullLevel(given), levels.NullLevel(family)),
            levels.And(levels.ExactMatchLevel(given), levels.ExactMatchLevel(family)),
            levels.ColumnsReversedLevel(given, family, symmetrical=True),
            levels.And(*similar),
            levels.ExactMatchLevel(family, term_frequency_adjustments=field.weighs_rarity),
            levels.ExactMatchLevel(given, term_frequency_adjustments=field.weighs_rarity),
            levels.Or(*similar),
            levels.ElseLevel(),
        ],
    )


def _full_name(field: Field) -> Any:
    key, latin, visible = field.columns
    shows = (
        f"contains(' ' || {latin}_{a} || ' ', ' ' || {visible}_{b} || ' ')"
        for a, b in (("l", "r"), ("r", "l"))
    )
    return comparisons.CustomComparison(
        output_column_name=field.name,
        comparison_levels=[
            {
                "sql_condition": " or ".join(
                    f"({key}_{side} is null and {visible}_{side} is null)" for side in "lr"
                ),
                "label_for_charts": "a name is missing",
                "is_null_level": True,
            },
            levels.ExactMatchLevel(key, term_frequency_adjustments=field.weighs_rarity),
            levels.CustomLevel(
                f"{visible}_l = {visible}_r or " + " or ".join(shows), "same visible part"
            ),
            levels.JaroWinklerLevel(latin, 0.92),
            levels.ElseLevel(),
        ],
    )


def _phone(column: str) -> Sequence[Any]:
    left, right = f"{column}_l", f"{column}_r"
    masked = f"(contains({left}, '*') or contains({right}, '*'))"
    return (
        levels.CustomLevel(f"{left} = {right} and not {masked}", "same number"),
        levels.CustomLevel(
            f"{masked} and left({left}, 3) = left({right}, 3)"
            f" and right({left}, 4) = right({right}, 4)",
            "same visible digits",
        ),
        levels.CustomLevel(f"damerau_levenshtein({left}, {right}) <= 1", "one digit differs"),
    )


def _email(column: str) -> Sequence[Any]:
    left, right = f"{column}_l", f"{column}_r"
    return (
        levels.CustomLevel(
            f"split_part({left}, '@', 1) = split_part({right}, '@', 1)", "same before the @"
        ),
        levels.CustomLevel(f"jaro_winkler_similarity({left}, {right}) >= 0.92", "similar"),
    )


def _phone_tokens(visible: str, whole: str) -> Sequence[Any]:
    one_is_masked = f"({whole}_l is null or {whole}_r is null)"
    return (
        levels.ExactMatchLevel(whole),
        levels.CustomLevel(f"{visible}_l = {visible}_r and {one_is_masked}", "same visible digits"),
    )


def _parts(column: str) -> Sequence[Any]:
    """Levels by Dice's coefficient of the two filters that `part_filters` adds."""

    def bits(pattern: str) -> str:
        halves = (pattern.format(f"{column}_filter_{half}") for half in (1, 2))
        return " + ".join(f"bit_count({half})" for half in halves)

    shared = f"2.0 * ({bits('{0}_l & {0}_r')})"
    both = f"({bits('{}_l')} + {bits('{}_r')})"
    return (
        levels.CustomLevel(f"{shared} >= 0.75 * {both}", "mostly the same"),
        levels.CustomLevel(f"{shared} >= 0.45 * {both}", "partly the same"),
    )


def part_filters(texts: Iterable[Iterable[str]], column: str) -> dict[str, np.ndarray]:
    """A Bloom filter of each text's parts, one bit a part, in two columns of 62 bits.

    Comparing two is two machine instructions; sets of texts took ten times as long.
    """
    place: dict[str, int] = {}
    whole = []
    for parts in texts:
        bits = 0
        for part in parts:
            if part not in place:
                place[part] = 1 << zlib.crc32(part.encode()) % 124
            bits |= place[part]
        whole.append(bits)
    low = (1 << 62) - 1
    halves = ([bits & low for bits in whole], [bits >> 62 for bits in whole])
    return {
        f"{column}_filter_{half + 1}": np.array(found, dtype=np.int64)
        for half, found in enumerate(halves)
    }


def household_once(scored: pd.DataFrame, plan: LinkagePlan) -> pd.DataFrame:
    """Of what a household shares only the strongest counts where the names differ."""
    if not plan.name or len(plan.household) < 2:
        return scored.assign(household=0.0)
    shared = scored[[f"mw_{name}" for name in plan.household]].clip(lower=0)
    repeated = (shared.sum(axis=1) - shared.max(axis=1)).where(scored[f"gamma_{plan.name}"] == 0, 0)
    weight = scored["match_weight"] - repeated
    return scored.assign(
        household=-repeated, match_weight=weight, match_probability=1 / (1 + 2.0**-weight)
    )


def _readable(scored: pd.DataFrame, plan: LinkagePlan) -> pd.DataFrame:
    """Splink's rows with our names, the smaller id first and the levels of agreement in words."""
    left, right = scored[f"{_ID}_l"].astype(str), scored[f"{_ID}_r"].astype(str)
    found = pd.DataFrame(
        {
            "record_a": left.where(left < right, right),
            "record_b": right.where(left < right, left),
            "match_probability": scored["match_probability"].astype(float),
            "match_weight": scored["match_weight"].astype(float),
            "evidence": evidence_of(scored, plan),
        }
    )
    order = ["match_weight", "record_a", "record_b"]
    return found.sort_values(order, ascending=[False, True, True], ignore_index=True)


def evidence_of(scored: pd.DataFrame, plan: LinkagePlan) -> pd.Series:
    """Level and bits of each field that both give: `name: same (+9.1); phone: different (-4.0)`."""
    told = np.full(len(scored), "", dtype=object)
    for field in plan.fields:
        words = _WORDS[field.kind]
        # Splink counts levels from 0, the weakest; -1 says that a value is missing.
        by_level = np.array([f"; {field.name}: {word}" for word in reversed(words)], dtype=object)
        level = scored[f"gamma_{field.name}"].to_numpy(dtype=np.int64, na_value=-1)
        given = (level >= 0) & (level < len(words))
        bits = _formatted(scored.loc[given, f"mw_{field.name}"], " ({:+.1f})")
        told[given] += by_level[level[given]] + bits
    once = (scored["household"] < 0).to_numpy(dtype=bool)
    told[once] += _formatted(scored.loc[once, "household"], "; household: counted once ({:+.1f})")
    return pd.Series(told, index=scored.index, dtype=object).str.removeprefix("; ")


def _formatted(values: pd.Series, form: str) -> np.ndarray:
    """Numbers as text, object (n,); each different number is written once."""
    places, different = pd.factorize(values.to_numpy(dtype=np.float64), use_na_sentinel=False)
    return np.array([form.format(value) for value in different], dtype=object)[places]
