"""From the published snapshot to actions: rules make decisions, the outbox delivers them."""

from collections.abc import Iterator
from dataclasses import asdict
from zoneinfo import ZoneInfo

import dagster as dg

from connectors.database import runs
from connectors.database.engine import open_database
from connectors.database.publications import find_publication
from connectors.errors import NothingPublishedError
from connectors.lake.reader import open_published
from connectors.settings import Settings
from connectors.sinks.factory import sinks_from_settings
from orchestration.decisions import ledger, outbox, rulebook
from orchestration.decisions.approvals.policy import load_approval_policy
from orchestration.decisions.approvals.verdicts import escalate_due
from orchestration.ledger_tables import LEDGER_TABLES, SCHEMA, write_ledger_tables
from orchestration.policies import LAKE_POOL, OWNERS, RETRY_TRANSIENT, as_failure
from orchestration.progress import RunProgress
from orchestration.reports.due import record_due
from orchestration.reports.sending import with_reports
from orchestration.run_state import note, utc_now
from orchestration.stewardship.quarantine import land_decided
from orchestration.tracking.links import links_from_settings

PUBLISHED = dg.AssetKey("published_snapshot")
DECISIONS = dg.AssetKey("decision_ledger")
DELIVERIES = dg.AssetKey("delivered_decisions")
LEDGER_KEYS = [dg.AssetKey([SCHEMA, name]) for name in LEDGER_TABLES]


@dg.multi_asset(
    name="ledger_tables",
    specs=[
        dg.AssetSpec(
            key,
            group_name="decisions",
            description=f"The operational database's {key.path[-1]} as of the run, for analysts.",
            owners=[OWNERS["operations"]],
            kinds={"python", "ducklake"},
        )
        for key in LEDGER_KEYS
    ],
    pool=LAKE_POOL,
)
def ledger_tables(fourflow: dg.ResourceParam[Settings]) -> Iterator[dg.MaterializeResult]:
    """Copy what was decided and delivered so far into the lake, to be published with the rest.

    What people corrected of refused records is landed first, so that this run reads it.
    """
    engine = open_database(fourflow)
    land_decided(fourflow, engine)
    rows = write_ledger_tables(fourflow, engine)
    for name, count in rows.items():
        yield dg.MaterializeResult(
            asset_key=dg.AssetKey([SCHEMA, name]), metadata={"dagster/row_count": count}
        )


@dg.asset(
    key=DECISIONS,
    deps=[PUBLISHED],
    group_name="decisions",
    description="Decisions of all enabled rules over the published snapshot.",
    owners=[OWNERS["operations"]],
    retry_policy=RETRY_TRANSIENT,
)
def decision_ledger(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> dg.MaterializeResult:
    """Evaluate the rules; a decision that exists already is not made twice."""
    engine = open_database(fourflow)
    progress.start("decide")
    rulebook.seed_rules(engine, now=utc_now())
    try:
        lake = open_published(fourflow, engine=engine)
    except NothingPublishedError as error:
        raise as_failure(error) from error
    now, links = utc_now(), links_from_settings(fourflow)
    with lake:
        report = ledger.decide(
            engine,
            lake,
            now=now,
            on_red=runs.data_is_red(engine),
            sinks=sinks_from_settings(fourflow),
            time_zone=fourflow.business_time_zone,
            approvals=load_approval_policy(fourflow),
            tracking_link=lambda order_key: links.issue(order_key, now=now).url,
        )
    skipped = {rule.rule_id: rule.skipped for rule in report.rules if rule.skipped}
    note(
        engine,
        context.run_id,
        decisions={"created": report.created, "errors": list(report.errors), "skipped": skipped},
    )
    progress.finish("decide", f"{report.created} new decisions")
    return dg.MaterializeResult(metadata={"created": report.created})


@dg.asset(
    key=DELIVERIES,
    deps=[DECISIONS],
    group_name="decisions",
    description="Undelivered decisions, sent once each; held while the newest data is red.",
    owners=[OWNERS["operations"]],
    retry_policy=RETRY_TRANSIENT,
)
def delivered_decisions(
    context: dg.AssetExecutionContext,
    fourflow: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[RunProgress],
) -> dg.MaterializeResult:
    """Deliver what is due, reports by e-mail among it, and store the receipts."""
    engine = open_database(fourflow)
    progress.start("deliver")
    escalate_due(engine, load_approval_policy(fourflow), now=utc_now())
    red = runs.data_is_red(engine)
    publication = find_publication(engine, None)
    if publication is not None:
        zone = ZoneInfo(fourflow.business_time_zone)
        record_due(engine, publication, now=utc_now(), zone=zone, on_red=red)
    report = outbox.deliver(
        engine,
        with_reports(sinks_from_settings(fourflow), fourflow, engine),
        now=utc_now(),
        worker_id=context.run_id,
        red=red,
    )
    note(engine, context.run_id, deliveries=asdict(report))
    progress.finish("deliver", f"{report.delivered} delivered, {report.held} held")
    return dg.MaterializeResult(metadata={"delivered": report.delivered, "held": report.held})
