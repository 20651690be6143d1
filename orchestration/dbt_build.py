"""Keeps dbt's manifest fresh and reads what a dbt build found. Running dbt is the asset's job."""

import hashlib
import json
import logging
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.errors import ContractError
from connectors.settings import Settings
from orchestration.enabled_sources import refresh_enabled_sources

logger = logging.getLogger(__name__)

_PROJECT_GLOBS = (
    "*.yml",
    "models/**/*",
    "macros/**/*",
    "seeds/**/*",
    "tests/**/*",
    "snapshots/**/*",
)
_FAILED = {"error", "fail", "runtime error"}


def dbt_executable() -> str:
    """The dbt command of this Python environment."""
    return str(Path(sys.executable).with_name("dbt"))


def project_hash(project: Path) -> str:
    """Hash of everything in the dbt project that can change what dbt does."""
    digest = hashlib.sha256()
    files = {path for glob in _PROJECT_GLOBS for path in project.glob(glob) if path.is_file()}
    for path in sorted(files):
        digest.update(str(path.relative_to(project)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def ensure_manifest(settings: Settings) -> Path:
    """Path of an up-to-date manifest.json; parses only when the project or what is read changed.

    Raises:
        ContractError: the project does not parse; carries dbt's own message.
    """
    target = settings.dbt_target_path
    manifest, stamp = target / "manifest.json", target / "project.sha256"
    enabled = refresh_enabled_sources(settings)
    wanted = " ".join((project_hash(settings.dbt_project_path), *enabled))
    if manifest.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return manifest
    target.mkdir(parents=True, exist_ok=True)
    project = str(settings.dbt_project_path)
    command = [dbt_executable(), "--no-use-colors", "parse", "--project-dir", project]
    command += ["--profiles-dir", project, "--target-path", str(target)]
    command += ["--log-path", str(settings.logs_path)]
    result = subprocess.run(  # noqa: S603 (our own command)
        command, env=settings.child_environment(), capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise ContractError(
            f"The dbt project in {project} does not parse: {reason_in(result.stdout)} "
            "Mend what it names and run again."
        )
    stamp.write_text(wanted, encoding="ascii")
    return manifest


def reason_in(output: str) -> str:
    """Dbt's error without its progress lines and warnings, on one line."""
    start = max(output.rfind("Encountered an error:"), 0)
    words = " ".join(output[start:].removeprefix("Encountered an error:").split())
    return words[:500] or "dbt said nothing."


def build_arguments(*, full_refresh: bool = False) -> list[str]:
    """Arguments of the dbt build of a run: data tests block it; unit tests are `make test`'s."""
    arguments = ["build", "--no-use-colors", "--log-level-file", "info"]
    arguments += ["--exclude-resource-type", "unit_test"]
    if full_refresh:
        arguments.append("--full-refresh")
    return arguments


@dataclass
class CheckSummary:
    """What a build's tests said."""

    passed: int = 0
    warned: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    skipped: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the publication's row."""
        return {
            "passed": self.passed,
            "warned": len(self.warned),
            "failed": len(self.failed),
            "warnings": self.warned,
        }


def summarise_run_results(run_results: dict[str, Any]) -> CheckSummary:
    """Sort dbt's results: tests passed or warned, and whatever failed (models count too)."""
    summary = CheckSummary()
    for result in run_results.get("results", []):
        unique_id, status = str(result["unique_id"]), str(result["status"])
        kind, _, name = unique_id.split(".")[:3]
        message = str(result.get("message") or "").strip().splitlines()
        entry = {"name": name, "kind": kind, "message": message[0] if message else status}
        if status in _FAILED:
            summary.failed.append(entry)
        elif status == "warn":
            summary.warned.append(entry)
        elif status == "skipped":
            summary.skipped += 1
        elif kind in ("test", "unit_test"):
            summary.passed += 1
    return summary


def manifest_hash(settings: Settings) -> str:
    """Short hash that names the exact dbt project of a publication."""
    return project_hash(settings.dbt_project_path)[:12]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that dbt wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
