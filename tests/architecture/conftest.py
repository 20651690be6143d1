"""What dbt makes of the project, parsed once for all rules about it."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.settings import load_settings
from orchestration.dbt_build import ensure_manifest


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A manifest parsed from the project as it is now: a stale one would pass silently."""
    home: Path = tmp_path_factory.mktemp("manifest")
    return json.loads(ensure_manifest(load_settings(home=home)).read_text(encoding="utf-8"))
