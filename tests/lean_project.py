"""dbt projects that build what a test reads and what a run needs for itself, not every mart.

The whole project is 250 models and 400 data tests for one small source. Tests of what a run does
with files, platforms, kills and races need a few; what the others compute is proved elsewhere.
"""

import contextlib
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from connectors.settings import PROJECT_ROOT
from orchestration.dbt_fingerprint import project_hash

READ_BY_A_RUN = {
    "bill_of_materials", "dim_channels", "dim_customers", "dim_products", "dim_sites",
    "dim_sources", "dim_supplier_prices", "dim_suppliers", "fct_daily_demand",
    "fct_order_lines", "fct_orders", "fct_parcels", "fct_payments", "fct_purchase_order_lines",
    "fct_refunds", "fct_return_risk_examples", "fct_stock_ledger", "fct_stock_positions",
    "int_business_clock", "quarantined_records", "rpt_channel_daily", "rpt_conservation",
    "rpt_funnel_daily", "rpt_quarantine_reasons", "rpt_source_freshness",
}  # fmt: skip


@cache
def lean_project(*more: str) -> Path:
    """The project with what a run reads and `more`; of data tests, those of `more` and the orders.

    Whoever changes it takes a `copy_project` of it.
    """

    def make_lean(project: Path) -> None:
        keep_marts(project, READ_BY_A_RUN | set(more))
        keep_checks_of(project, {*more, "fct_orders"})

    return _kept("lean", sorted(more), make_lean)


@cache
def project_with_checks_of(*models: str) -> Path:
    """The whole project; of data tests, those of these models."""
    return _kept("checks", sorted(models), lambda project: keep_checks_of(project, set(models)))


def _kept(kind: str, names: Sequence[str], change: Callable[[Path], None]) -> Path:
    """A changed project that stays where it is made: all workers share what dbt parses of it."""
    said = " ".join((project_hash(PROJECT_ROOT / "dbt_project"), kind, *names))
    own = Path(__file__).read_bytes()
    key = hashlib.sha256(said.encode() + own).hexdigest()[:16]
    kept = PROJECT_ROOT / ".pytest_cache" / "dbt_projects" / key
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=key, dir=kept.parent))
        project = copy_project(folder / "dbt_project")
        change(project)
        with contextlib.suppress(OSError):  # the other worker was faster
            project.rename(kept)
        shutil.rmtree(folder, ignore_errors=True)
    return kept


def copy_project(target: Path, project: Path = PROJECT_ROOT / "dbt_project") -> Path:
    """A copy of a dbt project that an installation may call its own."""
    ignored = shutil.ignore_patterns("target", "logs", ".user.yml")
    shutil.copytree(project, target, ignore=ignored)
    return target


def _described(path: Path) -> Any:
    """What a YAML file says; read by libyaml, in a tenth of the time of PyYAML's own parser."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def _describe(path: Path, content: Any) -> None:
    text = yaml.dump(content, Dumper=yaml.CSafeDumper, allow_unicode=True)
    path.write_text(text, encoding="utf-8")


def keep_checks_of(project: Path, models: set[str]) -> None:
    """Take the data tests of all other models and of the seeds out of a copied project."""

    def without_tests(part: Any) -> Any:
        if isinstance(part, dict):
            return {k: without_tests(v) for k, v in part.items() if k != "data_tests"}
        return [without_tests(item) for item in part] if isinstance(part, list) else part

    for path in project.glob("models/**/*.yml"):
        described = _described(path)
        described.pop("unit_tests", None)
        described["models"] = [
            model if model["name"] in models else without_tests(model)
            for model in described.get("models", [])
        ]
        _describe(path, described)
    for path in project.glob("seeds/*.yml"):
        seeds = without_tests(_described(path))
        _describe(path, seeds)


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
        described = _described(path)
        for kind in ("models", "seeds"):
            if kind in described:
                described[kind] = [part for part in described[kind] if part["name"] in kept]
        _describe(path, described)
