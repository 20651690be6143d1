"""What metrics there are and what they mean, read from the semantic manifest without MetricFlow."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from connectors.errors import ContractError, InputError

CURRENCY = "currency"
_MONEY_UNITS = {CURRENCY, "amount_days"}


@dataclass(frozen=True)
class Metric:
    """One metric as its owner defined it.

    Attributes:
        name: what it is asked by.
        kind: simple, ratio, derived, cumulative or conversion.
        unit: `currency` (beside its currency_code), `share` (0 to 1), or what is counted.
        inputs: metrics it is computed from.
        is_monetary: whether amounts are in it, which must not be mixed over currencies.
    """

    name: str
    kind: str
    label_en: str
    label_zh: str
    definition_en: str
    definition_zh: str
    unit: str
    owner: str
    inputs: tuple[str, ...]
    is_monetary: bool

    def label(self, language: str) -> str:
        """Its name for people, in `en` or `zh`."""
        return self.label_zh if language == "zh" else self.label_en

    def definition(self, language: str) -> str:
        """What it counts, in `en` or `zh`."""
        return self.definition_zh if language == "zh" else self.definition_en


@dataclass(frozen=True)
class Catalogue:
    """All metrics by name, and the digest of what defines them."""

    metrics: Mapping[str, Metric]
    digest: str

    def named(self, names: Sequence[str]) -> list[Metric]:
        """The metrics of these names.

        Raises:
            InputError: there is no such metric; names those that read like it.
        """
        return [self._one(name) for name in names]

    def _one(self, name: str) -> Metric:
        found = self.metrics.get(name)
        if found is None:
            raise InputError(
                f"There is no metric {name}{suggestion(name, self.metrics)}; "
                "`fourflow metric list` shows all."
            )
        return found


def suggestion(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """`, did you mean …` with the names that read most like it; empty when none does."""
    wanted = name.lower()
    close = get_close_matches(wanted, list(known), n=3, cutoff=0.5)
    close += [other for other in sorted(known) if wanted in other and other not in close]
    return f" (did you mean {' or '.join(close[:4])}?)" if close else ""


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue of a semantic manifest; read once as long as the file stays the same."""
    stat = path.stat()
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, modified: int, size: int) -> Catalogue:
    del modified, size  # only to be read anew
    text = path.read_bytes()
    try:
        stated = {entry["name"]: entry for entry in json.loads(text)["metrics"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ContractError(
            f"{path} is not a semantic manifest; delete it and run `fourflow metric list`."
        ) from error
    digest = hashlib.sha256(text + version("metricflow").encode()).hexdigest()[:20]
    return Catalogue({name: _metric(name, stated) for name in sorted(stated)}, digest)


def _metric(name: str, stated: Mapping[str, Any]) -> Metric:
    entry = stated[name]
    meta = (entry.get("config") or {}).get("meta") or {}
    return Metric(
        name=name,
        kind=str(entry["type"]),
        label_en=str(entry.get("label") or name),
        label_zh=str(meta.get("label_zh") or entry.get("label") or name),
        definition_en=" ".join(str(entry.get("description") or "").split()),
        definition_zh=str(meta.get("definition_zh") or ""),
        unit=str(meta.get("unit") or ""),
        owner=str(meta.get("owner") or ""),
        inputs=_inputs(entry),
        is_monetary=_is_monetary(name, stated),
    )


def _inputs(entry: Mapping[str, Any]) -> tuple[str, ...]:
    params = entry["type_params"]
    named = [params.get("numerator"), params.get("denominator"), *(params.get("metrics") or ())]
    return tuple(dict.fromkeys(str(one["name"]) for one in named if one))


def _is_monetary(name: str, stated: Mapping[str, Any]) -> bool:
    entry = stated[name]
    unit = ((entry.get("config") or {}).get("meta") or {}).get("unit")
    return unit in _MONEY_UNITS or any(_is_monetary(one, stated) for one in _inputs(entry))
