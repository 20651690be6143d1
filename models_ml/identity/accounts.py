"""Which customer accounts are probably one person, by what they tell, all of it in tokens.

Nothing personal is needed in clear: equal values have equal tokens, and the tokens of a text's
pairs of characters say how alike two texts are spelt.
"""

import hashlib
from pathlib import Path
from typing import Final

import pandas as pd

from models_ml.frames import require_columns
from models_ml.identity import linkage
from models_ml.identity.linkage import PAIR_COLUMNS, Field, LinkagePlan, link_records

FIELDS: Final = (
    Field(name="name", kind="parts", columns=("name_parts",), weighs_rarity=True),
    Field(name="phone", kind="phone_tokens", columns=("masked_phone_token", "phone_token")),
    Field(name="email", kind="parts", columns=("email_parts",)),
    Field(name="birth_date", kind="exact", columns=("birth_date_token",)),
    Field(name="address", kind="parts", columns=("address_parts",)),
)
ACCOUNT_COLUMNS: Final = (
    *("business", "customer_key", "name_parts", "masked_phone_token", "phone_token"),
    *("email_parts", "birth_date_token", "address_parts", "province_name"),
)
_BLOCKING: Final = (
    ("masked_phone_token",),
    ("email_parts",),
    ("name_parts", "birth_date_token"),
    ("name_parts", "province_name"),
    ("birth_date_token", "province_name"),
)
_TRAINING: Final = (("email_parts",), ("masked_phone_token",), ("name_parts", "birth_date_token"))
_ANCHORS: Final = (("email_parts",), ("phone_token", "name_parts"))
_HOUSEHOLD: Final = ("phone", "address")
_ANCHOR_RECALL: Final = 0.8
LEAST_ANCHORED_PAIRS: Final = 20
"""Below, the model would be learnt from nearly nothing: exact rules are all there is."""


def link_accounts(accounts: pd.DataFrame, *, least_probability: float) -> pd.DataFrame:
    """Pairs of accounts of one business that are probably one person.

    A field that hardly anybody gives is left out, and so is a business in which too few accounts
    give two fields that can be compared.

    Args:
        accounts: `ACCOUNT_COLUMNS`, one row an account; text, null where not given.
        least_probability: pairs below are left out.

    Returns:
        `business` and the columns of `link_records`, whose records are accounts.

    Raises:
        FrameError: a column is missing or an account occurs twice.
    """
    require_columns(accounts, ACCOUNT_COLUMNS, name="accounts")
    found = [
        _link_business(rows, least_probability).assign(business=business)
        for business, rows in accounts.groupby("business", sort=True)
    ]
    columns = ["business", *PAIR_COLUMNS]
    if not found:
        return pd.DataFrame({name: [] for name in columns})
    return pd.concat(found, ignore_index=True)[columns]


def _link_business(accounts: pd.DataFrame, least_probability: float) -> pd.DataFrame:
    records = accounts.rename(columns={"customer_key": "record_id"})
    given = {
        column: records[column].notna().mean() > 0.01
        for column in ACCOUNT_COLUMNS
        if column not in ("business", "customer_key")
    }

    def usable(rules: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        return tuple(rule for rule in rules if all(given[column] for column in rule))

    fields = tuple(field for field in FIELDS if given[field.columns[0]])
    training, anchors = usable(_TRAINING), usable(_ANCHORS)
    anchored = sum(_pairs(records, rule) for rule in anchors)
    if len(fields) < 3 or len(training) < 2 or anchored < LEAST_ANCHORED_PAIRS:
        return pd.DataFrame({name: [] for name in PAIR_COLUMNS})
    plan = LinkagePlan(
        fields=fields,
        blocking=usable(_BLOCKING),
        training=training,
        anchors=anchors,
        anchor_recall=_ANCHOR_RECALL,
        most_random_pairs=500_000,
        name="name" if given["name_parts"] else "",
        household=tuple(f.name for f in fields if f.name in _HOUSEHOLD),
    )
    return link_records(records, plan, least_probability=least_probability)


def _pairs(records: pd.DataFrame, rule: tuple[str, ...]) -> int:
    """How many pairs of records agree on all columns of the rule."""
    sizes = records.dropna(subset=list(rule)).groupby(list(rule)).size()
    return int((sizes * (sizes - 1) // 2).sum())


def version() -> str:
    """Changes when the same accounts could be linked otherwise."""
    return " ".join(
        hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]
        for path in (__file__, linkage.__file__)
    )
