"""Reads one account of a platform and lands it in bronze, each reading once however it ends.

Every entity is extracted to disk by itself: an entity that fails is a problem of its own and
leaves its cursor alone. What was extracted lands under the writer lock, rows and cursor in one dlt
package. A reading that is killed before its package is committed has not happened.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from filelock import FileLock, Timeout

from connectors.errors import FourflowError, LakeBusyError, TransientError
from connectors.lake.attach import connect_writer
from connectors.lake.lock import writer_lock
from connectors.lake.repair import bronze_tables, delete_uncommitted_rows
from connectors.settings import Settings
from connectors.sources.api.connector import Connector
from connectors.sources.api.reading import Page, Reading, no_numbers


@dataclass(frozen=True)
class EntityOutcome:
    """What became of one entity of a reading."""

    entity: str
    record_count: int = 0
    cursor: str | None = None
    problem: str | None = None
    is_transient: bool = False


@dataclass(frozen=True)
class AccountReport:
    """What one reading of one account did.

    Attributes:
        source, account: which one.
        entities: each entity with its records, its cursor afterwards and its problem, if any; one
            with a problem and records was read in part.
        load_ids: dlt loads that were committed; none when there was nothing.
        timings: seconds and calls (`client.Timings`), plus `extracting` and `loading`.
    """

    source: str
    account: str
    entities: tuple[EntityOutcome, ...]
    load_ids: tuple[str, ...] = ()
    timings: dict[str, float | int] = field(default_factory=dict)

    @property
    def record_count(self) -> int:
        """Records that this reading put into bronze."""
        return sum(entity.record_count for entity in self.entities)

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each entity that could not be read."""
        return tuple(entity.problem for entity in self.entities if entity.problem)


def load_account(
    settings: Settings,
    connector: Connector,
    config: Any,
    reading: Reading,
    *,
    entities: tuple[str, ...] | None = None,
) -> AccountReport:
    """Read what is new of one account and land it.

    Args:
        settings: which lake.
        connector: of which platform.
        config: the account's configuration, an instance of `connector.config`.
        reading: which source, account and span.
        entities: only these; default all of the connector's.

    Raises:
        LakeBusyError: another reading of this account, or the lake's writer, did not end in time.
        TransientError: the lake did not take the load; nothing of it counts.
    """
    if connector.parcels is not None and reading.tracking_numbers is no_numbers:
        parcels = partial(connector.parcels, settings, config, reading)
        reading = replace(reading, tracking_numbers=parcels)
    name = f"{reading.source}_{reading.account}"
    folder = settings.root / "dlt" / name
    with only_reading(settings, name):
        # A killed reading leaves a package that must not be resumed: its cursor never moved.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            return _Landing(settings, connector, config, reading, name).run(entities)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def only_reading(settings: Settings, name: str) -> Iterator[None]:
    """Held for a whole reading: two at once would land the same records twice."""
    path = settings.root / "locks" / f"reading_{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(FileLock(path, timeout=settings.lock_timeout_seconds))
        except Timeout as error:
            raise LakeBusyError(
                f"Another process has been reading {name} for "
                f"{settings.lock_timeout_seconds:.0f} seconds; wait until it ends, or end it."
            ) from error
        yield


class _Landing:
    def __init__(
        self, settings: Settings, connector: Connector, config: Any, reading: Reading, name: str
    ) -> None:
        from connectors.lake.dlt_destination import lake_pipeline  # noqa: PLC0415 - imports dlt

        self._settings = settings
        self._connector = connector
        self._config = config
        self._reading = reading
        self._pipeline = lake_pipeline(settings, name)

    def run(self, entities: tuple[str, ...] | None) -> AccountReport:
        self._restore_cursors()
        with self._reading.timings.measured("extracting"):
            outcomes = [self._extract(name) for name in entities or self._names()]
        with self._reading.timings.measured("loading"):
            load_ids = self._land() if self._pipeline.has_pending_data else ()
        return AccountReport(
            source=self._reading.source,
            account=self._reading.account,
            entities=tuple(outcomes),
            load_ids=load_ids,
            timings=self._reading.timings.as_dict(),
        )

    def _names(self) -> tuple[str, ...]:
        """The connector's entities; those of any dlt source stand in the account."""
        return self._connector.entities or tuple(self._config.entities)

    def _restore_cursors(self) -> None:
        """Dlt's state as the last committed load of this account left it."""
        with connect_writer(self._settings, purpose="repairing interrupted loads") as connection:
            present = bronze_tables(connection, with_load_id=True)
            own = [name for name in present if name.startswith(f"{self._reading.source}_")]
            delete_uncommitted_rows(connection, own)
            has_state = "_dlt_pipeline_state" in present
        if has_state:
            self._pipeline.sync_destination()

    def _extract(self, entity: str) -> EntityOutcome:
        from dlt.pipeline.exceptions import PipelineStepFailed  # noqa: PLC0415 - imports dlt

        counted = _Counted(self._reading.on_page)
        problems: list[str] = []
        try:
            with contextlib.ExitStack() as clients:
                reading = replace(
                    self._reading,
                    on_page=counted,
                    on_problem=lambda _entity, problem: problems.append(problem),
                    clients=clients,
                    entity=entity,
                )
                source = self._connector.source(self._config, reading).with_resources(entity)
                self._pipeline.extract(source, loader_file_format="parquet")
        except (PipelineStepFailed, FourflowError) as error:
            return _failed(entity, f"{self._reading.source} ({self._reading.account})", error)
        cursor = self._cursor(source.name, entity)
        return EntityOutcome(entity, counted.record_count, cursor, " ".join(problems) or None)

    def _cursor(self, source: str, entity: str) -> str | None:
        resources = self._pipeline.state.get("sources", {}).get(source, {}).get("resources", {})
        cursor = resources.get(entity, {}).get("cursor")
        return str(cursor) if cursor else None

    def _land(self) -> tuple[str, ...]:
        from connectors.lake.dlt_destination import refusal_of  # noqa: PLC0415 - imports dlt

        place = f"{self._reading.source} ({self._reading.account})"
        advice = "nothing of them counts as loaded, so read them again"
        with (
            writer_lock(self._settings, purpose=f"loading {place}"),
            refusal_of(self._settings, f"the records of {place}", advice),
        ):
            self._pipeline.normalize()
            info = self._pipeline.load()
        return tuple(str(load_id) for load_id in info.loads_ids)


class _Counted:
    """Counts an entity's records on their way to whoever watches the pages."""

    def __init__(self, tell: Callable[[str, Page], None]) -> None:
        self.record_count = 0
        self._tell = tell

    def __call__(self, entity: str, page: Page) -> None:
        self.record_count += len(page.records)
        self._tell(entity, page)


def _failed(entity: str, place: str, error: BaseException) -> EntityOutcome:
    """What became of an entity that could not be read, in the error's own words if it has some."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, FourflowError):
            return EntityOutcome(
                entity, problem=str(cause), is_transient=isinstance(cause, TransientError)
            )
        cause = cause.__cause__ or cause.__context__
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    reason = " ".join(str(first).split())[:200]
    problem = (
        f"{place} sent {entity} in a shape that its connector does not know "
        f"({type(first).__name__}: {reason}); nothing of it was loaded and its cursor stays."
    )
    return EntityOutcome(entity, problem=problem)
