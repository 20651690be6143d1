"""`fourflow query`: read-only SQL on the published snapshot."""

from typing import Annotated

import duckdb
import typer

from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT; tables need no schema prefix.")],
    as_of: Annotated[
        str | None, typer.Option(help="A publication id or a time; default: the newest.")
    ] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Run read-only SQL on what is published."""
    with open_published(load_settings(), as_of) as lake:
        try:
            with lake.cursor() as cursor:
                statements = cursor.extract_statements(sql)
                if len(statements) != 1:
                    raise InputError("Give exactly one SQL statement.")
                kind = statements[0].type
                if kind not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
                    raise InputError(
                        "`fourflow query` only reads; write a SELECT (models are changed in "
                        "dbt_project/)."
                    )
            rows = lake.rows(sql)
        except duckdb.Error as error:
            raise InputError(f"The query failed: {str(error).splitlines()[0]}") from error
    if json:
        print_json(rows)
    else:
        print_rows("", rows, empty="no rows")
