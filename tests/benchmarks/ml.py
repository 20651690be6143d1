"""All benchmarks of models against their targets, each in a process of its own.

Threads and peak memory of one part are none of another's. With a folder, finished parts are kept: a
run that was stopped goes on where it ended, and only what changed is measured again. A part that
fails is told and leaves its targets unmeasured.
"""

import contextlib
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import models_ml
from connectors.settings import PROJECT_ROOT
from models_ml.model_cards import render_figure_card

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "alerts": ("alerts",),
    "customers": ("customers",),
    "identity": ("identity",),
    "fraud": ("risk",),
    "replenishment": ("replenishment", "demand"),
    "risk": ("risk",),
    "demand": ("demand",),
}
"""Benchmark -> the rooms of `models_ml` that it measures; `fourflow bench NAME` runs one alone."""

SHARED: Final = ("evaluations.py", "experiments.py", "frames.py", "splits.py", "versions.py")
"""What all rooms of `models_ml` use."""

Figures = Mapping[str, Any]
Value = float | str | None


@dataclass(frozen=True)
class Target:
    """One figure that has to be reached.

    Attributes:
        number: of the acceptance point.
        what: the figure in words.
        part: benchmark that measures it.
        figure: its name there, or how it is computed from all figures of the part.
        at_most: bound from above: a number, or the name of the figure not to be exceeded.
        at_least: bound from below.
    """

    number: int
    what: str
    part: str
    figure: str | Callable[[Figures], Value]
    at_most: float | str | None = None
    at_least: float | None = None

    def judged(self, figures: Figures | None) -> dict[str, Any]:
        """A row of the table; without figures the value and the verdict are empty."""
        row = {"acceptance": self.number, "figure": self.what, "value": None, "target": ""}
        bound = self.at_most if self.at_least is None else self.at_least
        if figures is None:
            return row | {"is_met": None}
        value = self.figure(figures) if callable(self.figure) else figures[self.figure]
        limit = figures[bound] if isinstance(bound, str) else bound
        sign = "<=" if self.at_least is None else ">="
        is_met = value is not None and (value <= limit if sign == "<=" else value >= limit)
        return row | {"value": value, "target": f"{sign} {limit:g}", "is_met": bool(is_met)}


def run(*, folder: str | None = None) -> dict[str, Any]:
    """The table of targets, how many are met, and the figures of every part.

    Args:
        folder: where finished parts are kept, by what they measure; nowhere if left out.
    """
    kept = None if folder is None else Path(folder)
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    parts = {name: measured(name, kept) for name in PARTS}
    rows = [target.judged(parts[target.part].get("figures")) for target in TARGETS]
    errors = {f"{name}_error": part["error"] for name, part in parts.items() if "error" in part}
    seconds = {f"{name}_seconds": part["seconds"] for name, part in parts.items()}
    return {
        "targets": rows,
        "met": sum(row["is_met"] is True for row in rows),
        "missed": sum(row["is_met"] is False for row in rows),
        "not_measured": sum(row["is_met"] is None for row in rows),
        **seconds,
        **errors,
        "figures": [
            {"part": name, "figure": figure, "value": value}
            for name, part in parts.items()
            for figure, value in part.get("figures", {}).items()
        ],
    }


def measured(name: str, folder: Path | None) -> dict[str, Any]:
    """What one part took and found: `seconds`, and `figures` or `error`."""
    kept = None if folder is None else folder / f"{name}-{version_of(name)}.json"
    if kept is not None and kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    command = "from orchestration.cli.main import run; run()"
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", command, "bench", name, "--json"],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    seconds = round(time.perf_counter() - started, 1)
    if done.returncode:
        ended = f"fourflow bench {name} ended with code {done.returncode}; run it alone."
        return {"seconds": seconds, "error": ended}
    found = {"seconds": seconds, "figures": figures_of(done.stdout)}
    if kept is not None:
        kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def figures_of(printed: str) -> dict[str, Any]:
    """The object that ends what a benchmark printed.

    Libraries print before it, and not always a whole line: DuckDB's progress ends without one.

    Raises:
        ValueError: there is no such object.
    """
    for begin in re.finditer(r"\{\n", printed):
        with contextlib.suppress(json.JSONDecodeError):
            figures: dict[str, Any] = json.loads(printed[begin.start() :])
            return figures
    raise ValueError(f"A benchmark ended without its figures: {printed[-200:]!r}.")


@dataclass(frozen=True)
class FigureCard:
    """What the card of a model says beside the figures of its benchmark.

    Attributes:
        title: name of the model.
        part: benchmark that measures it.
        figures: beginnings of the names of its figures; all of the part if empty.
        aims: words that are in the names of its targets; all of the part if empty.
        facts: what it is for, data and window.
        calibration: shares that it foretells: what, foretold, observed.
        limits: where not to trust it.
    """

    title: str
    part: str
    facts: Mapping[str, str]
    limits: tuple[str, ...]
    figures: tuple[str, ...] = ()
    aims: tuple[str, ...] = ()
    calibration: Callable[[Figures], list[tuple[str, float, float]]] = lambda _: []


def cards(folder: str) -> dict[str, str]:
    """Model cards by file name, of the parts that were kept in a folder.

    Seconds are a machine's, not a model's: on a card are those with a target, and those of the
    processor beside them, which other work on the machine moves less.
    """
    made = {}
    for name, card in CARDS.items():
        kept = Path(folder) / f"{card.part}-{version_of(card.part)}.json"
        if not kept.is_file():
            continue
        all_figures: Figures = json.loads(kept.read_text(encoding="utf-8"))["figures"]
        own = {
            figure: value
            for figure, value in all_figures.items()
            if figure.startswith(card.figures or "")
            and (not figure.endswith("seconds") or figure.endswith("processor_seconds"))
        }
        aims = [
            target.judged(all_figures)
            for target in TARGETS
            if target.part == card.part
            and (not card.aims or any(word in target.what for word in card.aims))
        ]
        made[name] = render_figure_card(
            own,
            title=card.title,
            facts={**card.facts, "Code": f"{version_of(card.part)} (hash of model and benchmark)"},
            targets=aims,
            calibration=card.calibration(all_figures),
            limits=card.limits,
            command="fourflow models cards --benchmark ml --kept FOLDER",
        )
    return made


def version_of(name: str) -> str:
    """Hash of what a part measures and of how it does it."""
    package, here = Path(str(models_ml.__file__)).parent, Path(__file__).parent
    rooms = [path for room in PARTS[name] for path in sorted((package / room).rglob("*.py"))]
    digest = hashlib.sha256()
    shared = [package / one for one in SHARED]
    for path in (*sorted(here.glob(f"{name}*.py")), *shared, *rooms):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _furthest_coverage(kind: str) -> Callable[[Figures], Value]:
    """The largest distance of an interval's coverage of M5 from its own level, over classes."""

    def found(figures: Figures) -> float:
        prefix = f"m5_coverage_{kind}"
        told = {
            name.removeprefix(prefix): value
            for name, value in figures.items()
            if name.startswith(prefix) and (kind or "randomised" not in name)
        }
        gaps = [abs(value - float(name.rsplit("_", 1)[1])) for name, value in told.items()]
        return round(max(gaps), 4)

    return found


def _ratio(figure: str) -> Callable[[Figures], Value]:
    """A figure over that of the best simple method, chosen with hindsight."""
    return lambda figures: round(figures[figure] / figures[f"{figure}_best_simple"], 4)


def _lost_classes(dataset: str) -> Callable[[Figures], Value]:
    """Figures of classes in which a simple method, chosen with hindsight, is better."""
    name = f"{dataset}_classes_where_simple_is_better"
    return lambda figures: len([one for one in figures[name].split(", ") if one])


def _worst(end: str, *, of: str = "", most: bool) -> Callable[[Figures], Value]:
    """The worst of the figures that begin and end so."""

    def found(figures: Figures) -> float:
        told = [v for name, v in figures.items() if name.startswith(of) and name.endswith(end)]
        return float(max(told) if most else min(told))

    return found


def _flag(name: str) -> Callable[[Figures], Value]:
    return lambda figures: float(figures[name])


def _parameters_off(figures: Figures) -> Value:
    """Parameters that differ from the published ones in the third digit."""
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    off = sum(figures[f"cdnow_{name}"] != value for name, value in published.items())
    return off + (round(figures["cdnow_log_likelihood"], 1) != -9582.4)


def _is_rate_inside(figures: Figures) -> Value:
    """Whether the interval of the planted rule holds the rate it was planted with."""
    low, high = figures["sequence_confidence_low"], figures["sequence_confidence_high"]
    return float(low <= PLANTED_RATE <= high)


PLANTED_RATE: Final = 0.6
"""Share of the buyers of formula who buy diapers within 90 days in the simulated retailer."""

_FINAL = "next_2011-10-10_learnt_mix"
_SETS = ("m5", "online_retail_days", "online_retail_weeks", "stallion")
TARGETS: Final = (
    Target(1, "VN2, earlier windows", "replenishment", "vn2_windows", at_least=6),
    Target(
        1, "VN2, mean saving on the benchmark", "replenishment", "vn2_mean_saved", at_least=0.12
    ),
    Target(1, "VN2, seconds", "replenishment", "vn2_seconds", at_most=60),
    Target(2, "M5, mean RMSSE", "demand", "m5_rmsse", at_most=0.75),
    Target(2, "M5, scaled pinball loss", "demand", "m5_scaled_pinball", at_most=0.245),
    Target(
        2, "M5, coverage off, randomised", "demand", _furthest_coverage("randomised_"), at_most=0.02
    ),
    Target(2, "M5, coverage off, raw", "demand", _furthest_coverage(""), at_most=0.02),
    *(
        Target(2, f"{one}, {figure} over best simple", "demand", _ratio(f"{one}_{figure}"), 1)
        for one in _SETS
        for figure in ("wape", "scaled_pinball")
    ),
    *(
        Target(2, f"{one}, figures of classes lost", "demand", _lost_classes(one), at_most=0)
        for one in _SETS
    ),
    Target(3, "30,490 series, seconds", "demand", "size_seconds", at_most=300),
    Target(3, "30,490 series, peak GiB", "demand", "size_peak_gib", at_most=4),
    Target(4, "(s, S), known demand, above", "replenishment", "reorder_quantile_mean_above", 0.006),
    Target(4, "(s, S), 52 periods, above", "replenishment", "reorder_estimated_mean_above", 0.05),
    Target(5, "planted leaks refused", "risk", "leaks_refused", at_least=12),
    Target(
        5, "planted leaks let through", "risk", lambda f: f["leaks_planted"] - f["leaks_refused"], 0
    ),
    Target(5, "honest columns judged", "risk", "honest_columns", at_least=40),
    Target(5, "honest columns refused", "risk", "honest_columns_refused", at_most=0),
    Target(5, "Tmall non-payment, ECE", "risk", "tmall_non_payment_ece", at_most=0.02),
    Target(5, "JIT late, ECE", "risk", "jit_late_ece", at_most=0.02),
    Target(5, "simulated bad debt, ECE", "risk", "simulated_bad_debt_ece", at_most=0.02),
    Target(5, "one order, milliseconds", "risk", "one_order_milliseconds_median", at_most=10),
    Target(5, "batch, rows a second", "risk", "batch_rows_a_second", at_least=100_000),
    Target(6, "bad orders to the alarm", "fraud", "worst_bad_orders_before_alarm", at_most=10),
    Target(6, "precision after the alarm", "fraud", "worst_precision_after_alarm", at_least=0.95),
    Target(6, "recall after the alarm", "fraud", "worst_recall_after_alarm", at_least=0.95),
    Target(
        6, "cheaper than rules only", "fraud", _flag("costs_less_than_rules_everywhere"), None, 1
    ),
    Target(
        6, "cheaper than model only", "fraud", _flag("costs_less_than_model_everywhere"), None, 1
    ),
    Target(7, "CDNOW, published figures off", "customers", _parameters_off, at_most=0),
    Target(7, "CDNOW, hold-out RMSE", "customers", "cdnow_rmse", at_most=1.6),
    Target(7, "a million customers, seconds", "customers", "million_fit_seconds", at_most=10),
    Target(
        8, "FEBRL 1 to 3, least F1", "identity", _worst("_f1", of="febrl", most=False), None, 0.997
    ),
    Target(8, "Chinese world, B-cubed F1", "identity", "chinese_b_cubed_f1", at_least=0.95),
    Target(8, "Chinese world, seconds", "identity", "chinese_seconds", at_most=30),
    Target(8, "10,000 records more, seconds", "identity", "chinese_added_seconds", at_most=5),
    Target(8, "records unlike a full run", "identity", "chinese_added_differ_from_full_run", 0),
    Target(9, "next purchase, recall at 10", "customers", f"{_FINAL}_recall", at_least=0.36),
    Target(9, "planted rule inside interval", "customers", _is_rate_inside, at_least=1),
    Target(10, "drop of 20 %, recall", "alerts", "recall_20", at_least=0.5),
    Target(10, "series-days a false alarm", "alerts", "series_days_per_false_alarm", at_least=90),
    Target(10, "root cause first", "alerts", "root_cause_top1", at_least=0.9),
)
"""What the models have to reach, in the order of the table."""


def _coverage(figures: Figures) -> list[tuple[str, float, float]]:
    """Coverage of the intervals of demand, randomised, by set, class and level."""
    told = []
    for name, value in figures.items():
        dataset, found, rest = name.partition("_coverage_randomised_")
        if found:
            velocity, level = rest.rsplit("_", 1)
            told.append((f"{dataset}, {velocity}".replace("_", " "), float(level), float(value)))
    return told


def _propensity(figures: Figures) -> list[tuple[str, float, float]]:
    told, seen = figures["cdnow_propensity_mean"], figures["cdnow_propensity_actual"]
    return [("some purchase within 39 weeks", told, seen)]


_CLOCK = (
    "Seconds are of a clock: where other work shares the machine, they are several times those "
    "of the processor."
)

CARDS: Final[Mapping[str, FigureCard]] = {
    "demand": FigureCard(
        "Demand per article and period",
        "demand",
        {
            "For": "units per series ahead, with quantiles of periods and of sums",
            "Model": "mix of local methods and one boosted model, weights a velocity class",
            "Data": "M5 subset, Online Retail I (500 articles, days and weeks), Stallion",
            "Judged": "the last two or three origins of each set, all learning before each",
            "Baseline": "the best of the simple methods of each figure, chosen with hindsight",
        },
        (
            "A covariate is used as if it were known in advance.",
            "The mean leaves out spikes that do not come again; the quantiles hold them.",
            "An interval of counts that mostly are zero covers too much; the randomised coverage "
            "takes the atoms apart.",
            _CLOCK,
        ),
        calibration=_coverage,
    ),
    "replenishment": FigureCard(
        "Weekly ordering and reorder points",
        "replenishment",
        {
            "For": "what to order of each article, against holding and lost sales",
            "Data": "VN2 (599 series, 157 weeks), 81 negative-binomial articles, a simulated year",
            "Judged": "ten earlier windows of VN2; the weeks that decided were not looked at",
            "Baseline": "the organiser's policy; the exact (s, S); base-stock on last year's weeks",
        },
        ("The constants were chosen on the same ten windows, so the mean is optimistic.",),
    ),
    "fraud": FigureCard(
        "Fraud rings in a stream of orders",
        "fraud",
        {
            "For": "an alarm without waiting for verdicts, and orders that belong to the attack",
            "Data": "three simulated streams of 30,410 orders whose seeds set no parameter",
            "Judged": "each order once, in order of time, by what was known before it",
            "Baseline": "rules only, model only, no check at all",
        },
        ("Rings are simulated: real ones share less, or share other things.",),
    ),
    "customer-value": FigureCard(
        "Purchases and value of a customer",
        "customers",
        {
            "For": "expected purchases, amounts and value; whether a customer buys at all",
            "Model": "BG/NBD, BG/NBD by amount, NBD and boosting mixed; Gamma-Gamma for amounts",
            "Data": "CDNOW, 2,357 customers; a million simulated ones for speed",
            "Judged": "39 weeks after 1997-09-30; looked at more than twenty times",
            "Baseline": "BG/NBD alone: RMSE 1.608",
        },
        (
            "No trend and no season: on CDNOW the total is 12 % too low, as published.",
            "The propensity is the process's own and is not calibrated further.",
        ),
        figures=("cdnow_", "million_"),
        aims=("CDNOW", "million"),
        calibration=_propensity,
    ),
    "next-purchase": FigureCard(
        "Next purchases of a customer",
        "customers",
        {
            "For": "ten articles that a customer most likely buys; what follows what",
            "Model": "two logistic regressions, of articles bought before and of new ones",
            "Data": "Online Retail I, known customers",
            "Judged": "61 days from three cuts; the last one was not used to choose",
            "Baseline": "popularity, item-item, personal frequency, a mix of fixed shares",
        },
        (
            "No season, no description, no price; the 4,000 articles with most buyers compete.",
            "In the last window the repeats of the mix are no better than plain counting.",
        ),
        figures=("next_", "sequence_", "final_"),
        aims=("next purchase", "planted rule"),
    ),
    "alerts": FigureCard(
        "Changed conversion",
        "alerts",
        {
            "For": "days on which a series converted otherwise than it does, and what explains it",
            "Model": "beta-binomial counts with weekday and day type, a hidden Markov chain",
            "Data": "three simulated panels of 200 series x 400 days; 200 planted causes",
            "Judged": "drops of 3 to 7 days at the budget of false alarms of a clean panel",
            "Baseline": "plain EWMA with the ideal threshold; knowing the true rates",
        },
        ("What can be found depends on volume: the panels' median is 300 trials a day.",),
    ),
    "identity": FigureCard(
        "Which records are one person",
        "identity",
        {
            "For": "an entity for every record, in both scripts; records added later",
            "Model": "rules on shared numbers under compatible names, then Splink, then clusters",
            "Data": "FEBRL 1 to 3; a simulated Chinese world of 200,000 records",
            "Judged": "labels hidden, rows shuffled, ids new",
            "Baseline": "none is measured here; FEBRL by exact number alone recalls 0.912",
        },
        (
            "The Chinese world is simulated; thresholds for real data need labels of one's own.",
            _CLOCK,
        ),
    ),
}
"""Models that are judged by a benchmark; those of order risk have cards of `--benchmark risk`."""
