"""What columns tell of a person, and how they are made comparable."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models_ml.frames import FrameError
from models_ml.identity.linkage import Field, part_filters
from models_ml.identity.names import read_name

Columns = Mapping[str, str | Sequence[str]] | Sequence[str]

ROLES: Final = (
    "record", "name", "given_name", "family_name", "phone", "email", "birth_date", "national_id",
    "address", "street", "street_number", "postcode", "city", "region",
)  # fmt: skip
_ALIASES: Final = {
    "record_id": "record", "id": "record", "rec_id": "record", "unique_id": "record",
    "customer_id": "record", "customer": "record", "account": "record", "account_id": "record",
    "full_name": "name", "customer_name": "name", "receiver_name": "name",
    "first_name": "given_name", "given": "given_name", "surname": "family_name",
    "last_name": "family_name",
    "mobile": "phone", "phone_number": "phone", "telephone": "phone", "tel": "phone",
    "mail": "email", "email_address": "email", "dob": "birth_date", "date_of_birth": "birth_date",
    "birthday": "birth_date", "birthdate": "birth_date",
    "soc_sec_id": "national_id", "id_number": "national_id",
    "ssn": "national_id", "id_card": "national_id", "address_1": "street", "street_name": "street",
    "address_2": "address", "full_address": "address", "receiver_address": "address",
    "house_number": "street_number", "zip": "postcode", "zip_code": "postcode",
    "postal_code": "postcode", "suburb": "city", "town": "city", "district": "city",
    "province": "region", "state": "region", "province_name": "region",
}  # fmt: skip
_SIGNS: Final = re.compile(r"[\s,，。;；()（）\-#]+")
_NUMBER: Final = re.compile(r"\d+")
_TEXTS: Final = ("street", "city", "address")
_CODES: Final = ("birth_date", "national_id", "postcode")


@dataclass(frozen=True)
class Role:
    """One role and the columns that tell it, joined by a blank where there are several."""

    name: str
    columns: tuple[str, ...]


def roles_of(columns: Columns) -> tuple[Role, ...]:
    """Which columns tell what.

    Args:
        columns: role to column or columns (`{"record": "id", "address": ["street", "town"]}`), or
            column names that tell their role by themselves (`surname`, `mobile` …).

    Raises:
        FrameError: a name is no role.
    """
    if not isinstance(columns, Mapping):
        columns = {name: name for name in columns}
    found: dict[str, list[str]] = {}
    for given, told in columns.items():
        known = given.strip().casefold().replace(" ", "_")
        role = known if known in ROLES else _ALIASES.get(known)
        if role is None:
            raise FrameError(
                f"The columns name {given}, which is no role; use one of {', '.join(ROLES)}."
            )
        found.setdefault(role, []).extend([told] if isinstance(told, str) else list(told))
    return tuple(Role(name, tuple(found[name])) for name in ROLES if name in found)


def comparable(frame: pd.DataFrame, roles: tuple[Role, ...]) -> pd.DataFrame:
    """The columns that fields and rules name, normalised; null where not told.

    Returns:
        One row per row of the frame, the same index.
    """
    made = pd.DataFrame(index=frame.index)
    told = {role.name: _joined(frame, role.columns) for role in roles if role.name != "record"}
    if "given_name" in told or "family_name" in told:
        for part in ("given_name", "family_name"):
            made[part] = _text(told.get(part, pd.Series(None, index=frame.index, dtype=object)))
        if "name" not in told:
            both = made["family_name"].fillna("") + " " + made["given_name"].fillna("")
            made["name_key"] = _named(both)["name_key"]
    if "name" in told:
        made = made.assign(**_named(told["name"]))
    if "phone" in told:
        made["phone"] = _phone(told["phone"])
        digits = made["phone"].str.replace("*", "", regex=False)
        shown = made["phone"].str[:3] + made["phone"].str[-4:]
        made["phone_visible"] = shown.where(digits.str.len() >= 7)
    if "email" in told:
        email = told["email"].str.strip().str.casefold()
        made["email"] = email.where(
            email.str.contains("@", na=False) & ~email.str.contains(r"\*", na=False)
        )
    for name in (*_CODES, *_TEXTS, "street_number", "region"):
        if name in told:
            made[name] = _code(told[name]) if name in _CODES else _text(told[name])
    if "address" in told:
        made = made.assign(**_address(made["address"]))
    if "birth_date" in told:
        made["birth_year"] = made["birth_date"].str[:4]
    texts = made.select_dtypes(exclude="number").columns
    given = made[texts].astype(object)
    return made.assign(**given.where(given.notna() & (given != ""), None))


def fields_of(made: pd.DataFrame, roles: tuple[Role, ...]) -> tuple[Field, ...]:
    """How each role is compared."""
    names = {role.name for role in roles}
    found: list[Field] = []
    if "name" in names:
        columns = ("name_key", "name_latin", "name_visible")
        found.append(Field(name="name", kind="full_name", columns=columns, weighs_rarity=True))
    elif names & {"given_name", "family_name"}:
        found.append(Field(name="name", kind="person_name", columns=("given_name", "family_name")))
    kinds = {
        "phone": "phone", "email": "email", "birth_date": "code", "national_id": "code",
        "postcode": "code", "street_number": "exact", "street": "text", "city": "text",
    }  # fmt: skip
    found += [
        Field(name=name, kind=kind, columns=(name,))  # type: ignore[arg-type]
        for name, kind in kinds.items()
        if name in names
    ]
    if "address" in names:
        is_long = made["address"].dropna().str.len().mean() > 16 or _is_chinese(made["address"])
        kind, column = ("parts", "address_parts") if is_long else ("text", "address")
        found.append(Field(name="address", kind=kind, columns=(column,)))  # type: ignore[arg-type]
    return tuple(found)


def _is_chinese(texts: pd.Series) -> bool:
    return bool(texts.dropna().head(1000).str.contains(r"[\u4e00-\u9fff]").mean() > 0.5)


def _joined(frame: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    parts = [
        frame[name].astype(object).where(frame[name].notna(), "").astype(str) for name in columns
    ]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + " " + part
    joined = joined.str.strip()
    return joined.astype("str").where(joined != "", None)


def _text(values: pd.Series) -> pd.Series:
    plain = values.map(lambda v: unicodedata.normalize("NFKC", v).casefold(), na_action="ignore")
    # A column without any value would have become one of numbers.
    plain = plain.astype("str")
    return plain.str.replace(r"\s+", " ", regex=True).str.strip()


def _code(values: pd.Series) -> pd.Series:
    plain = values.str.replace(r"[\s\-/.:]|(?:\.0$)", "", regex=True).str.casefold()
    return plain.where(~plain.str.contains(r"\*", na=False))


def _phone(values: pd.Series) -> pd.Series:
    """Digits and stars without country code; a run of stars is as long as the number needs."""
    plain = values.str.replace(r"[^0-9*+]", "", regex=True)
    plain = plain.str.replace(r"^(?:\+|00)86", "", regex=True).str.replace("+", "", regex=False)
    plain = plain.str.replace(r"^86(?=1[0-9*]{10}$)", "", regex=True)
    return plain.where(plain.str.replace("*", "", regex=False).str.len() >= 5)


def _named(values: pd.Series) -> dict[str, pd.Series]:
    read = {text: read_name(text) for text in values.dropna().unique()}
    return {
        f"name_{part}": values.map(
            {text: getattr(name, part) or None for text, name in read.items()}
        )
        for part in ("latin", "key", "visible")
    }


def _address(values: pd.Series) -> dict[str, pd.Series]:
    """The text without blanks and signs, filters of its pairs of characters, and its numbers."""
    code, texts = pd.factorize(values)
    plain = [_SIGNS.sub("", text) for text in texts]
    pairs = ((text[i : i + 2] for i in range(max(len(text) - 1, 1))) for text in plain)
    numbers = ["-".join(_NUMBER.findall(text)) for text in texts]
    kept = {
        "address_parts": np.array([*plain, None], dtype=object),
        "address_numbers": np.array([*(n if len(n) >= 4 else None for n in numbers), None], object),
    }
    bits = part_filters(pairs, "address_parts")
    kept |= {name: np.append(found, 0) for name, found in bits.items()}
    # A missing address has code -1: the last entry.
    return {name: pd.Series(found[code], index=values.index) for name, found in kept.items()}
