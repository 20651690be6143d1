"""A model card: what a model was learnt from, its figures beside what costs nothing, its limits.

After Mitchell et al. (2019), "Model Cards for Model Reporting". Markdown, made of a risk report or
of a benchmark's figures and nothing else, so that a card says no figure that was not measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

BAR_WIDTH = 20
_FIGURES = (
    ("average_precision", "average precision"),
    ("roc_auc", "ROC AUC"),
    ("brier", "Brier score"),
    ("log_loss", "log loss"),
    ("ece", "expected calibration error"),
)


def render_card(
    report: Mapping[str, Any], *, title: str, facts: Mapping[str, str], command: str
) -> str:
    """The card as Markdown.

    Args:
        report: `Report.to_dict()`, also after a way through JSON.
        title: name of the model and its data.
        facts: what is known beside the report (version, business, snapshot), name -> value.
        command: what writes this card again.
    """
    sections = [
        f"# {title}",
        f"Written by `{command}`; don't edit.",
        _table(["", ""], [*facts.items(), *_window(report)]),
        "## Figures on the newest rows",
        _figures(report),
        _promotion(report),
        "## Calibration",
        "Bins of equal size, the least risky first; the bars are the observed rate.",
        _calibration(report["calibration"]),
        "## Costs",
        _costs(report),
        "## Slices",
        "The calibration error of a small slice is mostly chance.",
        _slices(report["slices"]),
        "## Drift",
        _drift(report.get("drift") or []),
        "## Columns refused",
        _reasons(report["refused_columns"], "None: nothing was known only after the decision."),
        "## Columns of no use",
        _reasons(report["unused_columns"], "None."),
        "## Limits",
        _limits(report),
    ]
    return "\n\n".join(sections) + "\n"


def render_figure_card(
    figures: Mapping[str, object],
    *,
    title: str,
    facts: Mapping[str, str],
    targets: Sequence[Mapping[str, Any]],
    calibration: Sequence[tuple[str, float, float]],
    limits: Sequence[str],
    command: str,
) -> str:
    """The card of a model that is judged by a benchmark instead of a risk report, as Markdown.

    Args:
        figures: what was measured, name -> value; the baselines are among them.
        title: name of the model.
        facts: what it is for, its data and window, name -> value.
        targets: rows with `figure`, `value`, `target` and `is_met`.
        calibration: what was foretold as a share, the share foretold, the share observed.
        limits: where not to trust it.
        command: what writes this card again.
    """
    bars = [
        [what, f"{told:.3f}", f"{seen:.3f}", "█" * round(BAR_WIDTH * min(max(seen, 0.0), 1.0))]
        for what, told, seen in calibration
    ]
    verdicts = {True: "met", False: "**missed**", None: "not measured"}
    aims = [
        [one["figure"], _plain(one["value"]), one["target"], verdicts[one["is_met"]]]
        for one in targets
    ]
    sections = [
        f"# {title}",
        f"Written by `{command}`; don't edit.",
        _table(["", ""], list(facts.items())),
        "## Targets",
        _table(["figure", "value", "target", ""], aims) if aims else "None are set.",
        "## Calibration",
        _table(["foretold", "share", "observed", ""], bars) if bars else "It foretells no shares.",
        "## All figures",
        _table(["figure", "value"], [(_words(name), _plain(v)) for name, v in figures.items()]),
        "## Limits",
        "\n".join(f"- {one}" for one in limits),
    ]
    return "\n\n".join(sections) + "\n"


def _plain(value: object) -> str:
    """A figure as it was measured; numbers above a thousand with separators."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int | float):
        whole = f"{value:,.1f}".removesuffix(".0")
        return whole if abs(value) >= 1_000 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(name)} {_plain(one)}" for name, one in value.items())
    return str(value) or "–"


def _window(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = report["rows"]
    window = f"{_day(report['window_start'])} to {_day(report['window_end'])} (UTC)"
    return [
        ("Rows to fit", f"{rows['fit']:,}"),
        ("Rows to calibrate on", f"{rows['calibrate']:,}"),
        ("Rows to test on", f"{rows['test']:,}"),
        ("Rows set aside to keep groups whole", f"{rows.get('set_aside', 0):,}"),
        ("Time of the test", window),
        ("Learner", _words(report["learner"])),
        ("In use", _words(report["kept"])),
        ("Calibration method", _words(report["calibration_method"])),
    ]


def _figures(report: Mapping[str, Any]) -> str:
    """Each candidate's figures, and what a careless random split would have claimed."""
    candidates = {**report["scores"], "random split (no claim)": report["random_split"]}
    rows = [
        [_words(name), *(_number(scores[figure]) for figure, _ in _FIGURES)]
        for name, scores in candidates.items()
    ]
    return _table(["candidate", *(label for _, label in _FIGURES)], rows)


def _promotion(report: Mapping[str, Any]) -> str:
    learner, kept = _words(report["learner"]), _words(report["kept"])
    base = _number(report["base_rate"])
    if learner == kept:
        return f"Base rate {base}. The {learner} earned its place over the simpler candidates."
    return f"Base rate {base}. The {learner} is not clearly better than {kept}, which stays in use."


def _calibration(bins: Sequence[Mapping[str, Any]]) -> str:
    most = max((float(one["observed_rate"]) for one in bins), default=0.0) or 1.0
    rows = [
        [
            f"{one['row_count']:,}",
            _number(one["predicted_rate"]),
            _number(one["observed_rate"]),
            "█" * round(BAR_WIDTH * float(one["observed_rate"]) / most),
        ]
        for one in bins
    ]
    return _table(["rows", "predicted", "observed", ""], rows)


def _costs(report: Mapping[str, Any]) -> str:
    costs = report["costs"]
    sentence = (
        f"A missed event costs {costs['false_negative']:g}, a false alarm "
        f"{costs['false_positive']:g}, a look {costs['review']:g}; people can look at "
        f"{costs['capacity']:.0%} of the rows. Looking from probability "
        f"{_number(report['threshold'])} on costs {_number(report['expected_cost'])} a row, "
        f"{_number(report['cost_without'])} without the model. Of the riskiest rows that people "
        f"can look at {_number(report['precision_at_capacity'])} are events, which is "
        f"{_number(report['recall_at_capacity'])} of all events."
    )
    rows = [
        [
            f"{one['share']:.1%}",
            *(_number(one[name]) for name in ("threshold", "precision", "recall", "mean_cost")),
        ]
        for one in report["cost_curve"][::3]
    ]
    header = ["rows looked at", "from probability", "precision", "recall", "mean cost a row"]
    return f"{sentence}\n\n{_table(header, rows)}"


def _slices(slices: Sequence[Mapping[str, Any]]) -> str:
    if not slices:
        return "No slice has enough rows."
    figures = ("base_rate", "predicted_rate", "average_precision", "ece")
    rows = [
        [one["column"], one["level"], f"{one['row_count']:,}", *(_number(one[f]) for f in figures)]
        for one in slices
    ]
    return _table(["column", "level", "rows", *map(_words, figures)], rows)


def _drift(inputs: Sequence[Mapping[str, Any]]) -> str:
    if not inputs:
        return "Too few newest rows to say."
    moved = [str(one["input"]) for one in inputs if one["has_drifted"]]
    sentence = (
        "Population stability index of each input and of the score, rows learnt from against the "
        f"newest {inputs[0]['current_rows']:,} rows; the limit is 0.25, or what few rows make by "
        f"chance. Above it: {', '.join(moved) or 'none'}. Counts of history grow with time by "
        "themselves."
    )
    rows = [[one["input"], _number(one["psi"]), _number(one["limit"])] for one in inputs]
    return f"{sentence}\n\n{_table(['input', 'PSI', 'limit'], rows)}"


def _reasons(columns: Mapping[str, str], nothing: str) -> str:
    return "\n".join(f"- `{name}`: {why}" for name, why in columns.items()) or nothing


def _limits(report: Mapping[str, Any]) -> str:
    limits = [
        *report["notes"],
        "The figures hold for rows like those of the test; a change of prices, rules or buyers "
        "after it is not in them.",
        "A score foretells, it does not explain: acting on a cause that it seems to name needs a "
        "hold-out to measure the effect.",
    ]
    return "\n".join(f"- {one}" for one in limits)


def _table(header: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    names = list(header)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _words(name: object) -> str:
    return str(name).replace("_", " ") if ":" not in str(name) else str(name)


def _number(value: object) -> str:
    """Four decimals; a dash where there is no number (a slice without events)."""
    number = float("nan") if value is None else float(str(value))
    return "–" if number != number else f"{number:.4f}"  # noqa: PLR0124 (NaN)


def _day(moment: object) -> str:
    return str(moment)[:10]
