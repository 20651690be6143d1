"""From the words people use for a dimension to the names MetricFlow knows, and filters likewise."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from connectors.errors import InputError
from orchestration.metrics.catalogue import suggestion

Grain = Literal["day", "week", "month", "quarter", "year"]
GRAINS: tuple[Grain, ...] = ("day", "week", "month", "quarter", "year")
METRIC_TIME = "metric_time"

_TOKEN = re.compile(
    r"""(?P<kept>'(?:[^']|'')*' | \{\{.*?\}\} | \$\w+ | \d[\w.]*)
      | "(?P<quoted>[^"]*)"
      | (?P<function>[A-Za-z_]\w*(?=\s*\())
      | (?P<word>[A-Za-z_]\w*)""",
    re.VERBOSE,
)
_SQL_WORDS = {
    "and", "or", "not", "in", "is", "null", "like", "ilike", "between", "true", "false", "distinct",
    "from", "exists", "escape", "interval", "days", "weeks", "months", "years", "as", "cast",
    "case", "when", "then", "else", "end", "date", "timestamp", "timestamptz", "varchar",
    "integer", "bigint", "decimal",
}  # fmt: skip


@dataclass(frozen=True)
class GroupBy:
    """One thing that a metric can be grouped and filtered by.

    Attributes:
        name: as MetricFlow writes it: `<entity>__<dimension>`, or an entity, or metric_time.
        kind: what it is.
    """

    name: str
    kind: Literal["entity", "categorical", "time"]

    @property
    def short(self) -> str:
        """The last part of the name: what people call it."""
        return self.name.rsplit("__", 1)[-1]

    def template(self) -> str:
        """How a filter names it."""
        if self.kind == "entity":
            return f"{{{{ Entity('{self.name}') }}}}"
        if self.kind == "time":
            return f"{{{{ TimeDimension('{self.name}', 'day') }}}}"
        return f"{{{{ Dimension('{self.name}') }}}}"


@dataclass(frozen=True)
class Column:
    """A column to group by: MetricFlow's name, and the name in the answer."""

    name: str
    shown: str
    is_date: bool


def find(word: str, available: Iterable[GroupBy], subject: str) -> GroupBy:
    """The dimension meant by a whole name or its last part; the nearest when several have it.

    Raises:
        InputError: none has it, or several are equally near; names them.
    """
    options = {one.name: one for one in available}
    if word in options:
        return options[word]
    found = [one for one in options.values() if one.short == word]
    if not found:
        shorts = sorted({one.short for one in options.values()})
        raise InputError(
            f"{subject} cannot be grouped or filtered by {word}{suggestion(word, shorts)}; "
            f"possible are {', '.join(shorts)}."
        )
    nearest = min(one.name.count("__") for one in found)
    best = [one for one in found if one.name.count("__") == nearest]
    if len(best) > 1:
        raise InputError(
            f"{word} of {subject} is ambiguous; say which: "
            f"{', '.join(sorted(one.name for one in best))}."
        )
    return best[0]


def column(word: str, available: Sequence[GroupBy], subject: str, grain: Grain) -> Column:
    """The column of one word after `--by`: a dimension, a grain, or a date dimension and grain."""
    if word in GRAINS:
        return Column(f"{METRIC_TIME}__{word}", word, True)
    base, _, last = word.rpartition("__")
    if base and last in GRAINS:
        return Column(f"{_time(base, available, subject)}__{last}", word, True)
    if word == METRIC_TIME:
        return Column(f"{METRIC_TIME}__{grain}", grain, True)
    found = find(word, available, subject)
    if found.kind == "time":
        return Column(f"{found.name}__{grain}", word, True)
    return Column(found.name, word, False)


def _time(word: str, available: Sequence[GroupBy], subject: str) -> str:
    if word == METRIC_TIME:
        return METRIC_TIME
    found = find(word, available, subject)
    if found.kind != "time":
        raise InputError(f"{word} is not a date; leave the grain off.")
    return found.name


def filter_template(condition: str, available: Sequence[GroupBy], subject: str) -> str:
    """A condition in plain SQL words, with every dimension as MetricFlow wants it.

    `channel = 'douyin' and metric_time >= '2026-01-01'` may also use `$name` parameters, functions,
    and MetricFlow's own `{{ Dimension('…') }}`.

    Raises:
        InputError: it names what is no dimension of the metrics.
    """

    def replaced(token: re.Match[str]) -> str:
        word = token["quoted"] if token["quoted"] is not None else token["word"]
        if word is None or (token["quoted"] is None and word.lower() in _SQL_WORDS):
            return token[0]
        if word in (METRIC_TIME, "day"):
            return GroupBy(METRIC_TIME, "time").template()
        return find(word, available, subject).template()

    return _TOKEN.sub(replaced, condition)
