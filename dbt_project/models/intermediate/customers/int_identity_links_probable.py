"""Accounts that are probably one person: `models_ml.identity.accounts` on what accounts tell."""

from connectors.lake.python_models import content_of, described, described_before, table_of
from models_ml.identity import accounts as matching

# Two of these are the least that a probability can be made of.
COMPARED = (
    "name_parts", "masked_phone_token", "email_parts", "birth_date_token", "address_parts",
)  # fmt: skip
TYPES = {
    "business": "string",
    "customer_key_a": "string",
    "customer_key_b": "string",
    "match_probability": "float64",
    "match_weight": "float64",
    "evidence": "string",
}


def model(dbt, session):
    dbt.config(materialized="table")
    least = dbt.config.get("least_probability")
    given = " + ".join(f"({column} is not null)::int" for column in COMPARED)
    told = (
        dbt.ref("int_customer_accounts")
        .filter(f"{given} >= 2")
        .project(", ".join(matching.ACCOUNT_COLUMNS))
    )
    content = content_of(told, str(least), matching.version())
    if content == described_before(session, dbt.this):
        return None
    found = matching.link_accounts(told.df(), least_probability=least)
    found = found.rename(columns={"record_a": "customer_key_a", "record_b": "customer_key_b"})
    return described(table_of(found, TYPES), content)
