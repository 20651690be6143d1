"""Finds DuckDB's extensions inside the installed wheels, so that nothing is ever downloaded."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Literal

import duckdb

from connectors.errors import ContractError

# DuckDB would hash 70 MB of extensions to check their signature on every connection (0.4 s of
# processor time). Ours come from wheels whose hashes the lock pins, and nothing is downloaded.
CONNECTION_CONFIG = {
    "allow_unsigned_extensions": "true",
    "autoinstall_known_extensions": "false",
}

Extension = Literal["ducklake", "sqlite_scanner", "postgres_scanner", "httpfs"]


@cache
def extension_path(name: Extension) -> Path:
    """Path of the `.duckdb_extension` file that the wheel of this extension ships.

    Raises:
        ContractError: the wheel is missing or belongs to another DuckDB version.
    """
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    wheel = f"duckdb-extension-{name.replace('_', '-')}"
    if spec is None or spec.origin is None:
        raise ContractError(f"The wheel {wheel} is not installed; run `make setup` again.")
    version = f"v{duckdb.__version__}"
    path = Path(spec.origin).parent / "extensions" / version / f"{name}.duckdb_extension"
    if not path.is_file():
        raise ContractError(
            f"The wheel {wheel} does not hold the extension for DuckDB {version}; "
            f"install {wheel}=={duckdb.__version__}."
        )
    return path


def load_statements(*, postgres: bool) -> list[str]:
    """The LOAD statements that a connection to the lake needs, in order."""
    scanner: Extension = "postgres_scanner" if postgres else "sqlite_scanner"
    return [f"LOAD '{extension_path(name)}'" for name in (scanner, "ducklake")]
