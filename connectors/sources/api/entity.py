"""An entity of a platform as a dlt resource: pages in, bronze rows out, cursor kept by dlt.

The cursor stands in dlt's state of the resource, which dlt commits together with the rows: a
reading that is killed at any point leaves the cursor where it was.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from connectors.sources.api.reading import Page, Reading, Window

CURSOR = "cursor"
_ROWS_A_PART = 2_000
_BYTES_A_PART = 4 << 20
BRONZE_SCHEMA = pa.schema(
    [
        pa.field("source_id", pa.string()),
        pa.field("cursor", pa.string()),
        pa.field("payload", pa.string()),
        pa.field("read_error", pa.string()),
        pa.field("file_name", pa.string()),
        pa.field("file_sha256", pa.string()),
        pa.field("record_number", pa.int64()),
        pa.field("received_at", pa.timestamp("us", tz="UTC")),
        pa.field("account", pa.string()),
    ]
)


def entity_resource(
    name: str,
    config: Any,
    reading: Reading,
    read: Callable[[Window], Iterable[Page]],
) -> Any:
    """A dlt resource that reads one entity from where its cursor stands to `reading.now`.

    Args:
        name: of the entity; the bronze table is `<source>_<name>`.
        config: the account's configuration (start, overlap).
        reading: which account and span.
        read: yields the pages of a window, in an order that loses nothing.
    """
    import dlt  # noqa: PLC0415 - takes seconds to import, and only a load needs it

    def rows() -> Iterator[pa.Table]:
        state = dlt.current.resource_state()
        window = reading.window(state.get(CURSOR), config)
        if not window:
            return
        reached: datetime | None = None
        parts = BronzeRows(name, reading)
        for page in read(window):
            reached = page.reached or reached
            yield from parts.add(page)
            reading.on_page(name, page)
        yield from parts.rest()
        # Advanced last, so that a page that fails leaves it alone; never by a backfill.
        if reading.since is None:
            state[CURSOR] = (reached or window.end).astimezone(UTC).isoformat()

    return dlt.resource(
        rows, name=name, table_name=f"{reading.source}_{name}", write_disposition="append"
    )


class BronzeRows:
    """Collects records into Arrow tables of bronze's columns, bounded in rows and bytes."""

    def __init__(self, entity: str, reading: Reading) -> None:
        self._account = reading.account
        self._received_at = datetime.now(UTC)
        # Unique for every reading of an entity: two readings never begin in one microsecond.
        started = f"{self._received_at:%Y%m%dT%H%M%S.%f}"
        self._prefix = f"{reading.account}/{entity}/{started}"
        self._count = 0
        self._size = 0
        self._payloads: list[str] = []
        self._cursors: list[str | None] = []
        self._requests: list[str] = []

    def add(self, page: Page) -> Iterator[pa.Table]:
        """Take a page; yields a table whenever enough has come together."""
        for record in page.records:
            payload = record if isinstance(record, str) else orjson.dumps(record).decode()
            self._payloads.append(payload)
            self._cursors.append(page.cursor(record) if page.cursor else None)
            self._size += len(payload)
        self._requests += [page.request] * len(page.records)
        if len(self._payloads) >= _ROWS_A_PART or self._size >= _BYTES_A_PART:
            yield from self.rest()

    def rest(self) -> Iterator[pa.Table]:
        """What has come together so far."""
        size = len(self._payloads)
        if not size:
            return
        numbers = range(self._count + 1, self._count + size + 1)
        table = pa.table(
            [
                [f"{self._prefix}/{number}" for number in numbers],
                self._cursors,
                self._payloads,
                pa.nulls(size, pa.string()),
                self._requests,
                pa.nulls(size, pa.string()),
                list(numbers),
                [self._received_at] * size,
                [self._account] * size,
            ],
            schema=BRONZE_SCHEMA,
        )
        # Before the yield: whoever takes the table may ask for the next one first.
        self._count += size
        self._size = 0
        self._payloads, self._cursors, self._requests = [], [], []
        yield table
