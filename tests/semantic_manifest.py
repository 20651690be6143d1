"""The semantic manifest of the project as it is now, parsed once however many homes want it."""

import shutil
import tempfile
from pathlib import Path

from connectors.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.dbt_build import ensure_manifest
from orchestration.dbt_fingerprint import PROJECT_STAMP, project_hash
from orchestration.metrics.manifest import semantic_manifest_path


def put_semantic_manifest(settings: Settings) -> None:
    """Leave it in a home, as a run would have done."""
    project = project_hash(settings.dbt_project_path)
    parsed = PROJECT_ROOT / ".pytest_cache" / "semantic" / project
    if not parsed.exists():
        parsed.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parsed.parent) as folder:
            home = load_settings(home=Path(folder) / "home")
            ensure_manifest(home)
            semantic_manifest_path(home).replace(parsed)
    target = semantic_manifest_path(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(parsed, target)
    (target.parent / PROJECT_STAMP).write_text(project, encoding="ascii")
