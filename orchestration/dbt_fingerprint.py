"""Which dbt project a manifest was parsed from; light, for whoever can do without dbt itself."""

import hashlib
from pathlib import Path

PROJECT_STAMP = "project.sha256"
_PROJECT_GLOBS = (
    "*.yml",
    "models/**/*",
    "macros/**/*",
    "seeds/**/*",
    "tests/**/*",
    "snapshots/**/*",
)


def project_hash(project: Path) -> str:
    """Hash of everything in the dbt project that can change what dbt does."""
    digest = hashlib.sha256()
    files = {path for glob in _PROJECT_GLOBS for path in project.glob(glob) if path.is_file()}
    for path in sorted(files):
        digest.update(str(path.relative_to(project)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
