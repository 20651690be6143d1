"""`fourflow check`: what has to be empty, with its rows as evidence; exit code 0 only if it is."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import load_settings
from orchestration.cli.files import days_of_month, write_csv
from orchestration.cli.printing import JsonOption, print_json, print_rows

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


@app.callback()
def check() -> None:
    """Keep `check` a group although it has one command so far."""


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
