"""`fourflow export`: what other systems take over, as files."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from connectors.errors import ContractError
from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import load_settings
from orchestration.cli.files import days_of_month, write_csv

app = typer.Typer(help="Files for other systems.", no_args_is_help=True)

_COLUMNS: Final = (
    "journal_entry_key",
    "batch_key",
    "posted_on",
    "document_type",
    "document_key",
    "account_code",
    "account",
    "debit_amount",
    "credit_amount",
    "currency_code",
)
_JOURNAL: Final = """
select entries.*, accounts.label_en as account
from fct_journal_entries as entries
left join chart_of_accounts as accounts on entries.account_code = accounts.account_code
where $first is null or entries.posted_on between $first and $last
order by entries.batch_key, entries.document_key, entries.journal_entry_key
"""


@app.callback()
def export() -> None:
    """Keep `export` a group although it has one command so far."""


@app.command("journal")
def journal_command(
    to: Annotated[Path, typer.Option(help="The CSV file to write.")],
    month: Annotated[
        str | None, typer.Option(help="Only this month, such as 2026-09; default: all.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="A publication id or a time; default: the newest.")
    ] = None,
) -> None:
    """Write the double-entry journal; the same documents always give the same keys."""
    with open_published(load_settings(), as_of) as lake:
        rows = journal(lake, month)
    write_csv(to, _COLUMNS, rows)
    batches = len({row["batch_key"] for row in rows})
    typer.echo(f"{len(rows):,} rows of {batches:,} batches, each balanced, are in {to}.")


def journal(lake: PublishedLake, month: str | None) -> list[dict[str, Any]]:
    """Rows of the journal, batch by batch.

    Args:
        lake: what is published.
        month: only what was posted in this month (`2026-09`); None is all.

    Raises:
        InputError: the month can't be read.
        ContractError: a batch does not balance.
    """
    first, last = days_of_month(month) if month else (None, None)
    rows = lake.rows(_JOURNAL, {"first": first, "last": last})
    balances: dict[tuple[str, str], Any] = {}
    for row in rows:
        key = (row["batch_key"], row["currency_code"])
        balances[key] = balances.get(key, 0) + row["debit_amount"] - row["credit_amount"]
    if uneven := [batch for (batch, _), balance in balances.items() if balance]:
        raise ContractError(
            f"Batch {uneven[0]} of fct_journal_entries does not balance; nothing was written. Look "
            "at its documents before you export again."
        )
    return rows
