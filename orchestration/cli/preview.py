"""`fourflow preview`: what an analyst's change of the dbt project would move."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.preview.report import Preview, preview

_ROWS_SHOWN = 40


def preview_command(
    *,
    select: Annotated[
        str,
        typer.Option(
            help="What dbt is to build, such as dim_customers+; default: what differs from the "
            "published project, and what is made of it."
        ),
    ] = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Build a change on a copy of the lake: rows, metrics and rules that would move."""
    settings = load_settings()
    console = Console(stderr=True)
    with console.status("preview") as status:
        told = preview(settings, select=select, tell=lambda what: status.update(f"preview: {what}"))
    if json:
        print_json(asdict(told))
    else:
        _print(told)
    if not told.is_sound:
        raise typer.Exit(1)


def _print(told: Preview) -> None:
    changed = ", ".join(told.changed) or "what was named"
    typer.echo(
        f"Changed: {changed}. {told.built:,} models and seeds built on a copy of "
        f"{told.publication_id}; nothing of it is published."
    )
    print_rows(
        "Tables",
        [
            {
                "table": one.table,
                "rows_before": one.rows_before,
                "rows_after": one.rows_after,
                "added": one.added,
                "removed": one.removed,
                "changed": one.changed,
                "columns": ", ".join(
                    [f"{name} ({count:,})" for name, count in one.columns[:5]]
                    + [f"+{name}" for name in one.columns_added]
                    + [f"-{name}" for name in one.columns_removed]
                ),
            }
            for one in told.tables
        ],
        empty="No row of any table would change.",
    )
    moves = [asdict(move) for one in told.tables for move in one.moves]
    if moves:
        print_rows("From one value to another", moves[:_ROWS_SHOWN], empty="")
    print_rows(
        "Metrics",
        [asdict(one) for one in told.metrics[:_ROWS_SHOWN]],
        empty=f"None of the {told.metrics_compared} metrics made of these models would move.",
    )
    print_rows(
        "Rules",
        [asdict(one) for one in told.rules],
        empty=f"None of the {told.rules_compared} rules that read these tables would propose "
        "anything else.",
    )
    print_rows(
        "Failed checks",
        told.checks_failed,
        empty=f"All {told.checks_passed} checks of what was built pass.",
    )
