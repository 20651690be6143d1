"""The dbt project as assets, its tests as checks; a failed one makes the run red."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from connectors.database.engine import open_database
from connectors.settings import Settings, load_settings
from orchestration.dbt_build import (
    DbtBuild,
    NodeResult,
    ensure_manifest,
)
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS
from orchestration.progress import RunProgress
from orchestration.run_state import ensure_run, mark_red, note

STEP = "build and test"
_UNIQUE_ID = "dagster_dbt/unique_id"
_SEVERITIES = {"warn": dg.AssetCheckSeverity.WARN}


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
    progress.start(STEP)
    build = DbtBuild(fourflow, full_refresh=config.full_refresh)
    events = _Events(context.assets_def)
    for result in build.results():
        progress.advance(STEP, result.unique_id.split(".")[2])
        yield from events.of(result)
    checks = build.checks
    if checks is None:
        raise dg.Failure(
            f"dbt stopped before it built anything: {build.error}", allow_retries=False
        )
    note(engine, context.run_id, checks=checks.as_json())
    if checks.failed or build.error:
        failed = checks.failed or [{"name": "dbt build", "kind": "run", "message": build.error}]
        mark_red(engine, context.run_id, failed)
        progress.finish(STEP, f"{len(failed)} blocking checks failed")
        raise dg.Failure(
            "Blocking checks failed: " + "; ".join(f"{c['name']}: {c['message']}" for c in failed),
            allow_retries=False,
        )
    progress.finish(STEP, f"{checks.passed} checks passed, {len(checks.warned)} warn")


class _Events:
    """Results of dbt's nodes as events of Dagster's assets and checks.

    Tests that belong to no single asset are not events: the run's summary has them.
    """

    def __init__(self, definition: dg.AssetsDefinition) -> None:
        self._assets = {spec.metadata[_UNIQUE_ID]: spec.key for spec in definition.specs}
        self._checks = {spec.metadata[_UNIQUE_ID]: spec for spec in definition.check_specs}

    def of(self, result: NodeResult) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
        """The event of one node; none when it has no asset or did not succeed."""
        metadata = {"seconds": result.seconds, "status": result.status}
        check = self._checks.get(result.unique_id)
        asset = self._assets.get(result.unique_id)
        if check is not None and result.status != "skipped":
            yield dg.AssetCheckResult(
                asset_key=check.asset_key,
                check_name=check.name,
                passed=result.status == "pass",
                severity=_SEVERITIES.get(result.status, dg.AssetCheckSeverity.ERROR),
                metadata={**metadata, "failing rows": result.failures},
            )
        elif asset is not None and result.status == "success":
            yield dg.Output(None, output_name=asset.to_python_identifier(), metadata=metadata)
