"""The words and columns of how fast decisions are."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from app_streamlit.queries.ledger import Speed
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.decision_words import rule_label
from app_streamlit.words.rule_words import role_label
from orchestration.decisions.approvals.paths import (
    Node,
    NodeFigures,
    path_lengths,
    path_waits,
)


def headline(context: PageContext, speed: Speed) -> str:
    """How many decisions became actions, and which rule takes longest."""
    t = context.t
    decided = sum(one.decided for one in speed.latencies)
    text = t(
        "speed.headline",
        n=decided,
        count=formats.count(decided),
        acted=formats.count(sum(one.acted for one in speed.latencies)),
        refused=formats.count(sum(one.refused for one in speed.latencies)),
        waiting=formats.count(sum(one.waiting for one in speed.latencies)),
    )
    slowest = speed.latencies[0]
    if slowest.p50_seconds is None:
        return text
    return text + t(
        "speed.slowest",
        owner=role_label(context, slowest.owner or ""),
        half=formats.duration(slowest.p50_seconds, t),
        most=formats.duration(slowest.p90_seconds, t),
    )


def latency_frame(
    speed: Speed, names: Mapping[str, Mapping[str, str]], context: PageContext
) -> pd.DataFrame:
    """One row a rule and owner, the slowest first."""
    rows = [
        vars(one)
        | {
            "rule": rule_label(context, names, one.rule_id),
            "owner": role_label(context, one.owner or ""),
        }
        for one in speed.latencies
    ]
    return pd.DataFrame(rows)


def latency_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of rules by their speed."""
    return (
        Column("rule"),
        Column("owner", label="answers_for_it"),
        Column("p50_seconds", label="half_within", words=_duration(context)),
        Column("p90_seconds", label="nine_in_ten_within", words=_duration(context)),
        Column("acted", "count", label="acted_on_decisions"),
        Column("refused", "count", label="rejected_decisions"),
        Column("given_up", "count", label="given_up"),
        Column("waiting", "count", label="still_waiting"),
    )


def path_sentence(context: PageContext, speed: Speed) -> str:
    """How many people a decision passes, and how long that takes."""
    t = context.t
    lengths, waits = path_lengths(speed.paths), path_waits(speed.paths)
    if not waits.count:
        return t("speed.all_open", n=len(speed.paths), count=formats.count(len(speed.paths)))
    ways = t("punctuation.list").join(
        t("speed.length", n=length, count=formats.count(number), length=formats.count(length))
        for length, number in lengths.items()
    )
    return t(
        "speed.ways",
        n=waits.count,
        count=formats.count(waits.count),
        half=formats.duration(waits.p50, t),
        most=formats.duration(waits.p90, t),
        ways=ways,
    )


def node_label(context: PageContext, node: Node) -> str:
    """Who is asked, and how decisions come to them."""
    return context.t(f"speed.arrival.{node.arrival}", role=role_label(context, node.role))


def node_frame(context: PageContext, nodes: Sequence[NodeFigures]) -> pd.DataFrame:
    """One row a node, the one in which most time was spent first."""
    return pd.DataFrame(
        [
            {
                "node": node_label(context, one.node),
                "p50_seconds": one.waits.p50,
                "p90_seconds": one.waits.p90,
                "open": one.open,
                "approved": one.approved,
                "changed": one.changed,
                "rejected": one.rejected,
                "unanswered": one.passed_on + one.expired,
                "delegated": one.delegated,
            }
            for one in nodes
        ]
    )


def node_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of nodes."""
    return (
        Column("node", label="who_is_asked"),
        Column("p50_seconds", label="half_within", words=_duration(context)),
        Column("p90_seconds", label="nine_in_ten_within", words=_duration(context)),
        Column("open", "count", label="still_waiting"),
        Column("approved", "count", label="approved_decisions"),
        Column("changed", "count", label="changed_decisions"),
        Column("rejected", "count", label="rejected_decisions"),
        Column("unanswered", "count", label="unanswered_decisions"),
        Column("delegated", "count", label="delegated_answers"),
    )


def without_sentence(context: PageContext, one: NodeFigures) -> str:
    """What would have been different if this node had not been asked."""
    t, without = context.t, one.without
    node = node_label(context, one.node)
    if without.unanswered:
        count = formats.count(without.unanswered)
        return t("speed.nobody_knows", n=without.unanswered, count=count, node=node)
    if not without.earlier.count and not without.rejected:
        return t("speed.nothing_ended", node=node)
    text = t(
        "speed.earlier",
        n=without.earlier.count,
        node=node,
        count=formats.count(without.earlier.count),
        half=formats.duration(without.earlier.p50, t),
        most=formats.duration(without.earlier.p90, t),
    )
    if not without.rejected and not without.changed:
        return text + t("speed.no_price")
    worth = t("punctuation.list").join(
        formats.money(amount, currency) for currency, amount in without.rejected_amounts.items()
    )
    return text + t(
        "speed.price",
        rejected=formats.count(without.rejected),
        worth=worth or formats.EMPTY,
        changed=formats.count(without.changed),
    )


def _duration(context: PageContext) -> Callable[[float], str]:
    return lambda seconds: formats.duration(seconds, context.t)
