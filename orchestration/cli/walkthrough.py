"""`fourflow walkthrough`: the page about Online Retail I, from what is published."""

from pathlib import Path
from typing import Annotated

import typer

from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.walkthrough import write_walkthrough


def walkthrough(
    path: Annotated[Path, typer.Argument(help="The Markdown file to write.")],
) -> None:
    """Write a walk through Online Retail I: data, funnel, segments, cohorts, baskets, returns."""
    with open_published(load_settings()) as lake:
        page = write_walkthrough(lake.rows)
    path.write_text(page, encoding="utf-8")
    typer.echo(f"wrote {path}")
