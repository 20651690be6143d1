"""One installation with the real data sets, loaded once and shared by the tests of a worker."""

import os
from pathlib import Path

import pytest

from tests.installation import Installation
from tests.lean_project import project_with_checks_of

HEAVY = os.environ.get("FOURFLOW_TEST_HEAVY") == "1"


@pytest.fixture(scope="session")
def real_files(real_data: Path) -> dict[str, Path]:
    """Source name -> file."""
    return {
        "online_retail": real_data / "online_retail_1" / "online_retail.parquet",
        "tmall": real_data / "tmall" / "raw" / "tmall_order_report.csv",
    }


@pytest.fixture(scope="session")
def real_installation(
    real_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Both real data sets through the whole pipeline, by the command of the readme.

    Data tests of the same data are those of the oracles' warehouse, but for the orders' own; in
    `make test-all` also those of these two sources alone.
    """
    installation = Installation(tmp_path_factory.mktemp("real"))
    if not HEAVY:
        project = project_with_checks_of("fct_orders")
        installation.environment["FOURFLOW_DBT_PROJECT"] = str(project)
    sources = [f"--source={name}={path}" for name, path in real_files.items()]
    installation.run("run", *sources)
    return installation
