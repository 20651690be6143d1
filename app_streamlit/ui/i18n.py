"""Words in the reader's language, from `locales/<language>.yml`.

No text is written in a page. A count in a sentence picks `one` or `other`.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

Language = Literal["en", "zh"]
LANGUAGES: dict[Language, str] = {"en": "English", "zh": "简体中文"}
_LOCALES = Path(__file__).resolve().parent.parent / "locales"
_PLURALS = frozenset({"one", "other"})


def _flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, str | dict[str, str]]:
    words: dict[str, str | dict[str, str]] = {}
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and not set(value) <= _PLURALS:
            words.update(_flatten(value, f"{key}."))
        else:
            words[key] = dict(value) if isinstance(value, Mapping) else str(value)
    return words


@cache
def catalogue(language: Language) -> dict[str, str | dict[str, str]]:
    """All words of one language: dotted key -> text, or its `one` and `other` forms."""
    text = (_LOCALES / f"{language}.yml").read_text(encoding="utf-8")
    return _flatten(yaml.safe_load(text))


class Translator:
    """Gives the words of one language; calling it with an unknown key is an error."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._words = catalogue(language)

    def __call__(self, key: str, /, *, n: int | None = None, **values: object) -> str:
        """The text of `key`, with `values` filled in; `n` chooses between one and other."""
        text = self._words[key]
        if isinstance(text, dict):
            text = text["one"] if n == 1 and "one" in text else text["other"]
        return text.format(**values) if values else text

    def known(self, key: str, fallback: str) -> str:
        """The text of a key made from data (a status, a source), or a readable fallback."""
        text = self._words.get(key)
        return text if isinstance(text, str) else readable(fallback)


def readable(name: str) -> str:
    """A technical name as words: `store_pos` -> `Store pos`."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def pick(row: Mapping[str, Any], stem: str, language: Language, fallback: str = "") -> str:
    """The label of a row that carries one column a language, such as `label_en`, `label_zh`."""
    for name in (f"{stem}_{language}", f"{stem}_en", stem):
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return readable(fallback)
