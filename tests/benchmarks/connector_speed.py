"""100,000 orders with their lines from a platform: seconds, where they went, memory.

The sandbox answers from a process of its own on the same machine, so its share is measured apart:
`connector_seconds` is the wall time of the reading without the seconds that the sandbox computed.
`FOURFLOW_BENCH_ORDERS` and `FOURFLOW_BENCH_PLATFORM` narrow it down.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psutil

from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import PROJECT_ROOT
from tests.platform_accounts import ACCOUNTS, config_of
from tests.platforms import Read, read_account

ORDERS = 100_000
PLATFORMS = ("taobao", "douyin", "pdd", "jd", "wechat_store")
DAYS = 30
END = date(2026, 6, 30)
NOW = datetime(2026, 6, 30, 16, tzinfo=UTC)


def run() -> dict[str, Any]:
    """Figures of each platform, prefixed with its name."""
    orders = int(os.environ.get("FOURFLOW_BENCH_ORDERS", ORDERS))
    only = os.environ.get("FOURFLOW_BENCH_PLATFORM")
    figures: dict[str, Any] = {}
    for platform in (only,) if only else PLATFORMS:
        # A shop has a third of the world's orders or more; the reading stops at none of them.
        config = WorldConfig(end_date=END, days=DAYS, orders_per_day=orders * 3 // DAYS)
        with serve_sandbox(config) as sandbox:
            figures |= {f"{platform}_{k}": v for k, v in _measure(sandbox, platform).items()}
    return figures


def _measure(sandbox: ServedSandbox, platform: str) -> dict[str, Any]:
    read = Read(platform, ACCOUNTS[platform], config_of(platform, sandbox), NOW)
    server = _server_of(sandbox)
    before = sum(server.cpu_times()[:2])
    with tempfile.TemporaryDirectory() as home:
        order = json.dumps(
            {"home": home, "connector": platform, "account": read.account, "config": read.config}
        )
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.connector_speed", order],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    served = sum(server.cpu_times()[:2]) - before
    figures["sandbox_seconds"] = round(served, 1)
    figures["connector_seconds"] = round(figures["wall_seconds"] - served, 1)
    scale = 100_000 / max(figures["orders"], 1)
    figures["connector_seconds_per_100k_orders"] = round(figures["connector_seconds"] * scale, 1)
    return figures


def _server_of(sandbox: ServedSandbox) -> psutil.Process:
    port = int(sandbox.url.rsplit(":", 1)[1])
    for process in psutil.Process().children(recursive=True):
        listening = process.net_connections(kind="tcp")
        if any(c.laddr and c.laddr.port == port and c.status == "LISTEN" for c in listening):
            return process
    raise AssertionError("the sandbox's process is not among this process's children")


def _read(order: dict[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    read = Read(order["connector"], order["account"], order["config"], NOW)
    report = read_account(Path(order["home"]), read)
    seconds = time.perf_counter() - started
    assert not report.problems, report.problems
    timings = report.timings
    counts = {entity.entity: entity.record_count for entity in report.entities}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "orders": counts["orders"],
        "records": report.record_count,
        "wall_seconds": round(seconds, 1),
        "connector_cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "calls": timings["calls"],
        "megabytes": round(timings["bytes_received"] / 1e6, 1),
        "records_per_second": round(report.record_count / seconds),
        "share_signing": round(timings["signing"] / seconds, 3),
        "share_http": round(timings["http"] / seconds, 3),
        "share_parsing": round(timings["parsing"] / seconds, 3),
        "share_loading": round(timings["loading"] / seconds, 3),
        "peak_memory_mb": round(usage.ru_maxrss / 1024),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_read(json.loads(sys.argv[1]))) + "\n")
