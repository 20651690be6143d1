"""Parquet: columns of any type become the text that a person would read."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.sources.files.records import check_headers, payload_records, readable_headers
from connectors.sources.mapping import DeclaredEntity

_ROWS_A_BATCH = 50_000


def read_parquet(
    path: Path, entity: DeclaredEntity, connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.Table]:
    """Records of a Parquet file (see `records.RECORD_SCHEMA`).

    Raises:
        InputError: its columns can't be used.
    """
    with pq.ParquetFile(path) as file:
        headers = readable_headers(file.schema_arrow.names, path)
        check_headers(headers, entity, path)
        first = 1
        for batch in file.iter_batches(batch_size=_ROWS_A_BATCH, use_threads=False):
            numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
            first += batch.num_rows
            if batch.num_rows:
                yield payload_records(connection, headers, pa.Table.from_batches([batch]), numbers)
