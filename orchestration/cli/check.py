"""`fourflow check`: what has to be empty, with its rows as evidence; exit code 0 only if it is."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from connectors.configuration import load_configuration
from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import load_settings
from orchestration.cli.files import days_of_month, write_csv
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.progress import SilentProgress, console_progress
from orchestration.source_checks import (
    DEFAULT_DAYS,
    compare_sources,
    complete_days,
)
from orchestration.source_comparisons import Comparison, keep

app = typer.Typer(help="Checks that pass only on none.", no_args_is_help=True)

_COLUMNS: Final = (
    "check",
    "business",
    "channel",
    "document",
    "first_document",
    "order_no",
    "customer_key",
    "date",
    "amount",
    "currency_code",
)
_SOURCE_COLUMNS: Final = (
    "source",
    "place",
    "entity",
    "day",
    "currency_code",
    "there_count",
    "here_count",
    "there_amount",
    "here_amount",
    "missing",
    "gone",
    "changed",
    "outdated",
    "not_read",
    "problem",
)
_FAULTY_INVOICES: Final = """
select
    'shipped_not_invoiced' as "check", business, channel, order_no as document,
    null as first_document, order_no, customer_key, left_on as "date", gross_amount as amount,
    currency_code
from fct_shipped_not_invoiced
where $first is null or left_on between $first and $last
union all
select
    'invoiced_twice' as "check", business, channel, invoice_no as document,
    first_invoice_key as first_document, order_no, customer_key, issued_on as "date", amount,
    currency_code
from fct_invoiced_twice
where $first is null or issued_on between $first and $last
order by 1, 2, 8, 4
"""


@app.command("invoices")
def invoices_command(
    month: Annotated[
        str | None, typer.Option(help="Only this month, such as 2026-09; default: all.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write the rows here, the heading also when there are none.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="A publication id or a time; default: the newest.")
    ] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List what was shipped and not invoiced, and what was invoiced twice; exit 0 only on none."""
    with open_published(load_settings(), as_of) as lake:
        rows = find_faulty_invoices(lake, month)
    if csv:
        write_csv(csv, _COLUMNS, rows)
    if json:
        print_json(rows)
    else:
        print_rows("Invoices", rows, empty="Everything shipped is invoiced, and nothing twice.")
    if rows:
        raise typer.Exit(1)


@app.command("sources")
def sources_command(
    source: Annotated[
        str | None, typer.Argument(help="A source in fourflow.yml; default: all of them.")
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=92, help="How many business dates that are over.")
    ] = DEFAULT_DAYS,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only this business date.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write all rows here, equal ones too, with every number.")
    ] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Ask every source anew what it has, and compare with the lake; exit 0 only if all agree."""
    settings = load_settings()
    wanted = [day.date()] if day else complete_days(settings, days)
    if day and day.date() > complete_days(settings, 1)[0]:
        raise InputError(f"{day.date()} is not over yet; give a business date before today.")
    configuration = load_configuration(settings)
    if json:
        found = compare_sources(settings, configuration, wanted, SilentProgress(), name=source)
    else:
        with console_progress(Console(stderr=True)) as progress:
            found = compare_sources(settings, configuration, wanted, progress, name=source)
    keep(open_database(settings), found)
    rows = [comparison.as_row() for comparison in found]
    if csv:
        write_csv(csv, _SOURCE_COLUMNS, [_in_words(comparison) for comparison in found])
    if json:
        print_json(rows)
    else:
        _print_sources(found)
    if not all(comparison.is_equal for comparison in found):
        raise typer.Exit(1)


def _print_sources(found: list[Comparison]) -> None:
    differing = [_in_words(comparison) for comparison in found if not comparison.is_equal]
    compared = sum(not comparison.problem for comparison in found)
    waiting = sum(comparison.not_read for comparison in found)
    if differing:
        print_rows("Sources", differing, empty="")
    sentence = (
        f"{compared:,} days and files compared, {len(differing):,} of them differ or can't be read."
        if found
        else "There is nothing to compare: no source of fourflow.yml can be read again."
    )
    more = f" {waiting:,} records wait for the next reading." if waiting else ""
    Console().print(sentence + more, highlight=False, soft_wrap=True)


def _in_words(comparison: Comparison) -> dict[str, Any]:
    row = comparison.as_row()
    return {
        name: ", ".join(row[name]) if isinstance(row[name], tuple) else row[name]
        for name in _SOURCE_COLUMNS
    }


def find_faulty_invoices(lake: PublishedLake, month: str | None) -> list[dict[str, Any]]:
    """Rows of both checks: goods on credit without an invoice, and invoices that are one too many.

    Args:
        lake: what is published.
        month: only goods that left, and invoices issued, in this month (`2026-09`); None is all.

    Raises:
        InputError: the month can't be read.
    """
    first, last = days_of_month(month) if month else (None, None)
    return lake.rows(_FAULTY_INVOICES, {"first": first, "last": last})
