"""Which reader reads a file, and what a person is told when it can't be read at all."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from python_calamine import CalamineError

from connectors.errors import InputError
from connectors.sources.files.columnar import read_parquet
from connectors.sources.files.delimited import read_delimited
from connectors.sources.files.json_lines import read_json_lines
from connectors.sources.files.spreadsheet import read_spreadsheet
from connectors.sources.mapping import DeclaredEntity, FileFormat

Reader = Callable[[Path, DeclaredEntity, duckdb.DuckDBPyConnection], Iterator[pa.Table]]

_READERS: dict[FileFormat, Reader] = {
    "csv": read_delimited,
    "jsonl": read_json_lines,
    "parquet": read_parquet,
    "xlsx": read_spreadsheet,
}
_FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}


def file_format(path: Path, entity: DeclaredEntity) -> FileFormat:
    """The format that the mapping states, else the one that the file's extension means.

    Raises:
        InputError: the extension is unknown and the mapping states no format.
    """
    known = entity.mapping.format or _FORMATS.get(path.suffix.lower())
    if known is None:
        raise InputError(
            f"{path.name} has an extension that is not known ({', '.join(_FORMATS)}); rename it, "
            f"or set `format` of {entity.name} in {entity.declared_in.name}."
        )
    return known


def read_records(
    path: Path, entity: DeclaredEntity, connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.Table]:
    """The records of one file as a stream of tables (see `records.RECORD_SCHEMA`).

    Records that can't be split come with a read_error. Within the stream the order is not that
    of the file: `record_number` tells it.

    Raises:
        InputError: nothing in the file can be used.
    """
    reader = _READERS[file_format(path, entity)]
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path.name} is empty (0 bytes); export it again.")
        yield from reader(path, entity, connection)
    except (pa.ArrowException, CalamineError, duckdb.Error, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(
            f"{path.name} can't be read as {file_format(path, entity)} ({reason[:200]}); it is "
            "damaged, incomplete or of another format: export it again."
        ) from error
