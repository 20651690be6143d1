"""One installation with the real data sets, loaded once and shared by the tests of a worker."""

from pathlib import Path

import pytest

from tests.installation import Installation


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
    """Both real data sets through the whole pipeline, by the command of the readme."""
    installation = Installation(tmp_path_factory.mktemp("real"))
    sources = [f"--source={name}={path}" for name, path in real_files.items()]
    installation.run("run", *sources)
    return installation
