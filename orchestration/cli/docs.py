"""`fourflow docs`: the documentation site of this home, as one page."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json
from orchestration.dbt_build import ensure_manifest
from orchestration.documentation import build_documentation


def docs(
    as_of: Annotated[
        str | None, typer.Option(help="A publication id or a time; default: the newest.")
    ] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Write lineage, owners, metrics and the data dictionary as one page that needs no network."""
    settings = load_settings()
    with open_published(settings, as_of) as lake:
        path = build_documentation(settings, ensure_manifest(settings), lake, datetime.now(UTC))
        publication = lake.publication.publication_id
    if json:
        print_json({"path": str(path), "bytes": path.stat().st_size, "publication": publication})
    else:
        Console().print(
            f"Documentation of publication {publication}: {path}\n"
            "Open it in a browser, or on the dashboards under Definitions.",
            soft_wrap=True,
        )
