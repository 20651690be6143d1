"""Reads the accounts of one configured platform, each by itself, and says what came of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.configuration import ConfiguredSource
from connectors.errors import FourflowError
from connectors.settings import Settings
from connectors.sources.api.connector import Connector, find_connector
from connectors.sources.api.landing import AccountReport, load_account
from connectors.sources.api.reading import Page, Reading
from orchestration.progress import RunProgress


@dataclass
class PlatformOutcome:
    """What reading a source did: its accounts' reports and what went wrong, one sentence each."""

    reports: list[AccountReport] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def record_count(self) -> int:
        """New records in bronze."""
        return sum(report.record_count for report in self.reports)

    @property
    def is_usable(self) -> bool:
        """Whether any entity of any account could be read, even if there was nothing new."""
        return any(entity.problem is None for r in self.reports for entity in r.entities)

    def read(
        self, settings: Settings, connector: Connector, config: Any, reading: Reading
    ) -> AccountReport | None:
        """Read an account as `load_account`; its report, or None where its error is a problem."""
        try:
            report = load_account(settings, connector, config, reading)
        except FourflowError as error:
            self.problems.append(str(error))
            return None
        self.reports.append(report)
        self.problems += report.problems
        return report

    def count_of(self, entity: str) -> int:
        """New records of one entity."""
        return sum(e.record_count for r in self.reports for e in r.entities if e.entity == entity)


def read_platform(
    settings: Settings,
    source: ConfiguredSource,
    progress: RunProgress,
) -> PlatformOutcome:
    """Read every account of a source; an account that can't be read leaves the others alone.

    Args:
        settings: which lake.
        source: as fourflow.yml configures it.
        progress: told page by page.
    """
    outcome = PlatformOutcome(problems=list(source.problems))
    step = f"read {source.name}"
    progress.start(step)
    if source.accounts:
        connector = find_connector(source.connector)
        now = datetime.now(UTC)
        for account, config in source.accounts.items():
            reading = Reading(
                source=source.name,
                account=account,
                now=now,
                on_page=PageCount(progress, step),
            )
            outcome.read(settings, connector, config, reading)
    progress.finish(step, f"{outcome.record_count:,} new records")
    return outcome


class PageCount:
    """Tells a step's records page by page; `moves` the bar if pages are what it counts."""

    def __init__(
        self, progress: RunProgress, step: str, note: str = "", *, moves: bool = True
    ) -> None:
        self._progress = progress
        self._step = step
        self._note = f" ({note})" if note else ""
        self._moves = moves
        self._count = 0

    def __call__(self, entity: str, page: Page) -> None:
        """Count a page of an entity."""
        self._count += len(page.records)
        tell = self._progress.advance if self._moves else self._progress.note
        tell(self._step, f"{entity}: {self._count:,} records{self._note}")
