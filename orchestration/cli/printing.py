"""How results look on a terminal, and as JSON for machines."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

JsonOption = typer.Option("--json", help="Print JSON for machines instead of a table.")


def plain(value: Any) -> Any:
    """A value that JSON knows: exact decimals as numbers where a float prints the same digits.

    Decimals that a float would change become text; times become ISO 8601 with their offset.
    """
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value) if value == Decimal(str(float(value))) else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def print_json(value: Any) -> None:
    """Print JSON on standard output, Chinese readable."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def text(value: Any) -> str:
    """A cell of a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S%z")
    return str(value)


def table(
    title: str, rows: Sequence[dict[str, Any]], *, columns: Sequence[str] | None = None
) -> Table:
    """A table of dicts; numbers to the right."""
    names = list(columns or (rows[0].keys() if rows else []))
    result = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for name in names:
        numeric = any(isinstance(row.get(name), int | float | Decimal) for row in rows)
        result.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        result.add_row(*(text(row.get(name)) for name in names))
    return result


def print_rows(title: str, rows: Sequence[dict[str, Any]], *, empty: str) -> None:
    """Print a table, or one sentence when there is nothing to show."""
    console = Console()
    if rows:
        console.print(table(title, rows))
    else:
        console.print(empty)
