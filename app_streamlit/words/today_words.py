"""What waits for somebody, and the indices of the flow, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app_streamlit.queries.comparisons import load_comparisons
from app_streamlit.queries.diagnosis import read_steps
from app_streamlit.queries.funnel import load_funnels, load_steps
from app_streamlit.queries.ledger import load_state_counts
from app_streamlit.queries.today import (
    INDICES,
    load_breaches,
    load_index_parts,
    load_indices,
    load_targets,
)
from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile
from app_streamlit.ui.context import PageContext
from app_streamlit.words import funnel_words, metric_words, stories
from orchestration.metrics.scopes import Scope

_STATES = ("awaiting_approval", "held", "failed", "dead")
_PAGES = {
    "late_stages": "stages",
    "stuck_parcels": "stages",
    "over_limit": "cash",
    "price_violations": "channels",
}


@dataclass(frozen=True)
class Need:
    """One thing that waits for somebody, and the page where it is done."""

    text: str
    page: str
    icon: str


def needs(context: PageContext) -> list[Need]:
    """Decisions that wait, steps below target, and what is overdue or over a limit."""
    t = context.t
    counts = load_state_counts(context.edition.home)
    found = [
        Need(
            t(f"overview.needs.{state}", n=counts[state], count=formats.count(counts[state])),
            "decisions",
            ":material/approval:" if state == "awaiting_approval" else ":material/pan_tool:",
        )
        for state in _STATES
        if counts.get(state)
    ]
    differing = sum(one.differences for one in load_comparisons(context.edition.home) or ())
    if differing:
        text = t("overview.needs.sources_differ", n=differing, count=formats.count(differing))
        found.append(Need(text, "health", ":material/compare_arrows:"))
    for business in context.businesses:
        found += _red_steps(context, business)
        numbers = load_breaches(context.edition, business, context.choices.channel)
        found += [
            Need(
                t(f"overview.needs.{kind}", n=number, count=formats.count(number))
                + _of(context, business),
                _PAGES[kind],
                ":material/warning:",
            )
            for kind, number in numbers.items()
            if number
        ]
    return found


def _red_steps(context: PageContext, business: str) -> list[Need]:
    t = context.t
    scope = context.scope(business)
    return [
        Need(
            t(
                "overview.needs.red_step",
                step=funnel_words.step_label(step, t),
                rate=formats.rate(step.rate),
                green=formats.rate(step.green_from),
            )
            + _of(context, business),
            "funnel",
            ":material/error:",
        )
        for funnel in load_funnels(context.edition).get(business, [])
        for step in read_steps(load_steps(context.edition, scope, funnel))
        if step.grade == "red"
    ]


def _of(context: PageContext, business: str) -> str:
    """Which business, where there are several."""
    return f" · {context.business_label(business)}" if len(context.businesses) > 1 else ""


def index_tiles(context: PageContext, scope: Scope) -> list[Tile]:
    """Speed, accuracy and stability, each with its target and what it was counted from."""
    t = context.t
    now = load_indices(context.edition, scope)
    earlier = load_indices(context.edition, scope.before())
    parts = load_index_parts(context.edition, scope)
    targets = load_targets(context.edition, scope.business, scope.end)
    return [
        Tile(
            metric_words.label(name, t),
            formats.rate(now.get(name)),
            metric_words.meaning(name, t) + _parts(context, parts.get(name)),
            delta=stories.points(t, now.get(name), earlier.get(name)),
            target=stories.target_text(t, targets.get(name), now.get(name), earlier.get(name)),
        )
        for name in INDICES
    ]


def _parts(context: PageContext, parts: Mapping[str, Any] | None) -> str:
    if parts is None:
        return ""
    return "\n\n" + context.t(
        "overview.index_parts",
        passed=formats.count(parts["flow_passed_count"]),
        judged=formats.count(parts["flow_judged_count"]),
    )
