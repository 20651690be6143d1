"""Asks whether the checks of a form hold: each is a condition that was let through by its words.

Nothing in it can reach a table or a file, and what holds neither way (a field is left out) holds,
as a check of SQL does.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

import duckdb

from connectors.errors import InputError
from orchestration.forms.definition import Check, FieldType, Form

Value = str | int | Decimal | date
_SQL_TYPES: Mapping[FieldType, str] = {
    "integer": "bigint", "decimal": "decimal(18, 6)", "money": "decimal(18, 2)", "date": "date",
}  # fmt: skip


def broken_checks(
    form: Form, entry: Mapping[str, Value], lines: Sequence[Mapping[str, Value]]
) -> Iterator[tuple[Check, int | None]]:
    """The checks that do not hold, each with the number of its line, from 1.

    Raises:
        InputError: one can't be computed of these values, such as a sum that is too large.
    """
    if not form.checks:
        return
    with _connection() as connection:
        for check in form.checks:
            if not form.is_of_lines(check):
                if not _holds(connection, form, check, entry):
                    yield check, None
                continue
            for number, line in enumerate(lines, start=1):
                if not _holds(connection, form, check, {**entry, **line}):
                    yield check, number


def refuse_incomputable(form: Form) -> None:
    """Refuse checks that compare what can't be compared.

    Raises:
        InputError: names the check.
    """
    for _ in broken_checks(form, {}, [{}]):
        pass


def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        ":memory:",
        config={"enable_external_access": "false", "threads": "1", "memory_limit": "64MB"},
    )


def _holds(
    connection: duckdb.DuckDBPyConnection, form: Form, check: Check, values: Mapping[str, Value]
) -> bool:
    fields = list(form.every_field())
    columns = ", ".join(
        f'cast(? as {_SQL_TYPES.get(one.type, "varchar")}) as "{one.name}"' for one in fields
    )
    given = [values.get(one.name) for one in fields]
    # The names are plain words, and the condition is printed from its checked tree.
    query = f"select coalesce({form.condition(check)}, true) from (select {columns}) as entered"  # noqa: S608
    try:
        row = connection.execute(query, given).fetchone()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the check {check.must!r} can't be computed ({reason})") from error
    if row is None or not isinstance(row[0], bool):
        raise InputError(f"the check {check.must!r} is neither true nor false; compare something")
    return row[0]
