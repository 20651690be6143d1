"""Dagster's entry: everything under `defs/` is loaded; this file never grows."""

from pathlib import Path

from dagster import Definitions, definitions, load_from_defs_folder


@definitions
def defs() -> Definitions:
    """All assets, checks, jobs and schedules."""
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
