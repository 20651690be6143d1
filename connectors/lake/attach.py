"""Connections to the lake: one for a writer under the lock, any number for readers."""

import contextlib
from collections.abc import Iterator

import duckdb

from connectors.errors import ContractError, NothingPublishedError
from connectors.lake.extensions import CONNECTION_CONFIG, load_statements
from connectors.lake.lock import writer_lock
from connectors.settings import LAKE_NAME, Settings

SCHEMAS = (
    "reports", "marts", "ml", "decisions", "intermediate", "staging", "reference", "bronze",
)  # fmt: skip
_BUSY_TIMEOUT_MS = 30_000
_ROWS_A_BRONZE_GROUP = 2_048
_OPTIONS = {
    "data_inlining_row_limit": "0",
    "parquet_compression": "'zstd'",
    "parquet_compression_level": "1",
}


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _catalog_uri(settings: Settings) -> str:
    if settings.catalog_url:
        return f"ducklake:postgres:{settings.catalog_url}"
    return f"ducklake:{settings.lake_path}"


def attach_statement(
    settings: Settings,
    *,
    read_only: bool = False,
    snapshot_id: int | None = None,
    name: str = LAKE_NAME,
) -> str:
    """The ATTACH statement for this lake; the whole lake as it stood at `snapshot_id` if given."""
    # Paths in the catalogue are relative to the data path: overriding lets a home be moved.
    options = [f"DATA_PATH '{_quoted(str(settings.data_path))}/'", "OVERRIDE_DATA_PATH true"]
    if settings.catalog_url:
        options.append("METADATA_SCHEMA 'lake'")
    else:
        options += ["META_TYPE 'sqlite'", f"META_BUSY_TIMEOUT {_BUSY_TIMEOUT_MS}"]
        if not read_only:
            options.append("META_JOURNAL_MODE 'WAL'")
    if read_only:
        options.append("READ_ONLY")
    if snapshot_id is not None:
        options.append(f"SNAPSHOT_VERSION {int(snapshot_id)}")
    uri = _quoted(_catalog_uri(settings))
    return f"ATTACH IF NOT EXISTS '{uri}' AS {name} ({', '.join(options)})"


def prepare_connection(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Load the extensions from the wheels and set what every Fourflow connection has.

    No progress bar: where DuckDB takes Python for interactive (`python -c` is enough), a question
    of over two seconds would draw one into the answer on stdout.
    """
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET temp_directory = '{_quoted(str(settings.root / 'tmp'))}'")
    if settings.memory_limit:
        connection.execute(f"SET memory_limit = '{_quoted(settings.memory_limit)}'")
    if settings.threads:
        connection.execute(f"SET threads = {settings.threads}")
    for statement in load_statements(postgres=bool(settings.catalog_url)):
        connection.execute(statement)


def search_path(connection: duckdb.DuckDBPyConnection) -> str:
    """The lake's schemas that exist, those that people read first at the front."""
    known = {
        row[0]
        for row in connection.execute(
            "select schema_name from duckdb_schemas() where database_name = ?", [LAKE_NAME]
        ).fetchall()
    }
    return ",".join(f"{LAKE_NAME}.{schema}" for schema in SCHEMAS if schema in known)


def use_search_path(connection: duckdb.DuckDBPyConnection) -> None:
    """Let unqualified names resolve to the lake's schemas; cursors need it again."""
    path = search_path(connection)
    if path:
        connection.execute(f"SET search_path = '{path}'")


def attach_for_writing(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Prepare a connection and attach the lake, which is made when there is none yet.

    The catalogue keeps the options. No rows are stored in itself: its tables for them, one and
    more for each table of the lake, are what SQLite would read anew whenever DuckLake asks it
    anything (docs/adr/0006). Zstandard's fastest level makes files half as large as Snappy does and
    costs no more to write or read. Bronze has small row groups: whoever writes holds one for each
    thread in memory, and a row of bronze is a whole answer of a platform.
    """
    settings.data_path.mkdir(parents=True, exist_ok=True)
    prepare_connection(connection, settings)
    connection.execute(attach_statement(settings))
    options = connection.execute(
        "select option_name from ducklake_options(?)", [LAKE_NAME]
    ).fetchall()
    for name, value in _OPTIONS.items():
        if (name,) not in options:
            connection.execute(f"call {LAKE_NAME}.set_option('{name}', {value})")
    if ("parquet_row_group_size",) not in options:
        connection.execute(f"create schema if not exists {LAKE_NAME}.bronze")
        connection.execute(
            f"call {LAKE_NAME}.set_option('parquet_row_group_size', {_ROWS_A_BRONZE_GROUP}, "
            "schema => 'bronze')"
        )


@contextlib.contextmanager
def connect_writer(settings: Settings, *, purpose: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Take the writer lock and yield a read-write connection with the lake attached.

    Raises:
        LakeBusyError: the lock did not come free in time.
    """
    with writer_lock(settings, purpose=purpose):
        connection = duckdb.connect(config=dict(CONNECTION_CONFIG))
        try:
            attach_for_writing(connection, settings)
            use_search_path(connection)
            yield connection
        finally:
            connection.close()


def connect_snapshot(
    settings: Settings, snapshot_id: int | None = None, *, name: str = LAKE_NAME
) -> duckdb.DuckDBPyConnection:
    """Open a read-only connection to the lake as it stood at a snapshot (None: the newest).

    The caller closes it. Use one cursor a query when threads share it.

    Args:
        settings: whose lake.
        snapshot_id: which snapshot.
        name: what the lake is called on this connection.

    Raises:
        NothingPublishedError: there is no lake yet.
        ContractError: the snapshot does not exist (any more).
    """
    if not settings.catalog_url and not settings.lake_path.exists():
        raise NothingPublishedError(
            f"There is no lake in {settings.root} yet; run `fourflow demo` or `fourflow run` first."
        )
    connection = duckdb.connect(config=dict(CONNECTION_CONFIG))
    try:
        prepare_connection(connection, settings)
        connection.execute(
            attach_statement(settings, read_only=True, snapshot_id=snapshot_id, name=name)
        )
        use_search_path(connection)
    except duckdb.Error as error:
        connection.close()
        if snapshot_id is not None and "snapshot" in str(error).lower():
            raise ContractError(
                f"Snapshot {snapshot_id} of the lake in {settings.root} is gone; "
                "choose a publication that `fourflow status` lists."
            ) from error
        raise
    return connection


def newest_snapshot(connection: duckdb.DuckDBPyConnection) -> int:
    """Id of the newest snapshot of the attached lake."""
    row = connection.execute("select max(snapshot_id) from ducklake_snapshots('lake')").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def catalogue_schema(connection: duckdb.DuckDBPyConnection) -> str:
    """Where DuckLake's own tables are: `main` in SQLite, a schema of their own in PostgreSQL."""
    (own,) = connection.execute(
        "select options['metadata_schema'] from duckdb_databases() where database_name = ?",
        [LAKE_NAME],
    ).fetchone() or (None,)
    return f"__ducklake_metadata_{LAKE_NAME}.{own or 'main'}"
