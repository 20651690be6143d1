"""A small simulated retailer whose day files arrive one after the other."""

import json
import os
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.sandbox.build import build_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import PROJECT_ROOT
from tests.installation import Installation

READ_BY_A_RUN = {
    "dim_channels", "dim_customers", "dim_products", "dim_sites", "dim_sources",
    "dim_supplier_prices", "dim_suppliers", "fct_daily_demand", "fct_order_lines", "fct_orders",
    "fct_parcels", "fct_payments", "fct_purchase_order_lines", "fct_refunds",
    "fct_return_risk_examples", "fct_stock_ledger", "fct_stock_positions", "int_business_clock",
    "quarantined_records", "rpt_channel_daily", "rpt_conservation", "rpt_funnel_daily",
    "rpt_quarantine_reasons", "rpt_source_freshness",
}  # fmt: skip
HEAVY = os.environ.get("FOURFLOW_TEST_HEAVY") == "1"


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files and truth of 40 days with 60 orders each."""
    folder = tmp_path_factory.mktemp("world")
    build_sandbox(
        WorldConfig(days=40, orders_per_day=60, seed=11, end_date=date(2026, 10, 31)), folder
    )
    return folder


@pytest.fixture(scope="session")
def small_truth(small_world: Path) -> dict[str, Any]:
    """What the simulation knows to be true."""
    return json.loads((small_world / "truth.json").read_text(encoding="utf-8"))


class Inbox:
    """A folder into which the world's day files are dropped, oldest first."""

    def __init__(self, world: Path, folder: Path) -> None:
        self.folder = folder
        files = list(world.glob("*/*.csv"))
        self._waiting = sorted(files, key=lambda path: (path.stem, path.parent.name))

    def days(self) -> list[str]:
        """Days that have not arrived yet."""
        return sorted({path.stem for path in self._waiting})

    def receive(self, count: int) -> None:
        """Let the files of the next `count` days arrive."""
        days = set(self.days()[:count])
        for path in [path for path in self._waiting if path.stem in days]:
            target = self.folder / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        self._waiting = [path for path in self._waiting if path.stem not in days]


@pytest.fixture
def inbox(small_world: Path, tmp_path: Path) -> Inbox:
    """An empty inbox of that world."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return Inbox(small_world, folder)


def copy_project(target: Path) -> Path:
    """A copy of the dbt project that an installation may call its own."""
    shutil.copytree(
        PROJECT_ROOT / "dbt_project", target, ignore=shutil.ignore_patterns("target", "logs")
    )
    return target


def drop_source(project: Path, source: str) -> None:
    """Take a source out of a copied project, as a team that does not have it would."""
    shutil.rmtree(project / "models" / "staging" / source)
    gone = {path.stem for path in project.glob(f"models/**/int_{source}__*.sql")}
    for path in project.glob(f"models/**/int_{source}__*.sql"):
        path.unlink()
    for path in project.glob("models/**/*.yml"):
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, name in (("models", "name"), ("unit_tests", "model")):
            if key in described:
                described[key] = [part for part in described[key] if part[name] not in gone]
        path.write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")
    path = project / "dbt_project.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    del content["vars"]["source_entities"][source]
    for sources in content["vars"]["canonical_sources"].values():
        if source in sources:
            sources.remove(source)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def keep_checks_of(project: Path, models: set[str]) -> None:
    """Take the data tests of all other models and of the seeds out of a copied project."""

    def without_tests(part: Any) -> Any:
        if isinstance(part, dict):
            return {k: without_tests(v) for k, v in part.items() if k != "data_tests"}
        return [without_tests(item) for item in part] if isinstance(part, list) else part

    for path in project.glob("models/**/*.yml"):
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        described.pop("unit_tests", None)
        described["models"] = [
            model if model["name"] in models else without_tests(model)
            for model in described.get("models", [])
        ]
        path.write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")
    for path in project.glob("seeds/*.yml"):
        seeds = without_tests(yaml.safe_load(path.read_text(encoding="utf-8")))
        path.write_text(yaml.safe_dump(seeds, allow_unicode=True), encoding="utf-8")


def _references(path: Path) -> set[str]:
    return set(re.findall(r"ref\('(\w+)'\)", path.read_text(encoding="utf-8")))


def keep_marts(project: Path, wanted: set[str]) -> None:
    """Leave in a copied project these marts and reports and what they read, and no metrics."""
    shutil.rmtree(project / "models" / "semantic")
    (project / "models" / "reports" / "_exposures.yml").unlink()
    models = {
        path.stem: path for kind in ("sql", "py") for path in project.glob(f"models/**/*.{kind}")
    }
    # Macros name what is of one source, and the unions of sources; those stay.
    kept = set(wanted) | {name for name in models if "__" in name or name.endswith("_unioned")}
    while more := {name for one in kept & set(models) for name in _references(models[one])} - kept:
        kept |= more
    for name in set(models) - kept:
        models[name].unlink()
    for path in project.glob("tests/integrity/*.sql"):
        if _references(path) & set(models) - kept:
            path.unlink()
    sources = [models[name] for name in kept & set(models)]
    sources += [*project.glob("macros/**/*.sql"), *project.glob("tests/**/*.sql")]
    kept |= {name for path in sources for name in _references(path)}
    for path in project.glob("seeds/*.csv"):
        if path.stem not in kept:
            path.unlink()
    for path in (*project.glob("models/**/*.yml"), *project.glob("seeds/*.yml")):
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        for kind in ("models", "seeds"):
            if kind in described:
                described[kind] = [part for part in described[kind] if part["name"] in kept]
        path.write_text(yaml.safe_dump(described, allow_unicode=True), encoding="utf-8")


@pytest.fixture
def lean_project(tmp_path: Path) -> Path:
    """A dbt project for the simulated retailer alone: what a run reads, the orders mart checked.

    These tests are about runs that are killed, raced or red, thirty and more of them; what the
    models compute is proved elsewhere.
    """
    project = copy_project(tmp_path / "dbt_project")
    keep_marts(project, READ_BY_A_RUN)
    for source in ("tmall", "online_retail"):
        drop_source(project, source)
    keep_checks_of(project, {"fct_orders"})
    return project


@pytest.fixture
def installation(tmp_path: Path, lean_project: Path) -> Installation:
    """An empty installation with a lean dbt project of its own."""
    return Installation(tmp_path / "home", {"FOURFLOW_DBT_PROJECT": str(lean_project)})
