"""One day of orders on top of a base: what every dbt node costs, in both builds.

`fourflow bench day --base 300000 --orders 10000` simulates a retailer with everything it can have,
loads all its days but the last and builds the lake (the *base*), then loads the last day and builds
again (the *day*), and once more with nothing new (*idle*). Each build has a process of its own.
Figures of a node: wall seconds as dbt says, processor seconds from the end of the node before it
(what dbt does in between is the node's), the highest resident memory while it was built.

`--folder` keeps the built base there and takes it up again: the day is built on a copy of it. Where
the models have changed meanwhile, the base is built once more with them before the day comes.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.sandbox.build import build_sandbox
from connectors.sandbox.files.exports import TOOLS
from connectors.sandbox.world import Scenario, WorldConfig
from connectors.settings import PROJECT_ROOT, load_settings
from connectors.sources.files.load import load_files
from orchestration.dbt_build import DbtBuild, ensure_manifest
from orchestration.dbt_fingerprint import project_hash

END = date(2026, 10, 20)
"""Last day of the world: no day of the year's great sales is near it."""
_LOADED = "base_loaded.json"


def run(*, base: int = 300_000, orders: int = 10_000, folder: str = "") -> dict[str, Any]:
    """Totals of each build, and the nodes that the day costs most, beside the base.

    Args:
        base: orders that are there before.
        orders: orders of the day, and of each day before.
        folder: where world and lake stay; empty takes a scratch folder.
    """
    if folder:
        return _measured(Path(folder), base, orders)
    with tempfile.TemporaryDirectory() as scratch:
        return _measured(Path(scratch), base, orders)


def _measured(folder: Path, base: int, orders: int) -> dict[str, Any]:
    days = max(1, round(base / orders)) + 1
    builds: dict[str, dict[str, Any]] = {}
    if not (folder / _LOADED).exists():
        _in_process("make", folder, str(days), str(orders))
    stamp = project_hash(load_settings().dbt_project_path)
    built = folder / f"base_built_{stamp[:12]}.json"
    if not built.exists():
        built.write_text(json.dumps(_in_process("build", folder)), encoding="utf-8")
    builds["base"] = json.loads(built.read_text(encoding="utf-8"))
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / "home", copy / "home")
    _in_process("load_day", copy)
    builds["day"] = _in_process("build", copy)
    builds["idle"] = _in_process("build", copy)
    shutil.rmtree(copy)
    loaded = json.loads((folder / _LOADED).read_text(encoding="utf-8"))
    figures: dict[str, Any] = {"days": days, **loaded}
    for name, build in builds.items():
        figures |= {f"{name}_{key}": value for key, value in build.items() if key != "nodes"}
    nodes = {
        name: {node["node"]: node for node in build["nodes"]} for name, build in builds.items()
    }
    figures["nodes"] = [
        {
            "node": name,
            **{
                f"{build}_{key}": nodes[build].get(name, {}).get(key)
                for build in builds
                for key in ("cpu_seconds", "seconds", "peak_megabytes")
            },
        }
        for name in sorted(nodes["day"], key=lambda name: -nodes["day"][name]["cpu_seconds"])
    ]
    return figures


def _in_process(step: str, folder: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.day", step, str(folder), *arguments],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"step {step} of the benchmark failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def make(folder: Path, days: int, orders: int) -> dict[str, Any]:
    """Simulate; load all days but the last."""
    config = WorldConfig(
        end_date=END, days=days, orders_per_day=orders, scenario=Scenario.full(), seed=4
    )
    world, last = folder / "world", folder / "last_day"
    report = build_sandbox(config, world)
    for path in (*world.glob("*/*.csv"), *world.glob("*/*.parquet")):
        if END.isoformat() in path.name or f"{END:%Y%m%d}" in path.name:
            kept = last / path.relative_to(world)
            kept.parent.mkdir(parents=True, exist_ok=True)
            path.replace(kept)
    started = time.perf_counter()
    _load(folder, world, END - timedelta(days=1))
    facts = {
        "orders": report.order_count,
        "rows": report.row_count,
        "base_load_seconds": round(time.perf_counter() - started, 1),
    }
    shutil.rmtree(world)
    (folder / _LOADED).write_text(json.dumps(facts), encoding="utf-8")
    return facts


def load_day(folder: Path) -> dict[str, Any]:
    """Load the last day."""
    _load(folder, folder.parent / "last_day", END)
    return {}


def _load(folder: Path, files: Path, day: date) -> None:
    settings = load_settings(home=folder / "home")
    now = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
    load_files(settings, "sandbox", files, now=now)
    for tool in TOOLS:
        if any((files / tool).glob("*")):
            load_files(settings, tool, files / tool, now=now)


def build(folder: Path) -> dict[str, Any]:
    """One `dbt build` as a run does it; what each node costs.

    Raises:
        RuntimeError: a node failed.
    """
    settings = load_settings(home=folder / "home")
    ensure_manifest(settings)
    settings.export_to_environment(run_id="bench")  # with the sources that were just found
    _reset_peak()
    nodes = []
    began, cpu = time.perf_counter(), time.process_time()
    before = cpu
    running = DbtBuild(settings)
    for result in running.results():
        now = time.process_time()
        nodes.append(
            {
                "node": ".".join(result.unique_id.split(".")[::2][:2]),
                "cpu_seconds": round(now - before, 2),
                "seconds": round(result.seconds, 2),
                "peak_megabytes": _peak_megabytes(),
            }
        )
        before = now
        _reset_peak()
    if running.error or running.checks is None:
        raise RuntimeError(running.error)
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_megabytes": max(node["peak_megabytes"] for node in nodes),
        "failed": [entry["name"] for entry in running.checks.failed],
        "nodes": nodes,
    }


def _reset_peak() -> None:
    """Linux counts the highest resident memory anew from here."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_megabytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1_000


if __name__ == "__main__":
    _step, _folder, *_numbers = sys.argv[1:]
    _found = {"make": make, "load_day": load_day, "build": build}[_step](
        Path(_folder), *map(int, _numbers)
    )
    sys.stdout.write("\n" + json.dumps(_found) + "\n")
