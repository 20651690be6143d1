"""Tokens of personal data as dbt writes them, for asking after somebody whose number is known."""

import hashlib
import re

from connectors.settings import Settings

LEAST_DIGITS = 7
_COUNTRY = re.compile(r"^(?:00)?86(1[0-9]{10})$")


def phone_token(settings: Settings, phone: str) -> str | None:
    """The token of a phone number, in whatever way it is written; None if it is masked or none.

    The same as the macros `pii_token(phone_number(...))` of the dbt project make, with the key of
    this installation.

    Args:
        settings: whose key.
        phone: e.g. `138 0013 8000` or `+86-13800138000`.
    """
    digits = re.sub(r"[^0-9]", "", phone)
    if "*" in phone or len(digits) < LEAST_DIGITS:
        return None
    key = settings.pii_hash_key()
    return _sha256(key + _sha256(key + _COUNTRY.sub(r"\1", digits)))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
