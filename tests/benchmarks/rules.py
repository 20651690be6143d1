"""Back-tests of rules: nine million orders a rule, and the counts of a simulated world's truth.

Part one writes nine million orders with 1.5 versions each to Parquet and back-tests rules on them
in a process of its own; the counts are compared with plain SQL that knows nothing of the rule lab.
Part two runs `fourflow` on 90 days of the simulated retailer and compares six rules with its truth
file; `FOURFLOW_BENCH_WORLD=0` leaves it out.
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
from zoneinfo import ZoneInfo

import duckdb

from connectors.database.publications import Publication
from connectors.lake.reader import PublishedLake
from connectors.sandbox.build import TRUTH_FILE, build_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import PROJECT_ROOT
from orchestration.decisions.backtesting import Backtest, backtest_rule
from orchestration.decisions.definition import read_rule
from orchestration.decisions.rulebook import SHIPPED_RULES
from tests.installation import Installation

ORDERS = 9_000_000
DAYS = 90
THREADS = 2
ZONE = ZoneInfo("Asia/Shanghai")
AS_OF = datetime(2026, 3, 31, 16, tzinfo=UTC)
WORLD = WorldConfig(end_date=date(2025, 9, 30), days=DAYS, orders_per_day=60, seed=11)

# Every second order has a second version an hour later; one in a hundred of those is worth more.
_VERSIONS = """
    copy (
        with orders as (
            select n, 'shop:' || n as order_key,
                timestamptz '2025-12-31 16:00:00+00' + to_seconds((hash(n) % 7775000)::bigint)
                    as created_at,
                cast(exp(4.2 + 2.2 * (hash(n, 'a') % 1000000 / 1e6 + hash(n, 'b') % 1000000 / 1e6
                    + hash(n, 'c') % 1000000 / 1e6 + hash(n, 'd') % 1000000 / 1e6 - 2) * 1.732)
                    as decimal(18, 2)) as amount
            from range(0, {orders}) as numbers(n)
        )
        select order_key || '#' || v as order_version_key, order_key, 'shop' as business,
            'shop' as source, 'web' as channel, n::varchar as order_no,
            case when n % 500 = 0 then 'sample' else 'sale' end as order_type, v as version_number,
            case when v = 2 then 'paid' else 'awaiting_payment' end as source_status,
            case when v = 2 then 'paid' else 'awaiting_payment' end as order_status,
            case when v = 2 and hash(n, 'edit') % 100 = 0 then amount + 1000 else amount end
                as gross_amount,
            'CNY' as currency_code, created_at, created_at + interval 1 hour * (v - 1) as event_at,
            created_at + interval 1 hour * (v - 1) + interval 10 minute as known_at,
            false as was_never_current
        from orders, range(1, 3) as versions(v) where v = 1 or n % 2 = 0
    ) to '{folder}/fct_order_versions.parquet' (format parquet)
"""
_ORDERS = """
    copy (
        select order_key, any_value(business) as business, any_value(source) as source,
            any_value(channel) as channel, any_value(order_no) as order_no,
            any_value(order_type) as order_type, cast(null as varchar) as customer_key,
            arg_max(order_status, version_number) as order_status,
            arg_max(source_status, version_number) as source_status, min(event_at) as created_at,
            cast(min(event_at) as date) as created_on,
            arg_max(gross_amount, version_number) as gross_amount, 'CNY' as currency_code,
            max(event_at) filter (order_status = 'paid') as paid_at,
            cast(0 as decimal(18, 2)) as refunded_amount, cast(null as varchar) as province,
            cast(null as varchar) as country
        from '{folder}/fct_order_versions.parquet' group by order_key
    ) to '{folder}/fct_orders.parquet' (format parquet)
"""
_AUDITS = """
    copy (
        select *, cast(null as varchar) as person_key,
            cast(null as bigint) as previous_purchase_count,
            cast(null as varchar) as previous_rfm_segment
        from '{folder}/fct_orders.parquet'
    ) to '{folder}/fct_order_audits.parquet' (format parquet)
"""
# What plain SQL finds: the first version that matches, an order counted once.
_EXPECTED = {
    "approve_order_amount": "order_type = 'sale' and gross_amount > 5000",
    "release_sample_order": "order_type = 'sample' and gross_amount <= 5000",
    "notify_new_order": "order_type = 'sale'",
    "alert_large_order": "order_type = 'sale' and gross_amount >= 10000",
}


def run() -> dict[str, Any]:
    """Seconds a rule over nine million orders; decisions against plain SQL and the truth file."""
    with tempfile.TemporaryDirectory() as scratch:
        measured: dict[str, Any] = json.loads(
            subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.rules", scratch],
                cwd=PROJECT_ROOT, check=True, capture_output=True, text=True,
            ).stdout
        )  # fmt: skip
    if os.environ.get("FOURFLOW_BENCH_WORLD", "1") == "0":
        return measured
    with tempfile.TemporaryDirectory() as scratch:
        return measured | compare_with_truth(Path(scratch))


def compare_with_truth(folder: Path) -> dict[str, Any]:
    """Decisions of six rules over 90 simulated days, by `fourflow` and by the truth file."""
    world, installation = folder / "world", Installation(folder)
    build_sandbox(WORLD, world)
    installation.run("run", f"--source=sandbox={world}")
    truth = json.loads((world / TRUTH_FILE).read_text(encoding="utf-8"))["rules"]
    figures: dict[str, Any] = {}
    for rule_id, expected in truth.items():
        found = installation.json("rules", "backtest", rule_id, f"--days={DAYS}", "--json")
        figures[f"world_{rule_id}"] = f"{found['decisions']} of {expected['decisions']}"
        if "branches" in expected:
            figures[f"world_{rule_id}_branches_equal"] = found["by_branch"] == expected["branches"]
    return figures


def _measure(folder: Path) -> dict[str, Any]:
    for statement in (_VERSIONS, _ORDERS, _AUDITS):
        _connect().execute(statement.format(orders=ORDERS, folder=folder))
    connection = _connect()
    for table in ("fct_order_versions", "fct_orders", "fct_order_audits"):
        connection.execute(f"create view {table} as select * from '{folder / table}.parquet'")
    connection.execute(f"create view int_business_clock as select 'shop' as business, "
                       f"timestamptz '{AS_OF}' as as_of")  # fmt: skip
    lake = _Files(Publication("bench", AS_OF, "bench", 1, "", "", {}, {}), connection)
    figures: dict[str, Any] = {"orders": ORDERS, "threads": THREADS}
    for rule_id, condition in _EXPECTED.items():
        began, worked = time.perf_counter(), time.process_time()
        report = _try(rule_id, lake)
        figures[f"{rule_id}_seconds"] = round(time.perf_counter() - began, 1)
        figures[f"{rule_id}_processor_seconds"] = round(time.process_time() - worked, 1)
        expected = connection.execute(
            "select count(distinct order_key) from fct_order_versions "
            f"where {condition} and order_status <> 'cancelled'"
        ).fetchall()[0][0]
        figures[f"{rule_id}_decisions"] = report.decisions
        figures[f"{rule_id}_by_plain_sql"] = expected
    figures["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return figures


def _try(rule_id: str, lake: "_Files") -> Backtest:
    return backtest_rule(read_rule(SHIPPED_RULES / f"{rule_id}.yml"), lake, zone=ZONE)


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": "6GB"})
    connection.execute("set TimeZone = 'UTC'")
    return connection


class _Files(PublishedLake):
    """Published tables that are views of files."""

    def tables(self) -> list[str]:
        return [str(row["view_name"]) for row in self.rows("select view_name from duckdb_views()")]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(Path(sys.argv[1]))))
