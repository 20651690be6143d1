"""The checks of `fourflow doctor`, each one sentence; nothing is changed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from connectors.configuration import Configuration, ConfiguredSource, load_configuration
from connectors.database.engine import open_database
from connectors.database.publications import list_publications
from connectors.errors import FourflowError
from connectors.lake.attach import catalogue_schema, connect_snapshot
from connectors.lake.extensions import extension_path
from connectors.lake.lock import is_locked, read_holder
from connectors.lake.tables import TABLES
from connectors.settings import Settings
from connectors.sinks.factory import sinks_from_settings
from orchestration.dbt_build import ensure_manifest
from orchestration.enabled_sources import declared_sources
from orchestration.offers import unread_problems


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    check: str
    ok: bool
    finding: str


def diagnose(settings: Settings, *, python: tuple[int, int]) -> list[Finding]:
    """Look at everything a run needs; a check that raises becomes a finding."""
    checks: dict[str, Callable[[], str]] = {
        "python": lambda: _python(python),
        "duckdb extensions": lambda: _extensions(settings),
        "operational database": lambda: _database(settings),
        "dbt project": lambda: f"parses ({ensure_manifest(settings).name} is fresh)",
        "lake catalogue": lambda: _catalogue(settings),
        "lake data files": lambda: _data_files(settings),
        "publications": lambda: _publications(settings),
        "writer lock": lambda: _lock(settings),
    }
    findings = []
    for name, check in checks.items():
        try:
            findings.append(Finding(name, True, check()))
        except FourflowError as error:
            findings.append(Finding(name, False, str(error)))
    return [*findings, *diagnose_configuration(settings)]


def diagnose_configuration(settings: Settings) -> list[Finding]:
    """Look at `fourflow.yml`: the whole, each source, the webhook. No platform is called."""
    try:
        configuration = load_configuration(settings)
    except FourflowError as error:
        return [Finding("configuration", False, str(error))]
    path = configuration.path
    whole = str(path) if path else "none; `fourflow init` writes one"
    findings = [Finding("configuration", True, whole)]
    unread = unread_problems(configuration, declared_sources(settings))
    for name, source in configuration.sources.items():
        problems = [*unread.get(name, source.problems), *_missing_files(source)]
        finding = " ".join(problems) or _describe(source)
        findings.append(Finding(f"source {name}", not problems, finding))
    findings += [Finding("sink", False, problem) for problem in configuration.target_problems]
    findings += [
        Finding(f"sink {name}", True, f"accounts {', '.join(accounts)}")
        for name, accounts in configuration.targets.items()
    ]
    if settings.webhook_url:
        findings.append(_webhook(settings, configuration))
    return findings


def _missing_files(source: ConfiguredSource) -> list[str]:
    if source.path is None or source.path.exists():
        return []
    return [f"There is no file or folder {source.path}; correct the path of source {source.name}."]


def _describe(source: ConfiguredSource) -> str:
    if source.path:
        what, when = f"files in {source.path}", "whenever something new is there"
    else:
        what, when = f"{source.connector}: {', '.join(source.accounts)}", "with the daily pass"
    return f"{what}; read {source.schedule or when}"


def _webhook(settings: Settings, configuration: Configuration) -> Finding:
    try:
        if configuration.sinks.webhook and not settings.webhook_secret:
            settings.secret(configuration.sinks.webhook.secret.env)
        sinks_from_settings(settings)
    except FourflowError as error:
        return Finding("sink webhook", False, str(error))
    return Finding("sink webhook", True, f"posts to {settings.webhook_url}")


class _BrokenError(FourflowError):
    """A finding that is not fine."""


def _python(version: tuple[int, int]) -> str:
    if version not in ((3, 11), (3, 12)):
        raise _BrokenError(f"Python {version[0]}.{version[1]} is not supported; use 3.11 or 3.12.")
    return f"{version[0]}.{version[1]}"


def _extensions(settings: Settings) -> str:
    names = ["ducklake", "postgres_scanner" if settings.catalog_url else "sqlite_scanner"]
    return ", ".join(f"{extension_path(name).name}" for name in names)


def _database(settings: Settings) -> str:
    return f"{open_database(settings).dialect.name}, schema at its newest revision"


def _has_lake(settings: Settings) -> bool:
    return bool(settings.catalog_url) or settings.lake_path.exists()


def _catalogue(settings: Settings) -> str:
    if not _has_lake(settings):
        return "no lake yet; the first run makes it"
    connection = connect_snapshot(settings)
    try:
        row = connection.execute(f"select count(*) from ({TABLES})").fetchone()  # noqa: S608
    finally:
        connection.close()
    return f"opens, {row[0] if row else 0} tables"


def _data_files(settings: Settings) -> str:
    if not _has_lake(settings):
        return "none yet"
    connection = connect_snapshot(settings)
    catalogue = catalogue_schema(connection)
    try:
        rows = connection.execute(
            "select s.path || t.path || f.path as path, s.path_is_relative and t.path_is_relative "  # noqa: S608
            "and f.path_is_relative as is_relative, f.path as file_path "
            f"from {catalogue}.ducklake_data_file f "
            f"join {catalogue}.ducklake_table t using (table_id) "
            f"join {catalogue}.ducklake_schema s using (schema_id)"
        ).fetchall()
    finally:
        connection.close()
    missing = [
        path
        for path, is_relative, file_path in rows
        if not (settings.data_path / path if is_relative else Path(file_path)).exists()
    ]
    if missing:
        raise _BrokenError(
            f"{len(missing)} of {len(rows)} data files are missing, such as {missing[0]}; "
            "restore them from a backup of the home folder."
        )
    return f"all {len(rows)} are there"


def _publications(settings: Settings) -> str:
    publications = list_publications(open_database(settings), limit=1_000)
    for publication in publications[:1] + publications[-1:]:
        connect_snapshot(settings, publication.snapshot_id).close()
    return f"{len(publications)}, the newest and the oldest open"


def _lock(settings: Settings) -> str:
    if not is_locked(settings):
        return "free"
    holder = read_holder(settings)
    return f"held by {holder.describe() if holder else 'another process'}"
