"""Bronze tables of files, one multi-asset a source: wiring only; reading is connectors' job."""

from collections import Counter
from collections.abc import Iterator, Mapping

import dagster as dg

from connectors.configuration import FILES, ConfiguredSource, load_configuration
from connectors.database.engine import open_database
from connectors.errors import FourflowError, TransientError
from connectors.settings import Settings, load_settings
from connectors.sources.files.load import load_files
from connectors.sources.files.report import LoadProgress, LoadReport
from connectors.sources.mapping import DeclaredSource
from orchestration.enabled_sources import declared_sources
from orchestration.offers import is_due, sources_of
from orchestration.policies import DAILY_FRESHNESS, LAKE_POOL, OWNERS, RETRY_TRANSIENT, as_failure
from orchestration.progress import RunProgress
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
        counts: Counter[str] = Counter()
        problems: list[str] = []
        for offer in _offers(fourflow, source.name, context.run.tags):
            report, found = _read(fourflow, offer, progress)
            facts = {
                "records": report.record_count if report else 0,
                "usable": bool(report and (report.loaded or report.skipped)),
                "problems": found,
            }
            note(engine, context.run_id, **{f"source:{offer.name}": facts})
            for file in report.loaded if report else ():
                counts[file.entity] += file.record_count
            problems += found
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


def _offers(settings: Settings, declared: str, tags: Mapping[str, str]) -> list[ConfiguredSource]:
    try:
        configuration = load_configuration(settings)
    except FourflowError as error:
        raise as_failure(error) from error
    return [
        source
        for source in sources_of(configuration, declared)
        if source.connector == FILES and is_due(source, tags)
    ]


def _read(
    settings: Settings, offer: ConfiguredSource, progress: RunProgress
) -> tuple[LoadReport | None, list[str]]:
    """Load what is new; a source that can't be used is a problem, not the end of the run."""
    step = f"read {offer.name}"

    def show(state: LoadProgress) -> None:
        progress.start(step, total=state.files_total)
        progress.advance(step, state.file_name or state.stage)

    if offer.path is None:
        return None, list(offer.problems)
    progress.start(step)
    try:
        report = load_files(settings, offer.mapping, offer.path, on_progress=show)
    except TransientError as error:
        raise as_failure(error) from error
    except FourflowError as error:
        progress.finish(step, "not read")
        return None, [str(error)]
    progress.finish(step, f"{report.record_count:,} new records")
    return report, [*offer.problems, *report.problems]


def _all_sources() -> list[dg.AssetsDefinition]:
    return [_asset_for(s) for s in declared_sources(load_settings()) if s.is_read_from_files]


source_assets = _all_sources()
