"""The lake as a destination of dlt: same catalogue, same files, extensions from the wheels."""

from typing import Any

import dlt
from dlt.destinations import ducklake
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

from connectors.lake.extensions import load_statements
from connectors.settings import LAKE_NAME, Settings

BRONZE = "bronze"


def lake_pipeline(settings: Settings, name: str) -> dlt.Pipeline:
    """A dlt pipeline that lands in `bronze`; hold the writer lock while it runs.

    Its working folder is under home, so a crashed load leaves its traces there and not in the
    user's home folder.
    """
    settings.data_path.mkdir(parents=True, exist_ok=True)
    catalog = settings.catalog_url or f"sqlite:///{settings.lake_path}"
    credentials: Any = DuckLakeCredentials(
        LAKE_NAME, catalog=catalog, storage=str(settings.data_path)
    )
    credentials.statements = load_statements(postgres=bool(settings.catalog_url))
    credentials.global_config = {"autoinstall_known_extensions": False}
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
    dlt.config["runtime.dlthub_telemetry"] = False
    return dlt.pipeline(
        name,
        destination=ducklake(credentials=credentials, override_data_path=True),
        dataset_name=BRONZE,
        pipelines_dir=str(settings.root / "dlt"),
    )
