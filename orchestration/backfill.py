"""Reads a span of a platform's past anew, window by window, each landed before the next begins."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.configuration import ConfiguredSource
from connectors.declarations import suggest
from connectors.errors import InputError
from connectors.settings import Settings
from connectors.sources.api.connector import find_connector
from connectors.sources.api.reading import Reading, Window
from orchestration.platforms import PageCount, PlatformOutcome
from orchestration.progress import RunProgress

WINDOW_DAYS = 7


def backfill_platform(
    settings: Settings,
    source: ConfiguredSource,
    since: date,
    until: date | None,
    progress: RunProgress,
    *,
    account: str | None = None,
    window_days: int = WINDOW_DAYS,
) -> PlatformOutcome:
    """Read what was created from `since` to before `until`; cursors stay where they are.

    What bronze has already lands once more and is told apart downstream, so a backfill that was
    interrupted may simply be started again. An account stops at its first window that can't be
    read whole; the other accounts go on.

    Args:
        settings: which lake.
        source: as fourflow.yml configures it.
        since: first business date.
        until: first business date that is not read any more; None: up to now.
        progress: told window by window; an account is a step.
        account: only this one.
        window_days: days of one window.

    Raises:
        InputError: the source has no such account or none at all, or the span is empty.
    """
    if not source.accounts:
        raise InputError(
            f"{source.name} is not read from a platform or has no usable account; "
            "`fourflow doctor` says why."
        )
    if account is not None and account not in source.accounts:
        raise InputError(
            f"{source.name} has no account {account!r}; {suggest(account, list(source.accounts))}."
        )
    windows = list(_windows(settings, since, until, window_days))
    backfill = _Backfill(settings, source, windows, progress)
    for name, config in source.accounts.items():
        if account in (None, name):
            backfill.read(name, config)
    return backfill.outcome


def _windows(
    settings: Settings, since: date, until: date | None, window_days: int
) -> Iterator[Window]:
    zone = ZoneInfo(settings.business_time_zone)
    now = datetime.now(UTC)
    end = datetime.combine(until, time.min, zone).astimezone(UTC) if until else now
    span = Window(datetime.combine(since, time.min, zone).astimezone(UTC), min(end, now))
    if not span:
        raise InputError(
            f"There is no time from {since} to {until or 'now'}; "
            "give --since a day in the past and --until a later one."
        )
    return span.split(timedelta(days=window_days))


class _Backfill:
    def __init__(
        self,
        settings: Settings,
        source: ConfiguredSource,
        windows: list[Window],
        progress: RunProgress,
    ) -> None:
        self.outcome = PlatformOutcome()
        self._settings = settings
        self._source = source
        self._windows = windows
        self._progress = progress
        self._connector = find_connector(source.connector)
        self._zone = ZoneInfo(settings.business_time_zone)

    def read(self, account: str, config: Any) -> None:
        """Read the windows of one account, up to the first that can't be read whole."""
        step = f"{self._source.name} ({account})"
        self._progress.start(step, total=len(self._windows))
        count = 0
        for window in self._windows:
            day = window.start.astimezone(self._zone).date()
            reading = Reading(
                source=self._source.name,
                account=account,
                # A reading stays this long behind its present; windows must leave no gap.
                now=window.end + timedelta(seconds=config.behind_seconds),
                since=window.start,
                on_page=PageCount(self._progress, step, f"from {day}", moves=False),
            )
            report = self.outcome.read(self._settings, self._connector, config, reading)
            if report is None or report.problems:
                self.outcome.problems.append(
                    f"The backfill of {step} stopped in the window that begins on {day}; mend "
                    f"what stopped it and go on with --since {day}."
                )
                return
            count += report.record_count
            until = window.end.astimezone(self._zone).date()
            self._progress.advance(step, f"until {until}, {count:,} records")
        self._progress.finish(step, f"{count:,} records")
