"""Bronze tables of the configured platforms, one multi-asset a source: wiring and metadata only."""

from collections.abc import Iterator

import dagster as dg

from connectors.configuration import ConfiguredSource, load_configuration
from connectors.database.engine import open_database
from connectors.errors import InputError
from connectors.settings import Settings, load_settings
from connectors.sources.api.connector import find_connector
from connectors.sources.mapping import DeclaredSource
from orchestration.enabled_sources import declared_sources
from orchestration.offers import is_due
from orchestration.platforms import PlatformOutcome, read_platform
from orchestration.policies import DAILY_FRESHNESS, INBOX_KEY, OWNERS, PUSHES
from orchestration.progress import RunProgress
from orchestration.run_state import ensure_run, note


def _asset_for(source: DeclaredSource, after: list[dg.AssetKey]) -> dg.AssetsDefinition:
    keys = {entity.name: dg.AssetKey([source.name, entity.name]) for entity in source.received}
    first = next(iter(keys.values()))

    @dg.multi_asset(
        name=f"ingest_{source.name}",
        specs=[
            dg.AssetSpec(
                key,
                deps=[*after, INBOX_KEY] if entity == PUSHES else after,
                group_name="bronze",
                description=f"Answers of {source.name} about {entity}, as received, append only.",
                owners=[OWNERS["platform"]],
                kinds={"dlt", "ducklake"},
                freshness_policy=DAILY_FRESHNESS,
            )
            for entity, key in keys.items()
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "platform_was_readable",
                asset=first,
                description="Warns when an account could not be read; says why and what to do.",
            )
        ],
    )
    def ingest(
        context: dg.AssetExecutionContext,
        fourflow: dg.ResourceParam[Settings],
        progress: dg.ResourceParam[RunProgress],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        engine = open_database(fourflow)
        ensure_run(engine, context.run_id, context.run.tags.get("fourflow/trigger", "dagster"))
        outcome = PlatformOutcome()
        configured = _configured(fourflow, source.name)
        if is_due(configured, context.run.tags):
            outcome = read_platform(fourflow, configured, progress)
            facts = {
                "records": outcome.record_count,
                "usable": outcome.is_usable,
                "problems": outcome.problems,
            }
            note(engine, context.run_id, **{f"source:{source.name}": facts})
        for entity, key in keys.items():
            count = outcome.count_of(entity)
            yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": count})
        yield dg.AssetCheckResult(
            asset_key=first,
            check_name="platform_was_readable",
            passed=not outcome.problems,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"problems": outcome.problems},
        )

    return ingest


def _configured(settings: Settings, name: str) -> ConfiguredSource:
    """The source as configured now, or an empty one: it may have gone since the code was loaded."""
    try:
        return load_configuration(settings).source(name)
    except InputError as error:
        return ConfiguredSource(name, name, problems=(str(error),))


def _configured_platforms() -> list[dg.AssetsDefinition]:
    settings = load_settings()
    configured = load_configuration(settings).sources
    platforms = {
        source.name: source
        for source in declared_sources(settings)
        if not source.is_read_from_files and source.name in configured
    }
    carriers = {
        name for name in platforms if find_connector(configured[name].connector).parcels is not None
    }
    shops = [
        dg.AssetKey([name, entity.name])
        for name, source in platforms.items()
        if name not in carriers
        for entity in source.received
    ]
    return [
        _asset_for(source, shops if name in carriers else []) for name, source in platforms.items()
    ]


platform_assets = _configured_platforms()
