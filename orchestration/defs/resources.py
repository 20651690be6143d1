"""Resources of every asset: the settings and the progress display."""

import dagster as dg

from connectors.settings import load_settings
from orchestration.progress import SilentProgress


@dg.definitions
def resources() -> dg.Definitions:
    """Settings come from the environment; `fourflow run` swaps in a console display."""
    return dg.Definitions(resources={"fourflow": load_settings(), "progress": SilentProgress()})
