"""`fourflow bench ml`: verdicts follow the figures, a part that fails takes no other with it."""

import json
import subprocess

import pytest

from tests.benchmarks import ml
from tests.benchmarks.ml import PARTS, TARGETS, Target, figures_of, measured, run, version_of


@pytest.mark.parametrize(
    ("target", "value", "said", "is_met"),
    [
        (Target(1, "cost", "risk", "cost", at_most=2.0), 2.0, "<= 2", True),
        (Target(1, "cost", "risk", "cost", at_most=2.0), 2.1, "<= 2", False),
        (Target(1, "cost", "risk", "cost", at_most=0), 0, "<= 0", True),
        (Target(1, "recall", "risk", "cost", at_least=0.5), 0.5, ">= 0.5", True),
        (Target(1, "recall", "risk", "cost", at_least=0.5), 0.49, ">= 0.5", False),
        (Target(1, "twice", "risk", lambda f: 2 * f["cost"], at_least=3), 1.4, ">= 3", False),
        (Target(1, "cost", "risk", "cost", at_most=2.0), None, "<= 2", False),
    ],
)
def test_a_figure_is_held_against_its_bound(target, value, said: str, is_met: bool) -> None:
    if value is None:
        target = Target(1, "cost", "risk", lambda _: None, at_most=2.0)
    row = target.judged({"cost": value})

    assert (row["target"], row["is_met"]) == (said, is_met)
    assert target.judged(None)["is_met"] is None


def test_every_acceptance_point_with_a_figure_has_a_target_with_one_bound() -> None:
    assert {target.number for target in TARGETS} == set(range(1, 11))
    assert {target.part for target in TARGETS} == set(PARTS)
    assert all((target.at_most is None) != (target.at_least is None) for target in TARGETS)


def test_finished_parts_are_kept_and_a_failed_one_leaves_its_targets_open(
    tmp_path, monkeypatch
) -> None:
    def no_process(command, **_):
        name = command[command.index("bench") + 1]
        return subprocess.CompletedProcess(
            command, 3 if name == "risk" else 0, stdout="100% done\n{\n}\n"
        )

    monkeypatch.setattr(ml.subprocess, "run", no_process)
    monkeypatch.setattr(ml, "TARGETS", [one for one in TARGETS if one.part == "risk"])
    found = run(folder=str(tmp_path))

    assert found["not_measured"] == len(found["targets"]) > 0
    assert "fourflow bench risk ended with code 3" in found["risk_error"]
    assert sorted(path.name.split("-")[0] for path in tmp_path.iterdir()) == sorted(
        set(PARTS) - {"risk"}
    )

    kept = tmp_path / f"alerts-{version_of('alerts')}.json"
    kept.write_text(json.dumps({"seconds": 1, "figures": {"recall_20": 0.5}}))
    monkeypatch.setattr(ml.subprocess, "run", None)  # nothing is measured again
    assert measured("alerts", tmp_path)["figures"] == {"recall_20": 0.5}


@pytest.mark.parametrize(
    "before",
    ["", "a line\n", "\n100% ▕████████▏ (00:00:05.12 elapsed)     ", '{\n  "other": 1\n}\n'],
)
def test_figures_are_found_behind_whatever_libraries_print(before: str) -> None:
    printed = before + json.dumps({"recall": 0.5, "classes": {"fast": 1}}, indent=2) + "\n"

    assert figures_of(printed) == {"recall": 0.5, "classes": {"fast": 1}}


def test_a_benchmark_without_figures_is_named() -> None:
    with pytest.raises(ValueError, match="without its figures: 'Killed'"):
        figures_of("Killed")
