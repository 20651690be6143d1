"""A copy of the published home in which people may decide: nothing they do reaches other tests."""

import json
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select

from connectors.database import schema
from connectors.database.engine import open_database, write_transaction
from connectors.database.publications import Publication, find_publication, record_publication
from connectors.database.runs import finish_run, start_run
from connectors.lake.attach import connect_writer, newest_snapshot
from connectors.lake.reader import open_published
from connectors.sinks.factory import sinks_from_settings
from orchestration.decisions import ledger, outbox
from orchestration.decisions.approvals.policy import load_approval_policy
from orchestration.decisions.rulebook import seed_rules
from orchestration.run_state import utc_now
from tests.e2e.served import Dashboards
from tests.installation import Installation

_KEPT = (schema.publications, schema.pipeline_runs, schema.rules)
_NOT_COPIED = (
    "sandbox", "logs", "tmp", "locks", "webhook", "outbox", "operations.sqlite*", "*.lock",
    "*.holder.json",
)  # fmt: skip
# Purchases need somebody's approval here, up to any amount, and anyone may give it.
APPROVALS = """
kinds: [replenish]
currency: CNY
tiers:
  - {tier: buyer, role: buyer, hours: 48}
"""


@dataclass(frozen=True)
class Workplace:
    """A home of its own and its dashboards."""

    home: Installation
    dashboards: Dashboards

    @property
    def engine(self) -> Engine:
        """The operational database, which the pages write to."""
        return open_database(self.home.settings)

    @property
    def publication(self) -> Publication:
        """The publication in force."""
        found = find_publication(self.engine, None)
        assert found is not None
        return found

    def decide(self) -> ledger.DecideReport:
        """Let the rules decide on what is published, as a run does at its end."""
        settings = self.home.settings
        seed_rules(self.engine)
        with open_published(settings) as lake:
            return ledger.decide(
                self.engine,
                lake,
                now=utc_now(),
                sinks=sinks_from_settings(settings),
                time_zone=settings.business_time_zone,
                approvals=load_approval_policy(settings),
            )

    def decisions(self, rule_id: str, **which: Any) -> list[ledger.Decision]:
        """The decisions of a rule, newest first."""
        return ledger.list_decisions(self.engine, rule_id=rule_id, limit=10_000, **which)

    def deliver(self) -> list[dict[str, Any]]:
        """Deliver what is due, as a run does; returns all that went to the file of this machine."""
        outbox.deliver(
            self.engine, sinks_from_settings(self.home.settings), now=utc_now(), worker_id="test"
        )
        written = self.home.settings.outbox_path.read_text(encoding="utf-8")
        return [json.loads(line)["payload"]["data"] for line in written.splitlines()]

    def publish(self, *statements: str) -> Publication:
        """Change the lake by SQL and publish it, as a run does."""
        before = self.publication
        with connect_writer(self.home.settings, purpose="test") as connection:
            for statement in statements:
                connection.execute(statement)
            snapshot_id = newest_snapshot(connection)
        return self._point_at(snapshot_id, before)

    def publish_again(self, earlier: Publication) -> Publication:
        """Publish once more what an earlier publication showed."""
        return self._point_at(earlier.snapshot_id, earlier)

    def _point_at(self, snapshot_id: int, like: Publication) -> Publication:
        run_id = str(uuid.uuid4())
        start_run(self.engine, run_id, "test")
        publication = record_publication(
            self.engine,
            run_id=run_id,
            snapshot_id=snapshot_id,
            git_commit=like.git_commit,
            manifest_hash=like.manifest_hash,
            checks=like.checks,
            row_counts=like.row_counts,
        )
        finish_run(self.engine, run_id, "published", publication_id=publication.publication_id)
        return publication


def copy_home(source: Path, target: Path) -> Installation:
    """Copy a home, with an empty ledger."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    copied = Installation(target)
    with (
        open_database(Installation(source).settings).connect() as read,
        write_transaction(open_database(copied.settings)) as connection,
    ):
        for table in _KEPT:  # the ledger is append only: an empty one is a new one
            rows = [row._asdict() for row in read.execute(select(table))]
            connection.execute(insert(table), rows)
    return copied
