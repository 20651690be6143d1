"""`fourflow metric`: figures by the definitions that pages use, as of any publication."""

import sys
from collections.abc import Sequence
from csv import writer as csv_writer
from typing import Annotated, Any, cast

import typer

from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import Settings, load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.metrics.catalogue import Metric
from orchestration.metrics.layer import MetricLayer, MetricQuery
from orchestration.metrics.names import GRAINS, Grain

_LIST = "list"


def metric(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Metrics, or `list` for all of them (`list NAME` for one with its dimensions)."
        ),
    ],
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Dimensions, with commas between; day, week, month … are dimensions."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="A condition on dimensions: \"channel = 'douyin' and day >= '2026-01-01'\"."
        ),
    ] = None,
    grain: Annotated[str, typer.Option(help=f"Grain of dates: {', '.join(GRAINS)}.")] = "day",
    as_of: Annotated[
        str | None, typer.Option(help="A publication id or a time; default: the newest.")
    ] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the statement, don't run it.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Ask for metrics, or list what is defined."""
    settings = load_settings()
    layer = MetricLayer(settings)
    if names[0] == _LIST:
        _list(layer, names[1:], as_json=json)
        return
    if grain not in GRAINS:
        raise InputError(f"{grain} is no grain; use one of {', '.join(GRAINS)}.")
    query = MetricQuery(
        metrics=tuple(names),
        by=tuple(word.strip() for one in by or () for word in one.split(",") if word.strip()),
        where=tuple(where or ()),
        grain=cast("Grain", grain),
    )
    if sql:
        typer.echo(layer.sql(query).sql)
        return
    rows = _rows(settings, layer, query, as_of)
    if json:
        print_json(rows)
    elif csv:
        _print_csv(layer, query, rows)
    else:
        shown = [{name: _readable(value) for name, value in row.items()} for row in rows]
        print_rows("", shown, empty="nothing to count")


def _rows(
    settings: Settings, layer: MetricLayer, query: MetricQuery, as_of: str | None
) -> list[dict[str, Any]]:
    with open_published(settings, as_of) as lake:
        return layer.rows(query, lake)


def _readable(value: Any) -> Any:
    """A quotient with the digits that a person reads; `--json` and `--csv` have all of them."""
    return f"{value:.6g}" if isinstance(value, float) else value


def _print_csv(layer: MetricLayer, query: MetricQuery, rows: Sequence[dict[str, Any]]) -> None:
    written = layer.sql(query)
    names = [*written.groups, *written.metrics]
    writer = csv_writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow(["" if row[name] is None else str(row[name]) for name in names])


def _list(layer: MetricLayer, names: Sequence[str], *, as_json: bool) -> None:
    chosen = layer.catalogue.named(names) if names else list(layer.catalogue.metrics.values())
    entries = [_entry(one) for one in chosen]
    if names:
        for entry, one in zip(entries, chosen, strict=True):
            entry["dimensions"] = [group.name for group in layer.group_bys([one.name])]
    if as_json:
        print_json(entries)
    elif names:
        for entry in entries:
            fields = [{"field": key, "value": _joined(value)} for key, value in entry.items()]
            print_rows(str(entry["name"]), fields, empty="")
    else:
        columns = ("name", "label", "label_zh", "unit", "kind", "owner")
        print_rows(
            "Metrics", [{key: entry[key] for key in columns} for entry in entries], empty="none"
        )


def _joined(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _entry(one: Metric) -> dict[str, Any]:
    return {
        "name": one.name,
        "label": one.label_en,
        "label_zh": one.label_zh,
        "kind": one.kind,
        "unit": one.unit,
        "owner": one.owner,
        "definition": one.definition_en,
        "definition_zh": one.definition_zh,
        "inputs": list(one.inputs),
    }
