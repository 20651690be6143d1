"""What a column holds: numbers, times, categories or identifiers; text is read where it must be."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from models_ml.frames import as_float

Kind = Literal["number", "time", "category", "key", "identifier", "constant"]

READABLE_SHARE = 0.98
"""Share of a text column's values that must be numbers (or times) for the column to be such."""
KEY_SHARE = 0.02
"""Different values a row from which codes made of digits are keys, not quantities."""
IDENTIFIER_SHARE = 0.99
_NO_VALUE = {"", "-", "--", "nan", "none", "null", "n/a", "\\n"}
_KEY_NAME = re.compile(r"(^|[\s_\-.])(id|no|code|key|number|zip|phone|mobile)$|编号|号$|编码$|账号")
_CAMEL_ID = re.compile(r"[a-z](ID|Id|No)$")
_CLOCK = re.compile(r"^\d{1,2}:\d{2}(:\d{2})?$")
_SHORT_CLOCK = re.compile(r"^(\d{1,2}:\d{2})$")
_DATE = re.compile(r"\d{4}|\d{1,2}[/.\-]\d{1,2}[/.\-]\d{2}")
_PART = re.compile(r"^(.*?)[\s_\-]*(year|month|day|年|月|日)$", re.IGNORECASE)
_PART_NAMES = {"年": "year", "月": "month", "日": "day"}


@dataclass(frozen=True)
class Column:
    """A column and how it is read.

    `number` is float64, `time` datetime64[us], `category` text with few levels, `key` text with
    many levels that come again (a customer, a device), `identifier` one value a row, `constant`
    nothing to learn from.
    """

    name: str
    kind: Kind


def describe_columns(
    frame: pd.DataFrame, *, reserved: Iterable[str], most_levels: int
) -> dict[str, Column]:
    """The kind of every column that is not reserved, in the frame's order."""
    left_out = set(reserved)
    return {
        str(name): Column(str(name), _kind(str(name), frame[name], most_levels))
        for name in frame.columns
        if name not in left_out
    }


def _kind(name: str, values: pd.Series, most_levels: int) -> Kind:
    present = values.dropna()
    distinct = _distinct(present)
    if distinct == 0 or (distinct == 1 and len(present) == len(values)):
        return "constant"
    if types.is_datetime64_any_dtype(values.dtype):
        return "time"
    is_text = _is_text(values)
    if not is_text:
        is_key = types.is_integer_dtype(values.dtype) and _is_key_name(name)
        return _of_key(distinct, len(present), most_levels) if is_key else "number"
    sample = present.iloc[:: max(len(present) // 5_000, 1)].astype(str)
    if _share_of_numbers(sample) >= READABLE_SHARE:
        is_code = sample.str.fullmatch(r"0\d+").mean() > 1 - READABLE_SHARE or _is_key_name(name)
        return _of_key(distinct, len(present), most_levels) if is_code else "number"
    if _share_of_times(sample) >= READABLE_SHARE:
        return "time"
    return _of_key(distinct, len(present), most_levels)


def _of_key(distinct: int, count: int, most_levels: int) -> Kind:
    if count > most_levels and distinct >= IDENTIFIER_SHARE * count:
        return "identifier"
    return "category" if distinct <= most_levels else "key"


def _is_key_name(name: str) -> bool:
    trimmed = name.strip()
    return bool(_KEY_NAME.search(trimmed.lower()) or _CAMEL_ID.search(trimmed))


def _is_text(values: pd.Series) -> bool:
    if types.is_bool_dtype(values.dtype) or types.is_numeric_dtype(values.dtype):
        return False
    if isinstance(values.dtype, pd.CategoricalDtype):
        return True
    present = values.dropna()
    return len(present) == 0 or not all(_is_number(value) for value in present.iloc[:50])


def _is_number(value: object) -> bool:
    """Numbers in a column of objects: decimals, booleans, integers among missing values."""
    return isinstance(value, (int, float, np.number, np.bool_)) or hasattr(value, "as_tuple")


def _distinct(values: pd.Series) -> int:
    try:
        return int(values.nunique())
    except TypeError:  # lists, dictionaries
        return int(values.astype(str).nunique())


def _share_of_numbers(sample: pd.Series) -> float:
    return float(_numbers_of_text(sample).notna().mean()) if len(sample) else 0.0


def _share_of_times(sample: pd.Series) -> float:
    if not sample.str.contains(_DATE).mean() >= READABLE_SHARE:  # NaN of an empty sample too
        return 0.0
    return float(read_times(sample).notna().mean()) if len(sample) else 0.0


def _numbers_of_text(values: pd.Series) -> pd.Series:
    text = values.astype(str).str.strip().str.replace(",", "", regex=False).str.lstrip("¥￥$€£")
    text = text.where(~text.str.lower().isin(_NO_VALUE), "nan")
    text = text.where(~text.str.endswith("%"), text.str.rstrip("%"))
    numbers = pd.to_numeric(text, errors="coerce")
    clocks = text.str.match(_CLOCK) & numbers.isna()
    if clocks.any():
        hours = pd.to_timedelta(text[clocks].str.replace(_SHORT_CLOCK, r"\1:00", regex=True))
        numbers[clocks] = hours / pd.Timedelta(hours=1)
    return numbers


def read_times(values: pd.Series) -> pd.Series:
    """Times in UTC, NaT where a value is no time; naive values are taken as UTC."""
    if types.is_datetime64_any_dtype(values.dtype):
        return pd.to_datetime(values, utc=True)
    if types.is_numeric_dtype(values.dtype):
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]")
    text = values.astype("object").where(values.notna(), None)
    return pd.to_datetime(text, utc=True, errors="coerce", format="mixed").astype(
        "datetime64[us, UTC]"
    )


def as_numbers(values: pd.Series) -> np.ndarray:
    """float64 (n,): NaN where a value is missing or no number."""
    if _is_text(values):
        plain = pd.to_numeric(values, errors="coerce")
        if plain.notna().sum() == values.notna().sum():
            return as_float(plain)
        read = _numbers_of_text(values.astype("object").where(values.notna(), ""))
        result: np.ndarray = read.to_numpy(dtype=np.float64)
        return result
    return as_float(values)


def as_times(values: pd.Series) -> np.ndarray:
    """datetime64[us] (n,) in UTC: NaT where a value is missing or no time."""
    naive = read_times(values).dt.tz_localize(None)
    result: np.ndarray = naive.to_numpy(dtype="datetime64[us]")
    return result


def as_text(values: pd.Series) -> np.ndarray:
    """Object (n,) of text without spaces around it; None where a value is missing."""
    try:
        codes, levels = pd.factorize(values)
    except TypeError:  # lists, dictionaries
        codes, levels = pd.factorize(values.astype(str))
    trimmed = np.array([*(str(level).strip() for level in levels), None], dtype=object)
    result: np.ndarray = trimmed[codes]
    return result


def assembled_times(frame: pd.DataFrame, names: Iterable[str]) -> dict[tuple[str, ...], np.ndarray]:
    """Days that stand in three columns named alike: (year, month, day) -> datetime64[us] (n,)."""
    parts: dict[str, dict[str, str]] = {}
    for name in names:
        found = _PART.match(name.strip())
        if found and found[1].strip():
            unit = _PART_NAMES.get(found[2], found[2].lower())
            parts.setdefault(found[1].strip().lower(), {})[unit] = name
    result = {}
    for units in parts.values():
        if set(units) == {"year", "month", "day"}:
            numbers = {unit: as_numbers(frame[name]) for unit, name in units.items()}
            days = pd.to_datetime(pd.DataFrame(numbers), errors="coerce")
            result[tuple(units[unit] for unit in ("year", "month", "day"))] = days.to_numpy(
                dtype="datetime64[us]"
            )
    return result
