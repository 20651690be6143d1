"""The dbt project as assets, its tests as checks; a failed one makes the run red."""

import contextlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, TextIO

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets
from packaging.version import Version

from connectors.database.engine import open_database
from connectors.settings import Settings, load_settings
from orchestration.dbt_build import (
    build_arguments,
    dbt_executable,
    ensure_manifest,
    reason_in,
    summarise_run_results,
)
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS
from orchestration.progress import RunProgress
from orchestration.run_state import ensure_run, mark_red, note

STEP = "build and test"
_LOG = "dbt-build.log"


class FourflowTranslator(DagsterDbtTranslator):
    """Groups by layer; the marts and reports carry owner and freshness."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """Dbt's own spec with our group, owner and freshness."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["resource_type"] == "source":
            return spec
        layer = "reference" if node["resource_type"] == "seed" else node["fqn"][1]
        spec = spec.replace_attributes(group_name=layer, owners=[OWNERS["analytics"]])
        if layer in ("marts", "reports"):
            spec = spec.replace_attributes(freshness_policy=DAILY_FRESHNESS)
        return spec


class _Dbt(DbtCliResource):
    """Dagster's dbt without two things that cost seconds in every run and that nothing here uses.

    `dbt --version` is a process of its own, and the adapter is a second connection for fetching
    row counts and columns after each model.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Any) -> Any:
        del args


class TransformConfig(dg.Config):
    """How to build."""

    full_refresh: bool = False


@dbt_assets(
    manifest=ensure_manifest(load_settings()),
    name="dbt_build",
    dagster_dbt_translator=FourflowTranslator(),
    pool=LAKE_POOL,
)
def dbt_models(
    context: dg.AssetExecutionContext,
    config: TransformConfig,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> Iterator[Any]:
    """Build and test every model; mark the run red and stop it when a blocking check fails."""
    engine = open_database(fourflow)
    ensure_run(engine, context.run_id, context.run.tags.get("fourflow/trigger", "dagster"))
    fourflow.export_to_environment(run_id=context.run_id)
    project = str(fourflow.dbt_project_path)
    dbt = _Dbt(project_dir=project, profiles_dir=project, dbt_executable=dbt_executable())
    progress.start(STEP)
    # A build that stops before it begins must not be judged by what an earlier one found.
    (fourflow.dbt_target_path / "run_results.json").unlink(missing_ok=True)
    invocation = dbt.cli(
        build_arguments(full_refresh=config.full_refresh),
        context=context,
        target_path=fourflow.dbt_target_path,
        raise_on_error=False,
    )
    with _dbt_log(fourflow) as log:
        events = invocation.stream()
        while True:
            with contextlib.redirect_stdout(log):
                event = next(events, None)
            if event is None:
                break
            progress.advance(STEP, _name_of(event))
            yield event
    succeeded = invocation.is_successful()
    try:
        checks = summarise_run_results(invocation.get_artifact("run_results.json"))
    except FileNotFoundError as error:
        said = (fourflow.logs_path / _LOG).read_text(encoding="utf-8", errors="replace")
        raise dg.Failure(
            f"dbt stopped before it built anything: {reason_in(said)}", allow_retries=False
        ) from error
    note(engine, context.run_id, checks=checks.as_json())
    if checks.failed or not succeeded:
        failed = checks.failed or [{"name": "dbt build", "kind": "run", "message": "exit code 1"}]
        mark_red(engine, context.run_id, failed)
        progress.finish(STEP, f"{len(failed)} blocking checks failed")
        raise dg.Failure(
            "Blocking checks failed: " + "; ".join(f"{c['name']}: {c['message']}" for c in failed),
            allow_retries=False,
        )
    progress.finish(STEP, f"{checks.passed} checks passed, {len(checks.warned)} warn")


@contextlib.contextmanager
def _dbt_log(settings: Settings) -> Iterator[TextIO]:
    """Where dbt's own words go; the terminal belongs to the progress display."""
    settings.logs_path.mkdir(parents=True, exist_ok=True)
    with (settings.logs_path / _LOG).open("w", encoding="utf-8") as log:
        yield log


def _name_of(event: Any) -> str:
    key = getattr(event, "asset_key", None)
    if key is None and getattr(event, "output_name", None):
        return str(event.output_name)
    return str(key.path[-1]) if key is not None else ""
