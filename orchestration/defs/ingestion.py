"""Bronze tables, one multi-asset a source: wiring and metadata only; reading is connectors' job."""

from collections.abc import Iterator

import dagster as dg

from connectors.database.engine import open_database
from connectors.errors import FourflowError, TransientError
from connectors.settings import Settings, load_settings
from connectors.sources.files.load import LoadReport, load_files
from connectors.sources.files.mapping import FileSource, list_sources, load_source
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS, RETRY_TRANSIENT, as_failure
from orchestration.progress import RunProgress
from orchestration.registered_sources import registered_sources
from orchestration.run_state import ensure_run, note


def _asset_for(source: FileSource) -> dg.AssetsDefinition:
    keys = {entity: dg.AssetKey([source.name, entity]) for entity in source.entities}
    first = next(iter(keys.values()))

    @dg.multi_asset(
        name=f"ingest_{source.name}",
        specs=[
            dg.AssetSpec(
                key,
                group_name="bronze",
                description=f"Records of {source.name}/{entity} as received, append only.",
                owners=[OWNERS["platform"]],
                kinds={"dlt", "ducklake"},
                freshness_policy=DAILY_FRESHNESS,
            )
            for entity, key in keys.items()
        ],
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
        problems: list[str] = []
        report: LoadReport | None = None
        path = registered_sources(fourflow).get(source.name)
        if path is not None:
            step = f"read {source.name}"
            progress.start(step)
            try:
                report = load_files(
                    fourflow,
                    source.name,
                    path,
                    on_progress=lambda text: progress.advance(step, text),
                )
                problems = report.problems
            except TransientError as error:
                raise as_failure(error) from error
            except FourflowError as error:
                problems = [str(error)]
            counted = f"{report.records:,} new records" if report else "nothing read"
            progress.finish(step, counted)
            facts = {"records": report.records if report else 0, "problems": problems}
            note(engine, context.run_id, **{f"source:{source.name}": facts})
        for entity, key in keys.items():
            count = report.records_by_entity.get(entity, 0) if report else 0
            yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": count})
        yield dg.AssetCheckResult(
            asset_key=first,
            check_name="files_were_readable",
            passed=not problems,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"problems": problems},
        )

    return ingest


def _all_sources() -> list[dg.AssetsDefinition]:
    settings = load_settings()
    return [_asset_for(load_source(settings, name)) for name in list_sources(settings)]


source_assets = _all_sources()
