"""The lake as a destination of dlt: same catalogue, same files, extensions from the wheels."""

import contextlib
import logging
from collections.abc import Iterator
from functools import cache
from typing import Any

import dlt
import duckdb
from dlt.common.configuration import configspec
from dlt.destinations import ducklake
from dlt.destinations.impl.ducklake.configuration import (
    DuckLakeClientConfiguration,
    DuckLakeCredentials,
)
from dlt.pipeline.exceptions import PipelineStepFailed

from connectors.errors import TransientError
from connectors.lake.extensions import load_statements
from connectors.settings import LAKE_NAME, Settings

BRONZE = "bronze"
_INSTANCE = ":memory:fourflow_bronze"


@configspec(init=False)
class _SharedInstance(DuckLakeCredentials):
    """Credentials whose connections share one DuckDB instance, so extensions load once."""

    def _conn_str(self) -> str:
        return _INSTANCE


@configspec
class _LakeConfiguration(DuckLakeClientConfiguration):
    credentials: _SharedInstance = None  # type: ignore[assignment]


class _Lake(ducklake):
    spec = _LakeConfiguration


@cache
def _keep_instance_open() -> duckdb.DuckDBPyConnection:
    """DuckDB drops a named in-memory instance with its last connection; this one stays.

    dlt opens its connections without a configuration, so this one has none either.
    """
    return duckdb.connect(_INSTANCE)


def lake_pipeline(settings: Settings, name: str) -> dlt.Pipeline:
    """A dlt pipeline that lands in `bronze`; hold the writer lock while it runs.

    Open a writer (`connect_writer`) before it runs, to repair what an earlier load left: that also
    makes the lake, and dlt would make one without its options.

    Its working folder is under home, so a crashed load leaves its traces there and not in the
    user's home folder.
    """
    settings.data_path.mkdir(parents=True, exist_ok=True)
    credentials: Any
    destination: type[ducklake]
    if settings.catalog_url:
        # dlt loads in parallel there, and each of its connections detaches the lake when it ends.
        credentials = DuckLakeCredentials(
            LAKE_NAME, catalog=settings.catalog_url, storage=str(settings.data_path)
        )
        destination = ducklake
    else:
        _keep_instance_open()
        credentials = _SharedInstance(
            LAKE_NAME, catalog=f"sqlite:///{settings.lake_path}", storage=str(settings.data_path)
        )
        destination = _Lake
    credentials.global_config = {"autoinstall_known_extensions": False}
    credentials.statements = load_statements(postgres=bool(settings.catalog_url))
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    dlt.config["runtime.dlthub_telemetry"] = False
    pipeline = dlt.pipeline(
        name,
        destination=destination(credentials=credentials, override_data_path=True),
        dataset_name=BRONZE,
        pipelines_dir=str(settings.root / "dlt"),
    )
    # dlt sets its logger up with the pipeline; it warns whenever one load has several packages.
    logging.getLogger("dlt").setLevel(logging.ERROR)
    return pipeline


@contextlib.contextmanager
def refusal_of(settings: Settings, what: str, advice: str) -> Iterator[None]:
    """Tell a refused load in one sentence: what the lake did not take, and what to do.

    Raises:
        TransientError: the lake did not take it; nothing of it counts.
    """
    try:
        yield
    except PipelineStepFailed as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise TransientError(
            f"The lake in {settings.root} did not take {what} ({reason[:300]}); {advice}."
        ) from error
