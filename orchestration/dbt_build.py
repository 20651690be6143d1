"""dbt within this process: keeps its manifest fresh, builds, and reads what a build found.

A `dbt` command of its own would import half of dbt a second time and send every event as text;
that cost each run five seconds and more.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner, dbtRunnerResult

from connectors.errors import ContractError
from connectors.lake import dbt_plugin
from connectors.settings import Settings
from orchestration.dbt_fingerprint import PROJECT_STAMP, project_hash
from orchestration.enabled_sources import refresh_enabled_sources

logger = logging.getLogger(__name__)

_FAILED = {"error", "fail", "runtime error"}


def ensure_manifest(settings: Settings) -> Path:
    """Path of an up-to-date manifest.json; parses only when the project or what is read changed.

    Raises:
        ContractError: the project does not parse; carries dbt's own message.
    """
    target = settings.dbt_target_path
    manifest, stamp = target / "manifest.json", target / PROJECT_STAMP
    enabled = refresh_enabled_sources(settings)
    wanted = " ".join((project_hash(settings.dbt_project_path), *enabled))
    if manifest.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return manifest
    stamp.unlink(missing_ok=True)  # whoever is killed from here on leaves half a manifest
    with shared_parse(settings), settings.exported():
        error = _reason(_invoke(settings, ["parse"]))
    if error:
        raise ContractError(
            f"The dbt project in {settings.dbt_project_path} does not parse: {error} "
            "Mend what it names and run again."
        )
    stamp.write_text(wanted, encoding="ascii")
    return manifest


@contextlib.contextmanager
def shared_parse(settings: Settings) -> Iterator[None]:
    """Let dbt begin with what another home parsed of the same project, and keep what it parses.

    Dbt parses anew what it finds to differ, also where a home with other sources parsed it: half
    the time of a whole parse. Without `dbt_parse_cache` nothing is shared.
    """
    if settings.dbt_parse_cache is None:
        yield
        return
    said = (str(settings.dbt_project_path), project_hash(settings.dbt_project_path))
    project, sources = _key(said), _key(settings.enabled_sources())
    shared = settings.dbt_parse_cache / f"{project}-{sources}.msgpack"
    parsed = settings.dbt_target_path / "partial_parse.msgpack"
    others = settings.dbt_parse_cache.glob(f"{project}-*.msgpack")
    nearest = shared if shared.exists() else next(others, None)
    if nearest and not parsed.exists():
        _copy_whole(nearest, parsed)
    yield
    if parsed.exists() and not shared.exists():
        _copy_whole(parsed, shared)


def _key(words: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:32]


def _copy_whole(source: Path, target: Path) -> None:
    """Whoever looks at the target meanwhile, or after a kill, finds all of it or the old one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}")
    shutil.copy(source, part)
    part.replace(target)


@dataclass(frozen=True)
class NodeResult:
    """What became of one model, seed or test of a build."""

    unique_id: str
    status: str
    seconds: float
    failures: int


class DbtBuild:
    """One `dbt build`: data tests block it; unit tests are `make test`'s.

    The project's macros read the environment: export the settings before.

    Attributes:
        error: why dbt stopped, if it did.
        checks: what its tests said; None while it has not built anything.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        full_refresh: bool = False,
        select: str = "",
        state: Path | None = None,
    ) -> None:
        """Say what is to be built.

        Args:
            settings: whose lake and project.
            full_refresh: write incremental models anew as a whole.
            select: dbt's selection; default: everything.
            state: a folder with an earlier manifest, which the selection compares with.
        """
        self._settings = settings
        # Nobody reads the files that dbt would write, a manifest of some megabytes each time.
        self._arguments = ["build", "--exclude-resource-type", "unit_test", "--no-write-json"]
        if full_refresh:
            self._arguments.append("--full-refresh")
        if select:
            self._arguments += ["--select", *select.split()]
        if state:
            self._arguments += ["--state", str(state)]
        self.error = ""
        self.checks: CheckSummary | None = None

    def results(self) -> Iterator[NodeResult]:
        """Build; yields each node as it ends.

        dbt works in a thread that does not outlive this process: killed means killed.
        """
        ended: SimpleQueue[NodeResult | None] = SimpleQueue()

        def tell(event: Any) -> None:
            if event.info.name == "NodeFinished":
                node, result = event.data.node_info, event.data.run_result
                ended.put(
                    NodeResult(
                        node.unique_id, node.node_status, result.execution_time, result.num_failures
                    )
                )

        def build() -> None:
            try:
                outcome = _invoke(self._settings, self._arguments, tell)
                self.error = _reason(outcome)
                if isinstance(outcome.result, RunExecutionResult):
                    self.checks = summarise(outcome.result.results)
            finally:
                ended.put(None)

        threading.Thread(target=build, name="dbt", daemon=True).start()
        while (result := ended.get()) is not None:
            yield result


def _invoke(
    settings: Settings, arguments: Sequence[str], tell: Callable[[Any], None] | None = None
) -> dbtRunnerResult:
    """Run dbt.

    What dbt says goes to `dbt.log` in home; the terminal belongs to the progress display.
    """
    project = str(settings.dbt_project_path)
    places = ["--project-dir", project, "--profiles-dir", project]
    places += ["--target-path", str(settings.dbt_target_path)]
    places += ["--log-path", str(settings.logs_path)]
    words = ["--log-level", "none", "--log-level-file", "info", "--no-use-colors-file"]
    try:
        return dbtRunner(callbacks=[tell] if tell else []).invoke([*arguments, *places, *words])
    finally:
        dbt_plugin.close()


def _reason(outcome: dbtRunnerResult) -> str:
    """What stopped dbt in one line, empty when every node had its turn."""
    return " ".join(str(outcome.exception or "").split())[:500]


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


def summarise(results: Iterable[Any]) -> CheckSummary:
    """Sort dbt's results: tests passed or warned, and whatever failed (models count too)."""
    summary = CheckSummary()
    for result in results:
        status = str(result.status)
        kind, _, name = result.node.unique_id.split(".")[:3]
        # dbt's first line says where, its second what: "Runtime Error in seed …", "CSV Error on …".
        message = " ".join(
            line.strip() for line in str(result.message or "").split("\n")[:2]
        ).strip()
        entry = {"name": name, "kind": kind, "message": message or status}
        if status in _FAILED:
            summary.failed.append(entry)
        elif status == "warn":
            summary.warned.append(entry)
        elif status == "skipped":
            summary.skipped += 1
        elif kind in ("test", "unit_test"):
            summary.passed += 1
    return summary


MANIFESTS = ("manifest.json", "semantic_manifest.json", PROJECT_STAMP)


def keep_published_project(settings: Settings) -> None:
    """Keep what was parsed of the project that is published now, for `fourflow preview`."""
    target, kept = settings.dbt_target_path, settings.dbt_target_path / "published"
    if not all((target / name).exists() for name in MANIFESTS):
        return
    stamp = (target / PROJECT_STAMP).read_bytes()
    if (kept / PROJECT_STAMP).exists() and (kept / PROJECT_STAMP).read_bytes() == stamp:
        return
    (kept / PROJECT_STAMP).unlink(missing_ok=True)  # the stamp comes last, on whole files
    for name in MANIFESTS:
        _copy_whole(target / name, kept / name)


def published_project(settings: Settings, hash_of_project: str) -> Path | None:
    """The folder with the manifests of a published project; None when this home has none."""
    for folder in (settings.dbt_target_path / "published", settings.dbt_target_path):
        stamp = folder / PROJECT_STAMP
        if stamp.exists() and stamp.read_text(encoding="ascii").startswith(hash_of_project):
            return folder
    return None


def manifest_hash(settings: Settings) -> str:
    """Short hash that names the exact dbt project of a publication."""
    return project_hash(settings.dbt_project_path)[:12]
