"""`fourflow quarantine`: records that could not be used, with their reason and payload."""

from typing import Annotated

import typer

from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows

app = typer.Typer(help="Rejected records.", no_args_is_help=True)


@app.command("list")
def list_command(
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 50,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List rejected records, newest first."""
    with open_published(load_settings()) as lake:
        rows = lake.rows(
            "select source, entity, source_id, reason, amount, received_at "
            "from quarantined_records where $source is null or source = $source "
            "order by received_at desc, source_id limit $limit",
            {"source": source, "limit": limit},
        )
    if json:
        print_json(rows)
    else:
        print_rows("Quarantine", rows, empty="The quarantine is empty.")


@app.command("show")
def show_command(
    source_id: Annotated[str, typer.Argument(help="As `fourflow quarantine list` prints it.")],
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Show one rejected record whole: why, when, and what was received."""
    with open_published(load_settings()) as lake:
        rows = lake.rows(
            "select * from quarantined_records where source_id = $id", {"id": source_id}
        )
    if not rows:
        raise InputError(
            f"There is no quarantined record {source_id}; `fourflow quarantine list` shows them."
        )
    if json:
        print_json(rows)
    else:
        for row in rows:
            print_rows(
                source_id,
                [{"field": name, "value": str(value)} for name, value in row.items()],
                empty="",
            )
