"""`fourflow restated`: what two publications say differently, and why."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from connectors.database.engine import open_database
from connectors.database.publications import Publication, find_publication
from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import Settings, load_settings
from orchestration.cli.files import write_csv
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.restatement.comparison import GROUPS, Restatement, compare, list_rows
from orchestration.restatement.measures import MEASURES, measure_named

_ROW_COLUMNS: Final = (
    "row_key",
    "business",
    "channel",
    "business_date",
    "unit",
    "reason",
    "difference",
)


def restated(
    since: Annotated[
        str, typer.Option(help="The earlier publication: its id, or a time it was in force at.")
    ],
    *,
    as_of: Annotated[
        str | None, typer.Option(help="The later publication; default: the newest.")
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help=f"Groups, with commas between: {', '.join(GROUPS)}."),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this one; default: {', '.join(m.name for m in MEASURES)}."),
    ] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="List the rows behind the differences of one measure.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the table here as CSV.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Say what changed since an earlier publication, by reason; reasons add up exactly."""
    settings = load_settings()
    earlier = _publication(settings, since)
    measures = [measure_named(name) for name in measure or ()] or list(MEASURES)
    if rows and len(measures) != 1:
        raise InputError("Rows are listed for one measure; name it with --measure.")
    groups = [name.strip() for one in by or () for name in one.split(",") if name.strip()]
    with open_published(settings, as_of) as lake:
        if rows:
            listed = list_rows(lake, earlier, measures[0])
            _print(listed, _ROW_COLUMNS, csv, as_json=json)
            return
        found = compare(lake, earlier, by=groups, measures=measures)
    columns = ("measure", "unit", *groups, "reason", "row_count", "difference")
    if json and not csv:
        print_json(_as_json(found))
        return
    if not csv:
        _print_totals(found)
    _print(found.changes, columns, csv, as_json=False)


def _publication(settings: Settings, since: str) -> Publication:
    found = find_publication(open_database(settings), since)
    if found is None:
        raise InputError(
            f"Nothing was published yet at {since}; give a publication that `fourflow status` "
            "lists."
        )
    return found


def _print(
    rows: list[dict[str, Any]], columns: tuple[str, ...], csv: Path | None, *, as_json: bool
) -> None:
    if csv:
        write_csv(csv, columns, rows)
    elif as_json:
        print_json(rows)
    else:
        print_rows("By reason", _readable(rows), empty="Both publications say the same.")


def _print_totals(found: Restatement) -> None:
    print_rows(
        f"{found.until.publication_id} against {found.since.publication_id}"
        + (", by other definitions" if found.redefined else ""),
        _readable(found.totals),
        empty="Neither publication has anything to compare.",
    )
    if found.not_comparable:
        print_rows("Can't be compared", found.not_comparable, empty="")


def _readable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with two decimals where these say all."""
    return [
        {
            name: round(value, 2)
            if isinstance(value, Decimal) and value == round(value, 2)
            else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _as_json(found: Restatement) -> dict[str, Any]:
    return {
        "since": found.since.publication_id,
        "until": found.until.publication_id,
        "definitions_changed": found.redefined,
        "totals": found.totals,
        "changes": found.changes,
        "not_comparable": found.not_comparable,
    }
