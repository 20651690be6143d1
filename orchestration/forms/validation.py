"""Judges what somebody filled in: exact values, or everything that is wrong with it.

Nothing is guessed: a number is refused that is not written as one, and binary floating point is
never made of one.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from connectors.errors import InputError
from orchestration.forms.definition import LINES, FormField
from orchestration.forms.definition import Form as FormDefinition
from orchestration.forms.evaluation import Value, broken_checks
from orchestration.forms.problems import Problem

Read = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
_ID_LENGTH = 100
_PRINTABLE = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]*")
_NUMBERS = {
    "integer": re.compile(r"[+-]?[0-9]{1,18}"),
    "decimal": re.compile(r"[+-]?[0-9]{1,12}([.][0-9]{1,6})?"),
    "money": re.compile(r"[+-]?[0-9]{1,16}([.][0-9]{1,2})?"),
}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
# What a publication knows of the values of a field; a table that lists nothing refuses nothing.
_LISTS = {
    "sku": ("dim_products", "sku"),
    "site": ("dim_sites", "site"),
    "customer": ("dim_customers", "customer_key"),
}


@dataclass(frozen=True)
class Answers:
    """What was filled in, by field; what was left out is not in it."""

    entry: Mapping[str, Value]
    lines: tuple[Mapping[str, Value], ...] = ()


class RefusedEntryError(InputError):
    """An entry that can't be taken.

    Attributes:
        problems: everything that is wrong with it.
    """

    def __init__(self, form: str, problems: Sequence[Problem]) -> None:
        told = " ".join(one.located() for one in problems)
        super().__init__(f"The form {form} was not filled in as it should be. {told}")
        self.problems = tuple(problems)


def validate(form: FormDefinition, filled: Mapping[str, Any], read: Read) -> Answers:
    """Judge what was filled in.

    Args:
        form: which form.
        filled: by field what was written, and under `lines` the same of each line.
        read: asks the publication, as far as the caller may see it.

    Raises:
        RefusedEntryError: names everything that is wrong.
    """
    problems: list[Problem] = []
    entry = _judge_fields(form.fields, filled, problems, besides=(LINES,))
    lines = tuple(
        _judge_fields(form.line_fields, one, problems, line=number)
        for number, one in enumerate(_lines(form, filled.get(LINES), problems), start=1)
    )
    wrong = {(one.field_name, one.line) for one in problems}
    problems += _lacking_currencies(form, entry, lines, wrong)
    problems += _unknown_values(form, entry, lines, read)
    if not problems:
        problems += _broken(form, entry, lines)
    if problems:
        raise RefusedEntryError(form.name, problems)
    return Answers(entry, lines)


def currency_of(
    form_field: FormField, entry: Mapping[str, Value], line: Mapping[str, Value]
) -> str | None:
    """The currency of an amount; None of what is no money."""
    if form_field.currency_field is None:
        return form_field.currency
    found = line.get(form_field.currency_field) or entry.get(form_field.currency_field)
    return None if found is None else str(found)


def _lines(form: FormDefinition, told: Any, problems: list[Problem]) -> Sequence[Mapping[str, Any]]:
    if form.lines is None:
        if told not in (None, [], ()):
            problems.append(Problem("no_lines"))
        return ()
    found = told if told is not None else ()
    if not isinstance(found, list | tuple) or not all(isinstance(one, Mapping) for one in found):
        problems.append(Problem("lines"))
        return ()
    if len(found) < form.lines.minimum:
        problems.append(Problem("too_few_lines", values={"limit": str(form.lines.minimum)}))
    if len(found) > form.lines.maximum:
        problems.append(Problem("too_many_lines", values={"limit": str(form.lines.maximum)}))
        return ()
    return found


def _judge_fields(
    fields: Sequence[FormField],
    filled: Mapping[str, Any],
    problems: list[Problem],
    *,
    line: int | None = None,
    besides: tuple[str, ...] = (),
) -> Mapping[str, Value]:
    known = {one.name for one in fields}
    for name in filled:
        if name not in known and name not in besides:
            shown = _shown(str(name))
            problems.append(Problem("unknown_field", line=line, values={"name": shown}))
    found: dict[str, Value] = {}
    for one in fields:
        try:
            value = _judge(one, filled.get(one.name))
        except _WrongError as wrong:
            problems.append(Problem(wrong.code, one.name, line, wrong.values))
            continue
        if value is not None:
            found[one.name] = value
    return found


class _WrongError(Exception):
    """A value that can't be taken."""

    def __init__(self, code: str, **values: str) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def _judge(one: FormField, told: Any) -> Value | None:
    """The value; None when nothing was filled in."""
    text = _written(told)
    if not text:
        if one.required:
            raise _WrongError("required")
        return None
    if not _PRINTABLE.fullmatch(text):
        raise _WrongError("control")
    longest = one.max_length if one.type == "text" else _ID_LENGTH
    if len(text) > longest:
        raise _WrongError("too_long", limit=str(longest))
    if one.type in _NUMBERS:
        return _judge_number(one, text)
    return _day(text) if one.type == "date" else _judge_text(one, text)


def _judge_text(one: FormField, text: str) -> str:
    values = [choice.value for choice in one.choices]
    if one.type == "choice" and text not in values:
        raise _WrongError("choice", choices=", ".join(values))
    if one.pattern is not None and not re.fullmatch(one.pattern, text):
        raise _WrongError("pattern")
    return text


def _judge_number(one: FormField, text: str) -> Value:
    if not _NUMBERS[one.type].fullmatch(text):
        raise _WrongError(one.type)
    number = Decimal(text)
    if one.minimum is not None and number < one.minimum:
        raise _WrongError("minimum", limit=f"{one.minimum:f}")
    if one.maximum is not None and number > one.maximum:
        raise _WrongError("maximum", limit=f"{one.maximum:f}")
    if one.type == "integer":
        return int(text)
    return number.quantize(Decimal("0.01")) if one.type == "money" else number


def _written(told: Any) -> str:
    if told is None:
        return ""
    if isinstance(told, bool) or not isinstance(told, str | int | Decimal):
        raise _WrongError("not_text")
    is_plain = isinstance(told, Decimal) and told.is_finite() and abs(told.adjusted()) < _ID_LENGTH
    return f"{told:f}" if is_plain else str(told).strip()


def _day(text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _WrongError("date")


def _shown(text: str) -> str:
    kept = text[:60]
    return kept if _PRINTABLE.fullmatch(kept) else ascii(kept)


def _lacking_currencies(
    form: FormDefinition,
    entry: Mapping[str, Value],
    lines: Sequence[Mapping[str, Value]],
    told: set[tuple[str | None, int | None]],
) -> Iterator[Problem]:
    for number, line in ((None, {}), *enumerate(lines, start=1)):
        for one in form.line_fields if number else form.fields:
            if one.type != "money" or one.name not in (line if number else entry):
                continue
            currency = currency_of(one, entry, line)
            if currency is None or not _CURRENCY.fullmatch(currency):
                of_line = one.currency_field in {other.name for other in form.line_fields}
                place = (one.currency_field, number if of_line else None)
                if place not in told:
                    told.add(place)
                    yield Problem("no_currency", *place)


def _unknown_values(
    form: FormDefinition,
    entry: Mapping[str, Value],
    lines: Sequence[Mapping[str, Value]],
    read: Read,
) -> Iterator[Problem]:
    """Articles, sites and customers that the publication does not list."""
    used: dict[str, list[tuple[str, int | None, str]]] = {}
    for number, values in ((None, entry), *enumerate(lines, start=1)):
        for one in form.line_fields if number else form.fields:
            if one.type in _LISTS and one.name in values:
                place = (one.name, number, str(values[one.name]))
                used.setdefault(one.type, []).append(place)
    for kind, places in used.items():
        known = _known(kind, {value for _, _, value in places}, read)
        for name, number, value in places:
            if known is not None and value not in known:
                yield Problem(f"unknown_{kind}", name, number, {"value": _shown(value)})


def _known(kind: str, values: set[str], read: Read) -> set[str] | None:
    """Those of the values that are listed; None when nothing of the kind is."""
    table, column = _LISTS[kind]
    # Names of our own; the values are bound.
    query = f"select distinct {column} as value from {table} where list_contains($values, {column})"  # noqa: S608
    try:
        found = {str(row["value"]) for row in read(query, {"values": sorted(values)})}
        is_empty = not found and not read(f"select 1 as one from {table} limit 1", {})  # noqa: S608
    except duckdb.CatalogException:
        return None
    return None if is_empty else found


def _broken(
    form: FormDefinition, entry: Mapping[str, Value], lines: Sequence[Mapping[str, Value]]
) -> Iterator[Problem]:
    try:
        for check, number in broken_checks(form, entry, lines):
            of_line = check.field in {one.name for one in form.line_fields}
            yield Problem("check", check.field, number if of_line else None, said=check.message)
    except InputError:
        yield Problem("incomputable")
