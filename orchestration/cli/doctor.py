"""`fourflow doctor`: can this installation work, and is its lake whole."""

import sys
from typing import Annotated

import typer

from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.diagnosis import diagnose


def doctor(json: Annotated[bool, JsonOption] = False) -> None:
    """Check environment, extensions, catalogue, data files, publications and database."""
    findings = diagnose(load_settings(), python=sys.version_info[:2])
    rows = [vars(finding) for finding in findings]
    if json:
        print_json(rows)
    else:
        print_rows("Doctor", rows, empty="nothing to check")
    if any(not finding.ok for finding in findings):
        raise typer.Exit(1)
