"""The search text of `orders(query:)`: terms such as `updated_at:>='2026-06-30T00:00:00Z'`."""

import re
from datetime import UTC, datetime
from typing import Final

from graphql import GraphQLError

from connectors.sandbox.servers.clock import seconds_of_datetime

_TERM: Final = re.compile(
    r"""\s*(?:AND\s+)?(?P<field>\w+):(?P<sign>>=|<=|>|<|)
        (?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>\S+))""",
    re.VERBOSE,
)
_TIMES: Final = ("created_at", "processed_at", "updated_at")

Bounds = dict[str, tuple[int | None, int | None]]


def read_search(text: str | None) -> Bounds:
    """First and last local second (both included) of each time field that is bounded.

    Raises:
        GraphQLError: a term is none, or is not simulated.
    """
    bounds: Bounds = {}
    rest = (text or "").strip()
    while rest:
        found = _TERM.match(rest)
        if found is None:
            raise GraphQLError(f"The search {rest!r} is not understood by this simulation")
        rest = rest[found.end() :].strip()
        field = found["field"]
        value = found["single"] or found["double"] or found["bare"] or ""
        if field in ("status", "test") and value in ("any", "false"):
            continue
        if field not in _TIMES:
            raise GraphQLError(f"The search field {field} is not simulated")
        name = "created_at" if field == "processed_at" else field
        bounds[name] = _narrowed(bounds.get(name, (None, None)), found["sign"], value)
    return bounds


def _narrowed(
    bounds: tuple[int | None, int | None], sign: str, value: str
) -> tuple[int | None, int | None]:
    first, last = bounds
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise GraphQLError(f"Invalid date {value!r} in the search") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = seconds_of_datetime(moment)
    if sign in (">", ">="):
        return max(first or 0, seconds + (sign == ">")), last
    if sign in ("<", "<="):
        end = seconds - (sign == "<")
        return first, end if last is None else min(last, end)
    raise GraphQLError("A search for a time needs one of >= > <= <")
