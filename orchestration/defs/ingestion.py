"""Bronze tables, one multi-asset a source: wiring and metadata only; reading is connectors' job."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from connectors.database.engine import open_database
from connectors.errors import FourflowError, TransientError
from connectors.settings import Settings, load_settings
from connectors.sources.files.load import load_files
from connectors.sources.files.report import LoadProgress, LoadReport
from connectors.sources.mapping import DeclaredSource
from orchestration.enabled_sources import declared_sources
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS, RETRY_TRANSIENT, as_failure
from orchestration.progress import RunProgress
from orchestration.registered_sources import registered_sources
from orchestration.run_state import ensure_run, note


def _asset_for(source: DeclaredSource) -> dg.AssetsDefinition:
    keys = {entity.name: dg.AssetKey([source.name, entity.name]) for entity in source.entities}
    first = next(iter(keys.values()))

    @dg.multi_asset(
        name=f"ingest_{source.name}",
        specs=[_spec(source.name, entity, key) for entity, key in keys.items()],
        check_specs=[
            dg.AssetCheckSpec(
                "files_were_readable",
                asset=first,
                description="Warns when an offered file could not be used; names it and says why.",
            )
        ],
        pool=LAKE_POOL,
        retry_policy=RETRY_TRANSIENT,
    )
    def ingest(
        context: dg.AssetExecutionContext,
        fourflow: dg.ResourceParam[Settings],
        progress: dg.ResourceParam[RunProgress],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        engine = open_database(fourflow)
        ensure_run(engine, context.run_id, context.run.tags.get("fourflow/trigger", "dagster"))
        path = registered_sources(fourflow).get(source.name)
        report, problems = (None, []) if path is None else _read(fourflow, source, path, progress)
        if path is not None:
            facts = {
                "records": report.record_count if report else 0,
                "usable": bool(report and (report.loaded or report.skipped)),
                "problems": problems,
            }
            note(engine, context.run_id, **{f"source:{source.name}": facts})
        counts: Counter[str] = Counter()
        for file in report.loaded if report else ():
            counts[file.entity] += file.record_count
        for entity, key in keys.items():
            yield dg.MaterializeResult(
                asset_key=key, metadata={"dagster/row_count": counts[entity]}
            )
        yield dg.AssetCheckResult(
            asset_key=first,
            check_name="files_were_readable",
            passed=not problems,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"problems": problems},
        )

    return ingest


def _spec(source: str, entity: str, key: dg.AssetKey) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        group_name="bronze",
        description=f"Records of {source}/{entity} as received, append only.",
        owners=[OWNERS["platform"]],
        kinds={"dlt", "ducklake"},
        freshness_policy=DAILY_FRESHNESS,
    )


def _read(
    settings: Settings, source: DeclaredSource, path: Path, progress: RunProgress
) -> tuple[LoadReport | None, list[str]]:
    """Load what is new; a source that can't be used is a problem, not the end of the run."""
    step = f"read {source.name}"

    def show(state: LoadProgress) -> None:
        progress.start(step, total=state.files_total)
        progress.advance(step, state.file_name or state.stage)

    progress.start(step)
    try:
        report = load_files(settings, source.name, path, on_progress=show)
    except TransientError as error:
        raise as_failure(error) from error
    except FourflowError as error:
        progress.finish(step, "not read")
        return None, [str(error)]
    progress.finish(step, f"{report.record_count:,} new records")
    return report, list(report.problems)


def _all_sources() -> list[dg.AssetsDefinition]:
    return [_asset_for(s) for s in declared_sources(load_settings()) if s.is_read_from_files]


source_assets = _all_sources()
