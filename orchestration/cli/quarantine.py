"""`fourflow quarantine`: records that could not be used: why, and what people do about them."""

from dataclasses import asdict
from typing import Annotated

import typer

from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.lake.reader import PublishedLake, open_published
from connectors.settings import Settings, load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.dbt_build import manifest_hash
from orchestration.run_state import utc_now
from orchestration.stewardship import quarantine
from orchestration.stewardship.quarantine import RefusedRecord, Said

app = typer.Typer(help="Rejected records.", no_args_is_help=True)
_Record = Annotated[str, typer.Argument(help="As `fourflow quarantine list` prints it.")]
_By = Annotated[str, typer.Option("--by", help="Who decides.")]
_Reason = Annotated[str, typer.Option(help="Why; kept with the record.")]
_OPEN = "resolution is null and coalesce(is_superseded, false) = false"


@app.command("list")
def list_command(
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 50,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """List rejected records, newest first, and what somebody decided about them."""
    with open_published(load_settings()) as lake:
        rows = lake.rows(
            "select source, entity, source_id, reason, amount, received_at, resolution, "
            "decided_by from quarantined_records where $source is null or source = $source "
            "order by received_at desc, source_id limit $limit",
            {"source": source, "limit": limit},
        )
    if json:
        print_json(rows)
    else:
        print_rows("Quarantine", rows, empty="The quarantine is empty.")


@app.command("show")
def show_command(source_id: _Record, json: Annotated[bool, JsonOption] = False) -> None:
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


@app.command("replay")
def replay_command(
    source_id: Annotated[
        str | None, typer.Argument(help="The record to correct; left out: what a run will do.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="What a field should hold; repeat it."),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who corrects.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept with the record.")] = "",
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Correct a rejected record, or tell which ones the next run reads again by itself."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        if source_id is None:
            if values:
                raise InputError("Name the record that --set corrects.")
            _tell_what_replays(settings, lake, json=json)
            return
        done = quarantine.correct(
            settings, engine, lake, source_id, _pairs(values), said=Said(by, reason, utc_now())
        )
    _tell(done, "The next run reads it as corrected: `fourflow run`.", json=json)


@app.command("drop")
def drop_command(
    source_id: _Record, by: _By, reason: _Reason, json: Annotated[bool, JsonOption] = False
) -> None:
    """Nobody needs this record: it stays, counted as dropped."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        done = quarantine.drop(engine, lake, source_id, Said(by, reason, utc_now()))
    _tell(done, "It is counted as dropped from the next run on.", json=json)


@app.command("undo")
def undo_command(
    source_id: _Record, by: _By, reason: _Reason, json: Annotated[bool, JsonOption] = False
) -> None:
    """Take a correction or a drop back: the record waits again."""
    settings = load_settings()
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        done = quarantine.undo(engine, lake, source_id, Said(by, reason, utc_now()))
    _tell(done, "It waits again from the next run on.", json=json)


def _tell_what_replays(settings: Settings, lake: PublishedLake, *, json: bool) -> None:
    """Every run reads refused records again when the mapping that refused them has changed."""
    [found] = lake.rows(f"select count(*) as open from quarantined_records where {_OPEN}")  # noqa: S608
    has_changed = manifest_hash(settings) != lake.publication.manifest_hash
    if json:
        print_json({"open": found["open"], "project_changed": has_changed})
        return
    count = f"{found['open']:,} records wait"
    if has_changed:
        typer.echo(
            f"{count}. The dbt project has changed since they were published: the next run reads "
            "those again whose mapping changed, without being asked (`fourflow run`)."
        )
    else:
        typer.echo(
            f"{count}. The dbt project is the one that refused them, so a run would refuse them "
            "again: change the mapping, offer a corrected file, or correct one with `fourflow "
            "quarantine replay ID --set FIELD=VALUE --by … --reason …`."
        )


def _pairs(values: list[str] | None) -> dict[str, str]:
    found = {}
    for one in values or []:
        name, sign, value = one.partition("=")
        if not sign or not name.strip():
            raise InputError(f"--set {one!r} names no field; write FIELD=VALUE.")
        found[name.strip()] = value
    return found


def _tell(record: RefusedRecord, what_next: str, *, json: bool) -> None:
    if json:
        print_json(asdict(record))
        return
    rows = [{"field": name, "value": str(value)} for name, value in asdict(record).items()]
    print_rows(record.source_id, rows, empty="")
    typer.echo(what_next)
