"""The simulated retailer at 100,000 orders a day, with everything it has: seconds, memory, disk.

Each world is built in a process of its own, so that its peak memory is its own.
`FOURFLOW_BENCH_DAYS` (1 to 200) and `FOURFLOW_BENCH_ORDERS` (a day) change its size.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from connectors.sandbox.build import build_sandbox
from connectors.sandbox.world import Scenario, WorldConfig
from connectors.settings import PROJECT_ROOT

ORDERS_A_DAY = 100_000
DAYS = 7
END = date(2026, 11, 15)


def run() -> dict[str, Any]:
    """Figures of the full scenario and of plain trade, prefixed with which it is."""
    figures: dict[str, Any] = {}
    for name in ("plain", "full"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.sandbox_world", name],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        figures |= {f"{name}_{key}": value for key, value in json.loads(done.stdout).items()}
    return figures


def _measure(name: str) -> dict[str, Any]:
    config = WorldConfig(
        end_date=END,
        days=int(os.environ.get("FOURFLOW_BENCH_DAYS", DAYS)),
        orders_per_day=int(os.environ.get("FOURFLOW_BENCH_ORDERS", ORDERS_A_DAY)),
        scenario=Scenario.full() if name == "full" else Scenario(),
    )
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        report = build_sandbox(config, Path(folder))
        seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "days": config.days,
        "orders": report.order_count,
        "rows": report.row_count,
        "files": report.file_count,
        "megabytes_on_disk": report.byte_count // 1_000_000,
        "simulate_seconds": round(report.simulate_seconds, 1),
        "seconds": round(seconds, 1),
        "orders_per_second": round(report.order_count / seconds),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_megabytes": used.ru_maxrss // 1_000,
    }


if __name__ == "__main__":
    json.dump(_measure(sys.argv[1]), sys.stdout)
