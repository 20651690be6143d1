"""`fourflow provenance`: where each value of an order comes from, and what it was before."""

from dataclasses import asdict
from typing import Annotated

import typer

from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.provenance import FieldProvenance, order_provenance


def provenance(
    order: Annotated[str, typer.Argument(help="The order's number or key.")],
    as_of: Annotated[
        str | None, typer.Option(help="A publication id or a time; default: the newest.")
    ] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Which record of its source told each value of an order, when, and what was there before."""
    settings = load_settings()
    with open_published(settings, as_of) as lake:
        told = order_provenance(lake, settings, order)
    if json:
        print_json(asdict(told))
        return
    rows = [_row(field) for field in told.fields if field.value is not None or field.earlier]
    print_rows(told.order_key, rows, empty="no record of its source is in this publication")


def _row(field: FieldProvenance) -> dict[str, object]:
    return {
        "record": f"{field.entity} {field.record_key}".strip(),
        "field": field.field,
        "value": field.value,
        "known_at": field.known_at,
        "told_by": field.origin.file_name or field.origin.source_id,
        "before": "; ".join(f"{one.value} until {one.replaced_at:%F %T}" for one in field.earlier),
    }
