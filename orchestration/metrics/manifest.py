"""The semantic manifest that dbt's parse leaves in home: every metric and what it is made of."""

from pathlib import Path

from connectors.errors import ContractError
from connectors.settings import Settings
from orchestration.dbt_fingerprint import PROJECT_STAMP, project_hash


def semantic_manifest_path(settings: Settings) -> Path:
    """Where dbt writes it, beside the manifest of models and tests."""
    return settings.dbt_target_path / "semantic_manifest.json"


def is_fresh(settings: Settings) -> bool:
    """Whether it is there and was parsed from the project as it is now."""
    stamp = settings.dbt_target_path / PROJECT_STAMP
    if not (semantic_manifest_path(settings).exists() and stamp.exists()):
        return False
    said = stamp.read_text(encoding="ascii").split()
    return bool(said) and said[0] == project_hash(settings.dbt_project_path)


def ensure_semantic_manifest(settings: Settings, *, may_parse: bool = True) -> Path:
    """Path of the semantic manifest of the project as it is now.

    Whatever publication a metric is asked of, its definition is the one of the project now: two
    publications are compared by one yardstick.

    Args:
        settings: whose home and project.
        may_parse: parse the project when it has changed, which takes seconds to a minute. Pages
            say no: they take the definitions of the last run.

    Raises:
        ContractError: the project does not parse, or nobody has parsed it and the caller may not.
    """
    path = semantic_manifest_path(settings)
    if not may_parse:
        if path.exists():
            return path
        raise ContractError(
            f"No metric is defined in {settings.root} yet; run `fourflow run` or "
            "`fourflow metric list` once."
        )
    if not is_fresh(settings):
        from orchestration.dbt_build import ensure_manifest  # noqa: PLC0415 - half of dbt

        ensure_manifest(settings)
    if not path.exists():  # a home whose manifest is older than the semantic layer
        raise ContractError(
            f"dbt left no semantic manifest in {settings.dbt_target_path}; delete "
            f"{PROJECT_STAMP} there and ask again."
        )
    return path
