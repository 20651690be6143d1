"""Messages of rules: templates with {column} variables; a missing value is an error, not a gap."""

import string
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.errors import InputError
from orchestration.decisions.conditions import closest

TRACKING_LINK = "tracking_link"
"""A variable that Fourflow fills: the address on which the order's parcels can be followed."""


def check_template(template: str, known: Collection[str]) -> frozenset[str]:
    """The variables of a template; one that nothing will fill is refused.

    Raises:
        InputError: names the variable and the nearest known one.
    """
    names = _variables(template)
    for name in names:
        if name not in known:
            raise InputError(
                f'The message "{template}" uses {{{name}}}, which is neither a recorded column '
                f"nor a parameter of the rule{closest(name, known) or '; add it to explain.'}"
            )
    return frozenset(names)


def render_message(template: str, values: Mapping[str, Any], *, zone: ZoneInfo) -> str:
    """Fill a template; times are shown in the business zone.

    Raises:
        InputError: a variable has no value.
    """
    return _filled(template, values, "message", "variable", lambda value: _shown(value, zone))


def render_field(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template that a system reads: plain numbers, ISO times in UTC.

    Raises:
        InputError: a variable has no value.
    """
    return _filled(template, values, "field", "field", _plain)


def _filled(
    template: str,
    values: Mapping[str, Any],
    kind: str,
    part: str,
    show: Callable[[Any], str],
) -> str:
    shown = {}
    for name in _variables(template):
        value = values.get(name)
        if value is None:
            raise InputError(
                f'The {kind} "{template}" needs {{{name}}}, which is empty for this row; exclude '
                f"such rows in the condition or leave the {part} out."
            )
        shown[name] = show(value)
    return template.format_map(shown)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)):f}"  # never 1E+3
    return str(value)


def _variables(template: str) -> list[str]:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise InputError(f'The message "{template}" cannot be read: {error}.') from None
    names = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            raise InputError(
                f'The message "{template}" has the variable {{{name}}} with more than a name; '
                "write plain column names such as {order_no}."
            )
        names.append(name)
    return names


def _shown(value: Any, zone: ZoneInfo) -> str:
    if isinstance(value, bool | date) and not isinstance(value, datetime):
        return str(value).lower() if isinstance(value, bool) else value.isoformat()
    if isinstance(value, datetime):
        local = value.astimezone(zone) if value.tzinfo else value
        return f"{local:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:,.1f}".removesuffix(".0")
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    return str(value)
