"""A connection to somebody else's database: read only, in UTC, every value kept exactly."""

import json
from typing import Any, Final

import sqlalchemy as sa
from psycopg.adapt import Loader
from psycopg.errors import DataError
from psycopg.pq import Format
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from connectors.errors import FourflowError, InputError, PermanentError, TransientError

_DRIVERS: Final = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# What a database says when asking again can't help; the rest may be the network.
_REFUSALS: Final = (
    "authentication failed", "access denied", "permission denied", "does not exist",
    "unable to open database file", "unknown database", "no pg_hba.conf entry", "login failed",
)  # fmt: skip


def open_engine(url: str, *, timeout_seconds: float) -> sa.Engine:
    """An engine whose connections can only read.

    Raises:
        InputError: the URL is not one, or its driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
        parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
        options: dict[str, Any] = {}
        if parsed.get_backend_name() in ("postgresql", "mysql", "mariadb"):
            options["connect_timeout"] = max(1, round(timeout_seconds))
        engine = sa.create_engine(
            parsed, poolclass=NullPool, connect_args=options, json_deserializer=_exact_json
        )
    except ArgumentError as error:  # its text would hold the password
        raise InputError(
            "`url` is not the address of a database; write "
            "postgresql://user:password@host:5432/name into the variable that it names."
        ) from error
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"There is no driver for {parsed.drivername} here ({error}); install one into "
            "Fourflow's environment, such as pymysql for MySQL or pyodbc for SQL Server."
        ) from error
    event.listen(engine, "connect", _prepare)
    return engine


def refusal(error: SQLAlchemyError, doing: str) -> FourflowError:
    """What a person is told about an error of the database, by whether asking again can help."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    said = " ".join(str(cause).split())[:300] or type(cause).__name__
    if any(phrase in said.lower() for phrase in _REFUSALS):
        return PermanentError(
            f"The database refused {doing}: {said}; correct the address or give its user the right."
        )
    return TransientError(f"The database did not answer while {doing}: {said}.")


def _exact_json(text: str) -> Any:
    """JSON of a column; numbers keep the digits that they were written with."""
    return json.loads(text, parse_float=str, parse_int=str)


def _prepare(connection: Any, _record: Any) -> None:
    """A new connection can only read, in UTC; times beyond Python's calendar come as text."""
    module = type(connection).__module__.partition(".")[0]
    if module == "sqlite3":
        connection.execute("pragma query_only = on")
    elif module == "psycopg":
        _tolerate_odd_times(connection)
        with connection.cursor() as cursor:
            cursor.execute("set session characteristics as transaction read only")
            cursor.execute("set time zone 'UTC'")
        connection.commit()  # a rollback would take the settings back
    elif module in ("pymysql", "MySQLdb"):
        with connection.cursor() as cursor:
            cursor.execute("set session transaction read only")
            cursor.execute("set time_zone = '+00:00'")


def _tolerate_odd_times(connection: Any) -> None:
    for name in ("date", "timestamp", "timestamptz"):
        number = connection.adapters.types[name].oid
        plain = connection.adapters.get_loader(number, Format.TEXT)
        connection.adapters.register_loader(name, _tolerant(plain))


def _tolerant(plain: Any) -> type[Loader]:
    class Tolerant(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._plain = plain(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return self._plain.load(data)
            except DataError:  # infinity, a year after 9999 or before 1
                return bytes(data).decode()

    return Tolerant
