"""What the benchmark of a growing base reads from two measurements."""

from typing import Any

from tests.benchmarks.day_growth import growth, run

DAY = 1_000


def _measured(base: int) -> dict[str, Any]:
    """A day on a base: a model reads it, one only what is touched, a test is idle."""
    seconds = {"model.whole": 0.5 + base / 10_000, "model.touched": 0.8, "test.alone": 0.02}
    return {
        "orders": base + DAY,
        **dict.fromkeys(("base_cpu_seconds", "day_cpu_seconds", "idle_cpu_seconds"), 1.0),
        "day_peak_megabytes": 500,
        "nodes": [
            {"node": node, "day_cpu_seconds": cost, "idle_cpu_seconds": 0.02}
            for node, cost in seconds.items()
        ],
    }


def test_only_what_reads_the_base_grows_on_the_way_to_nine_million_orders():
    found = growth(_measured(10_000), _measured(90_000), DAY)
    nodes = {line["node"]: line for line in found["nodes"]}
    assert nodes["model.whole"]["of_base"] == 9.0
    assert nodes["model.whole"]["of_day"] == 0.5
    assert nodes["model.whole"]["on_nine_million"] == 900.5
    assert nodes["model.touched"]["on_nine_million"] == 0.8
    assert found["grow_with_base"] == 1
    models, tests, *_ = found["kinds"]
    assert (models["kind"], models["nodes"], models["on_nine_million"]) == ("model", 2, 901.3)
    assert tests["of_base"] == 0.0


def test_a_node_that_only_one_measurement_knows_is_left_out():
    small, large = _measured(10_000), _measured(90_000)
    small["nodes"] = small["nodes"][:1]
    assert [line["node"] for line in growth(small, large, DAY)["nodes"]] == ["model.whole"]


def test_the_smaller_base_has_a_ninth_and_the_same_day(monkeypatch, tmp_path):
    asked = []

    def measure(*, base: int, orders: int, folder: str) -> dict[str, Any]:
        asked.append((base, orders, folder))
        return _measured(base)

    monkeypatch.setattr("tests.benchmarks.day.run", measure)
    found = run(base=90_000, orders=DAY, folder=str(tmp_path))
    assert asked == [
        (10_000, DAY, str(tmp_path / "small")),
        (90_000, DAY, str(tmp_path / "large")),
    ]
    assert (found["small_base"], found["large_base"]) == (10_000, 90_000)
