"""`fourflow models`: the registry of models and their cards."""

import json as json_text
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from connectors.errors import InputError
from connectors.lake.reader import open_published
from connectors.settings import PROJECT_ROOT, load_settings
from models_ml.model_cards import render_card
from orchestration.cli.bench import find_benchmark
from orchestration.cli.printing import JsonOption, print_json, print_rows

CARDS_FOLDER = PROJECT_ROOT / "docs" / "model-cards"
app = typer.Typer(help="Models: versions, why they are in use, model cards.", no_args_is_help=True)


@app.command("list")
def list_command(json: Annotated[bool, JsonOption] = False) -> None:
    """List the published versions of models, newest first."""
    rows = [{name: value for name, value in row.items() if name != "report"} for row in _versions()]
    if json:
        print_json(rows)
    else:
        print_rows("Model versions", rows, empty="No model has been learnt yet.")


@app.command("cards")
def cards(
    benchmark: Annotated[
        str | None,
        typer.Option(help="Make the cards of a benchmark's data sets, not of what is published."),
    ] = None,
    case: Annotated[
        list[str] | None, typer.Option(help="Only these data sets of the benchmark.")
    ] = None,
    kept: Annotated[
        str | None,
        typer.Option(help="Where `fourflow bench ml --folder` kept its figures; of `ml` only."),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where to write.")] = CARDS_FOLDER,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Write a model card a model, as Markdown."""
    if kept is not None:
        made = _cards_of_figures(benchmark or "ml", kept)
    else:
        made = _cards_of_benchmark(benchmark, case) if benchmark else _cards_of_published()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in made.items():
        path = folder / f"{name}.md"
        path.write_text(text, encoding="utf-8")
        paths.append(str(path))
    if json:
        print_json({"cards": paths})
    else:
        Console().print("\n".join(paths) or "No model has been learnt yet.", soft_wrap=True)


def _cards_of_figures(name: str, kept: str) -> dict[str, str]:
    """Cards of the models whose benchmarks were measured before, by file name.

    Raises:
        InputError: the benchmark keeps no figures, or none of this code are kept there.
    """
    cards = getattr(find_benchmark(name), "cards", None)
    if cards is None:
        raise InputError(f"The benchmark {name} keeps no figures; use --benchmark ml with --kept.")
    made: dict[str, str] = cards(kept)
    if not made:
        raise InputError(
            f"The folder {kept} has no figures of this code; run fourflow bench ml --folder {kept}."
        )
    return made


def _cards_of_benchmark(name: str, wanted: list[str] | None) -> dict[str, str]:
    """Cards by file name.

    Raises:
        InputError: the benchmark has no reports, or no data set of that name.
    """
    benchmark = find_benchmark(name)
    known = getattr(benchmark, "CASES", None)
    if known is None:
        hint = "give --kept" if hasattr(benchmark, "cards") else "choose risk"
        raise InputError(f"The benchmark {name} judges no risk models; {hint}.")
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise InputError(
            f"There is no data set {', '.join(unknown)} in the benchmark {name}; "
            f"use {', '.join(known)}."
        )
    result = {}
    for case in wanted or known:
        result[case.replace("_", "-")] = render_card(
            benchmark.report_of(case).to_dict(),
            title=known[case].title,
            facts={"Data": known[case].data},
            command=f"fourflow models cards --benchmark {name} --case {case}",
        )
    return result


def _cards_of_published() -> dict[str, str]:
    """The card of the newest version of each model and business, by file name."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in _versions():
        newest.setdefault((str(row["model"]), str(row["business"])), row)
    return {
        f"{model}-{business}".replace("_", "-"): render_card(
            json_text.loads(row["report"]),
            title=f"{model.replace('_', ' ').capitalize()} of {business}",
            facts={
                "Version": str(row["model_version"]),
                "Snapshot of the lake": str(row["snapshot_id"]),
                "Code": str(row["code_version"]),
                "Registered": f"{row['registered_at']:%Y-%m-%d %H:%M} UTC",
                "Why": str(row["reason"]),
            },
            command="fourflow models cards",
        )
        for (model, business), row in newest.items()
    }


def _versions() -> list[dict[str, Any]]:
    with open_published(load_settings()) as lake:
        if "model_versions" not in lake.tables():
            return []
        return lake.rows(
            "select * from model_versions order by registered_at desc, model, business"
        )
