"""`fourflow doctor`: can this installation work, and is its lake whole."""

import sys
from typing import Annotated

import typer

from connectors.errors import InputError
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.diagnosis import Finding, diagnose


def doctor(json: Annotated[bool, JsonOption] = False) -> None:
    """Check environment, lake, publications, database, and fourflow.yml source by source."""
    try:
        findings = diagnose(load_settings(), python=sys.version_info[:2])
    except InputError as error:  # no settings, so nothing else can be looked at
        findings = [Finding("configuration", False, str(error))]
    rows = [vars(finding) for finding in findings]
    if json:
        print_json(rows)
    else:
        print_rows("Doctor", rows, empty="nothing to check")
    if any(not finding.ok for finding in findings):
        raise typer.Exit(1)
