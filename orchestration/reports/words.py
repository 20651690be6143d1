"""The words of reports, from the same files as those of the dashboards, and figures as text."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

import yaml

from connectors.database.report_subscriptions import Language
from connectors.settings import PROJECT_ROOT
from orchestration.metrics.catalogue import CURRENCY, Metric

# By path, never imported: imports go orchestration -> app_streamlit only that way.
_LOCALES = PROJECT_ROOT / "app_streamlit" / "locales"
NONE = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_SYMBOLS = {"CNY": "¥", "GBP": "£", "EUR": "€", "USD": "$", "JPY": "JP¥", "HKD": "HK$"}
_HOUR = 3600
_DAY = 86_400


class Words:
    """The words of one language; what data name and nobody translated reads as it is."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._words = _locale(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text under `reports`, with values filled in; `n` chooses between one and other."""
        found = _find(self._words, f"reports.{key}")
        if isinstance(found, Mapping):
            found = found["one" if values.get("n") == 1 and "one" in found else "other"]
        return str(found).format(**values) if values else str(found)

    def known(self, key: str, fallback: str) -> str:
        """A text of the dashboards, or the fallback in readable form."""
        found = _find(self._words, key)
        if isinstance(found, str):
            return found
        text = fallback.replace("_", " ").strip()
        return text[:1].upper() + text[1:]

    def of_row(self, row: Mapping[str, Any], stem: str, fallback: str) -> str:
        """The label of a row with one column a language."""
        return str(row.get(f"{stem}_{self.language}") or row.get(f"{stem}_en") or fallback)

    def figure(self, metric: Metric, value: Any, currency: str | None) -> str:
        """A figure of a metric, exact, with its unit."""
        if value is None or value != value:  # noqa: PLR0124 (a missing number is not itself)
            return NONE
        number = Decimal(str(value))
        if metric.unit == CURRENCY:
            return money(number, currency or "")
        if metric.unit == "share":
            return share(number)
        if metric.unit == "seconds":
            size, unit = (_DAY, "days") if abs(number) >= 2 * _DAY else (_HOUR, "hours")
            return self(f"units.{unit}", count=_rounded(number / size, 1))
        return _rounded(number, 0 if number == number.to_integral_value() else 2)


def money(amount: Decimal, currency: str) -> str:
    """An exact amount: ¥2,995,760.61."""
    sign = _MINUS if amount < 0 else ""
    return f"{sign}{_SYMBOLS.get(currency, f'{currency} ')}{_rounded(abs(amount), 2)}"


def share(value: Decimal) -> str:
    """A share as a percentage: 82.1%."""
    return f"{_rounded(value * 100, 1)}%"


def count(value: int) -> str:
    """A whole number: 12,345."""
    return _rounded(Decimal(value), 0)


def change(now: Any, before: Any, unit: str, words: Words) -> str:
    """How a figure moved: a share in percentage points, others in percent of what they were."""
    if now is None or before is None:
        return NONE
    new, old = Decimal(str(now)), Decimal(str(before))
    if unit == "share":
        return words("units.points", moved=_signed((new - old) * 100))
    return f"{_signed((new / old - 1) * 100)}%" if old else NONE


def _signed(value: Decimal) -> str:
    text = _rounded(value, 1)
    return text if text.startswith(_MINUS) or not text.strip("0.,") else f"+{text}"


def _rounded(value: Decimal, places: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{_MINUS if rounded < 0 else ''}{abs(rounded):,f}"


@cache
def _locale(language: Language) -> Mapping[str, Any]:
    text = (_LOCALES / f"{language}.yml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def _find(words: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(words, Mapping) or part not in words:
            return None
        words = words[part]
    return words
