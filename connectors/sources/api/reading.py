"""One reading of one account: what span of time is asked for, and the pages that come back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sources.api.client import ApiClient, Timings

CHINA = ZoneInfo("Asia/Shanghai")
DEFAULT_DAYS = 90


@dataclass(frozen=True)
class Window:
    """A span of time, start included, end excluded; both in UTC.

    `is_first`: nothing was read before it (or it is asked for anew), so what is wanted are the
    records created in it; otherwise those changed in it.
    """

    start: datetime
    end: datetime
    is_first: bool = False

    def __bool__(self) -> bool:
        return self.start < self.end

    def split(self, longest: timedelta) -> Iterator["Window"]:
        """The same span in windows of at most this length, oldest first."""
        start = self.start
        while start < self.end:
            end = min(start + longest, self.end)
            yield Window(start, end, self.is_first)
            start = end

    def dates(self, zone: ZoneInfo = CHINA) -> list[date]:
        """Business dates that have begun in this span and ended by its end."""
        first = self.start.astimezone(zone).date()
        last = self.end.astimezone(zone).date()
        return [first + timedelta(days=n) for n in range((last - first).days)]


@dataclass(frozen=True)
class Page:
    """Records of one answer.

    Attributes:
        request: what was asked for, short, for people who look into bronze.
        records: JSON objects as parsed (`orjson`), in the order of the answer.
        cursor: the value by which a record's place in the cursor can be seen, as text.
        reached: everything before this instant has been read; without any such page a reading
            that ends has reached the end of its window.
    """

    request: str
    records: Sequence[Any]
    cursor: Callable[[Any], str] | None = None
    reached: datetime | None = None


@dataclass(frozen=True)
class TrackingNumber:
    """A parcel that a carrier can be asked about.

    `carrier` is our code (seed `carriers`), or the code that who is asked has for it.
    """

    number: str
    carrier: str
    phone_tail: str = ""


def _no_progress(_entity: str, _page: Page) -> None:
    """Nobody is watching."""


def _no_problem(_entity: str, _problem: str) -> None:
    """Nobody listens."""


def no_numbers() -> Iterable[TrackingNumber]:
    """No parcel at all: a carrier's reading is then given those that its connector finds."""
    return ()


@dataclass(frozen=True)
class Reading:
    """What one reading of one account is to cover.

    Attributes:
        source: name of the source in fourflow.yml; bronze tables are `<source>_<entity>`.
        account: name of the account; for shops the channel.
        now: end of what is asked for, UTC.
        since: start of an explicit span (a backfill); None: go on where the cursor stands.
        on_page: told after each page (entity, page).
        on_problem: told what could not be read although the rest of the entity could (entity, one
            sentence); the entity's records land.
        tracking_numbers: parcels that carriers are asked about; those that the connector's
            `parcels` finds when not given.
        timings: where the seconds of this reading went.
        transport: replaces the network in unit tests.
        clients: closes the clients of this reading when it ends.
        entity: the only entity that is asked for now; a source need not make the others.
    """

    source: str
    account: str
    now: datetime
    since: datetime | None = None
    on_page: Callable[[str, Page], None] = _no_progress
    on_problem: Callable[[str, str], None] = _no_problem
    tracking_numbers: Callable[[], Iterable[TrackingNumber]] = no_numbers
    timings: Timings = field(default_factory=Timings)
    transport: Any = None
    clients: ExitStack = field(default_factory=ExitStack)
    entity: str | None = None

    def client(self, config: Any) -> ApiClient:
        """A client for this account's calls; closed with the reading, or earlier by `with`."""
        client = ApiClient(
            source=self.source,
            account=self.account,
            requests_per_second=config.requests_per_second,
            timeout_seconds=config.timeout_seconds,
            attempts=config.attempts,
            timings=self.timings,
            transport=self.transport,
        )
        self.clients.push(client)
        return client

    def window(self, cursor: str | None, config: Any) -> Window:
        """What to read of an entity whose cursor stands there (ISO text, UTC)."""
        end = self.now - timedelta(seconds=config.behind_seconds)
        if self.since is not None:
            return Window(self.since, end, is_first=True)
        if cursor is not None:
            overlap = timedelta(minutes=config.overlap_minutes)
            return Window(datetime.fromisoformat(cursor) - overlap, end)
        first = config.start or (self.now - timedelta(days=DEFAULT_DAYS)).astimezone(CHINA).date()
        return Window(datetime.combine(first, time.min, CHINA).astimezone(UTC), end, is_first=True)
