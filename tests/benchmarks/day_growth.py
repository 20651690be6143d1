"""What of a day's dbt build grows with the orders that are there before.

`fourflow bench day_growth --base 90000 --orders 1000` measures the day (see `day`) on a base and
on a ninth of it, and lays a straight line through the processor seconds of every node: what grows
with the base (`of_base`) and what does not (`of_day`: what the day brings, and what it costs to run
the node at all; `idle` is what of that is due when nothing is new). `on_nine_million` is where the
line leads: the same day on top of nine million orders. It knows nothing of a machine's memory, and
a larger day costs more.
"""

import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks import day

SMALLER = 9
NINE_MILLION = 9_000_000
_SHOWN = 25


def run(*, base: int = 90_000, orders: int = 1_000, folder: str = "") -> dict[str, Any]:
    """Both days, their totals by kind of node, and the nodes that lead furthest.

    Args:
        base: orders of the larger base; the smaller has a ninth.
        orders: orders of the day.
        folder: where worlds and lakes stay; empty takes a scratch folder.
    """
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(folder or scratch)
        small = day.run(base=base // SMALLER, orders=orders, folder=str(place / "small"))
        large = day.run(base=base, orders=orders, folder=str(place / "large"))
    return growth(small, large, orders)


def growth(small: dict[str, Any], large: dict[str, Any], orders: int) -> dict[str, Any]:
    """Lines through two measurements of `day`.

    Args:
        small: the day on the smaller base.
        large: the day on the larger one.
        orders: orders of the day.
    """
    bases = [figures["orders"] - orders for figures in (small, large)]
    at_small = {node["node"]: node for node in small["nodes"]}
    lines = []
    for node in large["nodes"]:
        if node["node"] not in at_small:
            continue
        low, high = at_small[node["node"]]["day_cpu_seconds"], node["day_cpu_seconds"]
        slope = max(high - low, 0.0) / (bases[1] - bases[0])
        of_base = slope * bases[1]
        lines.append(
            {
                "node": node["node"],
                "on_small": low,
                "on_large": high,
                "of_base": round(of_base, 2),
                "of_day": round(high - of_base, 2),
                "idle": node["idle_cpu_seconds"] or 0.0,
                "on_nine_million": round(high + slope * (NINE_MILLION - bases[1]), 1),
            }
        )
    summed = {
        kind: [line for line in lines if line["node"].startswith(f"{kind}.")]
        for kind in ("model", "test", "seed", "exposure")
    }
    return {
        "small_base": bases[0],
        "large_base": bases[1],
        "day": orders,
        **{
            f"{name}_{kind}_cpu_seconds": figures[f"{kind}_cpu_seconds"]
            for name, figures in (("small", small), ("large", large))
            for kind in ("base", "day", "idle")
        },
        "small_peak_megabytes": small["day_peak_megabytes"],
        "large_peak_megabytes": large["day_peak_megabytes"],
        "kinds": [
            {
                "kind": kind,
                "nodes": len(rows),
                **{
                    key: round(sum(row[key] for row in rows), 1)
                    for key in (
                        "on_small",
                        "on_large",
                        "of_base",
                        "of_day",
                        "idle",
                        "on_nine_million",
                    )
                },
            }
            for kind, rows in summed.items()
        ],
        "grow_with_base": sum(line["of_base"] > 0.1 for line in lines),
        "nodes": sorted(lines, key=lambda line: -line["on_nine_million"])[:_SHOWN],
    }
